"""Every notebook runs from top to bottom, its claims hold for two seeds, and its worked answers are right."""

import os
import re
import subprocess
import sys

import nbformat
import numpy as np
import pytest
from conftest import ROOT
from helpers import assert_claims_hold, on_stderr, told
from PIL import Image

from course_utils.authoring import execution

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
FAST = {"FAST": True}

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
def test_it_runs_and_its_claims_hold(path):
    """On the small source, which takes half the time; the long tests take the default one."""
    run = execution.run_notebook(path, FAST | {"SOURCE": "drawings"})
    assert not on_stderr(run.notebook)
    assert_claims_hold(path, run.notebook)
    checks = told(run.notebook, "check")
    assert checks and all(check["right"] is None for check in checks), "an exercise has its answer on the page"


@pytest.mark.long
@each_notebook
def test_its_claims_hold_and_its_worked_answers_are_right(path):
    notebook = execution.read_notebook(path)
    assert fill_in(notebook), "the notebook has no exercise"
    run = execution.run_notebook(path, FAST, notebook=notebook)
    assert not on_stderr(run.notebook)
    assert_claims_hold(path, run.notebook)
    checks = told(run.notebook, "check")
    assert checks and all(check["right"] is True for check in checks), checks


@pytest.mark.long
@each_notebook
@pytest.mark.parametrize("source", [{}, {"SOURCE": "drawings"}], ids=["default", "drawings"])
def test_with_another_seed_claims_hold(path, source):
    run = execution.run_notebook(path, FAST | {"SEED": 11} | source)
    assert not on_stderr(run.notebook)
    assert_claims_hold(path, run.notebook)
    assert not [check for check in told(run.notebook, "check") if check["right"] is False]


@pytest.mark.long
@pytest.mark.parametrize("path", [NOTEBOOKS[0], NOTEBOOKS[8]], ids=lambda path: path.stem)
def test_nbval_finds_it_alike(path, tmp_path):
    run = execution.run_notebook(path, FAST)
    nbformat.write(run.notebook, tmp_path / path.name)
    options = ("--nbval-lax", "--nbval-current-env", "-p", "no:cacheprovider", "-q")
    command = [sys.executable, "-m", "pytest", *options, path.name]
    nbval = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert nbval.returncode == 0, nbval.stdout


@pytest.mark.long
def test_what_the_readme_shows_first_runs_and_reaches_what_its_picture_says():
    text = (ROOT / "README.md").read_text("utf-8")
    shown = re.search(r"^```python\n(.*?)^```", text, re.DOTALL | re.MULTILINE)[1]
    judged = (
        "known, asked = target.test_labels[::5], source.preprocess(target.test_pictures[::5])\n"
        "print(100 * (model.predict(asked, verbose=0).argmax(1) == known).mean())\n"
    )
    windows = os.environ | {"COURSE_DATA": ""}  # of which the picture is, also where there are flowers
    done = subprocess.run([sys.executable, "-c", shown + judged], capture_output=True, text=True, cwd=ROOT, env=windows)
    assert done.returncode == 0, done.stderr
    said = int(re.search(r"new head is right in (\d+) %", text)[1])
    assert abs(float(done.stdout.splitlines()[-1]) - said) < 6


@pytest.mark.long
def test_the_script_of_lesson_06_trains_what_it_says(tmp_path):
    """On pictures of noise and without weights, as nothing is fetched."""
    cells = execution.read_notebook(next(path for path in NOTEBOOKS if path.name.startswith("06"))).cells
    script = next(cell.source for cell in cells if "image_dataset_from_directory" in cell.source)
    script = re.search(r"```python\n(.*?)```", script, re.DOTALL)[1]
    script = script.replace("include_top=False", "include_top=False, weights=None")
    rng = np.random.default_rng(0)
    for k in range(20):
        place = tmp_path / "my_photographs" / f"kind {k % 2}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (96, 96, 3), "uint8")).save(place / f"{k}.png")
    judged = """
assert not any(layer.trainable for layer in norms) and len(norms) == 52
assert base.get_layer("block_13_expand").trainable and not base.get_layer("block_12_expand").trainable
assert all(np.array_equal(a, b) for layer in norms for a, b in zip(layer.get_weights(), kept[layer.name]))
assert not np.array_equal(base.get_layer("block_13_expand").get_weights()[0], moving)
"""
    second = "model.compile(keras.optimizers.Adam(1e-4)"
    assert script.count(second) == 1
    kept = """
norms = [layer for layer in base.layers if isinstance(layer, layers.BatchNormalization)]
kept = {layer.name: layer.get_weights() for layer in norms}
moving = base.get_layer("block_13_expand").get_weights()[0]
"""
    begin = "import keras\nimport numpy as np\nfrom keras import layers\n"
    whole = begin + script.replace(second, kept + second) + judged
    done = subprocess.run([sys.executable, "-c", whole], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
