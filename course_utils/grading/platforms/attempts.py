"""What of a student's files counts: the newest attempt, under the names that the assignment gave."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath

from ..intake.take_in import TIME
from .names import Piece

_NUMBERED = re.compile(r"(.+)-\d+(\.[^./]+)")  # Canvas's mark of a file that was handed in before by the same name


@dataclass
class HandedIn:
    """One student's work: the files that count by their path, and those of earlier attempts by attempt and path."""

    files: dict[str, Piece] = field(default_factory=dict)
    earlier: dict[str, dict[str, Piece]] = field(default_factory=dict)
    says: list[str] = field(default_factory=list)

    @property
    def late(self) -> bool:
        return any(piece.late for piece in self.files.values())

    @property
    def time(self) -> datetime | None:
        return max((piece.time for piece in self.files.values() if piece.time), default=None)

    @property
    def rank(self) -> float:
        """Orders the attempts of one student on one platform; 0 where its download does not tell."""
        return max((piece.rank[0] for piece in self.files.values() if piece.rank), default=0)


def newest(pieces: Iterable[Piece], system: str, notebooks: Collection[str]) -> HandedIn:
    """What counts of one student's `pieces`; `notebooks` are the assignment's, without their ending."""
    made = HandedIn()
    pieces = sorted(pieces, key=lambda piece: (piece.rank, piece.entry.parts), reverse=True)
    for piece in pieces:
        if system == "brightspace" and piece.rank != pieces[0].rank:  # its folders are whole attempts
            made.earlier.setdefault(piece.attempt, {})[piece.file] = piece
            continue
        name = _as_released(piece.file, notebooks) if system == "canvas" else piece.file
        if name == TIME:
            name = f"handed-in-{TIME}"
            made.says.append(f"handed in a file '{TIME}', which is nbgrader's own: it is kept as '{name}'")
        if name in made.files:
            made.earlier.setdefault(piece.attempt or "double", {})[piece.file] = piece
        else:
            made.files[name] = piece
    if system == "canvas":
        for name, piece in list(made.files.items()):
            if (told := _NUMBERED.fullmatch(name)) and not name.endswith(".ipynb"):
                made.files.setdefault("".join(told.groups()), piece)  # under both: only the student knows which it is
    return made


def _as_released(file: str, notebooks: Collection[str]) -> str:
    told = _NUMBERED.fullmatch(file)
    is_ours = told and told[2] == ".ipynb" and PurePosixPath(file).stem not in notebooks and told[1] in notebooks
    return f"{told[1]}.ipynb" if is_ours else file
