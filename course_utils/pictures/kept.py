"""The pictures of a folder, each file read once, kept in files that are mapped into memory."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import BadPictures, BadTarget
from ..progress import bar
from ..root import with_tilde
from ..store.cache import cached_arrays, fingerprint, mapped_rows, results_folder
from .listing import Labelled
from .reading import read_picture

_DARK = 16  # of 255: where nothing is brighter, nothing can be seen


@dataclass(frozen=True)
class Kept:
    """The pictures that can be read, uint8 (n, side, side, 3), the files that they are from and their SHA-256 (n,); of
    these files those in which nothing can be seen; the files that cannot be read."""

    pictures: np.ndarray
    files: Labelled
    hashes: list[str]
    dark: Labelled
    broken: Labelled


def check_room(path: Path, pictures: int, side: int, copied: bool) -> None:
    """Raise `BadTarget` where neither disk nor memory holds so many pictures (twice as many where `copied`)."""
    import psutil

    needed, memory = pictures * side * side * 3 * (1 + copied), psutil.virtual_memory().available
    place = next(folder for folder in (results_folder(), *results_folder().parents) if folder.is_dir())
    disk = psutil.disk_usage(str(place)).free
    if needed > 0.8 * max(memory, disk):
        raise BadTarget(
            f"{path} has {pictures:,} pictures, which take {needed / 1e9:.1f} GB at {side} x {side} pixels, and "
            f"{disk / 1e9:.1f} GB are free on the disk of {with_tilde(place)}: give a smaller "
            "side=, or take a part of them."
        )


def read_files(path: Path, files: Labelled, side: int) -> Kept:
    """What is in picture files. A file is read again only after it has changed."""
    key = fingerprint("pictures 3", int(side), [_stamp(file.resolve()) for file, _ in files])
    reader = _Reader([file for file, _ in files], side, path.resolve().name)
    pictures = mapped_rows(_name("folder", path, side), key, (side, side, 3), "uint8", reader.pictures)
    known = cached_arrays(key, reader.known)
    hashes, whole = known["hashes"].tolist(), known["hashes"] != ""

    def those(where: np.ndarray) -> Labelled:
        return [files[k] for k in np.flatnonzero(where)]

    dark = those(whole & (known["brightest"] < _DARK))
    return Kept(pictures, those(whole), [value for value in hashes if value], dark, those(~whole))


def reordered(path: Path, pictures: np.ndarray, hashes: list[str], order: np.ndarray, side: int) -> np.ndarray:
    """The pictures at the places in `order` (n,), in a mapped file of their own; `hashes` are those of all of them."""
    key = fingerprint(hashes, order.tolist())
    name = _name("split", path, side)
    return mapped_rows(name, key, (side, side, 3), "uint8", lambda: (pictures[k] for k in order))


class _Reader:
    """Reads picture files, and remembers of each its SHA-256, "" where it is damaged, and its brightest number."""

    def __init__(self, files: list[Path], side: int, label: str):
        self._files, self._side, self._label = files, side, label
        self._known: dict[Path, tuple[str, int]] = {}

    def pictures(self) -> Iterator[np.ndarray]:
        """The pictures that can be read, one by one."""
        for file in bar(self._files, label=self._label, unit="pictures"):
            picture = self._read_one(file)
            if picture is not None:
                yield picture

    def known(self) -> dict[str, np.ndarray]:
        """`hashes` and `brightest`, one for each file, in their order."""
        unread = [file for file in self._files if file not in self._known]
        if unread:  # the pictures are kept, and this is not
            for file in bar(unread, label=self._label, unit="pictures"):
                self._read_one(file)
        hashes, brightest = zip(*(self._known[file] for file in self._files), strict=True)
        return {"hashes": np.array(hashes), "brightest": np.array(brightest)}

    def _read_one(self, file: Path) -> np.ndarray | None:
        try:
            picture = read_picture(file, self._side)
        except BadPictures:
            self._known[file] = "", 0
            return None
        self._known[file] = hashlib.sha256(picture).hexdigest(), int(picture.max())
        return picture


def _name(kind: str, path: Path, side: int) -> str:
    return f"{kind}-{fingerprint(str(path.resolve()), int(side))[:16]}"


def _stamp(file: Path) -> list:
    try:
        found = file.stat()
    except OSError:  # a link to nowhere
        return [str(file)]
    return [str(file), found.st_size, found.st_mtime_ns]
