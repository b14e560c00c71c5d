"""The graders that are compared: each gets the same class, and tells the points of each student's tests."""

import os
import shutil
import sysconfig
from pathlib import Path
from typing import Protocol

from assignment import Assignment
from classroom import BUILD, read_marks

JOBS = 2
_PLAIN = 'c = get_config()\nc.CourseDirectory.course_id = "plain"\n'

Marks = dict[str, dict[str, float | None]]


class Peer(Protocol):
    """`folder` is where the commands run."""

    name: str
    folder: Path

    def commands(self) -> list[list[str]]:
        """What grades the class: one command after the other."""

    def marks(self) -> Marks:
        """The points of each student's tests by grade_id, once the commands have run."""


def environment() -> dict[str, str]:
    """The environment of every peer: nothing of what the user has set for Jupyter and IPython counts."""
    empty = BUILD / "empty"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("JUPYTER", "IPYTHON", "TF_"))}
    scripts = os.pathsep.join((sysconfig.get_path("scripts"), os.environ["PATH"]))  # nbgrader calls alembic by name
    return kept | {"PATH": scripts, "JUPYTER_CONFIG_DIR": str(empty), "IPYTHONDIR": str(empty)}


def _script(name: str) -> str:
    return str(Path(sysconfig.get_path("scripts")) / name)


class PlainNbgrader:
    """`nbgrader autograde` with nbgrader's own settings, one submission after the other."""

    name = "nbgrader"

    def __init__(self, classroom: Path, assignment: Assignment):
        self.folder, self._assignment = classroom.with_name(self.name), assignment
        shutil.copytree(classroom, self.folder)
        (self.folder / "nbgrader_config.py").write_text(_PLAIN)

    def commands(self) -> list[list[str]]:
        return [[_script("nbgrader"), "autograde", self._assignment.name]]

    def marks(self) -> Marks:
        return read_marks(self.folder, self._assignment)


class Ours:
    """`course grade`, two submissions at a time."""

    name = "ours"

    def __init__(self, classroom: Path, assignment: Assignment):
        self.folder, self._assignment = classroom.with_name(self.name), assignment
        shutil.copytree(classroom, self.folder)

    def commands(self) -> list[list[str]]:
        return [[_script("course"), "grade", self._assignment.name, "--jobs", str(JOBS)]]

    def marks(self) -> Marks:
        return read_marks(self.folder, self._assignment)
