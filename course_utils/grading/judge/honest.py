"""nbgrader's step "execute", done honestly: a student's cells in the student's kernel, tests in another one."""

import asyncio
import atexit
import hashlib
import threading
import time
from contextlib import suppress
from pathlib import Path

import nbformat
from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Bool, Integer

from ...errors import NoSandbox
from ..roles import is_test, read_plan
from ..sandbox.available import missing, way
from ..seeds import put_seed, seed_of
from ..states import KEY, Note, State, read_notes, write_notes
from .judging_kernel import Judge
from .second_look import second_look
from .student_kernel import StudentKernel

UNSAFE = "python3"  # the kernelspec without isolation


class _Loop:
    """One event loop in a thread of its own, so that kernels can outlive the call that started them."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True, name="grading").start()

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


_loop: _Loop | None = None
_judges: dict[tuple[str, str], Judge] = {}  # by the place, and by the content of the assignment's source


def _run(coroutine):
    global _loop
    if _loop is None:
        _loop = _Loop()
        atexit.register(stop)
    return _loop.run(coroutine)


def stop() -> None:
    """End the judging kernels, as happens at the end of the process that started them."""
    for judge in _judges.values():
        with suppress(Exception):  # whatever happens at the end, the server that they were forked from ends them
            _run(judge.stop())
    _judges.clear()


def grade_notebook(notebook: NotebookNode, source: Path, folder: Path, timeout: int, kernel: str) -> None:
    """Run a sanitised submission, and judge it. Outputs go into its cells, and notes into its metadata.

    `source` is the assignment's notebook as its author wrote it, in the folder of its files; `folder` holds the
    submission's files. The kernels get copies, each of its own folder, both with the seed that the intake has written
    into the submission's metadata, if any. `timeout` is in seconds, for each cell; `kernel` names the kernelspec. The
    metadata tell the seconds that it took, too.
    """
    begin = time.monotonic()
    notes = [Note(State.GRADED, "This submission was run without isolation.")] if kernel == UNSAFE else []
    notes += _run(_grade(notebook, source, folder, timeout, kernel))
    write_notes(notebook, read_notes(notebook) + notes)
    notebook.metadata[KEY]["seconds"] = round(time.monotonic() - begin, 1)


async def _grade(notebook: NotebookNode, source: Path, folder: Path, timeout: int, kernel: str) -> list[Note]:
    read = nbformat.read(source, as_version=4)
    if (seed := seed_of(notebook)) is not None:
        put_seed(read, seed)
        put_seed(notebook, seed)
    key = f"{kernel} {source}", hashlib.sha256(nbformat.writes(read).encode()).hexdigest()
    if seed is not None:  # each of the class needs a judge of its own, once
        for other in [other for other in _judges if other[0] == key[0] and other != key]:
            await _judges.pop(other).stop()
    if key not in _judges:
        _judges[key] = Judge(read_plan(read), kernel, str(source.parent))
    judge = _judges[key]
    reference = {cell.metadata.get("nbgrader", {}).get("grade_id"): cell.source for cell in read.cells}
    student = StudentKernel(notebook, str(folder), timeout, kernel)
    try:
        await asyncio.gather(judge.open(), student.start())
        for index, cell in enumerate(notebook.cells):
            if is_test(cell):
                await judge.test(cell, student)
            elif cell.cell_type == "code":
                name = cell.metadata.get("nbgrader", {}).get("grade_id") or f"number {index + 1}"
                await student.run(cell, index, name)
    finally:
        await student.stop()
    asked = {cell.metadata.nbgrader.grade_id: set(judge.asks(cell)) for cell in filter(is_test, notebook.cells)}
    return student.notes + list(second_look(notebook, asked, reference))


class HonestExecute(NbGraderPreprocessor):
    """Takes the place of nbgrader's `Execute` among `Autograde.autograde_preprocessors`."""

    timeout = Integer(60, help="Seconds for each cell.").tag(config=True)
    unsafe_no_sandbox = Bool(False, help="Run submissions without isolation; their notebooks say so.").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> tuple[NotebookNode, ResourcesDict]:
        course = self.parent.parent.coursedir
        at, name = resources["nbgrader"]["assignment"], resources["nbgrader"]["notebook"]
        source = Path(course.format_path(course.source_directory, ".", at)).resolve() / f"{name}.ipynb"
        grade_notebook(
            nb, source, Path(resources["metadata"]["path"]), self.timeout, kernelspec(self.unsafe_no_sandbox)
        )
        for note in read_notes(nb):
            self.log.warning(note.says)
        return nb, resources


def kernelspec(unsafe_no_sandbox: bool = False) -> str:
    """The kernelspec that submissions run in. Raises `NoSandbox` where they cannot be isolated and have to be."""
    if unsafe_no_sandbox:
        return UNSAFE
    if lacking := missing():
        raise NoSandbox(f"Nothing was graded. {lacking}")
    return way()
