"""Every notebook runs from top to bottom, its claims hold for two seeds, and its worked answers pass its checks."""

import re
import subprocess
import sys

import nbformat
import pytest
from conftest import ROOT

from course_utils import execution

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FAST = {"SOURCE": "embedded", "FAST": True}

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def told(notebook, kind):
    """What the notebook displayed as claims (kind "claim") or as checks ("check")."""
    outputs = [output for cell in execution.code_cells(notebook) for output in cell.outputs]
    facts = [output.get("metadata", {}).get("course", {}) for output in outputs]
    return [fact for fact in facts if kind in fact]


def on_stderr(notebook):
    outputs = [output for cell in execution.code_cells(notebook) for output in cell.outputs]
    return [output.text for output in outputs if output.get("name") == "stderr"]


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


def assert_claims_hold(path, notebook):
    claims = told(notebook, "claim")
    assert all(claim["holds"] for claim in claims), [c["claim"] for c in claims if not c["holds"]]
    assert claims or path.name.startswith("00"), "the notebook claims nothing"


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
