"""The `course` command as people type it."""

import importlib
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
import yaml
from click.testing import CliRunner
from conftest import ROOT
from helpers import complains

from course_utils import cli
from course_utils.authoring import lock, running, site, train_embedded
from course_utils.errors import BadTarget, NotSetUp
from course_utils.machine import programs
from course_utils.root import course_root
from course_utils.world import embedded


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
    monkeypatch.setattr(programs.os, "name", "posix")
    monkeypatch.setattr(programs.os, "execve", lambda _, *command: calls.append((command[0], Path.cwd(), command[1])))
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

    def run(path, *rest):
        seen.append((folder / "build" / "index.html").read_text("utf-8"))
        return ran(path, *rest)

    seen, ran = [], running.run_page
    monkeypatch.setattr(running, "run_page", run)
    monkeypatch.setattr(site, "_reference", lambda: "# Reference\n")
    monkeypatch.setattr(importlib.import_module("course_utils.grading.course.demo"), "run_demo", run_demo)
    shutil.copytree(ROOT / "docs", folder / "docs")
    nbformat.write(small_notebook(), folder / "notebooks" / "00_start_here.ipynb")
    nbformat.write(small_notebook("1 / 0"), folder / "notebooks" / "01_bad.ipynb")
    result = course("build", "--source", "auto")
    assert result.exit_code == 1
    for word in ("A small one (00_start_here)", "ps1: 6 students.", "Grades: build/grades.csv", "now shows it all"):
        assert word in result.output
    assert result.output.splitlines()[0].startswith("Open build/index.html in a browser")
    assert result.output.splitlines()[-1].startswith("Error: The notebook 01_bad.ipynb stopped in its code cell 5")
    assert len(seen) == 2 and all("as they are stored" in page for page in seen)
    assert "ps1: 6 students." in (folder / "build" / "index.html").read_text("utf-8")
    assert "auto False" in (folder / "build" / "notebooks" / "00_start_here.html").read_text("utf-8")


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
    assert started[-1][0][3:7] == ["-m", "not long", "-n", str(min(os.cpu_count() + 1, 4))]
    course("test-rest")
    assert started[-1][0][3:5] == ["-m", "long"]
    course("test-rest", "tests/browser")
    assert started[-1][0][3:] == ["-m", "long", "tests/browser"]
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

    monkeypatch.setattr(train_embedded, "train", train)
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


def test_doctor_says_which_source_and_whether_it_is_whole(monkeypatch):
    from course_utils.models import installed

    assert "'auto' takes EfficientNetLite0: its weights are whole" in course("doctor").output
    entry = installed.INSTALLED["EfficientNetLite0"]
    monkeypatch.setitem(installed.INSTALLED, entry.name, replace(entry, package="no-such-package"))
    assert "takes EfficientNetLite0, and cannot" in course("doctor").output


LOCK = """one==1.0 \\
    --hash=sha256:aa \\
    --hash=sha256:bb
    # via two
two==2 ; os_name == 'nt' \\
    --hash=sha256:cc
"""


def test_environment_holds_the_locks_packages_and_the_course():
    conda, _, pip = yaml.safe_load(lock.conda_environment(LOCK))["dependencies"]
    assert conda == f"python={lock.CONDA_PYTHON}"
    assert pip["pip"] == ["one==1.0", "two==2 ; os_name == 'nt'", "-e ."]


EXTRAS = """[project]
dependencies = ["two"]
[project.optional-dependencies]
lab = ["one"]
test = ["pytest"]
postgres = ["psycopg"]
hub = ["keras-hub"]
"""


@pytest.fixture
def uv(tmp_path, monkeypatch):
    """A stand-in for uv, in a project: what it is asked, and the file that it fails to make, if it is told one."""
    made = SimpleNamespace(asked=[], fails="")

    def run(command, cwd, input, text):
        assert command[:3] == ["uv", "pip", "compile"] and {"--universal", "--generate-hashes"} < set(command)
        made.asked.append((" ".join(command), input))
        if command[-1] == made.fails:
            return SimpleNamespace(returncode=1)
        (cwd / command[-1]).write_text(LOCK.partition("two")[0] if input else LOCK, "utf-8")
        return SimpleNamespace(returncode=0)

    (tmp_path / "pyproject.toml").write_text(EXTRAS, "utf-8")
    monkeypatch.setattr(lock.shutil, "which", lambda name: name)
    monkeypatch.setattr(lock.subprocess, "run", run)
    return made


def test_lock_resolves_with_uv_and_writes_all_files(tmp_path, uv):
    assert lock.update(tmp_path) == {"requirements.lock": 2, "requirements-test.lock": 1}
    (first, nothing), (second, tests) = uv.asked
    assert "pyproject.toml --extra lab -o" in first and nothing == ""
    assert "- -c requirements.lock -o" in second and tests.split() == ["pytest", "psycopg"]
    assert (tmp_path / "environment.yml").read_text("utf-8") == lock.conda_environment(LOCK)
    binder = (tmp_path / ".binder" / "requirements.txt").read_text("utf-8")
    assert binder.splitlines()[1:] == ["one==1.0", "two==2 ; os_name == 'nt'", "."]


def test_lock_says_what_is_missing(tmp_path, monkeypatch, uv):
    for name in ("requirements-test.lock", "requirements.lock"):
        uv.fails = name
        with complains(NotSetUp, f"{name} could not be made", "as it was"):
            lock.update(tmp_path)
    assert not (tmp_path / "environment.yml").exists()
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with complains(NotSetUp, "uv"):
        lock.update(tmp_path)
