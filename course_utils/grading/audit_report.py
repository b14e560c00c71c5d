"""An audit as a table to read."""

from .audit import Audit


def table(found: Audit) -> str:
    """Each known answer with the points that it lost, the share of wrong answers caught, and the mutants."""
    points, answers = found.assignment.points, found.assignment.answers
    most, seeds = sum(points.values()), ", ".join(map(str, found.seeds))
    lines = [f"{found.assignment.name}: {len(points)} graded cells, {most:g} points, seeds {seeds}"]
    width = max(len(case.name) for case in found.cases)
    for case in found.cases:
        mine = {test: points[test] for test in (case.about if not case.alone else points)}
        lost = sorted({sum(mine.values()) - sum(got[test] for test in mine) for got in found.got[case.name]})
        says = {"reference": "the reference solution", "second": "a second right solution", "blank": "nothing written"}
        text = says[case.name] if case.alone else answers.mistakes[case.name].says
        lines.append(f"  {case.name:{width}}  loses {' or '.join(f'{n:g}' for n in lost):>3}  {text}")
    lines += [f"  {text}" for text in figures(found)]
    for mutant, why in found.survivors:
        change = "\n      ".join(mutant.change.split("\n"))
        lines.append(f"  survives in {mutant.cell}: {why or 'nobody says why'}\n      {change}")
    return "\n".join(lines)


def figures(found: Audit) -> list[str]:
    """How many wrong answers were caught, right ones marked down, marks that change with the seed, mutants killed."""
    points, got = found.assignment.points, found.got
    wrong = [case for case in found.cases if not case.alone]
    caught = [c for c in wrong if all(any(g[t] < points[t] for t in c.about) for g in got[c.name])]
    right = [name for name in ("reference", "second") for g in got[name] if g != points]
    unsteady = [name for name, many in got.items() if any(one != many[0] for one in many)]
    missed = [case.name for case in wrong if case not in caught]
    told = [
        f"wrong answers caught: {len(caught)} of {len(wrong)}" + (f" (not {', '.join(missed)})" if missed else ""),
        f"right solutions marked down: {len(right)} of {2 * len(found.seeds)}",
        f"marks that change with the seed: {len(unsteady)} of {len(found.cases)}",
    ]
    if found.mutants:
        named = sum(why is not None for _, why in found.survivors)
        killed = found.mutants - len(found.survivors)
        told.append(f"mutants: {found.mutants}, {killed} caught, {len(found.survivors)} survive, {named} explained")
    return told
