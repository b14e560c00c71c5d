"""Prepare a cache for machines without a network: files of weights, and published data. `course fetch` uses it."""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from ..errors import DamagedFile, SourceUnavailable
from ..root import with_tilde
from . import downloads, weights


@dataclass(frozen=True)
class Data:
    """A published set of data: its address, its published MD5 or SHA-256, and what is made of it.

    `made` is the name of a file, or of a folder, in the cache's folder of data; an archive is unpacked to it.
    """

    what: str
    url: str
    hash: str
    made: str
    megabytes: int

    @property
    def packed(self) -> bool:
        """Whether it comes as an archive; the hash is then the archive's."""
        return self.url.endswith(".tgz")


DATA = {
    "flowers": Data(
        "TensorFlow's flower_photos",
        "https://storage.googleapis.com/download.tensorflow.org/example_images/flower_photos.tgz",
        "4c54ace7911aaffe13a365c34f650e71dd5bf1be0a58b464e5a7183e3e595d9c",  # TensorFlow Datasets, tf_flowers
        "flower_photos",
        218,
    ),
    "news": Data(
        "AG News",
        "https://raw.githubusercontent.com/mhjabreel/CharCnn_Keras/master/data/ag_news_csv/test.csv",
        "d52ea96a97a2d943681189a97654912d",  # torchtext, AG_NEWS
        "ag_news_test.csv",
        2,
    ),
}


def fetch_file(file: weights.KerasFile, what: str) -> str:
    """Bring a file into Keras's cache, or look whether it is whole there, and say which.

    Where Keras knows no hash of it, its own is recorded. Raises as `weights.obtain` does.
    """
    path, how = weights.obtain(file, what)
    checked = "as published" if file.hash else _checked(path)
    return f"{file.name}: {how}, {checked}."


def _checked(path: Path) -> str:
    if path.name in downloads.recorded(path.parent):
        return "as recorded before"
    try:
        downloads.record(path)
    except OSError as problem:
        return f"not checked, as none is published and {downloads.SUMS} cannot be written ({problem.strerror})"
    return f"its hash is in {downloads.SUMS} now, as none is published"


def there(data: Data) -> bool:
    """Whether the cache has the data, whole as far as can be known."""
    made = weights.data_folder() / data.made
    return made.is_dir() or made.is_file() and downloads.intact(made, data.hash)


def fetch_data(data: Data) -> str:
    """Bring data into the cache, unpacked, and say where it lies. Raises `SourceUnavailable` and `DamagedFile`."""
    made = weights.data_folder() / data.made
    if there(data):
        return f"{data.made}: from the cache {with_tilde(made.parent)}."
    problem = downloads.unreachable(data.url)
    if problem:
        raise SourceUnavailable(
            f"{data.what} cannot be fetched, as {problem}: connect to a network, and run the command again."
        )
    file = made.with_name(data.url.rpartition("/")[2]) if data.packed else made
    downloads.fetch(data.url, file, data.what, data.hash)
    if data.packed:
        _unpack(file, made)
    return f"{data.made}: fetched to {with_tilde(made)}."


def _unpack(archive: Path, made: Path) -> None:
    try:
        with TemporaryDirectory(dir=archive.parent) as folder:  # half of it never looks like the whole
            shutil.unpack_archive(archive, folder, filter="data")
            os.replace(Path(folder) / made.name, made)
    except (shutil.ReadError, EOFError, FileNotFoundError):
        raise DamagedFile(
            f"{with_tilde(archive)} does not hold {made.name}: delete it, and run the command again."
        ) from None
    except OSError as problem:
        raise SourceUnavailable(
            f"{with_tilde(archive)} cannot be unpacked ({problem.strerror}): make room, and run the command again."
        ) from None
    archive.unlink()
