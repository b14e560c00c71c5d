"""Binder gets what lessons need, as it is locked, and nothing of what grading and writing the course need."""

import tomllib

from conftest import ROOT
from helpers import needed
from packaging.requirements import Requirement

from course_utils.authoring import lock

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
LESSONS = PROJECT["dependencies"]
LISTED = (ROOT / lock.BINDER).read_text("utf-8")


def test_it_is_what_the_lock_says():
    assert LISTED == lock.binder_requirements((ROOT / lock.LOCK).read_text("utf-8"), LESSONS), "run `course lock`"


def test_it_lists_what_lessons_need_here_and_nothing_else():
    *packages, course = (line for line in LISTED.splitlines() if not line.startswith("#"))
    here = {r.name for r in map(Requirement, packages) if not r.marker or r.marker.evaluate()}
    assert here == set(needed(*LESSONS)) and course == "."


def test_its_python_is_condas():
    assert (ROOT / ".binder" / "runtime.txt").read_text("utf-8") == f"python-{lock.CONDA_PYTHON}\n"


def test_packages_of_packages_are_followed_and_others_left_out():
    text = "\n".join(f"{name}==1\n    # via {via}" for name, via in (("a", "b"), ("b", "c"), ("c", "x"), ("d", "e")))
    text += "\ne==1 ; os_name == 'nt' \\\n    --hash=sha256:aa\n    # via\n    #   f\n    #   b\n"
    for asked, listed in (("B>0", ["a==1", "b==1", "d==1", "e==1 ; os_name == 'nt'"]), ("d", ["d==1"])):
        assert lock.binder_requirements(text, [asked]).splitlines()[1:] == [*listed, "."]
