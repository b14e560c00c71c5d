"""The dashboard measures what it says, changes nothing of the training, and can stop it."""

import signal

import keras
import numpy as np
import pytest
from keras import layers

from course_utils.charts import dashboard as dashboards
from course_utils.charts.dashboard import dashboard
from course_utils.training import gradient_norms

BLOCKS = {"one": "body", "two": "body", "head": "head"}


def network():
    keras.utils.set_random_seed(3)
    x = keras.Input((4,))
    y = layers.Dense(5, activation="relu", name="two")(layers.Dense(6, name="one")(x))
    model = keras.Model(x, layers.Dense(3, activation="softmax", name="head")(y))
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    return model


@pytest.fixture
def shown(monkeypatch):
    pages = []
    monkeypatch.setattr("IPython.display.display", lambda page, raw, **_: pages.append(page))
    return pages


def data(n=64):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 4)).astype("float32")
    return x, (x[:, 0] > 0) + (x[:, 1] > 0)


def train(model, *callbacks, epochs=4):
    x, y = data()
    keras.utils.set_random_seed(5)
    model.fit(x, y, batch_size=16, epochs=epochs, verbose=0, shuffle=False, callbacks=list(callbacks))


def test_its_picture_says_in_its_title_how_it_went(shown, monkeypatch):
    drawn = []
    monkeypatch.setattr("course_utils.charts.dashboard.show", lambda figure, alt: drawn.append(figure))
    batch = tuple(part[:16] for part in data())
    model = network()
    watch = dashboard(model, batch, batch, BLOCKS)
    train(model, watch)
    steps, right = watch.history["step"][-1], watch.history["held out"][-1]
    assert drawn[0].get_suptitle() == f"After {steps} steps: {right:.0f} % right on pictures held out"


def test_it_changes_nothing_and_measures_the_end(shown):
    alone, watched = network(), network()
    start = [np.array(weight) for weight in watched.get_weights()]
    batch, held_out = (part[:16] for part in data()), (part[16:] for part in data())
    batch, held_out = tuple(batch), tuple(held_out)
    watch = dashboard(watched, batch, held_out, BLOCKS, every=5)
    train(alone)
    train(watched, watch)
    for one, other in zip(alone.get_weights(), watched.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    told = watch.history
    assert told["step"] == [0, 5, 10, 15, 16]  # the end, too
    right = np.mean(watched.predict(held_out[0], verbose=0).argmax(1) == held_out[1])
    assert told["held out"][-1] == pytest.approx(100 * right)
    norms = gradient_norms(watched, *batch)
    assert told["gradient"]["body"][-1] == pytest.approx((norms["one"] ** 2 + norms["two"] ** 2) ** 0.5, rel=1e-5)
    head, before = watched.get_weights()[-2:], start[-2:]
    moved = sum(np.sum((a - b) ** 2) for a, b in zip(head, before, strict=True))
    assert told["drift"]["head"][-1] == pytest.approx(
        100 * (moved / sum(np.sum(b**2) for b in before)) ** 0.5, rel=1e-4
    )
    assert told["drift"]["body"][0] == 0 < told["drift"]["body"][-1]


def with_base_inside():
    """The same network, its lower layers a model within the model."""
    flat, x = network(), keras.Input((4,))
    base = keras.Sequential([keras.Input((4,)), flat.get_layer("one"), flat.get_layer("two")], name="base")
    model = keras.Model(x, flat.get_layer("head")(base(x)))
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    return model


@pytest.mark.parametrize("blocks", [{"base": "body", "head": "head"}, BLOCKS], ids=["by the base", "by its layers"])
def test_a_base_within_the_model_is_one_block(shown, monkeypatch, blocks):
    monkeypatch.setattr(dashboards, "drawn", lambda figure: b"")
    monkeypatch.setattr(dashboards, "show", lambda figure, alt: None)
    flat, nested = network(), with_base_inside()
    batch = tuple(part[:16] for part in data())
    watches = dashboard(flat, batch, batch, BLOCKS, every=16), dashboard(nested, batch, batch, blocks, every=16)
    for model, watch in zip((flat, nested), watches, strict=True):
        train(model, watch)
    expected, told = (watch.history for watch in watches)
    for kind in ("gradient", "drift"):
        assert set(told[kind]) == {"body", "head"}
        for block in told[kind]:
            assert told[kind][block] == pytest.approx(expected[kind][block], rel=1e-4)
            assert told[kind][block][-1] > 0


def test_two_bases_whose_layers_have_the_same_names_are_two_blocks(shown, monkeypatch):
    monkeypatch.setattr(dashboards, "drawn", lambda figure: b"")
    monkeypatch.setattr(dashboards, "show", lambda figure, alt: None)
    x, bases = keras.Input((4,)), []
    for name in ("left", "right"):
        layers = [keras.Input((4,)), keras.layers.Dense(8, "relu", name="one"), keras.layers.Dense(4, name="two")]
        bases.append(keras.Sequential(layers, name=name))
    both = keras.layers.Concatenate()([base(x) for base in bases])
    model = keras.Model(x, keras.layers.Dense(3, "softmax", name="head")(both))
    bases[1].trainable = False
    model.compile(keras.optimizers.SGD(0.1), "sparse_categorical_crossentropy")
    batch = tuple(part[:16] for part in data())
    watch = dashboard(model, batch, batch, {"left": "L", "right": "R", "head": "head"})
    train(model, watch)
    for kind in ("gradient", "drift"):
        assert watch.history[kind]["R"][-1] == 0 < watch.history[kind]["L"][-1]


def test_where_no_widget_runs_the_end_stands_as_a_picture(shown):
    model = network()
    batch = tuple(part[:16] for part in data())
    train(model, dashboard(model, batch, batch, BLOCKS))
    assert "below is how it ended" in shown[0]["text/plain"]
    assert shown[1]["image/png"].startswith(b"\x89PNG") and "drift of each block" in shown[1]["text/plain"]


def test_an_interrupt_stops_the_training_and_a_second_one_is_as_ever(shown):
    model, before = network(), signal.getsignal(signal.SIGINT)
    batch = tuple(part[:16] for part in data())
    watch = dashboard(model, batch, batch, BLOCKS, every=1)

    class Press(keras.callbacks.Callback):
        def on_train_batch_end(self, index, logs=None):
            if watch.history["step"][-1] == 6:
                signal.raise_signal(signal.SIGINT)
                assert signal.getsignal(signal.SIGINT) is before

    train(model, watch, Press(), epochs=50)
    assert watch.history["step"][-1] == 6  # in the middle of the second epoch
    train(model, watch, epochs=1)
    assert signal.getsignal(signal.SIGINT) is before


def fails_in_a_callback(model, watch):
    class Fail(keras.callbacks.Callback):
        def on_train_batch_end(self, index, logs=None):
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        train(model, watch, Fail())


def fails_in_a_step(model, watch):
    class Failing(keras.optimizers.SGD):
        def update_step(self, gradient, variable, learning_rate):
            raise ZeroDivisionError

    model.compile(Failing(0.1), "sparse_categorical_crossentropy")
    with pytest.raises(ZeroDivisionError):
        train(model, watch)
    assert watch.history["step"] == [0]  # it had begun


@pytest.mark.parametrize("fail", [fails_in_a_callback, fails_in_a_step])
def test_after_a_training_that_failed_an_interrupt_is_as_ever(shown, fail):
    model, before = network(), signal.getsignal(signal.SIGINT)
    pressed = []
    signal.signal(signal.SIGINT, lambda *_: pressed.append(1))

    class Press(keras.callbacks.Callback):
        def on_predict_begin(self, logs=None):
            signal.raise_signal(signal.SIGINT)

    try:
        batch = tuple(part[:16] for part in data())
        fail(model, dashboard(model, batch, batch, BLOCKS))
        model.predict(batch[0], verbose=0, callbacks=[Press()])  # the model is at work, and `fit` is not
        assert pressed == [1]
        signal.raise_signal(signal.SIGINT)
        assert pressed == [1, 1]
    finally:
        signal.signal(signal.SIGINT, before)
