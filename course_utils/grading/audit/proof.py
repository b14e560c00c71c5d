"""Whether an assignment's tests grade rightly: its known answers are graded, and each must get the points it should."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ..batch.results import Results
from .cases import AuditedAssignment, Case, Points, read_assignment, whole_cases, wrong_cases
from .examiner import AnswerGrader
from .mutants import Mutant, mutants

LEAST = 4  # wrong answers for each graded cell


@dataclass
class Audit:
    """What came out.

    `got` has the points of each case, whole or wrong, for each seed; `survivors` are the mutants that lost nothing, and
    why, where the known answers say it; `problems` has a sentence for all that is not as it should be.
    """

    assignment: AuditedAssignment
    cases: list[Case]
    seeds: Sequence[int]
    got: dict[str, list[Points]]
    mutants: int = 0
    survivors: list[tuple[Mutant, str | None]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def audit_assignment(
    course: Path,
    name: str,
    kept: Path,
    seeds: Sequence[int],
    with_mutants: bool,
    step: Callable[[], None] = lambda: None,
) -> Audit:
    """Grade the known answers to an assignment with each seed, and its mutants with the first.

    `kept` is a folder for results, so that nothing is graded twice; `step` is called after each notebook. Raises
    `GradingFailed`, and `NotSetUp` where mutants are wanted and cannot be made.
    """
    assignment = read_assignment(course, name)
    whole, wrong = whole_cases(assignment), wrong_cases(assignment)
    made = (
        [m for cell, code in assignment.answers.reference.items() for m in mutants(cell, code)] if with_mutants else []
    )
    found = Audit(assignment, whole + wrong, seeds, {case.name: [] for case in whole + wrong}, len(made))
    for seed in seeds:
        with AnswerGrader(course, assignment, seed, Results(kept)) as grader:
            for case, points in zip(whole + wrong, grader.whole(whole, step) + grader.parts(wrong, step), strict=True):
                found.got[case.name].append(points)
            if seed == seeds[0]:
                found.survivors = _survivors(grader, assignment, made, step)
    found.problems = [*_too_few(assignment), *_wrongly_graded(found), *_unexplained(found)]
    return found


def _survivors(
    grader: AnswerGrader, assignment: AuditedAssignment, made: list[Mutant], step: Callable[[], None]
) -> list[tuple[Mutant, str | None]]:
    cases, known = [], assignment.answers.survives
    for number, mutant in enumerate(made):
        expected = {test: assignment.points[test] for test in assignment.tests_of(mutant.cell)}
        cases.append(Case(str(number), mutant.change, {mutant.cell: mutant.code}, expected))
    return [
        (mutant, known.get((mutant.cell, mutant.change)))
        for mutant, case, points in zip(made, cases, grader.parts(cases, step), strict=True)
        if points == case.expected
    ]


def _too_few(assignment: AuditedAssignment) -> list[str]:
    """Every solution cell needs a second solution, every graded cell some wrong answers."""
    answers = assignment.answers
    if not answers.second and not answers.mistakes:  # an assignment of which no known answers are kept
        return []
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
        for seed, got in zip(found.seeds, found.got[case.name], strict=True):
            if other := {test: n for test, n in got.items() if n != case.expected[test]}:
                told = ", ".join(f"{test} {number:g} (not {case.expected[test]:g})" for test, number in other.items())
                problems.append(f"{case.name} gets, with seed {seed}, {told}.")
        if not case.whole and all(n == points[test] for test, n in case.expected.items()):
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


def table(found: Audit) -> str:
    """Each known answer with the points that it lost, the share of wrong answers caught, and the mutants."""
    points = found.assignment.points
    seeds = ", ".join(map(str, found.seeds))
    lines = [f"{found.assignment.name}: {len(points)} graded cells, {sum(points.values()):g} points, seeds {seeds}"]
    width = max(len(case.name) for case in found.cases)
    for case in found.cases:
        lost = sorted({sum(points[test] - n for test, n in got.items()) for got in found.got[case.name]})
        lines.append(f"  {case.name:{width}}  loses {' or '.join(f'{n:g}' for n in lost):>3}  {case.says}")
    lines += [f"  {text}" for text in figures(found)]
    for mutant, why in found.survivors:
        change = "\n      ".join(mutant.change.split("\n"))
        lines.append(f"  survives in {mutant.cell}: {why or 'nobody says why'}\n      {change}")
    return "\n".join(lines)


def figures(found: Audit) -> list[str]:
    """How many wrong answers were caught, right ones marked down, marks that change with the seed, mutants killed."""
    points, got = found.assignment.points, found.got
    wrong = [case for case in found.cases if not case.whole]
    caught = [case for case in wrong if all(any(n < points[t] for t, n in g.items()) for g in got[case.name])]
    right = [g for name in ("reference", "second") for g in got.get(name, ())]
    unsteady = [name for name, many in got.items() if any(one != many[0] for one in many)]
    missed = [case.name for case in wrong if case not in caught]
    told = [
        f"wrong answers caught: {len(caught)} of {len(wrong)}" + (f" (not {', '.join(missed)})" if missed else ""),
        f"right solutions marked down: {sum(g != points for g in right)} of {len(right)}",
        f"marks that change with the seed: {len(unsteady)} of {len(found.cases)}",
    ]
    if found.mutants:
        named = sum(why is not None for _, why in found.survivors)
        killed = found.mutants - len(found.survivors)
        told.append(f"mutants: {found.mutants}, {killed} caught, {len(found.survivors)} survive, {named} explained")
    return told
