"""The forms of files of word vectors, told by their first lines: GloVe's, word2vec's in text and binary, fastText's."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np

from ..errors import DamagedFile

_LONGEST = 1_000_000  # bytes of a line, so that a file without lines is not read into memory
_LINES, _PART = 1000, 1 << 20  # lines that are looked at beforehand, bytes that are read at a time
_HEADER = re.compile(rb"(\d{1,12})[ \t](\d{1,5})\s*")
_BINARY = re.compile(rb"[\x00-\x08\x0e-\x1f]")
_NUMBER = re.compile(rb"[-+]?\d*\.\d+(e[-+]?\d+)?", re.IGNORECASE)
_MARK = b"\xef\xbb\xbf"  # of UTF-8: Windows begins files with it


@dataclass(frozen=True)
class Form:
    """What a file is: how many numbers each word has, how many words the first line tells (None), binary or not.

    In a text, tabs may stand where blanks do.
    """

    dimensions: int
    count: int | None
    binary: bool
    tabs: bool


def form_of(path: Path, stream: BinaryIO) -> Form:
    """The form of what `stream` holds, read from its beginning. Raises `DamagedFile` where it holds no word vectors."""
    first = stream.readline(_LONGEST).removeprefix(_MARK)
    if first[257:262] == b"ustar":
        raise DamagedFile(f"{path} is a tar archive: unpack it, and give the file of vectors in it.")
    header = _HEADER.fullmatch(first)
    lines = [line for line in ((b"" if header else first) + stream.read(4 * _PART)).split(b"\n")[:_LINES] if line]
    if header:
        count, dimensions = map(int, header.groups())
        binary = _numbers_at_end(lines[0] if lines else b"") < dimensions and any(map(_BINARY.search, lines))
    else:
        lengths = Counter(filter(None, map(_numbers_at_end, lines)))
        dimensions, count, binary = max(lengths, key=lengths.get, default=0), None, False
    if dimensions < 2 or count == 0:
        raise DamagedFile(
            f"{path} is no file of word vectors: each line must hold a word and its numbers, with one blank or tab "
            "between."
        )
    words = [re.split(rb"[ \t]", line, maxsplit=1)[0] for line in lines]
    if not binary and len(words) > 1 and all(map(_NUMBER.fullmatch, words)):
        raise DamagedFile(
            f"{path} holds numbers without the words that they belong to: write each word before its numbers, with a "
            "blank between."
        )
    tabs = not binary and any(_numbers_at_end(line, b"[ ]") < _numbers_at_end(line) for line in lines)
    return Form(dimensions, count, binary, tabs)


def _numbers_at_end(line: bytes, between: bytes = rb"[ \t]") -> int:
    """How many numbers a line ends with; its first word is none of them."""
    _, *others = re.split(between, line.rstrip())
    for k, field in enumerate(reversed(others)):
        try:
            float(field)
        except ValueError:
            return k
    return len(others)


def text_rows(path: Path, stream: BinaryIO, form: Form) -> Iterator[tuple[str, bytes, np.ndarray]]:
    """Of each line its name, its word and its numbers, float32 (dimensions,). Raises `DamagedFile`."""
    if form.count is not None:
        stream.readline()
    place = 1 + (form.count is not None)
    while line := stream.readline(_LONGEST):
        told = f"Line {place:,}"
        if not line.endswith(b"\n"):
            raise DamagedFile(
                f"{told} of {path} does not end, so the file may be cut short: put a whole copy in its place, or add "
                "the line's end if nothing is missing."
            )
        if place == 1:
            line = line.removeprefix(_MARK)
        if form.tabs:
            line = line.replace(b"\t", b" ")
        word, *fields = line.rstrip(b" \t\r\n").rsplit(b" ", form.dimensions)
        try:
            with np.errstate(over="ignore"):  # what is too large becomes infinite, and is told
                numbers = np.array([float(field) for field in fields], "float32")
        except ValueError:
            numbers = ()
        one_more = b" " in word and _NUMBER.fullmatch(word.rsplit(b" ", 1)[1])
        if len(numbers) != form.dimensions or not word or one_more:
            raise DamagedFile(
                f"{told} of {path} is not a word and {form.dimensions} numbers, as the others are: put a whole copy in "
                "its place, or take the line out if it is no word's."
            )
        yield told, word, numbers
        place += 1


def binary_rows(path: Path, stream: BinaryIO, form: Form) -> Iterator[tuple[str, bytes, np.ndarray]]:
    """The same of word2vec's binary form: little-endian numbers, which a line end may follow. Raises `DamagedFile`."""
    stream.readline()
    held, here, size = b"", 0, 4 * form.dimensions
    for place in range(1, form.count + 1):
        while (blank := held.find(b" ", here)) < 0 or len(held) < blank + 1 + size:
            more = stream.read(_PART)
            if not more or (blank < 0 and len(held) - here > _PART):
                raise DamagedFile(
                    f"{path} ends within its word {place:,} of {form.count:,}, or is no file of word2vec's: put a "
                    "whole copy in its place."
                )
            held, here = held[here:] + more, 0
        yield f"Word {place:,}", held[here:blank].lstrip(b"\n"), np.frombuffer(held, "<f4", form.dimensions, blank + 1)
        here = blank + 1 + size
    if (held[here:] + stream.read(2)).strip(b"\n"):
        raise DamagedFile(
            f"{path} holds more than the {form.count:,} words that its first line tells: put a whole copy in its place."
        )
