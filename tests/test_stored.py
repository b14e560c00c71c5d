"""Files that hold a model, of every kind that Keras has written: read, or refused with a way that works."""

import json
import zipfile

import h5py
import keras
import numpy as np
import pytest
from helpers import complains
from keras import layers

from course_utils.errors import DamagedFile, UnsuitableModel
from course_utils.sources import load_source

PICTURES = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3)).astype("uint8")


def network(*first):
    keras.utils.set_random_seed(0)
    x = pictures = keras.Input((16, 16, 3))
    for step in first or [layers.Rescaling(1 / 255)]:
        x = step(x)
    x = layers.ReLU(name="deep")(layers.DepthwiseConv2D(3, depth_multiplier=2)(x))
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(5, 3, name="wide", activation="relu")(x))
    return keras.Model(pictures, layers.Dense(3, activation="softmax")(x))


def same(source, model):
    """Whether a source is the network that was saved."""
    for one, other in zip(source.model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    np.testing.assert_allclose(source.predict(PICTURES), model.predict_on_batch(PICTURES.astype("float32")), rtol=1e-4)
    return source.cuts == ("deep", "wide") and source.preprocess(PICTURES).max() > 1


def rewritten_h5(file, change):
    """An .h5 file whose record of the network is changed, as another Keras wrote it."""
    with h5py.File(file, "r+") as content:
        content.attrs["model_config"] = change(content.attrs["model_config"])


def rewritten_zip(file, **changes):
    """A .keras file in which a change is made to "config" or "metadata"."""
    with zipfile.ZipFile(file) as content:
        parts = {name: content.read(name) for name in content.namelist()}
    for name, change in changes.items():
        parts[f"{name}.json"] = change(parts[f"{name}.json"].decode()).encode()
    with zipfile.ZipFile(file, "w") as content:
        for name, part in parts.items():
            content.writestr(name, part)


def with_groups(config):
    """As Keras 2 wrote it: https://github.com/googlecreativelab/teachablemachine-community/issues/403."""
    start = '"class_name": "DepthwiseConv2D", "config": {'
    assert start in config
    return config.replace(start, start + '"groups": 1, ')


@pytest.mark.parametrize("name", ["mine.keras", "A.KERAS", "my model.keras", "mine.h5", "mine.hdf5", "A.H5"])
def test_whole_models_by_any_name(tmp_path, name):
    model = network()
    model.save(tmp_path / ("written.keras" if "keras" in name.lower() else "written.h5"))
    next(tmp_path.iterdir()).rename(tmp_path / name)
    assert same(load_source(tmp_path / name), model)


def test_what_the_file_holds_counts_and_not_its_name(tmp_path):
    model = network()
    for written, called in (("a.h5", "old.keras"), ("b.keras", "new.h5")):  # before Keras 2.12, the first was usual
        model.save(tmp_path / written)
        (tmp_path / written).rename(tmp_path / called)
        assert same(load_source(tmp_path / called), model)


def test_a_file_in_the_home_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    model = network()
    model.save(tmp_path / "x.keras")
    assert same(load_source("~/x.keras"), model)


def test_depthwise_convolutions_of_keras_2(tmp_path):
    """As https://teachablemachine.withgoogle.com gives them: models within models, no scaling, `groups`."""
    base = keras.applications.MobileNet(weights=None, alpha=0.25, input_shape=(32, 32, 3), include_top=False)
    head = [layers.Dense(4, activation="relu"), layers.Dense(2, activation="softmax", use_bias=False)]
    inner = keras.Sequential([base, layers.GlobalAveragePooling2D()], name="sequential_1")
    model = keras.Sequential([inner, keras.Sequential(head, name="sequential_3")])
    model.build((None, 32, 32, 3))
    model.save(tmp_path / "keras_model.h5")
    rewritten_h5(tmp_path / "keras_model.h5", with_groups)
    source = load_source(tmp_path / "keras_model.h5", preprocess=lambda x: x / 127.5 - 1)
    assert source.cuts == ("sequential_1",) and len(source.class_names) == 2
    for one, other in zip(source.model.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    source.model.save(tmp_path / "new.keras")
    keras.saving.load_model(tmp_path / "new.keras")  # nothing of the course's is in it


def test_groups_that_keras_2_never_wrote_are_not_dropped(tmp_path):
    network().save(tmp_path / "mine.h5")
    rewritten_h5(tmp_path / "mine.h5", lambda config: with_groups(config).replace('"groups": 1, ', '"groups": 2, ', 1))
    with complains(DamagedFile, "cannot be read"):
        load_source(tmp_path / "mine.h5")


def by_keras_2(metadata):
    return json.dumps(json.loads(metadata) | {"keras_version": "2.15.0"})


def test_a_functional_model_of_keras_2(tmp_path):
    """Keras 2.13 to 2.15: https://github.com/keras-team/keras/issues/19089."""
    model = network()
    model.save(tmp_path / "mine.keras")
    place = '"module": "keras.src.models.functional"'
    rewritten_zip(
        tmp_path / "mine.keras",
        config=lambda config: config.replace(place, '"module": "keras.src.engine.functional"', 1),
        metadata=by_keras_2,
    )
    assert same(load_source(tmp_path / "mine.keras"), model)


def test_of_what_cannot_be_read_of_keras_2_a_way_is_told(tmp_path):
    network().save(tmp_path / "mine.keras")
    rewritten_zip(tmp_path / "mine.keras", config=with_groups, metadata=by_keras_2)
    with complains(UnsuitableModel, "Keras 2.15.0", "model.save('name.h5')"):
        load_source(tmp_path / "mine.keras")


def test_arithmetic_of_keras_2(tmp_path):
    network().save(tmp_path / "mine.h5")
    rewritten_h5(tmp_path / "mine.h5", lambda config: config.replace('"Rescaling"', '"TFOpLambda"'))
    with complains(UnsuitableModel, "TFOpLambda", "Rescaling", "preprocess="):
        load_source(tmp_path / "mine.h5")


def test_weights_alone(tmp_path):
    network().save_weights(tmp_path / "mine.weights.h5")
    with complains(UnsuitableModel, "weights without the network", "load_weights"):
        load_source(tmp_path / "mine.weights.h5")


def test_a_saved_model_cannot_be_cut(tmp_path):
    network().export(tmp_path / "saved", verbose=False)
    for settings in ({}, {"preprocess": lambda x: x}):
        with complains(UnsuitableModel, "SavedModel", "TFSMLayer", "model.save('name.keras')"):
            load_source(tmp_path / "saved", **settings)
    (tmp_path / "empty").mkdir()
    with complains(UnsuitableModel, "is a folder", ".keras"):
        load_source(tmp_path / "empty")


def test_a_folder_named_as_a_network_is_not_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "drawings").mkdir()
    assert load_source("drawings").name == "drawings"


class _Foreign(layers.Layer):
    def call(self, x):
        return x


def _own_activation(x):
    return x * keras.ops.sigmoid(x)


class _OwnInitializer(keras.initializers.Initializer):
    def __call__(self, shape, dtype=None):
        return keras.ops.ones(shape, dtype)

    def get_config(self):
        return {}


@pytest.mark.parametrize(
    "layer, words",
    [
        (lambda: layers.Lambda(lambda x: x / 255), "a Lambda layer"),
        (lambda: layers.Conv2D(2, 1, activation=lambda x: x), "a lambda function"),
        (lambda: _Foreign(), "holds _Foreign, which Keras does not know"),
        (lambda: layers.Conv2D(2, 1, activation=_own_activation), "_own_activation, which Keras does not know"),
        (
            lambda: layers.Conv2D(2, 1, kernel_initializer=_OwnInitializer()),
            "_OwnInitializer, which Keras does not know",
        ),
    ],
    ids=["lambda", "lambda in a layer", "layer", "activation", "initializer"],
)
@pytest.mark.parametrize("ending", [".h5", ".keras"])
def test_files_with_foreign_code(tmp_path, ending, layer, words):
    path = tmp_path / f"mine{ending}"
    network(layers.Rescaling(1 / 255), layer()).save(path)
    with complains(UnsuitableModel, words):
        load_source(path)


def test_damaged_h5_files(tmp_path):
    file = tmp_path / "mine.h5"
    network().save(file)
    whole = file.read_bytes()
    for content in (b"", b"no model", whole[: len(whole) // 2], whole[:200] + b"\0" * 2000 + whole[2200:]):
        file.write_bytes(content)
        with complains(DamagedFile, "mine.h5", "model.save"):
            load_source(file)
    with h5py.File(file, "w") as empty:
        empty.attrs["model_config"] = "{"
    with complains(DamagedFile, "cannot be read"):
        load_source(file)
