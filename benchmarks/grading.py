"""The grading benchmark: the same class graded by plain nbgrader, by otter-grader and by `course grade`.

Run by `make bench`. Prints a table and writes build/bench/grading.json. The exit status is 1 where a peer's marks
differ from plain nbgrader's, or from the first peer's where that is left out.
"""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import click
from assignment import Assignment
from classroom import BUILD, make_class, students
from head_assignment import HEAD, TRAINING
from limit import cpu_of_cells
from measure import measure
from otter_peer import Otter
from peers import Marks, Ours, Peer, PlainNbgrader, environment

CORES = 2
SEED = 0
TRAINED = 8  # submissions of the assignment that trains
PEERS = {peer.name: peer for peer in (PlainNbgrader, Otter, Ours)}


def _differences(marks: Marks, expected: Marks) -> list[str]:
    """A sentence for each student whose points are not as expected."""
    return [
        f"{student} has {marks.get(student)}, not {points}"
        for student, points in expected.items()
        if marks.get(student) != points
    ]


def _grade(peer: Peer, folder: Path) -> tuple[dict, Marks]:
    log = folder / f"{peer.name}.log"
    try:
        cost = measure(peer.commands(), peer.folder, environment(), log)
    except subprocess.CalledProcessError as problem:
        raise click.ClickException(f"{peer.name} ended with status {problem.returncode}: see {log}.") from None
    return asdict(cost), peer.marks()


def _run(assignment: Assignment, size: int, names: list[str]) -> dict:
    """Grade a class of one size by each peer: what it cost, and where marks differ."""
    folder = BUILD / f"{assignment.name}-{size}"
    shutil.rmtree(folder, ignore_errors=True)
    classroom = folder / "handed-in"
    make_class(classroom, assignment, size, SEED)
    written = assignment.answers(students(size), SEED).values()
    own = sum(cpu_of_cells([assignment.filled(answers) for answers in written]))
    made = {"assignment": assignment.name, "submissions": size, "cpu_of_cells": own, "limit": own / CORES, "peers": {}}
    marks = {}
    for name in names:
        made["peers"][name], marks[name] = _grade(PEERS[name](classroom, assignment), folder)
        made["peers"][name]["differences"] = _differences(marks[name], marks[names[0]])
    made["marks"] = marks[names[0]]
    return made


def _table(runs: list[dict]) -> str:
    """The figures in columns of plain text."""
    lines = ["assignment  class  grader     wall s  s each    CPU s  others     MB  /plain  /limit  marks"]
    for run in runs:
        plain = run["peers"].get(PlainNbgrader.name)
        for name, cost in run["peers"].items():
            ratio = f"{cost['wall'] / plain['wall']:7.2f}" if plain else f"{'-':>7}"
            lines.append(
                f"{run['assignment']:<10}  {run['submissions']:>5}  {name:<8} "
                f"{cost['wall']:8.1f} {cost['wall'] / run['submissions']:7.2f} "
                f"{cost['cpu']:8.1f} {cost['others']:7.1f} {cost['memory'] / 2**20:6.0f} {ratio} "
                f"{cost['wall'] / run['limit']:7.1f}  "
                + (f"DIFFERENT for {len(cost['differences'])}" if cost["differences"] else "same")
            )
        lines.append(f"{'':17}  {'limit':<8} {run['limit']:8.1f} {run['limit'] / run['submissions']:7.2f}")
    return "\n".join(lines)


_LEGEND = f"""\
wall s   seconds from the first command's start to the last one's end, start-up and imports counted; once, not repeated
CPU s    processor seconds of all processes, counted by %s
others   processor seconds of all else on this machine in the meantime: where they are many, wall s says little
MB       peak of the memory of all processes together, shared pages counted once, looked at every second
/plain   wall s as a share of plain nbgrader's in the same run
/limit   wall s over the limit: the processor seconds of the students' own cells, each notebook's run once with its
         hidden tests in a process that has already imported TensorFlow, over {CORES} cores. Jupyter, sandbox, start-up
         and import are not in it, so no grader that runs the cells on these cores can be faster.
marks    the points of every test of every student, compared with those of the first grader in the table"""


def _chosen(names: str) -> list[str]:
    chosen = names.split(",")
    if unknown := set(chosen) - set(PEERS):
        raise click.BadParameter(f"{', '.join(sorted(unknown))}: choose from {', '.join(PEERS)}.")
    return chosen


def _numbers(sizes: str) -> list[int]:
    if not all(size.isdecimal() and int(size) for size in sizes.split(",")):
        raise click.BadParameter(f"'{sizes}' is no list of sizes: write it like 1,8.")
    return [int(size) for size in sizes.split(",")]


@click.command()
@click.option("--peers", "names", default=",".join(PEERS), show_default=True, help="Which graders, in this order.")
@click.option("--sizes", default="1,8,64", show_default=True, help="How many submissions a class of `head` has.")
def main(names, sizes):
    """Grade the same class by each grader and compare what it costs."""
    chosen, wanted = _chosen(names), _numbers(sizes)
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:CORES])  # and of all that is started from here
    runs = []
    for assignment, size in [*((HEAD, size) for size in wanted), (TRAINING, TRAINED)]:
        print(f"{assignment.name}: {size} submissions ...", flush=True)
        runs.append(_run(assignment, size, chosen))
    BUILD.mkdir(parents=True, exist_ok=True)
    (BUILD / "grading.json").write_text(json.dumps({"cores": CORES, "seed": SEED, "runs": runs}, indent=1))
    print(_table(runs))
    print(_LEGEND % runs[0]["peers"][chosen[0]]["counted"])
    differences = [
        f"  {run['assignment']}, {run['submissions']} submissions, {name}: {told}"
        for run in runs
        for name, cost in run["peers"].items()
        for told in cost["differences"]
    ]
    if differences:
        print(f"\nMARKS DIFFER from those of {chosen[0]}:", *differences, sep="\n")
        sys.exit(1)


if __name__ == "__main__":
    main()
