"""A whole class: its submissions are run by Dask's workers, and one writer, here, owns the gradebook.

Results are kept by content: the submission, the assignment, the grader. So a run that was ended at any moment goes on
where it stopped, and nothing is graded twice.
"""

import signal
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import locket
import nbformat
from distributed import KilledWorker
from nbgrader.api import MissingEntry
from nbgrader.apps import NbGraderAPI
from nbgrader.converters import Autograde

from ..errors import GradingFailed
from . import work
from .execute import HonestExecute
from .intake import take_in_all
from .isolation import NoSandbox
from .packing import digest, names, pack
from .plan import is_test
from .preflight import released
from .record import graded_path, reason, record, recorded
from .repair import repair
from .results import Results
from .running import ClusterLost, Found, Workers, run, short
from .states import Note, State, read_notes, worst, write_notes
from .students import error

_TOO_MANY = 3  # submissions that cannot be run, and none that can: it is not the submissions, then


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


def describe(api: NbGraderAPI, assignment: str) -> work.Assignment:
    """What a worker must know of an assignment that was generated. Raises `GradingFailed`."""
    course = api.coursedir
    try:
        with api.gradebook as gradebook:
            notebooks = gradebook.find_assignment(assignment).notebooks
            forms = {notebook.name: nbformat.writes(released(notebook)) for notebook in notebooks}
    except MissingEntry:
        raise GradingFailed(
            f"The gradebook has no '{assignment}': run `nbgrader generate_assignment {assignment}` first."
        ) from None
    source = Path(course.format_path(course.source_directory, ".", assignment))
    settings = HonestExecute(config=api.config)
    theirs = Autograde(config=api.config).exclude_overwriting.get(assignment, [])
    return work.Assignment(
        pack(source), forms, settings.timeout, settings.unsafe_no_sandbox, work.version(), tuple(sorted(theirs))
    )


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
        self.task = describe(api, assignment)
        self._task_key = self.task.key
        self._files = [name for name in names(self.task.source) if not name.endswith(".ipynb")]
        self._folder = Path(api.coursedir.root) / "results" / assignment
        self._results = Results(self._folder)

    def take_in(self, student: str) -> tuple[str, bytes]:
        """A student's files as they were handed in, put in order: a name for their content, and they, packed."""
        folder = self._submitted(student)
        take_in_all(folder, self.task.forms, self._files)
        packed = pack(folder)
        return digest(packed, self._task_key.encode()), packed

    def _submitted(self, student: str) -> Path:
        course = self.api.coursedir
        return Path(course.format_path(course.submitted_directory, student, self.assignment))

    def run(self, workers: Workers, step: Callable[[str], None] = lambda student: None) -> None:
        """Grade whatever is not in the gradebook yet, and call `step` after each student.

        `workers` is `running.run`'s, called only where something has to be run. Raises `GradingFailed` where the
        cluster is lost or the disk is full: what was graded until then is kept.
        """
        with _one_writer(self._folder):
            waiting = self._settle(step)
            if not waiting:
                return
            students: dict[str, list[str]] = {}  # by the content of what they handed in
            sent = self._unsent(waiting, students, step)
            try:
                with closing(run(workers, len(waiting), self.task, sent)) as all_found:
                    for key, found in all_found:
                        same = students.pop(key)
                        kept = self._keep(found, key, same)
                        for student in same:
                            self._record(student, kept, step)
            except ClusterLost as problem:
                raise GradingFailed(f"The cluster was lost ({problem}): {self._safe()}") from None

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
            try:
                key, _ = self.take_in(student)
            except OSError as problem:
                self._unread(student, problem, step)
                continue
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

    def _unsent(
        self, waiting: list[str], students: dict[str, list[str]], step: Callable[[str], None]
    ) -> Iterator[tuple[str, bytes]]:
        """What has to be run, packed when it is asked for; what is there for others already is not run again."""
        for student in waiting:
            try:
                key, packed = self.take_in(student)
            except OSError as problem:
                self._unread(student, problem, step)
                continue
            if key in students:
                students[key].append(student)
            elif self._results.has(key):
                self._record(student, key, step)
            else:
                students[key] = [student]
                yield key, packed

    def _unread(self, student: str, problem: OSError, step: Callable[[str], None]) -> None:
        why = f"The files of {student} could not be read ({short(problem)}): mend that, and run it again."
        self.failed[student] = why
        step(student)

    def _keep(self, found: Found, key: str, students: list[str]) -> str:
        """Keep what the workers found of the files of these students, and return the key that it is kept by.

        Where they found nothing, the submission has crashed, and its key is another: the next run tries it again.
        """
        if isinstance(found, NoSandbox):
            raise found
        if not isinstance(found, BaseException):
            self._put(key, found)
            self._some_ran = True
            return key
        if isinstance(found, KilledWorker):
            why = f"it ended its worker {found.allowed_failures + 1} times"
        else:
            why = f"it failed three times ({short(found)})"
        for student in students:
            self.failed[student] = f"The submission of {student} could not be run, as {why}."
        if len(self.failed) >= _TOO_MANY and not self._some_ran:
            raise GradingFailed(f"Nothing can be graded here. {self.failed[students[0]]}")
        self._put(f"crashed-{key}", self._crashed(students[0], why))
        return f"crashed-{key}"

    def _put(self, key: str, found: dict[str, str]) -> None:
        try:
            self._results.put(key, found)
        except OSError as problem:
            raise GradingFailed(f"A result could not be kept ({short(problem)}): {self._safe()}") from None

    def _crashed(self, student: str, why: str) -> dict[str, str]:
        """The notebooks of a submission that could not be run: no test has a point."""
        folder = self._submitted(student)
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
