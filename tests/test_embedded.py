"""The embedded source: its network, its shipped weights, and that training makes such weights."""

import json
import shutil

import numpy as np
import pytest
from helpers import complains

from course_utils.authoring import train_embedded
from course_utils.errors import DamagedFile
from course_utils.training import accuracy
from course_utils.world import embedded, shapes


@pytest.fixture
def shipped(tmp_path):
    """A copy of the shipped weights and their card, to do damage to."""
    for name in (embedded.WEIGHTS, embedded.CARD):
        shutil.copy(str(embedded.DATA / name), tmp_path / name)
    return tmp_path / embedded.WEIGHTS, tmp_path / embedded.CARD


@pytest.fixture(scope="module")
def untrained():
    return embedded.build(seed=1)


def test_the_network_has_the_stated_size_and_a_layer_for_every_cut(untrained):
    assert untrained.count_params() == 595_544
    assert untrained.input_shape == (None, 64, 64, 3) and untrained.output_shape == (None, 48)
    depths = [[layer.name for layer in untrained.layers].index(cut) for cut in embedded.CUTS]
    assert depths == sorted(depths)


def test_each_cut_has_its_values_before_the_relu(untrained):
    import keras

    for cut in embedded.CUTS[:-1]:
        before = untrained.get_layer("stem_bn" if cut == "stem" else f"{cut}_add")
        assert isinstance(untrained.get_layer(cut), keras.layers.ReLU)
        assert untrained.get_layer(cut).input is before.output


def test_a_seed_fixes_the_initial_weights(untrained):
    again, other = embedded.build(seed=1), embedded.build(seed=2)
    for a, b in zip(untrained.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    alike = [
        (np.asarray(a) == np.asarray(b)).any()
        for a, b in zip(untrained.variables, other.variables, strict=True)
        if a.path.endswith("kernel")
    ]
    assert alike and not any(alike)


def test_pictures_are_scaled_as_in_training():
    scaled = embedded.preprocess(np.array([0, 51, 255], "uint8"))
    assert scaled.dtype == np.float32
    np.testing.assert_allclose(scaled, [-1, -0.6, 1], atol=1e-6)


def test_shipped_files_are_small_and_untouched_by_loading(shipped, untrained):
    assert sum((embedded.DATA / name).stat().st_size for name in (embedded.WEIGHTS, embedded.CARD)) < 2_000_000
    model = embedded.build(seed=1)
    embedded.load_weights(model, *shipped)
    with np.load(shipped[0]) as stored:
        assert len(stored.files) == len(model.variables)
        for variable in model.variables:
            np.testing.assert_array_equal(np.asarray(variable), stored[variable.path.removeprefix("embedded/")])


@pytest.mark.parametrize("which", [0, 1])
def test_a_missing_file_is_named(shipped, which, untrained):
    shipped[which].unlink()
    with complains(DamagedFile, "missing", shipped[which].name, "install the course again", "course train-embedded"):
        embedded.load_weights(untrained, *shipped)


@pytest.mark.parametrize("place", [0, 0.4, 1])
def test_one_altered_byte_is_noticed(shipped, place, untrained):
    whole = bytearray(shipped[0].read_bytes())
    whole[int(place * (len(whole) - 1))] ^= 1
    shipped[0].write_bytes(whole)
    before = untrained.get_weights()
    with complains(DamagedFile, "altered", "embedded.npz", "course train-embedded"):
        embedded.load_weights(untrained, *shipped)
    for a, b in zip(before, untrained.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("kept", [0, 1000, -1])
def test_a_truncated_file_is_noticed(shipped, kept, untrained):
    shipped[0].write_bytes(shipped[0].read_bytes()[:kept])
    with complains(DamagedFile, "cut short", "embedded.npz", "course train-embedded"):
        embedded.load_weights(untrained, *shipped)


@pytest.mark.parametrize("text", ["", '{"sha256": "cdc3', "[]", '{"accuracy": 1}'])
def test_a_damaged_card_is_noticed(shipped, text, untrained):
    shipped[1].write_text(text)
    with complains(DamagedFile, "embedded.json", "course train-embedded"):
        embedded.load_weights(untrained, *shipped)


def test_fresh_drawings_are_named_as_well_as_the_card_says(source):
    n, card = 1000, embedded.read_card()
    drawings, labels = shapes.render_source(n, seed=20_260)
    share = accuracy(source.model, embedded.preprocess(drawings), labels)
    assert share >= 0.97
    p = card["accuracy"]
    error = np.sqrt(p * (1 - p) * (1 / n + 1 / card["tested_on"]))
    assert abs(share - p) < 4 * error + 1 / n


def neighbour_correlation(kernels):
    """Correlation of each weight with its right-hand and its lower neighbour in the same filter and colour."""
    kernels = kernels - kernels.mean((0, 1))
    right, down = (kernels[:, 1:] * kernels[:, :-1]).sum(), (kernels[1:] * kernels[:-1]).sum()
    return (right + down) / 2 / (kernels**2).sum() * 7 / 6


def test_first_filters_are_smooth(source, untrained):
    trained, noise = (np.asarray(m.get_layer("stem_conv").kernel) for m in (source.model, untrained))
    each = [neighbour_correlation(trained[..., k : k + 1]) for k in range(trained.shape[-1])]
    assert neighbour_correlation(trained) > 0.5 > 0.15 > neighbour_correlation(noise)
    assert min(each) > 0.3  # not only the strong ones


PROBE = np.random.default_rng(0).uniform(-1, 1, (8, 64, 64, 3)).astype("float32")


@pytest.fixture(scope="module")
def training(tmp_path_factory):
    """A training of a few steps: folder, card, what it reported, the different pictures it drew, answers to PROBE."""
    folder, told, drawn, answers = tmp_path_factory.mktemp("trained") / "new", [], set(), []
    render, sample, source_drawings = shapes.render, shapes.sample_factors, shapes.render_source

    def watched(factors, rng):
        pictures = render(factors, rng)
        drawn.update(picture.tobytes() for picture in pictures)
        return pictures

    def fewer(n, seed):
        shapes.render = render  # test pictures are not training pictures
        return source_drawings(200, seed)

    def measure(model, x, labels):
        answers.append(model.predict_on_batch(PROBE))
        return accuracy(model, x, labels)

    with pytest.MonkeyPatch.context() as patch:
        # Four classes instead of 48, or a few steps would teach hardly anything.
        patch.setattr(shapes, "sample_factors", lambda n, rng: sample(n, rng, shape=5))
        patch.setattr(shapes, "render", watched)
        patch.setattr(shapes, "render_source", fewer)
        patch.setattr(train_embedded, "accuracy", measure)
        card = train_embedded.train(32 * 40, seed=3, folder=folder, progress=lambda *step: told.append(step), batch=32)
    return folder, card, told, drawn, answers[0]


@pytest.mark.long
def test_training_makes_the_loss_fall(training):
    _, card, told, *_ = training
    losses = [loss for _, _, loss in told]
    assert np.mean(losses[-10:]) < np.mean(losses[:3]) - 1.5
    assert card["loss_first"] == losses[0] and card["loss_last"] == pytest.approx(np.mean(losses[-20:]))


def test_training_reports_every_step(training):
    assert [(done, total) for done, total, _ in training[2]] == [(k, 40) for k in range(1, 41)]


def test_training_writes_files_that_load(training, untrained):
    folder, card, _, _, answers = training
    weights, said = folder / embedded.WEIGHTS, folder / embedded.CARD
    assert json.loads(said.read_text()) == card and card["pictures"] == 32 * 40 and card["seed"] == 3
    model = embedded.build(seed=9)
    embedded.load_weights(model, weights, said)
    np.testing.assert_allclose(model.predict_on_batch(PROBE), answers, atol=1e-6)  # what was measured is what is stored
    change = [
        np.abs(np.asarray(a) - np.asarray(b)).max() for a, b in zip(model.variables, untrained.variables, strict=True)
    ]
    assert min(change) > 0
    with complains(DamagedFile):  # the shipped card vouches for the shipped weights alone
        embedded.load_weights(model, weights)


def test_training_draws_no_picture_twice(training):
    assert len(training[3]) == 32 * 40
