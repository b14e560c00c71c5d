"""The `course` command as people type it."""

import importlib
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml
from click.testing import CliRunner
from conftest import ROOT
from helpers import complains

from course_utils import cli, embedded, lock
from course_utils.errors import BadTarget, NotSetUp
from course_utils.root import course_root


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of the course without notebooks yet, in which we stand."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "course.py").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def course(*arguments, **settings):
    return CliRunner().invoke(cli.main, arguments, **settings)


@pytest.fixture
def started(monkeypatch):
    """The program that a command would have become: its arguments, its folder, its environment."""
    calls = []
    monkeypatch.setattr(cli.os, "name", "posix")
    monkeypatch.setattr(cli.os, "execve", lambda _, *command: calls.append((command[0], Path.cwd(), command[1])))
    return calls


def test_every_command_explains_itself():
    page = course("--help").output
    for name, command in cli.main.commands.items():
        assert name in page and command.help and command.help.splitlines()[0].endswith((".", ").", "folder."))


def test_an_error_of_ours_is_one_sentence_and_no_traceback(monkeypatch):
    def fails(names):
        raise BadTarget("The target has one class: add another.")

    monkeypatch.setattr(cli.main.commands["notebooks"], "callback", fails)
    result = course("notebooks")
    assert (result.exit_code, result.output) == (1, "Error: The target has one class: add another.\n")


@pytest.mark.parametrize(
    ("arguments", "word"), [(["notebooks", "07"], "'07' names no notebooks"), (["notebooks", "0"], "names 2 notebooks")]
)
def test_a_notebook_that_is_not_there_is_named_with_those_that_are(folder, small_notebook, arguments, word):
    for name in ("00_one", "01_two"):
        nbformat.write(small_notebook(), folder / "notebooks" / f"{name}.ipynb")
    result = course(*arguments)
    assert result.exit_code == 1 and word in result.output and "00_one, 01_two" in result.output


def test_without_notebooks_it_says_so(folder):
    result = course("build")
    assert result.exit_code == 1 and result.output.startswith("Error: There are no notebooks in")


def test_the_course_is_found_from_below_and_from_elsewhere(folder, monkeypatch):
    below = folder / "notebooks" / "deep"
    below.mkdir()
    monkeypatch.chdir(below)
    assert course_root() == folder
    monkeypatch.chdir(folder.parent)
    assert course_root() == ROOT


def test_build_makes_the_pages_and_ends_with_what_it_made(folder, small_notebook, monkeypatch):
    def run_demo(build):
        (build / "grades.csv").write_text("ann,1", "utf-8")
        return SimpleNamespace(csv=build / "grades.csv", feedback=[], summary="ps1: 6 students.")

    monkeypatch.setattr(importlib.import_module("course_utils.grading.demo"), "run_demo", run_demo)
    nbformat.write(small_notebook(), folder / "notebooks" / "00_good.ipynb")
    assert course("build").exit_code == 0
    nbformat.write(small_notebook("1 / 0"), folder / "notebooks" / "01_bad.ipynb")
    result = course("build", "--source", "auto")
    assert result.exit_code == 1
    for word in ("A small one (00_good)", "ps1: 6 students.", "Grades: build/grades.csv", "Open build/index.html"):
        assert word in result.output
    assert result.output.splitlines()[-1].startswith("Error: The notebook 01_bad.ipynb stopped in its code cell 5")
    assert "00_good.html" in (folder / "build" / "index.html").read_text("utf-8")
    assert "auto False" in (folder / "build" / "00_good.html").read_text("utf-8")


def test_notebooks_writes_back_those_that_are_named(folder, small_notebook):
    for name in ("00_one", "01_two"):
        nbformat.write(small_notebook(), folder / "notebooks" / f"{name}.ipynb")
    result = course("notebooks", "notebooks/01_two.ipynb")
    assert result.exit_code == 0 and "01_two.ipynb" in result.output and "00_one" not in result.output
    counts = [
        nbformat.read(folder / "notebooks" / f"{name}.ipynb", 4).cells[2].execution_count
        for name in ("00_one", "01_two")
    ]
    assert counts == [None, 2]


def test_test_hands_its_arguments_to_pytest_in_the_courses_folder(folder, started, monkeypatch):
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    course("test", "-k", "this or that", "--help")
    ((command, where, _),) = started
    assert command == [sys.executable, "-m", "pytest", "-k", "this or that", "--help"]
    course("test")
    assert started[-1][0][3:] == ["-n", str(min(os.cpu_count(), 4)), "--dist", "loadfile", "--durations", "25"]
    assert where == folder


def test_lab_opens_the_first_notebook_with_this_python_and_no_question(folder, started):
    course("lab", "--no-browser", env={"JUPYTER_CONFIG_PATH": "mine"})
    ((command, _, environment),) = started
    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert command[3] == str(folder / "notebooks" / "00_start_here.ipynb") and command[-1] == "--no-browser"
    code = "from jupyterlab_server.config import get_page_config; print(get_page_config([])['disabledExtensions'])"
    page = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert "@jupyterlab/apputils-extension:announcements" in page.stdout
    assert environment["JUPYTER_CONFIG_PATH"].endswith("mine")


def test_training_asks_before_it_replaces_weights(tmp_path, monkeypatch):
    asked = []

    def train(pictures, seed, folder, progress):
        asked.append((pictures, seed, folder))
        progress(1, 2, 0.5)
        return {"accuracy": 0.5, "tested_on": 10}

    monkeypatch.setattr(embedded, "train", train)
    (tmp_path / embedded.WEIGHTS).touch()
    arguments = ["train-embedded", "--pictures", "256", "--seed", "3", "--to", str(tmp_path)]
    result = course(*arguments, input="n\n")
    assert result.exit_code == 1 and asked == []
    assert "256 drawings" in result.output and str(tmp_path / embedded.WEIGHTS) in result.output
    assert course("train-embedded", input="n\n").exit_code == 1 and asked == []
    assert "50.00% of 10" in course(*arguments, input="y\n").output
    assert course(*arguments, "--yes").exit_code == 0
    assert course(*arguments[:5], "--to", str(tmp_path / "new")).exit_code == 0
    assert asked == [(256, 3, tmp_path)] * 2 + [(256, 3, tmp_path / "new")]


def test_the_halves_are_trained_again_and_their_table_replaced(tmp_path, monkeypatch):
    from course_utils import cache, halves

    monkeypatch.setattr(cache, "_shipped", lambda name: tmp_path / f"{name}.json")
    monkeypatch.setattr(halves, "experiment", lambda done: [done() or {"kind": "base"}])
    result = course("train-halves")
    assert result.exit_code == 0 and f"{halves.trainings()} small networks" in result.output
    kept = json.loads((tmp_path / "halves.json").read_text("utf-8"))
    assert kept == {"settings": halves.SETTINGS, "table": [{"kind": "base"}]}


def test_doctor_says_which_source_and_why(monkeypatch, tmp_path):
    from course_utils import downloads

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(downloads, "unreachable", lambda url: "there is no connection to its host")
    result = course("doctor")
    assert result.exit_code == 0, result.output
    assert "the embedded source: MobileNetV2 is not in the cache, and there is no connection" in result.output
    monkeypatch.setattr(downloads, "unreachable", lambda url: "")
    assert "MobileNetV2: its weights" in course("doctor").output


LOCK = """one==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via two
two==2 ; os_name == 'nt' \\
    --hash=sha256:cc
"""


def test_environment_holds_the_locks_packages_and_the_course():
    conda, _, pip = yaml.safe_load(lock.environment(LOCK))["dependencies"]
    assert conda == f"python={lock.CONDA_PYTHON}"
    assert pip["pip"] == ["one==1.0", "two==2 ; os_name == 'nt'", "-e ."]


def test_lock_resolves_with_uv_and_writes_both_files(tmp_path, monkeypatch):
    def run(command, cwd):
        assert command[:3] == ["uv", "pip", "compile"] and {"--universal", "--generate-hashes"} < set(command)
        (cwd / "requirements.lock").write_text(LOCK, "utf-8")
        return SimpleNamespace(returncode=0)

    monkeypatch.setattr(lock.shutil, "which", lambda name: name)
    monkeypatch.setattr(lock.subprocess, "run", run)
    assert lock.update(tmp_path) == 2
    assert (tmp_path / "environment.yml").read_text("utf-8") == lock.environment(LOCK)


def test_lock_says_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with complains(NotSetUp, "uv"):
        lock.update(tmp_path)
    monkeypatch.setattr(lock.shutil, "which", lambda name: name)
    monkeypatch.setattr(lock.subprocess, "run", lambda command, cwd: SimpleNamespace(returncode=1))
    with complains(NotSetUp, "as they were"):
        lock.update(tmp_path)
    assert not list(tmp_path.iterdir())
