"""What every test may use."""

import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
REAL_DATA = Path(os.environ.get("COURSE_DATA") or ROOT.parent / "shared" / "data")

# Before anything imports Keras or matplotlib: no cache of the user's decides a test, and no window opens.
os.environ["MPLBACKEND"] = "agg"
if "PYTEST_XDIST_WORKER" in os.environ:  # a worker on each core: threads of their own would only wait for each other
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS"):
        os.environ.setdefault(name, "1")


# Files that take longest are started first, so that no worker is left alone with one at the end.
FIRST = (
    "test_notebooks.py",
    "test_assignments.py",
    "test_student.py",
    "test_real_notebooks.py",
    "test_demo.py",
    "test_batch.py",
    "test_audit.py",
    "test_bubblewrap.py",
    "test_nbgrader_cases.py",
    "test_faults.py",
    "test_attacks.py",
)


# The long tests of which a run may take a share: all but those in a browser, which are the only ones of what they test.
# COURSE_TESTS_SHARE=1/6 is every sixth, from the second on; those of a file in WHOLE, which share what takes long, go
# together.
WHOLE = ("test_demo.py",)


@pytest.hookimpl(tryfirst=True)  # before `-m` chooses
def pytest_collection_modifyitems(config, items):
    for item in items:
        if item.get_closest_marker("real") or item.path.parent.name == "browser":
            item.add_marker("long")
    if share := os.environ.get("COURSE_TESTS_SHARE"):
        which, every = map(int, share.split("/"))
        long = [item for item in items if item.get_closest_marker("long") and item.path.parent.name != "browser"]
        parts = list(dict.fromkeys(item.path.name if item.path.name in WHOLE else item.nodeid for item in long))
        chosen = set(parts[which::every])
        left = {item for item in long if not {item.path.name, item.nodeid} & chosen}
        config.hook.pytest_deselected(items=list(left))
        items[:] = [item for item in items if item not in left]
    items.sort(key=lambda item: FIRST.index(item.path.name) if item.path.name in FIRST else len(FIRST))


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


@pytest.fixture(scope="module", autouse=True)
def _figures_closed():
    """What a file's tests have drawn is closed after them: matplotlib warns of many, whoever opened them."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture(scope="session")
def source():
    """The embedded source, loaded once; no test may change its weights."""
    from course_utils.sources import load_source

    return load_source("drawings")


@pytest.fixture(scope="module")
def cluster():
    """A client of a cluster of two workers, for all tests of a file."""
    from course_utils.grading.batch.cluster import workers

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


@pytest.fixture(
    scope="session",
    params=["class token", *(pytest.param(kind, marks=pytest.mark.long) for kind in ("average", "nested"))],
)
def vit(request, tmp_path_factory):
    """A small vision transformer as a source, from a file; no test may change its weights."""
    from helpers import small_vit

    from course_utils.sources import load_source

    file = tmp_path_factory.mktemp("vit") / "vit.keras"
    small_vit(request.param != "average", request.param == "nested").save(file)
    return load_source(file)


PICTURE = """from IPython.display import display
png = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
display({"image/png": png, "text/plain": "dot"}, raw=True, metadata={"image/png": {"alt": 'A "dot" < a line'}})"""
