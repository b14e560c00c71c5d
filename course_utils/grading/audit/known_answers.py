"""Known answers to an assignment, right and wrong, and the submissions that can be made of them.

They stand in audit/<assignment>/answers.toml:

[second]          an independent right solution of every cell, in another style: what is other, and the code
[wrong.NAME]      a typical mistake: what it is, the cells it changes, and the points it must lose, by grade_id
[[survives]]      a small change of the reference solution that no test minds, and why it should cost no points
[students.NAME]   solves = "all" or "none" of the reference solution, or a list of its cells; then makes mistakes
"""

import copy
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import is_solution, is_task

from ...errors import GradingFailed


@dataclass(frozen=True)
class Mistake:
    """A typical mistake: what it is, the cells it changes and the points it must lose, both by grade_id."""

    says: str
    cells: Mapping[str, str]
    loses: Mapping[str, float]


@dataclass(frozen=True)
class Student:
    """An invented student: the cells solved as the reference does, and the names of the mistakes made after that."""

    solves: tuple[str, ...]
    makes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answers:
    """The known answers to one assignment: right code by grade_id, mistakes and students by name.

    `survives` maps a change of a cell, as `mutants.Mutant` tells it, to why no test minds it.
    """

    reference: Mapping[str, str]
    second: Mapping[str, str]
    mistakes: Mapping[str, Mistake]
    survives: Mapping[tuple[str, str], str]
    students: Mapping[str, Student]

    def of(self, student: str) -> dict[str, str]:
        """What a student writes, by grade_id."""
        written = {cell: self.reference[cell] for cell in self.students[student].solves}
        for mistake in self.students[student].makes:
            written |= self.mistakes[mistake].cells
        return written


def reference_answers(source: NotebookNode) -> dict[str, str]:
    """The code of an assignment's solution cells by grade_id, without the marks of the solution."""
    return {
        cell.metadata.nbgrader.grade_id: "\n".join(
            line for line in cell.source.split("\n") if "BEGIN SOLUTION" not in line and "END SOLUTION" not in line
        )
        for cell in source.cells
        if is_solution(cell)
    }


def read_answers(course: Path, assignment: str) -> Answers:
    """The known answers in `course`/audit/<assignment>/answers.toml, beside the source notebook's own.

    Without such a file, there are only these. Raises `GradingFailed` where the file cannot be read, or names a cell or
    a mistake that does not exist.
    """
    reference = reference_answers(nbformat.read(course / "source" / assignment / f"{assignment}.ipynb", as_version=4))
    file = course / "audit" / assignment / "answers.toml"
    if not file.exists():
        return Answers(reference, {}, {}, {}, {})
    try:
        known = tomllib.loads(file.read_text("utf-8"))
        second = _stripped(known["second"]["cells"])
        mistakes = {
            name: Mistake(entry["says"], _stripped(entry["cells"]), entry["loses"])
            for name, entry in known["wrong"].items()
        }
        survives = {(entry["cell"], entry["change"].strip()): entry["why"] for entry in known.get("survives", ())}
    except (OSError, tomllib.TOMLDecodeError, KeyError) as problem:
        text = f"{type(problem).__name__}: {problem}"
        raise GradingFailed(f"The known answers to {assignment} cannot be read ({text}): mend {file}.") from None
    groups = {"all": tuple(reference), "none": ()}
    students = {
        name: Student(
            groups[entry["solves"]] if isinstance(entry["solves"], str) else tuple(entry["solves"]),
            tuple(entry.get("makes", ())),
        )
        for name, entry in known.get("students", {}).items()
    }
    cells = {cell for mistake in mistakes.values() for cell in mistake.cells} | set(second)
    cells |= {cell for student in students.values() for cell in student.solves}
    strange = (cells - set(reference)) | {m for s in students.values() for m in s.makes if m not in mistakes}
    if strange:
        raise GradingFailed(f"{file.name} names what {assignment} does not have: correct {', '.join(sorted(strange))}.")
    return Answers(reference, second, mistakes, survives, students)


def _stripped(cells: dict[str, str]) -> dict[str, str]:
    return {cell: code.strip() for cell, code in cells.items()}


def build_submission(release: NotebookNode, answers: Mapping[str, str]) -> NotebookNode:
    """A copy of the released notebook, filled in by a student.

    `answers` maps the grade_id of a solution cell to its code, and that of a task to the text in the cell below it.
    Raises `GradingFailed` for an answer to a cell that the notebook does not have.
    """
    submission = copy.deepcopy(release)
    left = dict(answers)
    for place, cell in enumerate(submission.cells):
        grade_id = cell.metadata.get("nbgrader", {}).get("grade_id")
        if grade_id in left and (is_solution(cell) or is_task(cell)):
            target = cell if is_solution(cell) else submission.cells[place + 1]
            target.source = left.pop(grade_id)
    if left:
        raise GradingFailed(f"There is no cell to answer in for {', '.join(sorted(left))}: compare with the notebook.")
    return submission
