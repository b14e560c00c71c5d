"""One class through nbgrader's own steps: generate, release, submit, collect, autograde, feedback, export.

Every step is a call of nbgrader's API on a course folder. What nbgrader has to say goes to the folder's grading.log.
"""

import logging
import os
import shutil
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from pathlib import Path
from unittest import mock

import nbgrader.api
from alembic.script import ScriptDirectory
from distributed import Client
from nbgrader.apps import NbGraderAPI, ZipCollectApp
from nbgrader.dbutil import ALEMBIC_DIR
from nbgrader.plugins import CsvExportPlugin
from nbgrader.utils import capture_log, temp_attrs
from traitlets.config import Config, PyFileConfigLoader

from ...errors import GradingFailed
from ...progress import bar
from ..judge.honest import HonestExecute, kernelspec
from .bookkeeping import reason
from .cluster import workers
from .dispatch import short
from .submissions import Batch, check_name

LOG = "grading.log"


def copy_course(course: Path, folder: Path, assignment: str) -> None:
    """Copy nbgrader's settings and one assignment's source from `course` to a folder of its own.

    Raises `GradingFailed` where the course has no such assignment.
    """
    source = course / "source" / assignment
    if not source.is_dir():
        raise GradingFailed(f"There is no assignment '{assignment}' in {course / 'source'}: check its name.")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(course / "nbgrader_config.py", folder)
    shutil.copytree(source, folder / "source" / assignment, dirs_exist_ok=True)


@cache
def _schema() -> str:
    """The version of nbgrader's tables. It starts a program for this, for each new gradebook and for 3 s."""
    return ScriptDirectory(ALEMBIC_DIR).get_current_head()


@contextmanager
def open_course(folder: Path, unsafe_no_sandbox: bool = False, own_exchange: bool = True) -> Iterator[NbGraderAPI]:
    """nbgrader's API on a course folder, and its log in grading.log.

    `unsafe_no_sandbox` lets submissions run without isolation; with `own_exchange`, the exchange is in the folder, too,
    and one account may hand in for everybody.
    """
    folder = folder.resolve()
    try:
        config = PyFileConfigLoader("nbgrader_config.py", path=str(folder)).load_config()
    except Exception as problem:  # it is a program of the instructor's
        raise GradingFailed(
            f"The settings in {folder / 'nbgrader_config.py'} cannot be read ({short(problem)}): mend that file."
        ) from None
    if unsafe_no_sandbox:
        config.merge(Config(HonestExecute={"unsafe_no_sandbox": True}))
    if own_exchange:
        exchange = folder / "exchange"
        exchange.mkdir(exist_ok=True)
        config.merge(
            Config(
                Exchange={"root": str(exchange), "cache": str(folder / "cache")},
                ExchangeReleaseAssignment={"force": True},
                ExchangeCollect={"check_owner": False},
            )
        )
    log = logging.Logger(f"course_utils.grading.{folder}")  # of our own: nothing reaches the screen
    handler = logging.FileHandler(folder / LOG, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    handler.setLevel(logging.INFO)
    log.addHandler(handler)
    try:
        with warnings.catch_warnings(), mock.patch.object(nbgrader.api, "get_alembic_version", _schema):
            warnings.showwarning = lambda *parts, **_: log.warning(warnings.formatwarning(*parts[:4]).strip())
            yield NbGraderAPI(config=config, log=log)
    finally:
        handler.close()


def _done(api: NbGraderAPI, result: dict, what: str) -> None:
    """Raise `GradingFailed` with the reason where a step of nbgrader did not succeed."""
    if not result["success"]:
        api.log.error(result["error"])
        raise GradingFailed(f"Grading stopped, as nbgrader could not {what} ({reason(result)}): see {_log(api)}.")


def _log(api: NbGraderAPI) -> Path:
    return Path(api.coursedir.root) / LOG


def generate(api: NbGraderAPI, assignment: str) -> Path:
    """Make the students' version of an assignment, and return its folder. Raises `GradingFailed`."""
    check_name(assignment)
    _done(api, api.generate_assignment(assignment), f"make the students' version of {assignment}")
    return Path(api.coursedir.format_path(api.coursedir.release_directory, ".", assignment))


def has_exchange() -> bool:
    """nbgrader's exchange, a folder that a class shares, does not exist on Windows."""
    return sys.platform != "win32"


def put_into_exchange(api: NbGraderAPI, assignment: str) -> None:
    """Put the students' version into the exchange. Raises `GradingFailed`."""
    _done(api, api.release_assignment(assignment), f"release {assignment}")


def submit(api: NbGraderAPI, assignment: str, student: str, home: Path) -> None:
    """Hand in the folder `home`/<assignment> for a student, as `nbgrader submit` does. Raises `GradingFailed`."""
    with temp_attrs(api.coursedir, assignment_id=assignment, student_id=student):
        step = api.exchange.Submit(coursedir=api.coursedir, authenticator=api.authenticator, parent=api)
        step.assignment_dir = str(home)
        _done(api, capture_log(step), f"hand in {assignment} for {student}")


def collect(api: NbGraderAPI, assignment: str) -> None:
    """Fetch every student's newest submission out of the exchange. Raises `GradingFailed`."""
    _done(api, api.collect(assignment), f"collect {assignment}")


def archive(api: NbGraderAPI, assignment: str) -> Path:
    """Where files downloaded from elsewhere wait for `zip_collect`: <student>_<assignment>.ipynb, or zipped."""
    return Path(api.coursedir.root) / "downloaded" / assignment / "archive"


def zip_collect(api: NbGraderAPI, assignment: str) -> None:
    """Fetch submissions out of `archive`, as `nbgrader zip_collect` does: the way without an exchange."""
    step = ZipCollectApp(config=api.config, log=api.log, coursedir=api.coursedir, force=True)
    with temp_attrs(api.coursedir, assignment_id=assignment):
        step.init_plugins()
        step.extract_archive_files()
        step.process_extracted_files()


def _each(students: Iterable[str], label: str, progress: bool) -> Iterable[str]:
    return bar(sorted(students), label=label, unit="students", shown=progress)


def autograde(
    api: NbGraderAPI,
    assignment: str,
    progress: bool = True,
    students: Iterable[str] = (),
    jobs: int | None = None,
    scheduler: str | None = None,
) -> Batch:
    """Grade what was collected and is not graded yet, or that of some students, and return how it went.

    `jobs` is the number of workers on this machine; `scheduler` the address of a Dask cluster in their place. Raises
    `GradingFailed`, and `NoSandbox` where submissions cannot be isolated and `open_course` was not told to do without.
    """
    if not scheduler:  # else it is for the workers to say
        kernelspec(HonestExecute(config=api.config).unsafe_no_sandbox)
    batch = Batch(api, assignment, students)
    with bar(total=len(batch.students), label="grading", unit="students", shown=progress) as shown:

        def step(student: str) -> None:
            shown.set_postfix_str(", ".join(f"{count} {state}" for state, count in batch.states.items()), False)
            shown.update()

        batch.run(lambda most: open_workers(jobs, scheduler, most), step)
    return batch


def open_workers(jobs: int | None, scheduler: str | None, most: int) -> AbstractContextManager[Client]:
    """The workers of `autograde`, no more of them than `most`."""
    return workers(min(jobs or os.cpu_count(), most), scheduler)


def feedback(api: NbGraderAPI, assignment: str, progress: bool = True) -> list[tuple[str, Path]]:
    """Make the feedback page of every graded submission: (student, page)."""
    with api.gradebook as gradebook:
        names = sorted(notebook.name for notebook in gradebook.find_assignment(assignment).notebooks)
    pages = []
    for student in _each(api.get_autograded_students(assignment), "feedback", progress):
        _done(api, api.generate_feedback(assignment, student), f"write {student}'s feedback")
        folder = Path(api.coursedir.format_path(api.coursedir.feedback_directory, student, assignment))
        pages += [(student, folder / f"{name}.html") for name in names]
    return pages


def export_csv(api: NbGraderAPI, file: Path) -> None:
    """Write every student's score as CSV, with nbgrader's own columns."""
    with api.gradebook as gradebook:
        CsvExportPlugin(parent=api, to=str(file)).export(gradebook)
