"""Files into a folder, whole or not at all, and nothing that was there is lost."""

import shutil
from collections.abc import Mapping
from pathlib import Path

from ...errors import GradingFailed
from ..intake.take_in import TIME

Files = Mapping[str, bytes]  # by path, relative to a folder, with "/"


def files_in(folder: Path) -> dict[str, bytes]:
    """The files of a folder, without links."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def is_in(files: Files, folder: Path) -> bool:
    """Whether a folder has these files and no others; a time that was put there by hand may stand beside them."""
    found = files_in(folder)
    if TIME not in files:
        found.pop(TIME, None)
    return found == dict(files)


def put(files: Files, folder: Path) -> None:
    """Make a folder of these files, in place of what is there. Raises `GradingFailed`."""
    beside = folder.with_name(f".{folder.name}.new")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        for name, content in files.items():
            path = beside / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        shutil.rmtree(folder, ignore_errors=True)
        beside.rename(folder)
    except OSError as problem:
        why = problem.strerror or problem
        raise GradingFailed(f"{folder} could not be written ({why}): mend that, and collect again.") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def keep(files: Files, folder: Path) -> Path:
    """Have these files in a folder, or in one with a number behind its name where that has others; where they are."""
    number, place = 1, folder
    while place.exists() and files_in(place) != files:
        number += 1
        place = folder.with_name(f"{folder.name}-{number}")
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        put(files, place)
    return place
