"""A whole class: its submissions are run by Dask's workers, and one writer, here, owns the gradebook.

Results are kept by content: the submission, the assignment, the grader. So a run that was ended at any moment goes on
where it stopped, and nothing is graded twice.
"""

import asyncio
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import locket
import nbformat
from distributed import Client, Future, KilledWorker, as_completed
from distributed.comm import CommClosedError
from nbgrader.api import MissingEntry
from nbgrader.apps import NbGraderAPI

from ..errors import GradingFailed
from . import work
from .execute import HonestExecute
from .intake import take_in_all
from .isolation import NoSandbox
from .packing import digest, pack
from .plan import is_test
from .preflight import released
from .record import graded_path, reason, record, recorded
from .repair import repair
from .results import Results
from .states import Note, State, read_notes, worst, write_notes
from .students import error

AHEAD = 4  # submissions that are sent to each worker before the first of them is back
_TOO_MANY = 3  # submissions that cannot be run, and none that can: it is not the submissions, then
_COME_BACK = 30  # seconds for workers that ended to be there again
Workers = Callable[[int], AbstractContextManager[Client]]
_LOST = (CommClosedError, CancelledError, asyncio.CancelledError, OSError)


@dataclass(frozen=True)
class Submission:
    """One student's files, ready to be graded. `key` names the content."""

    student: str
    packed: bytes
    key: str


@contextmanager
def _one_writer(folder: Path) -> Iterator[None]:
    lock = locket.lock_file(str(folder / "lock"), timeout=0)
    try:
        lock.acquire()
    except locket.LockError:
        raise GradingFailed("Another run grades this assignment: wait for its end, or stop it with Ctrl-C.") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """Ctrl-C waits until a step has been taken whole."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    pressed = []
    before = signal.signal(signal.SIGINT, lambda *_: pressed.append(True))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
    if pressed:
        raise KeyboardInterrupt


class Batch:
    """The submissions of one assignment, and how far they are.

    `there` are all students who handed it in, `students` those that are to be graded now. `states` counts how those in
    the gradebook ended; `failed` has a sentence for each student who has to be graded again.
    """

    def __init__(self, api: NbGraderAPI, assignment: str, students: Iterable[str] = ()):
        """`students` chooses some of them. Raises `GradingFailed`."""
        self.api, self.assignment = api, assignment
        self.failed: dict[str, str] = {}
        self._some_ran = False
        self.states: Counter[State] = Counter()
        self.there = sorted(api.get_submitted_students(assignment))
        unknown = sorted(set(students) - set(self.there))
        if unknown:
            raise GradingFailed(f"Nothing was handed in for {assignment} by {', '.join(unknown)}: check the names.")
        self.students = sorted(set(students)) or self.there
        if not self.students:
            raise GradingFailed(f"Nothing was handed in for {assignment}: collect it first (nbgrader collect).")
        self.task = self._describe()
        self._task_key = self.task.key
        self._folder = Path(api.coursedir.root) / "results" / assignment
        self._results = Results(self._folder)

    def _describe(self) -> work.Assignment:
        course = self.api.coursedir
        try:
            with self.api.gradebook as gradebook:
                notebooks = gradebook.find_assignment(self.assignment).notebooks
                forms = {notebook.name: nbformat.writes(released(notebook)) for notebook in notebooks}
        except MissingEntry:
            raise GradingFailed(
                f"The gradebook has no '{self.assignment}': run `nbgrader generate_assignment {self.assignment}` first."
            ) from None
        source = Path(course.format_path(course.source_directory, ".", self.assignment))
        settings = HonestExecute(config=self.api.config)
        return work.Assignment(pack(source), forms, settings.timeout, settings.unsafe_no_sandbox, work.version())

    def take_in(self, student: str) -> Submission:
        """A student's files as they were handed in, put in order."""
        folder = self._submitted(student)
        take_in_all(folder, self.task.forms)
        packed = pack(folder)
        return Submission(student, packed, digest(packed, self._task_key.encode()))

    def _submitted(self, student: str) -> Path:
        course = self.api.coursedir
        return Path(course.format_path(course.submitted_directory, student, self.assignment))

    def run(self, workers: Workers, step: Callable[[str], None] = lambda student: None) -> None:
        """Grade whatever is not in the gradebook yet, and call `step` after each student.

        `workers(most)` opens a client of a cluster, of which no more than `most` workers have something to do; it is
        called only where something has to be run. Raises `GradingFailed` where the cluster is lost or the disk is
        full: what was graded until then is kept.
        """
        with _one_writer(self._folder):
            waiting, clock = self._settle(step), _clock()
            if waiting:
                try:
                    with workers(len(waiting)) as client:
                        self._run(waiting, client, clock, step)
                except _LOST as problem:
                    raise GradingFailed(f"The cluster was lost ({_short(problem)}): {self._safe()}") from None

    def _safe(self) -> str:
        return f"{self.states.total()} of {len(self.students)} are graded and safe, and the same command goes on."

    def _settle(self, step: Callable[[str], None]) -> list[str]:
        """Deal with the submissions that were run before, and return the students whose submissions were not."""
        with self.api.gradebook as gradebook:
            known = {
                student: recorded(gradebook, graded_path(self.api, self.assignment, student), self.assignment, student)
                for student in self.students
            }
        waiting, keys = [], set()
        for student in self.students:
            key = self.take_in(student).key
            keys.add(key)
            if known[student] == key:
                self._count(student, step)
            elif self._results.has(key):
                self._record(student, key, step)
            else:
                waiting.append(student)
        if self.students == self.there:
            self._results.drop_others(keys)
        return waiting

    def _run(self, waiting: list[str], client: Client, clock: float, step: Callable[[str], None]) -> None:
        task = client.submit(_same, self.task, key=f"assignment-{self._task_key}")
        running, sent, students = as_completed(loop=client.loop), {}, iter(waiting)
        suspects = []  # those whose worker ended: each may have done it, or been there when another one did

        def send() -> None:
            for student in students:
                submission = self.take_in(student)
                same = sent.setdefault(submission.key, [])
                same.append(submission)
                if len(same) == 1:  # else these files are being graded already
                    running.add(client.submit(work.grade, submission.packed, task, key=submission.key, retries=2))
                    return

        for _ in range(AHEAD * max(1, len(client.nthreads()))):
            send()
        while not running.is_empty():
            future = _next(running, client, clock)
            same = sent.pop(future.key)
            if isinstance(_problem(future), KilledWorker):
                suspects.append(same)
            else:
                self._take(future, same, step)
            send()
        for same in suspects:  # one at a time, so that none of them suffers for another
            running.add(client.submit(work.grade, same[0].packed, task, key=f"{same[0].key}-alone"))
            self._take(_next(running, client, clock), same, step)

    def _take(self, future: Future, same: list[Submission], step: Callable[[str], None]) -> None:
        """Put a result down for all who handed in these files."""
        key = self._keep(future, same[0])
        for submission in same:
            self._record(submission.student, key, step)

    def _keep(self, future: Future, submission: Submission) -> str:
        """Keep what the workers found, and return the key that it is kept by.

        Where they found nothing, the submission has crashed, and its key is another: the next run tries it again.
        """
        key = submission.key
        problem = _problem(future)
        if problem is None:
            self._put(key, future.result())
            self._some_ran = True
            return key
        if isinstance(problem, NoSandbox):
            raise problem
        if isinstance(problem, KilledWorker):
            why = f"it ended its worker {problem.allowed_failures + 1} times"
        else:
            why = f"it failed three times ({_short(problem)})"
        self.failed[submission.student] = f"The submission of {submission.student} could not be run, as {why}."
        if len(self.failed) >= _TOO_MANY and not self._some_ran:
            raise GradingFailed(f"Nothing can be graded here. {self.failed[submission.student]}")
        found = self._crashed(submission, why)
        self._put(f"crashed-{key}", found)
        return f"crashed-{key}"

    def _put(self, key: str, found: dict[str, str]) -> None:
        try:
            self._results.put(key, found)
        except OSError as problem:
            raise GradingFailed(f"A result could not be kept ({_short(problem)}): {self._safe()}") from None

    def _crashed(self, submission: Submission, why: str) -> dict[str, str]:
        """The notebooks of a submission that could not be run: no test has a point."""
        folder = self._submitted(submission.student)
        made = {}
        for name, form in self.task.forms.items():
            notebook = nbformat.read(folder / f"{name}.ipynb", as_version=4)
            notes = [*read_notes(notebook), *repair(notebook, nbformat.reads(form, as_version=4))]
            for cell in filter(is_test, notebook.cells):
                cell.outputs = [error("NoAnswer", "the submission could not be run")]
            notes.append(Note(State.CRASHED, f"The submission could not be run, as {why}: grade it again."))
            write_notes(notebook, notes)
            made[name] = nbformat.writes(notebook)
        return made

    def _record(self, student: str, key: str, step: Callable[[str], None]) -> None:
        with _uninterrupted():
            told = record(self.api, self.assignment, student, self._results.file(key), key)
        if told["success"]:
            self._count(student, step)
        else:
            self.api.log.error(told["error"])
            self.failed[student] = f"The points of {student} are not in the gradebook ({reason(told)}): run it again."
            step(student)

    def _count(self, student: str, step: Callable[[str], None]) -> None:
        self.states[self.state(student)] += 1
        step(student)

    def is_graded(self, student: str) -> bool:
        """Whether there are graded notebooks of a student, from this run or an earlier one."""
        folder = graded_path(self.api, self.assignment, student)
        return all((folder / f"{name}.ipynb").is_file() for name in self.task.forms)

    def state(self, student: str) -> State:
        """How the grading of a graded submission ended."""
        return worst(self.notes(student))

    def notes(self, student: str) -> list[Note]:
        """What was noticed of a graded submission."""
        folder = graded_path(self.api, self.assignment, student)
        read = (nbformat.read(folder / f"{name}.ipynb", as_version=4) for name in self.task.forms)
        return [note for notebook in read for note in read_notes(notebook)]


def _clock() -> float:
    """What the clock on the wall shows, by a clock that nobody sets."""
    return time.time() - time.monotonic()


def _next(running: as_completed, client: Client, clock: float) -> Future:
    """The next that is done. Raises `ConnectionError` where none will be, as workers are gone or messages held up."""
    seen = asked = time.monotonic()
    while not running.has_ready():
        time.sleep(0.02)
        if _clock() < clock - 1:  # Dask would wait until it is as late as it was
            raise ConnectionError("the clock of this machine was set back")
        if time.monotonic() > asked + 2:
            asked = time.monotonic()
            if client.nthreads():
                seen = asked
            elif asked > seen + _COME_BACK:
                raise ConnectionError("all of its workers are gone")
    return next(running)


def _problem(future: Future) -> BaseException | None:
    """What a worker raised; a lost cluster is raised by `Future.result`."""
    return future.exception() if future.status == "error" else None


def _same(task: work.Assignment) -> work.Assignment:
    return task


def _short(problem: BaseException) -> str:
    text = str(problem).strip().split("\n")[0].rstrip(".")
    return f"{type(problem).__name__}: {text[:200]}" if text else type(problem).__name__
