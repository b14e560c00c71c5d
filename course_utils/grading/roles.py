"""What an assignment's source notebook says about judging it: its own cells, and the names that its tests ask for."""

import ast
import re
import symtable
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_solution

from ..errors import GradingFailed

_PYTHON_INSIDE = re.compile(r"\s*%%(time|capture|prun)\b[^\n]*\n")  # what these cell magics hold is Python


@dataclass(frozen=True)
class Plan:
    """How to judge.

    `own` are the sources of the author's cells that are no tests, in order, of solutions the imports; `names` are those
    that the reference solutions bind, which are what a test may ask a student for; `shared` are those that cells bind
    which are the author's and which students may change: theirs count where they can travel.
    """

    own: tuple[str, ...]
    names: tuple[str, ...]
    shared: tuple[str, ...] = ()


def is_test(cell: NotebookNode) -> bool:
    """Whether a cell is a read-only test with points."""
    return cell.cell_type == "code" and is_grade(cell) and not is_solution(cell)


def read_plan(source: NotebookNode) -> Plan:
    """The plan of an assignment's source notebook, as its author wrote it.

    Raises `GradingFailed` where a solution is no Python.
    """
    own, names, shared = [], {}, {}
    for cell in source.cells:
        if cell.cell_type != "code" or is_test(cell):
            continue
        if is_solution(cell):
            try:
                own += imports(cell.source)
                names |= dict.fromkeys(defined(cell.source))
            except SyntaxError as problem:
                raise GradingFailed(
                    f"The solution '{cell.metadata.nbgrader.grade_id}' is no Python ({problem.msg}, line "
                    f"{problem.lineno}): mend it in the source, and run `course generate` again."
                ) from None
        else:
            own.append(cell.source)
            if not cell.metadata.get("nbgrader", {}).get("locked"):
                with suppress(SyntaxError):  # it shows one, perhaps
                    shared |= dict.fromkeys(defined(cell.source))
    return Plan(tuple(own), tuple(names), tuple(name for name in shared if name not in names))


def python(source: str) -> str:
    """A cell's code without what IPython adds to Python."""
    while inside := _PYTHON_INSIDE.match(source):
        source = source[inside.end() :]
    return TransformerManager().transform_cell(source)


def defined(source: str) -> list[str]:
    """The names that a cell binds in the notebook, in any way, in alphabetical order; imports left out.

    Raises `SyntaxError`.
    """
    imported = {symbol.get_name() for symbol in _table(source).get_symbols() if symbol.is_imported()}
    return sorted(bound(source) - imported)


def bound(source: str) -> set[str]:
    """The names that a cell binds in the notebook, in any way, by imports, too. Raises `SyntaxError`."""
    return set(_bound(_table(source)))


def named(source: str) -> set[str]:
    """All names in a cell's code, those in its functions, too. Raises `SyntaxError`."""
    tables, found = [_table(source)], set()
    for table in tables:
        found.update(table.get_identifiers())
        tables += table.get_children()
    return found


def _table(source: str) -> symtable.SymbolTable:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the code, which is not ours
        return symtable.symtable(python(source), "cell", "exec")


def _bound(table: symtable.SymbolTable) -> Iterator[str]:
    """The names that are bound in a module's table, and by `global` in those of its functions."""
    for symbol in table.get_symbols():
        if table.get_type() == "module" or symbol.is_declared_global():
            if symbol.is_assigned() or symbol.is_imported():
                yield symbol.get_name()
    for inner in table.get_children():
        yield from _bound(inner)


def imports(source: str) -> list[str]:
    """The statements of a cell that import something for the whole notebook, each as code. Raises `SyntaxError`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        left, found = list(ast.parse(python(source)).body), []
    while left:
        statement = left.pop(0)
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            found.append(ast.unparse(statement))
        elif not isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            left = [
                part for part in ast.iter_child_nodes(statement) if isinstance(part, (ast.stmt, ast.ExceptHandler))
            ] + left
    return found
