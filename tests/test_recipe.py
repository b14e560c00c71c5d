"""The recipe for little data: it chooses by itself, learns, and is no worse than the cut that one would take."""

import numpy as np
import pytest
from helpers import complains

from course_utils.errors import BadTarget
from course_utils.handover.recipe import CutEnsemble, Heads, views
from course_utils.probing import cut_features, linear_probe
from course_utils.targets import load_target


def test_views_are_the_picture_its_middle_and_both_mirrored():
    pictures = np.random.default_rng(0).integers(0, 256, (2, 20, 30, 3)).astype("uint8")
    whole, middle, mirrored, both = views(pictures)
    assert whole is pictures and np.array_equal(middle, pictures[:, 2:18, 3:27])
    assert np.array_equal(mirrored, pictures[:, :, ::-1]) and np.array_equal(both, middle[:, :, ::-1])
    assert len(views(pictures, mirror=False)) == 2


def cloud(rng, labels, width, signal):
    """Features of which the first three say the class as far as `signal` lets them."""
    x = rng.normal(size=(len(labels), width))
    x[np.arange(len(labels)), labels] += signal
    return x


@pytest.fixture(scope="module")
def clouds():
    rng = np.random.default_rng(0)
    labels, asked = np.repeat([0, 1, 2], 12), np.repeat([0, 1, 2], 100)
    strength = {"a": 0.0, "b": 4.0, "c": 0.0}
    train = {cut: cloud(rng, labels, 20, s) for cut, s in strength.items()}
    test = {cut: cloud(rng, asked, 20, s) for cut, s in strength.items()}
    return train, labels, test, asked


def test_the_cut_that_knows_is_among_all_that_is_chosen(clouds):
    train, labels, test, asked = clouds
    heads = Heads().fit([train], labels)
    assert len(heads.chosen) == 5 and all("b" in cuts for cuts, _ in heads.chosen)
    shares = heads.probabilities([test])
    assert np.allclose(shares.sum(1), 1) and (shares.argmax(1) == asked).mean() > 0.9


def test_a_view_that_only_confuses_is_left_out(clouds):
    train, labels, _, _ = clouds
    noise = {cut: np.random.default_rng(1).normal(size=x.shape) for cut, x in train.items()}
    assert Heads().fit([train, noise], labels).seen == (0,)
    other = {cut: x + np.random.default_rng(1).normal(size=x.shape) for cut, x in train.items()}
    assert Heads().fit([train, other], labels).seen == (0, 1)  # of the same pictures, with other luck


@pytest.mark.long
def test_it_is_no_worse_than_the_best_single_cut(source):
    target = load_target("unseen shapes and textures", seed=3)
    pictures, labels = target.draw(10, seed=0)
    made = CutEnsemble(source).fit(pictures, labels)
    score = made.score(target.test_pictures, target.test_labels)
    known, asked = (cut_features(source, x, source.cuts[-3:]) for x in (pictures, target.test_pictures))
    alone = [linear_probe(known[cut], labels, asked[cut], target.test_labels) for cut in known]
    assert score >= max(alone) - 0.02 and score > 3 / 8
    mixed = CutEnsemble(source).fit(pictures, np.random.default_rng(0).permutation(labels))
    assert mixed.score(target.test_pictures, target.test_labels) < 0.3  # guessing: 0.125


def test_classes_may_have_any_numbers(clouds):
    train, labels, test, asked = clouds
    heads = Heads().fit([train], labels * 7 + 2)
    assert (heads.classes[heads.probabilities([test]).argmax(1)] == asked * 7 + 2).mean() > 0.9


@pytest.mark.parametrize("labels", [[1, 1, 1, 1], [0.5, 1.5, 0.5, 1.5], [0, 0, 0, 1]])
def test_labels_that_are_no_classes(labels):
    with complains(BadTarget, "two classes"):
        Heads().fit([{"a": np.zeros((4, 2))}], np.array(labels))
