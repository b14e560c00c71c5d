"""What a student reads of a graded notebook: why each point was lost, and nothing of what the hidden tests hold.

A student's function sees the inputs of hidden tests, and may keep them. So from the first hidden part on, nothing is
shown that the student's kernel could have put there: neither outputs, nor texts of exceptions, nor values that a
message quotes word for word. What a message says of a value in its own words, a length or a sum, is shown.
"""

import base64
import binascii
import builtins
import re
from collections.abc import Iterable
from enum import Enum, auto

from nbconvert.exporters.exporter import ResourcesDict
from nbconvert.filters import strip_ansi
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from nbformat.v4 import new_output
from nbgrader.api import Gradebook
from nbgrader.preprocessors import ClearHiddenTests
from nbgrader.utils import is_locked
from traitlets.config import Config

from ..roles import is_test
from ..states import KEY
from .feedback_page import LARGEST, parts_of_page
from .hidden import Parts, parts_of, sentences

_LONGEST = 1000  # characters of a message
_ROLE = ("grade_id", "grade", "solution", "task", "points", "score", "comment", "waits")  # what the page asks for
_IMAGES = ("image/png", "image/jpeg")
_TEXTS = ("text/html", "text/markdown", "text/plain")
_PATH = re.compile(r"(?<![\w/.:,+~])(?:/[^\s/:'\"<>()]+)+/(?=[^\s/])")


class _Place(Enum):
    """Where an error stood: before any hidden part had run, in one, or behind."""

    BEFORE = auto()
    HIDDEN = auto()
    BEHIND = auto()


class Explain(Preprocessor):
    """Stands behind `GetGrades` among `GenerateFeedback.preprocessors`. The autograded notebook stays as it is."""

    enabled = True

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> tuple[NotebookNode, ResourcesDict]:
        marks = ClearHiddenTests(config=Config(ClearHiddenTests=self.config.ClearHiddenTests))
        code = [cell for cell in nb.cells if cell.cell_type == "code"]
        own = set().union(*(sentences(cell.source) for cell in code if is_locked(cell) and not is_test(cell)))
        lines = max((cell.source.count("\n") + 1 for cell in code if not is_test(cell)), default=0)
        ran = False  # whether a hidden part has run
        waiting = _waiting(resources["nbgrader"])
        for cell in nb.cells:
            parts = parts_of(cell.source, marks.begin_test_delimeter, marks.end_test_delimeter)
            if cell.cell_type == "code":
                if is_test(cell):
                    cell.outputs = _Test(cell, parts, ran, own, lines).outputs()
                    ran = ran or bool(parts.hidden)
                else:
                    cell.outputs = _withheld(cell.outputs) if ran else _shown(cell.outputs, cell.source)
            cell.source = parts.visible
            role = cell.metadata.get("nbgrader")
            role = {key: role[key] for key in _ROLE if key in role} if isinstance(role, dict) else {}
            if role:
                role["waits"] = role.get("grade_id") in waiting
            cell.metadata = NotebookNode({"nbgrader": NotebookNode(role)} if role else {})
        resources["parts"] = parts_of_page(nb.cells)
        return nb, resources


def _waiting(about: dict) -> set[str]:
    """The grade_ids of what a person has not marked yet; `about` is nbgrader's part of the resources."""
    with Gradebook(about["db_url"]) as gradebook:
        found = gradebook.find_submission_notebook(about["notebook"], about["assignment"], about["student"])
        return {grade.name for grade in found.grades if grade.needs_manual_grade}


class _Test:
    """A test cell, and what its student is told. `ran` says whether a hidden part ran before; `own` is all text that
    the assignment's own cells have between quotes; `lines` the length of the longest cell that a function can be in."""

    def __init__(self, cell: NotebookNode, parts: Parts, ran: bool, own: set[str], lines: int):
        self._cell, self._parts, self._ran, self._lines = cell, parts, ran, lines
        self._own = own | sentences(cell.source)
        told = cell.metadata.get(KEY)
        self._told = told if isinstance(told, dict) else None  # without it, nobody knows what the outputs quote

    def outputs(self) -> list[NotebookNode]:
        errors = [_error(f"✗ {self._reason(out)}") for out in self._cell.outputs if out.output_type == "error"]
        if not (self._ran or self._parts.hidden):
            return _shown((out for out in self._cell.outputs if out.output_type != "error"), "") + errors
        kept = []
        for output in self._cell.outputs:
            if output.output_type == "stream" and self._told is not None and not self._parts.prints:
                kept.append(new_output("stream", name=output.name, text=_plain(self._cut(output.text))))
            elif output.output_type == "execute_result":
                text = str(output.data.get("text/plain"))
                if re.fullmatch(r"[-+.\de]{1,20}", text):  # partial credit
                    kept.append(new_output("execute_result", {"text/plain": text}))
        return kept + errors

    def _place(self) -> _Place:
        line = (self._told or {}).get("line")
        if self._parts.hidden and (line is None or line in self._parts.hidden):
            return _Place.HIDDEN
        return _Place.BEHIND if self._ran or not self._parts.before(line) else _Place.BEFORE

    def _reason(self, error: NotebookNode) -> str:
        """Why the test failed, in a sentence: its author's, where there is one."""
        place, kind, text = self._place(), (self._told or {}).get("kind"), _sentence(error.evalue)
        first, hidden = place is _Place.BEFORE, place is _Place.HIDDEN
        again = "; run this test yourself to read more" if place is _Place.BEHIND else ""
        if kind is None and first:
            return f"{text[:1].upper()}{text[1:]}."
        if kind is None:  # the judge came to no verdict; what it says of that may quote the student's kernel
            return "The test came to no end." if text.startswith("the test came") else "The answers could not be read."
        if kind == "assert":
            if not text:
                part = "hidden" if hidden else "visible"
                return f"An assert in the {part} part of this test failed. Its author gave no reason."
            cut = text if first or text in self._own else _sentence(self._cut(error.evalue))
            where = "" if cut == text else f" (… stands for what your code gave{again})"
            return cut + where
        name = _sentence(error.ename) if first else _builtin(error.ename) or "an exception of its own"
        what = f"{name}: {text}" if first and text else name
        if kind == "call":
            at = self._told.get("at")
            where = f" (line {at} of its cell)" if type(at) is int and 0 < at <= self._lines else ""
            who = "In the hidden part of this test, your function" if hidden else "Your function"
            return f"{who} raised {what}{where}{again}."
        missing = re.fullmatch(r"name '(\w+)' is not defined.*", text)
        if missing and re.search(rf"\b{missing[1]}\b", self._parts.visible):
            return f"{missing[1]} is not defined."
        return f"The {'hidden part of this ' if hidden else ''}test stopped with {what}{again}."

    def _cut(self, text: str) -> str:
        """A text without what the student's kernel had told, unless the visible source says the same."""
        visible = " ".join(self._parts.visible.split())
        for quoted in sorted((self._told or {}).get("quoted", ()), key=len, reverse=True):
            if quoted in visible or _builtin(quoted):
                continue
            pattern = r"\s+".join(map(re.escape, quoted.split()))
            text = re.sub(pattern if len(quoted) > 3 else rf"(?<!\w){pattern}(?!\w)", "…", text)
        return text


def _shown(outputs: Iterable[NotebookNode], source: str) -> list[NotebookNode]:
    """Outputs from before any hidden part ran, of kinds that a page can show without harm, and without paths."""
    shown = []
    for output in outputs:
        if output.output_type == "stream":
            shown.append(new_output("stream", name=output.name, text=_plain(output.text)))
        elif output.output_type == "error":
            shown.append(_error(_brief(output, source)))
        else:
            data = {kind: output.data[kind] for kind in _IMAGES if _is_image(kind, output.data.get(kind))}
            data |= {kind: _plain(text) for kind in _TEXTS if isinstance(text := output.data.get(kind), str)}
            if "text/plain" in data and len(data.get("text/html", "")) > LARGEST:
                del data["text/html"]
            told = {kind: output.metadata.get(kind) for kind in _IMAGES if kind in data}
            about = {kind: {"alt": str(a["alt"])} for kind, a in told.items() if isinstance(a, dict) and "alt" in a}
            data = data or {"text/markdown": "*An output of a kind that this page does not show.*"}
            shown.append(new_output("display_data", data, metadata=about))
    return shown


def _withheld(outputs: list[NotebookNode]) -> list[NotebookNode]:
    """What is left of a cell's outputs once hidden tests have run."""
    if not outputs:
        return []
    kept = [new_output("display_data", {"text/markdown": "*Outputs made after hidden tests are not shown.*"})]
    names = [_builtin(output.ename) for output in outputs if output.output_type == "error"]
    return kept + [_error(f"This cell ended with {name or 'an error'}.") for name in names]


def _brief(error: NotebookNode, source: str) -> str:
    """An error of a student's cell: its type and text, and the line."""
    line = re.search(r"Cell In\[\d+\], line (\d+)", strip_ansi("\n".join(error.traceback)))
    known = line and int(line[1]) <= source.count("\n") + 1
    text = re.sub(r" \(\d+\.py, line \d+\)$", "", _plain(error.evalue)[:_LONGEST])
    return f"{_sentence(error.ename)}: {text}" + (f" (line {line[1]} of this cell)" if known else "")


def _error(text: str) -> NotebookNode:
    return new_output("error", ename="", evalue="", traceback=[text])


def _plain(text: str) -> str:
    """Text without colours, and without the folders of the machine that it was made on."""
    return _PATH.sub("…/", strip_ansi(text))


def _sentence(text: str) -> str:
    """Text in one line, of a length that can be read."""
    words = " ".join(_plain(text).split())
    return words if len(words) <= _LONGEST else words[:_LONGEST] + " …"


def _builtin(name: str) -> str | None:
    """The name, if it is that of one of Python's own exceptions: any other may hold anything."""
    known = getattr(builtins, name, None)
    return name if isinstance(known, type) and issubclass(known, BaseException) else None


def _is_image(kind: str, data: object) -> bool:
    if kind not in _IMAGES or not isinstance(data, str):
        return False
    try:
        return bool(base64.b64decode("".join(data.split()), validate=True))
    except binascii.Error:
        return False
