"""What a student's kernel is asked for while its answers are judged elsewhere: values, and calls of its functions.

Runs inside that kernel, so nothing that it says is trusted: see `codec` and `judging`.
"""

import base64
import io
import json
import pickle
import traceback
from typing import Any

from .codec import encode

MIME = "application/x-course-answer"


def _tell(answer: Any) -> None:
    from IPython.display import publish_display_data

    publish_display_data({MIME: json.dumps(answer)})


def _names() -> dict[str, Any]:
    from IPython import get_ipython

    return get_ipython().user_ns


def describe(names: list[str]) -> None:
    """Tell what each of the student's names is: a function, a value with its export, or not there."""
    known, told = _names(), {}
    for name in names:
        if name not in known:
            told[name] = {"missing": True}
        elif callable(known[name]) and not hasattr(known[name], "get_config"):
            told[name] = {"function": True}
        else:
            told[name] = {"value": encode(known[name])}
    _tell(told)


class _Arguments(pickle.Unpickler):
    """Arguments as the judging process sent them; what the assignment itself made is taken from this kernel."""

    def persistent_load(self, path: str) -> Any:
        name, *attributes = path.split(".")
        value = _names()[name]
        for attribute in attributes:
            value = getattr(value, attribute)
        return value


def call(name: str, arguments: str) -> None:
    """Call one of the student's functions, and tell what it returned, or how it failed and in which of its lines."""
    function = _names().get(name)
    try:
        values, named = _Arguments(io.BytesIO(base64.b64decode(arguments))).load()
        _tell({"value": encode(function(*values, **named))})
    except Exception as problem:
        file = getattr(getattr(function, "__code__", None), "co_filename", "")
        lines = [frame.lineno for frame in traceback.extract_tb(problem.__traceback__) if frame.filename == file]
        _tell({"error": type(problem).__name__, "text": str(problem)[:1000], "line": lines[-1] if lines else None})
