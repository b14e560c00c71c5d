"""Which students' code is alike, whatever names and comments it has: fingerprints of what they wrote themselves.

Schleimer, Wilkerson & Aiken 2003, "Winnowing: local algorithms for document fingerprinting", by the library copydetect.
"""

import io
import tempfile
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat
import numpy as np

from ...errors import GradingFailed
from ...progress import bar
from ..batch.submissions import Batch
from ..intake.matching import ORDINARY, bare
from ..packing import unpack
from ..states import State, read_notes

if TYPE_CHECKING:
    from copydetect import CodeFingerprint

ALIKE = 0.7  # share of the shorter code, from which on a pair is shown
COMMON = 10  # a passage that more students have, and more than a third of the class, is what the task asks for
_PASSAGE = 25  # characters of code, with names of one letter: shorter passages do not count
_LEAST = 100  # of these characters that a pair has in common
_LONGEST = 200_000  # characters of code


@dataclass(frozen=True)
class Pair:
    """Two students whose code is alike: `share` of the shorter one, 0 … 1, and of each the whole code in pieces.

    A piece is a text, and whether the other has it too.
    """

    students: tuple[str, str]
    share: float
    codes: tuple[list[tuple[str, bool]], list[tuple[str, bool]]]


@dataclass(frozen=True)
class Alike:
    """The pairs of a class whose code is alike, the most alike first; `left_out` says why some were not compared.

    `groups` are of three students and more who have the same code, names and comments aside.
    """

    assignment: str
    compared: int
    pairs: tuple[Pair, ...]
    groups: tuple[tuple[str, ...], ...]
    left_out: dict[str, str]


def alike(batch: Batch) -> Alike:
    """Compare what a class handed in, graded or not. Nothing of it is run.

    Raises `GradingFailed` where there are not two students to compare.
    """
    given = [text for form in batch.task.forms.values() for text in _given(nbformat.reads(form, as_version=4))]
    codes, left_out = {}, {}
    for student in bar(batch.students, label="reading", unit="students"):
        try:
            codes[student] = _code(batch, student, {bare(text) for text in given})
        except GradingFailed as problem:
            left_out[student] = str(problem)
            continue
        except Exception as problem:  # of one submission: the others are compared
            left_out[student] = f"The files could not be read ({type(problem).__name__})."
            continue
        if len(codes[student]) > _LONGEST:
            left_out[student] = f"More than {_LONGEST:,} characters of code were handed in."
        elif not codes[student].strip():
            left_out[student] = "There is no code but the assignment's."
        if student in left_out:
            del codes[student]
    if len(codes) < 2:
        raise GradingFailed(
            f"There is nothing to compare: fewer than two students handed in code of their own for {batch.assignment}."
        )
    pairs = sorted(alike_pairs(codes, "\n".join(given)), key=lambda pair: (-pair.share, pair.students))
    groups = alike_groups(codes, "\n".join(given))
    return Alike(batch.assignment, len(codes), tuple(pairs), groups, left_out)


def _given(form: nbformat.NotebookNode) -> Iterator[str]:
    yield from (cell.source for cell in form.cells if cell.cell_type == "code")
    yield from form.metadata.get(ORDINARY, ())


def _code(batch: Batch, student: str, given: set[str]) -> str:
    """A student's cells of code, but those that are the assignment's word for word.

    Raises `GradingFailed` where there was nothing to be read.
    """
    with tempfile.TemporaryDirectory() as folder:
        unpack(batch.take_in(student)[1], Path(folder))
        notebooks = [nbformat.read(Path(folder) / f"{name}.ipynb", as_version=4) for name in batch.task.forms]
    if why := [note.says for one in notebooks for note in read_notes(one) if note.state == State.UNREADABLE]:
        raise GradingFailed(why[0])
    cells = [cell.source for notebook in notebooks for cell in notebook.cells if cell.cell_type == "code"]
    return "\n\n".join(source for source in cells if bare(source) not in given)


def alike_groups(codes: Mapping[str, str], given: str = "") -> tuple[tuple[str, ...], ...]:
    """Three students and more with all passages in common, the largest group first; what is in `given` aside.

    However many they are: what much of a class has is left out of pairs, but not a solution that went round.
    """
    ignored, groups = _fingerprint(given).hashes, defaultdict(list)
    for student, code in sorted(codes.items()):
        passages = _fingerprint(code, ignored).hashes
        if len(passages) >= _LEAST:
            groups[frozenset(passages)].append(student)
    found = (tuple(group) for group in groups.values() if len(group) > 2)
    return tuple(sorted(found, key=lambda group: (-len(group), group)))


def _fingerprint(code: str, ignored: Collection[int] = ()) -> "CodeFingerprint":
    from copydetect import CodeFingerprint

    # A window of 1 keeps every passage: what is found depends on no choice among hash values.
    return CodeFingerprint("", _PASSAGE, 1, np.array(sorted(ignored)), language="python", fp=io.StringIO(code))


def alike_pairs(codes: Mapping[str, str], given: str = "") -> Iterator[Pair]:
    """The pairs of students whose code is alike by at least `ALIKE`; what is in `given` counts for nobody."""
    from copydetect import compare_files

    ignored = _fingerprint(given).hashes
    found = {
        student: _fingerprint(code, ignored)
        for student, code in bar(codes.items(), label="fingerprints", unit="students")
    }
    many = Counter(passage for one in found.values() for passage in one.hashes)
    if common := {passage for passage, had in many.items() if had > max(COMMON, len(codes) / 3)}:
        found = {student: _fingerprint(code, ignored | common) for student, code in codes.items()}
    for first, second in bar(list(combinations(sorted(codes), 2)), label="comparing", unit="pairs"):
        shared, shares, slices = compare_files(found[first], found[second])
        if shared >= _LEAST and max(shares) >= ALIKE:
            pieces = tuple(_pieces(codes[who], where) for who, where in zip((first, second), slices, strict=True))
            yield Pair((first, second), min(1.0, float(max(shares))), pieces)


def _pieces(code: str, slices: np.ndarray) -> list[tuple[str, bool]]:
    pieces, at = [], 0
    for start, end in sorted(slices.astype(int).T.tolist()):
        pieces += [(code[at:start], False), (code[max(at, start) : end], True)]
        at = max(at, end)
    return [(text, shared) for text, shared in [*pieces, (code[at:], False)] if text]
