"""Files of word vectors that a user may have: as GloVe, word2vec and fastText write them, packed or not."""

import gzip
import hashlib
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import DamagedFile, SourceUnavailable
from ..progress import bar
from ..store.cache import cached_arrays, fingerprint, mapped_rows
from .vector_forms import binary_rows, form_of, text_rows

ENDINGS = (".txt", ".vec", ".bin", ".gz", ".zip")

_FASTTEXT = b"\xba\x16\x4f\x2f"  # how its models begin


def read_vectors(path: Path) -> tuple[tuple[str, ...], np.ndarray]:
    """The words of a file and their vectors, float32 (words, dimensions), read once and then mapped from the cache.

    Text: in each line a word and its numbers, one blank or tab between; the word is all before the last `dimensions`
    numbers, as some of GloVe's hold blanks. A first line with the number of words and of dimensions (word2vec,
    fastText) is believed. Binary: word2vec's, with that line. Either may be packed with gzip, or be the one file of a
    zip archive. Words that are no text in UTF-8, and those that stand there before, are left out, and one line says how
    many.
    Raises `DamagedFile`, with the line's number, and `SourceUnavailable`.
    """
    path = path.expanduser()
    with _told(path), path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()  # size and time could be those of another file
    reader = _Reader(path)
    key = fingerprint("word vectors 1", digest)
    name = f"vectors-{fingerprint(str(path.resolve()))[:16]}"
    vectors = mapped_rows(name, key, (reader.dimensions,), "float32", reader.vectors)
    words = tuple(cached_arrays(key, reader.words)["words"].tobytes().decode().split("\n"))
    return words, np.asarray(vectors)


class _Reader:
    """Reads a file once for its vectors, and remembers its words."""

    def __init__(self, path: Path):
        self._path, self._words = path, {}
        with _told(path), _unpacked(path) as (_, stream):
            self._form = form_of(path, stream)
        self.dimensions = self._form.dimensions

    def vectors(self) -> Iterator[np.ndarray]:
        """The vectors, float32 (dimensions,), one by one."""
        self._words, read = {}, 0
        rows = binary_rows if self._form.binary else text_rows
        with _told(self._path), _unpacked(self._path) as (file, stream):
            size = self._path.stat().st_size >> 20
            with bar(total=size, label="word vectors", unit="MB") as progress:
                for read, (place, word, numbers) in enumerate(rows(self._path, stream, self._form), 1):
                    if not np.isfinite(numbers).all():
                        raise DamagedFile(
                            f"{place} of {self._path} holds a number that is not finite: put a whole copy in its place."
                        )
                    if self._is_new(word):
                        yield numbers
                    if read % 1000 == 0:
                        progress.update((file.tell() >> 20) - progress.n)
        count = self._form.count
        if count is not None and read != count:
            raise DamagedFile(
                f"{self._path} says in its first line that it holds {count:,} words, and it holds {read:,}: put a "
                "whole copy in its place."
            )
        if not self._words:
            raise DamagedFile(f"{self._path} holds no word that is text in UTF-8: save the file in UTF-8.")
        if left_out := read - len(self._words):
            print(
                f"{self._path.name}: {left_out} of its {read:,} words were left out, as they are no text in UTF-8 or "
                "stand in it twice (the first counts)."
            )

    def words(self) -> dict[str, np.ndarray]:
        """All words in UTF-8, a line end between two, as bytes (uint8)."""
        if not self._words:  # the vectors are kept, and their words are not
            for _ in self.vectors():
                pass
        return {"words": np.frombuffer("\n".join(self._words).encode(), "uint8")}

    def _is_new(self, word: bytes) -> bool:
        """Whether a word counts, and remember it: public files hold a few that are no text, or stand there twice."""
        with suppress(UnicodeDecodeError):
            if (text := word.decode()) not in self._words:
                self._words[text] = None
                return True
        return False


@contextmanager
def _told(path: Path) -> Iterator[None]:
    """What can go wrong while a file is read, in one sentence."""
    try:
        yield
    except (EOFError, zlib.error, gzip.BadGzipFile, zipfile.BadZipFile):
        raise DamagedFile(f"{path} cannot be unpacked to its end: put a whole copy in its place.") from None
    except OSError as problem:
        raise SourceUnavailable(f"{path} cannot be read ({problem.strerror}): check the path.") from None


@contextmanager
def _unpacked(path: Path) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """The file, to tell how far it is read, and the stream of what it holds."""
    with path.open("rb") as file:
        start = file.read(4)
        file.seek(0)
        if start == _FASTTEXT:
            raise DamagedFile(f"{path} is a model of fastText's, not its vectors: give the .vec file beside it.")
        if start[:2] == b"\x1f\x8b":
            with gzip.open(file) as stream:
                yield file, stream
        elif start == b"PK\x03\x04":
            with zipfile.ZipFile(file) as archive:
                inner = [one for one in archive.infolist() if not one.is_dir() and "__MACOSX" not in one.filename]
                if len(inner) != 1:
                    raise DamagedFile(
                        f"{path} holds {len(inner)} files, and one is expected: unpack it, and give the one that you "
                        "want."
                    )
                try:
                    stream = archive.open(inner[0])
                except RuntimeError:  # a password, or a way of packing that zipfile does not know
                    raise DamagedFile(f"{path} needs another program: unpack it, and give the file in it.") from None
                with stream:
                    yield file, stream
        else:
            yield file, file
