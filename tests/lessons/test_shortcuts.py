"""Lesson 09: the shortcut that is planted, and what is told of where a model looked."""

import numpy as np
import pytest
from lesson_helpers import four_classes, tiny_source

from course_utils.lessons import shortcuts


@pytest.fixture
def said(monkeypatch):
    found = {"holds": [], "alt": []}
    monkeypatch.setattr(shortcuts, "claim", lambda sentence, holds, evidence="": found["holds"].append(bool(holds)))
    monkeypatch.setattr(shortcuts.figures, "show", lambda figure, alt: found["alt"].append(alt))
    return found


def test_every_second_picture_of_one_class_has_a_speck_and_nothing_else_is_changed():
    target = four_classes()
    two = shortcuts.two_photographers(target)
    same = target.pictures[target.labels == 0]
    assert two.class_names == ("he", "she") and list(two.labels[:4]) == [0, 1, 0, 1]
    np.testing.assert_array_equal(two.pictures[two.labels == 0], same[::2])
    np.testing.assert_array_equal(two.pictures[two.labels == 1], shortcuts.with_speck(same)[1::2])
    assert len(two.test_pictures) == np.sum(target.test_labels == 0)


def test_a_speck_is_bright_and_in_its_quarter():
    grey = np.full((2, 96, 96, 3), 60, "uint8")
    marked = shortcuts.with_speck(grey)
    changed = (marked != grey).any((0, 3))
    assert marked.dtype == np.uint8 and marked.max() > 230 and (grey == 60).all()
    assert changed[48:, 48:].sum() == changed.sum() and 100 < changed.sum() < 48 * 48 / 4


def test_the_deepest_cut_is_taken_that_is_fine_enough():
    source, cut = shortcuts.with_maps(tiny_source())
    assert (source.name, cut) == ("tiny", "grey")


def test_a_source_without_maps_is_replaced_and_this_is_said(vit, capsys):
    source, cut = shortcuts.with_maps(vit)
    assert source.name == "drawings" and min(source.prefix(cut).output.shape[1:3]) >= 6
    assert "has no maps to look at" in capsys.readouterr().out


@pytest.mark.parametrize(("place", "share"), [((5, 5), 100), ((0, 5), 0)])
def test_the_light_near_the_speck_is_counted(said, place, share):
    heat = np.zeros((5, 6, 6), "float32")
    heat[:, place[0], place[1]] = 3
    assert shortcuts.show_looks(np.full((5, 96, 96, 3), 100, "uint8"), heat) == pytest.approx(share, abs=1e-3)
    assert said["holds"] == [share > 50] and f"{share:.0f} %" in said["alt"][0]


@pytest.mark.parametrize(("right", "moved", "holds"), [(90, 80, True), (55, 80, False), (90, 40, False)])
def test_a_shortcut_is_claimed_where_the_test_is_passed_and_his_become_hers(said, right, moved, holds):
    shortcuts.claim_shortcut(right, moved)
    assert said["holds"] == [holds]
