"""A class of 2,000 whose submissions take no time to run: do speed and memory of `course grade` stay as they are?

Run as `.venv/bin/python benchmarks/class_of_2000.py`. Prints a line for each hundred submissions and writes
build/bench/class_of_2000.json. When a submission was finished is the time of its graded notebook; memory is looked at
every second from outside.
"""

import json
import shutil
import subprocess
import time
from pathlib import Path

import click
import psutil
from classroom import BUILD, make_class
from light_assignment import LIGHT
from measure import memory_of, tree_of
from peers import Ours, environment

SEED = 0
_STEP = 100
_LOOK = 1.0  # seconds


def _watch(ours: Ours, log: Path) -> tuple[float, list[dict]]:
    """Grade the class: when it began (seconds since the epoch), and what memory was at each look, in bytes."""
    (command,), looks = ours.commands(), []
    with open(log, "w") as file:
        begun = time.time()
        process = subprocess.Popen(command, cwd=ours.folder, env=environment(), stdout=file, stderr=file)
        root = psutil.Process(process.pid)
        while process.poll() is None:
            tree = tree_of(root)
            looks.append({"at": time.time() - begun, "coordinator": _resident(root), "all": memory_of(tree)})
            time.sleep(_LOOK)
    if process.returncode:
        raise click.ClickException(f"`course grade` ended with status {process.returncode}: see {log}.")
    return begun, looks


def _resident(process: psutil.Process) -> int:
    try:
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0


def _finished(ours: Ours, begun: float) -> list[float]:
    """Seconds from the beginning to each submission's end, in order."""
    graded = ours.folder.glob(f"autograded/*/{LIGHT.name}/{LIGHT.name}.ipynb")
    return sorted(path.stat().st_mtime - begun for path in graded)


def _table(finished: list[float], looks: list[dict]) -> str:
    lines = ["submissions  seconds  per second  coordinator MB  all MB"]
    for last in range(_STEP, len(finished) + 1, _STEP):
        since, until = finished[last - _STEP - 1] if last > _STEP else 0.0, finished[last - 1]
        look = [look for look in looks if look["at"] <= until][-1]
        lines.append(
            f"{last - _STEP + 1:>5}-{last:<5}  {until - since:7.1f}  {_STEP / (until - since):10.2f}  "
            f"{look['coordinator'] / 2**20:14.0f}  {look['all'] / 2**20:6.0f}"
        )
    return "\n".join(lines)


@click.command()
@click.option("--size", default=2000, show_default=True, help="How many submissions the class has.")
def main(size):
    """Grade a class by `course grade`, and see what each hundred of submissions costs."""
    folder = BUILD / f"light-class-of-{size}"
    shutil.rmtree(folder, ignore_errors=True)
    make_class(folder / "handed-in", LIGHT, size, SEED)
    ours = Ours(folder / "handed-in", LIGHT)
    begun, looks = _watch(ours, folder / "ours.log")
    finished = _finished(ours, begun)
    (BUILD / "class_of_2000.json").write_text(json.dumps({"finished": finished, "looks": looks}, indent=1))
    print(_table(finished, looks))
    print(f"The first hundred includes the start: the first submission was finished after {finished[0]:.1f} s.")


if __name__ == "__main__":
    main()
