"""The committed form of a notebook: run in full on its defaults, with outputs, and nothing that is left over."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest import mock

import nbformat

from ..errors import NotebookFailed
from ..root import written_whole
from ..world import embedded
from . import execution

PARAMETERS = {"FAST": False}


def facts(notebook: nbformat.NotebookNode) -> dict[str, str]:
    """What committed outputs are outputs of: SHA-256 of the code cells' sources, and of the embedded weights."""
    code = hashlib.sha256()
    for cell in execution.code_cells(notebook):
        if execution.COLAB not in cell.metadata.get("tags", ()):  # does nothing here
            code.update(cell.source.encode() + b"\0")
    return {"code": code.hexdigest(), "source": embedded.read_card()["sha256"]}


def committed_form(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """An executed notebook as it is committed: only what was written and what was shown, cells counted from 1.

    Changes `notebook` and returns it.
    """
    notebook.cells = [cell for cell in notebook.cells if execution.INJECTED not in cell.metadata.get("tags", ())]
    for cell in notebook.cells:
        for passing in ("papermill", "execution"):
            cell.metadata.pop(passing, None)
        if not cell.metadata.get("tags", True):
            del cell.metadata["tags"]
        if cell.cell_type == "code" and not cell.source.strip():
            cell.execution_count, cell.outputs = None, []
    execution.drop_widgets(notebook)
    for number, cell in enumerate(execution.code_cells(notebook), 1):
        cell.execution_count = number
        for output in cell.outputs:
            if output.output_type == "execute_result":
                output.execution_count = number
    notebook.metadata = nbformat.from_dict(
        {
            "kernelspec": {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
            "course": facts(notebook),
        }
    )
    return notebook


def rewrite(path: Path, each_cell: Callable[[], object] = lambda: None) -> float:
    """Run the notebook at `path` in full and write it back with its outputs. Returns the seconds that the run took.

    Raises `NotebookFailed`, and then the file is as it was: where a cell fails or writes to stderr, and where
    somebody saved the file while it ran.
    """
    notebook = execution.read_notebook(path)
    before = path.read_bytes()
    # A table that is computed now comes with the course; what this user has fetched does not.
    with TemporaryDirectory() as nothing:
        ours = {"COURSE_SHIP_TABLES": "1", "KERAS_HOME": nothing, "COURSE_DATA": ""}
        with mock.patch.dict(os.environ, ours):
            if any("_fast" in cell.source for cell in execution.code_cells(notebook)):  # has tables for a quick look
                execution.run_notebook(path, {"FAST": True})
            run = execution.run_notebook(path, PARAMETERS, each_cell, notebook)
    for number, cell in enumerate(execution.code_cells(run.notebook), 1):
        for output in cell.outputs:
            if output.get("name") == "stderr":
                line = output.text.strip().partition("\n")[0]
                raise NotebookFailed(
                    f"The notebook {path.name} writes to stderr in its code cell {number} ({line}): mend its cause."
                )
    committed = committed_form(run.notebook)
    if path.read_bytes() != before:
        raise NotebookFailed(
            f"The notebook {path.name} was changed while it ran, and was left alone: run the command again."
        )
    store(path, committed)
    return run.seconds


def store(path: Path, notebook: nbformat.NotebookNode) -> None:
    """Write a notebook into its file, whole or not at all."""
    with written_whole(path) as beside:
        beside.write_text(nbformat.writes(notebook).rstrip("\n") + "\n", "utf-8", newline="\n")
