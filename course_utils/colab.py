"""The first code cell of every notebook: it makes a bare Colab runtime ready, from the course's public address."""

import re
from pathlib import Path

import nbformat

from . import execution
from .errors import NotSetUp
from .notebooks import store

# Colab has no more than the notebook itself. `!` and `%` are IPython's: what git and pip say is to be seen.
_CELL = """\
# @title On Colab, run this first: it brings the course and what it needs, in some two minutes
REPOSITORY = "{address}"

import importlib.util
import os
import sys

if "google.colab" in sys.modules and not os.path.exists("../course.py"):
    !test -d course || git clone --quiet --depth 1 "{{REPOSITORY}}" course
    !{{sys.executable}} -m pip install --quiet ./course
    importlib.invalidate_caches()
    if not importlib.util.find_spec("course_utils"):
        raise ImportError(
            f"The course did not come from '{{REPOSITORY}}', for the reason above: "
            "put its address into REPOSITORY, and run this cell again."
        )
    %cd -q course/notebooks"""


def source(address: str) -> str:
    """The cell's code, with the course's public address in it."""
    return _CELL.format(address=address)


def cell_of(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """The cell for Colab in a notebook of the course."""
    (cell,) = (cell for cell in notebook.cells if execution.COLAB in cell.metadata.get("tags", ()))
    return cell


def address(root: Path) -> str:
    """The public address of the course in `root`, as its first notebook says, or "" where none is known."""
    first = min((root / "notebooks").glob("*.ipynb"))
    return re.search(r'^REPOSITORY = "(.*)"$', cell_of(execution.read(first)).source, re.MULTILINE)[1]


def set_address(root: Path, address: str) -> int:
    """Write the public address into every notebook of the course in `root`. Returns the number of notebooks.

    Raises `NotSetUp` where the address is none that git can clone from and everybody may read.
    """
    told = address.removesuffix("/").removesuffix(".git")
    if not re.fullmatch(r"https://[A-Za-z0-9.-]+(/[A-Za-z0-9._~-]+)+", told):
        raise NotSetUp(
            f"'{address}' is no public address of a repository: give one such as https://github.com/you/course, "
            "without a user or a password."
        )
    paths = sorted((root / "notebooks").glob("*.ipynb"))
    for path in paths:
        notebook = execution.read(path)
        cell_of(notebook).source = source(told)
        store(path, notebook)
    return len(paths)
