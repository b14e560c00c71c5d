"""The first code cell of every notebook: it makes a bare Colab runtime ready, from the course's public address."""

import re
from pathlib import Path

import nbformat

from ..errors import NotSetUp
from . import execution
from .committed import store

# Colab has no more than the notebook itself. `!` and `%` are IPython's: what git and pip say is to be seen.
# Once a lesson has imported `course_utils`, the cell does nothing, in any folder.
_CELL = """\
# @title On Colab, run this first: it brings the course and what it needs
REPOSITORY = "{address}"  # @param {{type:"string"}}

import importlib.util
import os
import sys

if (
    "google.colab" in sys.modules
    and "course_utils" not in sys.modules
    and not os.path.exists("../course.py")
):
    if not os.path.exists("course"):
        !git clone --quiet --depth 1 "{{REPOSITORY}}" course
        if not os.path.exists("course/course.py"):
            !rm -rf course
            raise RuntimeError(
                f"The course is not at '{{REPOSITORY}}': "
                "put its public address into REPOSITORY, and run this cell again."
            )
    if not importlib.util.find_spec("course_utils"):
        !{{sys.executable}} -m pip install --quiet ./course
        importlib.invalidate_caches()
        if not importlib.util.find_spec("course_utils"):
            raise RuntimeError(
                "pip could not install the course, for the reason above: "
                "mend it, or begin with a new runtime, and run this cell again."
            )
    %cd -q course/notebooks"""


def cell_source(address: str) -> str:
    """The cell's code, with the course's public address in it."""
    return _CELL.format(address=address)


def cell_of(path: Path, notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The cell for Colab in the notebook at `path`. Raises `NotSetUp` where there is not exactly one."""
    found = [cell for cell in notebook.cells if execution.COLAB in cell.metadata.get("tags", ())]
    if len(found) != 1:
        raise NotSetUp(
            f"The notebook {path.name} has {len(found) or 'no'} cells tagged `{execution.COLAB}`: give it the one that "
            "the others have."
        )
    return found[0]


def read_address(root: Path) -> str:
    """The public address of the course in `root`, as its first notebook says, or "" where none is known.

    Raises `NotSetUp` where the notebook does not say, or says what is none.
    """
    path = min((root / "notebooks").glob("*.ipynb"), default=root / "notebooks" / "00_start_here.ipynb")
    said = re.search(r'^REPOSITORY = "(.*?)"', cell_of(path, execution.read_notebook(path)).source, re.MULTILINE)
    if not said:
        raise NotSetUp(f"The notebook {path.name} does not say where the course is: `course address URL` writes it.")
    return _public(said[1]) if said[1] else ""


def write_address(root: Path, address: str) -> int:
    """Write the public address into every notebook of the course in `root`. Returns the number of notebooks.

    Raises `NotSetUp`, and then no notebook has changed: where the address is none that git can clone from and everybody
    may read, or where a notebook lacks its cell.
    """
    told = _public(address)
    notebooks = {path: execution.read_notebook(path) for path in sorted((root / "notebooks").glob("*.ipynb"))}
    for path, notebook in notebooks.items():
        cell_of(path, notebook).source = cell_source(told)
    for path, notebook in notebooks.items():
        store(path, notebook)
    return len(notebooks)


def _public(address: str) -> str:
    told = address.removesuffix("/").removesuffix(".git")
    parts = r"https://(github\.com(/[\w.~-]+){2}|(?!github\.com/)[\w.-]+(/[\w.~-]+)+)"  # GitHub has no deeper folders
    if not re.fullmatch(parts, told, re.ASCII):
        raise NotSetUp(
            f"'{address}' is no public address of a repository: give one such as https://github.com/you/course "
            "(`course address`), without a user, a password or a branch."
        )
    return told
