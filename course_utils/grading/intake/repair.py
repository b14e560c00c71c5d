"""A submission's notebook, brought back into the form of the assignment: by grade_id, and only where that is safe.

The students' own cells stay where they are. What is the assignment's, tests above all, comes from its source.
"""

import copy

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_raw_cell
from nbgrader.utils import is_solution

from ..roles import is_test
from ..states import Note, State, read_notes, worst
from .matching import bare, grade_id, is_another, is_own, match_cells, strangers
from .saving import save_from_own


def repair(notebook: NotebookNode, source: NotebookNode) -> list[Note]:
    """Bring `notebook` into the form of `source`, in place, and return what had to be done.

    Both have nbgrader's metadata. Afterwards each of the source's grade_ids stands there once, with the source's
    metadata, and with its text where the cell is the assignment's own; every such cell comes after all that comes
    before it in the source, and a test whose answer was not found behind all; and no cell has outputs.
    """
    wanted = {grade_id(cell): cell for cell in source.cells if grade_id(cell)}
    done = _strip_unknown(notebook, wanted) + _strip_doubles(notebook, wanted) + _restore_roles(notebook, wanted)
    done += save_from_own(notebook, wanted)
    notes = [Note(State.REPAIRED, text) for text in done]
    notes += match_cells(notebook, source)
    notes += [Note(State.REPAIRED, text) for text in _put_in_order(notebook, wanted, _homeless(notebook, source))]
    _overwrite(notebook, wanted)
    return [] if worst(read_notes(notebook)) is State.UNREADABLE else notes  # then nothing was there to be repaired


def _strip_unknown(notebook: NotebookNode, wanted: dict) -> list[str]:
    notes = []
    for cell in notebook.cells:
        if "nbgrader" not in cell.metadata:
            continue
        name = grade_id(cell)
        if name not in wanted:
            del cell.metadata["nbgrader"]
            notes.append(f"A cell says that it is graded as '{name}', which the assignment does not have.")
        elif is_own(wanted[name]) and is_another(cell.source, wanted[name].source) and not _is_more(cell, wanted[name]):
            del cell.metadata["nbgrader"]
            notes.append(f"The cell '{name}' held something else, which was kept as a cell of its own.")
    return notes


def _is_more(cell: NotebookNode, known: NotebookNode) -> bool:
    """Whether a cell is the one that is known, with something added to it."""
    return bare(known.source) in bare(cell.source)


def _strip_doubles(notebook: NotebookNode, wanted: dict) -> list[str]:
    """Of cells with one name, a solution's is the last that was changed, any other's the first; all still run."""
    places: dict[str, list[NotebookNode]] = {}
    for cell in notebook.cells:
        if grade_id(cell):
            places.setdefault(grade_id(cell), []).append(cell)
    notes = []
    for name, cells in places.items():
        if len(cells) > 1:
            changed = [cell for cell in cells if cell.source.strip() != wanted[name].source.strip()]
            kept = (changed or cells)[-1] if is_solution(wanted[name]) else cells[0]
            for cell in cells:
                if cell is not kept:
                    del cell.metadata["nbgrader"]
            notes.append(f"The cell '{name}' stood there {len(cells)} times: one of them counts.")
    return notes


_ROLE = ("grade", "solution", "task", "locked", "points", "cell_type")


def _restore_roles(notebook: NotebookNode, wanted: dict) -> list[str]:
    notes = []
    for cell in notebook.cells:
        name = grade_id(cell)
        if name and _role(cell) != _role(wanted[name]):
            for key in _ROLE:
                cell.metadata.nbgrader.pop(key, None)
            cell.metadata.nbgrader.update({k: v for k, v in wanted[name].metadata.nbgrader.items() if k in _ROLE})
            notes.append(f"The cell '{name}' had lost what nbgrader knows of it.")
    return notes


def _role(cell: NotebookNode) -> dict:
    role = {key: cell.metadata.nbgrader.get(key) for key in _ROLE if key != "cell_type"}
    return role | {key: bool(role[key]) for key in ("grade", "solution", "task", "locked")}


def _homeless(notebook: NotebookNode, source: NotebookNode) -> set[str]:
    """The tests whose answer is nowhere to be seen, where it may stand in any of the student's cells."""
    there = {grade_id(cell) for cell in notebook.cells}
    found, answered = set(), True
    if any(cell.cell_type == "code" for cell in strangers(notebook, source)):
        for cell in source.cells:
            if is_solution(cell):
                answered = grade_id(cell) in there
            elif is_test(cell) and not answered:
                found.add(grade_id(cell))
    return found


def _put_in_order(notebook: NotebookNode, wanted: dict, last: set[str]) -> list[str]:
    """Put the assignment's own cells back, each behind all that comes before it in the source; some come last."""
    order = {name: k for k, name in enumerate(wanted)}
    there = [grade_id(cell) for cell in notebook.cells if grade_id(cell)]
    lost = [name for name in wanted if name not in there]
    moved = there != sorted(there, key=order.get)
    last = {name for name in last if name in lost}
    if not lost and not moved:
        return []
    own = {name for name in there if moved and is_own(wanted[name])}
    kept = {grade_id(cell): cell for cell in notebook.cells if grade_id(cell) in own}
    notebook.cells = [cell for cell in notebook.cells if grade_id(cell) not in own]
    for name in wanted:
        if name in lost or name in own:
            before = [
                k
                for k, cell in enumerate(notebook.cells)
                if order.get(grade_id(cell), len(order)) < order[name] and grade_id(cell) not in last
            ]
            place = len(notebook.cells) if name in last else max(before, default=-1) + 1
            notebook.cells.insert(place, kept.get(name) or copy.deepcopy(wanted[name]))
    notes = [f"The cell '{name}' was missing, and was put back." for name in lost]
    if len(lost) > 3:
        notes = [f"{len(lost)} cells were missing, and were put back."]
    return notes + ["Cells had been moved: those of the assignment were put where they belong."] * moved


_MAKE = {"code": new_code_cell, "markdown": new_markdown_cell, "raw": new_raw_cell}


def _overwrite(notebook: NotebookNode, wanted: dict) -> None:
    """What nbgrader's `ClearOutput` and `OverwriteCells` do: a student's copy of a test is no test."""
    for place, cell in enumerate(notebook.cells):
        known = wanted.get(grade_id(cell))
        if known and cell.cell_type != known.cell_type:
            cell = notebook.cells[place] = _MAKE[known.cell_type](cell.source, metadata=cell.metadata)
        if known:
            cell.metadata.nbgrader = copy.deepcopy(known.metadata.nbgrader)
            cell.source = known.source if is_own(known) else cell.source
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
