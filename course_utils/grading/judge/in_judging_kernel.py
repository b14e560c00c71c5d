"""The kernel that judges: it runs the assignment's own cells and its tests, and never a line that a student wrote.

A student's functions are stand-ins here: a call of one goes to the student's kernel, and what comes back is a plain
value. So a test is ordinary Python, hidden or not, and whatever a student does to their own kernel reaches no test.
"""

import base64
import builtins
import dataclasses
import inspect
import io
import json
import sys
import traceback
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import cloudpickle
from ipykernel.iostream import OutStream

from .wire import Unreadable, decode

_start: dict[str, Any] = {}  # what the assignment's own cells have made
_LINES = 100  # of input for one call
_strange: set[str] = set()  # kinds of objects that the test which runs has asked for and could not get
_heard: list[Any] = []  # of what the student's kernel has told: containers, and the texts of all else


def _names() -> dict[str, Any]:
    from IPython import get_ipython

    return get_ipython().user_ns


def remember() -> None:
    """Take what there is now for the beginning of every submission."""
    _start.update(_names())


def begin(described: dict[str, Any], fresh: bool) -> None:
    """Prepare for a test: the student's names as stand-ins or plain values; all other names anew where `fresh`.

    Raises `BadExport` where a value is none that an honest kernel sends.
    """
    names = _names()
    _strange.clear()
    if fresh:
        for name in set(names) - set(_start):
            del names[name]
        names.update(_start)
        _heard.clear()
    for name, told in described.items():
        names.pop(name, None)
        if "function" in told:
            names[name] = StandIn(name)
        elif "value" in told:
            names[name] = _hear(decode(told["value"]))
    sys.last_value = None
    if "keras" in sys.modules:
        lesson = sys.modules.get("course_utils.lesson")
        sys.modules["keras"].utils.set_random_seed(lesson.last_seed if lesson else 0)


def _hear(value: Any) -> Any:
    """Remember what the student's kernel told; of large things only how they are printed."""
    _strange.update(part.kind for part in _parts(value) if isinstance(part, Unreadable))
    whole = isinstance(value, (str, dict, list, tuple, set, frozenset, Unreadable))
    with suppress(ValueError):  # Python writes no number of more than 4,300 digits
        _heard.extend([value] if whole else [str(value), repr(value)])
    return value


def _parts(value: Any) -> Iterator[Any]:
    """A value and whatever is in it."""
    yield value
    if isinstance(value, dict):
        value = (*value.keys(), *value.values())
    if isinstance(value, (list, tuple, set, frozenset)):
        for part in value:
            yield from _parts(part)


def tell(shown: str) -> None:
    """Print, as JSON, what feedback must know of the test that just ran and put out the text `shown`.

    "quoted" lists what of `shown` the student's kernel had told, "strange" the kinds of objects that could not leave
    it. After an error, "line" is the line of the test's cell where it stood, if known, and "kind" is "call" where a
    student's function raised it ("at" is the line of its cell), "assert" where an assertion of the assignment's own
    code did, "other" else.
    """
    flat = " ".join(shown.split())
    quoted = {text for value in _heard for text in _quotes(value) if text and text in flat} if flat else ()
    print(json.dumps(_failure(sys.last_value) | {"quoted": sorted(quoted), "strange": sorted(_strange)}))


def _quotes(value: Any) -> Iterator[str]:
    """How a message may quote a value: itself, its lines, its parts."""
    for part in _parts(value):
        texts = []
        with suppress(ValueError):  # Python writes no number of more than 4,300 digits
            texts = [str(part), repr(part)]
        for text in texts:
            for words in (text, *text.split("\n")):
                yield " ".join(words.split())
                yield " ".join(words.split()).rstrip(".")
        if isinstance(part, Unreadable):
            yield part.kind


def _failure(problem: BaseException | None) -> dict[str, Any]:
    from IPython import get_ipython

    if problem is None:
        return {}
    is_cell = get_ipython().compile.format_code_name  # of a frame's file; None for those that are no cell
    frames = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(problem.__traceback__)]
    lines = [line for file, line in frames if is_cell(file)]
    told = {"line": lines[0]} if lines else {}
    if hasattr(problem, "line"):
        return told | {"kind": "call", "at": problem.line}
    # An assert of the assignment's own; or an exception that shows itself, as `marking.NotYet` does.
    own = isinstance(problem, AssertionError) and (
        hasattr(problem, "_render_traceback_") or (frames and is_cell(frames[-1][0]))
    )
    return told | {"kind": "assert" if own else "other"}


class _Arguments(cloudpickle.Pickler):
    """Pickles by value, except what the assignment's own cells made: the student's kernel has that by name."""

    def persistent_id(self, value: Any) -> str | None:
        return _paths().get(id(value))


def _paths() -> dict[int, str]:
    """Where the objects stand that the assignment's cells made, and the parts of those that are data classes."""
    found = {}
    for name, value in _start.items():
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            found[id(value)] = name
            for field in dataclasses.fields(value):
                if not isinstance(getattr(value, field.name), (str, int, float, tuple, type(None))):
                    found[id(getattr(value, field.name))] = f"{name}.{field.name}"
    return found


class StandIn:
    """A student's function, called in the student's own kernel."""

    def __init__(self, name: str):
        self.__name__ = name

    def __call__(self, *values: Any, **named: Any) -> Any:
        from IPython import get_ipython

        file = io.BytesIO()
        _Arguments(file).dump((values, named))
        asked = {"call": self.__name__, "arguments": base64.b64encode(file.getvalue()).decode()}
        # A test that puts its own `input` in place of the kernel's is asked for its lines, one by one.
        asked["lines"] = None if inspect.ismethod(builtins.input) else []
        while "input" in (told := json.loads(get_ipython().kernel.raw_input(json.dumps(asked)))):
            if asked["lines"] is None or len(asked["lines"]) >= _LINES:
                told = {"error": "EOFError", "text": "it asked for input"}
                break
            asked["lines"].append(str(builtins.input(str(told["input"]))))
        if not isinstance(sys.stdout, OutStream):  # a test that captures what is printed
            sys.stdout.write(_hear(str(told.get("printed", ""))))
        if "error" not in told:
            return _hear(decode(told["value"]))
        name, text = (str(told.get(key, "")).encode(errors="replace").decode() for key in ("error", "text"))
        _hear((name, text))
        kind = _start.get(name, getattr(builtins, name, None))  # tests may expect the assignment's own
        if not (isinstance(kind, type) and issubclass(kind, Exception)) or issubclass(kind, ExceptionGroup):
            kind = type(name, (Exception,), {})
        try:
            problem = kind(text)
        except Exception:  # one that asks for more than a text
            own = name in _start  # Python's own have no text before they have all their parts
            problem = kind.__new__(kind, text) if own else type(name, (Exception,), {})(text)
        line = told.get("line")  # in the cell of the student's function
        problem.line = line if type(line) is int and 0 < line < 10_000 else None
        raise problem
