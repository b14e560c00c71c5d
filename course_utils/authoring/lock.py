"""The locks and what is made from them: pinned packages for pip, those of the tests apart, and for conda and Binder."""

import shutil
import subprocess
import tomllib
from pathlib import Path

from ..errors import NotSetUp

LOCK, TEST_LOCK = "requirements.lock", "requirements-test.lock"
TESTS = ("test", "postgres")  # the extras that only tests need
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
        "# Made from requirements.lock by `course lock`; for conda and Binder.\n"
        "name: transfer-learning-course\n"
        "channels:\n- conda-forge\n"
        f"dependencies:\n- python={CONDA_PYTHON}\n- pip\n- pip:\n{packages}"
    )


def update(root: Path) -> dict[str, int]:
    """Resolve pyproject.toml into both locks with uv, write environment.yml, return each lock's number of packages.

    Versions that a lock has stay where they still fit. What the tests need besides has the first lock's versions.
    Raises `NotSetUp`.
    """
    if not shutil.which("uv"):
        raise NotSetUp("The lock is made with uv, which is not on the PATH: install it (pip install uv).")
    extras = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    chosen = [word for extra in extras if extra not in TESTS for word in ("--extra", extra)]
    _compile(root, LOCK, "pyproject.toml", *chosen)
    _compile(root, TEST_LOCK, "-", "-c", LOCK, asked="\n".join(line for extra in TESTS for line in extras[extra]))
    (root / "environment.yml").write_text(conda_environment((root / LOCK).read_text("utf-8")), "utf-8", newline="\n")
    return {name: len(pinned((root / name).read_text("utf-8"))) for name in (LOCK, TEST_LOCK)}


def _compile(root: Path, name: str, *arguments: str, asked: str = "") -> None:
    if subprocess.run([*_COMPILE, *arguments, "-o", name], cwd=root, input=asked, text=True).returncode:
        raise NotSetUp(f"{name} could not be made, for the reason that uv gives above: it is as it was.")
