"""Which sources are compared for a target of one's own."""

from dataclasses import replace

import pytest

from course_utils.handover.candidates import candidates


@pytest.mark.parametrize("name", ["digits", "drawings", "MobileNetV2", "drawings, random weights"])
def test_a_file_by_any_name_stands_beside_the_others(source, tmp_path, monkeypatch, name):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    brought = replace(source, name=name)
    found = candidates(source, brought, seed=0, at_most=1)
    assert list(found.values())[:2] == [source, brought] and len(found) == 3
    assert list(found)[0] == "drawings" and list(found)[1].startswith(name)
    control = found["drawings, random weights"]
    assert control.cuts == source.cuts and control.model is not source.model
