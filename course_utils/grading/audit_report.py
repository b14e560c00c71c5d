"""An audit as a table to read."""

from .audit import Audit


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
