"""A class graded from the command line, and what the instructor gets: a summary, a page, grades for other systems."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI

from ...root import shown
from ..batch import pipeline
from ..batch.bookkeeping import score
from ..batch.submissions import Batch
from ..deadlines.changes import check_deadlines
from ..deadlines.lateness import lateness, renew_late
from ..platforms.collect import Taken, take_download
from ..platforms.give_back import write_feedback
from ..reports.item_analysis import class_results, doubts
from ..states import NEEDS_A_LOOK, State
from .author import check_assignment

COLUMNS = "student state score max_score by_hand late_hours extension_hours penalty noticed".split()
FORMGRADER = "`course lab`, menu Nbgrader, Formgrader"


@dataclass(frozen=True)
class Report:
    """What is printed, the assignment's own faults first, and a sentence for each student without points."""

    text: str
    failed: list[str]


def grade_class(
    course: Path,
    assignment: str,
    jobs: int | None = None,
    scheduler: str | None = None,
    students: tuple[str, ...] = (),
    unsafe_no_sandbox: bool = False,
) -> Report:
    """Grade an assignment's submissions in nbgrader's course folder; writes `course`/results/<assignment>.csv.

    The file has a line for each student who is graded: state, points (less the penalty), whether a person has to give
    some, hours late and of an extension, the penalty in points, and what was noticed.
    Arguments and errors as for `pipeline.autograde`.
    """
    with pipeline.open_course(course, unsafe_no_sandbox, own_exchange=False) as api:
        check_assignment(api, assignment, lambda most: pipeline.open_workers(jobs, scheduler, most))
        check_deadlines(api, assignment)
        batch = pipeline.autograde(api, assignment, True, students, jobs, scheduler)
        rows, results = list(rows_of(batch)), class_results(batch)
    file = course / "results" / f"{assignment}.csv"
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)
    counted = ", ".join(f"{batch.states[state]} {state}" for state in State if batch.states[state])
    lines = [*doubts(results), f"{assignment}: {counted or 'nothing graded'}."]
    now = [row for row in rows if row["student"] in batch.students]
    lines += [f"  {row['student']}: {row['state']}. {row['noticed']}" for row in now if row["noticed"]]
    lines += [f"  {handed.student}: {handed.late}." for handed in results.handed_in if handed.late]
    if results.missing:
        lines.append(f"Nothing was handed in by {', '.join(map(results.with_extension, results.missing))}.")
    by_hand = sum(row["by_hand"] for row in now)
    if by_hand:
        lines.append(f"{by_hand} submissions wait for points by a person ({FORMGRADER}).")
    lines.append(f"Scores, states and what was noticed: {file}.")
    return Report("\n".join(lines), list(batch.failed.values()))


def write_report(course: Path, assignment: str, file: Path | None = None) -> Path:
    """Write the page on how a class did with an assignment, by default into the course's folder `results`; its path.

    Raises `GradingFailed` where nothing of the assignment was handed in.
    """
    from ..reports.class_page import write_page

    with pipeline.open_course(course, own_exchange=False) as api:
        file = file or course / "results" / f"{assignment}.html"
        renew_late(api, assignment)
        write_page(class_results(Batch(api, assignment)), file)
    return file


def write_similarity(course: Path, assignment: str, file: Path | None = None) -> tuple[Path, list[str]]:
    """Write the page of students whose code is alike, by default into `results`; its path, and what was found in words.

    Raises `GradingFailed` where there are not two students to compare.
    """
    from ..reports.similarity import alike
    from ..reports.similarity_page import write_similarity_page

    with pipeline.open_course(course, own_exchange=False) as api:
        file = file or course / "results" / f"{assignment}-similar.html"
        found = alike(Batch(api, assignment))
        write_similarity_page(found, file)
    says = [f"The same code: {', '.join(group)}." for group in found.groups]
    says += [f"{' and '.join(pair.students)}: {100 * pair.share:.0f} %" for pair in found.pairs[:10]]
    says += [f"and {len(found.pairs) - 10} more pairs"] if len(found.pairs) > 10 else []
    says += [f"Not compared: {student}. {why}" for student, why in found.left_out.items()]
    return file, [f"{found.compared} students compared; pairs alike: {len(found.pairs)}.", *says]


def export_grades(course: Path, system: str, assignments: tuple[str, ...], file: Path, roster: str | None) -> list[str]:
    """Write grades as `system`, "canvas" or "moodle", imports them, and say what was written and what is not final.

    Without `assignments`, all of them. `roster` is the CSV file of Canvas's gradebook. Raises `GradingFailed`.
    """
    from ..platforms.export import FORMATS

    settings = {"to": str(file), "assignment": list(assignments)} | ({"roster": roster} if roster else {})
    with pipeline.open_course(course, own_exchange=False) as api:
        with api.gradebook as gradebook:
            names = assignments or [assignment.name for assignment in gradebook.assignments]
        renewed = [sentence for name in names for sentence in renew_late(api, name)]
        with api.gradebook as gradebook:
            plugin = FORMATS[system](parent=api, **settings)
            plugin.export(gradebook)
            told = [f"{shown(file)}: {', '.join(names)}, to be imported in {system.capitalize()}."]
            told += [*plugin.remarks, *renewed]
            for name in names:
                told += _not_final(api, gradebook, name)
    return told


def collect_download(course: Path, assignment: str, download: Path, roster: Path | None = None) -> Taken:
    """Take in a learning platform's download of submissions; arguments and errors as for `take_download`."""
    with pipeline.open_course(course, own_exchange=False) as api:
        return take_download(api, assignment, download, roster)


def return_feedback(course: Path, assignment: str, system: str, file: Path) -> list[str]:
    """Write feedback pages as a platform takes them, and say for whom; arguments and errors as for `write_feedback`."""
    with pipeline.open_course(course, own_exchange=False) as api:
        return write_feedback(api, assignment, system, file)


def _not_final(api: NbGraderAPI, gradebook: Gradebook, assignment: str) -> Iterator[str]:
    """What of an assignment's points may still change."""
    if waiting := sum(s.needs_manual_grade for s in gradebook.assignment_submissions(assignment)):
        yield f"Not final: in {assignment}, {waiting} submissions wait for points by a person ({FORMGRADER})."
    if left := sorted(api.get_submitted_students(assignment) - api.get_autograded_students(assignment)):
        yield f"Not graded yet in {assignment}, and so without points: {', '.join(left)} (`course grade {assignment}`)."
    if api.get_submitted_students(assignment):
        batch = Batch(api, assignment)
        ended = {student: batch.state(student) for student in batch.there if batch.is_graded(student)}
        if looks := [f"{student} ({state})" for student, state in ended.items() if state in NEEDS_A_LOOK]:
            yield f"Look at these of {assignment} first: {', '.join(looks)} (`course report {assignment}`)."


def rows_of(batch: Batch) -> Iterator[dict[str, str | float]]:
    """A row for each student who is graded, with the points that nbgrader exports."""
    with batch.api.gradebook as gradebook:
        known = {s.student.id: s for s in gradebook.assignment_submissions(batch.assignment)}
        for student in batch.there:
            if not batch.is_graded(student):
                continue
            notes, submission = batch.notes(student), known[student]
            late, extension, penalty = lateness(submission)
            yield {
                "student": student,
                "state": str(batch.state(student)),
                "score": score(submission),
                "max_score": submission.max_score,
                "by_hand": int(submission.needs_manual_grade),
                "late_hours": round(late / timedelta(hours=1), 2),
                "extension_hours": round(extension / timedelta(hours=1), 2),
                "penalty": penalty,
                "noticed": " ".join(note.says for note in notes),
            }
