"""What a student's kernel is asked for while its answers are judged elsewhere: values, and calls of its functions.

Runs inside that kernel, so nothing that it says is trusted: see `wire` and `in_judging_kernel`.
"""

import base64
import builtins
import io
import json
import os
import pickle
import traceback
from contextlib import redirect_stdout
from typing import Any

from .wire import encode

MIME = "application/x-course-answer"
_PRINTED = 1 << 20  # characters that a call may print


def _tell(answer: Any) -> None:
    from IPython.display import publish_display_data

    publish_display_data({MIME: json.dumps(answer)})


def _names() -> dict[str, Any]:
    from IPython import get_ipython

    return get_ipython().user_ns


def prepare() -> None:
    """Have `exit()` end its cell and not the kernel, and shell commands say so where there is no terminal for them."""
    from IPython import get_ipython

    shell = get_ipython()
    shell.ask_exit = _exit
    if os.name == "posix" and not os.path.exists("/dev/ptmx"):
        shell.system = shell.getoutput = lambda command, *_, **__: print(f"Shell commands do not run here: {command}")


def _exit() -> None:
    raise SystemExit("exit() ended it")


class _Asks(BaseException):
    """A function asks for a line of input that the test has not given yet."""


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


def call(name: str, arguments: str, lines: list[str] | None = None) -> None:
    """Call one of the student's functions, and tell what it returned and printed, or how it failed and in which line.

    `lines` are what `input` gives it; where it asks for more, that is told. Without them, there is no `input`.
    """
    function, printed, left = _names().get(name), io.StringIO(), list(lines or ())

    def give(prompt: object = "") -> str:
        if not left:
            raise _Asks(str(prompt)[:1000])
        return left.pop(0)

    before = builtins.input
    try:
        values, named = _Arguments(io.BytesIO(base64.b64decode(arguments))).load()
        if lines is not None:
            builtins.input = give
        with redirect_stdout(printed):
            told = {"value": encode(function(*values, **named))}
    except _Asks as asked:
        told = {"input": str(asked)}
    except (Exception, SystemExit) as problem:
        file = getattr(getattr(function, "__code__", None), "co_filename", "")
        lines = [frame.lineno for frame in traceback.extract_tb(problem.__traceback__) if frame.filename == file]
        text = "it called exit()" if isinstance(problem, SystemExit) else str(problem)[:1000]
        told = {"error": type(problem).__name__, "text": text, "line": lines[-1] if lines else None}
    finally:
        builtins.input = before
    _tell(told | {"printed": printed.getvalue()[:_PRINTED]})
