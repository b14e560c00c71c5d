"""Linear probes of MobileNetV2 on photographs: the known table, and the recipe above the cut that one would choose."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from course_utils.handover.recipe import CutEnsemble
from course_utils.pictures.folders import folder_target
from course_utils.probing import cut_features, linear_probe
from course_utils.sources import load_source

pytestmark = pytest.mark.real

# Accuracy in per cent with 10 pictures per class, at 160 pixels, mean and standard deviation over five draws: measured
# with another program, centre squares, a logistic regression with its penalty chosen by cross-validation.
KNOWN = {
    "Conv1_relu": (38.4, 4.3),
    "block_3_project_BN": (58.2, 2.6),
    "block_6_project_BN": (62.0, 3.1),
    "block_12_add": (69.2, 3.8),
    "block_13_expand_relu": (70.1, 2.5),
    "block_16_project_BN": (73.8, 2.6),
    "out_relu": (72.6, 3.3),
}


@pytest.fixture(scope="module")
def flowers():
    from conftest import REAL_DATA

    return folder_target(REAL_DATA / "flowers5", side=160)


def test_probes_of_every_cut_are_as_measured_before(flowers, data, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(data / "keras"))
    source = load_source("MobileNetV2", classifier=False, input_size=(160, 160))
    known, asked = (cut_features(source, x, tuple(KNOWN)) for x in (flowers.pictures, flowers.test_pictures))
    draws = [flowers.choose(10, seed) for seed in range(20)]
    means = {
        cut: np.mean(
            [100 * linear_probe(known[cut][d], flowers.labels[d], asked[cut], flowers.test_labels) for d in draws]
        )
        for cut in KNOWN
    }
    # The mean of five draws is known to about two fifths of their standard deviation only: twice that is allowed.
    far = {cut: mean for cut, mean in means.items() if abs(mean - KNOWN[cut][0]) > 2 * KNOWN[cut][1] / 5**0.5}
    assert not far and all(mean > KNOWN[cut][0] - 1.5 for cut, mean in means.items()), means


@pytest.mark.parametrize("name", ["MobileNetV2", "EfficientNetLite0"])
def test_the_recipe_is_above_the_cut_that_cross_validation_would_choose(name, flowers, data, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(data / "keras"))
    source = load_source(name, classifier=False, input_size=(160, 160))
    test_pictures, test_labels = flowers.test_pictures[::3], flowers.test_labels[::3]
    late = source.cuts[-8:]
    known, asked = (cut_features(source, x, late) for x in (flowers.pictures, test_pictures))
    together, alone = [], []
    for seed in range(3):
        d = flowers.choose(20, seed)
        made = CutEnsemble(source).fit(flowers.pictures[d], flowers.labels[d])
        together.append(made.score(test_pictures, test_labels))
        y = flowers.labels[d]
        worth = {c: cross_val_score(LogisticRegression(max_iter=500), known[c][d], y, cv=3).mean() for c in late}
        cut = max(worth, key=worth.get)
        alone.append(linear_probe(known[cut][d], y, asked[cut], test_labels))
    assert np.mean(together) > np.mean(alone) and np.mean(together) > 0.77
