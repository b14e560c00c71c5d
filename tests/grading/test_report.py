"""What an instructor reads of a graded class, and takes to Canvas and Moodle. What workers do is a stub here."""

import csv
import re
import shutil
from contextlib import nullcontext
from html.parser import HTMLParser

import nbformat
import numpy as np
import pytest
from grading_stub import grade, hand_in, write_source
from helpers import complains

from course_utils.errors import GradingFailed
from course_utils.grading.batch import pipeline, worker
from course_utils.grading.batch.submissions import Batch
from course_utils.grading.course import instructor
from course_utils.grading.reports import class_page, item_analysis
from course_utils.grading.sandbox import available
from course_utils.grading.states import Note, State, write_notes

pytestmark = pytest.mark.skipif(available.missing() is not None, reason=f"no isolation here: {available.missing()}")
PASSES = {f"s{k}": k % 4 for k in range(8)}  # how many of the three tests, which give 2, 2 and 1 points
POINTS = {student: (0, 2, 4, 5)[passed] for student, passed in PASSES.items()}


@pytest.fixture(scope="module")
def graded(tmp_path_factory, cluster):
    """A class of eight, whose s7 needed a repair; zoe and the student of another section handed nothing in."""
    course = write_source(tmp_path_factory.mktemp("report") / "class")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(worker, "grade", grade)
        patch.setattr(pipeline, "workers", lambda jobs, scheduler: nullcontext(cluster))
        for student, passed in PASSES.items():
            hand_in(course, student, f"# passes {passed}\n# <script>alert({student!r})</script>")
        file = course / "submitted" / "s7" / "tiny" / "tiny.ipynb"
        file.write_text(file.read_text().replace("test-double", "test-lost"))
        instructor.grade_class(course, "tiny", jobs=2)
    with pipeline.open_course(course) as api, api.gradebook as gradebook:
        gradebook.add_student("zoe", first_name="Zoë", last_name="Zorn", email="z@example.org", lms_user_id="77")
        gradebook.update_or_create_student("s3", last_name="Drei, von", first_name="Ada")
    return course


@pytest.fixture(scope="module")
def results(graded):
    with pipeline.open_course(graded) as api:
        return item_analysis.class_results(Batch(api, "tiny"))


def test_points_and_states_are_the_gradebooks(results):
    assert {handed.student: handed.score for handed in results.handed_in} == POINTS
    assert results.missing == ("zoe",) and results.max_score == 5
    assert [h.student for h in results.handed_in if h.noticed] == ["s7"]


def test_difficulty_and_discrimination_are_those_of_the_table(results):
    table = np.array([[2 * (p > 0), 2 * (p > 1), p > 2] for p in PASSES.values()], float)
    assert [item.name for item in results.items] == ["test-double", "test-parts", "test-value"]
    for column, item in enumerate(results.items):
        rest = table.sum(1) - table[:, column]
        assert item.difficulty == pytest.approx((table[:, column] > 0).mean())
        assert item.discrimination == pytest.approx(np.corrcoef(table[:, column], rest)[0, 1])
    assert item_analysis._correlation(np.ones(8), np.arange(8.0)) is None  # no spread, no correlation
    assert item_analysis._correlation(np.arange(4.0), np.arange(4.0)) is None  # too few


def test_mistakes_are_counted_with_an_answer_as_example(results):
    (mistake,) = results.items[0].mistakes
    assert mistake.message == "wrong" and mistake.students == ("s0", "s4") and "# by s0" in mistake.example
    assert len(results.items[2].mistakes[0].students) == 6


def test_messages_that_differ_in_numbers_are_one_and_lines_of_points_are_told_apart():
    from nbformat.v4 import new_code_cell, new_notebook, new_output

    def failed(*outputs):
        answer = new_code_cell("answer = 1", metadata={"nbgrader": {"grade_id": "a", "solution": True}})
        test = new_code_cell("", metadata={"nbgrader": {"grade_id": "t", "grade": True}}, outputs=list(outputs))
        return new_notebook(cells=[answer, test])

    def error(text):
        return new_output("error", ename="NotYet", evalue=text, traceback=[])

    parts = new_output("stream", name="stdout", text="✓ The form.\n✗ The sum.\n    Hint: add.\n✗ The end.\n")
    found = item_analysis._mistakes(
        {
            "ann": failed(error("You gave 3.5, not 4.")),
            "bob": failed(error("You gave -2e-3, not 4.")),
            "cal": failed(parts),
            "dan": failed(),
        },
        "t",
    )
    assert [(m.message, m.students) for m in found] == [
        ("You gave 3.5, not 4.", ("ann", "bob")),
        ("The sum.", ("cal",)),
        ("The end.", ("cal",)),
        ("Only a part of it was right.", ("dan",)),
    ]


class Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))


def test_the_page_tells_it_and_runs_nothing(graded):
    page = instructor.write_report(graded, "tiny").read_text("utf-8")
    tags = Tags(page).found
    assert "script" not in [tag for tag, _ in tags] and "&lt;script&gt;" in page
    pictures = [attributes for tag, attributes in tags if tag == "img"]
    assert pictures and all(p["alt"] and p["src"].startswith("data:image/png") for p in pictures)
    assert not re.search(r'(src|href)="(?!data:)', page)
    words = " ".join(re.sub(r"<[^>]+>", " ", page).split())
    assert "6 of 8: wrong" in words and "zoe missing" in words and "s7 graded with repairs" in words


def rows(file):
    with file.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def test_moodle(graded, tmp_path):
    told = instructor.export_grades(graded, "moodle", (), tmp_path / "m.csv", None)
    read = {row["username"]: row for row in rows(tmp_path / "m.csv")}
    assert {s: row["tiny"] for s, row in read.items()} == {s: str(p) for s, p in POINTS.items()} | {"zoe": ""}
    assert read["zoe"]["Email address"] == "z@example.org" and read["s3"]["Last name"] == "Drei, von"
    assert len(told) == 1 and "Moodle" in told[0]


def test_canvas_without_its_own_file(graded, tmp_path):
    instructor.export_grades(graded, "canvas", ("tiny",), tmp_path / "c.csv", None)
    possible, *students = rows(tmp_path / "c.csv")
    assert possible["Student"].strip() == "Points Possible" and possible["tiny"] == "5"
    assert {row["SIS Login ID"]: row["tiny"] for row in students} == {s: str(p) for s, p in POINTS.items()} | {
        "zoe": ""
    }
    assert next(row for row in students if row["SIS Login ID"] == "zoe")["ID"] == "77"


CANVAS = """\ufeffStudent,ID,SIS User ID,SIS Login ID,Section,Old (1),tiny (4711),Current Score
    Points Possible,,,,,10,100,(read only)
"Drei, Ada",11,,s3,A,9,,90
"Eins, Bo",12,s1,someone,B,8,1,80
"Zorn, Zoë",77,,zorn,B,7,3.5,70
"Nobody, Else",99,,else,B,6,,60
"""


def test_canvas_fills_its_own_file(graded, tmp_path):
    (tmp_path / "gradebook.csv").write_text(CANVAS, "utf-8")
    told = instructor.export_grades(graded, "canvas", (), tmp_path / "c.csv", str(tmp_path / "gradebook.csv"))
    assert "gives 100 points at most, and here 5." in told[1]
    assert told[2].endswith("without a grade in Canvas: s0, s2, s4, s5, s6, s7.") and len(told) == 3
    read = rows(tmp_path / "c.csv")
    assert list(read[0]) == ["Student", "ID", "SIS User ID", "SIS Login ID", "Section", "tiny (4711)"]
    assert [row["tiny (4711)"] for row in read] == ["100", "5", "2", "3.5", ""]  # by login, SIS number; kept; not ours
    assert [row["ID"] for row in read] == ["", "11", "12", "77", "99"] and read[1]["Student"] == "Drei, Ada"


@pytest.mark.parametrize("five", ["5.0", '"5,00"'])
def test_canvas_writes_the_same_points_in_its_own_way(graded, tmp_path, five):
    (tmp_path / "gradebook.csv").write_text(CANVAS.replace(",10,100,", f",10,{five},"), "utf-8")
    told = instructor.export_grades(graded, "canvas", (), tmp_path / "c.csv", str(tmp_path / "gradebook.csv"))
    assert "points at most" not in " ".join(told)


def test_canvas_numbers_are_no_logins_and_semicolons_are_read(graded, tmp_path):
    """A student whose login or name at nbgrader is another one's number in Canvas."""
    other = "Student;ID;SIS User ID;SIS Login ID;Section\nKim;s3;;kim;A\nLee;5;77;lee;A\nPat;6;;s1;A\n"
    (tmp_path / "gradebook.csv").write_text(other, "utf-8")
    instructor.export_grades(graded, "canvas", (), tmp_path / "c.csv", str(tmp_path / "gradebook.csv"))
    assert {row["Student"]: row["tiny"] for row in rows(tmp_path / "c.csv")} == {"Kim": "", "Lee": "", "Pat": "2"}


def test_what_is_not_graded_yet_is_said_by_report_and_export(graded, tmp_path):
    hand_in(graded, "zoe", "# passes 3")
    try:
        told = instructor.export_grades(graded, "moodle", (), tmp_path / "m.csv", None)
        assert "Not graded yet in tiny, and so without points: zoe" in told[-1]
        page = instructor.write_report(graded, "tiny", tmp_path / "p.html").read_text("utf-8")
        assert "not graded yet" in page and "course grade tiny" in page
    finally:
        shutil.rmtree(graded / "submitted" / "zoe")


def test_submissions_that_need_a_look_are_named_when_grades_are_exported(graded, tmp_path):
    file = graded / "autograded" / "s2" / "tiny" / "tiny.ipynb"
    before = file.read_text("utf-8")
    notebook = nbformat.reads(before, as_version=4)
    write_notes(notebook, [Note(State.CRASHED, "It crashed.")])
    nbformat.write(notebook, file)
    try:
        told = instructor.export_grades(graded, "moodle", (), tmp_path / "m.csv", None)
        assert "Look at these of tiny first: s2 (crashed) (`course report tiny`)." == told[-1]
    finally:
        file.write_text(before, "utf-8")


def test_a_class_without_answers_is_not_praised(tmp_path):
    class_page.write_page(item_analysis.ClassResults("ps1", 5.0, (), (), ("ann",), (), "\ud800"), tmp_path / "p.html")
    page = (tmp_path / "p.html").read_text("utf-8")
    assert "Nobody:" not in page and "to everybody" not in page and "no answers to tests yet" in page


def test_rounding_is_no_spread():
    same = np.array([0.1, 0.3, 0.1, 0.3, 0.1])
    assert item_analysis._correlation(same, (same + 0.6) - same) is None


def test_what_cannot_be_exported_is_said(graded, tmp_path):
    file, other = tmp_path / "c.csv", tmp_path / "gradebook.csv"
    with complains(GradingFailed, "no 'ps9'", "tiny"):
        instructor.export_grades(graded, "canvas", ("ps9",), file, None)
    other.write_text("name,grade\nann,1\n")
    for roster in (other, tmp_path / "none.csv"):
        with complains(GradingFailed, str(roster), "Grades, Export"):
            instructor.export_grades(graded, "canvas", (), file, str(roster))
    other.write_text(CANVAS.replace("s1", "x1").replace("s3", "x3").replace(",77,", ",78,"), "utf-8")
    with complains(GradingFailed, "None of the gradebook's students", "lms_user_id"):
        instructor.export_grades(graded, "canvas", (), file, str(other))
    assert not file.exists()
    with complains(GradingFailed, "could not be written", "--to"):
        instructor.export_grades(graded, "moodle", (), tmp_path / "nowhere" / "c.csv", None)
    with complains(GradingFailed, "could not be written", "--to"):
        instructor.write_report(graded, "tiny", other / "p.html")  # a file is no folder
    empty = tmp_path / "empty"
    empty.mkdir()
    (empty / "nbgrader_config.py").write_text((graded / "nbgrader_config.py").read_text())
    with complains(GradingFailed, "nothing to export"):
        instructor.export_grades(empty, "moodle", (), file, None)
