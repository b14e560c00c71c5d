"""The head on late cuts over views: what it looks at, that it learns, and that views and cuts are worth something."""

import numpy as np
import pytest
from helpers import complains

from course_utils.errors import BadTarget, UnknownCut
from course_utils.late_cuts import LateCuts, views
from course_utils.probing import cut_features, linear_probe
from course_utils.targets import load_target


def test_views_are_the_picture_its_middle_and_both_mirrored():
    pictures = np.random.default_rng(0).integers(0, 256, (2, 20, 30, 3)).astype("uint8")
    whole, middle, mirrored, both = views(pictures)
    assert whole is pictures and np.array_equal(middle, pictures[:, 2:18, 3:27])
    assert np.array_equal(mirrored, pictures[:, :, ::-1]) and np.array_equal(both, middle[:, :, ::-1])
    assert len(views(pictures, mirror=False)) == 2 and len(views(pictures, middle=False, mirror=False)) == 1


@pytest.fixture(scope="module")
def target():
    return load_target("unseen shapes and textures", seed=3)


def test_it_takes_the_last_six_cuts(source):
    assert LateCuts(source).cuts == source.cuts[-6:] == ("b2", "b3", "b4", "b5", "b6", "logits")
    with complains(UnknownCut, "b9"):
        LateCuts(source, ("b9",)).fit(np.zeros((2, 64, 64, 3), "uint8"), np.array([0, 1]))


def test_it_learns_and_is_no_worse_than_a_probe_of_the_best_single_cut(source, target):
    pictures, labels = target.draw(10, seed=0)
    made = LateCuts(source, ("b4", "b5", "b6")).fit(pictures, labels)
    score = made.score(target.test_pictures, target.test_labels)
    known, asked = (cut_features(source, x, made.cuts) for x in (pictures, target.test_pictures))
    alone = [linear_probe(known[cut], labels, asked[cut], target.test_labels) for cut in made.cuts]
    assert score >= max(alone) - 0.02 and score > 3 / 8
    shares = made.probabilities(target.test_pictures[:5])
    assert shares.shape == (5, 8) and np.allclose(shares.sum(1), 1) and shares.min() > 0
    shuffled = LateCuts(source, ("b4",)).fit(pictures, np.random.default_rng(0).permutation(labels))
    assert shuffled.score(target.test_pictures, target.test_labels) < 0.3  # guessing: 0.125


def test_classes_may_have_any_numbers(source, target):
    pictures, labels = target.draw(5, seed=0)
    chosen = labels < 3
    made = LateCuts(source, ("b5",)).fit(pictures[chosen], labels[chosen] * 7 + 2)
    asked = target.test_labels < 3
    assert made.score(target.test_pictures[asked], target.test_labels[asked] * 7 + 2) > 0.5


@pytest.mark.parametrize("labels", [[1, 1], [0.5, 1.5], ["a", "b"]])
def test_labels_that_are_no_classes(source, labels):
    with complains(BadTarget, "two classes"):
        LateCuts(source).fit(np.zeros((2, 64, 64, 3), "uint8"), np.array(labels))
