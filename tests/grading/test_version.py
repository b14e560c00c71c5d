"""What decides a mark decides a re-grade: which changes of which files and packages make a grader another one."""

import shutil
import subprocess
import sys
from importlib.metadata import version as installed

import pytest
from conftest import ROOT

from course_utils.grading import version

CHANGES = {  # a file of each kind, and whether a change of it can change a mark
    "grading/roles.py": True,
    "grading/seeds.py": True,
    "grading/intake/repair.py": True,
    "grading/sandbox/room.py": True,
    "grading/judge/in_judging_kernel.py": True,
    "grading/batch/worker.py": True,
    "grading/batch/bookkeeping.py": True,
    "marking.py": True,
    "lesson.py": True,
    "probing.py": True,
    "models/cuts.py": True,
    "world/shapes.py": True,
    "data/embedded.npz": True,
    "authoring/site.py": False,
    "machine/doctor.py": False,
    "cli.py": False,
    "grading/commands.py": False,
    "grading/batch/cluster.py": False,
    "grading/reports/class_page.py": False,
    "grading/reports/explain.py": False,
    "grading/course/demo.py": False,
    "grading/audit/proof.py": False,
}


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """A copy of the package, and the version of the grader in it."""
    folder = tmp_path_factory.mktemp("copy")
    shutil.copytree(ROOT / "course_utils", folder / "course_utils", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def told(folder):
    code = "from course_utils.grading import version; version.packages = dict; print(version.PACKAGE, version.grader())"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    package, number = done.stdout.split()
    assert package == str(folder / "course_utils")
    return number


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_a_file(name, copy):
    file = copy / "course_utils" / name
    before, content = told(copy), file.read_bytes()
    file.write_bytes(content + b"\n# another\n")
    changed = told(copy) != before
    file.write_bytes(content)
    assert changed is CHANGES[name]


def test_a_new_file_of_the_engine_counts(copy):
    before = told(copy)
    (copy / "course_utils" / "grading" / "judge" / "more.py").touch()
    assert told(copy) != before


def test_packages_that_lessons_and_grading_need_and_no_others():
    found = version.packages()
    assert {"keras", "tensorflow", "numpy", "nbgrader", "ipykernel", "nbclient", "jupyter-client"} < set(found)
    assert found["keras"] == installed("keras")
    assert not {"pytest", "hypothesis", "ruff", "sphinx", "playwright", "hatchling", version.DISTRIBUTION} & set(found)


def test_another_version_of_a_package_is_another_grader(monkeypatch):
    before = version.grader.__wrapped__()
    packages = version.packages()
    monkeypatch.setattr(version, "packages", lambda: packages | {"keras": "0.0"})
    assert version.grader.__wrapped__() != before
