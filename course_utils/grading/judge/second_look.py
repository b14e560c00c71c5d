"""Points lost that a right answer may have lost, too: what a person should look at, once all tests have run."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress

from nbformat import NotebookNode
from nbgrader.utils import determine_grade

from ..intake.matching import grade_id, is_own, names_bound
from ..roles import is_test, named
from ..states import KEY, Note, State

# How code ends for want of what only the student's own machine has. Their texts are not told: a student, who writes
# them, reads the notes, and may have seen the inputs of hidden tests.
_LACKS = {
    "FileNotFoundError": "a file",
    "ModuleNotFoundError": "a package",
    "StdinNotImplementedError": "an answer to `input`",
    "URLError": "the network",
    "gaierror": "the network",
}
_NO_NETWORK = re.compile("URL fetch failure|name resolution|Name or service not known|Network is unreachable")


def second_look(notebook: NotebookNode, asked: Mapping[str, set[str]], reference: Mapping[str, str]) -> Iterator[Note]:
    """Notes on the tests of a notebook that was run which lost points though their answer may be there.

    `asked` are the names that each test asks the student for, by grade_id; `reference` is what the author has in each
    cell. Where a name is bound anew below its test, the student may have mended the answer there; where a cell that it
    comes from ended for want of a file, a package, input or the network, the answer may be right elsewhere.
    """
    lacking: dict[str, str] = {}  # by name, why it is not there
    for k, cell in enumerate(notebook.cells):
        if is_test(cell):
            if _lost(cell):
                yield from _below(cell, notebook.cells[k + 1 :], asked[grade_id(cell)], reference)
                yield from _lacking(cell, asked[grade_id(cell)], lacking)
        elif cell.cell_type == "code" and not is_own(cell):
            lacking |= _left_out(cell, k, lacking)


def _lost(test: NotebookNode) -> bool:
    points, most = 0, 1
    with suppress(ValueError):  # partial credit that nbgrader refuses
        points, most = determine_grade(test)
    return points < most


def _below(test: NotebookNode, below: list, asked: set[str], reference: Mapping[str, str]) -> Iterator[Note]:
    for cell in below:
        if cell.cell_type == "code" and not is_own(cell):
            again = asked & names_bound(cell.source) - names_bound(reference.get(grade_id(cell), ""))
            if again:
                name, text = grade_id(test), ", ".join(f"'{one}'" for one in sorted(again))
                yield Note(State.LOOK, f"'{name}' failed, and {text} is given below it once more: is it right there?")
                return


def _lacking(test: NotebookNode, asked: set[str], lacking: Mapping[str, str]) -> Iterator[Note]:
    called = test.metadata.get(KEY, {}).get("kind") == "call"  # a function of the student's raised it
    why = [lacking[name] for name in sorted(asked & lacking.keys())] + ([_lack(test)] if called else [])
    if any(why):
        text = next(filter(None, why))
        yield Note(State.LOOK, f"'{grade_id(test)}' failed for want of {text} that is not here: is the rest right?")


def _left_out(cell: NotebookNode, number: int, lacking: Mapping[str, str]) -> dict[str, str]:
    """The names that a cell which failed did not bind, where it is for want of something, or of such a name."""
    failed = [output for output in cell.outputs if output.output_type == "error"]
    if not failed:
        return dict.fromkeys(names_bound(cell.source) & lacking.keys(), "")
    uses: set[str] = set()
    with suppress(SyntaxError, ValueError, RecursionError):
        uses = named(cell.source)
    why = _lack(cell)
    if not why and failed[0].ename == "NameError":
        why = next((lacking[name] for name in sorted(uses & lacking.keys()) if lacking[name]), "")
    return dict.fromkeys(uses, why) if why else {}


def _lack(cell: NotebookNode) -> str:
    """What a cell, or a function that it called, ended for want of; empty where it is not that."""
    for output in cell.outputs:
        if output.output_type == "error":
            return _LACKS.get(output.ename) or ("the network" if _NO_NETWORK.search(output.evalue) else "")
    return ""
