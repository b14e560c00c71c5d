"""The known answers to an assignment as cases: what each must get, and which can be graded in one submission."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import nbformat
from nbgrader.utils import is_solution

from ..errors import GradingFailed
from .answers import Answers, read_answers
from .mutants import Mutant
from .plan import is_test

Points = dict[str, float]  # by the grade_id of the test


@dataclass(frozen=True)
class Assignment:
    """An assignment's tests: their points, and the solution cell that each belongs to, by grade_id."""

    name: str
    answers: Answers
    points: Points
    belongs: Mapping[str, str]

    def tests_of(self, cell: str) -> frozenset[str]:
        return frozenset(test for test, owner in self.belongs.items() if owner == cell)


@dataclass(frozen=True)
class Case:
    """One answer to be graded: `cells` of it, by grade_id, in place of the reference's where not `alone`.

    `about` are the tests that it is about, `expected` the points that it must get by them.
    """

    name: str
    cells: Mapping[str, str]
    about: frozenset[str]
    expected: Points
    alone: bool = False


def read_assignment(course: Path, name: str) -> Assignment:
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
    return Assignment(name, read_answers(course, name), points, belongs)


def known_cases(assignment: Assignment) -> list[Case]:
    """The reference, the second solution, nothing at all, and each wrong answer."""
    answers, points, tests = assignment.answers, assignment.points, frozenset(assignment.points)
    cases = [
        Case("reference", answers.reference, tests, points, alone=True),
        Case("second", answers.second, tests, points, alone=True),
        Case("blank", {}, tests, dict.fromkeys(points, 0.0), alone=True),
    ]
    for name, mistake in answers.mistakes.items():
        about = frozenset(mistake.loses).union(*(assignment.tests_of(cell) for cell in mistake.cells))
        expected = {test: points.get(test, 0) - mistake.loses.get(test, 0) for test in about}
        cases.append(Case(name, mistake.cells, about, expected))
    return cases


def together(cases: Iterable[Case]) -> list[list[Case]]:
    """Cases in groups that can be graded in one submission, as they share neither a cell nor a test."""
    groups: list[list[Case]] = []
    for case in cases:
        fitting = (g for g in groups if not any(c.about & case.about or c.cells.keys() & case.cells.keys() for c in g))
        group = None if case.alone else next(fitting, None)
        if group is None:
            groups.append([case])
        else:
            group.append(case)
    return groups


def side_by_side(mutants: Iterable[Mutant]) -> list[list[Mutant]]:
    """Mutants in groups with at most one of each cell."""
    by_cell: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        by_cell.setdefault(mutant.cell, []).append(mutant)
    return [[mutant for mutant in row if mutant] for row in zip_longest(*by_cell.values())]
