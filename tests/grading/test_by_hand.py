"""What Formgrader offers whoever marks by hand: the rubric's lines and earlier comments, all of it escaped."""

import shutil
from datetime import datetime, timedelta

import nbformat
import pytest
from bs4 import BeautifulSoup
from helpers import complains
from nbconvert.exporters import HTMLExporter
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.server_extensions.formgrader import handlers
from nbgrader.utils import is_grade, is_solution, is_task
from traitlets.config import Config, PyFileConfigLoader

from course_utils.errors import GradingFailed
from course_utils.grading import ASSIGNMENTS
from course_utils.grading.batch import pipeline
from course_utils.grading.reports.by_hand import FOLDER, Line, earlier_comments, read_rubric

NASTY = "</textarea><script>alert(1)</script> \"quoted\" & 'more'"


def cell(make, grade_id, source, **role):
    role = {"grade": False, "solution": False, "task": False, "locked": False, "schema_version": 3} | role
    return make(source, metadata={"nbgrader": {"grade_id": grade_id} | role})


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A course with an essay, a task and a tested answer, which three students handed in."""
    course = tmp_path_factory.mktemp("template") / "class"
    made = new_notebook(
        cells=[
            cell(new_markdown_cell, "essay", "YOUR ANSWER HERE", solution=True, grade=True, points=4),
            cell(new_markdown_cell, "task", "Draw a plan.", task=True, points=2),
            cell(new_code_cell, "code", "answer = 1", solution=True),
            cell(new_code_cell, "test", "assert answer", grade=True, locked=True, points=1),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "3", "language": "python"}},
    )
    (course / "source" / "tiny").mkdir(parents=True)
    nbformat.write(made, course / "source" / "tiny" / "tiny.ipynb")
    shutil.copy(ASSIGNMENTS / "nbgrader_config.py", course)
    with pipeline.open_course(course, own_exchange=False) as api:
        pipeline.generate(api, "tiny")
        with api.gradebook as gradebook:
            for student in ("ada", "bob", "carl"):
                gradebook.update_or_create_student(student)
                gradebook.add_submission("tiny", student)
    return course


@pytest.fixture
def course(template, tmp_path):
    shutil.copytree(template, tmp_path / "class")
    return tmp_path / "class"


def comment(course, student, grade_id, text, points=None):
    with pipeline.open_course(course, own_exchange=False) as api, api.gradebook as gradebook:
        gradebook.find_comment(grade_id, "tiny", "tiny", student).manual_comment = text
        if points is not None:
            gradebook.find_grade(grade_id, "tiny", "tiny", student).manual_score = points
        gradebook.db.commit()


def offered(course, but=""):
    with pipeline.open_course(course, own_exchange=False) as api, api.gradebook as gradebook:
        if but:
            but = gradebook.find_submission_notebook("tiny", "tiny", but).id
        return earlier_comments(gradebook, "tiny", "tiny", but)


def rubric(course, text, assignment="tiny"):
    (course / FOLDER).mkdir(exist_ok=True)
    (course / FOLDER / f"{assignment}.toml").write_text(text)


def page(course, student="ada"):
    """Formgrader's page of a student, made as its server extension makes it."""
    config = Config(
        HTMLExporter={"template_name": "formgrade", "extra_template_basedirs": [handlers.template_path]},
        CourseDirectory={"root": str(course)},
    )
    config.merge(PyFileConfigLoader("nbgrader_config.py", path=str(course)).load_config())
    with pipeline.open_course(course, own_exchange=False) as api, api.gradebook as gradebook:
        number = gradebook.find_submission_notebook("tiny", "tiny", student).id
    about = {"assignment_id": "tiny", "notebook_id": "tiny", "submission_id": number, "index": 0, "total": 3}
    notebook = nbformat.read(course / "source" / "tiny" / "tiny.ipynb", as_version=4)
    html, _ = HTMLExporter(config=config).from_notebook_node(notebook, about | {"base_url": "", "student": student})
    return BeautifulSoup(html, "html.parser")


def test_comments_on_the_same_answer_are_offered_the_commonest_first_with_the_points_given_then(course):
    comment(course, "ada", "essay", "Too short.", 1)
    comment(course, "bob", "essay", " Too short.\n", 1)
    comment(course, "carl", "essay", "All there.", 4)
    comment(course, "carl", "task", "No plan.", 0)
    comment(course, "bob", "code", "A longer name, please.")
    comment(course, "ada", "task", "  ")
    assert offered(course) == {
        "essay": [Line(1, "Too short.", 2), Line(4, "All there.", 1)],
        "task": [Line(0, "No plan.", 1)],
        "code": [Line(None, "A longer name, please.", 1)],
    }
    assert offered(course, "carl") == {
        "essay": [Line(1, "Too short.", 2)],
        "code": [Line(None, "A longer name, please.", 1)],
    }


def test_the_page_says_who_was_late_and_what_it_costs(course):
    assert not page(course).select(".alert")
    with pipeline.open_course(course, own_exchange=False) as api, api.gradebook as gradebook:
        gradebook.update_or_create_assignment("tiny", duedate=datetime(2030, 5, 1))
        gradebook.update_or_create_submission("tiny", "ada", timestamp=datetime(2030, 5, 2, 3))
        gradebook.find_grade("essay", "tiny", "tiny", "ada").manual_score = 3
        gradebook.find_submission_notebook("tiny", "tiny", "ada").late_submission_penalty = 1.5
        gradebook.find_submission("tiny", "bob").extension = timedelta(days=1)
        gradebook.db.commit()
    told = {
        student: [part.text for part in page(course, student).select(".alert")] for student in ("ada", "bob", "carl")
    }
    end = " The points on this page, and in Formgrader's tables, are without that."
    assert told == {
        "ada": [f"1 day 3 hours late, 1.5 points less.{end}"],
        "bob": [f"Extension of 1 day.{end}"],
        "carl": [],
    }


def test_the_same_comment_with_other_points_is_another_and_no_more_are_offered_than_can_be_read(course):
    comment(course, "ada", "essay", "Too short.", 1)
    comment(course, "bob", "essay", "Too short.", 2)
    assert offered(course)["essay"] == [Line(2, "Too short.", 1), Line(1, "Too short.", 1)]
    with pipeline.open_course(course, own_exchange=False) as api, api.gradebook as gradebook:
        for k in range(30):
            gradebook.update_or_create_student(f"s{k}")
            gradebook.add_submission("tiny", f"s{k}")
            gradebook.find_comment("essay", "tiny", "tiny", f"s{k}").manual_comment = f"Comment {k}"
        gradebook.db.commit()
    assert len(offered(course)["essay"]) == 20


def test_the_page_has_an_offer_for_each_answer_and_nothing_of_the_own_comment(course):
    comment(course, "bob", "essay", "Too short.", 1.5)
    comment(course, "ada", "essay", "Mine.", 1)
    comment(course, "bob", "code", "A longer name, please.")
    rubric(course, 'essay = ["1: Says why.", "-0.5: No figure."]\ntask = "2: A plan."')
    offers = {part["data-cell"]: part for part in page(course).select(".offers")}
    assert list(offers) == ["essay", "task", "code"]
    boxes = [(box["data-points"], box["data-text"]) for box in offers["essay"].select("input")]
    assert boxes == [("1.0", "Says why."), ("-0.5", "No figure.")] and offers["essay"]["data-most"] == "4.0"
    assert [b.text for b in offers["essay"].select("label b")] == ["+1", "-0.5"]
    (button,) = offers["essay"].select("button")
    assert button.text == "Too short. 1.5 of 4, 1 time" and button["data-points"] == "1.5"
    (button,) = offers["code"].select("button")
    assert "data-points" not in button.attrs and "data-most" not in offers["code"].attrs
    assert [box["data-text"] for box in offers["task"].select("input")] == ["A plan."]
    page_of_ada = page(course).decode()
    assert 'id="essay-comment"' in page_of_ada and "Mine." not in page_of_ada


def test_whatever_was_written_is_text_on_the_page(course):
    scripts = len(page(course).select("script"))
    comment(course, "bob", "essay", NASTY, 1)
    rubric(course, f"essay = [''' 1: {NASTY} ''']")
    made = page(course)
    (offers,) = made.select(".offers")
    assert len(made.select("script")) == scripts and offers.select_one("input")["data-text"] == NASTY
    assert offers.select_one("button")["data-text"] == NASTY and NASTY in offers.select_one("button").text
    rubric(course, f"essay = [''' {NASTY} ''']")
    made = page(course)
    assert len(made.select("script")) == scripts and "</textarea><script>" in made.select_one(".alert").text


def test_a_rubric_for_an_answer_that_is_not_there_is_told(course):
    rubric(course, 'esay = ["1: Says why."]\ntask = ["2: A plan."]')
    made = page(course)
    assert "has lines for 'esay', which is no answer of tiny" in made.select_one(".alert").text
    assert [box["data-text"] for box in made.select(".offers input")] == ["A plan."]


DAMAGED = {
    "essay = [": "cannot be read",
    'essay = ["one: Says why."]': "not points, a colon and a sentence",
    'essay = ["1: "]': "not points",
    "essay = [1]": "not points",
    '[essay]\nlines = ["1: Says why."]': "not points",
}


@pytest.mark.parametrize("text", DAMAGED)
def test_a_rubric_that_cannot_be_read_is_told_and_the_page_is_there(course, text):
    comment(course, "bob", "essay", "Too short.", 1)
    rubric(course, text)
    with complains(GradingFailed, DAMAGED[text], "tiny.toml"):
        read_rubric(course, "tiny")
    made = page(course)
    assert DAMAGED[text] in made.select_one(".alert").text
    assert made.select_one(".offers button") and not made.select(".offers input")


def test_rubrics_are_of_one_assignment_and_may_lack(course):
    rubric(course, 'essay = ["1: Says why."]', "other")
    assert read_rubric(course, "tiny") == {}


@pytest.mark.parametrize("file", sorted((ASSIGNMENTS / FOLDER).glob("*.toml")), ids=lambda file: file.stem)
def test_the_courses_rubrics_are_for_answers_that_a_person_marks_and_give_all_their_points(file):
    source = nbformat.read(ASSIGNMENTS / "source" / file.stem / f"{file.stem}.ipynb", as_version=4)
    by_hand = {
        one.metadata.nbgrader.grade_id: one.metadata.nbgrader.points
        for one in source.cells
        if is_task(one) or (is_grade(one) and is_solution(one))
    }
    found = read_rubric(ASSIGNMENTS, file.stem)
    assert found.keys() == by_hand.keys()
    for name, lines in found.items():
        assert sum(line.points for line in lines if line.points == int(line.points)) == by_hand[name], name
