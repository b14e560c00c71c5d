"""Whether a model of the user's own scales its pictures itself, and whether a scaling that is given fits it."""

import keras
import numpy as np
import pytest
from helpers import complains
from keras import layers

from course_utils.errors import UnknownPreprocessing
from course_utils.models import scaling
from course_utils.models.efficientnet_lite import scale
from course_utils.sources import load_source
from course_utils.world import embedded, shapes

SIDE = 32
PICTURES = np.random.default_rng(0).integers(0, 256, (3, SIDE, SIDE, 3)).astype("uint8")


def augmentation():
    flips = [layers.RandomFlip(), layers.RandomRotation(0.1)]
    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), *flips], name="augmentation")


def in_a_model(*steps):
    x = pictures = keras.Input((SIDE, SIDE, 3))
    for step in steps:
        x = step(x)
    return keras.Model(pictures, x)


def of_keras(module):
    return getattr(keras.applications, module).preprocess_input


WAYS = {
    "Rescaling": [layers.Rescaling(1 / 255)],
    "Normalization": [layers.Normalization(mean=[120.0, 115, 105], variance=[4000.0] * 3)],
    "division": [lambda x: x / 255],
    "division and subtraction": [lambda x: x / 127.5 - 1],
    "multiplication": [lambda x: x * (1 / 255)],
    "subtraction alone": [lambda x: x - 127.5],
    "preprocess_input of MobileNetV2": [of_keras("mobilenet_v2")],
    "preprocess_input of DenseNet": [of_keras("densenet")],
    "preprocess_input of ResNet": [of_keras("resnet")],
    "in a model within the model": [lambda x: in_a_model(layers.Rescaling(1 / 255))(x)],
    "by arithmetic in a model within the model": [lambda x: in_a_model(lambda x: x / 255)(x)],
    "behind augmentation": [lambda x: augmentation()(x), layers.Rescaling(1 / 255)],
    "by arithmetic behind augmentation": [lambda x: augmentation()(x), lambda x: x / 127.5 - 1],
    "all in one nested block": [lambda x: in_a_model(layers.RandomFlip(), lambda x: x / 127.5 - 1)(x)],
}


def base(kernel=3):
    """A pretrained network, as the tutorials put one into theirs."""
    convolutions = [layers.Conv2D(4, kernel, name="conv1"), layers.ReLU(), layers.Conv2D(5, 3, name="conv2")]
    return keras.Sequential([keras.Input((SIDE, SIDE, 3)), *convolutions], name="base")


def classifier(*first, head=("softmax", 3), inner=base):
    """`first`, a base within the model, pooling and a dense layer: https://keras.io/guides/transfer_learning."""
    keras.utils.set_random_seed(0)
    x = pictures = keras.Input((SIDE, SIDE, 3))
    for step in first:
        x = step(x)
    x = layers.GlobalAveragePooling2D()(inner()(x, training=False))
    return keras.Model(pictures, layers.Dense(head[1], activation=head[0])(layers.Dropout(0.2)(x)))


def loaded(tmp_path, model, **settings):
    model.save(tmp_path / "mine.keras")
    return load_source(tmp_path / "mine.keras", **settings)


@pytest.mark.parametrize("way", WAYS)
def test_a_model_that_scales_its_pictures_is_used_as_it_is(tmp_path, way):
    model = classifier(*WAYS[way])
    source = loaded(tmp_path, model)
    np.testing.assert_array_equal(source.preprocess(PICTURES), PICTURES)
    expected = model.predict_on_batch(PICTURES.astype("float32"))
    np.testing.assert_allclose(source.predict(PICTURES), expected, rtol=1e-4, atol=1e-6)
    assert source.provenance.endswith("(the file does not name them).")


def test_the_two_official_tutorials(tmp_path):
    """Keras's guide "Transfer learning" ends in one logit, TensorFlow's "transfer_learning" in one sigmoid."""
    guide = classifier(augmentation(), layers.Rescaling(1 / 127.5, offset=-1), head=(None, 1))
    tutorial = classifier(augmentation(), of_keras("mobilenet_v2"), head=("sigmoid", 1))
    for model in (guide, tutorial):
        source = loaded(tmp_path, model)
        assert source.cuts == ("base",) and source.scaling is None
        assert source.prefix("base").predict_on_batch(source.preprocess(PICTURES)).shape == (3, 28, 28, 5)


@pytest.mark.parametrize(
    "first",
    [[], [lambda x: augmentation()(x)], [layers.Conv2D(3, 1), layers.Rescaling(1 / 255)]],
    ids=["nothing", "augmentation alone", "scaling behind a kernel"],
)
def test_a_model_that_does_not_scale_must_be_told_how(tmp_path, first):
    with complains(UnknownPreprocessing, "preprocess="):
        loaded(tmp_path, classifier(*first))


# Does the scaling fit?


@pytest.fixture(scope="module")
def lite(tmp_path_factory):
    """EfficientNetLite0 in a file, as it is."""
    file = tmp_path_factory.mktemp("lite") / "lite.keras"
    load_source("EfficientNetLite0", input_size=(96, 96)).model.save(file)
    return file


@pytest.fixture(scope="module")
def scaling_lite(lite):
    """The same that scales its pictures by itself."""
    pictures = keras.Input((96, 96, 3))
    file = lite.with_name("scaling_lite.keras")
    keras.Model(pictures, keras.saving.load_model(lite).call(scale(pictures))).save(file)
    return file


@pytest.mark.long
def test_pictures_scaled_twice_are_noticed(scaling_lite, capsys):
    source = load_source(scaling_lite, preprocess=scale)
    told = capsys.readouterr().out
    assert "scaled twice" in told and "'stem_bn'" in told and "leave out preprocess=." in told
    assert told == source.provenance + "\n" and told.count(". ") == 1  # one sentence more
    load_source(scaling_lite)
    assert "scaled" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "wrong, words",
    [
        (lambda x: x, "times more"),
        (lambda x: x[..., ::-1] - [103.9, 116.8, 123.7], "times more"),
        (lambda x: scale(scale(x)), "times less"),
        (lambda x: x / 255 / 255, "times less"),
    ],
    ids=["not at all", "as ResNet", "twice", "0 … 1 twice"],
)
def test_a_scaling_that_is_not_that_of_the_training_is_noticed(lite, wrong, words):
    told = load_source(lite, preprocess=wrong).provenance
    assert "preprocess= does not seem to be that of its training" in told and words in told and "'stem_bn'" in told


def test_the_right_scaling_is_not_doubted(lite, source, tmp_path):
    assert load_source(lite, preprocess=scale).provenance.endswith("not name them).")
    drawings = loaded(tmp_path, source.model, preprocess=embedded.preprocess)
    assert drawings.provenance.endswith("not name them).")
    for name in ("EfficientNetLite1", "EfficientNetLite2"):
        network = load_source(name, input_size=(96, 96))
        assert scaling.doubt(network.model, network.scaling, (96, 96)) == ""
        assert "times more" in scaling.doubt(network.model, lambda x: x, (96, 96))


@pytest.mark.parametrize("given", [lambda x: x, lambda x: x / 255, lambda x: x / 127.5 - 1])
def test_an_untrained_network_cannot_tell(given):
    model = keras.applications.MobileNetV2(weights=None, input_shape=(96, 96, 3), classes=3)
    assert scaling.doubt(model, given, (96, 96)) == ""


def trained(pictures, steps, *first):
    """A network with BatchNorm, its statistics taken in so many steps on pictures (n, 32, 32, 3)."""
    keras.utils.set_random_seed(0)
    normalised = [layers.Conv2D(6, 3), layers.BatchNormalization(momentum=0.9), layers.ReLU()]
    last = [layers.GlobalAveragePooling2D(), layers.Dense(2, activation="softmax")]
    model = keras.Sequential([keras.Input((SIDE, SIDE, 3)), *first, *normalised, *last])
    model.compile("sgd", "sparse_categorical_crossentropy")
    for _ in range(steps):
        model.train_on_batch(pictures, np.arange(len(pictures)) % 2)
    return keras.Model(model.inputs[0], model.outputs[0])


DRAWINGS = shapes.render_source(32, seed=3)[0][:, ::2, ::2].astype("float32")


@pytest.mark.parametrize(
    "other", [DRAWINGS, DRAWINGS / 4, 255 - DRAWINGS / 3], ids=["drawings", "dark ones", "pale ones"]
)
def test_a_model_trained_on_other_pictures_is_not_doubted(other):
    model = trained(other, 40, layers.Rescaling(1 / 255))
    assert scaling.doubt(model, None, (SIDE, SIDE)) == ""
    assert "scaled twice" in scaling.doubt(model, lambda x: x / 255, (SIDE, SIDE))


@pytest.mark.parametrize("first", [[layers.Rescaling(1 / 255)], [layers.Rescaling(1 / 127.5, -1)]])
def test_a_few_steps_of_training_are_no_evidence(first):
    for steps in (1, 3):
        assert scaling.doubt(trained(DRAWINGS / 4, steps, *first), None, (SIDE, SIDE)) == ""


def test_a_model_that_scales_less_than_it_was_trained_to_is_told_too():
    model = trained(DRAWINGS / 255, 40, layers.Rescaling(2.0, -1))  # 0 … 1 to -1 … 1
    told = scaling.doubt(model, None, (SIDE, SIDE))
    assert told.startswith("It seems to want its pictures scaled otherwise") and "say how with preprocess=" in told
    assert scaling.doubt(model, lambda x: x / 255, (SIDE, SIDE)) == ""


def test_without_batchnorm_pictures_that_are_all_but_one_colour_give_it_away(tmp_path):
    model = classifier(layers.Rescaling(1 / 127.5, -1))
    told = loaded(tmp_path, model, preprocess=lambda x: x / 127.5 - 1).provenance
    assert "scaled twice" in told and "all but of one colour" in told
    assert "scaled" not in loaded(tmp_path, model, preprocess=lambda x: x[..., ::-1]).provenance
    for given in (lambda x: x, lambda x: x / 255):  # it may have been trained on either
        assert scaling.doubt(classifier(), given, (SIDE, SIDE)) == ""


def test_an_adapted_normalization_layer_tells_as_batchnorm_does():
    adapted = layers.Normalization(mean=[0.45] * 3, variance=[0.06] * 3)  # of pictures 0 … 1
    model = classifier(adapted)
    assert "say how with preprocess=" in scaling.doubt(model, None, (SIDE, SIDE))
    assert scaling.doubt(model, lambda x: x / 255, (SIDE, SIDE)) == ""


@pytest.mark.parametrize(
    "wrong, words",
    [
        ("0..1", "TypeError"),
        (lambda x: x / 0 * 0, "NaN"),
        (lambda x: x.no_such_method(), "no_such_method"),
        (lambda x: x.mean(-1), "of shape (7, 32, 32)"),
        (lambda x: None, "preprocess="),
    ],
    ids=["no function", "NaN", "fails", "grey", "nothing"],
)
def test_what_is_no_preprocessing_is_refused(tmp_path, wrong, words):
    with np.errstate(all="ignore"), complains(UnknownPreprocessing, words, "float32 pictures"):
        loaded(tmp_path, classifier(), preprocess=wrong)
