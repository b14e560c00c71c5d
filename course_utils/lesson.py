"""What a notebook says to its reader besides text: its start, its checks, its measured claims."""

import html
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

last_seed = 0  # that `start` was given


@contextmanager
def _quiet_stderr():
    """Hold back what C++ code writes to stderr; show it after all if the block fails."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as held:
        saved = os.dup(2)
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            held.seek(0)
            os.write(saved, held.read())
            raise
        finally:
            os.dup2(saved, 2)
            os.close(saved)


def _warn_plainly(message, category, filename, lineno, file=None, line=None) -> None:
    """Takes the place of `warnings.showwarning`: on stdout.

    Right code may warn (Keras 3.15 does of `np.array(variable)`, and of models made from lists), and nbgrader's
    validator calls a test failed that has anything on stderr.
    """
    print(warnings.formatwarning(message, category, filename, lineno, line), end="", file=file or sys.stdout)


def start(seed: int = 0) -> None:
    """Import TensorFlow without its banners, seed Python, NumPy and Keras, and set the style of the figures.

    `TF_CPP_MIN_LOG_LEVEL` alone leaves lines on stderr while TensorFlow is imported and looks for devices. Warnings
    of Python's are shown as plain text from then on.
    """
    with _quiet_stderr():
        import keras
        import tensorflow as tf

        tf.config.list_physical_devices()
    tf.get_logger().setLevel("ERROR")  # its advice on retracing would stand among a lesson's outputs
    warnings.showwarning = _warn_plainly
    keras.utils.set_random_seed(seed)
    global last_seed
    last_seed = seed
    from .figures import use_style

    use_style()


def _tell(mark: str, colour: str, text: str, facts: dict[str, Any]) -> None:
    from IPython.display import display

    # A light ground of its own, as its colours are too dark to be read on a dark page.
    style = (
        f"border-left: 4px solid {colour}; padding: 0.3em 0.8em; margin: 0.3em 0; background: #f4f6f5; color: #1d1d1f"
    )
    page = f'<div style="{style}"><b style="color: {colour}">{mark}</b> {html.escape(text)}</div>'
    display({"text/plain": f"{mark} {text}", "text/html": page}, raw=True, metadata={"course": facts})


_GOOD, _BAD, _OPEN = "#00795c", "#b34700", "#0067a3"  # the style's green, vermilion and blue, dark enough to read


def claim(sentence: str, holds: bool, evidence: str = "") -> bool:
    """State what a run has just shown, or say plainly that this run did not show it.

    `sentence` is the claim, `holds` whether what was measured bears it out, `evidence` the figures.
    """
    measured = f" ({evidence})" if evidence else ""
    if holds:
        _tell("Measured:", _GOOD, sentence + measured, {"claim": sentence, "holds": True})
    else:
        _tell("Not so in this run:", _BAD, sentence + measured, {"claim": sentence, "holds": False})
    return bool(holds)


def check(name: str, answer: Any, test: Callable[[Any], bool], hint: str) -> None:
    """Tell a student at once whether an exercise's answer is right.

    `answer` is what the student wrote (`...` where there is nothing yet), `test` says whether it is right, `hint`
    is shown when it is not. A test that fails on an odd answer counts as a wrong answer.
    """
    if answer is ...:
        _tell("To do:", _OPEN, f"{name}. Replace the ... and run the cell again.", {"check": name, "right": None})
        return
    try:
        right = bool(test(answer))
    except Exception as problem:
        hint = f"{hint} (Your answer could not be used: {type(problem).__name__}: {problem})"
        right = False
    if right:
        _tell("Right:", _GOOD, name, {"check": name, "right": True})
    else:
        _tell("Not yet:", _BAD, f"{name}. {hint}", {"check": name, "right": False})
