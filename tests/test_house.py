"""How the package is laid out: which way imports run, how much lies where, and one name for one thing."""

import ast
import re
import shutil
import subprocess
import sys
from collections import defaultdict
from itertools import combinations

import pytest
from conftest import ROOT

PACKAGE = ROOT / "course_utils"
MODULES = sorted(PACKAGE.rglob("*.py"))
SMALL = {"errors.py", "progress.py", "root.py", "cli.py"}  # what everything stands on, and the way in


def lint(folder):
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as go; go()", "--no-cache"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env={"PYTHONPATH": str(folder)})
    return done.returncode, done.stdout + done.stderr


def test_imports_run_one_way():
    code, told = lint(ROOT)
    assert code == 0, told


WRONG = {
    "a lower room that looks up": ("pictures/arrays.py", "from ..sources import load_source", "The house"),
    "rooms in one line that know each other": ("authoring/lock.py", "from ..grading import packing", "The house"),
    "grading that sees what is taught": ("grading/roles.py", "from ..sources import load_source", "Grading sees"),
    "within a function, too": ("store/cache.py", "def f():\n    from ..models import zoo", "The house"),
    "a room of the grader that looks up": ("grading/sandbox/room.py", "from ..judge import wire", "The grader's rooms"),
    "a circle in a room": ("texts/user_files.py", "from . import news", "No circles"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_import_is_found(wrong, tmp_path):
    file, line, contract = WRONG[wrong]
    shutil.copytree(PACKAGE, tmp_path / "course_utils", ignore=shutil.ignore_patterns("__pycache__", "data"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "course_utils" / file).open("a", encoding="utf-8") as opened:
        opened.write(f"\n\n{line}\n")
    code, told = lint(tmp_path)
    assert code == 1 and re.search(rf"^{contract}.* BROKEN$", told, re.MULTILINE), told


def test_what_a_lesson_imports_by_default_can_be_read_in_an_evening():
    files = [path for path in PACKAGE.glob("*.py") if path.name not in SMALL]
    assert len(files) <= 10
    assert sum(len(path.read_text("utf-8").splitlines()) for path in files) <= 1500


def test_no_room_has_more_than_twelve_files_and_lessons_two_for_each():
    rooms = defaultdict(list)
    for path in MODULES:
        rooms[path.parent].append(path.name)
    del rooms[PACKAGE]
    shelf = rooms.pop(PACKAGE / "lessons")  # two for each lesson, one with another
    assert len(shelf) - 1 <= 2 * len(list((ROOT / "notebooks").glob("*.ipynb")))
    assert len(rooms) > 10 and not {room: files for room, files in rooms.items() if len(files) > 12}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_module_says_what_it_is_in_one_sentence(path):
    told = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    assert re.match(r"\S.{10,}[.:!]", told.split("\n\n")[0].replace("\n", " ")), told


def test_no_two_modules_have_names_that_differ_by_an_ending():
    names = sorted(path.stem for path in MODULES if path.stem not in ("__init__", "commands"))
    assert len(names) == len(set(names)) > 50, [name for name in names if names.count(name) > 1]
    root = {name: re.sub(r"(s|er|or|ed|ing|ion|ment|e)$", "", re.sub("s$", "", name)) for name in names}
    alike = [pair for pair in combinations(names, 2) if root[pair[0]] == root[pair[1]]]
    assert not alike


def test_no_two_public_functions_or_classes_have_one_name():
    places = defaultdict(list)
    for path in MODULES:
        if path.stem == "commands":  # a command's function has the command's name
            continue
        for node in ast.parse(path.read_text("utf-8")).body:
            if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and node.name[0] != "_":
                places[node.name].append(str(path.relative_to(PACKAGE)))
    assert not {name: where for name, where in places.items() if len(where) > 1}
