"""otter-grader as a peer: the same cells and tests in its own form, graded by `otter run`, which takes one submission.

It lives in a virtual environment of its own, as it needs older packages than the course does, with the course's
TensorFlow, Keras, NumPy and ipykernel.
"""

import json
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import nbformat
from assignment import Assignment
from classroom import BUILD
from nbformat.v4 import new_code_cell
from peers import Marks, environment

from course_utils.grading.roles import is_test

_VERSION = "7.0.0"
_SAME = ("tensorflow", "keras", "numpy", "ipykernel")  # what decides how long a cell takes
_HOME = BUILD / "otter-environment"

# Otter calls a test with the notebook's names. The cell is run as it stands, hidden part included: right or wrong.
_TEST = """\
from otter.test_files import test_case

OK_FORMAT = False
name = {name!r}
points = {points!r}
cell = {cell!r}


@test_case(points=points, hidden=True)
def whole_cell(env):
    exec(compile(cell, name, "exec"), dict(env))
"""


def _program(name: str) -> str:
    return str(_HOME / "bin" / name)


def _install() -> None:
    wanted = [f"otter-grader=={_VERSION}", *(f"{name}=={version(name)}" for name in _SAME)]
    stamp = _HOME / "installed.json"
    if not stamp.is_file() or json.loads(stamp.read_text()) != wanted:
        print(f"Installing otter-grader {_VERSION} into {_HOME} ...", flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", _HOME], check=True)
        subprocess.run([_program("pip"), "install", "-q", "--disable-pip-version-check", *wanted], check=True)
        stamp.write_text(json.dumps(wanted))
    subprocess.run([_program("python"), "-c", "import otter, tensorflow"], check=True, capture_output=True)  # from disk


class Otter:
    """`otter run` for each submission, one after the other."""

    name = "otter"

    def __init__(self, classroom: Path, assignment: Assignment):
        _install()
        self.folder, self._assignment = classroom.with_name(self.name), assignment
        self._students = sorted(path.name for path in (classroom / "submitted").iterdir())
        (self.folder / "tests").mkdir(parents=True)
        for cell in filter(is_test, assignment.cells):
            at = cell.metadata.nbgrader
            text = _TEST.format(name=at.grade_id, points=at.points, cell=cell.source)
            (self.folder / "tests" / f"{at.grade_id}.py").write_text(text)
        subprocess.run([_program("otter"), "generate"], cwd=self.folder, env=environment(), check=True)
        for student in self._students:
            home = self.folder / student
            home.mkdir()
            handed_in = classroom / "submitted" / student / assignment.name / f"{assignment.name}.ipynb"
            nbformat.write(_as_otter(nbformat.read(handed_in, as_version=4)), home / f"{assignment.name}.ipynb")

    def commands(self) -> list[list[str]]:
        notebook = f"{self._assignment.name}.ipynb"
        return [
            [_program("otter"), "run", "--no-logo", "-o", student, f"{student}/{notebook}"]
            for student in self._students
        ]

    def marks(self) -> Marks:
        return {student: _points(self.folder / student / "results.json") for student in self._students}


def _as_otter(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """A submission as students hand it in to otter: a call of its check in place of each test."""
    start = new_code_cell("import otter\n\ngrader = otter.Notebook()")
    cells = [
        new_code_cell(f"grader.check({cell.metadata.nbgrader.grade_id!r})") if is_test(cell) else cell
        for cell in notebook.cells
    ]
    return nbformat.from_dict(notebook | {"cells": [start, *cells]})


def _points(results: Path) -> dict[str, float]:
    told = json.loads(results.read_text("utf-8"))
    return {test["name"]: test["score"] for test in told["tests"] if "score" in test}
