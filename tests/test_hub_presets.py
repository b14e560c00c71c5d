"""Presets of KerasHub as sources: made here, so that nothing is fetched. Skipped where keras-hub is not installed."""

import os
import shutil
import sys
from importlib.util import find_spec

import keras
import numpy as np
import pytest
from helpers import complains

from course_utils.charts import dashboard
from course_utils.errors import (
    BadInputSize,
    DamagedFile,
    NoClassifier,
    SourceUnavailable,
    UnknownPreprocessing,
    UnknownSource,
    UnsuitableModel,
)
from course_utils.handover.deploy import deployable
from course_utils.models.hub import presets as hub
from course_utils.models.tokens import described
from course_utils.probing import cut_features, random_features
from course_utils.sources import load_source
from course_utils.store import downloads
from course_utils.training import gradient_norms, train_head
from course_utils.transfer import add_head, moved, parameter_table, random_prefix, snapshot, take_prefix, unfreeze

needs_hub = pytest.mark.skipif(
    not find_spec("keras_hub"), reason="there is no KerasHub here: pip install keras-hub, as the extra `hub` does"
)
X = np.random.default_rng(0).integers(0, 256, (12, 32, 32, 3)).astype("uint8")
Y = np.arange(12) % 3
CUTS = ("vit_patching_and_embedding", "transformer_block_1", "transformer_block_2", "ln")


def vit_backbone():
    from keras_hub import models

    return models.ViTBackbone((32, 32, 3), 8, num_layers=3, num_heads=2, hidden_dim=12, mlp_dim=16)


def vit():
    from keras_hub import layers, models

    converter = layers.ViTImageConverter((32, 32), scale=[1 / 127.5, 1 / 100, 1 / 80], offset=[-1.0, -0.9, -0.8])
    prepared = models.ViTImageClassifierPreprocessor(converter)
    return models.ViTImageClassifier(vit_backbone(), 3, preprocessor=prepared)


def resnet():
    from keras_hub import layers, models

    backbone = models.ResNetBackbone([64], [3], [64, 16], [1, 1], [1, 2], "basic_block")
    prepared = models.ResNetImageClassifierPreprocessor(layers.ResNetImageConverter((32, 32), scale=1 / 255))
    return models.ResNetImageClassifier(backbone, 3, preprocessor=prepared)


MODELS = {"vit": vit, "resnet": resnet}


@pytest.fixture(scope="module", params=MODELS)
def preset(request, tmp_path_factory):
    """A classifier of KerasHub's, and the folder of its preset."""
    keras.utils.set_random_seed(0)
    folder = tmp_path_factory.mktemp("presets") / request.param
    model = MODELS[request.param]()
    model.save_to_preset(str(folder))
    return model, folder


@pytest.fixture
def stored(tmp_path):
    """A folder with the preset of a ViT."""
    vit().save_to_preset(str(tmp_path / "vit"))
    return tmp_path / "vit"


@needs_hub
def test_every_helper_takes_it(preset, tmp_path, monkeypatch):
    model, folder = preset
    source = load_source(f"hub:{folder}")
    right = keras.ops.softmax(model.predict(X.astype("float32"), verbose=0))
    np.testing.assert_allclose(source.predict(X), right, atol=1e-5)
    assert source.class_names == ("class 0", "class 1", "class 2") and source.input_size == (32, 32)
    features = cut_features(source, X)
    assert all(len(x) == 12 and np.ptp(x, axis=0).max() > 0 for x in features.values())
    assert random_features(source, X, 0).keys() == features.keys() == set(source.cuts)
    deepest = source.cuts[-1]
    assert not random_prefix(source, deepest, seed=3).trainable_variables
    mine = add_head(take_prefix(source, deepest), 3)
    assert sum(row.trained + row.frozen for row in parameter_table(mine)) == mine.count_params()
    x = source.preprocess(X)
    before = snapshot(mine)
    train_head(mine, x, Y, 3, seed=0)
    assert {name for name, share in moved(mine, before).items() if share} == {"head/kernel", "head/bias"}
    changed = unfreeze(mine, source.cuts[1])
    mine.compile("sgd", "sparse_categorical_crossentropy")
    monkeypatch.setattr(dashboard, "show_widget", lambda *_: None)
    monkeypatch.setattr(dashboard, "show", lambda *_: None)
    watch = dashboard.dashboard(mine, (x[:4], Y[:4]), (x[4:], Y[4:]), {one.name: one.name for one in mine.layers}, 1)
    mine.fit(x, Y, batch_size=6, verbose=0, callbacks=[watch])
    assert changed == list(gradient_norms(mine, x, Y)) and changed[-1] == "head"
    assert any(share for name, share in moved(mine, before).items() if "head" not in name)
    deployable(source, mine).save(tmp_path / "finished.keras")
    finished = keras.saving.load_model(tmp_path / "finished.keras")
    np.testing.assert_allclose(finished.predict(X, verbose=0), mine.predict(x, verbose=0), atol=1e-5)


@needs_hub
def test_a_transformers_blocks_are_cuts_and_its_tokens_are_known(stored):
    source = load_source(f"hub:{stored}")
    assert source.cuts == CUTS
    kinds = [described(source.prefix(cut).output) for cut in CUTS]
    assert [(kind.grid, kind.place) for kind in kinds] == [((4, 4), None)] + [((4, 4), 0)] * 3
    assert cut_features(source, X, ("ln",), grid=2)["ln"].shape == (12, 48)
    unfrozen = unfreeze(add_head(take_prefix(source, "ln"), 2), "transformer_block_3")
    assert unfrozen == ["transformer_block_3", "ln", "head"]
    bare = load_source(f"hub:{stored}", classifier=False)
    assert bare.cuts == CUTS and bare.model.output.shape == (None, 17, 12)
    with complains(NoClassifier, "classifier"):
        bare.predict(X)


@needs_hub
def test_a_backbone_must_be_told_its_scaling(tmp_path):
    backbone = vit_backbone()
    backbone.save_to_preset(str(tmp_path / "bare"))
    with complains(UnknownPreprocessing, "preprocess="):
        load_source(f"hub:{tmp_path / 'bare'}")
    source = load_source(f"hub:{tmp_path / 'bare'}", preprocess=lambda x: x / 255)
    tokens = source.prefix("ln").predict_on_batch(source.preprocess(X))
    np.testing.assert_allclose(tokens, backbone.predict_on_batch(X / np.float32(255)), atol=1e-5)


@needs_hub
def test_a_transformer_trained_without_labels(tmp_path):
    from keras_hub import layers, models

    settings = {"hidden_dim": 12, "num_heads": 2, "intermediate_dim": 16, "image_shape": (32, 32, 3)}
    backbone = models.DINOV2Backbone(8, 3, **settings)
    backbone.save_to_preset(str(tmp_path / "dino"))
    layers.DINOV2ImageConverter((32, 32), scale=1 / 255).save_to_preset(str(tmp_path / "dino"))
    source = load_source(f"hub:{tmp_path / 'dino'}")
    assert source.cuts[1:3] == ("layers_0", "layers_1") and not source.class_names
    tokens = take_prefix(source, source.cuts[-1]).predict_on_batch(source.preprocess(X))
    np.testing.assert_allclose(tokens, backbone.predict_on_batch({"images": X / np.float32(255)}), atol=1e-5)


@needs_hub
def test_what_a_preset_says_of_itself_is_not_asked_for(stored):
    with complains(UnknownPreprocessing, "leave out preprocess="):
        load_source(f"hub:{stored}", preprocess=lambda x: x)
    with complains(BadInputSize, "32 x 32", "leave out input_size"):
        load_source(f"hub:{stored}", input_size=(64, 64))


@needs_hub
@pytest.mark.parametrize("name", ["model.weights.h5", "task.weights.h5", "config.json", "task.json"])
def test_a_damaged_preset_is_told(stored, name):
    os.truncate(stored / name, (stored / name).stat().st_size // 2)
    with complains(DamagedFile, str(stored), "save_to_preset"):
        load_source(f"hub:{stored}")


@needs_hub
def test_half_a_preset_is_told(stored):
    (stored / "model.weights.h5").unlink()
    with complains(DamagedFile, str(stored), "save_to_preset"):
        load_source(f"hub:{stored}")
    shutil.rmtree(stored)
    stored.mkdir()
    with complains(UnsuitableModel, "config.json", "save_to_preset"):
        load_source(f"hub:{stored}")


@needs_hub
def test_a_preset_of_text_is_told(tmp_path):
    from keras_hub import models

    models.BertBackbone(20, 1, 2, 4, 8, max_sequence_length=6).save_to_preset(str(tmp_path / "text"))
    with complains(UnsuitableModel, "token_ids", "pictures"):
        load_source(f"hub:{tmp_path / 'text'}")
    with complains(UnsuitableModel, "'bert_base_en'", "text"):
        load_source("hub:bert_base_en")


@needs_hub
@pytest.mark.parametrize(
    "name, told",
    [
        ("vit_base_patch16_224_imagnet", "did you mean 'vit_base_patch16_224_imagenet'"),
        ("qqqq", "keras.io/keras_hub/presets"),
        ("", "keras.io/keras_hub/presets"),
        ("nowhere/vit", "There is no folder nowhere/vit"),
        ("hf://somebody/vit", "is an address"),
    ],
)
def test_a_preset_that_is_not_there_is_told(name, told):
    with complains(UnknownSource, told):
        load_source(f"hub:{name}")


@needs_hub
def test_a_network_that_is_not_there_is_told(monkeypatch):
    import keras_hub

    def fails(preset):
        raise ConnectionError("Max retries exceeded.\nOf much more text.")

    monkeypatch.setattr(keras_hub.models.ImageClassifier, "from_preset", fails)
    monkeypatch.setattr(downloads, "unreachable", lambda url: "there is no connection to the hub")
    with complains(SourceUnavailable, "vit_base_patch16_224_imagenet", "no connection", "save_to_preset"):
        load_source("hub:vit_base_patch16_224_imagenet")


@needs_hub
def test_a_preset_by_name_has_the_names_of_imagenets_classes(monkeypatch):
    import keras_hub

    known = vit()
    known = keras_hub.models.ViTImageClassifier(known.backbone, 1000, preprocessor=known.preprocessor)
    monkeypatch.setattr(keras_hub.models.ImageClassifier, "from_preset", lambda preset: known)
    converter = known.preprocessor.image_converter
    monkeypatch.setattr(keras_hub.layers.ImageConverter, "from_preset", lambda preset: converter)
    source = load_source("hub:vit_base_patch16_224_imagenet")
    assert source.name == "vit_base_patch16_224_imagenet"
    assert source.class_names[0] == "tench" and len(source.top(X[:1])[0]) == 5


def test_without_the_package_one_line_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "keras_hub", None)
    with complains(SourceUnavailable, f"`{hub.INSTALL}`", "not installed"):
        load_source("hub:vit_base_patch16_224_imagenet")
