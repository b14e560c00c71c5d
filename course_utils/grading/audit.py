"""Whether an assignment's tests grade rightly: its known answers are graded, and each must get the points it should."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .answer_grader import AnswerGrader
from .cases import Assignment, Case, Points, known_cases, read_assignment, side_by_side, together
from .mutants import Mutant, mutants
from .results import Results

LEAST = 4  # wrong answers for each graded cell


@dataclass
class Audit:
    """What came out.

    `got` has the points of each case by the tests that it is about, for each seed; `survivors` are the mutants that
    lost nothing, and why, where the known answers say it; `problems` has a sentence for all that is not as it should.
    """

    assignment: Assignment
    cases: list[Case]
    seeds: Sequence[int]
    got: dict[str, list[Points]]
    mutants: int = 0
    survivors: list[tuple[Mutant, str | None]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def audit(
    course: Path,
    name: str,
    kept: Path,
    seeds: Sequence[int],
    with_mutants: bool,
    step: Callable[[int], None] = lambda total: None,
) -> Audit:
    """Grade the known answers to an assignment with each seed, and its mutants with the first.

    `kept` is a folder for results, so that nothing is graded twice; `step` is called after each submission, with how
    many there will be. Raises `GradingFailed`, and `NotSetUp` where mutants are wanted and cannot be made.
    """
    assignment = read_assignment(course, name)
    cases = known_cases(assignment)
    found = Audit(assignment, cases, seeds, {case.name: [] for case in cases})
    groups, rows = together(cases), []
    if with_mutants:
        made = [mutant for cell, code in assignment.answers.reference.items() for mutant in mutants(cell, code)]
        found.mutants, rows = len(made), side_by_side(made)
    total = len(groups) * len(seeds) + len(rows)
    for seed in seeds:
        with AnswerGrader(course, name, seed, Results(kept)) as grader:
            for case, points in _graded(grader, assignment, groups, lambda: step(total)):
                found.got[case.name].append(points)
            if seed == seeds[0]:
                found.survivors = _survivors(grader, assignment, rows, lambda: step(total))
    found.problems = [*_too_few(assignment), *_wrongly_graded(found), *_unexplained(found)]
    return found


def _graded(
    grader: AnswerGrader, assignment: Assignment, groups: list[list[Case]], step: Callable[[], None]
) -> list[tuple[Case, Points]]:
    """The points of each case. A group with any that it should not have is graded again, case by case."""
    reference = assignment.answers.reference

    def written(group: list[Case]) -> dict[str, str]:
        cells = {} if group[0].alone else dict(reference)
        return cells | {cell: code for case in group for cell, code in case.cells.items()}

    done, again = [], []
    for group, points in zip(groups, grader.grade([written(group) for group in groups], step), strict=True):
        expected = assignment.points | {test: n for case in group for test, n in case.expected.items()}
        if points == expected or len(group) == 1:
            done += [(case, points if len(group) == 1 else case.expected) for case in group]
        else:
            again += group
    return done + list(zip(again, grader.grade([written([case]) for case in again], lambda: None), strict=True))


def _survivors(
    grader: AnswerGrader, assignment: Assignment, rows: list[list[Mutant]], step: Callable[[], None]
) -> list[tuple[Mutant, str | None]]:
    reference, known = assignment.answers.reference, assignment.answers.survives
    answers = [reference | {mutant.cell: mutant.code for mutant in row} for row in rows]
    found = []
    for row, points in zip(rows, grader.grade(answers, step), strict=True):
        for mutant in row:
            if all(points[test] == assignment.points[test] for test in assignment.tests_of(mutant.cell)):
                found.append((mutant, known.get((mutant.cell, mutant.change))))
    return found


def _too_few(assignment: Assignment) -> list[str]:
    """Every solution cell needs a second solution, every graded cell some wrong answers."""
    answers = assignment.answers
    problems = [
        f"The second solution has no {cell}: write one." for cell in answers.reference if cell not in answers.second
    ]
    there = Counter(test for mistake in answers.mistakes.values() for test in mistake.loses)
    for test in assignment.points:
        if there[test] < LEAST:
            problems.append(f"{test} has {there[test]} wrong answers: write at least {LEAST}.")
    for test in set(there) - set(assignment.points):
        problems.append(f"A wrong answer loses points by {test}, which is no test: correct its name.")
    return problems


def _wrongly_graded(found: Audit) -> list[str]:
    problems, points = [], found.assignment.points
    for case in found.cases:
        expected = points | case.expected
        for seed, got in zip(found.seeds, found.got[case.name], strict=True):
            if other := {test: got[test] for test in got if got[test] != expected[test]}:
                told = ", ".join(f"{test} {number:g} (not {expected[test]:g})" for test, number in other.items())
                problems.append(f"{case.name} gets, with seed {seed}, {told}.")
        if not case.alone and not any(found.assignment.answers.mistakes[case.name].loses.values()):
            problems.append(f"{case.name} loses no points: it is not wrong, or no test sees it.")
    return problems


def _unexplained(found: Audit) -> list[str]:
    problems = [
        f"A change of {mutant.cell} costs nothing, and nobody says why:\n{mutant.change}"
        for mutant, why in found.survivors
        if not why
    ]
    if found.mutants:
        survive = {(mutant.cell, mutant.change) for mutant, _ in found.survivors}
        problems += [
            f"A change of {cell} that is said to survive does not, or is not made any more:\n{change}"
            for cell, change in found.assignment.answers.survives
            if (cell, change) not in survive
        ]
    return problems
