"""Every model of the zoo: what the table says of it, and its cut points, on untrained copies."""

import re

import keras
import numpy as np
import pytest
from helpers import long_but

from course_utils.errors import UnknownSource
from course_utils.models.cuts import named_cuts, output_of
from course_utils.models.zoo import ZOO, time_per_picture, zoo_table
from course_utils.sources import Source
from course_utils.store.weights import without_weights

# One member of each family, and the smallest picture that it takes.
FAMILIES = {
    "VGG16": 32,
    "ResNet50": 32,
    "ResNet50V2": 32,
    "InceptionV3": 75,
    "InceptionResNetV2": 75,
    "Xception": 71,
    "MobileNet": 32,
    "MobileNetV2": 32,
    "MobileNetV3Small": 32,
    "DenseNet121": 32,
    "NASNetMobile": 32,
    "EfficientNetB0": 32,
    "EfficientNetV2B0": 32,
    "ConvNeXtTiny": 32,
}


def as_keras_has_it(name):
    with without_weights():
        return getattr(keras.applications, name)(weights=None)


def structure(name, **settings):
    with without_weights():
        return ZOO[name].build(None, **settings)


def test_the_table_lists_what_keras_has():
    assert set(ZOO) == {name for name in dir(keras.applications) if name[0].isupper()}
    assert [entry.name for entry in zoo_table()] == list(ZOO)


def test_a_member_of_each_family_is_tried():
    assert {ZOO[name].family for name in FAMILIES} == {entry.family for entry in zoo_table()}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.long] * (n not in FAMILIES)) for n in ZOO])
def test_table_and_model_agree_and_cuts_are_in_order(name):
    entry, model = ZOO[name], as_keras_has_it(name)
    assert model.count_params() == entry.parameters
    assert model.input_shape[1:3] in ((entry.size, entry.size), (None, None))
    assert 0.9 < entry.megabytes / (4 * entry.parameters / 2**20) < 1.45  # as published, 4 bytes a parameter and more
    assert 60 < entry.top1 < (entry.top5 or 100) < 100.1
    assert model.name.replace("_", "").lower().startswith(entry.module.replace("_", "")[:6])
    cuts = named_cuts(model, entry.pattern, skipped_over=entry.family == "NASNet")
    places = [model.layers.index(layer) for layer in cuts.values()]
    assert len(cuts) >= 5 and places == sorted(set(places)) and tuple(cuts) == entry.cuts(model)


@pytest.mark.parametrize("name", long_but(FAMILIES, "MobileNetV2", "ResNet50V2"))
def test_every_prefix_runs(name):
    side, entry = FAMILIES[name], ZOO[name]
    keras.utils.set_random_seed(0)
    model = entry.build(None, classifier=False, input_size=(side, side))
    source = Source(name, model, entry.cuts(model), (), (side, side), "untrained, for a test")
    prefixes = [source.prefix(cut) for cut in source.cuts]
    assert all(prefix.input is model.input for prefix in prefixes)
    x = np.random.default_rng(0).uniform(0, 255, (2, side, side, 3)).astype("float32")
    outputs = keras.Model(model.input, [prefix.output for prefix in prefixes])(entry.preprocess(x), training=False)
    values = [np.asarray(value) for value in outputs]
    for cut, value in zip(source.cuts, values, strict=True):
        assert len(value) == 2 and np.isfinite(value).all() and value.std() > 0, cut
    sides = [value.shape[1] for value in values if value.ndim == 4]
    assert sides == sorted(sides, reverse=True)  # shallow to deep: a picture never grows


@pytest.mark.parametrize("name", [name for name in FAMILIES if ZOO[name].family != "NASNet"])
def test_no_connection_leads_around_a_cut(name):
    model = structure(name)
    for cut in ZOO[name].cuts(model):
        keras.Model(output_of(model, cut), model.output)  # Keras refuses where the cut is not enough to go on from


@pytest.mark.parametrize("name", ["ResNet50V2", "MobileNetV2", "Xception"])
def test_the_rest_of_the_network_takes_over_at_a_cut(name):
    side, entry = FAMILIES[name], ZOO[name]
    model = entry.build(None, classifier=False, input_size=(side, side))
    x = np.random.default_rng(0).uniform(-1, 1, (2, side, side, 3)).astype("float32")
    cuts = entry.cuts(model)
    middle = output_of(model, cuts[len(cuts) // 2])
    halves = keras.Model(middle, model.output)(keras.Model(model.input, middle)(x))
    np.testing.assert_allclose(halves, model(x), rtol=1e-4, atol=1e-5)


def test_a_skipped_layer_is_no_cut():
    model = structure("ResNet50")
    assert named_cuts(model, "conv2_block1_2_relu") == {}
    assert list(named_cuts(model, "conv2_block1_2_relu", skipped_over=True)) == ["conv2_block1_2_relu"]


def test_asking_for_cuts_renames_nothing_and_building_does():
    model = as_keras_has_it("InceptionV3")
    names = [layer.name for layer in model.layers]
    cuts = named_cuts(model, ZOO["InceptionV3"].pattern)
    assert [layer.name for layer in model.layers] == names and "stem_max_pooling2d_2" in cuts
    built = structure("InceptionV3")
    assert [built.get_layer(cut).name for cut in ZOO["InceptionV3"].cuts(built)] == list(cuts)


@pytest.mark.parametrize("classifier", [True, False])
@pytest.mark.parametrize("name", ["Xception", "InceptionV3", "MobileNetV3Small", "ConvNeXtTiny"])
def test_cuts_keep_their_names_from_load_to_load(name, classifier):
    first = ZOO[name].cuts(structure(name, classifier=classifier))
    second = ZOO[name].cuts(structure(name, classifier=classifier))
    assert first == second
    assert not [cut for cut in first if re.fullmatch(r"(add|activation|re_lu|layer_normalization)(_\d+)?", cut)]


@pytest.mark.long
def test_cuts_survive_without_the_classifier():
    for name in FAMILIES:
        entry = ZOO[name]
        model = structure(name, classifier=False)
        cuts = entry.cuts(model)
        assert len(cuts) >= 5 and entry.cuts(model) == cuts, name  # asked twice, the same
        assert model.get_layer(cuts[-1]) in model.layers[-2:], name  # NASNet ends with an activation


def test_mobilenet_has_the_cuts_of_the_course():
    wanted = "Conv1_relu block_3_project_BN block_6_project_BN block_12_add block_13_expand_relu block_16_project_BN"
    cuts = ZOO["MobileNetV2"].cuts(structure("MobileNetV2"))
    assert [cut for cut in cuts if cut in wanted.split()] == wanted.split()
    assert cuts[-1] == "out_relu"


def test_preprocessing_is_the_models_own():
    pictures = np.zeros((1, 2, 2, 3), "float32") + np.array([255, 0, 0], "float32")  # red
    before = pictures.copy()
    scaled = {name: ZOO[name].preprocess(pictures)[0, 0, 0] for name in ZOO}
    np.testing.assert_array_equal(pictures, before)  # Keras's own function scales in place
    np.testing.assert_allclose(scaled["MobileNetV2"], [1, -1, -1])
    np.testing.assert_allclose(scaled["ResNet50"], [-103.939, -116.779, 255 - 123.68], rtol=1e-6)  # BGR, centred
    np.testing.assert_allclose(scaled["DenseNet121"][0], (1 - 0.485) / 0.229, rtol=1e-6)
    for name in ("EfficientNetB0", "EfficientNetV2S", "ConvNeXtTiny", "MobileNetV3Large"):  # inside the model
        np.testing.assert_array_equal(scaled[name], [255, 0, 0])


def test_time_per_picture_measures_without_weights(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    built = []
    monkeypatch.setattr(type(ZOO["MobileNet"]), "build", lambda self, weights: built.append(weights) or _Clock(10.0))
    ticks = iter([0.0, 4.0, 10.0, 12.0, 20.0, 23.0])
    monkeypatch.setattr("course_utils.models.zoo.time.perf_counter", lambda: next(ticks))
    assert time_per_picture("MobileNet", pictures=4, repeats=3) == 0.5  # the best of 4, 2 and 3 seconds, for 4 pictures
    assert built == [None] and not list(tmp_path.iterdir())


class _Clock:
    def __init__(self, _):
        self.runs = 0

    def predict_on_batch(self, x):
        assert x.shape == (4, 224, 224, 3)


def test_time_per_picture_on_a_real_model():
    assert 0 < time_per_picture("MobileNet", pictures=1, repeats=1) < 60


def test_time_per_picture_of_an_unknown_model():
    with pytest.raises(UnknownSource, match="no model 'LeNet' in keras.applications"):
        time_per_picture("LeNet")
