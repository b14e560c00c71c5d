"""A class's course folder for nbgrader, as it stands when everybody has handed in."""

import shutil
from pathlib import Path

import nbformat
from assignment import Assignment
from nbformat.v4 import new_markdown_cell
from nbgrader.api import Gradebook

from course_utils.grading import ASSIGNMENTS
from course_utils.grading.audit.known_answers import build_submission
from course_utils.grading.batch import pipeline

BUILD = Path(__file__).resolve().parents[1] / "build" / "bench"


def students(count: int) -> list[str]:
    """Their names, in order."""
    return [f"student-{number:04d}" for number in range(count)]


def make_class(folder: Path, assignment: Assignment, count: int, seed: int) -> None:
    """Make `folder` anew: this course's settings, the assignment generated, and `count` submissions of it."""
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "source" / assignment.name).mkdir(parents=True)
    shutil.copy(ASSIGNMENTS / "nbgrader_config.py", folder)
    nbformat.write(assignment.source(), folder / "source" / assignment.name / f"{assignment.name}.ipynb")
    with pipeline.open_course(folder) as api:
        released = pipeline.generate(api, assignment.name) / f"{assignment.name}.ipynb"
    release = nbformat.read(released, as_version=4)
    for student, answers in assignment.answers(students(count), seed).items():
        home = folder / "submitted" / student / assignment.name
        home.mkdir(parents=True)
        submission = build_submission(release, answers)
        # In a real class no two files are alike; `course grade` would run two like ones once.
        submission.cells.insert(0, new_markdown_cell(f"Handed in by {student}", id="name"))
        nbformat.write(submission, home / f"{assignment.name}.ipynb")


def read_marks(folder: Path, assignment: Assignment) -> dict[str, dict[str, float | None]]:
    """The points of each student's tests by grade_id, as the gradebook has them."""
    with Gradebook(f"sqlite:///{folder / 'gradebook.db'}") as gradebook:
        return {
            submission.student.id: {
                grade.name: grade.auto_score for notebook in submission.notebooks for grade in notebook.grades
            }
            for submission in gradebook.assignment_submissions(assignment.name)
        }
