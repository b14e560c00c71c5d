"""An assignment of the benchmarks: its cells, and answers to it as the students of a class give them."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.utils import is_solution

from course_utils.grading.audit.known_answers import reference_answers

# Shares of the students who answer as the author, or otherwise; the rest answers nothing.
_REFERENCE, _OTHER = 0.6, 0.35


def _cell(grade_id: str, source: str, **role) -> NotebookNode:
    role = {"grade": False, "solution": False, "task": False, "locked": False, "schema_version": 3} | role
    return new_code_cell(source, metadata={"nbgrader": {"grade_id": grade_id} | role}, id=grade_id)


def given(grade_id: str, source: str) -> NotebookNode:
    """A read-only cell without points."""
    return _cell(grade_id, source, locked=True)


def solution(grade_id: str, source: str) -> NotebookNode:
    """A cell to answer in, with the author's solution between its marks."""
    return _cell(grade_id, source, solution=True)


def test(grade_id: str, points: int, source: str) -> NotebookNode:
    """A read-only test with points, its hidden part between its marks."""
    return _cell(grade_id, source, grade=True, locked=True, points=points)


@dataclass(frozen=True)
class Assignment:
    """`others` are answers that differ from the author's, by grade_id and by what they are."""

    name: str
    cells: tuple[NotebookNode, ...]
    others: Mapping[str, Mapping[str, str]]

    def source(self) -> NotebookNode:
        """The notebook as its author wrote it, for nbgrader: with solutions and hidden tests."""
        kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
        return new_notebook(cells=list(self.cells), metadata={"kernelspec": kernel})

    def filled(self, answers: Mapping[str, str]) -> list[str]:
        """The sources of a student's cells with the hidden tests; empty where the student has written nothing."""
        return [
            answers.get(cell.metadata.nbgrader.grade_id, "") if is_solution(cell) else cell.source
            for cell in self.cells
        ]

    def answers(self, students: list[str], seed: int) -> dict[str, dict[str, str]]:
        """What each student writes, by grade_id. A student's answers are the same however large the class is."""
        reference, answered = reference_answers(self.source()), {}
        for student in students:
            draw, answered[student] = random.Random(f"{seed} {student}"), {}
            for cell, right in reference.items():
                chance = draw.random()
                if chance < _REFERENCE:
                    answered[student][cell] = right
                elif chance < _REFERENCE + _OTHER:
                    answered[student][cell] = draw.choice(list(self.others[cell].values()))
        return answered
