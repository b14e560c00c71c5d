"""What instructors' files named in release 1.0 goes on: settings, a hook, exporters, and what Dask's workers load."""

import subprocess
import sys
from importlib import import_module

import pytest
from grading_stub import write_source

from course_utils.grading import forwards, nbgrader
from course_utils.grading.batch import pipeline

OLD = {
    "execute": ["HonestExecute"],
    "feedback": ["Explain"],
    "lms": ["CanvasExport", "MoodleExport"],
    "page": ["FeedbackPage"],
    "preflight": ["Repair"],
    "provisioner": ["SandboxProvisioner"],
    "bubble_provisioner": ["BubblewrapProvisioner"],
    "work": ["dask_setup", "dask_teardown"],
}


@pytest.fixture(autouse=True)
def forgotten():
    """No old name was imported before."""
    for name in OLD:
        sys.modules.pop(f"course_utils.grading.{name}", None)


def test_every_forward_is_tried():
    assert set(OLD) == set(forwards.MOVED)


@pytest.mark.parametrize("name", OLD)
def test_an_old_name_gives_what_is_there_now_and_a_warning(name):
    with pytest.warns(FutureWarning, match=rf"grading\.{name} is course_utils\.grading\.\S+ now"):
        old = import_module(f"course_utils.grading.{name}")
    new = import_module(f"course_utils.grading.{forwards.MOVED[name]}")
    for thing in OLD[name]:
        assert getattr(old, thing) is getattr(new, thing)
    with pytest.raises(ImportError):
        exec(f"from course_utils.grading.{name} import nothing_of_this_name")


def test_a_name_that_never_was_is_not_found():
    with pytest.raises(ModuleNotFoundError):
        import_module("course_utils.grading.executes")


SETTINGS = """
from course_utils.grading.execute import HonestExecute as OldExecute
from course_utils.grading.feedback import Explain as OldExplain
from course_utils.grading.page import FeedbackPage as OldPage
from course_utils.grading.preflight import Repair as OldRepair

c.Autograde.pre_convert_hook = "course_utils.grading.intake.hook"
c.Autograde.sanitize_preprocessors[0] = OldRepair
c.Autograde.autograde_preprocessors[0] = OldExecute
c.GenerateFeedback.preprocessors[1] = OldExplain
c.GenerateFeedback.exporter_class = OldPage
"""


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_settings_of_before_are_those_of_now(tmp_path):
    with pipeline.open_course(write_source(tmp_path / "class", SETTINGS)) as api:
        assert api.config.Autograde.autograde_preprocessors[0] is nbgrader.HonestExecute
        assert api.config.Autograde.sanitize_preprocessors[0] is nbgrader.Repair
        assert api.config.GenerateFeedback.exporter_class is nbgrader.FeedbackPage
    from course_utils.grading.intake import hook

    assert hook is nbgrader.take_in


def test_a_worker_is_started_with_the_old_name():
    """As the documentation told: `dask worker … --preload course_utils.grading.work`."""
    code = "from distributed.preloading import _import_module as load\n"
    code += "print(load('course_utils.grading.work', '.').dask_setup)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "function dask_setup" in done.stdout, done.stderr
