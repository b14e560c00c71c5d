"""The files in archives among those that were handed in, as if unpacked beside them. Nothing is written."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import PurePath, PurePosixPath

from .lenient import LARGEST

_COMPRESSED = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ\0": lzma.open}
_DEEPEST = 3  # archives in archives


def is_notebook(name: str) -> bool:
    """Whether a file says that it is a notebook, also with a second ending."""
    return ".ipynb" in PurePosixPath(name).name.lower()


def is_checkpoint(path: PurePath) -> bool:
    """Whether it is Jupyter's copy of a file as it was at an earlier time."""
    return ".ipynb_checkpoints" in path.parts


def is_passed_over(path: PurePath) -> bool:
    """Whether a file says nothing of what a student did: macOS's, and checkpoints of what is no notebook."""
    return "__MACOSX" in path.parts or (is_checkpoint(path) and not is_notebook(path.name))


def sayable(name: str) -> str:
    """A name as it can stand in a sentence."""
    return "".join(c if c.isprintable() else "?" for c in name.encode(errors="replace").decode())


def open_archives(files: dict[str, bytes], size: int, count: int) -> list[str]:
    """Put among `files`, in place, what is in those that are archives, and return what was noticed.

    Where another file has a name already, a file of an archive gets a folder of the archive's name. Of all archives
    together, `count` files of `size` bytes are taken.
    """
    notes, left = [], [(name, 1) for name in sorted(files)]
    for name, depth in left:
        try:
            for inner, bytes_of, read in _members(PurePosixPath(name), files[name]):
                path = PurePosixPath(
                    *(p for p in PurePosixPath(inner.replace("\\", "/")).parts if p not in ("/", ".."))
                )
                size, count = size - bytes_of, count - 1
                if size < 0 or count < 0:
                    raise ValueError("too large")
                if not path.name or is_passed_over(path):
                    continue
                content, place = read(), str(PurePosixPath(name).parent / sayable(str(path)))
                if files.setdefault(place, content) != content:
                    place = str(PurePosixPath(name).with_suffix("") / sayable(str(path)))
                    files.setdefault(place, content)
                if depth < _DEEPEST:
                    left.append((place, depth + 1))
        except Exception as problem:  # archives raise what they happen to meet
            notes.append(f"The archive '{name}' could not be opened ({type(problem).__name__}).")
    return notes


def _members(name: PurePosixPath, content: bytes) -> Iterator[tuple]:
    """The files of an archive, each as its name, its size and what reads it; none where it is no archive."""
    opened = next((how for start, how in _COMPRESSED.items() if content.startswith(start)), None)
    if content.startswith(b"PK\x03\x04"):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for member in archive.infolist():
                if not member.is_dir():
                    yield member.filename, member.file_size, lambda member=member: archive.read(member)
    elif content[257:262] == b"ustar" or (opened and tarfile.is_tarfile(io.BytesIO(content))):
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for member in archive:
                if member.isfile():
                    yield member.name, member.size, lambda member=member: archive.extractfile(member).read()
    elif opened and is_notebook(name.name):
        with opened(io.BytesIO(content)) as file:
            whole = file.read(LARGEST + 1)
        yield name.stem, 0, lambda: whole  # of a notebook, most are pictures; `lenient` has its own limit
