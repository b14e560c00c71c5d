"""Run notebooks with papermill: one kernel each, parameters set, and what went wrong told in one sentence."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import nbformat

from ..charts.widgets import VIEW
from ..errors import NotebookFailed
from ..machine.jupyter import CourseKernelManager

INJECTED = "injected-parameters"  # papermill's tag of the cell that it puts in
COLAB = "colab"  # our tag of the cell that makes a bare Colab runtime ready


@dataclass(frozen=True)
class Run:
    """A notebook as it was run: with its outputs, papermill's cell of parameters in it, and the time that it took."""

    path: Path
    notebook: nbformat.NotebookNode
    seconds: float


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """The notebook in a file, as format 4. Raises `NotebookFailed` where there is none."""
    try:
        return nbformat.read(path, as_version=4)
    except OSError:
        raise NotebookFailed(f"There is no notebook {path}: check its name.") from None
    except Exception as problem:  # nbformat raises what its parser happens to meet
        reason = str(problem).partition("\n")[0]
        raise NotebookFailed(
            f"The file {path.name} is no notebook that Jupyter can read ({reason}): restore the file."
        ) from None


def drop_widgets(notebook: nbformat.NotebookNode) -> None:
    """Leave of each widget the text that stands in its place: without a kernel it would be an empty frame."""
    notebook.metadata.pop("widgets", None)
    for cell in code_cells(notebook):
        for output in cell.outputs:
            output.get("data", {}).pop(VIEW, None)


def code_cells(notebook: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    """The cells that are run, in order: empty ones and papermill's own are left out."""
    cells = (cell for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip())
    return [cell for cell in cells if INJECTED not in cell.metadata.get("tags", ())]


def _first_line(text: object) -> str:
    return str(text).strip().partition("\n")[0]


def run_notebook(
    path: Path,
    parameters: dict,
    each_cell: Callable[[], object] = lambda: None,
    notebook: nbformat.NotebookNode | None = None,
) -> Run:
    """Run the notebook at `path`, in its folder, and call `each_cell` after each of its code cells.

    `notebook` is run in place of what the file holds. The file stays as it is. Raises `NotebookFailed`.
    """
    import papermill
    from papermill.exceptions import PapermillException, PapermillExecutionError

    notebook = notebook or read_notebook(path)
    cells = code_cells(notebook)

    def done(cell, **_):
        if INJECTED not in cell.metadata.get("tags", ()):
            each_cell()

    logging.getLogger("papermill").setLevel(logging.ERROR)
    start = time.monotonic()
    try:
        made = papermill.execute_notebook(
            notebook,
            None,
            parameters,
            kernel_name="python3",
            resources={"metadata": {"path": str(path.parent)}},  # `cwd` would change that of all threads
            progress_bar=False,
            kernel_manager_class=CourseKernelManager,
            extra_arguments=["--IPKernelApp.log_level=50"],  # the kernel's own log has nothing for a reader
            shutdown_kernel="immediate",
            on_cell_executed=done,
            record_timing=False,
            store_widget_state=False,
        )
    except PapermillExecutionError as problem:
        number = next((i for i, cell in enumerate(cells, 1) if cell.source == problem.source), "?")
        first, reason = _first_line(problem.source), _first_line(problem.evalue)
        told = reason if reason.startswith(problem.ename) else f"{problem.ename}: {reason}"
        raise NotebookFailed(
            f"The notebook {path.name} stopped in its code cell {number} (`{first}`) with {told.rstrip('.')}."
        ) from None
    except (PapermillException, RuntimeError, TimeoutError) as problem:  # a kernel that died or never answered
        raise NotebookFailed(
            f"The notebook {path.name} lost its kernel ({_first_line(problem)}): the usual reason is too little memory."
        ) from None
    return Run(path, made, time.monotonic() - start)
