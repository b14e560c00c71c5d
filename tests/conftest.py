"""What every test may use."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
REAL_DATA = Path(os.environ.get("COURSE_DATA") or ROOT.parent / "shared" / "data")

# Before anything imports Keras or matplotlib: no cache of the user's decides a test, and no window opens.
os.environ["MPLBACKEND"] = "agg"


def pytest_runtest_setup(item):
    if item.get_closest_marker("real") and not REAL_DATA.is_dir():
        pytest.skip(f"there are no real weights and pictures in {REAL_DATA}: set COURSE_DATA to their folder")


@pytest.fixture(scope="session")
def root() -> Path:
    """The repository."""
    return ROOT


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """A cache of results that is empty at first: nothing computed before decides a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COURSE_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def source():
    """The embedded source, loaded once; no test may change its weights."""
    from course_utils.sources import load_source

    return load_source("embedded")


@pytest.fixture(scope="module")
def cluster():
    """A client of a cluster of two workers, for all tests of a file."""
    from course_utils.grading.cluster import workers

    with workers(2) as client:
        yield client


@pytest.fixture
def data() -> Path:
    """The folder of real weights and pictures, for tests marked `real`."""
    return REAL_DATA


@pytest.fixture(scope="session")
def small_notebook():
    """A notebook that runs in a moment: parameters, an output of each kind, and `extra` cells at its end."""
    from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

    def make(*extra: str):
        return new_notebook(
            metadata={"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}},
            cells=[
                new_markdown_cell("# A *small* one\n\nIts **first** paragraph.\n\nIts second."),
                new_code_cell('SOURCE = "auto"\nSEED = 0\nFAST = False', metadata={"tags": ["parameters"]}),
                new_code_cell("import sys\nprint(SOURCE, FAST, sys.executable)"),
                new_code_cell(PICTURE),
                new_code_cell(""),
                new_code_cell("6 * 7"),
                *map(new_code_cell, extra),
            ],
        )

    return make


PICTURE = """from IPython.display import display
png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
display({"image/png": png, "text/plain": "dot"}, raw=True, metadata={"image/png": {"alt": 'A "dot" < a line'}})"""
