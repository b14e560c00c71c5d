"""Where the course's folder is, and how a file in it is told."""

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
