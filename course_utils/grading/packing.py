"""Folders of files as bytes, to travel to another machine and back out of them."""

import hashlib
import io
import zipfile
from pathlib import Path


def pack(folder: Path) -> bytes:
    """A folder's files as a zip archive: the same bytes for the same files, whenever and by whomever they were made.

    Links and whatever else is no file are left out.
    """
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not path.is_symlink():
                name = path.relative_to(folder).as_posix().encode(errors="replace").decode()
                archive.writestr(zipfile.ZipInfo(name), path.read_bytes())
    return made.getvalue()


def unpack(packed: bytes, folder: Path) -> None:
    """Write an archive's files into `folder`, and nowhere else: `zipfile` takes ".." and "/" out of their names."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        archive.extractall(folder)


def names(packed: bytes) -> list[str]:
    """The files of an archive, relative to the folder that was packed."""
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        return archive.namelist()


def digest(*parts: bytes) -> str:
    """A name for content: alike for like parts only."""
    told = hashlib.sha256()
    for part in parts:
        told.update(hashlib.sha256(part).digest())
    return told.hexdigest()
