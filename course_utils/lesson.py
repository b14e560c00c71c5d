"""What a notebook says to its reader besides text: its start, its measured claims, its predictions and exercises."""

import html
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from contextlib import contextmanager
from typing import Any

from .errors import NotSetUp
from .marking import NotYet

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
    of Python's are shown as plain text from then on. Raises `NotSetUp` where Keras is set to calculate in another way
    than the course does.
    """
    # A grading kernel has an environment of its own, in which nothing stands.
    backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
    if backend != "tensorflow":
        raise NotSetUp(
            f"Keras is set to {backend}, and the course needs tensorflow: unset the variable KERAS_BACKEND, and "
            "restart the kernel."
        )
    with _quiet_stderr():
        import keras
        import tensorflow as tf

        tf.config.list_physical_devices()
    for setting, needed in ((keras.config.image_data_format(), "channels_last"), (keras.config.floatx(), "float32")):
        if setting != needed:
            raise NotSetUp(
                f"Keras is set to {setting}, and the course needs {needed}: delete the file keras.json that "
                "`course doctor` names, and restart the kernel."
            )
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


def _written(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{round(value, 6):.3g}"  # what rounding left over is nothing


def compare_prediction(prediction: Any, measured: Any, unit: str = "", choices: tuple[Any, ...] = ()) -> None:
    """Say how a student's prediction, typed into a cell above, came out; `...` stands for none.

    Of one of the `choices` it says whether it is what was `measured`, of a number by how many `unit` it is off.
    """
    found = f"Measured: {measured}." if choices else f"Measured: {_written(measured)}{unit}."
    if prediction is ...:
        told = f"{found} Type one next time: what was predicted is remembered better."
        _tell("No prediction yet:", _OPEN, told, {"prediction": None})
    elif choices and prediction not in choices:
        told = f"{prediction!r} is none of {', '.join(map(str, choices))}. {found}"
        _tell("Your prediction:", _OPEN, told, {"prediction": None})
    elif choices and prediction == measured:
        _tell("You predicted it:", _GOOD, found, {"prediction": True})
    elif choices:
        told = f"you predicted {prediction}. {found} What did you not think of?"
        _tell("A surprise:", _BAD, told, {"prediction": False})
    else:
        try:
            off = abs(float(prediction) - measured)
        except (TypeError, ValueError):
            _tell("Your prediction:", _OPEN, f"{prediction!r} is no number. {found}", {"prediction": None})
        else:
            told = f"{prediction}{unit}, off by {_written(off)}{unit}. {found}"
            _tell("Your prediction:", _OPEN, told, {"prediction": off})


class Exercise:
    """An exercise of a lesson: call it with an answer, and it says whether it is right, or which mistake it shows.

    `judge(answer)` raises `marking.NotYet` with a sentence about the mistake, or returns what was measured ("" for
    nothing). `hint(1)` and `hint(2)` show a hint, which the answer's cell does not.
    """

    def __init__(self, task: str, hints: tuple[str, ...], judge: Callable[[Any], str]):
        self.task, self._hints, self._judge = task, hints, judge

    def __call__(self, answer: Any = ...) -> None:
        if answer is ...:
            facts = {"check": self.task, "right": None}
            _tell("To do:", _OPEN, f"{self.task} Replace the ... and run the cell again.", facts)
            return
        try:
            told, right = self._judge(answer), True
        except NotYet as mistake:
            told, right = str(mistake), False
        except Exception as problem:
            told, right = f"Your answer could not be used: {type(problem).__name__}: {problem}", False
        mark, colour = ("Right:", _GOOD) if right else ("Not yet:", _BAD)
        _tell(mark, colour, f"{self.task} {told}".strip(), {"check": self.task, "right": right})

    def hint(self, number: int = 1) -> None:
        """Show the hint of this number, from 1 on."""
        number = max(1, min(number, len(self._hints)))
        _tell(f"Hint {number} of {len(self._hints)}:", _OPEN, self._hints[number - 1], {"hint": number})


def exercise(task: str, *hints: str) -> Callable[[Callable[[Any], str]], Exercise]:
    """Make a function that judges an answer an `Exercise`: `task` is one sentence, `hints` from gentle to plain."""
    return lambda judge: Exercise(task, hints, judge)
