"""Every notebook runs from top to bottom, its claims hold for two seeds, and its worked answers pass its checks."""

import re
import subprocess
import sys

import nbformat
import pytest
from conftest import ROOT
from helpers import assert_claims_hold, on_stderr, told

from course_utils import execution

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FAST = {"SOURCE": "embedded", "FAST": True}

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def fill_in(notebook):
    """Put the worked answer in the place of every exercise's cell, and return how many exercises there are."""
    exercises = [i for i, cell in enumerate(notebook.cells) if "exercise" in cell.metadata.get("tags", ())]
    for i in exercises:
        cell = notebook.cells[i]
        assert "..." in cell.source, f"nothing is left to do in the exercise `{cell.source.splitlines()[0]}`"
        after = (c.source for c in notebook.cells[i + 1 :] if c.cell_type == "markdown" and "<details" in c.source)
        fences = re.findall(r"^```python\n(.*?)^```", next(after, ""), re.DOTALL | re.MULTILINE)
        assert len(fences) == 1, f"no single worked answer follows the exercise `{cell.source.splitlines()[0]}`"
        cell.source = fences[0].rstrip("\n")
    return len(exercises)


@each_notebook
def test_it_runs_and_runs_again_alike(path, tmp_path):
    run = execution.run(path, FAST)
    assert not on_stderr(run.notebook)
    assert_claims_hold(path, run.notebook)
    assert not [check for check in told(run.notebook, "check") if check["right"] is False]
    nbformat.write(run.notebook, tmp_path / path.name)
    nbval = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "--nbval-lax",
            "--nbval-current-env",
            "-p",
            "no:cacheprovider",
            "-q",
            path.name,
        ],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert nbval.returncode == 0, nbval.stdout


@each_notebook
def test_worked_answers_are_right_and_claims_hold_for_another_seed(path):
    notebook = execution.read(path)
    assert fill_in(notebook), "the notebook has no exercise"
    run = execution.run(path, FAST | {"SEED": 11}, notebook=notebook)
    assert_claims_hold(path, run.notebook)
    checks = told(run.notebook, "check")
    assert checks and all(check["right"] is True for check in checks), checks
