"""Vision transformers as sources: their cuts hold tokens, and everything takes them or says why not."""

import keras
import numpy as np
import pytest
from helpers import complains
from keras import layers

from course_utils.charts import pretrained, widgets
from course_utils.charts.dashboard import dashboard
from course_utils.errors import UnknownPreprocessing, UnsuitableModel
from course_utils.handover.card import model_card
from course_utils.handover.deploy import deployable
from course_utils.handover.recipe import CutEnsemble
from course_utils.lessons import cutting, inside
from course_utils.lessons.tuning_tasks import TuningTasks
from course_utils.models.tokens import as_maps, described, pooled
from course_utils.pictures.labelled import Target
from course_utils.probing import cut_features, linear_probe, random_features, sweep
from course_utils.sources import load_source
from course_utils.training import drift, gradient_norms, layer_rates
from course_utils.transfer import (
    add_head,
    freeze,
    moved,
    parameter_table,
    random_prefix,
    snapshot,
    take_prefix,
    unfreeze,
)

RNG = np.random.default_rng(0)
Y = np.arange(24) % 2
# The left half is bright in one class, the right half in the other.
X = (RNG.integers(0, 100, (24, 32, 32, 3)) + 120 * (np.arange(32) // 16 == Y[:, None])[:, None, :, None]).astype(
    "uint8"
)
TARGET = Target("halves", "Which half is bright?", X[:16], Y[:16], X[16:], Y[16:], ("left", "right"))


def deepest(vit):
    return vit.cuts[-1]


def has_class_token(vit):
    return vit.prefix(vit.cuts[0]).output.shape[1] == 17


def tokens_at(vit, cut):
    return vit.prefix(cut).predict_on_batch(vit.preprocess(X))


def test_our_steps_have_names_that_no_step_in_a_loaded_model_has(vit):
    keras.utils.clear_session()  # as after a new start: Keras begins to count its names anew
    outputs = [vit.prefix(cut).output for cut in vit.cuts]
    seen = [as_maps(x) for x in outputs] + [pooled(x, name=f"pool_{k}") for k, x in enumerate(outputs)]
    assert len(keras.Model(vit.model.input, seen).outputs) == 2 * len(outputs)


def test_cuts_are_found_where_everything_passes(vit):
    if deepest(vit) == "base":
        assert vit.cuts == ("embedded", "base")
    else:
        assert vit.cuts == ("embedded", "block1_attended", "block1", "block2_attended", "norm")
    assert {vit.prefix(cut).output.shape[1:] for cut in vit.cuts} == {(16 + has_class_token(vit), 12)}
    assert vit.class_names == ("class 0", "class 1", "class 2") and vit.predict(X).shape == (24, 3)


def test_features_are_the_class_token_that_has_seen_the_picture_or_the_average(vit):
    found = cut_features(vit, X)
    for cut in vit.cuts:
        tokens = tokens_at(vit, cut)
        seen = has_class_token(vit) and cut != "embedded"  # before attention, the class token is always the same
        expected = tokens[:, 0] if seen else tokens.mean(1)
        np.testing.assert_allclose(found[cut], expected, rtol=1e-4, atol=1e-5)
        assert np.ptp(found[cut], axis=0).min() > 0


def test_a_grid_keeps_the_patches_where_they_are(vit):
    cut, first = deepest(vit), int(has_class_token(vit))
    cells = tokens_at(vit, cut)[:, first:].reshape(24, 2, 2, 2, 2, 12).mean((2, 4))
    np.testing.assert_allclose(cut_features(vit, X, (cut,), grid=2)[cut], cells.reshape(24, 48), rtol=1e-4, atol=1e-5)
    bright = cut_features(vit, X, ("embedded",), grid=2)["embedded"]
    assert linear_probe(bright[:16], Y[:16], bright[16:], Y[16:]) == 1


def test_probes_and_their_controls(vit):
    pool, test = (cut_features(vit, part) for part in (TARGET.pictures, TARGET.test_pictures))
    scores = sweep(TARGET, pool, test, (4,), draws=2)[4]
    assert scores.shape == (2, len(vit.cuts)) and np.isfinite(scores).all()
    unlearnt = random_features(vit, X, seed=1)
    assert {cut: part.shape for cut, part in unlearnt.items()} == dict.fromkeys(vit.cuts, (24, 12))
    assert not np.allclose(unlearnt[deepest(vit)], cut_features(vit, X)[deepest(vit)], atol=1e-2)


@pytest.mark.parametrize("grid, inputs", [(1, 12), (2, 48)])
def test_a_new_head(vit, grid, inputs):
    model = add_head(take_prefix(vit, deepest(vit)), 2, grid)
    assert model.get_layer("head").kernel.shape == (inputs, 2)
    features = cut_features(vit, X, (deepest(vit),), grid)[deepest(vit)]
    scores = features @ np.asarray(model.get_layer("head").kernel)
    shares = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    np.testing.assert_allclose(model.predict_on_batch(vit.preprocess(X)), shares, rtol=1e-3, atol=1e-5)


def test_freezing_unfreezing_and_what_moves(vit):
    model = add_head(take_prefix(vit, deepest(vit)), 2)
    assert [v.path for v in model.trainable_variables] == ["head/kernel", "head/bias"]
    names = unfreeze(model, "block2_norm1")
    assert names[0] == "block2_norm1" and "block2_attention" in names and "block1_wide" not in names
    table = {row.layer: row for row in parameter_table(model)}
    assert table["block2_attention"].trained == 4 * (12 * 12 + 12) and table["block1_attention"].trained == 0
    norms = gradient_norms(model, vit.preprocess(X), Y)
    assert list(norms) == names and min(norms.values()) > 0
    before = snapshot(model)
    model.compile(layer_rates(model, {"block2": 1e-2, ".": 1e-1}), "sparse_categorical_crossentropy", run_eagerly=True)
    model.fit(vit.preprocess(X), Y, verbose=0)
    block = {"block1_attention": "one", "block2_attention": "two", "head": "head"}
    change = drift(model, before, block)
    assert change["one"] == 0 and change["two"] > 0 and change["head"] > 0
    attention = {path: by for path, by in moved(model, before).items() if "block2_attention" in path}
    assert len(attention) == 8 and max(attention.values()) > 0
    freeze(model)
    assert not model.trainable_variables


def test_an_untrained_prefix(vit):
    model = random_prefix(vit, deepest(vit), seed=3)
    tokens = model.predict_on_batch(vit.preprocess(X))
    assert tokens.shape == tokens_at(vit, deepest(vit)).shape and not model.trainable_variables
    assert not np.allclose(tokens, tokens_at(vit, deepest(vit)), atol=0.1)


def test_the_dashboard(vit, monkeypatch):
    monkeypatch.setattr("course_utils.charts.dashboard.drawn", lambda figure: b"")
    monkeypatch.setattr("course_utils.charts.dashboard.show", lambda figure, alt: None)
    monkeypatch.setattr("IPython.display.display", lambda page, raw, **_: None)
    model = add_head(take_prefix(vit, deepest(vit)), 2)
    unfreeze(model, "base" if deepest(vit) == "base" else "block1_norm1")
    model.compile("adam", "sparse_categorical_crossentropy", run_eagerly=True)
    blocks = {"base": "transformer"} if deepest(vit) == "base" else {"block2_attention": "transformer"}
    part = vit.preprocess(X), Y
    watch = dashboard(model, part, part, blocks | {"head": "head"}, every=1)
    model.fit(*part, verbose=0, callbacks=[watch])
    for kind in ("gradient", "drift"):
        assert set(watch.history[kind]) == {"transformer", "head"}
        assert all(values[-1] > 0 for values in watch.history[kind].values())


def test_a_finished_model_and_its_card(vit, tmp_path):
    model = add_head(take_prefix(vit, deepest(vit)), 2)
    whole = deployable(vit, model)
    whole.save(tmp_path / "halves.keras")
    answers = keras.saving.load_model(tmp_path / "halves.keras").predict_on_batch(X)
    np.testing.assert_allclose(answers, model.predict_on_batch(vit.preprocess(X)), rtol=1e-3, atol=1e-5)
    card = model_card(tmp_path / "halves.keras", vit, deepest(vit), model, TARGET, answers[16:])
    assert f"after `{deepest(vit)}`" in card
    again = load_source(tmp_path / "halves.keras")
    assert deepest(vit) in again.cuts


def test_the_recipe_for_little_data(vit):
    found = CutEnsemble(vit, mirror=False).fit(TARGET.pictures, TARGET.labels)
    assert 0 <= found.score(TARGET.test_pictures, TARGET.test_labels) <= 1


def test_tokens_laid_out_as_maps_are_looked_at(vit, monkeypatch):
    drawn = []
    monkeypatch.setattr(inside.layers, "activation_maps", lambda picture, maps, title: drawn.append(maps) or title)
    monkeypatch.setattr(widgets, "drawn", lambda figure: figure.encode())
    monkeypatch.setattr("IPython.display.display", lambda page, raw: None)
    box = widgets.explorer({"one": X[0]}, vit.cuts, "cut at", inside.map_view(vit), side=32)
    box.children[1].value = deepest(vit)
    first = int(has_class_token(vit))
    np.testing.assert_allclose(
        drawn[-1][deepest(vit)], tokens_at(vit, deepest(vit))[0, first:].reshape(4, 4, 12), rtol=1e-3, atol=1e-5
    )


def test_the_slider_through_the_cuts(vit, monkeypatch):
    views, shown = [], []
    monkeypatch.setattr(cutting.depth, "cut_view", lambda *args: views.append(args) or args[1])
    monkeypatch.setattr(cutting.widgets, "drawn", lambda figure: b"")
    monkeypatch.setattr(cutting.widgets, "picture_slider", lambda *args, **_: None)
    monkeypatch.setattr(cutting, "show", lambda figure, alt: shown.append(alt))
    features = cut_features(vit, TARGET.pictures)
    found = {"halves": {"cuts": vit.cuts, "trained": {4: np.full((2, len(vit.cuts)), 50.0)}}}
    cutting.slide(vit, TARGET, features, found, 4)
    assert len(views) == len(vit.cuts) + 1 and f"cut at {vit.cuts[len(vit.cuts) // 2]}" in shown[0]
    assert all(len(maps) == 3 and maps[0].shape == (4, 4) for _, _, _, maps, *_ in views)


def test_what_needs_maps_says_so(vit):
    for ask in (vit.map_cuts, lambda: inside.some_cuts(vit, 8), lambda: TuningTasks(vit, 0)):
        with complains(UnsuitableModel, "vit", "tokens", "source of convolutions"):
            ask()
    shapes = {cut: vit.prefix(cut).output.shape[1:] for cut in vit.cuts}
    with complains(UnsuitableModel, "'embedded'", "tokens", "source of convolutions"):
        pretrained.shrinking_maps(shapes)


def test_pictures_scaled_twice_are_noticed(vit, tmp_path):
    vit.model.save(tmp_path / "vit.keras")
    assert "scaled twice" in load_source(tmp_path / "vit.keras", preprocess=lambda x: x / 127.5 - 1).provenance


def test_a_transformer_without_scaling_must_be_told(tmp_path):
    x = keras.Input((32, 32, 3))
    patches = layers.Reshape((16, 12))(layers.Conv2D(12, 8, strides=8)(x))
    attended = layers.MultiHeadAttention(2, 6)(patches, patches)
    keras.Model(x, layers.Dense(2)(layers.GlobalAveragePooling1D()(attended))).save(tmp_path / "mine.keras")
    with complains(UnknownPreprocessing, "preprocess="):
        load_source(tmp_path / "mine.keras")


# Tokens that came in other ways


class ClassToken(layers.Layer):
    """As many packages have it: a learned token before all others, within a layer of their own."""

    def build(self, shape):
        self.token = self.add_weight(shape=(1, 1, shape[-1]))

    def call(self, x):
        return keras.ops.concatenate([keras.ops.repeat(self.token, keras.ops.shape(x)[0], axis=0), x], axis=1)


def row(last=False, ready=None):
    """Tokens of 3 x 4 patches with a class token at one end, attended once."""
    x = keras.Input((24, 32, 3))
    y = layers.Reshape((12, 6))(layers.Conv2D(6, 8, strides=8)(x))
    if ready:
        y = ready(y)
    else:
        first = layers.Embedding(1, 6)(keras.ops.zeros_like(y[:, :1, 0]))
        y = layers.Concatenate(axis=1)([y, first] if last else [first, y])
    return layers.Add()([y, layers.MultiHeadAttention(2, 3)(y, y)])


@pytest.mark.parametrize(
    "tokens, expected",
    [
        (lambda: row(), ((3, 4), 0, 1)),
        (lambda: row(last=True), ((3, 4), -1, 0)),
        (lambda: row(ready=ClassToken()), ((3, 4), 0, 1)),
        (lambda: row(ready=layers.Identity()), ((3, 4), None, 0)),
        (lambda: keras.Input((16, 5)), ((4, 4), None, 0)),
        (lambda: keras.Input((17, 5)), ((4, 4), None, 1)),
        (lambda: keras.Input((15, 5)), (None, None, 0)),
        (lambda: keras.Input((None, 5)), (None, None, 0)),
    ],
    ids=["first", "last", "in a layer of one's own", "none", "a square", "a square and one", "no square", "any number"],
)
def test_what_is_known_of_tokens(tokens, expected):
    assert described(tokens()) == expected


def test_where_tokens_lie_is_not_guessed():
    x = keras.Input((15, 5))
    assert pooled(x).shape == (None, 5)
    for ask in (lambda: pooled(x, 2), lambda: as_maps(x)):
        with complains(UnsuitableModel, "15 tokens", "grid=1"):
            ask()
    with complains(UnsuitableModel, "one vector"):
        as_maps(keras.Input((5,)))
