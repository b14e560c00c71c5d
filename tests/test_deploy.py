"""A finished model takes raw pictures: every family's scaling, before and after the file."""

import warnings

import keras
import numpy as np
import pytest
from helpers import complains
from keras import layers

from course_utils.errors import UnknownPreprocessing, UnsuitableModel
from course_utils.handover.deploy import deployable
from course_utils.models.zoo import ZOO
from course_utils.sources import Source, load_source
from course_utils.transfer import add_head, take_prefix
from course_utils.world import embedded

ONE_OF_EACH = {entry.family: entry for entry in ZOO.values()}


def tiny(scaling, size=(7, 9)):
    """A source of one convolution, with a scaling; its answers are about 1, whatever the scaling."""
    keras.utils.set_random_seed(0)
    with np.errstate(all="ignore"):
        reach = float(np.abs(scaling(raw(2, size).astype("float32"))).max())
    x = keras.Input((*size, 3))
    y = layers.Conv2D(5, 3, kernel_initializer=keras.initializers.RandomNormal(stddev=0.3 / reach))(x)
    y = layers.ReLU(name="cut")(y)
    return Source("tiny", keras.Model(x, y), ("cut",), (), size, "tiny.", scaling)


def raw(n=6, size=(7, 9)):
    return np.random.default_rng(1).integers(0, 256, (n, *size, 3)).astype("uint8")


def distinct_scalings():
    """One family for each way of scaling that there is in keras.applications."""
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 2, 2, 3)).astype("float32")
    return {entry.preprocess(pixels).round(4).tobytes(): entry.family for entry in ONE_OF_EACH.values()}.values()


@pytest.mark.parametrize("family", distinct_scalings())
def test_each_scaling_goes_into_the_file(family, tmp_path):
    source = tiny(ONE_OF_EACH[family].preprocess)
    model = add_head(take_prefix(source, "cut"), 4)
    expected = model.predict_on_batch(source.preprocess(raw()))
    assert np.ptp(expected, 0).max() > 1e-3  # the answers differ between pictures
    whole = deployable(source, model)
    whole.save(tmp_path / "mine.keras")
    loaded = keras.saving.load_model(tmp_path / "mine.keras", safe_mode=True)
    for finished in (whole, loaded):
        for pictures in (raw(), raw().astype("float32")):
            np.testing.assert_allclose(finished.predict_on_batch(pictures), expected, atol=1e-5)


@pytest.mark.parametrize("family", ONE_OF_EACH)
def test_every_familys_scaling_is_a_map_of_colours(family):
    source = tiny(ONE_OF_EACH[family].preprocess)
    wanted = source.preprocess(raw())
    whole = deployable(source, source.model)
    scaled = keras.Model(whole.input, whole.get_layer("preprocess").output)(raw().astype("float32"))
    assert np.abs(scaled - wanted).max() < 2e-6 * max(1, np.abs(wanted).max())


def test_any_mixture_of_the_colours_goes_in():
    mixture = np.array([[0.3, 0.6, 0.1], [-0.1, -0.3, 0.5], [0.6, -0.5, 0.2]], "float32")  # much like YUV
    source = tiny(lambda x: x @ mixture / 255 + [0, 0.5, 2])
    whole = deployable(source, source.model)
    scaled = keras.Model(whole.input, whole.get_layer("preprocess").output)(raw().astype("float32"))
    np.testing.assert_allclose(scaled, source.preprocess(raw()), atol=1e-5)


def test_training_never_changes_the_preprocessing(source, tmp_path):
    model = add_head(take_prefix(source, "b2"), 3)
    whole = deployable(source, model)
    before = [w.copy() for w in whole.get_layer("preprocess").get_weights()]
    assert [v.path for v in whole.trainable_variables] == [v.path for v in model.trainable_variables]
    whole.compile("sgd", "sparse_categorical_crossentropy")
    whole.train_on_batch(raw(6, (64, 64)), np.arange(6) % 3)
    for now, then in zip(whole.get_layer("preprocess").get_weights(), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_a_finished_model_is_a_source_again(source, tmp_path):
    keras.utils.set_random_seed(3)
    whole = deployable(source, add_head(take_prefix(source, "b2"), 3))
    whole.save(tmp_path / "mine.keras")
    again = load_source(tmp_path / "mine.keras")  # no preprocess= is needed
    assert set(source.cuts[:3]) <= set(again.cuts) and len(again.class_names) == 3
    pictures = raw(4, (64, 64))
    np.testing.assert_allclose(again.predict(pictures), whole.predict_on_batch(pictures), atol=1e-6)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message="The structure of `inputs`")
        second = deployable(again, add_head(take_prefix(again, "b1"), 2))
    assert second(pictures).shape == (4, 2)


def test_a_mixed_precision_policy_leaves_the_pictures_exact():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        source = tiny(embedded.preprocess)
        whole = deployable(source, add_head(take_prefix(source, "cut"), 2))
        assert whole.get_layer("preprocess").compute_dtype == "float32"
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    "scaling",
    [
        lambda x: (x / 255) ** 2,
        lambda x: x / np.maximum(x.max((1, 2, 3), keepdims=True), 1),
        lambda x: x / 255 - x.mean((1, 2, 3), keepdims=True) / 255,
        lambda x: (x - x.mean((1, 2, 3), keepdims=True)) / x.std((1, 2, 3), keepdims=True),
        lambda x: x.mean(-1, keepdims=True),
        lambda x: np.roll(x, 1, axis=1),
    ],
    ids=["gamma", "by the brightest", "minus the mean", "standardised", "grey", "shifted"],
)
def test_what_is_no_map_of_colours_is_refused(scaling):
    source = tiny(scaling)
    with complains(UnknownPreprocessing, "'tiny'", "source.preprocess"):
        deployable(source, add_head(take_prefix(source, "cut"), 2))


def test_a_head_alone_or_another_size_is_refused():
    source = tiny(embedded.preprocess)
    head = keras.Sequential([keras.Input((5,)), layers.Dense(2)])
    with complains(UnsuitableModel, "inputs of 5 ", "7x9x3", "prefix and head"):
        deployable(source, head)
    other = tiny(embedded.preprocess, (8, 8))
    with complains(UnsuitableModel, "8x8x3"):
        deployable(source, add_head(take_prefix(other, "cut"), 2))
