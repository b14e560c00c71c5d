"""A download of submissions into nbgrader's folder `submitted`: each file to its student, and nothing is lost."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from nbgrader.api import MissingEntry
from nbgrader.apps import NbGraderAPI

from ...errors import GradingFailed
from ...root import shown
from ..batch.submissions import check_name
from .attempts import newest
from .download import Entry, open_download
from .names import Piece, read_names
from .placing import keep
from .record import folder_of
from .roster import WHERE, Person, keep_people, read_people
from .submitted import place
from .whose import owners


@dataclass
class Report:
    """Sentences: `says` what was done and what to look at; `failed`, one for each name that could not be matched."""

    says: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)


def collect(api: NbGraderAPI, assignment: str, download: Path, roster: Path | None = None) -> Report:
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
    report, aside = Report(), folder_of(api, assignment) / "unmatched"
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
        mine = _shared_out(people, pieces, system, aside, report)
        for entry in others:
            kept = _keep_nobodys([entry], aside)
            report.failed.append(f"'{entry.path}' has no name of {system.capitalize()}'s, and is kept in {kept}.")
        work = {student: newest(theirs, system, notebooks) for student, theirs in mine.items()}
        report.says += place(api, assignment, system, work, {person.student: person for person in people})
    with api.gradebook as gradebook:
        new = keep_people(gradebook, [p for p in people if not p.is_test or p.student in mine])
    if new:
        report.says.append(f"New in the gradebook: {', '.join(new)}.")
    handed_in = api.get_submitted_students(assignment)
    if missing := sorted({p.student for p in people if p.listed and not p.is_test} - handed_in):
        report.says.append(f"Nothing was handed in by {', '.join(missing)}.")
    return report


def _shared_out(
    people: list[Person], pieces: Iterable[Piece], system: str, aside: Path, report: Report
) -> dict[str, list[Piece]]:
    """The pieces of each student; what is nobody's is kept aside, and told once for each name."""
    mine: dict[str, list[Piece]] = {}
    lost: dict[tuple[str, str], list[Entry]] = {}
    for piece in pieces:
        found = owners(people, piece, system)
        for person in found.people:
            mine.setdefault(person.student, []).append(piece)
        if not found.people:
            lost.setdefault((piece.name or piece.prefix, found.says), []).append(piece.entry)
            continue
        _forget_nobodys(piece.entry, aside)
        if found.says and found.says not in report.says:
            report.says.append(found.says)
    for (name, why), entries in lost.items():
        kept = _keep_nobodys(entries, aside)
        report.failed.append(f"'{name}' could not be matched, and is kept in {kept}: {why}.")
    return mine


def _keep_nobodys(entries: list[Entry], aside: Path) -> Path:
    """Keep files of nobody's in a folder of each one's name, and return where the first is."""
    return [shown(keep({entry.parts[-1]: entry.read()}, aside / entry.path)) for entry in entries][0]


def _forget_nobodys(entry: Entry, aside: Path) -> None:
    """What was nobody's in an earlier run is somebody's now."""
    path = aside / entry.path / entry.parts[-1]
    if path.is_file() and path.read_bytes() == entry.read():
        path.unlink()
        path.parent.rmdir()
