"""Many answers to one part of an assignment, graded in one notebook: each is run, then its tests, then the reference.

So an answer costs no more than its tests. An answer that harms those after it is found by a control at the end.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping, Sequence

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.utils import is_solution

from ..roles import defined, is_test
from .cases import Case, Points

_MOST = 25  # answers in one notebook
_CONTROL = "control"


def by_place(notebook: NotebookNode, cases: Iterable[Case]) -> Iterator[list[Case]]:
    """Cases whose last cell or test is the same one, no more than fit into one notebook."""
    places: dict[int, list[Case]] = {}
    for case in cases:
        places.setdefault(_place(notebook, case), []).append(case)
    for _, there in sorted(places.items()):
        for first in range(0, len(there), _MOST):
            yield there[first : first + _MOST]


def _place(notebook: NotebookNode, case: Case) -> int:
    wanted = case.cells.keys() | case.expected.keys()
    return max(place for place, cell in enumerate(notebook.cells) if _name(cell) in wanted)


def one_notebook(notebook: NotebookNode, reference: Mapping[str, str], cases: Sequence[Case]) -> NotebookNode:
    """A notebook to be graded, of cases that `by_place` gave together; `notebook` is the assignment's form."""
    end = _place(notebook, cases[0])
    tests = {_name(cell): cell for cell in notebook.cells if is_test(cell)}
    cells = []
    for cell in notebook.cells[: end + 1]:
        if cell.cell_type == "code" and not is_test(cell):
            answered = is_solution(cell)
            cells.append(new_code_cell(reference[_name(cell)] if answered else cell.source))

    def ask(number: int | str, names: Iterable[str]) -> None:
        for name in names:
            cell = copy.deepcopy(tests[name])
            cell.metadata.nbgrader.grade_id = f"{number} {name}"
            cells.append(cell)

    for number, case in enumerate(cases):
        names = [name for cell in case.cells for name in defined(reference[cell])]
        cells.append(new_code_cell(f"for name in {names}: globals().pop(name, None)"))  # or they would outlive an error
        cells.extend(new_code_cell(code) for code in case.cells.values())
        ask(number, case.expected)
        cells.extend(new_code_cell(reference[name]) for name in case.cells)
    ask(_CONTROL, sorted({name for case in cases for name in case.expected}))
    for number, cell in enumerate(cells):
        cell.id = f"cell-{number}"  # the same each time: results are known by their content
    return new_notebook(cells=cells)


def points_of_each(got: Points, cases: Sequence[Case], full: Points) -> list[Points] | None:
    """The points of each case, or None where one of them has harmed those after it."""
    split: dict[str, Points] = {}
    for name, number in got.items():
        which, _, test = name.partition(" ")
        split.setdefault(which, {})[test] = number
    if any(number != full[test] for test, number in split[_CONTROL].items()):
        return None
    return [split.get(str(number), {}) for number in range(len(cases))]


def _name(cell: NotebookNode) -> str | None:
    return cell.metadata.get("nbgrader", {}).get("grade_id")
