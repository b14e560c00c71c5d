"""Which sources are compared for a target of one's own."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import complains

from course_utils.errors import BadTarget
from course_utils.handover.candidates import candidates, splits
from course_utils.pictures.labelled import Target


@pytest.mark.parametrize("name", ["digits", "drawings", "MobileNetV2", "drawings, random weights"])
def test_a_file_by_any_name_stands_beside_the_others(source, tmp_path, monkeypatch, name):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    brought = replace(source, name=name)
    found = candidates(source, brought, seed=0, at_most=1)
    assert list(found.values())[:2] == [source, brought] and len(found) == 3
    assert list(found)[0] == "drawings" and list(found)[1].startswith(name)
    control = found["drawings, random weights"]
    assert control.cuts == source.cuts and control.model is not source.model


def few(smallest):
    labels = np.repeat([0, 1], [12, smallest])
    pictures = np.zeros((len(labels), 8, 8, 3), "uint8")
    return Target("few", "Which?", pictures, labels, pictures[:1], labels[:1], ("many", "rare"))


def test_a_class_of_few_pictures_can_still_be_cross_validated():
    target = few(4)
    for train, rest in splits(target, 0, draws=3):
        assert np.bincount(target.labels[train]).tolist() == [3, 3]  # one in each of three folds
        assert set(target.labels[rest]) == {0, 1} and not set(train) & set(rest)


@pytest.mark.parametrize("smallest", [1, 3])
def test_a_class_of_too_few_pictures_is_named(smallest):
    with complains(BadTarget, f"has {smallest} training pictures of class 'rare'", "4 at least", "take the class out"):
        splits(few(smallest), 0, draws=3)
