"""Models that people bring: blocks of their own, layers of Keras's that are seldom seen, and what cannot be run."""

import zipfile

import keras
import numpy as np
import pytest
from helpers import complains, long_but
from keras import layers

from course_utils.charts import dashboard
from course_utils.errors import NoClassifier, UnsuitableModel
from course_utils.handover.deploy import deployable
from course_utils.probing import cut_features, random_features
from course_utils.sources import load_source
from course_utils.training import gradient_norms, train_head
from course_utils.transfer import add_head, moved, parameter_table, snapshot, take_prefix, unfreeze

X = np.random.default_rng(0).integers(0, 256, (12, 16, 16, 3)).astype("uint8")
Y = np.arange(12) % 3


class _Block:
    """Convolution and BatchNorm in one, as tutorials write residual blocks."""

    def __init__(self, width=4, **settings):
        super().__init__(**settings)
        self.width = width
        self.conv = layers.Conv2D(width, 3, padding="same", name="conv")
        self.norm = layers.BatchNormalization(name="norm")

    def build(self, shape):
        self.conv.build(shape)
        self.norm.build((*shape[:-1], self.width))
        self.built = True

    def call(self, x, training=None):
        return keras.ops.relu(self.norm(self.conv(x), training=training))

    def get_config(self):
        return {"width": self.width, "name": self.name}


@keras.saving.register_keras_serializable(package="test_own_models")
class _LayerBlock(_Block, layers.Layer):
    pass


@keras.saving.register_keras_serializable(package="test_own_models")
class _ModelBlock(_Block, keras.Model):
    pass


@keras.saving.register_keras_serializable(package="test_own_models")
class _OneNumber(layers.Layer):
    """A layer whose only weight is one number, such as a temperature."""

    def build(self, shape):
        self.number = self.add_weight(shape=(), initializer="ones", name="number")

    def call(self, x):
        return x * self.number


def network(*steps, size=(16, 16, 3), last=None, **settings):
    keras.utils.set_random_seed(0)
    x = pictures = keras.Input(size, **settings)
    for step in steps:
        x = step(x)
    if len(x.shape) > 2:
        x = layers.GlobalAveragePooling2D(name="average")(x)
    return keras.Model(pictures, (last or layers.Dense(3, activation="softmax"))(x))


def loaded(folder, model, **settings):
    model.save(folder / "own.keras")
    return load_source(folder / "own.keras", **settings)


def convolutions(*names):
    return [layers.Conv2D(4, 3, activation="relu", name=name) for name in names]


def two_outputs_inside():
    x = pictures = keras.Input((16, 16, 3))
    x = layers.Reshape((16, 48))(layers.Rescaling(1 / 255)(x))
    x, state, _ = layers.LSTM(5, return_state=True)(layers.Dense(6)(x))
    return keras.Model(pictures, layers.Dense(3, activation="softmax")(layers.Concatenate()([x, state])))


def scaled():
    return layers.Rescaling(1 / 255)


MODELS = {
    "blocks that are layers": lambda: network(scaled(), _LayerBlock(name="b1"), _LayerBlock(6, name="b2")),
    "blocks that are models": lambda: network(scaled(), _ModelBlock(name="b1"), _ModelBlock(6, name="b2")),
    "wrapped layers": lambda: network(
        scaled(), layers.TimeDistributed(layers.BatchNormalization()), *convolutions("c1", "c2")
    ),
    "a layer with several outputs": two_outputs_inside,
    "a Normalization layer": lambda: network(layers.Normalization(), *convolutions("c1", "c2")),
    "a weight of one number": lambda: network(scaled(), *convolutions("c1", "c2"), _OneNumber()),
    "names that the course gives": lambda: network(scaled(), *convolutions("pool_0", "pool_1", "head", "head_pool")),
    "pictures as whole numbers": lambda: network(scaled(), *convolutions("c1", "c2"), dtype="uint8"),
    "one batch size": lambda: network(scaled(), *convolutions("c1", "c2"), batch_size=2),
}


@pytest.mark.parametrize(
    "kind", long_but(MODELS, "blocks that are models", "names that the course gives", "one batch size")
)
def test_every_helper_takes_it(tmp_path, monkeypatch, kind):
    model = MODELS[kind]()
    source = loaded(tmp_path, model)
    np.testing.assert_allclose(source.predict(X[:2]), model.predict_on_batch(X[:2].astype("float32")), atol=1e-5)
    assert all(len(x) == 12 for x in cut_features(source, X).values())
    assert random_features(source, X, 0).keys() == cut_features(source, X).keys()
    mine = add_head(take_prefix(source, source.cuts[-1]), 3)
    assert sum(row.trained + row.frozen for row in parameter_table(mine)) == mine.count_params()
    x = source.preprocess(X)
    before = snapshot(mine)
    train_head(mine, x, Y, 3, seed=0)
    assert {name for name, share in moved(mine, before).items() if share} == {"head/kernel", "head/bias"}
    changed = unfreeze(mine, mine.layers[1].name)
    mine.compile("sgd", "sparse_categorical_crossentropy")
    monkeypatch.setattr(dashboard, "show_widget", lambda *_: None)
    monkeypatch.setattr(dashboard, "show", lambda *_: None)
    watch = dashboard.dashboard(mine, (x[:4], Y[:4]), (x[4:], Y[4:]), {one.name: one.name for one in mine.layers}, 1)
    mine.fit(x, Y, batch_size=6, verbose=0, callbacks=[watch])
    assert changed == list(gradient_norms(mine, x, Y)) and changed[-1] == "head"
    assert watch.history["drift"]["head"][-1] > 0
    statistics = {name: share for name, share in moved(mine, before).items() if "moving" in name}
    assert not any(statistics.values()), statistics
    deployable(source, mine).save(tmp_path / "finished.keras")
    finished = keras.saving.load_model(tmp_path / "finished.keras")
    np.testing.assert_allclose(finished.predict(X, verbose=0), mine.predict(x, verbose=0), atol=1e-5)


@pytest.mark.parametrize("block", [_LayerBlock, _ModelBlock])
def test_the_batchnorm_in_a_block_keeps_its_statistics_and_the_rest_of_the_block_trains(tmp_path, block):
    source = loaded(tmp_path, network(scaled(), block(name="b1"), block(6, name="b2"), block(4, name="b3")))
    mine = add_head(take_prefix(source, "b3"), 3)
    before = snapshot(mine)
    for first in ("b3", "b2"):  # as one goes deeper, step by step
        unfreeze(mine, first)
    mine.compile("sgd", "sparse_categorical_crossentropy")
    mine.fit(source.preprocess(X), Y, verbose=0)
    kinds = {name: bool(share) for name, share in moved(mine, before).items()}
    assert {name for name, changed in kinds.items() if changed} == {
        *("b2/conv/kernel", "b2/conv/bias", "b3/conv/kernel", "b3/conv/bias", "head/kernel", "head/bias"),
    }


def test_layers_that_are_called_as_a_new_head_get_other_names_and_it_is_said(tmp_path, capsys):
    source = loaded(tmp_path, network(scaled(), *convolutions("c1", "head", "c2")))
    assert source.cuts == ("c1", "own_head", "c2")
    assert "other names here: 'head' is 'own_head'." in capsys.readouterr().out
    last = network(scaled(), *convolutions("c1", "c2"), last=layers.Dense(3, activation="softmax", name="head"))
    assert loaded(tmp_path, last).model.layers[-1].name == "head"  # no cut lies behind it


@pytest.mark.parametrize("first", ["input", "inside"])
def test_channels_first_are_refused(tmp_path, first):
    settings = {"data_format": "channels_first", "activation": "relu"}
    steps = [layers.Conv2D(4, 3, **settings), layers.Conv2D(4, 3, **settings)]
    steps = [scaled(), *([layers.Permute((3, 1, 2))] if first == "inside" else []), *steps]
    model = network(*steps, size=(16, 16, 3) if first == "inside" else (3, 16, 16))
    with complains(UnsuitableModel, "channels first", "data_format='channels_last'", "set_weights"):
        loaded(tmp_path, model)


@keras.saving.register_keras_serializable(package="test_own_models")
class _Elsewhere(layers.Layer):
    """A layer that this machine cannot run, as it turns out only when it should."""

    def compute_output_shape(self, shape):
        return shape

    def call(self, x):
        raise NotImplementedError("It needs a device that is not here. Buy one.")


def test_a_model_that_cannot_be_run_is_refused_for_its_reason(tmp_path):
    for behind in ([], [layers.BatchNormalization()]):
        model = network(scaled(), *convolutions("c1", "c2"), _Elsewhere(), *behind)
        with complains(UnsuitableModel, "not be run here: It needs a device that is not here; build the model"):
            loaded(tmp_path, model)


def test_names_that_tensorflow_does_not_run_are_changed_and_it_is_said(tmp_path, capsys):
    source = loaded(tmp_path, network(scaled(), *convolutions("first layer", "c:2", "c_2", "größe")))
    assert source.cuts == ("first_layer", "c_2_again", "c_2", "gr__e") and source.predict(X).shape == (12, 3)
    assert "'first layer' is 'first_layer', 'c:2' is 'c_2_again', 'größe' is 'gr__e'." in capsys.readouterr().out


def test_the_drawings_load_after_a_call_that_left_keras_in_disorder():
    with pytest.raises(ValueError, match="scope"):  # Keras forgets to leave the model's scope
        network(scaled(), *convolutions("c1", "a layer")).predict_on_batch(X)
    try:
        assert load_source("drawings").predict(X).shape == (12, 48)
    finally:
        keras.src.backend.common.global_state.get_global_attribute("name_scope_stack").clear()


def test_a_model_that_is_random_outside_of_training_is_told(tmp_path, capsys):
    class Always(layers.Dropout):
        def call(self, x, training=None):
            return super().call(x, training=True)

    with keras.saving.custom_object_scope({"Always": Always}):
        loaded(tmp_path, network(scaled(), *convolutions("c1", "c2"), Always(0.5)))
        assert "differently each time" in capsys.readouterr().out
        loaded(tmp_path, network(scaled(), *convolutions("c1", "c2"), layers.Dropout(0.5)))
        assert "differently each time" not in capsys.readouterr().out


def test_a_softmax_of_one_number_tells_nothing_apart(tmp_path, capsys):
    source = loaded(tmp_path, network(scaled(), *convolutions("c1", "c2"), last=layers.Dense(1, activation="softmax")))
    assert "no classifier, as it ends in a softmax of one number." in capsys.readouterr().out
    with complains(NoClassifier, "always 1", "one output for each class"):
        source.predict(X)


def test_a_model_that_answers_with_words(tmp_path, capsys):
    x = pictures = keras.Input((16, 16, 3))
    for step in (scaled(), *convolutions("c1", "c2"), layers.GlobalAveragePooling2D(), layers.Dense(3, name="logits")):
        x = step(x)
    words = layers.StringLookup(vocabulary=["a", "b", "c"], num_oov_indices=0, invert=True)
    source = loaded(tmp_path, keras.Model(pictures, words(keras.ops.argmax(x, -1))))
    assert "no classifier, as it ends in a single value without a softmax." in capsys.readouterr().out
    assert source.cuts == ("c1", "c2", "logits") and len(cut_features(source, X)) == 3


def test_a_keras_file_that_a_website_unpacked_is_read(tmp_path):
    model = network(scaled(), *convolutions("c1", "c2"))
    model.save(tmp_path / "packed.keras")
    for name in ("own.keras", "own"):
        with zipfile.ZipFile(tmp_path / "packed.keras") as file:
            file.extractall(tmp_path / name)
        source = load_source(tmp_path / name)
        np.testing.assert_allclose(source.predict(X), model.predict_on_batch(X.astype("float32")), atol=1e-5)


def test_a_model_for_any_size_is_finished_for_the_size_that_was_chosen(tmp_path):
    source = loaded(tmp_path, network(scaled(), *convolutions("c1", "c2"), size=(None, None, 3)), input_size=(16, 16))
    mine = add_head(take_prefix(source, "c2"), 3)
    np.testing.assert_allclose(
        deployable(source, mine).predict(X, verbose=0), mine.predict(source.preprocess(X), verbose=0), atol=1e-5
    )
