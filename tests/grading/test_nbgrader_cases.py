"""What nbgrader itself promises of autograding, asked of this way: late, extra credit, by hand, comments, regrading."""

import csv
from datetime import datetime, timedelta

import nbformat
import pytest
from grading_helpers import RIGHT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.grading import ASSIGNMENTS, isolation, pipeline, report
from course_utils.grading.states import State

UNSAFE = isolation.missing() is not None  # these submissions are our own
DUE = datetime(2030, 5, 1, 12)
WRONG = "def double(x):\n    return 0"


def cell(kind, grade_id, source, **role):
    role = {"grade": False, "solution": False, "task": False, "locked": False, "schema_version": 3} | role
    make = new_markdown_cell if kind == "text" else new_code_cell
    return make(source, metadata={"nbgrader": {"grade_id": grade_id} | role}, id=grade_id)


def marked(solution):
    return f"### BEGIN SOLUTION\n{solution}\n### END SOLUTION"


def first():
    """Code, a bonus test worth no point, code and text that a person grades, and a file that comes with it."""
    return new_notebook(
        cells=[
            cell("code", "given", "factor = float(open('factor.txt').read())", locked=True),
            cell("code", "double", marked(RIGHT["double"]), solution=True),
            cell("code", "test", "assert double(3) == 3 * factor, 'Twice three.'", grade=True, locked=True, points=2),
            cell("code", "bonus", "assert double('a') == 'aa'", grade=True, locked=True, points=0),
            cell("code", "figure", marked("print('a figure')"), solution=True, grade=True, points=3),
            cell("text", "why", marked("Because."), solution=True, grade=True, points=4),
        ]
    )


def second():
    return new_notebook(
        cells=[
            cell("code", "triple", marked("def triple(x):\n    return 3 * x"), solution=True),
            cell("code", "test", "assert triple(2) == 6", grade=True, locked=True, points=5),
        ]
    )


def answer(release, **answers):
    for c in release.cells:
        name = c.metadata.get("nbgrader", {}).get("grade_id")
        if name in answers:
            c.source = answers[name]
    return release


class Class:
    """A course folder of two notebooks, and the steps of its instructor."""

    def __init__(self, folder, api):
        self.folder, self.api = folder, api

    def hand_in(self, student, late=timedelta(0), triple="def triple(x):\n    return 3 * x", **answers):
        there = self.folder / "submitted" / student / "pair"
        there.mkdir(parents=True, exist_ok=True)
        for name, given in (("one", {"double": RIGHT["double"]} | answers), ("two", {"triple": triple})):
            release = nbformat.read(self.folder / "release" / "pair" / f"{name}.ipynb", as_version=4)
            nbformat.write(answer(release, **given), there / f"{name}.ipynb")
        (there / "timestamp.txt").write_text(f"{DUE + late} UTC")
        return there

    def grade(self, *students):
        return pipeline.autograde(self.api, "pair", False, students)

    def submission(self, student):
        with self.api.gradebook as gradebook:
            found = gradebook.find_submission("pair", student)
            grades = {
                (notebook.name, grade.name): (grade.auto_score, grade.manual_score, grade.needs_manual_grade)
                for notebook in found.notebooks
                for grade in notebook.grades
            }
            return found.score, found.late_submission_penalty, grades

    def exported(self):
        pipeline.export(self.api, self.folder / "grades.csv")
        with (self.folder / "grades.csv").open(newline="") as file:
            return [row | {"score": float(row["score"])} for row in csv.DictReader(file)]

    def by_hand(self, student, name, notebook="one", **values):
        with self.api.gradebook as gradebook:
            grade = gradebook.find_grade(name, notebook, "pair", student)
            for key, value in values.items():
                setattr(grade, key, value)
            gradebook.db.commit()


@pytest.fixture
def course(tmp_path):
    source = tmp_path / "source" / "pair"
    source.mkdir(parents=True)
    for name, made in (("one", first()), ("two", second())):
        made.metadata.kernelspec = {"name": "python3", "display_name": "3", "language": "python"}
        nbformat.write(made, source / f"{name}.ipynb")
    (source / "factor.txt").write_text("2")
    settings = (ASSIGNMENTS / "nbgrader_config.py").read_text("utf-8")
    (tmp_path / "nbgrader_config.py").write_text(settings + "\nc.LateSubmissionPlugin.penalty_method = 'zero'\n")
    with pipeline.open_course(tmp_path, UNSAFE) as api:
        pipeline.generate(api, "pair")
        with api.gradebook as gradebook:
            gradebook.update_or_create_assignment("pair", duedate=DUE)
        yield Class(tmp_path, api)


def test_points_of_tests_and_of_answers_that_wait_for_a_person(course):
    course.hand_in("ann", figure="print(1)", why="So it is.")
    course.hand_in("bob", double=WRONG, triple="broken")
    course.hand_in("cal", timedelta(hours=1), figure="print(1)")
    batch = course.grade()
    assert batch.failed == {}
    score, penalty, grades = course.submission("ann")
    assert score == 7 and not penalty
    assert grades["one", "figure"] == grades["one", "why"] == (None, None, True)
    score, _, grades = course.submission("bob")
    assert score == 0
    assert grades["one", "why"] == (0, None, False)  # nothing was written, so nobody has to read it
    assert course.submission("cal")[:2] == (7, 7)  # late: the method of this course takes everything
    wanted = {"ann": 7, "bob": 0, "cal": 0}
    assert {row["student"]: row["score"] for row in report.rows_of(batch)} == wanted
    assert {row["student_id"]: row["score"] for row in course.exported()} == wanted


def test_what_a_person_gave_survives_regrading(course):
    course.hand_in("ann", figure="print(1)", why="So it is.")
    course.grade()
    course.by_hand("ann", "why", manual_score=3, needs_manual_grade=False)
    course.by_hand("ann", "test", extra_credit=1.5)
    with course.api.gradebook as gradebook:
        gradebook.find_comment("why", "one", "pair", "ann").manual_comment = "Say more."
        gradebook.db.commit()
    assert course.submission("ann")[0] == 7 + 3 + 1.5
    course.hand_in("ann", double=WRONG, figure="print(1)", why="So it is, always.")
    course.grade("ann")
    score, _, grades = course.submission("ann")
    assert score == 5 + 3 + 1.5 and grades["one", "why"] == (None, 3, True)  # to be looked at again
    with course.api.gradebook as gradebook:
        assert gradebook.find_comment("why", "one", "pair", "ann").comment == "Say more."
    page = dict(pipeline.feedback(course.api, "pair", False))["ann"]
    assert "Say more." in (page.with_name("one.html")).read_text("utf-8")
    assert [row["score"] for row in course.exported()] == [9.5]


def test_files_are_the_assignments_own_and_others_notebooks_are_left_alone(course):
    there = course.hand_in("ann")
    (there / "factor.txt").write_text("0")  # no help: the assignment's own is used
    (there / "mine.csv").write_text("1,2")
    (there / "other.ipynb").write_text((there / "one.ipynb").read_text())
    course.hand_in("bob", double="def double(x):\n    return 0 * x")
    (course.folder / "submitted" / "bob" / "pair" / "factor.txt").write_text("0")
    assert course.grade().states == {State.GRADED: 2}
    assert course.submission("ann")[2]["one", "test"][0] == 2 and course.submission("bob")[2]["one", "test"][0] == 0
    graded = course.folder / "autograded" / "ann" / "pair"
    assert (graded / "factor.txt").read_text() == "2" and (graded / "mine.csv").read_text() == "1,2"


def test_a_notebook_that_is_missing_costs_its_own_points_only(course):
    (course.hand_in("ann") / "two.ipynb").unlink()
    assert course.grade().states == {State.UNREADABLE: 1}
    score, _, grades = course.submission("ann")
    assert grades["one", "test"][0] == 2 and grades["two", "test"][0] == 0 and score == 2
