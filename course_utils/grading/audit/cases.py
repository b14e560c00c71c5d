"""The known answers to an assignment as cases: what is written, and what it must get."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbgrader.utils import is_solution

from ...errors import GradingFailed
from ..roles import is_test
from .known_answers import Answers, read_answers

Points = dict[str, float]  # by the grade_id of the test


@dataclass(frozen=True)
class AuditedAssignment:
    """An assignment's tests: their points, and the solution cell that each belongs to, by grade_id."""

    name: str
    answers: Answers
    points: Points
    belongs: Mapping[str, str]

    def tests_of(self, cell: str) -> frozenset[str]:
        return frozenset(test for test, owner in self.belongs.items() if owner == cell)


@dataclass(frozen=True)
class Case:
    """An answer to be graded: the `cells` that are written, by grade_id, and the points that it must get.

    A `whole` one is a submission with these cells and no others, and has points by every test. Of any other, only the
    tests that it is about are run, and whatever it does not write is the reference's.
    """

    name: str
    says: str
    cells: Mapping[str, str]
    expected: Points
    whole: bool = False


def read_assignment(course: Path, name: str) -> AuditedAssignment:
    """An assignment of a course folder, with its known answers. Raises `GradingFailed`."""
    file = course / "source" / name / f"{name}.ipynb"
    if not file.is_file():
        raise GradingFailed(f"There is no assignment '{name}' in {course / 'source'}: check its name.")
    points, belongs, last = {}, {}, ""
    for cell in nbformat.read(file, as_version=4).cells:
        if is_solution(cell):
            last = cell.metadata.nbgrader.grade_id
        elif is_test(cell):
            test = cell.metadata.nbgrader.grade_id
            points[test], belongs[test] = float(cell.metadata.nbgrader.points), last
    return AuditedAssignment(name, read_answers(course, name), points, belongs)


def whole_cases(assignment: AuditedAssignment) -> list[Case]:
    """Both right solutions, nothing at all, and every second part solved: none may need another."""
    answers, points = assignment.answers, assignment.points

    def some(first: int) -> dict[str, str]:
        return dict(list(answers.reference.items())[first::2])

    def earned(cells: Mapping[str, str]) -> Points:
        return {test: number if assignment.belongs[test] in cells else 0.0 for test, number in points.items()}

    second = [Case("second", "a second right solution", answers.second, points, whole=True)] if answers.second else []
    return [
        Case("reference", "the reference solution", answers.reference, points, whole=True),
        *second,
        Case("blank", "nothing written", {}, earned({}), whole=True),
        Case("odd", "the first, third, fifth … cell solved", some(0), earned(some(0)), whole=True),
        Case("even", "the second, fourth … cell solved", some(1), earned(some(1)), whole=True),
    ]


def wrong_cases(assignment: AuditedAssignment) -> list[Case]:
    """Each wrong answer, with the points that are left of those of its tests."""
    cases = []
    for name, mistake in assignment.answers.mistakes.items():
        about = frozenset(mistake.loses).union(*(assignment.tests_of(cell) for cell in mistake.cells))
        expected = {test: assignment.points.get(test, 0) - mistake.loses.get(test, 0) for test in sorted(about)}
        cases.append(Case(name, mistake.says, mistake.cells, expected))
    return cases
