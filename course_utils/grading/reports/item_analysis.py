"""What a class did with an assignment: points, states, and for each test its difficulty, discrimination and mistakes.

Classical item analysis (Crocker & Algina 1986, "Introduction to classical and modern test theory", chapter 14).
"""

import re
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import nbformat
import numpy as np
from nbconvert.filters import strip_ansi
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.utils import is_solution

from ..batch.bookkeeping import graded_path, score
from ..batch.submissions import Batch
from ..deadlines.due import course_zone, due_text
from ..deadlines.extensions import granted
from ..deadlines.lateness import lateness, span
from ..roles import is_test
from ..seeds import notes_for_teachers
from ..states import KEY, State, worst

# How a submission must have ended for its points to say something of the tests.
_ANSWERED = (State.GRADED, State.REPAIRED, State.LOOK, State.TIMEOUT)
_FEWEST = 5  # students; a correlation over fewer says nothing


@dataclass(frozen=True)
class Handed:
    """One student's submission; `score` is less what being late cost, `late` says that in words.

    `seconds` is how long grading it took, None where that is not known.
    """

    student: str
    state: State
    noticed: tuple[str, ...]
    score: float
    by_hand: bool
    seconds: float | None
    late: str = ""


@dataclass(frozen=True)
class Complaint:
    """What a failed test said: one message, the students who got it, and the answer of one of them as code."""

    message: str
    students: tuple[str, ...]
    example: str


@dataclass(frozen=True)
class Item:
    """One test. `difficulty` is the mean share of its points, 0 … 1 (the field's name: high is easy).

    `discrimination` is the correlation, −1 … 1, of its points with the rest of each student's points; None where it
    cannot be had: fewer than 5 students, or all with the same points.
    """

    name: str
    checks: str
    points: float
    answered: int
    difficulty: float
    discrimination: float | None
    mistakes: tuple[Complaint, ...]


@dataclass(frozen=True)
class ClassResults:
    """All of it. `missing` are the students of the gradebook who handed nothing in, `ungraded` those whose submission
    waits for `course grade`; `extensions` has in words, by student, those of an assignment that is `due` then."""

    assignment: str
    max_score: float
    handed_in: tuple[Handed, ...]
    missing: tuple[str, ...]
    ungraded: tuple[str, ...]
    items: tuple[Item, ...]
    due: str = ""
    extensions: dict[str, str] = field(default_factory=dict)

    def with_extension(self, student: str) -> str:
        """A student's name, and what more time this student has."""
        more = self.extensions.get(student)
        return f"{student} (extension of {more})" if more else student


def class_results(batch: Batch) -> ClassResults:
    """What the gradebook and the graded notebooks say of an assignment."""
    with batch.api.gradebook as gradebook:
        assignment = gradebook.find_assignment(batch.assignment)
        known = {s.student.id: s for s in gradebook.assignment_submissions(batch.assignment)}
        graded = [student for student in batch.there if student in known and batch.is_graded(student)]
        notebooks = {student: _notebooks(batch, student) for student in graded}
        handed_in = tuple(_handed(known[student], notebooks[student]) for student in graded)
        missing = tuple(sorted({student.id for student in gradebook.students} - set(batch.there)))
        ungraded = tuple(sorted(set(batch.there) - set(graded)))
        answered = [handed.student for handed in handed_in if handed.state in _ANSWERED]
        points = {student: _points(gradebook, batch.assignment, student) for student in answered}
        items = tuple(_items({student: notebooks[student] for student in answered}, points))
        due = due_text(assignment.duedate, course_zone(batch.api.config)) if assignment.duedate else ""
        more = {student: span(by) for student, by in granted(batch.api, batch.assignment).items()}
        return ClassResults(batch.assignment, assignment.max_score, handed_in, missing, ungraded, items, due, more)


def doubts(results: ClassResults) -> list[str]:
    """What a class says of its assignment: tests that nobody passed, above all for the same reason; all at 0.

    They are the author's before they are the students': a name misspelt, a file that was not handed out.
    """
    told = []
    for item in results.items:
        if item.answered < 2 or item.difficulty > 0 or not item.points:
            continue
        same = [mistake.message for mistake in item.mistakes if len(mistake.students) == item.answered]
        why = f", all for the same reason ({same[0]})" if same else ""
        told.append(f"Nobody of {item.answered} got a point by '{item.name}'{why}: look at this test first.")
    if len(results.handed_in) > 1 and not any(handed.score for handed in results.handed_in):
        told.insert(0, f"All {len(results.handed_in)} who handed in are at 0 points: this is hardly their fault.")
    return told


def _notebooks(batch: Batch, student: str) -> dict[str, NotebookNode]:
    folder = graded_path(batch.api, batch.assignment, student)
    return {name: nbformat.read(folder / f"{name}.ipynb", as_version=4) for name in batch.task.forms}


def _handed(submission, notebooks: dict[str, NotebookNode]) -> Handed:
    notes = [note for notebook in notebooks.values() for note in notes_for_teachers(notebook)]
    times = [notebook.metadata.get(KEY, {}).get("seconds") for notebook in notebooks.values()]
    return Handed(
        submission.student.id,
        worst(notes),
        tuple(note.says for note in notes),
        score(submission),
        bool(submission.needs_manual_grade),
        sum(times) if all(isinstance(seconds, float) for seconds in times) else None,
        lateness(submission).says(),
    )


def _points(gradebook: Gradebook, assignment: str, student: str) -> dict[tuple[str, str], float]:
    """Points of each test by notebook and grade_id, as the tests gave them: a person's corrections are left out."""
    submission = gradebook.find_submission(assignment, student)
    return {(n.name, grade.name): grade.auto_score or 0.0 for n in submission.notebooks for grade in n.grades}


def _items(notebooks: dict[str, dict[str, NotebookNode]], points: dict) -> list[Item]:
    if not notebooks:
        return []
    tests = [
        (name, index, cell)
        for name, notebook in next(iter(notebooks.values())).items()
        for index, cell in enumerate(notebook.cells)
        if is_test(cell)
    ]
    names = [(name, cell.metadata.nbgrader.grade_id) for name, _, cell in tests]
    table = np.array([[points[student].get(name, 0.0) for name in names] for student in notebooks])
    items = []
    for column, (name, _, cell) in enumerate(tests):
        grade_id, most = cell.metadata.nbgrader.grade_id, float(cell.metadata.nbgrader.points)
        got = table[:, column]
        lost = [student for student, had in zip(notebooks, got, strict=True) if had < most]
        items.append(
            Item(
                grade_id,
                _checks(cell.source),
                most,
                len(got),
                float(got.mean() / most) if most else 1.0,
                _correlation(got, table.sum(1) - got),
                _mistakes({student: notebooks[student][name] for student in lost}, grade_id),
            )
        )
    return items


def _correlation(item: np.ndarray, rest: np.ndarray) -> float | None:
    if len(item) < _FEWEST or min(np.ptp(item), np.ptp(rest)) < 1e-9:  # sums of the same points differ by rounding
        return None
    return float(np.corrcoef(item, rest)[0, 1])


def _checks(source: str) -> str:
    """What a test says of itself: the comment that it opens with."""
    lines = []
    for line in source.strip().splitlines():
        if not re.match(r"#(?!##)", line):
            break
        lines.append(line.lstrip("# "))
    return " ".join(lines)


def _mistakes(notebooks: dict[str, NotebookNode], grade_id: str) -> tuple[Complaint, ...]:
    """The messages of a test that failed, the most frequent first. Those that differ in numbers only count as one."""
    found, texts, examples = defaultdict(list), defaultdict(Counter), {}
    for student, notebook in notebooks.items():
        index = next(
            (i for i, c in enumerate(notebook.cells) if c.metadata.get("nbgrader", {}).get("grade_id") == grade_id),
            None,
        )
        if index is None:
            continue
        messages = _messages(notebook.cells[index])
        kinds = {re.sub(r"[-−+]?\d+([.,]\d+)*(e[-+]?\d+)?", "#", message): message for message in messages}
        answer = next(
            (cell for cell in reversed(notebook.cells[:index]) if cell.cell_type == "code" and is_solution(cell)), None
        )
        for kind, message in kinds.items():
            found[kind].append(student)
            texts[kind][message] += 1
            examples.setdefault(kind, answer.source if answer else "")
    order = sorted(found, key=lambda kind: -len(found[kind]))
    return tuple(Complaint(texts[k].most_common(1)[0][0], tuple(found[k]), examples[k]) for k in order)


def _messages(cell: NotebookNode) -> list[str]:
    """Why a test did not give all its points, in its own words: its error, or what `points` printed with ✗."""
    for output in cell.outputs:
        if output.output_type == "error":
            name, text = output.ename, " ".join(strip_ansi(output.evalue).split())
            return [text if name in ("AssertionError", "NotYet") and text else f"{name}: {text}" if text else name]
    printed = "".join(output.text for output in cell.outputs if output.output_type == "stream")
    return re.findall(r"^✗ (.+)$", printed, re.MULTILINE) or ["Only a part of it was right."]
