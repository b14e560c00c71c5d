"""The demonstration class: students with known answers get the points that they should, and read why."""

import re

import nbformat
import pytest
from grading_helpers import moments
from nbgrader.api import Gradebook
from nbgrader.utils import is_grade, is_solution, is_task

from course_utils.grading import ASSIGNMENTS
from course_utils.grading.audit.known_answers import read_answers
from course_utils.grading.course import demo
from course_utils.grading.course.demo import ASSIGNMENT, run_demo
from course_utils.grading.course.unruly import UNRULY
from course_utils.grading.states import State

pytestmark = pytest.mark.long
SOURCE = ASSIGNMENTS / "source" / ASSIGNMENT / f"{ASSIGNMENT}.ipynb"
ANSWERS = read_answers(ASSIGNMENTS, ASSIGNMENT)


def notebook(path=SOURCE):
    return nbformat.read(path, as_version=4)


def graded_tests(source):
    """The points of every test cell, and the solution cell that it follows, by grade_id."""
    points, belongs, last = {}, {}, None
    for cell in source.cells:
        if is_solution(cell):
            last = cell.metadata.nbgrader.grade_id
        elif is_grade(cell):
            points[cell.metadata.nbgrader.grade_id] = cell.metadata.nbgrader.points
            belongs[cell.metadata.nbgrader.grade_id] = last
    return points, belongs


POINTS, BELONGS = graded_tests(notebook())


@pytest.fixture(scope="module")
def build(tmp_path_factory):
    """The demonstration class, graded into a folder that an earlier run has left full."""
    folder = tmp_path_factory.mktemp("build")
    for old in ("class/submitted/ghost/ps1/ps1.ipynb", "feedback/ghost/ps1.html"):
        (folder / old).parent.mkdir(parents=True)
        (folder / old).write_text("left over")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo, "_TIMEOUT", moments(300))  # what the endless loop costs
        return folder, run_demo(folder, progress=False)


@pytest.fixture(scope="module")
def grades(build):
    """student -> grade_id -> the grade in the gradebook, as (points by tests, waits for a person)."""
    with Gradebook(f"sqlite:///{build[0] / 'class' / 'gradebook.db'}", "transfer-learning") as gradebook:
        return {
            submission.student.id: {
                grade.name: (grade.auto_score, grade.needs_manual_grade) for grade in submission.notebooks[0].grades
            }
            for submission in gradebook.assignment_submissions(ASSIGNMENT)
        }


def by_tests(grades, student):
    return {test: grades[student][test][0] for test in POINTS}


def autograded(build, student):
    return notebook(build[0] / "class" / "autograded" / student / ASSIGNMENT / f"{ASSIGNMENT}.ipynb")


def test_the_class_is_a_class(grades):
    assert set(grades) == set(ANSWERS.students) | set(UNRULY) and len(grades) >= 6
    assert len({m for s in ANSWERS.students.values() for m in s.makes}) >= 5 and len(POINTS) >= 8


def test_reference_gets_every_point(grades):
    assert by_tests(grades, "perfect") == POINTS


def test_blank_gets_none(grades):
    assert by_tests(grades, "blank") == dict.fromkeys(POINTS, 0)


@pytest.mark.parametrize("student", [name for name, who in ANSWERS.students.items() if who.makes])
def test_mistakes_cost_exactly_their_points(grades, student):
    expected = dict(POINTS)
    for mistake in ANSWERS.students[student].makes:
        for test, lost in ANSWERS.mistakes[mistake].loses.items():
            expected[test] -= lost
    assert by_tests(grades, student) == expected


def test_each_part_stands_alone(grades):
    solved = ANSWERS.students["partial"].solves
    assert by_tests(grades, "partial") == {test: POINTS[test] if BELONGS[test] in solved else 0 for test in POINTS}


@pytest.mark.parametrize("student", UNRULY)
def test_unruly_submissions_end_in_their_states_and_keep_what_they_earned(build, grades, student):
    state = UNRULY[student].ends
    assert autograded(build, student).metadata.grading.state == state and f"{student}: {state}" in build[1].summary
    lost = {test for test in POINTS if by_tests(grades, student)[test] < POINTS[test]}
    if state is State.REPAIRED:
        assert not lost
    elif state is State.UNREADABLE:
        assert lost == set(POINTS)
    else:  # the first answer is gone, and with it the points of its test
        assert len(lost) == 1


def test_free_text_waits_for_a_person_and_nothing_else_does(grades):
    tasks = {cell.metadata.nbgrader.grade_id for cell in notebook().cells if is_task(cell)}
    assert tasks
    for student, graded in grades.items():
        assert {name for name, (_, waits) in graded.items() if waits} == tasks, student


def test_every_lost_point_says_why(build, grades):
    """Either the whole cell says in a sentence what is wrong, or each lost point has a line and a hint."""
    for student, page in build[1].feedback:
        if student in UNRULY:
            continue
        html = page.read_text("utf-8")
        for cell in autograded(build, student).cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            lost = POINTS.get(name, 0) - grades[student].get(name, (0,))[0] if name in POINTS else 0
            if not lost:
                continue
            errors = [o for o in cell.outputs if o.output_type == "error"]
            printed = "".join(o.text for o in cell.outputs if o.output_type == "stream")
            if errors:
                assert lost == POINTS[name]
                assert errors[0].ename == "NotYet" and re.fullmatch(r".{30,}[.?]", errors[0].evalue)
                shown = "\n".join(errors[0].traceback)
                assert shown.split() == ["✗", *errors[0].evalue.split()]
                assert max(map(len, shown.split("\n"))) <= 100  # the page does not wrap
                # What an error says, and a value that a message quotes, may hold a hidden test's data.
                assert re.split(r", with |['`\d]", shown.split("\n")[0])[0] in html
            else:
                assert printed.count("✗") == printed.count("Hint: ") == lost
                assert "✗" in html


def test_csv_and_summary_agree(build, grades):
    result = build[1]
    lines = result.csv.read_text("utf-8").splitlines()
    assert len(lines) == 1 + len(grades)
    for student in grades:
        total = sum(by_tests(grades, student).values())
        assert f"{student} {total:g}" in result.summary
        assert any(f",{student}," in line and f",{total:.1f}," in line for line in lines)
    assert f"waits for a person in {len(grades)} submissions" in result.summary


def test_feedback_pages_lie_where_they_are_looked_for(build):
    folder, result = build
    everybody = sorted([*ANSWERS.students, *UNRULY])
    assert result.feedback == [(s, folder / "feedback" / s / "ps1.html") for s in everybody]
    assert sorted(p.name for p in (folder / "feedback").iterdir()) == everybody  # no ghost
