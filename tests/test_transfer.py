"""Cut, head, freeze, unfreeze: proven on the weights themselves."""

import numpy as np
import pytest
from helpers import complains

from course_utils.errors import BadInputSize, BadTarget, CourseError, UnknownCut
from course_utils.training import drift, gradient_norms
from course_utils.transfer import (
    add_head,
    every_layer,
    freeze,
    moved,
    parameter_table,
    random_prefix,
    snapshot,
    take_prefix,
    unfreeze,
)

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (16, 64, 64, 3)).astype("float32")
Y = np.arange(16) % 4


def fit(model, compiled=True):
    """Two steps of SGD, with a new compile() or without."""
    import keras

    if compiled:
        model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    before = snapshot(model)
    model.fit(X, Y, batch_size=8, verbose=0)
    return moved(model, before)


def statistics(change):
    return {path: by for path, by in change.items() if "moving_" in path}


@pytest.fixture(scope="module")
def frozen_run(source):
    """A frozen prefix with a head after a training: the model, what moved, and the source's weights before."""
    original = snapshot(source.model)
    model = add_head(take_prefix(source, "b2"), 4)
    return model, fit(model), original


def test_a_prefix_computes_what_the_source_computes(source):
    import keras

    prefix = take_prefix(source, "b2")
    assert prefix.output.shape == (None, 16, 16, 32)
    inside = keras.Model(source.model.input, source.model.get_layer("b2").output)
    np.testing.assert_allclose(prefix.predict_on_batch(X), inside.predict_on_batch(X), rtol=1e-4, atol=1e-5)


def test_a_frozen_prefix_stays_bit_for_bit_and_the_head_moves(frozen_run):
    model, change, _ = frozen_run
    head = {path: by for path, by in change.items() if path.startswith("head/")}
    assert len(head) == 2 and min(head.values()) > 0
    rest = {path: by for path, by in change.items() if path not in head}
    assert len(statistics(rest)) > 8
    assert set(rest.values()) == {0.0}
    assert len(change) == len(model.weights)  # no two weights share a path


def test_without_compile_a_change_of_trainable_changes_nothing_in_what_trains(frozen_run):
    # Documents Keras 3.15: the flag is read by compile(). Should this fail after an update, tell the course so.
    model, _, _ = frozen_run
    names = unfreeze(model, "b1_conv1")
    assert {v.path.split("/")[0] for v in model.trainable_variables} == set(names)
    assert {path.split("/")[0] for path, by in fit(model, compiled=False).items() if by} == {"head"}


@pytest.fixture(scope="module")
def unfrozen_run(source, frozen_run):
    """The same model compiled anew after unfreezing: the names that unfreeze gave, and what moved."""
    model, _, _ = frozen_run
    freeze(model)
    model.get_layer("head").trainable = True
    return unfreeze(model, "b1_conv1"), fit(model)


def test_unfreezing_trains_all_from_there_on_but_batchnorm(frozen_run, unfrozen_run):
    model = frozen_run[0]
    names, change = unfrozen_run
    layers = [layer.name for layer in model.layers]
    behind = layers[layers.index("b1_conv1") :]
    assert names == [n for n in behind if "conv" in n or n == "head"]
    assert {path.split("/")[0] for path, by in change.items() if by} == set(names)
    assert len(statistics(change)) > 8 and set(statistics(change).values()) == {0.0}


def test_an_unfrozen_batchnorm_loses_its_statistics(frozen_run, unfrozen_run):
    import keras

    model, _ = frozen_run[0], unfrozen_run
    within = [la for la in model.layers if isinstance(la, keras.layers.BatchNormalization) and la.name.startswith("b2")]
    for layer in within:
        layer.trainable = True
    change = statistics(fit(model))
    drifted = {path.split("/")[0] for path, by in change.items() if by}
    assert drifted == {layer.name for layer in within} and len(drifted) == 2


def test_the_source_stays_as_it_was_loaded(source, frozen_run, unfrozen_run):
    model, _, original = frozen_run
    assert sum(by > 0 for by in unfrozen_run[1].values()) > 4  # its copy has moved
    assert set(moved(source.model, original).values()) == {0.0}
    assert not {id(v) for v in model.weights} & {id(v) for v in source.model.weights}


def test_a_random_prefix_has_the_architecture_and_nothing_learned(source):
    learned = take_prefix(source, "b2")
    first, again, other = (random_prefix(source, "b2", seed) for seed in (1, 1, 2))
    assert [v.shape for v in first.weights] == [v.shape for v in learned.weights]
    for a, b, c, d in zip(first.weights, again.weights, other.weights, learned.weights, strict=True):
        a, b, c, d = map(np.asarray, (a, b, c, d))
        np.testing.assert_array_equal(a, b)
        if a.ndim == 4:  # a kernel
            assert (a != c).mean() > 0.99 and (a != d).mean() > 0.99
    for layer in first.layers:
        if "_bn" in layer.name:
            assert (np.asarray(layer.moving_mean) == 0).all() and (np.asarray(layer.gamma) == 1).all()
    assert not first.trainable_variables and not learned.trainable_variables


@pytest.mark.parametrize(
    "cut, settings, shape, inputs, activation",
    [
        ("b2", {"classes": 4}, (None, 4), 32, "softmax"),
        ("b2", {}, (None, 1), 32, "linear"),
        ("b2", {"classes": 3, "grid": 2}, (None, 3), 4 * 32, "softmax"),
        ("logits", {"classes": 5, "grid": 2}, (None, 5), 48, "softmax"),
    ],
)
def test_a_head_fits_its_task(source, cut, settings, shape, inputs, activation):
    model = add_head(take_prefix(source, cut), **settings)
    head = model.get_layer("head")
    assert model.output_shape == shape and head.kernel.shape == (inputs, shape[1])
    assert head.activation.__name__ == activation
    assert [v.path for v in model.trainable_variables] == ["head/kernel", "head/bias"]
    answers = model.predict_on_batch(X)
    assert np.ptp(answers, axis=0).min() > 0  # they depend on the picture
    if activation == "softmax":
        np.testing.assert_allclose(answers.sum(1), 1, rtol=1e-5)


def test_a_grid_averages_each_quarter(source):
    prefix = take_prefix(source, "stem")
    model = add_head(prefix, 3, grid=2)
    values = prefix.predict_on_batch(X).reshape(16, 2, 16, 2, 16, 24).mean((2, 4)).reshape(16, 96)
    scores = values @ np.asarray(model.get_layer("head").kernel)
    shares = np.exp(scores - scores.max(1, keepdims=True))
    np.testing.assert_allclose(model.predict_on_batch(X), shares / shares.sum(1, keepdims=True), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("settings", [{"classes": 4}, {}, {"classes": 3, "grid": 2}])
def test_the_parameter_table_adds_up(source, settings):
    model = add_head(take_prefix(source, "b2"), **settings)
    table = parameter_table(model)
    assert sum(row.trained + row.frozen for row in table) == model.count_params()
    assert [row.layer for row in table if row.trained] == ["head"]
    assert sum(row.trained for row in table) == sum(int(np.prod(v.shape)) for v in model.trainable_variables)
    rows = {row.layer: row for row in table}
    assert (rows["stem_conv"].output, rows["stem_conv"].frozen) == ((32, 32, 24), 7 * 7 * 3 * 24)
    assert rows["b1_bn1"].frozen == 4 * 32 and "b1_relu1" not in rows
    order = [layer.name for layer in model.layers]
    assert [row.layer for row in table] == sorted(rows, key=order.index)


def test_a_zero_head_sends_no_gradient_into_the_prefix_and_a_random_one_does(source):
    norms = []
    for scale in (0, 1):
        model = add_head(take_prefix(source, "b2"), 4)
        head = model.get_layer("head")
        head.set_weights([scale * w for w in head.get_weights()])
        unfreeze(model, "b2_conv1")
        norms.append(gradient_norms(model, X, Y))
    assert norms[0].keys() == norms[1].keys() == {"b2_conv1", "b2_conv2", "head"}
    assert norms[0].pop("head") > 0 and set(norms[0].values()) == {0.0}
    assert min(norms[1].values()) > 0.001


def test_moved_is_the_relative_change():
    import keras

    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="one"), keras.layers.Dense(1, name="two")])
    kernel = model.get_layer("one").kernel
    kernel.assign([[3, 0], [0, 4]])
    before = snapshot(model)
    kernel.assign([[3, 0], [1, 4]])
    change = moved(model, before)
    assert change.pop(kernel.path) == pytest.approx(0.2)
    assert set(change.values()) == {0.0} and len(change) == 3
    model.get_layer("two").bias.assign([2])
    assert moved(model, before)[model.get_layer("two").bias.path] == np.inf  # of nothing there is no share


def test_of_two_layers_with_one_path_each_has_its_own_entry():
    import keras

    left, right = (
        keras.Sequential([keras.Input((2,)), keras.layers.Dense(2, name="conv")], name=name) for name in ("a", "b")
    )
    pixels = keras.Input((2,))
    model = keras.Model(pixels, left(pixels) + right(pixels))
    before = snapshot(model)
    assert len(before) == len(model.weights) == 4
    right.layers[0].kernel.assign_add(np.ones((2, 2)))
    assert sum(change > 0 for change in moved(model, before).values()) == 1
    x, y = np.ones((3, 2), "float32"), np.zeros((3, 2), "float32")
    norms = gradient_norms(model, x, y, keras.losses.MeanSquaredError())
    assert list(norms) == ["conv", "conv (2)"] and norms["conv"] == pytest.approx(norms["conv (2)"])  # a sum of both


def with_base_inside():
    """As the official tutorials build it: scaling, a base, pooling and a head, of which the base is a model."""
    import keras
    from keras import layers

    maps = keras.Input((8, 8, 3))
    z = layers.Conv2D(4, 3, name="conv1", use_bias=False)(maps)
    z = layers.BatchNormalization(name="norm1")(z)
    z = layers.Conv2D(4, 3, name="conv2")(z)
    base = keras.Model(maps, layers.BatchNormalization(name="norm2")(z), name="base")
    pixels = keras.Input((8, 8, 3))
    z = layers.GlobalAveragePooling2D(name="pool")(base(layers.Rescaling(1 / 255)(pixels)))
    return keras.Model(pixels, layers.Dense(2, activation="softmax", name="head")(z))


@pytest.mark.parametrize("first", ["base", "conv2"])
def test_a_base_within_the_model_is_unfrozen_layer_by_layer_and_its_batchnorm_stays(first):
    model = with_base_inside()
    freeze(model)
    assert not model.trainable_weights
    expected = [*["conv1"] * (first == "base"), "conv2", "head"]
    assert unfreeze(model, first) == expected
    before = snapshot(model)
    model.compile("sgd", "sparse_categorical_crossentropy")
    rng = np.random.default_rng(0)
    model.fit(rng.uniform(0, 255, (16, 8, 8, 3)), rng.integers(0, 2, 16), verbose=0)
    assert {path.split("/")[-2] for path, change in moved(model, before).items() if change > 0} == set(expected)
    assert [row.layer for row in parameter_table(model)] == ["conv1", "norm1", "conv2", "norm2", "head"]
    assert set(gradient_norms(model, rng.uniform(0, 255, (4, 8, 8, 3)).astype("float32"), np.arange(4) % 2)) == set(
        expected
    )


def of_one_piece(model):
    """The same layers with the same weights, none of them within a model."""
    import keras

    x = pixels = keras.Input(model.input_shape[1:])
    for layer in every_layer(model):
        if not isinstance(layer, keras.layers.InputLayer):
            x = layer(x)
    return keras.Model(pixels, x)


@pytest.mark.parametrize("deep", [1, 2])
def test_a_model_within_the_model_is_told_as_one_of_one_piece(deep):
    import keras

    model = with_base_inside()
    for _ in range(deep - 1):  # a model within a model within a model
        pixels = keras.Input((8, 8, 3))
        model = keras.Model(pixels, model(pixels))
    unfreeze(model, "conv2")
    flat = of_one_piece(model)
    assert parameter_table(model) == parameter_table(flat)
    assert sum(row.trained + row.frozen for row in parameter_table(model)) == model.count_params()
    x = np.random.default_rng(0).uniform(0, 255, (4, 8, 8, 3)).astype("float32")
    norms, expected = (gradient_norms(one, x, np.arange(4) % 2) for one in (model, flat))
    assert norms == pytest.approx(expected, rel=1e-5) and min(norms.values()) > 0
    before = snapshot(model)
    next(layer for layer in every_layer(model) if layer.name == "conv2").kernel.assign_add(np.ones((3, 3, 4, 4)))
    change = drift(model, before, {"conv1": "low", "conv2": "high", "head": "head"})
    assert change["low"] == change["head"] == 0 < change["high"]


def test_what_cannot_be_cut_or_unfrozen_is_refused(source):
    with complains(UnknownCut, "'b7'", "b6"):
        take_prefix(source, "b7")
    with complains(UnknownCut, "'b7'", "b6"):
        random_prefix(source, "b7", seed=0)
    with complains(UnknownCut, "'b3'", "b1", "head"):
        unfreeze(add_head(take_prefix(source, "b1"), 2), "b3")


@pytest.mark.parametrize("classes", [1, -2, "3", 3.0, ("a", "b")])
def test_a_head_for_no_number_of_classes_is_refused(source, classes):
    with complains(BadTarget, str(classes), "from 2 on"):
        add_head(take_prefix(source, "stem"), classes)


@pytest.mark.parametrize("grid", [0, -1, 1.5])
def test_a_grid_without_cells_is_refused(source, grid):
    with complains(BadInputSize, f"grid={grid}", "from 1 on"):
        add_head(take_prefix(source, "stem"), 2, grid)


def test_a_snapshot_of_another_model_is_told(source):
    with complains(CourseError, "no weight 'head/kernel'", "another model"):
        moved(add_head(take_prefix(source, "stem"), 2), snapshot(source.model))


def test_unfreezing_freezes_a_batchnorm_that_was_trainable_before(source):
    import keras

    model = add_head(keras.models.clone_model(source.prefix("b1")), 2)
    unfreeze(model, "b1_conv1")
    assert model.get_layer("stem_bn").trainable  # before the first unfrozen layer, nothing is touched
    assert not model.get_layer("b1_bn1").trainable and model.get_layer("b1_conv1").trainable


def test_what_unfreeze_names_does_train_in_a_model_that_was_frozen_as_a_whole(source):
    model = add_head(take_prefix(source, "b2"), 2)
    model.trainable = False
    names = unfreeze(model, "b2_conv1")
    trained = {weight.path.split("/")[-2] for weight in model.trainable_weights}
    assert trained == set(names) and "head" in names
    assert not any(layer.trainable for layer in model.layers if layer.name.startswith("b1") and layer.weights)
