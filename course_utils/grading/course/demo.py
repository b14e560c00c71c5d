"""A demonstration class: invented students hand in assignment 1, and it is graded from end to end."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbgrader.utils import rmtree

from .. import ASSIGNMENTS
from ..audit.known_answers import build_submission, read_answers
from ..batch import pipeline
from ..batch.submissions import Batch
from ..sandbox.available import missing
from ..states import worst
from .unruly import UNRULY

ASSIGNMENT = "ps1"
_TIMEOUT = 30  # seconds for a cell, and so what the endless loop costs


@dataclass(frozen=True)
class DemoResult:
    """What the demonstration made: the scores, each student's feedback page, and a summary of a few lines."""

    csv: Path
    feedback: list[tuple[str, Path]]
    summary: str


def run_demo(build_dir: Path, progress: bool = True) -> DemoResult:
    """Generate, release, collect, autograde and export assignment 1 for the students of its audit folder.

    Writes grades.csv and feedback/<student>/ps1.html into `build_dir`, and the class's own course folder, with
    gradebook and log, into `build_dir`/class. All three are made anew each time. Takes about 8 s a student. Raises
    `GradingFailed`.
    """
    build_dir = build_dir.resolve()
    folder, pages = build_dir / "class", build_dir / "feedback"
    for old in (folder, pages):
        if old.exists():
            rmtree(old)  # nbgrader's, which can delete its own read-only files on Windows
    pipeline.copy_course(ASSIGNMENTS, folder, ASSIGNMENT)
    answers = read_answers(ASSIGNMENTS, ASSIGNMENT)
    lacking = missing()
    with pipeline.open_course(folder, unsafe_no_sandbox=bool(lacking)) as api:
        api.config.Variants.assignments = []  # these students were given the release
        released = pipeline.generate(api, ASSIGNMENT)
        notebook = nbformat.read(released / f"{ASSIGNMENT}.ipynb", as_version=4)
        homes = {
            student: nbformat.writes(build_submission(notebook, answers.of(student))) for student in answers.students
        }
        for name, unruly in UNRULY.items():
            homes[name] = unruly.does(build_submission(notebook, answers.reference))
        if pipeline.has_exchange():
            pipeline.put_into_exchange(api, ASSIGNMENT)
            for student, submission in homes.items():
                home = folder / "homes" / student
                (home / ASSIGNMENT).mkdir(parents=True)
                (home / ASSIGNMENT / f"{ASSIGNMENT}.ipynb").write_text(submission, "utf-8")
                pipeline.submit(api, ASSIGNMENT, student, home)
            pipeline.collect(api, ASSIGNMENT)
        else:
            downloaded = pipeline.archive(api, ASSIGNMENT)
            downloaded.mkdir(parents=True)
            for student, submission in homes.items():
                (downloaded / f"{student}_{ASSIGNMENT}.ipynb").write_text(submission, "utf-8")
            pipeline.zip_collect(api, ASSIGNMENT)
        api.config.HonestExecute.timeout = _TIMEOUT
        batch = pipeline.autograde(api, ASSIGNMENT, progress)
        made = pipeline.feedback(api, ASSIGNMENT, progress)
        pipeline.export_csv(api, build_dir / "grades.csv")
        summary = _summary(batch)
    if lacking:
        summary += f"\nThese submissions, our own, were graded without isolation. {lacking}"
    feedback = []
    for student, page in made:
        (pages / student).mkdir(parents=True, exist_ok=True)
        feedback.append((student, Path(shutil.copy(page, pages / student))))
    return DemoResult(build_dir / "grades.csv", feedback, summary)


def _summary(batch: Batch) -> str:
    """Scores, how grading ended, what waits for a person, and what went wrong, in a few lines."""
    with batch.api.gradebook as gradebook:
        assignment = gradebook.find_assignment(ASSIGNMENT)
        by_hand = sum(cell.max_score for notebook in assignment.notebooks for cell in notebook.task_cells)
        submissions = sorted(gradebook.assignment_submissions(ASSIGNMENT), key=lambda s: -s.score)
        scores = ", ".join(f"{s.student.id} {s.score:g}" for s in submissions)
        waiting = sum(s.needs_manual_grade for s in submissions)
        by_tests = assignment.max_score - by_hand
    lines = [f"{ASSIGNMENT}: {len(submissions)} students, points by tests (of {by_tests:g}): {scores}."]
    for student in batch.there:
        if notes := batch.notes(student):
            lines.append(f"{student}: {worst(notes)}. {' '.join(note.says for note in notes)}")
    if waiting:
        lines.append(f"The free-text question ({by_hand:g} points) waits for a person in {waiting} submissions.")
    if not pipeline.has_exchange():
        lines.append("nbgrader has no exchange on this system: submissions came in as files (nbgrader zip_collect).")
    return "\n".join(lines + list(batch.failed.values()))
