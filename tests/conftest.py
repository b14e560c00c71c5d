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


@pytest.fixture
def data() -> Path:
    """The folder of real weights and pictures, for tests marked `real`."""
    return REAL_DATA
