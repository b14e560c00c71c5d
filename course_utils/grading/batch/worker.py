"""What a worker does, on whatever machine: one submission in, as bytes, and its graded notebooks out, as JSON.

A worker knows neither the gradebook nor the course's folder. See `batch` for the other side.
"""

import json
import shutil
import signal
import tempfile
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

import nbformat

from ...errors import NoSandbox
from ..intake.repair import repair
from ..judge.honest import grade_notebook, kernelspec, stop
from ..packing import digest, unpack
from ..states import read_notes, write_notes
from ..version import grader


@dataclass(frozen=True)
class Assignment:
    """All that a worker needs to know of an assignment.

    `source` are its author's files, packed; `forms` its notebooks by name, as JSON, in the form that a submission must
    have; `timeout` is in seconds, for each cell; `unsafe` says to do without isolation; `grader` is the version wanted;
    `theirs` are the files of which a submission's own counts, as in nbgrader's `Autograde.exclude_overwriting`.
    """

    source: bytes
    forms: dict[str, str]
    timeout: int
    unsafe: bool
    grader: str
    theirs: tuple[str, ...] = ()

    @property
    def key(self) -> str:
        rest = json.dumps([self.forms, self.timeout, self.unsafe, self.grader, self.theirs], sort_keys=True)
        return digest(self.source, rest.encode())


_sources: dict[str, Path] = {}


def _source(assignment: Assignment) -> Path:
    """The assignment's own files, unpacked once for each process."""
    if assignment.key not in _sources:
        folder = Path(tempfile.mkdtemp(prefix="assignment-"))
        unpack(assignment.source, folder)
        _sources[assignment.key] = folder
    return _sources[assignment.key]


def grade(submission: bytes, assignment: Assignment) -> dict[str, str]:
    """Grade one submission, a packed folder: its notebooks as JSON, by name, with outputs, points and notes.

    Raises `NoSandbox` where this machine cannot isolate it or has another version of the grader.
    """
    return _grade(submission, assignment, repair)


def grade_as_it_is(submission: bytes, assignment: Assignment) -> dict[str, str]:
    """As `grade`, for notebooks of ours whose cells are other than the assignment's."""
    return _grade(submission, assignment, lambda read, form: [])


def _grade(submission: bytes, assignment: Assignment, repair: Callable) -> dict[str, str]:
    if grader() != assignment.grader:
        raise NoSandbox("A worker has another version of the course than this machine: install the same on both.")
    source, chosen, graded = _source(assignment), kernelspec(assignment.unsafe), {}
    with tempfile.TemporaryDirectory(prefix="submission-") as name:
        folder = Path(name)
        unpack(submission, folder)
        _overwrite(source, folder, assignment.theirs)
        for notebook, form in assignment.forms.items():
            read = nbformat.read(folder / f"{notebook}.ipynb", as_version=4)
            notes = read_notes(read) + repair(read, nbformat.reads(form, as_version=4))
            write_notes(read, notes)
            grade_notebook(read, source / f"{notebook}.ipynb", folder, assignment.timeout, chosen)
            graded[notebook] = nbformat.writes(read)
    return graded


def _overwrite(source: Path, folder: Path, theirs: Collection[str]) -> None:
    """Put an assignment's own files into a submission's folder, except notebooks and those named in `theirs`."""
    for file in source.rglob("*"):
        name = file.relative_to(source)
        if file.is_file() and file.suffix != ".ipynb" and name.as_posix() not in theirs:
            there = folder / name
            there.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, there)


def dask_setup(worker) -> None:
    """Called by Dask where a worker was started with this module as its preload."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the one who waits for the workers


def dask_teardown(worker) -> None:
    """Called by Dask where such a worker ends."""
    stop()
    for folder in _sources.values():
        shutil.rmtree(folder, ignore_errors=True)
