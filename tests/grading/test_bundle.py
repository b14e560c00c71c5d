"""What students get: everything to work with, and no line that they should not read."""

import os
import subprocess
import sys
import tomllib
import zipfile

import nbformat
import pytest
from conftest import ROOT

from course_utils.grading import ASSIGNMENTS
from course_utils.grading.course.bundle import NAME, write_bundle

NAMES = sorted(folder.name for folder in (ASSIGNMENTS / "source").iterdir())


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """The archive, unpacked."""
    folder = tmp_path_factory.mktemp("bundle")
    names = write_bundle(ROOT, folder / "deep" / "students.zip")
    with zipfile.ZipFile(folder / "deep" / "students.zip") as archive:
        assert archive.namelist() == names
        archive.extractall(folder)
    assert sorted(path.name for path in folder.iterdir()) == ["deep", NAME]
    assert [path.name for path in (folder / "deep").iterdir()] == ["students.zip"]
    return folder / NAME


def parts(name):
    """Lines of a source notebook: visible ones, and those between marks: solutions, hidden tests, mark schemes."""
    visible, hidden, inside = set(), set(), False
    notebook = nbformat.read(ASSIGNMENTS / "source" / name / f"{name}.ipynb", as_version=4)
    for line in (line.strip() for cell in notebook.cells for line in cell.source.split("\n")):
        if line.startswith("### "):
            inside = line.startswith("### BEGIN")
        elif len(line) > 12:  # what is shorter tells nothing: "else:"
            (hidden if inside else visible).add(line)
    return visible, hidden


def lines_of(path):
    """Lines as they were written: of a notebook, those of its cells."""
    if path.suffix == ".ipynb":
        cells = nbformat.read(path, as_version=4).cells
        return {line.strip() for cell in cells for line in cell.source.split("\n")}
    return {line.strip() for line in path.read_text("utf-8").split("\n")} if path.suffix != ".npz" else set()


@pytest.mark.parametrize("name", NAMES)
def test_no_hidden_line_is_in_it(bundle, name):
    own = {path for path in bundle.rglob("*") if path.is_file()}
    # What the course itself teaches, in the same words, is no secret.
    taught = {path for path in own if path.is_relative_to(bundle / "notebooks")}
    taught |= {path for path in own if path.is_relative_to(bundle / "course_utils")}
    public = set().union(*map(lines_of, taught), *(parts(other)[0] for other in NAMES))
    secret = parts(name)[1] - public
    assert len(secret) > 30
    for path in own - taught:
        assert not lines_of(path) & secret, path


def test_it_has_what_students_need_and_nothing_of_the_grading(bundle):
    names = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
    assert {f"assignments/{name}/{name}.ipynb" for name in NAMES} == {n for n in names if n.startswith("assignments/")}
    assert {"README.md", "course.py", "pyproject.toml", "requirements.lock", "course_utils/data/embedded.npz"} <= names
    assert {".binder/requirements.txt", ".binder/runtime.txt"} <= names  # Binder opens what students get
    assert len([name for name in names if name.startswith("notebooks/")]) == len(list(ROOT.glob("notebooks/*.ipynb")))
    strange = (
        "grading",
        "authoring",
        "audit",
        "tests/",
        "-test",
        "source/",
        "answers",
        "kernels/",
        "pycache",
        "bench",
        "gradebook",
    )
    assert not [name for name in names if any(word in name for word in strange)]


def test_its_project_file_points_to_nothing_that_is_not_there(bundle):
    told = (bundle / "pyproject.toml").read_text("utf-8")
    project, whole = tomllib.loads(told), tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    assert "grading" not in told and "kernels" not in told and "tests" not in told.split("[tool")[1]
    assert project["project"]["dependencies"] == whole["project"]["dependencies"]
    assert project["project"]["optional-dependencies"] == whole["project"]["optional-dependencies"]
    assert project["project"]["scripts"] == whole["project"]["scripts"]


def test_its_command_works_and_has_the_commands_of_students_alone(bundle, tmp_path):
    environment = {name: text for name, text in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        [sys.executable, "-c", "from course_utils.cli import main, __file__ as f; print(f); main()", "--help"],
        cwd=tmp_path, env=environment | {"PYTHONPATH": str(bundle)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0 and done.stdout.startswith(str(bundle)), done.stderr
    listed = done.stdout.partition("Commands:")[2].split("\n")
    assert {line.split()[0] for line in listed if line.strip()} == {"doctor", "fetch", "lab"}


@pytest.mark.long
def test_an_assignment_in_it_can_be_validated_and_says_what_is_not_done(bundle, tmp_path):
    file = bundle / "assignments" / "ps1" / "ps1.ipynb"
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", "validate", file.name],
        cwd=file.parent, env=os.environ | {"PYTHONPATH": str(bundle)}, capture_output=True, text=True,
    )  # fmt: skip
    assert "VALIDATION FAILED ON" in done.stdout and "black_and_white() is not written yet" in done.stdout, done.stderr
