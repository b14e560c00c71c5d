"""Source models with real ImageNet weights and photographs."""

import numpy as np
import pytest
import skimage.data

from course_utils.sources import load_source

pytestmark = pytest.mark.real

# Classes of ImageNet: domestic and wild cats.
CATS = {"tabby", "tiger_cat", "Persian_cat", "Siamese_cat", "Egyptian_cat", "lynx", "cougar", "leopard"}


@pytest.fixture(autouse=True)
def keras_home(data, monkeypatch):
    if not (data / "keras" / "models").is_dir():
        pytest.skip(f"there is no Keras cache in {data}")
    monkeypatch.setenv("KERAS_HOME", str(data / "keras"))
    for name in ("http_proxy", "https_proxy", "HTTPS_PROXY"):  # what is not there must not be fetched
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setattr("keras.src.applications.imagenet_utils.CLASS_INDEX", None)


def test_mobilenet_names_what_photographs_show():
    source = load_source("MobileNetV2")
    cat, coffee = (source.top(picture[None])[0] for picture in (skimage.data.chelsea(), skimage.data.coffee()))
    assert len(CATS & {name for name, _ in cat}) >= 3 and cat[0][0] in CATS
    assert "espresso" in [name for name, _ in coffee][:2]
    assert all(row[0][1] > 0.3 and sum(share for _, share in row) <= 1 for row in (cat, coffee))


def test_wrong_scaling_does_much_worse():
    source = load_source("MobileNetV2")
    cat = skimage.data.chelsea()[None]
    raw = source.model.predict_on_batch(source.preprocess(cat) * 127.5 + 127.5)[0]  # 0 … 255, as if not preprocessed
    right = source.predict(cat)[0]
    cats = [source.class_names.index(name) for name in CATS]
    assert right[cats].sum() > 0.8 > 0.2 > raw[cats].sum()


def test_without_classifier_at_another_size():
    source = load_source("MobileNetV2", classifier=False, input_size=(160, 160))
    full = load_source("MobileNetV2")
    assert source.class_names == () and source.model.output.shape[1:] == (5, 5, 1280)
    assert source.cuts == full.cuts
    cat = skimage.data.chelsea()[None]
    same = load_source("MobileNetV2", classifier=False)
    features = same.model.predict_on_batch(same.preprocess(cat))
    expected = full.prefix("out_relu").predict_on_batch(full.preprocess(cat))
    np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-3)  # the smaller file holds the same network
    assert np.isfinite(source.model.predict_on_batch(source.preprocess(cat))).all()


def test_its_classifier_names_a_cat_at_another_size():
    source = load_source("MobileNetV2", input_size=(128, 160))
    assert source.top(skimage.data.chelsea()[None])[0][0][0] in CATS
