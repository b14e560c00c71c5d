"""What nbgrader itself promises of autograding, asked of this way: late, extra credit, by hand, comments, regrading."""

import csv
from contextlib import nullcontext
from datetime import datetime, timedelta

import nbformat
import pytest
from grading_helpers import RIGHT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.grading import ASSIGNMENTS
from course_utils.grading.batch import pipeline
from course_utils.grading.course import instructor
from course_utils.grading.sandbox import available
from course_utils.grading.states import State

UNSAFE = available.missing() is not None  # these submissions are our own
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
        pipeline.export_csv(self.api, self.folder / "grades.csv")
        with (self.folder / "grades.csv").open(newline="") as file:
            return [row | {"score": float(row["score"])} for row in csv.DictReader(file)]

    def by_hand(self, student, name, notebook="one", **values):
        with self.api.gradebook as gradebook:
            grade = gradebook.find_grade(name, notebook, "pair", student)
            for key, value in values.items():
                setattr(grade, key, value)
            gradebook.db.commit()


@pytest.fixture
def course(tmp_path, monkeypatch, cluster):
    monkeypatch.setattr(pipeline, "workers", lambda jobs, scheduler: nullcontext(cluster))
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
    assert {row["student"]: row["score"] for row in instructor.rows_of(batch)} == wanted
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


@pytest.mark.long
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


@pytest.mark.long
def test_a_file_of_which_the_students_own_counts(course):
    course.api.config.Autograde.exclude_overwriting = {"pair": ["factor.txt"]}
    (course.hand_in("ann") / "factor.txt").write_text("0")
    (course.hand_in("bob") / "factor.txt").write_text("2")
    course.grade()
    graded = course.folder / "autograded" / "ann" / "pair"
    assert (graded / "factor.txt").read_text() == "0"
    grades = {student: course.submission(student)[2] for student in ("ann", "bob")}
    assert all(grades[student]["one", "test"][0] == 2 for student in grades)  # tests have the assignment's own


@pytest.mark.long
def test_a_kernel_that_is_not_here_and_times_that_are_none(course):
    for student, kernelspec in (("ann", {"name": "blarg", "display_name": "Blarg"}), ("bob", None)):
        file = course.hand_in(student) / "one.ipynb"
        made = nbformat.read(file, as_version=4)
        made.metadata.pop("kernelspec", None)
        made.metadata |= {"kernelspec": kernelspec} if kernelspec else {}
        nbformat.write(made, file)
    (course.folder / "submitted" / "ann" / "pair" / "timestamp.txt").write_text("")
    (course.folder / "submitted" / "bob" / "pair" / "timestamp.txt").write_text("But I want to be a time")
    batch = course.grade()
    assert batch.failed == {} and batch.states == {State.GRADED: 1, State.REPAIRED: 1}
    assert [course.submission(student)[:2] for student in ("ann", "bob")] == [(7, 0), (7, 0)]


def test_graded_notebooks_can_be_read_only_and_submissions_stay_as_they_are(course):
    file = course.hand_in("ann", figure="open('side-effect.txt', 'w').write('1')") / "one.ipynb"
    before = file.read_bytes()
    course.grade()
    graded = course.folder / "autograded" / "ann" / "pair" / "one.ipynb"
    assert graded.stat().st_mode & 0o777 == 0o444 and file.read_bytes() == before
    assert not list(course.folder.rglob("side-effect.txt"))  # what a student's code writes goes with its kernel


AUTOTESTS = """
python3:
    setup: "from hashlib import sha1"
    hash: 'sha1({{snippet}}.encode("utf-8")+b"{{salt}}").hexdigest()'
    dispatch: "type({{snippet}})"
    normalize: "str({{snippet}})"
    check: 'assert {{snippet}} == "{{value}}", "{{message}}"'
    success: "print('Success!')"
    templates:
        default:
            - test: "{{snippet}}"
              fail: "the value of {{snippet}} is not right"
"""


def test_tests_that_nbgrader_writes(tmp_path):
    """Autotests: nbgrader finds out what the solution gives, and writes the test."""
    source = tmp_path / "source" / "auto"
    source.mkdir(parents=True)
    made = new_notebook(
        cells=[
            cell("code", "number", marked("number = 5\nword = 'hello'"), solution=True),
            cell("code", "plain", "### AUTOTEST number", grade=True, locked=True, points=1),
            cell(
                "code",
                "hidden",
                "### BEGIN HIDDEN TESTS\n### AUTOTEST word\n### END HIDDEN TESTS\n### HASHED AUTOTEST number + 1",
                grade=True,
                locked=True,
                points=2,
            ),
        ]
    )
    made.metadata.kernelspec = {"name": "python3", "display_name": "3", "language": "python"}
    nbformat.write(made, source / "auto.ipynb")
    (tmp_path / "autotests.yml").write_text(AUTOTESTS)
    (tmp_path / "nbgrader_config.py").write_text((ASSIGNMENTS / "nbgrader_config.py").read_text("utf-8"))
    with pipeline.open_course(tmp_path, UNSAFE) as api:
        release = pipeline.generate(api, "auto") / "auto.ipynb"
        for student, answer_given in (("ann", "number, word = 5, 'hello'"), ("bob", "number, word = 5, 'bye'")):
            there = tmp_path / "submitted" / student / "auto"
            there.mkdir(parents=True)
            nbformat.write(answer(nbformat.read(release, as_version=4), number=answer_given), there / "auto.ipynb")
        pipeline.autograde(api, "auto", False)
        with api.gradebook as gradebook:
            assert {s.student.id: s.score for s in gradebook.assignment_submissions("auto")} == {"ann": 3, "bob": 1}
