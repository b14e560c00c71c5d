"""What an assignment's source notebook says about judging it: its own cells, and the names that its tests ask for."""

import ast
from dataclasses import dataclass

from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_locked, is_solution


@dataclass(frozen=True)
class Plan:
    """`own` are the sources of the read-only cells that are no tests, in order; `names` are those that the reference
    solutions define at their top level, which are what a test may ask a student for."""

    own: tuple[str, ...]
    names: tuple[str, ...]


def is_test(cell: NotebookNode) -> bool:
    """Whether a cell is a read-only test with points."""
    return cell.cell_type == "code" and is_grade(cell) and not is_solution(cell)


def read_plan(source: NotebookNode) -> Plan:
    """The plan of an assignment's source notebook, as its author wrote it."""
    own, names = [], {}
    for cell in source.cells:
        if cell.cell_type != "code" or is_test(cell):
            continue
        if is_solution(cell):
            names |= dict.fromkeys(defined(cell.source))
        elif is_locked(cell):
            own.append(cell.source)
    return Plan(tuple(own), tuple(names))


def defined(source: str) -> list[str]:
    """The names that a cell's top-level statements bind, imports left out."""
    names = []
    for statement in ast.parse(source).body:
        if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
            names.append(statement.name)
        elif isinstance(statement, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            names += [part.id for part in ast.walk(statement) if isinstance(part, ast.Name) and _stored(part)]
    return names


def _stored(name: ast.Name) -> bool:
    return isinstance(name.ctx, ast.Store)
