"""The lock and what is made from it: one list of pinned packages for pip, for conda and for Binder."""

import shutil
import subprocess
from pathlib import Path

from .errors import NotSetUp

CONDA_PYTHON = "3.12"
_COMPILE = (
    "uv pip compile pyproject.toml --all-extras --universal --fork-strategy fewest --generate-hashes "
    "--python-version 3.11 --no-header --quiet -o requirements.lock"
)


def pinned(lock: str) -> list[str]:
    """The packages of a lock as pip requirements, "name==version" with the marker where there is one."""
    lines = (line.rstrip("\\ ") for line in lock.splitlines())
    return [line for line in lines if line and not line.startswith((" ", "#"))]


def environment(lock: str) -> str:
    """The text of environment.yml: Python and pip from conda, everything else as the lock has it."""
    packages = "".join(f'    - "{requirement}"\n' for requirement in [*pinned(lock), "-e ."])
    return (
        "# Made from requirements.lock by `course lock`; for conda and Binder.\n"
        "name: transfer-learning-course\n"
        "channels:\n- conda-forge\n"
        f"dependencies:\n- python={CONDA_PYTHON}\n- pip\n- pip:\n{packages}"
    )


def update(root: Path) -> int:
    """Resolve pyproject.toml into requirements.lock with uv, write environment.yml, return the number of packages.

    Versions that the lock has stay where they still fit. Raises `NotSetUp`.
    """
    if not shutil.which("uv"):
        raise NotSetUp("The lock is made with uv, which is not on the PATH: install it (pip install uv).")
    if subprocess.run(_COMPILE.split(), cwd=root).returncode:
        raise NotSetUp("The lock could not be made, for the reason that uv gives above: the files are as they were.")
    lock = (root / "requirements.lock").read_text("utf-8")
    (root / "environment.yml").write_text(environment(lock), "utf-8", newline="\n")
    return len(pinned(lock))
