"""Cells that lost what nbgrader knows of them, found again: by their text, by the names that they define, by order."""

import ast
import builtins
import re
from collections.abc import Iterable
from contextlib import suppress
from copy import deepcopy
from difflib import SequenceMatcher

from nbformat import NotebookNode
from nbgrader.utils import is_grade, is_locked, is_solution, is_task

from ..roles import defined, is_test
from ..seeds import START
from ..states import Note, State

ORDINARY = "ordinary"  # in a form's metadata: the texts of the release's cells that nbgrader does not know
_EACH = 3  # answers of which each gets a sentence
_ALIKE = 0.7  # share of the characters that a changed version of a text has in common with it, at least
_LONGEST = 50_000  # characters of a cell that is parsed
DUE = "**Due:**"  # how the release says when it is due
# What nbgrader takes out of the release, and what is put into it.
_HIDDEN = re.compile(
    r"(?ms)^[^\n]*BEGIN (HIDDEN TESTS|MARK SCHEME).*?END \1[^\n]*\n?|^\*\*Due:\*\* \w+, \d[^\n]*UTC[^\n]*\n?"
)


def grade_id(cell: NotebookNode) -> str | None:
    """The name that nbgrader knows a cell by."""
    known = cell.metadata.get("nbgrader")
    name = known.get("grade_id") if isinstance(known, dict) else None
    return name if isinstance(name, str) else None


def is_own(cell: NotebookNode) -> bool:
    """Whether a cell is the assignment's alone: read-only, a test, or the text of a task."""
    return is_locked(cell) or is_task(cell) or (is_grade(cell) and not is_solution(cell))


def bare(text: str) -> str:
    """A text as it is compared: without what students were not given, the due date, the seed, and spaces."""
    return " ".join(START.sub("", _HIDDEN.sub("", text)).split())


def is_another(text: str, known: str) -> bool:
    """Whether a text is no version of the one that is known, but may be an answer that got its name."""
    return bool(bare(text)) and SequenceMatcher(None, bare(text), bare(known), autojunk=False).quick_ratio() < _ALIKE


def strangers(notebook: NotebookNode, form: NotebookNode) -> list[NotebookNode]:
    """The cells with a text of the student's that nbgrader does not know."""
    known = {bare(cell.source) for cell in form.cells} | set(map(bare, form.metadata.get(ORDINARY, ())))
    return [cell for cell in notebook.cells if not grade_id(cell) and bare(cell.source) not in known | {""}]


def untouched(cell: NotebookNode, released: NotebookNode) -> bool:
    """Whether an answer is as the release has it, or says no more than that there is none."""
    return bare(cell.source) in (bare(released.source), "") or (cell.cell_type == "code" and _says_nothing(cell.source))


def _says_nothing(source: str) -> bool:
    """Whether code is at most a stub, as of an earlier release."""
    try:
        statements = ast.parse(source[:_LONGEST]).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return all(
        isinstance(one, ast.Pass)
        or (isinstance(one, ast.Expr) and isinstance(one.value, ast.Constant))
        or (isinstance(one, ast.Raise) and "NotImplementedError" in ast.dump(one))
        for one in statements
    )


def kinship(notebook: NotebookNode, form: NotebookNode) -> int:
    """How many cells of a form a notebook has, by name or by text."""
    texts = {bare(cell.source) for cell in notebook.cells} | {grade_id(cell) for cell in notebook.cells}
    return sum(grade_id(cell) in texts or bare(cell.source) in texts - {""} for cell in form.cells)


def match_cells(notebook: NotebookNode, form: NotebookNode) -> list[Note]:
    """Name the cells of `notebook`, in place, that can only be cells of `form`, and say what was found.

    An answer in another cell takes the place of one that was left as it was. What stays open is told as a look.
    """
    wanted = {grade_id(cell): cell for cell in form.cells}
    _by_text(notebook, wanted)
    found, notes = [], []
    for name, cell in wanted.items():
        if is_solution(cell) and _is_open(notebook, name, cell):
            if told := _answer(notebook, form, wanted, name):
                (found if told.state is State.REPAIRED else notes).append(told)
    if len(found) > _EACH:
        text = (
            f"{len(found)} answers stood in cells without their names, and were known by what they define or by order."
        )
        found = [Note(State.REPAIRED, text)]
    return found + notes


def _by_text(notebook: NotebookNode, wanted: dict) -> None:
    """The cells that are word for word the release's; several alike only where their order leaves no doubt."""
    there = {grade_id(cell) for cell in notebook.cells}
    alike: dict[str, list[str]] = {}
    for name, cell in wanted.items():
        if name not in there and bare(cell.source):
            alike.setdefault(bare(cell.source), []).append(name)
    doubtful = {}
    for text, lost in alike.items():
        cells = [cell for cell in notebook.cells if not grade_id(cell) and bare(cell.source) == text]
        if len(cells) == len(lost):
            for cell, name in zip(cells, lost, strict=True):
                _name(cell, wanted[name])
        elif cells:
            doubtful[text] = lost
    for text, lost in doubtful.items():
        for name in lost:
            between = _between(notebook, list(wanted), name, None)
            if cell := next((c for c in between if not grade_id(c) and bare(c.source) == text), None):
                _name(cell, wanted[name])


def _name(cell: NotebookNode, known: NotebookNode) -> None:
    cell.metadata.nbgrader = dict(known.metadata.nbgrader)


def _is_open(notebook: NotebookNode, name: str, released: NotebookNode) -> bool:
    return all(untouched(cell, released) for cell in notebook.cells if grade_id(cell) == name)


def _answer(notebook: NotebookNode, form: NotebookNode, wanted: dict, name: str) -> Note | None:
    """Look for an answer in cells without a name, and say whether one was found, or may be there."""
    released, others = wanted[name], strangers(notebook, form)
    place = next((k for k, cell in enumerate(notebook.cells) if grade_id(cell) == name), None)
    between = _between(notebook, list(wanted), name, place)
    if released.cell_type == "code":
        asked = _asked(released, wanted)
        others = [cell for cell in others if cell.cell_type == "code"]
        found = [cell for cell in others if asked & names_bound(cell.source)]
        if not asked and place is None:
            found = [cell for cell in others if cell in between]
        found = found[-1:]
        if not found and (told := _in_another(notebook, wanted, name, asked, place)):
            return told
    else:
        others = [cell for cell in others if cell.cell_type != "code" or _says_nothing(cell.source)]
        found = [cell for cell in others if cell in between]
    if found:
        if released.cell_type != "code":  # nothing that was written is lost, and a person reads it all
            found[0].source = "\n\n".join(cell.source for cell in found)
            notebook.cells = [cell for cell in notebook.cells if not any(cell is other for other in found[1:])]
        notebook.cells = [cell for cell in notebook.cells if grade_id(cell) != name]
        _name(found[0], released)
        return Note(State.REPAIRED, f"The answer to '{name}' stood in another cell, and was taken from there.")
    if place is not None and released.cell_type == "code":
        others = [cell for cell in others if cell in between]
    elif place is not None:  # a name that was filled into a heading is no answer
        texts = [*(cell.source for cell in form.cells), *form.metadata.get(ORDINARY, ())]
        others = [cell for cell in others if all(is_another(cell.source, text) for text in texts)]
    if others:
        text = f"Nothing stands in '{name}', and something in cells that nobody asked for: is the answer among them?"
        return Note(State.LOOK, text)
    return None


def _in_another(notebook: NotebookNode, wanted: dict, name: str, asked: set[str], place: int | None) -> Note | None:
    """Where an answer above holds this one, too, leave this one's stub empty: it would take the answer back."""
    for k, cell in enumerate(notebook.cells[:place]):
        other = grade_id(cell)
        if other == name or other not in wanted or not is_solution(wanted[other]) or untouched(cell, wanted[other]):
            continue
        if asked & names_bound(cell.source) - _asked(wanted[other], wanted):
            if place is None:
                notebook.cells.insert(k + 1, deepcopy(wanted[name]))
                place = k + 1
            notebook.cells[place].source = ""
            return Note(State.REPAIRED, f"The answer to '{name}' stood in the cell '{other}'.")
    return None


def _between(notebook: NotebookNode, order: list[str], name: str, place: int | None) -> list[NotebookNode]:
    """The cells where an answer can only belong to `name`: from the known cell before to the one after."""
    known = {grade_id(cell): k for k, cell in enumerate(notebook.cells) if grade_id(cell) in order}
    rank = order.index(name)
    first = max((known[other] for other in order[:rank] if other in known), default=-1)
    if place is not None:
        first = place
    after = [known[other] for other in order[rank + 1 :] if other in known and known[other] > first]
    return notebook.cells[first + 1 : min(after, default=len(notebook.cells))]


def _asked(released: NotebookNode, wanted: dict) -> set[str]:
    """The names that an answer must bind: those of its stub, or else those that only its tests ask for."""
    if bound := names_bound(released.source):
        return bound
    cells = list(wanted.values())
    tests: list[NotebookNode] = []
    for cell in cells[cells.index(released) + 1 :]:
        if is_solution(cell):
            break
        tests += [cell] if is_test(cell) else []
    ours = set().union(*(names_bound(cell.source) for cell in cells if is_own(cell)))
    return _used(cell.source for cell in tests) - ours


def names_bound(source: str) -> set[str]:
    """The names that a cell's code binds; as good as can be seen where it is no Python."""
    try:
        if len(source) > _LONGEST:
            raise ValueError
        return set(defined(source))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        found = re.findall(r"^(?:def|class)\s+(\w+)|^(\w+)\s*=(?!=)", source, re.MULTILINE)
        return {name for pair in found for name in pair} - {""}


def _used(sources: Iterable[str]) -> set[str]:
    used = set()
    for source in sources:
        with suppress(SyntaxError, ValueError, RecursionError):
            used |= {part.id for part in ast.walk(ast.parse(source)) if isinstance(part, ast.Name)}
    return used - set(dir(builtins))
