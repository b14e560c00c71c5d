"""What the tests of the assignments are made of: ask a student's function, require, and give points with hints.

A failed test shows one sentence and nothing of itself.
"""

import re
import textwrap
import traceback
from collections.abc import Iterable
from typing import Any

import numpy as np

WHOLE = (int, np.int64, np.int32)
NUMBER = (*WHOLE, float, np.float64, np.float32)


def _wrapped(text: str, indent: str = "") -> str:
    return textwrap.fill(text, 100, subsequent_indent=indent, break_on_hyphens=False)


class NotYet(AssertionError):
    """An answer that is not right yet; the message says what was expected, and where to read again."""

    def _render_traceback_(self) -> list[str]:  # what IPython shows in place of a traceback
        return [_wrapped(f"✗ {self}", "  ")]


def require(right: Any, otherwise: str) -> None:
    """Raise `NotYet` with the sentence `otherwise` unless `right` is true."""
    if not right:
        raise NotYet(otherwise)


def ask(name: str, *values: Any) -> Any:
    """Call a student's function by its name.

    Any error in it becomes a `NotYet` of one sentence, with the line of its cell.
    """
    from IPython import get_ipython

    function = get_ipython().user_ns.get(name)
    require(callable(function), f"There is no function {name}(): run its cell above, and look there for an error.")
    try:
        return function(*values)
    except NotImplementedError:
        problem = f"{name}() is not written yet: put your code in place of `# YOUR CODE HERE`."
    except Exception as error:
        file = getattr(getattr(function, "__code__", None), "co_filename", "")
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
        line = lines[-1] if lines else getattr(error, "line", None)  # the grader tells it in this way
        where = f" in line {line} of its cell" if line else ""
        problem = f"{name}() stopped{where}, with {type(error).__name__}: {_in_short(error)}."
    raise NotYet(problem)


def _in_short(error: Exception) -> str:
    """The first line of what an exception says, without the names of TensorFlow's inner operations."""
    text = re.sub(r"\{\{.*?\}\}\s*|\s*\[Op:.*", "", str(error).strip().partition("\n")[0])
    return text.rstrip(".")


def close(one: Any, other: Any, tolerance: float = 1e-4) -> bool:
    """Whether two arrays of numbers have the same shape and are equal within `tolerance`; NaN equals nothing."""
    one, other = np.asarray(one, "float64"), np.asarray(other, "float64")
    with np.errstate(invalid="ignore"):  # infinity less infinity
        return one.shape == other.shape and bool(np.all(np.abs(one - other) <= tolerance))


def points(*checks: Iterable) -> int:
    """Print each (right, what was asked, hint) with its mark, and return how many are right: a point for each."""
    lines = [
        f"✓ {asked}" if right else f"✗ {asked}\n{_wrapped('    Hint: ' + hint, '    ')}"
        for right, asked, hint in checks
    ]
    print("\n".join(lines))
    return sum(bool(right) for right, _, _ in checks)
