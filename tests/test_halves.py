"""Yosinski's experiment in small: what is copied, what is frozen, what is trained, and on which half."""

import json

import numpy as np
import pytest

from course_utils.lessons import harm
from course_utils.world import halves, shapes


@pytest.fixture
def keep(root):
    """`cut_and_kept` as notebook 07 defines it, to copy blocks and to freeze them."""
    cells = json.loads((root / "notebooks" / "07_when_transfer_fails.ipynb").read_text("utf-8"))["cells"]
    (source,) = ("".join(cell["source"]) for cell in cells if cell.get("id") == "copy-blocks")
    names = {"halves": halves}
    exec(source[: source.index("\n\n\n")], names)
    return names["cut_and_kept"]


@pytest.fixture
def small(monkeypatch):
    """Trainings of three steps on a few drawings."""
    sizes = {"seeds": [4, 5], "pictures": 96, "steps": 3, "batch": 32, "peak rate": 1e-3, "tested on": 48}
    monkeypatch.setattr(halves, "SETTINGS", sizes)
    return sizes


def test_the_halves_share_no_shape_and_hold_all():
    for seed in range(3):
        a, b = halves.dealt_out(seed)
        assert len(a) == len(b) == 6 and set(a) | set(b) == set(shapes.SOURCE_SHAPES)
    assert halves.dealt_out(0) != halves.dealt_out(1) and halves.dealt_out(2) == halves.dealt_out(2)


def test_drawings_are_of_their_half_with_labels_that_fit(monkeypatch):
    kept = []
    render = shapes.render
    monkeypatch.setattr(shapes, "render", lambda factors, rng: kept.append(factors) or render(factors, rng))
    half = halves.dealt_out(0)[1]
    pictures, labels = halves.drawings(half, 60, [0, 1])
    assert pictures.shape == (60, 32, 32, 3) and pictures.dtype == np.uint8
    assert set(kept[0]["shape_name"]) <= set(half)
    names = shapes.class_names(half)
    drawn = [f"{t} {s}" for t, s in zip(kept[0]["texture_name"], kept[0]["shape_name"], strict=True)]
    assert [names[k] for k in labels] == drawn
    again, _ = halves.drawings(half, 60, [0, 1])
    np.testing.assert_array_equal(pictures, again)
    assert (halves.drawings(half, 60, [0, 2])[0] != pictures).any()


def layers_of(model, blocks):
    return [layer for layer in model.layers if layer.weights and layer.name.split("_")[0] in blocks]


def same(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a.get_weights(), b.get_weights(), strict=True))


@pytest.mark.parametrize("frozen", [True, False])
def test_the_first_blocks_are_copied_and_the_rest_is_new(small, keep, frozen):
    kept = keep(0)
    model = keep(1, kept, first=3, frozen=frozen)
    first, rest = halves.CUTS[:3], (*halves.CUTS[3:], "logits")
    assert first == ("stem", "b1", "b2")
    for layer in layers_of(model, first):
        assert same(layer, kept.get_layer(layer.name)) and layer.trainable is not frozen
    for layer in layers_of(model, rest):
        assert layer.trainable
        if layer.name.endswith(("conv", "conv1", "conv2", "logits")):
            assert not same(layer, kept.get_layer(layer.name))
    pictures, labels = halves.drawings(halves.dealt_out(0)[0], 64, 0)
    halves.train_network(model, pictures, labels, 0)
    for layer in layers_of(model, first):  # BatchNorm's statistics too
        assert same(layer, kept.get_layer(layer.name)) is frozen


def test_random_layers_are_those_of_no_trained_network(small, keep):
    model, other = keep(1, None, first=2), keep(2)
    assert not same(model.get_layer("stem_conv"), other.get_layer("stem_conv"))
    assert not model.get_layer("stem_conv").trainable and model.get_layer("b2_conv1").trainable


@pytest.mark.long
def test_the_experiment_has_a_row_for_every_kind_and_cut(small, keep, monkeypatch):
    monkeypatch.setattr(halves, "CUTS", halves.CUTS[:2])
    trained = []
    monkeypatch.setattr(halves, "train_network", lambda model, x, y, seed: trained.append(x.tobytes()))
    rows = harm.split_and_train(keep, 4)
    assert len(trained) == 2 + 5 * 2
    found = {(row["seed"], row["kind"], row["cut"]) for row in rows}
    wanted = {(4, kind, cut) for kind in halves.KINDS for cut in halves.CUTS} | {(4, "base", "")}
    assert found == wanted and len(rows) == len(wanted)
    assert all(0 <= row["accuracy"] <= 100 for row in rows)
    assert trained[0] not in trained[1:]  # half A once, then only half B
    assert len(set(trained[1:])) == 1


def test_the_shipped_table_is_of_these_settings_and_whole(root):
    kept = json.loads((root / "course_utils/data/tables/halves.json").read_text("utf-8"))
    assert kept["settings"] == halves.SETTINGS, "take the table away and run `course notebooks 07`"
    assert len(kept["table"]) == len(halves.SETTINGS["seeds"]) * (1 + len(halves.KINDS) * len(halves.CUTS))
    by_seed = [[row["accuracy"] for row in kept["table"] if row["seed"] == s] for s in halves.SETTINGS["seeds"]]
    assert len(set(map(tuple, by_seed))) == len(by_seed)
