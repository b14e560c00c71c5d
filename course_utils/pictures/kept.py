"""The pictures of a folder, each file read once, kept in files that are mapped into memory."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..errors import BadPictures, BadTarget
from ..progress import bar
from ..root import with_tilde
from ..store.cache import cached_arrays, fingerprint, mapped_rows, results_folder
from .listing import Labelled
from .reading import read_picture


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


def read_files(path: Path, files: Labelled, side: int) -> tuple[np.ndarray, Labelled, Labelled, list[str]]:
    """The pictures that can be read, the files that they are from, the files that cannot, and the pictures' SHA-256.

    Pictures are uint8 (n, side, side, 3). A file is read again only after it has changed.
    """
    key = fingerprint("pictures 2", int(side), [_stamp(file.resolve()) for file, _ in files])
    reader = _Reader([file for file, _ in files], side, path.resolve().name)
    pictures = mapped_rows(_name("folder", path, side), key, (side, side, 3), "uint8", reader.pictures)
    hashes = cached_arrays(key, reader.hashes)["hashes"].tolist()
    whole: Labelled = []
    broken: Labelled = []
    for (file, name), value in zip(files, hashes, strict=True):
        if value:
            whole.append((file, name))
        else:
            broken.append((file, name))
    return pictures, whole, broken, [value for value in hashes if value]


def reordered(path: Path, pictures: np.ndarray, hashes: list[str], order: np.ndarray, side: int) -> np.ndarray:
    """The pictures at the places in `order` (n,), in a mapped file of their own; `hashes` are those of all of them."""
    key = fingerprint(hashes, order.tolist())
    name = _name("split", path, side)
    return mapped_rows(name, key, (side, side, 3), "uint8", lambda: (pictures[k] for k in order))


class _Reader:
    """Reads picture files, and remembers the SHA-256 of each one's pixels, "" where it is damaged."""

    def __init__(self, files: list[Path], side: int, label: str):
        self._files, self._side, self._label = files, side, label
        self._hashes: dict[Path, str] = {}

    def pictures(self) -> Iterator[np.ndarray]:
        """The pictures that can be read, one by one."""
        for file in bar(self._files, label=self._label, unit="pictures"):
            picture = self._read_one(file)
            if picture is not None:
                yield picture

    def hashes(self) -> dict[str, np.ndarray]:
        """One for each file, in their order."""
        unread = [file for file in self._files if file not in self._hashes]
        if unread:  # the pictures are kept, and their hashes are not
            for file in bar(unread, label=self._label, unit="pictures"):
                self._read_one(file)
        return {"hashes": np.array([self._hashes[file] for file in self._files])}

    def _read_one(self, file: Path) -> np.ndarray | None:
        try:
            picture = read_picture(file, self._side)
        except BadPictures:
            self._hashes[file] = ""
            return None
        self._hashes[file] = hashlib.sha256(picture).hexdigest()
        return picture


def _name(kind: str, path: Path, side: int) -> str:
    return f"{kind}-{fingerprint(str(path.resolve()), int(side))[:16]}"


def _stamp(file: Path) -> list:
    try:
        found = file.stat()
    except OSError:  # a link to nowhere
        return [str(file)]
    return [str(file), found.st_size, found.st_mtime_ns]
