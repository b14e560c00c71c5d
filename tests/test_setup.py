"""course.py, the set-up with Python and nothing else: with a stand-in for Python and pip, and no network."""

import ast
import importlib.util
import os
import stat
import subprocess
import sys
import tomllib
from types import SimpleNamespace

import pytest
from packaging.specifiers import SpecifierSet

posix = pytest.mark.skipif(os.name == "nt", reason="the stand-ins for Python are shell scripts")

# A Python whose `-m venv` makes an environment of itself, and whose `-m pip` only writes down what it was asked.
STAND_IN = """#!/bin/sh
here="$(cd "$(dirname "$0")" && pwd)"
case "$1 $2" in
"-m venv")
    mkdir -p "$3/bin" && cp "$0" "$3/bin/python"
    echo "venv" >> "$COURSE_LOG" ;;
"-m pip")
    echo "$*" >> "$COURSE_LOG"
    if [ -e "$COURSE_LOG.fails" ]; then echo "ERROR: no route to the packages" >&2; exit 1; fi
    touch "$here/course" ;;
"-c import pip") ;;
"-c import compileall"*) echo >> "$COURSE_LOG.compiled" ;;
"-c "*) echo "CPython 3 12 $0" ;;
esac
"""


@pytest.fixture
def course(root, tmp_path, monkeypatch):
    """course.py as a module, for a project in an empty folder."""
    spec = importlib.util.spec_from_file_location("course", root / "course.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    place(module, tmp_path / "project", monkeypatch)
    os.makedirs(module.ROOT)
    for name in ("requirements.lock", "requirements-test.lock", "pyproject.toml"):
        (tmp_path / "project" / name).write_text("one==1.0 \\\n", "utf-8")
    return module


def place(module, folder, monkeypatch):
    monkeypatch.setattr(module, "ROOT", str(folder))
    monkeypatch.setattr(module, "VENV", str(folder / ".venv"))
    monkeypatch.setattr(module, "STAMP", str(folder / ".venv" / "course-stamp"))


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.fixture
def stand_in(course, tmp_path, monkeypatch):
    """What the stand-in for Python was asked, and what was run in the end."""
    python, log = program(tmp_path / "python", STAND_IN), tmp_path / "log"
    started = []
    monkeypatch.setenv("COURSE_LOG", str(log))
    monkeypatch.setattr(course, "find_python", lambda: str(python))
    monkeypatch.setattr(os, "execv", lambda path, command: started.append(command))

    def asked():
        lines = log.read_text("utf-8").splitlines() if log.exists() else []
        log.unlink(missing_ok=True)
        return lines

    return SimpleNamespace(asked=asked, started=started, fails=tmp_path / "log.fails", python=python)


def test_supported_versions_are_those_of_the_project(course, root):
    wanted = SpecifierSet(tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["requires-python"])
    for minor in range(8, 20):
        assert course.fitting("CPython", (3, minor)) == (f"3.{minor}.1" in wanted), minor
    assert not course.fitting("PyPy", (3, 12))


def test_an_old_python_can_read_it_and_say_that_it_is_too_old(root):
    ast.parse((root / "course.py").read_text("utf-8"), feature_version=(3, 7))


def test_it_needs_the_standard_library_only(root):
    tree = ast.parse((root / "course.py").read_text("utf-8"))
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert imported and imported <= sys.stdlib_module_names
    assert not any(isinstance(node, ast.ImportFrom) for node in ast.walk(tree))


@posix
def test_another_python_is_found_where_the_running_one_does_not_fit(course, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "version_info", (3, 10, 13))
    monkeypatch.setenv("PATH", str(tmp_path))
    program(tmp_path / "python3.12", "#!/bin/sh\nexit 127\n")  # as a version manager's stand-in for nothing
    program(tmp_path / "python3.13", "#!/bin/sh\necho PyPy 3 13 $0\n")
    with pytest.raises(course.SetupError, match="needs CPython 3.11, 3.12 or 3.13, and this is"):
        course.find_python()
    fitting = program(tmp_path / "python3.11", "#!/bin/sh\necho CPython 3 11 $0\n")
    assert course.find_python() == str(fitting)


@posix
def test_first_run_installs_and_the_second_starts_at_once(course, stand_in):
    course.main(["build", "--source", "auto"])
    venv, lock, project = stand_in.asked()
    assert venv == "venv"
    assert "--require-hashes -r" in lock and lock.endswith("requirements.lock")
    assert "--no-deps --no-build-isolation -e" in project and project.endswith(course.ROOT)
    assert stand_in.started == [[course.venv_file("course"), "build", "--source", "auto"]]
    course.main(["lab"])
    assert stand_in.asked() == []
    assert stand_in.started[1:] == [[course.venv_file("course"), "lab"]]


@posix
def test_what_only_tests_need_comes_with_the_first_command_that_tests(course, stand_in):
    course.main(["build"])
    stand_in.asked()
    for command in course.TESTING:
        course.main([command, "-k", "this"])
    (tests,) = stand_in.asked()
    assert "--require-hashes -r" in tests and tests.endswith("requirements-test.lock")
    assert stand_in.started[-1] == [course.venv_file("course"), command, "-k", "this"]
    course.main(["build"])
    assert stand_in.asked() == []


@posix
def test_a_changed_test_lock_counts_for_tests_only(course, stand_in):
    course.main(["test"])
    assert len(stand_in.asked()) == 4
    with open(os.path.join(course.ROOT, course.TEST_LOCK), "a", encoding="utf-8") as file:
        file.write("two==2.0\n")
    course.main(["build"])
    assert stand_in.asked() == []
    course.main(["test"])
    assert len(stand_in.asked()) == 1


@posix
def test_an_interrupted_installation_for_tests_goes_on(course, stand_in):
    course.main(["build"])
    stand_in.asked()
    stand_in.fails.touch()
    assert course.main(["test"]) == 1 and len(stand_in.asked()) == 1
    course.main(["build"])
    assert stand_in.asked() == []
    stand_in.fails.unlink()
    course.main(["test"])
    assert len(stand_in.asked()) == 1


@posix
def test_a_students_copy_needs_no_tests(course, stand_in):
    os.remove(os.path.join(course.ROOT, course.TEST_LOCK))
    course.main(["test"])
    assert not [line for line in stand_in.asked() if course.TEST_LOCK in line] and len(stand_in.started) == 1


@posix
@pytest.mark.parametrize("name", ["requirements.lock", "pyproject.toml"])
def test_a_changed_lock_is_installed_into_the_same_environment(course, stand_in, name):
    course.main([])
    stand_in.asked()
    with open(os.path.join(course.ROOT, name), "a", encoding="utf-8") as file:
        file.write("two==2.0\n")
    course.main([])
    asked = stand_in.asked()
    assert "venv" not in asked and len(asked) == 2


@posix
def test_an_interrupted_installation_goes_on(course, stand_in, capfd):
    stand_in.fails.touch()
    assert course.main(["build"]) == 1
    told = capfd.readouterr().err.splitlines()
    assert told[0] == "ERROR: no route to the packages"
    assert len(told) == 2 and told[1].startswith("Error: pip could not install the course")
    assert stand_in.started == []
    stand_in.fails.unlink()
    stand_in.asked()
    course.main(["build"])
    asked = stand_in.asked()
    assert "venv" not in asked and len(asked) == 2 and len(stand_in.started) == 1


@posix
def test_a_moved_environment_is_made_anew(course, stand_in, tmp_path, monkeypatch):
    course.main([])
    stand_in.asked()
    os.rename(tmp_path / "project", tmp_path / "elsewhere")
    place(course, tmp_path / "elsewhere", monkeypatch)
    course.main([])
    assert stand_in.asked()[0] == "venv"


@posix
def test_an_environment_whose_python_is_gone_is_made_anew(course, stand_in):
    course.main([])
    stand_in.asked()
    os.remove(course.venv_file("python"))
    os.remove(course.venv_file("course"))
    course.main([])
    assert stand_in.asked()[0] == "venv"


@posix
def test_an_environment_made_by_hand_is_used(course, stand_in):
    subprocess.run([stand_in.python, "-m", "venv", course.VENV], check=True)
    stand_in.asked()
    course.main([])
    asked = stand_in.asked()
    assert "venv" not in asked and len(asked) == 2


@posix
def test_a_folder_that_somebody_else_made_is_left_alone(course, stand_in, capsys):
    os.makedirs(course.VENV)
    kept = os.path.join(course.VENV, "notes.txt")
    open(kept, "w").close()
    assert course.main([]) == 1
    assert os.path.exists(kept) and stand_in.asked() == []
    assert "move it away or delete it" in capsys.readouterr().err


@posix
def test_no_half_made_environment_is_left_where_python_cannot_make_one(course, stand_in, capsys):
    program(stand_in.python, "#!/bin/sh\nexit 1\n")
    assert course.main([]) == 1
    assert not os.path.exists(course.VENV)
    assert "python3-venv" in capsys.readouterr().err


@posix
def test_packages_are_compiled_once_on_all_cores(course, stand_in, tmp_path):
    course.main(["build"])
    assert ["--no-compile" in line for line in stand_in.asked()[1:]] == [True] * 2
    assert len((tmp_path / "log.compiled").read_text("utf-8").splitlines()) == 1
    course.main(["test"])
    course.main(["build"])
    assert len((tmp_path / "log.compiled").read_text("utf-8").splitlines()) == 2


def test_the_packages_of_this_environment_are_compiled(course):
    """What stands in course.py for another Python works in this one."""
    code = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(subprocess, "call", lambda command: code.append(command[2]))
        course._compile()
    script = code[0].replace("sysconfig.get_path('purelib')", repr(os.path.dirname(course.ROOT)))
    with open(os.path.join(course.ROOT, "one.py"), "w", encoding="utf-8") as file:
        file.write("x = 1")
    subprocess.run([sys.executable, "-c", script], check=True)
    assert len(os.listdir(os.path.join(course.ROOT, "__pycache__"))) == 1


def test_no_module_imports_what_is_heavy_before_it_is_used():
    code = """if True:
        import course_utils, importlib, pkgutil, sys
        names = [module.name for module in pkgutil.walk_packages(course_utils.__path__, "course_utils.")]
        for name in names:
            importlib.import_module(name)
        print(len(names), *(name for name in ("tensorflow", "keras", "matplotlib") if name in sys.modules))"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    count, *heavy = run.stdout.split()
    assert int(count) > 10 and heavy == []


def test_the_command_line_starts_without_what_only_some_commands_need():
    code = "import course_utils.cli, sys; print([n for n in ('numpy', 'papermill', 'nbformat') if n in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
