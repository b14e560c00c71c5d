"""What a model of the user's own ends in: probabilities are used, and of anything else the real reason is told."""

import keras
import numpy as np
import pytest
from helpers import complains
from keras import layers

from course_utils.errors import NoClassifier
from course_utils.sources import load_source
from course_utils.transfer import add_head, take_prefix

PICTURES = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3)).astype("uint8")


def ends_in(tmp_path, *last, name="mine.keras"):
    """A source of two convolutions, an average and these last steps, and the model in its file."""
    keras.utils.set_random_seed(0)
    pictures = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, name="one", activation="relu")(layers.Rescaling(1 / 255)(pictures))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(5, 3, name="two", activation="relu")(x))
    for step in last:
        x = step(x)
    model = keras.Model(pictures, x)
    model.save(tmp_path / name)
    return load_source(tmp_path / name), model


def nested(*last):
    return keras.Sequential([keras.Input((5,)), *last], name="nested_head")


PROBABILITIES = {
    "a dense layer": lambda: [layers.Dense(3, activation="softmax")],
    "a Softmax layer": lambda: [layers.Dense(3), layers.Softmax()],
    "an Activation layer": lambda: [layers.Dense(3), layers.Activation("softmax", dtype="float32")],
    "a function": lambda: [layers.Dense(3), keras.ops.softmax],
    "a nested head": lambda: [nested(layers.Dense(4), layers.Dense(3, activation="softmax"))],
    "a nested Softmax layer": lambda: [nested(layers.Dense(3), layers.Softmax())],
    "a head nested twice": lambda: [nested(nested(layers.Dense(3, activation="softmax")))],
    "behind a nested head": lambda: [nested(layers.Dense(3)), layers.Softmax()],
}


@pytest.mark.parametrize("kind", PROBABILITIES)
def test_a_softmax_is_found_wherever_it_is(tmp_path, kind):
    source, model = ends_in(tmp_path, *PROBABILITIES[kind]())
    assert source.class_names == ("class 0", "class 1", "class 2")
    np.testing.assert_allclose(source.predict(PICTURES), model.predict_on_batch(PICTURES), rtol=1e-5)
    np.testing.assert_allclose(source.predict(PICTURES).sum(1), 1, rtol=1e-5)
    assert source.top(PICTURES, 1)[0][0][0] == f"class {model.predict_on_batch(PICTURES)[0].argmax()}"


OTHER = {
    "one sigmoid": (lambda: [layers.Dense(1, activation="sigmoid")], "one sigmoid", "two outputs with a softmax"),
    "one sigmoid, as a function": (lambda: [layers.Dense(1), keras.ops.sigmoid], "one sigmoid", "source.model"),
    "one sigmoid in a nested head": (lambda: [nested(layers.Dense(1, activation="sigmoid"))], "one sigmoid", "two"),
    "several sigmoids": (lambda: [layers.Dense(4, activation="sigmoid")], "4 sigmoids", "a yes or no by itself"),
    "one logit": (lambda: [layers.Dense(1)], "1 numbers that are no probabilities", "keras.layers.Softmax()"),
    "logits": (lambda: [layers.Dense(3)], "3 numbers that are no probabilities", "keras.layers.Softmax()"),
    "nested logits": (lambda: [nested(layers.Dense(3))], "3 numbers that are no", "keras.layers.Softmax()"),
    "a softmax within": (lambda: [layers.Dense(3, activation="softmax"), layers.Dense(2)], "2 numbers that", "no soft"),
    "features": (lambda: [], "5 numbers that are no probabilities", "no softmax at its end"),
}


@pytest.mark.parametrize("kind", OTHER)
def test_without_a_softmax_the_reason_is_told_and_all_else_goes_on(tmp_path, kind):
    last, *words = OTHER[kind]
    source, model = ends_in(tmp_path, *last())
    assert source.class_names == () and "without a softmax." in source.provenance
    for ask in (source.predict, source.top):
        with complains(NoClassifier, *words):
            ask(PICTURES)
    np.testing.assert_allclose(source.model(source.preprocess(PICTURES)), model(PICTURES), rtol=1e-5)
    assert add_head(take_prefix(source, "two"), 2)(source.preprocess(PICTURES)).shape == (3, 2)


def test_the_advice_for_logits_works(tmp_path):
    source, model = ends_in(tmp_path, layers.Dense(3))
    keras.Model(model.input, keras.layers.Softmax()(model.output)).save(tmp_path / "mended.keras")
    mended = load_source(tmp_path / "mended.keras")
    assert mended.cuts[:2] == source.cuts[:2] and mended.predict(PICTURES).shape == (3, 3)


def test_maps_are_no_classifier(tmp_path):
    inputs = keras.Input((16, 16, 3))
    x = layers.Conv2D(4, 3, name="one")(layers.Rescaling(1 / 255)(inputs))
    keras.Model(inputs, layers.Conv2D(5, 3, name="two")(x)).save(tmp_path / "maps.keras")
    with complains(NoClassifier, "ends in maps", "a head of your own"):
        load_source(tmp_path / "maps.keras").top(PICTURES)
