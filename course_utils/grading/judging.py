"""The kernel that judges: it runs the assignment's own cells and its tests, and never a line that a student wrote.

A student's functions are stand-ins here: a call of one goes to the student's kernel, and what comes back is a plain
value. So a test is ordinary Python, hidden or not, and whatever a student does to their own kernel reaches no test.
"""

import base64
import builtins
import dataclasses
import io
import json
import sys
from typing import Any

import cloudpickle

from .codec import decode

_start: dict[str, Any] = {}  # what the assignment's own cells have made


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
    if fresh:
        for name in set(names) - set(_start):
            del names[name]
        names.update(_start)
    for name, told in described.items():
        names.pop(name, None)
        if "function" in told:
            names[name] = StandIn(name)
        elif "value" in told:
            names[name] = decode(told["value"])
    if "keras" in sys.modules:
        sys.modules["keras"].utils.set_random_seed(0)


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
        told = json.loads(get_ipython().kernel.raw_input(json.dumps(asked)))
        if "error" not in told:
            return decode(told["value"])
        kind = getattr(builtins, str(told["error"]), None)
        if not (isinstance(kind, type) and issubclass(kind, Exception)):
            kind = type(str(told["error"]), (Exception,), {})
        problem = kind(str(told.get("text", "")))
        problem.line = told.get("line")  # in the cell of the student's function
        raise problem
