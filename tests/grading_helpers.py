"""A small assignment, and what a submission of it gets."""

import atexit
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.utils import determine_grade

from course_utils.grading.judge import honest
from course_utils.grading.roles import is_test
from course_utils.grading.sandbox import available
from course_utils.grading.states import KEY, State, read_notes

HIDDEN = "a secret of the hidden test"
TESTS = {
    "test-double": (
        "assert double(3) == 6, 'Twice three is six.'\n### BEGIN HIDDEN TESTS\n"
        f"assert double(21) == 42, {HIDDEN!r}\n### END HIDDEN TESTS"
    ),
    "test-parts": "(double(1) == 2) + (double(4) == 8)",
    "test-value": "import numpy as np\nassert type(answer) is np.ndarray and answer.sum() == 6",
}
RIGHT = {"double": "def double(x):\n    return 2 * x", "value": "import numpy as np\nanswer = np.arange(4)"}
POINTS = {"test-double": 2.0, "test-parts": 2.0, "test-value": 1.0}
NOTHING = dict.fromkeys(POINTS, 0.0)


def _cell(grade_id: str, source: str, **role) -> NotebookNode:
    role = {"grade": False, "solution": False, "task": False, "locked": False, "schema_version": 3} | role
    return new_code_cell(source, metadata={"nbgrader": {"grade_id": grade_id} | role})


def notebook(answers: dict[str, str]) -> NotebookNode:
    """The assignment, filled in: `answers` maps "double" and "value" to code."""
    return new_notebook(
        cells=[
            _cell("setup", "import tabnanny\nlucky = 7", locked=True),
            _cell("double", answers["double"], solution=True),
            _cell("test-double", TESTS["test-double"], grade=True, locked=True, points=2),
            _cell("test-parts", TESTS["test-parts"], grade=True, locked=True, points=2),
            _cell("value", answers["value"], solution=True),
            _cell("test-value", TESTS["test-value"], grade=True, locked=True, points=1),
        ]
    )


@cache
def _course() -> Path:
    """The folder of the assignment's source: one for all tests, as the judging kernel is."""
    folder = Path(tempfile.mkdtemp())
    atexit.register(shutil.rmtree, folder)
    nbformat.write(notebook(RIGHT), folder / "tiny.ipynb")
    return folder


@dataclass(frozen=True)
class Graded:
    """Points by grade_id, the state, the notes for a person, all text that the cells put out, and the notebook."""

    points: dict[str, float]
    state: State
    notes: list[str]
    text: str
    notebook: NotebookNode


def moments(n: int) -> int:
    """Whole seconds in which this machine, as busy as it is now, starts Python and NumPy `n` times (idle: n / 5)."""
    begun = time.monotonic()
    subprocess.run([sys.executable, "-c", "import numpy"], check=True)
    return max(4, round(n * (time.monotonic() - begun)))


def graded(folder, timeout: int = 20, kernel: str = available.SANDBOX, extra: str = "", **answers: str) -> Graded:
    """What the right answers get, with these in place of the right ones, and an extra cell behind the first answer."""
    made = notebook(RIGHT | answers)
    if extra:
        made.cells.insert(2, new_code_cell(extra))
    source = _course() / "tiny.ipynb"
    honest.grade_notebook(made, source, folder, timeout, kernel)
    points = {c.metadata.nbgrader.grade_id: determine_grade(c)[0] for c in made.cells if is_test(c)}
    outputs = [output for cell in made.cells for output in cell.outputs]
    text = "\n".join(
        str(output.get("text", "")) + str(output.get("evalue", "")) + str(output.get("data", "")) for output in outputs
    )
    return Graded(points, State(made.metadata[KEY]["state"]), [note.says for note in read_notes(made)], text, made)
