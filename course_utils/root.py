"""Where the course's folder is, how a file in it is told, and how one is written whole."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import NotSetUp

PACKAGE = Path(__file__).resolve().parent


def course_root() -> Path:
    """The course's folder: the one we stand in or below, or else the one that this package was installed from."""
    for folder in (Path.cwd(), *Path.cwd().parents, PACKAGE.parent):
        if (folder / "course.py").is_file() and (folder / "notebooks").is_dir():
            return folder
    raise NotSetUp("This is no folder of the course: change to the one that holds course.py, and try again.")


def shown(path: Path) -> Path:
    """A path as it is told to somebody who stands in the current folder."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def with_tilde(path: Path) -> str:
    """A path as a reader finds it anywhere on this machine, with ~ for the home folder."""
    return f"~/{path.relative_to(Path.home()).as_posix()}" if path.is_relative_to(Path.home()) else str(path)


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """A hidden path beside `path` to write to, which takes its place at the end: nobody ever meets half a file.

    It has the same ending. Where the block fails, it is taken away, and what was at `path` is as it was.
    """
    beside = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        yield beside
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def printable(name: str) -> str:
    """A file's name as it can be printed: bytes that are no text as \\xe9, line ends and other controls as blanks."""
    return re.sub(r"[\x00-\x1f\x7f]", " ", os.fsencode(name).decode("utf-8", "backslashreplace"))
