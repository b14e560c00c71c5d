"""The locks and what is made from them: pinned packages for pip, those of the tests apart, for conda and for Binder."""

import re
import shutil
import subprocess
import tomllib
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from ..errors import NotSetUp

LOCK, TEST_LOCK = "requirements.lock", "requirements-test.lock"
BINDER = Path(".binder", "requirements.txt")
TESTS = ("test", "postgres")  # the extras that only tests need
UNLOCKED = ("hub",)  # those that are heavy, and whose user installs them by name
CONDA_PYTHON = "3.12"
_COMPILE = (
    "uv pip compile --universal --fork-strategy fewest --generate-hashes --python-version 3.11 --no-header --quiet"
).split()


def pinned(lock: str) -> list[str]:
    """The packages of a lock as pip requirements, "name==version" with the marker where there is one."""
    lines = (line.rstrip("\\ ") for line in lock.splitlines())
    return [line for line in lines if line and not line.startswith((" ", "#"))]


def conda_environment(lock: str) -> str:
    """The text of environment.yml: Python and pip from conda, everything else as the lock has it."""
    packages = "".join(f'    - "{requirement}"\n' for requirement in [*pinned(lock), "-e ."])
    return (
        "# Made from requirements.lock by `course lock`; for conda.\n"
        "name: transfer-learning-course\n"
        "channels:\n- conda-forge\n"
        f"dependencies:\n- python={CONDA_PYTHON}\n- pip\n- pip:\n{packages}"
    )


def binder_requirements(lock: str, lessons: Iterable[str]) -> str:
    """The text of Binder's requirements.txt: the course, and as the lock has them the packages that `lessons` ask for.

    `lessons` are pyproject.toml's dependencies. Binder brings JupyterLab itself.
    """
    asked_by = {}  # a package: those that it is there for, as the lock's comments say
    for entry in re.split(r"^(?=[\w])", lock, flags=re.MULTILINE)[1:]:
        via = re.findall(r"^ +#(?: via)? +([\w.-]+)", entry, re.MULTILINE)
        asked_by.setdefault(Requirement(pinned(entry)[0]).name, set()).update(via)
    wanted = {canonicalize_name(Requirement(line).name) for line in lessons}
    while more := {name for name, via in asked_by.items() if via & wanted} - wanted:
        wanted |= more
    lines = [line for line in pinned(lock) if Requirement(line).name in wanted]
    return "\n".join(["# Made from requirements.lock by `course lock`: what lessons need.", *lines, ".", ""])


def update(root: Path) -> dict[str, int]:
    """Resolve pyproject.toml into both locks with uv, write conda's and Binder's files, return each lock's number.

    Versions that a lock has stay where they still fit. What the tests need besides has the first lock's versions.
    Raises `NotSetUp`.
    """
    if not shutil.which("uv"):
        raise NotSetUp("The lock is made with uv, which is not on the PATH: install it (pip install uv).")
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    chosen = [word for extra in extras if extra not in (*TESTS, *UNLOCKED) for word in ("--extra", extra)]
    _compile(root, LOCK, "pyproject.toml", *chosen)
    _compile(root, TEST_LOCK, "-", "-c", LOCK, asked="\n".join(line for extra in TESTS for line in extras[extra]))
    lock = (root / LOCK).read_text("utf-8")
    (root / BINDER).parent.mkdir(exist_ok=True)
    (root / BINDER).write_text(binder_requirements(lock, project["dependencies"]), "utf-8", newline="\n")
    (root / "environment.yml").write_text(conda_environment(lock), "utf-8", newline="\n")
    return {name: len(pinned((root / name).read_text("utf-8"))) for name in (LOCK, TEST_LOCK)}


def _compile(root: Path, name: str, *arguments: str, asked: str = "") -> None:
    if subprocess.run([*_COMPILE, *arguments, "-o", name], cwd=root, input=asked, text=True).returncode:
        raise NotSetUp(f"{name} could not be made, for the reason that uv gives above: it is as it was.")
