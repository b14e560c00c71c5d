"""What decides a mark: a submission that was graded is graded again where one of these changed, and nowhere else."""

import hashlib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ..root import PACKAGE

DISTRIBUTION = "transfer-learning-course"
# Of the grader: what puts a submission in order, runs it, judges it, and takes the points over.
ENGINE = ("roles.py", "packing.py", "seeds.py", "intake", "sandbox", "judge", "batch/worker.py", "batch/bookkeeping.py")
# Of the package, what no kernel that judges may import.
NOT_JUDGED_WITH = ("authoring", "grading", "machine", "cli.py")


def files() -> list[Path]:
    """The files of the package that can change a mark: the grader's engine, and all that an assignment may import."""
    chosen = [file for name in ENGINE for file in _within(PACKAGE / "grading" / name)]
    for path in PACKAGE.iterdir():
        if path.name not in (*NOT_JUDGED_WITH, "__pycache__"):
            chosen += _within(path)
    return sorted(chosen)


def _within(path: Path) -> Iterator[Path]:
    found = path.rglob("*") if path.is_dir() else [path]
    return (file for file in found if file.is_file() and file.suffix in (".py", ".npz", ".json", ".md"))


def packages() -> dict[str, str]:
    """The versions of the packages that lessons and grading need, and of those that these need.

    Those that only tests, the site or building need change no mark.
    """
    found: dict[str, str] = {}
    asked, left = set(), [Requirement(f"{DISTRIBUTION}[lab]")]
    while left:
        wanted = left.pop()
        about = canonicalize_name(wanted.name), frozenset(wanted.extras)
        if about in asked:
            continue
        asked.add(about)
        try:
            told = distribution(wanted.name).metadata
        except PackageNotFoundError:  # for another system
            continue
        found[about[0]] = told["Version"]
        for line in told.get_all("Requires-Dist") or ():
            needed = Requirement(line)
            if not needed.marker or any(needed.marker.evaluate({"extra": extra}) for extra in wanted.extras or {""}):
                left.append(needed)
    del found[DISTRIBUTION]  # its files count
    return found


@cache
def grader() -> str:
    """The version of all of it, in hexadecimal digits."""
    told = hashlib.sha256()
    for file in files():
        told.update(f"{file.relative_to(PACKAGE).as_posix()}\0".encode() + hashlib.sha256(file.read_bytes()).digest())
    for name, number in sorted(packages().items()):
        told.update(f"{name}=={number}\n".encode())
    return told.hexdigest()
