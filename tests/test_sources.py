"""Loading sources: what they give, and one clear sentence for everything that can go wrong. No network is used."""

import gc
import json
import shutil
import socket
import threading
import weakref
import zipfile

import h5py
import keras
import numpy as np
import pytest
from helpers import served
from keras import layers

from course_utils.errors import (
    BadInputSize,
    BadPictures,
    CourseError,
    DamagedFile,
    NoClassifier,
    SourceUnavailable,
    UnknownCut,
    UnknownPreprocessing,
    UnknownSource,
    UnsuitableModel,
)
from course_utils.models.cuts import found_cuts, passages
from course_utils.models.zoo import ZOO
from course_utils.sources import load_source
from course_utils.store import downloads, weights
from course_utils.world import embedded, shapes

FULL = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5"
NO_TOP = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"


@pytest.fixture(autouse=True)
def keras_home(tmp_path, monkeypatch):
    """An empty cache, no network (a proxy where nobody listens), nothing remembered from other tests."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("keras.src.applications.imagenet_utils.CLASS_INDEX", None)
    downloads.silent_hosts.clear()
    (tmp_path / "keras" / "models").mkdir(parents=True)
    return tmp_path / "keras" / "models"


@pytest.fixture(scope="module")
def weight_files(tmp_path_factory):
    """Files of the form that Keras publishes: of MobileNetV2, with and without its classifier, untrained."""
    folder = tmp_path_factory.mktemp("weights")
    keras.utils.set_random_seed(0)
    for name, classifier in ((FULL, True), (NO_TOP, False)):
        model = keras.applications.MobileNetV2(weights=None, include_top=classifier, input_shape=(224, 224, 3))
        model.save(folder / "model.h5")
        (folder / "model.h5").rename(folder / name)
    return folder


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server on this machine in place of Keras's own; it gives what lies in the folder that the fixture returns."""
    folder = tmp_path / "server"
    folder.mkdir()

    with served(folder) as address:
        monkeypatch.setattr("keras.src.applications.mobilenet_v2.BASE_WEIGHT_PATH", address)
        yield folder


def sentence(error: type[CourseError], act) -> str:
    """What the user reads when `act` fails: one sentence of our own, with nothing of Keras's trace before it."""
    with pytest.raises(error) as caught:
        act()
    assert type(caught.value) is error
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    text = str(caught.value)
    assert text.endswith((".", "?")) and "\n" not in text and "Traceback" not in text
    return text


def pictures(n=3, side=64, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 3)).astype("uint8")


# The embedded source


def test_embedded_source(source, capsys):
    assert load_source("drawings").provenance in capsys.readouterr().out
    assert source.cuts == embedded.CUTS and source.class_names == shapes.class_names()
    assert source.input_size == (64, 64)
    x, labels = shapes.render_source(200, seed=5)
    probabilities = source.predict(x)
    assert probabilities.shape == (200, 48) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities.sum(1), 1, rtol=1e-5)
    assert (probabilities.argmax(1) == labels).mean() > 0.9
    best = source.top(x[:2], k=3)
    assert [len(row) for row in best] == [3, 3]
    assert best[0][0][0] == shapes.class_names()[labels[0]] and best[0][0][1] > best[0][1][1] > best[0][2][1]


def test_every_prefix_of_the_embedded_source_runs_and_shares_its_layers(source):
    x = source.preprocess(pictures())
    for cut in source.cuts:
        prefix = source.prefix(cut)
        assert np.isfinite(prefix.predict_on_batch(x)).all()
        assert prefix.get_layer(cut) is source.model.get_layer(cut)
    assert x.dtype == np.float32 and -1 <= x.min() < -0.9 and 0.9 < x.max() <= 1


def test_embedded_source_without_its_classifier():
    source = load_source("drawings", classifier=False)
    assert source.cuts == embedded.CUTS[:-1] and source.class_names == ()
    assert source.model.output.shape[1:] == (4, 4, 128)
    assert "as it is loaded ends in maps" in sentence(NoClassifier, lambda: source.predict(pictures()))


def test_embedded_source_takes_one_size():
    assert "64 x 64 pixels" in sentence(BadInputSize, lambda: load_source("drawings", input_size=(96, 96)))


def test_altered_embedded_weights(tmp_path, monkeypatch):
    for name in (embedded.WEIGHTS, embedded.CARD):
        shutil.copy(embedded.DATA / name, tmp_path)
    monkeypatch.setattr(embedded, "DATA", tmp_path)
    load_source("drawings")
    whole = (tmp_path / embedded.WEIGHTS).read_bytes()
    (tmp_path / embedded.WEIGHTS).write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert "altered" in sentence(DamagedFile, lambda: load_source("drawings"))
    (tmp_path / embedded.WEIGHTS).unlink()
    assert "missing" in sentence(DamagedFile, lambda: load_source("drawings"))


def test_a_large_set_is_predicted_in_parts_alike(source):
    x = pictures(150)
    together = source.predict(x)
    np.testing.assert_allclose(together[140:], source.predict(x[140:]), rtol=1e-4, atol=1e-6)
    dark = x.astype("float32")
    dark[:100] = 1  # a part that is nearly black does not look like 0 … 1 as long as the set does not
    assert len(source.predict(dark)) == 150


# Cuts


def test_unknown_cut(source):
    text = sentence(UnknownCut, lambda: source.prefix("logit"))
    assert "did you mean 'logits'?" in text and "stem, b1, b2" in text
    assert "choose one of these: stem" in sentence(UnknownCut, lambda: source.prefix("conv5"))


def block_net(*first, size=(32, 32, 3), activation="softmax", middle=()):
    """A network with a plain block, then a residual one whose last layer is called "end"."""
    x = inputs = keras.Input(size)
    for layer in first:
        x = layer(x)
    x = layers.Conv2D(4, 3, activation="relu", name="plain")(x)
    x = layers.MaxPooling2D(name="pool")(x)
    branch = layers.Conv2D(4, 3, padding="same", name="branch1")(x)
    branch = layers.Conv2D(4, 3, padding="same", name="branch2")(layers.ReLU(name="inside")(branch))
    x = layers.ReLU(name="end")(layers.Add(name="sum")([x, branch]))
    for layer in middle:
        x = layer(x)
    x = layers.Dropout(0.1)(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, layers.Dense(3, activation=activation)(x))


def test_cuts_are_found_by_the_rule():
    assert found_cuts(block_net(layers.Rescaling(1 / 255))) == ("pool", "end")
    free = [layer.name for layer in passages(block_net())]
    assert {"plain", "pool", "sum", "end"} <= set(free) and not {"branch1", "inside", "branch2"} & set(free)


def test_a_layer_used_twice_is_no_cut():
    twice = layers.Conv2D(3, 3, padding="same", name="twice")
    x = inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(3, 3, padding="same", name="second")(twice(x))
    model = keras.Model(inputs, layers.Dense(2)(layers.Flatten()(twice(x))))
    assert found_cuts(model) == ("second",)


# Files of the user's own


def saved(tmp_path, model, name="mine"):
    path = tmp_path / f"{name}.keras"
    model.save(path)
    return path


def test_file_with_its_own_scaling(tmp_path, capsys):
    model = block_net(layers.Rescaling(1 / 255))
    path = saved(tmp_path, model)
    source = load_source(path)
    assert source.provenance in capsys.readouterr().out and str(path) in source.provenance
    assert source.name == "mine" and source.cuts == ("pool", "end") and source.input_size == (32, 32)
    assert source.class_names == ("class 0", "class 1", "class 2")
    x = pictures(side=32)
    np.testing.assert_array_equal(source.preprocess(x), x)
    np.testing.assert_allclose(source.predict(x), model.predict_on_batch(x.astype("float32")), rtol=1e-5)
    assert source.prefix("pool").output.shape == (None, 15, 15, 4)


def test_file_whose_scaling_is_said(tmp_path):
    path = saved(tmp_path, block_net())
    assert "preprocess=" in sentence(UnknownPreprocessing, lambda: load_source(path))
    source = load_source(path, preprocess=lambda x: x / 255.0)
    assert source.preprocess(pictures()).max() <= 1
    assert "leave out preprocess=" in sentence(
        UnknownPreprocessing, lambda: load_source("drawings", preprocess=lambda x: x)
    )


def test_scaling_after_the_first_kernel_is_no_preprocessing(tmp_path):
    path = saved(tmp_path, block_net(middle=[layers.Rescaling(0.5)]))
    sentence(UnknownPreprocessing, lambda: load_source(path))


def test_file_without_classifier(tmp_path):
    path = saved(tmp_path, block_net(layers.Rescaling(1 / 255)))
    source = load_source(path, classifier=False)
    assert source.class_names == () and source.model.output.shape[1:] == (15, 15, 4)


def test_sequential_and_nested_files(tmp_path):
    plain = [layers.Rescaling(1 / 255), layers.Conv2D(4, 3, name="one"), layers.ReLU(name="two"), layers.Flatten()]
    model = keras.Sequential([keras.Input((32, 32, 3)), *plain, layers.Dense(5, name="three"), layers.Softmax()])
    source = load_source(saved(tmp_path, model))
    assert source.cuts == ("two", "three") and source.predict(pictures()).shape == (3, 5)
    inner = block_net()
    inputs = keras.Input((32, 32, 3))
    outputs = layers.Dense(2, activation="softmax")(inner(layers.Rescaling(1 / 255)(inputs)))
    nested = load_source(saved(tmp_path, keras.Model(inputs, outputs), "nested"))
    assert nested.cuts == (inner.name,)
    assert nested.prefix(inner.name).predict_on_batch(pictures(side=32).astype("float32")).shape == (3, 3)


def test_file_for_any_size(tmp_path):
    path = saved(tmp_path, block_net(layers.Rescaling(1 / 255), size=(None, None, 3)))
    assert "say which with input_size" in sentence(BadInputSize, lambda: load_source(path))
    source = load_source(path, input_size=(40, 48))
    assert source.preprocess(pictures()).shape == (3, 40, 48, 3) and source.predict(pictures()).shape == (3, 3)
    fixed = saved(tmp_path, block_net(layers.Rescaling(1 / 255)), "fixed")
    assert "takes 32 x 32 pixels" in sentence(BadInputSize, lambda: load_source(fixed, input_size=(40, 48)))


@keras.saving.register_keras_serializable(package="test_sources")
class _Subclassed(keras.Model):
    def __init__(self, **settings):
        super().__init__(**settings)
        self.dense = layers.Dense(3)

    def call(self, x):
        return self.dense(x)


class _Foreign(layers.Layer):
    def call(self, x):
        return x


def _two_inputs():
    one, two = keras.Input((8, 8, 3)), keras.Input((8, 8, 3))
    return keras.Model([one, two], layers.Conv2D(2, 3)(layers.Add()([one, two])))


def _diverged():
    model = block_net(layers.Rescaling(1 / 255))
    model.layers[-1].bias.assign([0, np.nan, 0])
    return model


def _subclassed():
    model = _Subclassed()
    model(np.zeros((1, 8, 8, 3), "float32"))
    return model


@pytest.mark.parametrize(
    "build, words",
    [
        (
            lambda: block_net(layers.Lambda(lambda x: x / 255)),
            "a lambda function, which can run any code",
        ),
        (lambda: block_net(_Foreign()), "_Foreign, which Keras does not know"),
        (lambda: block_net(layers.Rescaling(1 / 255), size=(32, 32, 1)), "one RGB picture to one output"),
        (lambda: keras.Sequential([keras.Input((5,)), layers.Dense(3)]), "one RGB picture to one output"),
        (_diverged, "NaN or infinite"),
        (_two_inputs, "one RGB picture to one output"),
        (_subclassed, "one RGB picture to one output"),
        (lambda: keras.Sequential([keras.Input((8, 8, 3)), layers.Rescaling(1.0), layers.Dense(3)]), "no layer to cut"),
        (lambda: keras.Sequential([keras.Input((32, 32, 3)), layers.Rescaling(1 / 255), block_net()]), "save that one"),
    ],
    ids=["lambda", "foreign", "grey", "table", "diverged", "two inputs", "subclassed", "one layer", "all nested"],
)
def test_files_that_cannot_be_a_source(tmp_path, build, words):
    path = saved(tmp_path, build())
    assert words in sentence(UnsuitableModel, lambda: load_source(path))


def test_damaged_files(tmp_path):
    whole = saved(tmp_path, block_net(layers.Rescaling(1 / 255))).read_bytes()
    damaged = tmp_path / "damaged.keras"
    for content in (b"", b"no model", whole[: len(whole) // 2], whole[:100] + b"\0" * 200 + whole[300:]):
        damaged.write_bytes(content)
        assert "damaged.keras" in sentence(DamagedFile, lambda: load_source(damaged))
    with zipfile.ZipFile(damaged, "w") as file:
        file.writestr("something.txt", "else")
    assert "damaged" in sentence(DamagedFile, lambda: load_source(damaged))


# Names


@pytest.mark.parametrize(
    "name, words",
    [
        ("MobilNetV2", "did you mean 'MobileNetV2'"),
        ("resnet50", "did you mean 'ResNet50'"),
        ("drawing", "did you mean 'drawings'"),
        ("something else", "a .keras file, 'hub:' and the name of a preset of KerasHub, or one of EfficientNetLite0"),
        ("model.tflite", "model.save('name.keras')"),
        ("not there.keras", "no file not there.keras"),
        ("not there.h5", "no file not there.h5"),
        ("~/not there.keras", "no file /"),
        ("https://example.org/model.keras", "fetch the file"),
        ("", "There is no source ''"),
    ],
)
def test_unknown_names(name, words):
    assert words in sentence(UnknownSource, lambda: load_source(name))


def test_a_model_in_the_place_of_its_name_is_told(source):
    assert "model.save('name.keras')" in sentence(UnknownSource, lambda: load_source(source.model))


# Keras's models


def test_no_network(keras_home, capfd):
    for name, classifier in (("MobileNetV2", True), ("DenseNet121", False)):
        text = sentence(SourceUnavailable, lambda name=name, top=classifier: load_source(name, classifier=top))
        assert name in text and str(keras_home) in text and "no connection to storage.googleapis.com" in text
    assert capfd.readouterr() == ("", "")  # nothing of Keras's own talk of a download
    assert not list(keras_home.iterdir())


@pytest.mark.long
def test_every_family_says_which_file_it_wants():
    one_of_each = {entry.family: entry for entry in reversed(ZOO.values())}.values()
    wanted = {entry.name: weights.wanted(lambda e=entry: e.build("imagenet", False)) for entry in one_of_each}
    assert len({file.name for file in wanted.values()}) == len(one_of_each)
    assert all(file.url.startswith("https://") and file.name.endswith(".h5") for file in wanted.values())
    assert {name for name, file in wanted.items() if not file.hash} == {"MobileNet", "MobileNetV2"}


def test_a_look_at_a_models_structure_leaves_nothing_behind():
    with weights.without_weights():
        variable = weakref.ref(keras.applications.MobileNet(weights=None).layers[1].kernel)
    gc.collect()
    assert variable() is None


def test_mobilenet_from_the_cache(keras_home, weight_files, capsys):
    shutil.copy(weight_files / FULL, keras_home)
    source = load_source("MobileNetV2")
    printed = capsys.readouterr().out
    assert printed == source.provenance + "\n" and FULL in printed and f"from the cache {keras_home}" in printed
    assert source.input_size == (224, 224) and source.cuts[-1] == "out_relu"
    # Its list of class names is not in the cache: numbers stand in, and that is said.
    assert source.class_names[281] == "class 281" and "numbers for names" in printed
    x = pictures()
    keras.utils.set_random_seed(0)
    same = keras.applications.MobileNetV2(weights=None)  # the seed of the file
    expected = same.predict_on_batch(source.preprocess(x))
    np.testing.assert_allclose(source.predict(x), expected, rtol=1e-4)


def test_class_names_come_from_kerass_list(keras_home, weight_files, monkeypatch):
    shutil.copy(weight_files / FULL, keras_home)
    index = {str(i): [f"n{i:08}", f"thing_{i}"] for i in range(1000)}
    (keras_home / "imagenet_class_index.json").write_text(json.dumps(index))
    assert "altered" in load_source("MobileNetV2").provenance  # its hash is not that of Keras's list
    monkeypatch.setattr(weights, "intact", lambda path, expected: True)
    source = load_source("MobileNetV2")
    assert source.class_names == tuple(f"thing_{i}" for i in range(1000))
    best = np.argsort(-source.predict(pictures(1))[0], kind="stable")[:5]
    assert [name for name, _ in source.top(pictures(1))[0]] == [f"thing_{i}" for i in best]


def test_one_file_serves_every_input_size(keras_home, weight_files):
    shutil.copy(weight_files / NO_TOP, keras_home)
    full = load_source("MobileNetV2", classifier=False)
    assert full.model.output.shape[1:] == (7, 7, 1280) and full.class_names == ()
    source = load_source("MobileNetV2", classifier=False, input_size=(96, 96))
    assert source.model.output.shape[1:] == (3, 3, 1280)
    assert "96 x 96 pixels (trained at 224 x 224)" in source.provenance
    for one, other in zip(full.model.get_weights(), source.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert source.preprocess(pictures()).shape == (3, 96, 96, 3)


def test_a_classifier_that_averages_over_the_picture_serves_every_input_size(keras_home, weight_files):
    shutil.copy(weight_files / FULL, keras_home)
    full, source = load_source("MobileNetV2"), load_source("MobileNetV2", input_size=(96, 128))
    assert "96 x 128 pixels (trained at 224 x 224), 1,000 classes" in source.provenance
    for one, other in zip(full.model.get_weights(), source.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    assert source.cuts == full.cuts and source.predict(pictures()).shape == (3, 1000)


def test_a_network_that_keras_builds_otherwise_without_its_weights_is_refused_at_another_size(tmp_path, monkeypatch):
    """EfficientNet has a layer more with weights="imagenet": without it, all that it says would be wrong."""
    keras.applications.EfficientNetB0(weights=None).save(tmp_path / "model.h5")
    monkeypatch.setattr(weights, "obtain", lambda file, what: (tmp_path / "model.h5", "from here"))
    assert "with classifier=False" in sentence(
        BadInputSize, lambda: load_source("EfficientNetB0", input_size=(192, 192))
    )


def test_input_sizes_that_cannot_be(keras_home):
    assert "with classifier=False" in sentence(BadInputSize, lambda: load_source("VGG16", input_size=(160, 160)))
    for size in (160, (0, 10), ("a", "b"), (1, 2, 3)):
        text = sentence(BadInputSize, lambda size=size: load_source("MobileNetV2", classifier=False, input_size=size))
        assert "(height, width)" in text
    too_small = sentence(BadInputSize, lambda: load_source("InceptionV3", classifier=False, input_size=(32, 32)))
    assert "as small as 32 x 32" in too_small


def damaged_contents(weight_files):
    whole = (weight_files / FULL).read_bytes()
    rng = np.random.default_rng(0)
    return {
        "empty": b"",
        "a web page": b"<html>" * 100,
        "cut short": whole[: len(whole) // 2],
        "overwritten": whole[:5_000_000] + rng.bytes(100_000) + whole[5_100_000:],
        "of another network": (weight_files / NO_TOP).read_bytes(),
    }


@pytest.mark.parametrize("kind", ["empty", "a web page", "cut short", "overwritten", "of another network"])
def test_damaged_weights(keras_home, weight_files, kind):
    (keras_home / FULL).write_bytes(damaged_contents(weight_files)[kind])
    text = sentence(DamagedFile, lambda: load_source("MobileNetV2"))
    assert str(keras_home / FULL) in text
    assert (keras_home / FULL).exists()  # it is the user's to delete


def test_weights_that_are_no_numbers(keras_home, weight_files):
    shutil.copy(weight_files / FULL, keras_home)
    kernels = []
    with h5py.File(keras_home / FULL, "r+") as file:
        file.visititems(lambda _, item: kernels.append(item) if isinstance(item, h5py.Dataset) else None)
        kernels[0][...] = np.nan
    assert "does not hold them" in sentence(DamagedFile, lambda: load_source("MobileNetV2"))


def test_weights_with_a_wrong_hash(keras_home, weight_files):
    name = weights.wanted(lambda: ZOO["VGG16"].build("imagenet")).name
    shutil.copy(weight_files / FULL, keras_home / name)
    assert "cut short or altered" in sentence(DamagedFile, lambda: load_source("VGG16"))


def test_download(keras_home, weight_files, server, capsys):
    shutil.copy(weight_files / FULL, server)
    source = load_source("MobileNetV2")
    assert "fetched from 127.0.0.1" in source.provenance and "Downloading data" not in capsys.readouterr().out
    assert [path.name for path in keras_home.iterdir()] == [FULL]
    assert (keras_home / FULL).read_bytes() == (weight_files / FULL).read_bytes()
    (server / FULL).unlink()
    assert "from the cache" in load_source("MobileNetV2").provenance


def test_download_replaces_a_damaged_file(keras_home, weight_files, server):
    shutil.copy(weight_files / FULL, server)
    (keras_home / FULL).write_bytes(b"half a file")
    assert "fetched from" in load_source("MobileNetV2").provenance


def test_download_of_something_else(keras_home, server):
    (server / FULL).write_bytes(b"<html>please log in</html>")
    assert "is not the file of MobileNetV2" in sentence(DamagedFile, lambda: load_source("MobileNetV2"))
    assert not list(keras_home.iterdir())


def test_file_gone_from_the_server(server):
    assert "127.0.0.1 answered with status 404" in sentence(SourceUnavailable, lambda: load_source("MobileNetV2"))


def test_cache_that_cannot_be_written(keras_home, weight_files, server):
    shutil.copy(weight_files / FULL, server)
    keras_home.rmdir()
    keras_home.write_text("a file where the folder should be")
    text = sentence(SourceUnavailable, lambda: load_source("MobileNetV2"))
    assert "nothing can be written to" in text and "KERAS_HOME" in text


@pytest.fixture
def silent_server(monkeypatch):
    """A server that takes a connection and says `said` and nothing more."""
    listening = socket.create_server(("127.0.0.1", 0))
    taken = []

    def start(said=b""):
        def serve():
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                taken.append(connection)
                if connection.recv(4) == b"HEAD" and said:
                    connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n")
                    connection.close()
                else:
                    connection.sendall(said)

        threading.Thread(target=serve, daemon=True).start()
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        monkeypatch.setattr("keras.src.applications.mobilenet_v2.BASE_WEIGHT_PATH", address)

    yield start
    listening.close()
    for connection in taken:
        connection.close()


def test_server_that_never_answers(silent_server, monkeypatch):
    monkeypatch.setattr(downloads, "PATIENCE", 0.3)
    silent_server()
    assert "127.0.0.1 did not answer within" in sentence(SourceUnavailable, lambda: load_source("MobileNetV2"))


def test_a_host_whose_name_is_not_found_in_time(monkeypatch):
    monkeypatch.setattr(downloads, "PATIENCE", 0.3)
    answered = threading.Event()

    def look_up(*_, **__):  # looking up a name knows no time limit
        answered.wait(10)
        raise OSError("no such host")

    monkeypatch.setattr("urllib.request.urlopen", look_up)
    assert "did not answer within" in sentence(SourceUnavailable, lambda: load_source("MobileNetV2"))
    answered.set()


def test_download_that_stalls(keras_home, silent_server, monkeypatch):
    monkeypatch.setattr(downloads, "STALL", 0.3)
    silent_server(b"HTTP/1.0 200 OK\r\nContent-Length: 14000000\r\n\r\nsome bytes")
    assert "did not come whole" in sentence(SourceUnavailable, lambda: load_source("MobileNetV2"))
    assert not list(keras_home.iterdir())


# auto


def test_auto_takes_the_installed_network_and_asks_nobody(monkeypatch, capsys):
    asked = []
    monkeypatch.setattr("urllib.request.urlopen", lambda *_, **__: asked.append(1))
    source = load_source(classifier=False)
    assert source.name == "EfficientNetLite0" and source.class_names == () and not asked
    assert "from the installed package" in capsys.readouterr().out


def test_pixels_are_a_wish():
    assert load_source("auto", pixels=96).input_size == (96, 96)
    assert load_source("drawings", pixels=96).input_size == (64, 64)
    assert load_source("embedded").name == "drawings"  # as it was called before
    assert "picture size" in sentence(BadInputSize, lambda: load_source("auto", pixels=0))


# Pictures


def floats():
    return pictures().astype("float32")


WRONG_PICTURES = {
    "no batch axis": (lambda: pictures()[0], "picture[None]"),
    "no channel axis": (lambda: pictures()[..., 0], "no channel axis"),
    "one channel": (lambda: pictures()[..., :1], "np.repeat"),
    "four channels": (lambda: np.concatenate([pictures(), pictures()[..., :1]], -1), "[..., :3]"),
    "five channels": (lambda: np.zeros((2, 8, 8, 5), "uint8"), "give red, green and blue"),
    "channels first": (lambda: np.moveaxis(pictures(), -1, 1), "np.moveaxis"),
    "no pictures": (lambda: pictures()[:0], "at least one"),
    "no pixels": (lambda: np.zeros((2, 0, 8, 3), "uint8"), "at least one"),
    "five axes": (lambda: pictures()[None], "(n, height, width, 3)"),
    "different sizes": (lambda: [pictures(1, 8)[0], pictures(1, 9)[0]], "differ in size"),
    "file names": (lambda: ["cat.jpg", "dog.jpg"], "uint8 or float32"),
    "nothing": (lambda: None, "uint8 or float32"),
    "int64": (lambda: pictures().astype("int64"), "astype('uint8')"),
    "bool": (lambda: pictures() > 9, "uint8"),
    "object": (lambda: pictures().astype(object), "of type object"),
    "complex": (lambda: pictures().astype(complex), "complex128"),
    "0 … 1": (lambda: floats() / 255, "multiply them by 255"),
    "-1 … 1": (lambda: floats() / 127.5 - 1, "scaled already"),
    "too large": (lambda: floats() * 2, "scale them to 0 … 255"),
    "NaN": (lambda: np.where(floats() > 200, np.nan, floats()), "NaN"),
    "infinite": (lambda: np.where(floats() > 200, np.inf, floats()), "infinite"),
}


@pytest.mark.parametrize("kind", WRONG_PICTURES)
def test_wrong_pictures(source, kind):
    make, words = WRONG_PICTURES[kind]
    assert words in sentence(BadPictures, lambda: source.preprocess(make()))
    sentence(BadPictures, lambda: source.predict(make()))


@pytest.mark.parametrize("kind", ["float16", "float32", "float64"])
def test_floats_are_as_good_as_uint8(source, kind):
    np.testing.assert_allclose(source.preprocess(pictures().astype(kind)), source.preprocess(pictures()), atol=1e-6)


def test_black_pictures_and_lists_are_fine(source):
    assert (source.preprocess(np.zeros((1, 64, 64, 3), "float32")) == -1).all()
    np.testing.assert_array_equal(source.preprocess(list(pictures())), source.preprocess(pictures()))


def test_preprocessing_leaves_the_pictures_alone(source):
    for x in (floats(), pictures()):
        before = x.copy()
        source.preprocess(x)
        np.testing.assert_array_equal(x, before)


def test_shrinking_is_antialiased(source):
    stripes = np.zeros((1, 256, 256, 3), "uint8")
    stripes[:, :, 1::4] = stripes[:, :, 2::4] = 255  # finer than 64 pixels can show: what is left is their mean
    shrunk = source.preprocess(stripes)
    assert shrunk.shape == (1, 64, 64, 3) and np.abs(shrunk[:, 2:-2, 2:-2]).max() < 0.05
    ramp = np.repeat(np.arange(32, dtype="uint8")[None, :, None] * 8, 32, 0).repeat(3, -1)[None]
    grown = source.preprocess(ramp)
    assert (np.diff(grown[0, 10, :, 0]) >= 0).all() and len(np.unique(grown)) > 32  # bilinear, not nearest
