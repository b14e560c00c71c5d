"""Training: learning rates per layer, gradient norms, fresh batches, one bar over all steps."""

import numpy as np
import pytest
from helpers import complains

from course_utils import training
from course_utils.errors import BadPictures, BadTarget, CourseError, UnknownCut
from course_utils.training import accuracy, batches, drift, gradient_norms, layer_rates, progress_callback, train_head

RNG = np.random.default_rng(0)


def small_model():
    """Three dense layers, initialised away from zero."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    inputs = keras.Input((5,))
    x = layers.Dense(4, activation="tanh", name="low")(inputs)
    x = layers.Dense(4, activation="tanh", name="middle")(x)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="high")(x))


X, Y = RNG.normal(size=(8, 5)).astype("float32"), np.arange(8) % 3


def first_step(model, optimizer):
    """How far each layer's weights move in one step, in units of the layer's gradient."""
    norms = gradient_norms(model, X, Y)
    before = {layer.name: layer.get_weights() for layer in model.layers if layer.weights}
    model.compile(optimizer, "sparse_categorical_crossentropy")
    model.train_on_batch(X, Y)
    steps = {}
    for name, old in before.items():
        new = model.get_layer(name).get_weights()
        steps[name] = np.sqrt(sum(((a - b) ** 2).sum() for a, b in zip(old, new, strict=True))) / norms[name]
    return steps


def test_each_layer_learns_at_its_own_rate():
    import keras

    model = small_model()
    steps = first_step(model, layer_rates(model, {"low": 1e-3, "middle": 1e-2, "high": 1e-1}, keras.optimizers.SGD))
    assert steps == pytest.approx({"low": 1e-3, "middle": 1e-2, "high": 1e-1}, rel=1e-3)


def test_the_first_pattern_that_fits_counts_and_one_that_fits_nothing_does_no_harm():
    import keras

    model = small_model()
    steps = first_step(model, layer_rates(model, {"^mid": 0.5, "absent": 9.0, ".": 0.25}, keras.optimizers.SGD))
    assert steps == pytest.approx({"low": 0.25, "middle": 0.5, "high": 0.25}, rel=1e-3)


def test_adam_is_the_default_and_its_steps_have_the_rates_too():
    model = small_model()
    before = model.get_layer("low").get_weights()[0], model.get_layer("high").get_weights()[0]
    model.compile(layer_rates(model, {"low|middle": 1e-4, "high": 1e-2}), "sparse_categorical_crossentropy")
    model.train_on_batch(X, Y)
    low, high = (
        np.abs(model.get_layer(name).get_weights()[0] - old) for name, old in zip(("low", "high"), before, strict=True)
    )
    # Adam's first step is the rate itself, whatever the gradient's size.
    np.testing.assert_allclose([np.median(low), np.median(high)], [1e-4, 1e-2], rtol=0.02)


def test_a_layer_without_a_rate_is_refused_unless_it_is_frozen():
    model = small_model()
    with complains(CourseError, "'middle/kernel'", "add a pattern", "freeze"):
        layer_rates(model, {"low": 1e-3, "high": 1e-2})
    model.get_layer("middle").trainable = False
    model.compile(layer_rates(model, {"low": 1e-3, "high": 1e-2}), "sparse_categorical_crossentropy")
    before = model.get_layer("middle").get_weights()
    model.train_on_batch(X, Y)
    for old, new in zip(before, model.get_layer("middle").get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def go_on(model, start, epochs, *callbacks):
    """Epochs from `start` to `epochs` on batches in one order."""
    model.fit(X, Y, 2, epochs, initial_epoch=start, verbose=0, shuffle=False, callbacks=list(callbacks))


@pytest.mark.parametrize("by", ["save", "ModelCheckpoint"])
@pytest.mark.parametrize("inner", ["Adam", "SGD with momentum"])
def test_a_training_with_rates_goes_on_from_its_checkpoint(tmp_path, by, inner):
    import keras

    make = None if inner == "Adam" else lambda rate: keras.optimizers.SGD(rate, momentum=0.9)
    rates = {"^mid": 3e-2, "absent": 9.0, "low|high/kernel": 1e-3, ".": 1e-2}
    file = tmp_path / "checkpoint.keras"
    unbroken, stopped = small_model(), small_model()
    for model in (unbroken, stopped):
        model.compile(layer_rates(model, rates, make), "sparse_categorical_crossentropy")
    go_on(unbroken, 0, 5)
    go_on(stopped, 0, 2, *[keras.callbacks.ModelCheckpoint(file)] * (by == "ModelCheckpoint"))
    if by == "save":
        stopped.save(file)
    resumed = keras.saving.load_model(file)
    assert len(resumed.optimizer.variables) == len(stopped.optimizer.variables)
    for kept, old in zip(resumed.optimizer.variables, stopped.optimizer.variables, strict=True):
        np.testing.assert_array_equal(kept, old)
    go_on(resumed, 2, 5)
    for one, other, halfway in zip(unbroken.get_weights(), resumed.get_weights(), stopped.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
        assert (one != halfway).any()


@pytest.mark.parametrize("pattern", ["(low", "(?i)LOW"])
def test_a_pattern_that_is_none_is_refused(pattern):
    with complains(CourseError, repr(pattern), "regular expression"):
        layer_rates(small_model(), {"high": 1e-2, pattern: 1e-3, ".": 1.0})


def test_gradient_norms_are_those_worked_out_by_hand():
    import keras

    model = keras.Sequential(
        [keras.Input((2,)), keras.layers.Dense(2, name="one"), keras.layers.Dense(1, name="two", use_bias=False)]
    )
    kernel, bias, out = np.array([[1.0, 2], [0, 1]]), np.array([0.5, -1]), np.array([[2.0], [-1]])
    model.set_weights([kernel, bias, out])
    x, y = np.array([[1.0, 2], [3, -1]]), np.array([[1.0], [0]])
    hidden = x @ kernel + bias
    slope = 2 * (hidden @ out - y) / len(x)  # of the mean squared error
    back = slope @ out.T
    expected = {
        "one": np.sqrt(((x.T @ back) ** 2).sum() + (back.sum(0) ** 2).sum()),
        "two": np.sqrt(((hidden.T @ slope) ** 2).sum()),
    }
    before = model.get_weights()
    found = gradient_norms(model, x.astype("float32"), y.astype("float32"), keras.losses.MeanSquaredError())
    assert found == pytest.approx(expected, rel=1e-5)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    model.get_layer("one").trainable = False
    assert set(gradient_norms(model, x.astype("float32"), y.astype("float32"), keras.losses.MeanSquaredError())) == {
        "two"
    }


def test_gradient_norms_leave_batchnorm_alone():
    import keras

    model = keras.Sequential([keras.Input((5,)), keras.layers.BatchNormalization(), keras.layers.Dense(3, "softmax")])
    before = model.get_weights()
    gradient_norms(model, 10 + 5 * X, Y)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


PICTURES = RNG.integers(0, 256, (10, 16, 16, 3), "uint8")
LABELS = np.arange(10)


def all_batches(data):
    return [data[k] for k in range(len(data))]


def keep(x):
    return x.copy()


def test_a_seed_fixes_the_batches():
    first, again, other = (all_batches(batches(PICTURES, LABELS, keep, 4, 5, seed)) for seed in (1, 1, 2))
    for (a, i), (b, j) in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(i, j)
    assert not any(np.array_equal(a, b) for (a, _), (b, _) in zip(first, other, strict=True))


def test_batches_hold_prepared_pictures_with_their_own_labels():
    data = batches(PICTURES, LABELS, lambda x: x / 255.0, 4, 6, seed=0)
    assert len(data) == 6
    for x, y in all_batches(data):
        assert x.shape == (4, 16, 16, 3) and len(set(y)) == 4
        np.testing.assert_array_equal(x, PICTURES[y] / 255.0)
    assert len({tuple(y) for _, y in all_batches(data)}) == 6  # another choice in each step


def test_a_batch_larger_than_the_set_repeats_pictures():
    x, y = batches(PICTURES, LABELS, keep, 25, 1, seed=0)[0]
    assert len(x) == len(y) == 25 and len(set(y)) > 7


def test_a_second_epoch_brings_new_batches():
    import keras

    seen = []

    def watch(x):
        seen.append(x.tobytes())
        return x.astype("float32")

    model = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(10, "softmax")])
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(batches(PICTURES, LABELS, watch, 4, 4, seed=0), epochs=5, verbose=0)
    assert len(set(seen)) >= 18  # of 20; Keras looks at the first ones twice


def test_the_bar_counts_all_steps(monkeypatch):
    bars = []

    class Bar:
        def __init__(self, **settings):
            self.settings, self.done, self.closed = settings, 0, False
            bars.append(self)

        def update(self, steps):
            assert not self.closed
            self.done += steps

        def close(self):
            self.closed = True

    monkeypatch.setattr(training, "bar", Bar)
    model = small_model()
    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(X, Y, batch_size=3, epochs=4, validation_data=(X, Y), verbose=0, callbacks=[progress_callback("head")])
    data = batches(X, Y, keep, 4, steps=5, seed=0)
    model.fit(data, epochs=2, verbose=0, callbacks=[progress_callback()])
    assert [(b.settings["total"], b.done, b.closed) for b in bars] == [(12, 12, True), (10, 10, True)]
    assert [b.settings["label"] for b in bars] == ["head", "training"]


def test_a_head_trained_on_features_is_the_models_own_and_nothing_else_moves():
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    inputs = keras.Input((5,))
    x = layers.Dense(4, activation="tanh", name="low")(inputs)
    model = keras.Model(inputs, layers.Dense(3, activation="softmax", name="head")(x))
    x = np.eye(5, dtype="float32")[np.arange(60) % 3]
    y = np.arange(60) % 3
    low = model.get_layer("low").get_weights()
    train_head(model, x, y, 150, seed=0)
    assert (model.predict(x, verbose=0).argmax(1) == y).all()
    np.testing.assert_array_equal(model.get_layer("low").get_weights()[0], low[0])
    once = model.get_layer("head").get_weights()
    train_head(model, x, y, 5, seed=0)
    assert (model.get_layer("head").get_weights()[0] != once[0]).any()


def with_head(outputs=3, name="head"):
    import keras

    picture = keras.Input((5,))
    middle = keras.layers.Dense(4, activation="tanh", name="middle")(picture)
    activation = "softmax" if outputs > 1 else None
    return keras.Model(picture, keras.layers.Dense(outputs, activation=activation, name=name)(middle), name="mine")


@pytest.mark.parametrize("labels", [Y + 1, np.eye(3)[Y], Y + 0.5, np.array(["a", "b", "c"])[Y], Y - 1], ids=str)
def test_labels_that_are_no_class_indices_are_told(labels):
    for use in (lambda: train_head(with_head(), X, labels, 2, 0), lambda: gradient_norms(with_head(), X, labels)):
        with complains(BadTarget, "class indices from 0 to 2", str(labels.shape)):
            use()


@pytest.mark.parametrize("kind", ["bool", "uint8", "float32"])
def test_class_indices_may_be_of_any_type(kind):
    train_head(with_head(), X, (Y == 1).astype(kind), 2, 0)
    assert gradient_norms(with_head(), X, (Y == 1).astype(kind)).keys() == {"middle", "head"}


def test_values_are_not_taken_for_classes():
    ages, model = np.linspace(20, 70, 8), with_head(1)
    for use in (train_head, gradient_norms, accuracy):
        with complains(BadTarget, "mine has one output, a value", "'mse'"):
            use(model, X, ages, *((2, 0) if use is train_head else ()))


def test_inputs_of_another_shape_are_told():
    for use in (train_head, gradient_norms, accuracy):
        with complains(BadPictures, "(5,)", "(4,)", "preprocess"):
            use(with_head(), X[:, :4], Y, *((2, 0) if use is train_head else ()))


def test_a_model_without_a_head_has_none_to_train():
    with complains(UnknownCut, "no layer 'head'", "add_head"):
        train_head(with_head(name="top"), X, Y, 2, 0)


def test_a_snapshot_of_another_model_is_told():
    with complains(CourseError, "no weight 'middle/kernel'", "another model"):
        drift(with_head(), {}, {"middle": "all"})
