"""A whole class: its submissions are run by Dask's workers, and one writer, here, owns the gradebook.

Results are kept by content: the submission, the assignment, the grader. So a run that was ended at any moment goes on
where it stopped, and nothing is graded twice.
"""

import signal
import tempfile
import threading
import traceback
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

from ...errors import GradingFailed, NoSandbox
from ..intake.preflight import forms
from ..intake.repair import repair
from ..intake.take_in import TIME, take_in
from ..judge.honest import HonestExecute
from ..judge.student_kernel import error
from ..packing import digest, names, pack, unpack
from ..roles import is_test
from ..seeds import check_seed_cells, notes_for_teachers, read_seeds
from ..states import Note, State, read_notes, worst, write_notes
from ..version import grader
from . import worker
from .bookkeeping import enter_points, entered, graded_path, reason, renew_lateness
from .dispatch import ClusterLost, Found, Workers, grade_all, short
from .results import Results

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


def check_name(assignment: str) -> None:
    """Raise `GradingFailed` for a name that nbgrader would take for a pattern of several."""
    if strange := sorted(set(assignment) & set("[]*?+/")):
        raise GradingFailed(
            f"nbgrader takes {' '.join(strange)} in the name '{assignment}' for a pattern: rename the folder of the "
            "assignment, with letters, digits, - and _ only."
        )


def describe_assignment(api: NbGraderAPI, assignment: str) -> worker.Assignment:
    """What a worker must know of an assignment that was generated. Raises `GradingFailed`."""
    check_name(assignment)
    course = api.coursedir
    try:
        with api.gradebook as gradebook:
            wanted = {name: nbformat.writes(form) for name, form in forms(gradebook, course, assignment).items()}
        if not wanted:  # it has a due date, and was not generated yet
            raise MissingEntry
    except MissingEntry:
        raise GradingFailed(
            f"The gradebook has no '{assignment}': check the name, or run `course generate {assignment}` first."
        ) from None
    except (OSError, ValueError) as problem:
        raise GradingFailed(
            f"A source notebook of {assignment} cannot be read ({short(problem)}): restore it."
        ) from None
    source = Path(course.format_path(course.source_directory, ".", assignment))
    settings = HonestExecute(config=api.config)
    theirs = Autograde(config=api.config).exclude_overwriting.get(assignment, [])
    return worker.Assignment(
        pack(source), wanted, settings.timeout, settings.unsafe_no_sandbox, grader(), tuple(sorted(theirs))
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
            raise GradingFailed(
                f"Nothing was handed in for {assignment}: collect it first (nbgrader collect, course collect)."
            )
        self.task = describe_assignment(api, assignment)
        self._task_key = self.task.key
        self._forms = {name: nbformat.reads(form, as_version=4) for name, form in self.task.forms.items()}
        self._files = [name for name in names(self.task.source) if not name.endswith(".ipynb")]
        course = Path(api.coursedir.root)
        with api.gradebook as gradebook:
            known = {student.id for student in gradebook.students}
        if seeds := read_seeds(api.config, course, assignment, known | set(self.there)):
            check_seed_cells(self._forms, assignment)
        self._seeds = seeds
        self._folder = course / "results" / assignment
        self._results = Results(self._folder)

    def take_in(self, student: str) -> tuple[str, bytes]:
        """A student's files, put in order: a name for their content, and they, packed. When it was says no key."""
        with tempfile.TemporaryDirectory(prefix="taken-in-") as name:
            folder = Path(name)
            variant = self._seeds.variant(student) if self._seeds else None
            take_in(self._submitted(student), folder, self._forms, self._files, variant)
            (folder / TIME).unlink(missing_ok=True)
            packed = pack(folder)
        return digest(packed, self._task_key.encode()), packed

    def _submitted(self, student: str) -> Path:
        course = self.api.coursedir
        return Path(course.format_path(course.submitted_directory, student, self.assignment))

    def run(self, workers: Workers, step: Callable[[str], None] = lambda student: None) -> None:
        """Grade whatever is not in the gradebook yet, and call `step` after each student.

        `workers` is `dispatch.grade_all`'s, called only where something has to be run. Raises `GradingFailed` where the
        cluster is lost or the disk is full: what was graded until then is kept.
        """
        with _one_writer(self._folder):
            waiting = self._settle(step)
            if not waiting:
                return
            students: dict[str, list[str]] = {}  # by the content of what they handed in
            sent = self._unsent(waiting, students, step)
            try:
                with closing(grade_all(workers, len(waiting), self.task, sent)) as all_found:
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
                student: entered(gradebook, graded_path(self.api, self.assignment, student), self.assignment, student)
                for student in self.students
            }
        waiting, keys = [], set()
        for student in self.students:
            try:
                key, _ = self.take_in(student)
            except Exception as problem:  # of one submission: the others go on
                self._unread(student, problem, step)
                continue
            keys.add(key)
            if known[student] == key:
                self._renew(student, step)
            elif self._results.has(key):
                self._record(student, key, step)
            else:
                waiting.append(student)
        if self.students == self.there:
            self._results.drop_others(keys)
        return waiting

    def _renew(self, student: str, step: Callable[[str], None]) -> None:
        """One that is graded: only what being late costs may have changed."""
        try:
            with _uninterrupted():
                renew_lateness(self.api, self.assignment, student)
        except Exception as problem:  # nbgrader's, or of a time that it cannot read
            self._fail(student, f"What being late costs {student} could not be worked out ({short(problem)})", problem)
            step(student)
        else:
            self._count(student, step)

    def _fail(self, student: str, what: str, problem: Exception) -> None:
        self.api.log.error("".join(traceback.format_exception(problem)))
        self.failed[student] = f"{what}: mend that, and run it again."

    def _unsent(
        self, waiting: list[str], students: dict[str, list[str]], step: Callable[[str], None]
    ) -> Iterator[tuple[str, bytes]]:
        """What has to be run, packed when it is asked for; what is there for others already is not run again."""
        for student in waiting:
            try:
                key, packed = self.take_in(student)
            except Exception as problem:  # of one submission: the others go on
                self._unread(student, problem, step)
                continue
            if key in students:
                students[key].append(student)
            elif self._results.has(key):
                self._record(student, key, step)
            else:
                students[key] = [student]
                yield key, packed

    def _unread(self, student: str, problem: Exception, step: Callable[[str], None]) -> None:
        self._fail(student, f"The files of {student} could not be read ({short(problem)})", problem)
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
        with tempfile.TemporaryDirectory() as folder:
            unpack(self.take_in(student)[1], Path(folder))
            notebooks = {name: nbformat.read(Path(folder) / f"{name}.ipynb", as_version=4) for name in self._forms}
        made = {}
        for name, notebook in notebooks.items():
            notes = [*read_notes(notebook), *repair(notebook, self._forms[name])]
            for cell in filter(is_test, notebook.cells):
                cell.outputs = [error("NoAnswer", "the submission could not be run")]
            notes.append(Note(State.CRASHED, f"The submission could not be run, as {why}: grade it again."))
            write_notes(notebook, notes)
            made[name] = nbformat.writes(notebook)
        return made

    def _record(self, student: str, key: str, step: Callable[[str], None]) -> None:
        with _uninterrupted():
            told = enter_points(self.api, self.assignment, student, self._results.file(key), key)
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
        """What was noticed of a graded submission, for those who teach."""
        folder = graded_path(self.api, self.assignment, student)
        read = (nbformat.read(folder / f"{name}.ipynb", as_version=4) for name in self.task.forms)
        return [note for notebook in read for note in notes_for_teachers(notebook)]
