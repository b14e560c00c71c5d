"""nbgrader's step "execute", done honestly: a student's cells in the student's kernel, tests in another one."""

import asyncio
import hashlib
import threading
from pathlib import Path

import nbformat
from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets import Integer

from .judge import Judge
from .plan import is_test, read_plan
from .students import StudentKernel

NOTES = "grading"  # where a graded notebook's metadata keep what the grader noticed


class _Loop:
    """One event loop in a thread of its own, so that kernels can outlive the call that started them."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True, name="grading").start()

    def run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result()


_loop: _Loop | None = None
_judges: dict[str, Judge] = {}  # by the content of the assignment's source


def _run(coroutine):
    global _loop
    _loop = _loop or _Loop()
    return _loop.run(coroutine)


async def grade_notebook(notebook: NotebookNode, source: NotebookNode, folder: str, timeout: int) -> list[str]:
    """Run a sanitised submission, and judge it. Outputs go into its cells; returned are notes for a person.

    `source` is the assignment's notebook as its author wrote it; `folder` holds the submission's files, of which
    the kernels get copies; `timeout` is in seconds, for each cell.
    """
    key = hashlib.sha256(nbformat.writes(source).encode()).hexdigest()
    judge = _judges.setdefault(key, Judge(read_plan(source)))
    student = StudentKernel(notebook, folder, timeout)
    try:
        await asyncio.gather(judge.open(folder), student.start())
        for index, cell in enumerate(notebook.cells):
            if is_test(cell):
                await judge.test(cell, student)
            elif cell.cell_type == "code":
                name = cell.metadata.get("nbgrader", {}).get("grade_id") or f"number {index + 1}"
                await student.run(cell, index, name)
    finally:
        await student.stop()
    return student.notes


class HonestExecute(NbGraderPreprocessor):
    """Takes the place of nbgrader's `Execute` among `Autograde.autograde_preprocessors`."""

    timeout = Integer(60, help="Seconds for each cell.").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> tuple[NotebookNode, ResourcesDict]:
        course = self.parent.parent.coursedir
        at, name = resources["nbgrader"]["assignment"], resources["nbgrader"]["notebook"]
        source = Path(course.format_path(course.source_directory, ".", at)) / f"{name}.ipynb"
        notes = _run(
            grade_notebook(nb, nbformat.read(source, as_version=4), resources["metadata"]["path"], self.timeout)
        )
        if notes:
            nb.metadata[NOTES] = notes
        for note in notes:
            self.log.warning(note)
        return nb, resources
