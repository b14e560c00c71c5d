"""Students' work into nbgrader's folder `submitted`, with what an instructor should know of it."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from nbgrader.apps import NbGraderAPI

from ...root import shown
from ..intake.finding import files_of, is_notebook
from ..intake.take_in import TIME
from .attempts import HandedIn
from .placing import files_in, is_in, keep, put
from .record import Collected, folder_of, read_record, write_record
from .roster import Person, plain


def place_work(
    api: NbGraderAPI, assignment: str, system: str, work: Mapping[str, HandedIn], people: Mapping[str, Person]
) -> list[str]:
    """Put each student's newest attempt into `submitted`, keep earlier ones, and say what was done.

    Raises `GradingFailed` where a file cannot be written.
    """
    aside = folder_of(api, assignment)
    record, counts, says, replaced = read_record(aside), Counter(), [], []
    timed = {student: handed_in.time or people[student].time for student, handed_in in work.items()}
    for student, handed_in in sorted(work.items()):
        folder = Path(api.coursedir.format_path(api.coursedir.submitted_directory, student, assignment))
        files = {name: piece.entry.read() for name, piece in handed_in.files.items()}
        if time := timed[student]:
            files[TIME] = f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC\n".encode()
        earlier, before = aside / "earlier" / student, record.get(student)
        for attempt, pieces in handed_in.earlier.items():
            kept = keep({name: piece.entry.read() for name, piece in pieces.items()}, earlier / attempt)
            names = ", ".join(f"'{name}'" for name in pieces)
            says.append(
                f"{student} handed in more than once: the newest counts, and {names} of before is in {shown(kept)}."
            )
        says += [f"{student} {told}." for told in handed_in.says]
        rank = handed_in.rank or (time.timestamp() if time else 0)
        if before and before.system == system and 0 < rank < before.rank:
            kept = keep(files, earlier / "older-download")
            says.append(f"{student}'s work here is newer than in this download, which is kept in {shown(kept)}.")
            counts["older than here"] += 1
            continue
        what = "new"
        if folder.is_dir():
            what = "as before" if is_in(files, folder) else "changed"
        if what == "changed":
            keep(files_in(folder), earlier / "before")
            replaced.append(student)
        if what != "as before":
            folder.parent.mkdir(parents=True, exist_ok=True)
            put(files, folder)
        counts[what] += 1
        record[student] = _collected(handed_in, system, rank, people[student])
        says += _no_notebook(student, folder)
    write_record(aside, record)
    if replaced:
        says.append(f"Replaced, and kept in {shown(aside / 'earlier')}/STUDENT: the work of {', '.join(replaced)}.")
    counted = ", ".join(f"{count} {what}" for what, count in counts.items())
    first = f"{assignment}, students' work from {system.capitalize()}: {counted or 'none'}."
    return [first, *says, *_about_times(system, work, timed, assignment)]


def _collected(handed_in: HandedIn, system: str, rank: float, person: Person) -> Collected:
    prefixes = {name: piece.prefix for name, piece in handed_in.files.items()}
    called = {plain(piece.name) for piece in handed_in.files.values()}
    in_group = bool(person.group) and called == {plain(person.group)}
    return Collected(system, prefixes, rank, in_group, person.name, person.numbers.get(system, ""))


def _no_notebook(student: str, folder: Path) -> list[str]:
    files, notes = files_of(folder)
    told = [f"{student}: {note}" for note in notes]
    if not any(map(is_notebook, files)):
        names = ", ".join(f"'{name}'" for name in sorted(files)[:5] if name != TIME)
        told.append(f"{student} handed in no notebook, but {names}: ask for it again, as this gets no points.")
    return told


def _about_times(
    system: str, work: Mapping[str, HandedIn], timed: Mapping[str, datetime | None], assignment: str
) -> list[str]:
    says, name = [], system.capitalize()
    if late := sorted(student for student, handed_in in work.items() if handed_in.late):
        says.append(f"{name} marks as late: {', '.join(late)}.")
    untimed = sorted(student for student, time in timed.items() if not time)
    if len(untimed) < len(timed):
        zone = datetime.now().astimezone().tzname()
        says.append(f"{name} tells times without their zone: they were taken for times of this machine's ({zone}).")
    if untimed:
        who = "anybody" if len(untimed) == len(timed) else ", ".join(untimed)
        says.append(
            f"The download does not tell when {who} handed in (an archive's own times are of the download), so no due "
            f"date counts there: where one should, write the time into submitted/STUDENT/{assignment}/{TIME}, such as "
            "2030-05-01 12:00:00 UTC."
        )
    return says
