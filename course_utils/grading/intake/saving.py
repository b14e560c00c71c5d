"""What students typed into read-only cells and tests, where their editor let them: it is theirs, and counts."""

import ast
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell

from ..roles import bound, is_test, named, python
from .matching import bare, grade_id, is_own, untouched

_LONGEST = 50_000  # characters of a cell that is parsed


def save_from_own(notebook: NotebookNode, wanted: Mapping[str, NotebookNode]) -> list[str]:
    """Keep what was added to read-only cells and tests, in place, as a cell of its own; what was done.

    Of code, only what binds names that other cells ask for and none binds: a changed test counts for nothing.
    """
    theirs = [cell for cell in notebook.cells if not _is_own(cell, wanted)]
    there = _names(bound, (cell for cell in theirs if not _is_left(cell, wanted)))
    there |= _names(bound, (cell for cell in wanted.values() if is_own(cell) and not is_test(cell)))
    asked = _names(named, (*theirs, *wanted.values()))
    notes, cells = [], []
    for cell in notebook.cells:
        cells.append(cell)
        if not _is_own(cell, wanted) or bare(cell.source) == bare((known := wanted[grade_id(cell)]).source):
            continue
        if known.cell_type == "code":
            other = there | _names(bound, [known])
            kept = [
                one
                for one in _added(cell.source, known.source)
                if _takes_all(one) or (_bound(one) & asked and not _bound(one) & other)
            ]
            made = new_code_cell("\n".join(map(ast.unparse, kept)))
        else:
            text, had = bare(cell.source), bare(known.source)
            made = new_markdown_cell(text.replace(had, "", 1).strip() if had in text else "")
        if made.source:
            cells.insert(len(cells) - is_test(known), made)
            notes.append(f"What was added to the read-only cell '{grade_id(cell)}' was kept as a cell of its own.")
    notebook.cells = cells
    return notes


def _added(text: str, known: str) -> list[ast.stmt]:
    """The statements of a cell that another does not have."""
    with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
        if len(text) < _LONGEST:
            have = {ast.dump(one) for one in ast.parse(python(known)).body}
            return [one for one in ast.parse(python(text)).body if ast.dump(one) not in have]
    return []


def _is_own(cell: NotebookNode, wanted: Mapping[str, NotebookNode]) -> bool:
    return grade_id(cell) in wanted and is_own(wanted[grade_id(cell)])


def _is_left(cell: NotebookNode, wanted: Mapping[str, NotebookNode]) -> bool:
    """Whether an answer was not given: a stub binds nothing that counts."""
    return grade_id(cell) in wanted and untouched(cell, wanted[grade_id(cell)])


def _takes_all(statement: ast.stmt) -> bool:
    """Whether it is an import of names that are not said."""
    return isinstance(statement, ast.ImportFrom) and statement.names[0].name == "*"


def _bound(statement: ast.stmt) -> set[str]:
    return bound(ast.unparse(statement))


def _names(how: Callable[[str], set[str]], cells: Iterable[NotebookNode]) -> set[str]:
    found: set[str] = set()
    for cell in cells:
        if cell.cell_type == "code":
            with suppress(SyntaxError, ValueError, RecursionError, MemoryError):
                found |= how(cell.source[:_LONGEST])
    return found
