"""A class without kernels: submissions that say themselves what they get, for tests of what is around the grading.

Imported by Dask's workers as well.
"""

import os
import re
import signal
import tempfile
import time
from collections import Counter
from pathlib import Path

import nbformat
from grading_helpers import POINTS, RIGHT, notebook
from nbformat.v4 import new_output

from course_utils.grading import ASSIGNMENTS
from course_utils.grading.batch import pipeline, worker
from course_utils.grading.intake.repair import repair
from course_utils.grading.packing import unpack
from course_utils.grading.roles import is_test
from course_utils.grading.states import read_notes, write_notes


def grade(submission: bytes, assignment: worker.Assignment) -> dict[str, str]:
    """In place of `worker.grade`: the first answer's comments say how many tests pass, and what goes wrong.

    Without comments, it is the author's: the solution passes all tests, the empty notebook none.
    """
    with tempfile.TemporaryDirectory() as name:
        unpack(submission, Path(name))
        read = nbformat.read(Path(name) / "tiny.ipynb", as_version=4)
    write_notes(read, read_notes(read) + repair(read, nbformat.reads(assignment.forms["tiny"], as_version=4)))
    told = next(cell.source for cell in read.cells if cell.metadata.get("nbgrader", {}).get("grade_id") == "double")
    time.sleep(float(re.search(r"# takes (\S+)", told)[1]) if "# takes" in told else 0.01)
    if "# fails" in told:
        raise ValueError("a fault of the grader")
    if "# kills" in told:
        os.kill(os.getpid(), signal.SIGKILL)
    said = re.search(r"# passes (\d)", told)
    passed = int(said[1]) if said else len(POINTS) * (RIGHT["double"] in told)
    for place, cell in enumerate(filter(is_test, read.cells)):
        if place >= passed:
            cell.outputs = [new_output("error", ename="AssertionError", evalue="wrong", traceback=[])]
        elif cell.metadata.nbgrader.grade_id == "test-parts":
            cell.outputs = [new_output("execute_result", {"text/plain": "2"})]
    if said:
        with open(re.search(r"# ledger (.+)", told)[1], "a") as ledger:
            ledger.write(re.search(r"# by (\S+)", told)[1] + "\n")
    return {"tiny": nbformat.writes(read)}


def points(passed: int) -> float:
    """What a submission gets that passes so many tests."""
    return sum(list(POINTS.values())[:passed])


def write_source(course: Path, settings: str = "") -> Path:
    """A course folder with the assignment, which the gradebook knows, and more lines for nbgrader's settings."""
    source = course / "source" / "tiny"
    source.mkdir(parents=True)
    made = notebook({name: f"### BEGIN SOLUTION\n{code}\n### END SOLUTION" for name, code in RIGHT.items()})
    made.metadata.kernelspec = {"name": "python3", "display_name": "3", "language": "python"}
    nbformat.write(made, source / "tiny.ipynb")
    (course / "nbgrader_config.py").write_text(
        (ASSIGNMENTS / "nbgrader_config.py").read_text("utf-8") + settings, "utf-8"
    )
    with pipeline.open_course(course) as api:
        pipeline.generate(api, "tiny")
    return course


def hand_in(course: Path, student: str, comments: str) -> None:
    """A submission with comments in its first answer, such as "# passes 2"; who grades it notes it in the ledger."""
    folder = course / "submitted" / student / "tiny"
    folder.mkdir(parents=True, exist_ok=True)
    made = notebook(
        {"double": f"# by {student}\n# ledger {course.parent / 'ledger'}\n{comments}", "value": "answer = 0"}
    )
    nbformat.write(made, folder / "tiny.ipynb")


def ledger(course: Path) -> Counter[str]:
    """How often each student's submission has been graded by a worker."""
    file = course.parent / "ledger"
    return Counter(file.read_text().split()) if file.exists() else Counter()


def marks(course: Path) -> dict[str, float | None]:
    """Every student's points in the gradebook; None where a test has none."""
    with pipeline.open_course(course) as api, api.gradebook as gradebook:
        found = {}
        for submission in gradebook.assignment_submissions("tiny"):
            grades = [grade.auto_score for notebook in submission.notebooks for grade in notebook.grades]
            found[submission.student.id] = None if None in grades else submission.score
        return found
