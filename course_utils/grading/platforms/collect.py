"""A download of submissions into nbgrader's folder `submitted`: each file to its student, and nothing is lost."""

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from nbgrader.api import MissingEntry
from nbgrader.apps import NbGraderAPI

from ...errors import GradingFailed
from ...root import shown
from ..batch.submissions import check_name
from .archive import Entry, open_download
from .attempts import newest
from .names import Piece, read_names
from .placing import files_in, keep
from .record import folder_of
from .roster import WHERE, Person, keep_people, read_people
from .submitted import place_work
from .whose import owners


@dataclass
class Taken:
    """Sentences: `says` what was done and what to look at; `failed`, one for each name that could not be matched."""

    says: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def take_download(api: NbGraderAPI, assignment: str, download: Path, roster: Path | None = None) -> Taken:
    """Put a platform's download of an assignment's submissions where nbgrader looks for them, and say how it went.

    Students are matched by `roster`, a table that the platform exports, and by the gradebook, which gets whom it lacks.
    What is nobody's, and what was there before, is kept in `downloaded`/<assignment>. Raises `GradingFailed`.
    """
    check_name(assignment)
    try:
        with api.gradebook as gradebook:
            notebooks = {notebook.name for notebook in gradebook.find_assignment(assignment).notebooks}
            people = read_people(gradebook, roster)
    except MissingEntry:
        raise GradingFailed(
            f"The gradebook has no '{assignment}': check the name, or run `course generate {assignment}` first."
        ) from None
    taken, aside = Taken(), folder_of(api, assignment) / "unmatched"
    with open_download(download) as entries:
        system, pieces, others = read_names(entries)
        if system is None:
            raise GradingFailed(
                f"{download} has no file with a name of Canvas's, Moodle's or Brightspace's: give the archive as it "
                "was downloaded, or the folder with all that was in it."
            )
        if not people:
            raise GradingFailed(
                "The gradebook has no students yet, so nobody can be matched: give the class as --roster "
                f"({WHERE[system]})."
            )
        mine, lost = _shared_out(people, pieces, system, taken)
        if others:
            names = ", ".join(entry.path for entry in others[:5]) + (", …" if len(others) > 5 else "")
            lost[names, f"{system.capitalize()} gives no such names, so look whose it is"] = others
        for (name, why), of_nobody in lost.items():
            files = {entry.path: entry.read() for entry in of_nobody}
            kept = keep(files, aside / re.sub(r"[^\w -]", "_", name)[:80])
            taken.failed.append(f"'{name}' could not be matched, and is kept in {shown(kept)}: {why}.")
        _forget(aside, [piece.entry for theirs in mine.values() for piece in theirs])
        work = {student: newest(theirs, system, notebooks) for student, theirs in mine.items()}
        done = place_work(api, assignment, system, work, {person.student: person for person in people})
        taken.says[:0] = done
    with api.gradebook as gradebook:
        new = keep_people(gradebook, [p for p in people if not p.is_test or p.student in mine])
    if guessed := [f"{p.student} ({p.name})" for p in people if p.by_name]:
        taken.says.append(f"The gradebook's are taken for the roster's by their names alone: {', '.join(guessed)}.")
    if new:
        taken.says.append(f"New in the gradebook: {', '.join(new)}.")
    handed_in = api.get_submitted_students(assignment)
    if missing := sorted({p.student for p in people if p.listed and not p.is_test} - handed_in):
        taken.says.append(f"Nothing was handed in by {', '.join(missing)}.")
    return taken


def _shared_out(
    people: list[Person], pieces: Iterable[Piece], system: str, taken: Taken
) -> tuple[dict[str, list[Piece]], dict[tuple[str, str], list[Entry]]]:
    """The pieces of each student; those of nobody by their name, and why."""
    mine: dict[str, list[Piece]] = {}
    lost: dict[tuple[str, str], list[Entry]] = {}
    for piece in pieces:
        found = owners(people, piece, system)
        for person in found.people:
            mine.setdefault(person.student, []).append(piece)
        if not found.people:
            lost.setdefault((piece.name or piece.prefix, found.says), []).append(piece.entry)
        elif found.says and found.says not in taken.says:
            taken.says.append(found.says)
    return mine, lost


def _forget(aside: Path, matched: Iterable[Entry]) -> None:
    """Take away what was nobody's in an earlier run and has a student now."""
    by_path = {entry.path: entry for entry in matched}
    for folder in aside.glob("*"):
        files = files_in(folder)
        if all(name in by_path and by_path[name].read() == content for name, content in files.items()):
            shutil.rmtree(folder)
