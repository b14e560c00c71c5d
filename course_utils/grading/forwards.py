"""Where things were in release 1.0: the names that instructors' own files hold go on for one release more.

`nbgrader_config.py` and commands for Dask's workers name modules by their paths. Those of before are found here: each
is a stand-in that asks the module of now, and warns once of the new name.
"""

import sys
import warnings
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_OLD = "course_utils.grading."
NEW = "course_utils.grading.nbgrader"
MOVED = {
    "bubble_provisioner": "sandbox.bwrap_provisioner",
    "execute": "nbgrader",
    "feedback": "nbgrader",
    "lms": "nbgrader",
    "page": "nbgrader",
    "preflight": "nbgrader",
    "provisioner": "sandbox.provisioner",
    "work": "nbgrader",
}


class _StandIn(ModuleType):
    def __getattr__(self, name: str):
        if name.startswith("__"):
            raise AttributeError(name)
        return getattr(import_module(_OLD + MOVED[self.__name__.removeprefix(_OLD)]), name)


class _Forwards(MetaPathFinder, Loader):
    def find_spec(self, fullname, path=None, target=None):
        old = fullname.removeprefix(_OLD)
        return ModuleSpec(fullname, self) if fullname.startswith(_OLD) and old in MOVED else None

    def create_module(self, spec):
        return _StandIn(spec.name)

    def exec_module(self, module):
        new = _OLD + MOVED[module.__name__.removeprefix(_OLD)]
        warnings.warn(f"{module.__name__} is {new} now: write that in your settings.", FutureWarning, stacklevel=2)


def install() -> None:
    """Have Python find what was moved."""
    if not any(isinstance(finder, _Forwards) for finder in sys.meta_path):
        sys.meta_path.append(_Forwards())
