"""A folder of real photographs: read as it came, and as good a target as notebook 09 needs."""

import numpy as np
import pytest

from course_utils.pictures.folders import folder_target
from course_utils.probing import cut_features, linear_probe
from course_utils.sources import load_source

pytestmark = pytest.mark.real


def test_flowers(data, monkeypatch, capsys):
    folder = data / "flowers5"
    target = folder_target(folder, side=96)
    assert target.class_names == ("daisy", "dandelion", "roses", "sunflowers", "tulips")
    assert np.bincount(target.labels).tolist() == [250] * 5 and np.bincount(target.test_labels).tolist() == [100] * 5
    text = capsys.readouterr().out
    assert "the folder's own split, train/ to train and val/ to test" in text and "Leakage" not in text
    split = folder_target(folder / "train", side=64)  # in it, two pictures stand twice
    assert len(split.labels) + len(split.test_labels) == 1248
    assert "Copies were left out" in (text := capsys.readouterr().out) and "2 of them: sunflowers/" in text

    monkeypatch.setenv("KERAS_HOME", str(data / "keras"))
    source = load_source("MobileNetV2", classifier=False, input_size=(96, 96))
    train, test = target.choose(20, 0), slice(None, None, 5)
    cut = "block_16_project_BN"
    known = cut_features(source, target.pictures[train], (cut,))[cut]
    asked = cut_features(source, target.test_pictures[test], (cut,))[cut]
    assert linear_probe(known, target.labels[train], asked, target.test_labels[test]) > 0.5  # guessing: 0.2
