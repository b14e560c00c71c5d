"""Feedback pages as an archive that a platform takes for a whole class: under the names that it gave when it was asked
for the submissions.

Canvas finds the student and the file by the two numbers in a name, and ignores a file whose second number is none of
the submission's; Moodle by the participant's number and the words behind it; Brightspace by the folder's name.
"""

import re
import zipfile
from pathlib import Path

from nbgrader.apps import NbGraderAPI

from ...errors import GradingFailed
from ...root import shown, written_whole
from ..batch.bookkeeping import graded_path
from .record import Collected, folder_of, read_record

_WHERE = {
    "canvas": "in the gradebook, the assignment's menu, Re-Upload Submissions",
    "moodle": "in the assignment, Submissions, Actions, Upload multiple feedback files in a zip",
    "brightspace": "in the assignment, Submissions, Add Feedback Files",
}
_CANVAS_FILE = re.compile(r".*_[^_]+_\d+_")


def write_feedback(api: NbGraderAPI, assignment: str, system: str, file: Path) -> list[str]:
    """Write the feedback pages of all students whose work came from `system`, and say who is not in it, and why.

    Raises `GradingFailed` where there is nothing to give back, or the archive cannot be written.
    """
    record = read_record(folder_of(api, assignment))
    mine = {student: collected for student, collected in record.items() if collected.system == system}
    if not mine:
        there = ", ".join(sorted({collected.system.capitalize() for collected in record.values()})) or "no platform"
        raise GradingFailed(
            f"The work for {assignment} came from {there}, not from {system.capitalize()}: first take in what that "
            f"gave, with `course collect {assignment} DOWNLOAD`."
        )
    with api.gradebook as gradebook:
        notebooks = sorted(notebook.name for notebook in gradebook.find_assignment(assignment).notebooks)
    entries, missing, stale, by_hand = {}, [], [], []
    for student, collected in sorted(mine.items()):
        folder = Path(api.coursedir.format_path(api.coursedir.feedback_directory, student, assignment))
        pages = [page for name in notebooks if (page := folder / f"{name}.html").is_file()]  # theirs may lie beside
        missing += [] if pages else [student]
        for page in pages:
            name = _name(collected, page.name)
            if not name:
                by_hand.append(f"{student} ({shown(page)})")
                continue
            entries[name] = page.read_bytes()
            graded = graded_path(api, assignment, student) / f"{page.stem}.ipynb"
            if graded.is_file() and graded.stat().st_mtime > page.stat().st_mtime:
                stale.append(student)
    if len(missing) == len(mine):
        raise GradingFailed(
            f"There are no feedback pages of {assignment} yet: run `nbgrader generate_feedback {assignment}` first."
        )
    _write(entries, file)
    others = sorted(api.get_submitted_students(assignment) - mine.keys())
    says = [f"{shown(file)}: {len(entries)} pages for {system.capitalize()} ({_WHERE[system]})."]
    again = f"`nbgrader generate_feedback {assignment}`"
    for who, what in (
        (missing, f"No page yet for {{}}: run {again}."),
        (sorted(set(stale)), f"Graded after their pages were made: {{}}. Run {again[:-1]} --force`, and this again."),
        (by_hand, f"{system.capitalize()} cannot be told whose these are, so attach them there by hand: {{}}."),
        (others, f"Not from {system.capitalize()}, and so not in the archive: {{}}."),
    ):
        says += [what.format(", ".join(who))] if who else []
    if system == "canvas":
        says.append(
            "Canvas shows a page under the name of the file that was handed in: tell students to save it as a file "
            "that ends in .html."
        )
    return says


def _name(collected: Collected, page: str) -> str | None:
    """The archive's name of a student's page; None where the platform would not know it."""
    own = collected.prefixes.get(f"{page.removesuffix('.html')}.ipynb")
    prefixes = [prefix for prefix in (own, *sorted(collected.prefixes.values())) if prefix]
    if collected.system == "canvas":
        prefixes = [prefix for prefix in prefixes if _CANVAS_FILE.fullmatch(prefix)]
    if collected.system == "moodle":
        if collected.in_group:  # it knows participants only
            own = f"{collected.name.replace('_', ' ')}_{collected.number}_assignsubmission_file_/"
            prefixes = [own] if collected.number else []
        prefixes = [re.sub(r"(_assignsubmission_)[a-z0-9]+", r"\1file", prefix) for prefix in prefixes]
    return f"{prefixes[0]}{page}" if prefixes else None


def _write(entries: dict[str, bytes], file: Path) -> None:
    try:
        with written_whole(file) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in sorted(entries.items()):
                archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    except OSError as problem:
        why = problem.strerror or problem
        raise GradingFailed(f"{file} could not be written ({why}): close it elsewhere, or give another --to.") from None
