"""Notebooks 02 to 09 on MobileNetV2 with photographs, digits and news: what they claim holds."""

import pytest
from conftest import ROOT
from helpers import assert_claims_hold, on_stderr

from course_utils.authoring import execution

pytestmark = pytest.mark.real

PLACES = {  # which parameters take the folder of photographs
    "02": {},
    "03": {"FOLDER": "flowers5"},
    "04": {"FOLDER": "flowers5"},
    "05": {"FOLDER": "flowers5"},
    "06": {"FOLDER": "flowers5"},
    "07": {"FOLDER": "flowers5"},
    "08": {},
    "09": {"FOLDER": "flowers5"},
}


@pytest.mark.parametrize("number", PLACES)
def test_it_runs_and_its_claims_hold(number, data, tmp_path, monkeypatch):
    (tmp_path / "models").symlink_to(data / "keras" / "models")  # Keras writes beside it
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("COURSE_DATA", str(data))
    (path,) = (ROOT / "notebooks").glob(f"{number}_*.ipynb")
    parameters = {"SOURCE": "MobileNetV2", "FAST": True} | PLACES[number]
    if "FOLDER" in parameters:
        parameters["FOLDER"] = str(data / parameters["FOLDER"])
    notebook = execution.run_notebook(path, parameters).notebook
    assert not on_stderr(notebook)
    assert_claims_hold(path, notebook)
