"""Submissions as every class has some: they crash, never end, are out of form, damaged, or made to deceive.

Each is made from right answers, for the demonstration class. Instructors see what the grader says of them.
"""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import is_solution

from ..roles import is_test
from ..states import State

_DECEIVE = """
import ast

class WithoutAsserts(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.Pass()

get_ipython().ast_transformers.append(WithoutAsserts())
"""


@dataclass(frozen=True)
class Unruly:
    """What was done to the notebook of somebody whose answers are right, and how its grading ends."""

    does: Callable[[NotebookNode], str]
    ends: State


def _answer(code: str) -> Callable[[NotebookNode], str]:
    """Code in place of the first answer."""

    def does(notebook: NotebookNode) -> str:
        first = next(filter(is_solution, notebook.cells))
        first.source = code
        return nbformat.writes(notebook)

    return does


def _delete_a_test(notebook: NotebookNode) -> str:
    notebook.cells.remove(next(filter(is_test, notebook.cells)))
    return nbformat.writes(notebook)


def _copy_a_cell(notebook: NotebookNode) -> str:
    test = next(filter(is_test, notebook.cells))
    notebook.cells.insert(notebook.cells.index(test), copy.deepcopy(test))
    return nbformat.writes(notebook)


def _break_the_file(notebook: NotebookNode) -> str:
    text = nbformat.writes(notebook)
    return text[: len(text) // 2]


UNRULY = {
    "crash": Unruly(_answer("import os\nos._exit(1)"), State.CRASHED),
    "endless-loop": Unruly(_answer("while True:\n    pass"), State.TIMEOUT),
    "deleted-test": Unruly(_delete_a_test, State.REPAIRED),
    "copied-cell": Unruly(_copy_a_cell, State.REPAIRED),
    "broken-file": Unruly(_break_the_file, State.UNREADABLE),
    "tampering": Unruly(_answer(_DECEIVE), State.TAMPERED),
}
