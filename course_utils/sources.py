"""Source models: pretrained networks with their cut points, their preprocessing and their class names.

`load_source` says in one line what it loaded, from where and why. Random weights never stand in for pretrained ones.
"""

import difflib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from . import cuts, downloads, embedded, shapes, weights
from .errors import (
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
from .zoo import ZOO, ZooEntry

Scaling = Callable[[np.ndarray], np.ndarray]  # float32 pictures 0 … 255 to what the model was trained on

_CHUNK = 64  # pictures that are resized or classified at a time


@dataclass(frozen=True)
class Source:
    """A source model, as `load_source` gives it.

    `model` is the whole Keras model with its weights, and with its classifier where it has one; `cuts` are the names
    of the layers to cut at, shallow to deep; `class_names` are the source classes in the order of the output, ()
    where there is no classifier; `input_size` is height and width in pixels; `provenance` says what was loaded, from
    where and why.
    """

    name: str
    model: Any
    cuts: tuple[str, ...]
    class_names: tuple[str, ...]
    input_size: tuple[int, int]
    provenance: str
    scaling: Scaling | None = field(default=None, repr=False)  # None: the model takes 0 … 255 as it is

    def preprocess(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures (n, h, w, 3), RGB, uint8 or float 0 … 255, as the model wants them: float32, `(n, *input_size, 3)`.

        Resized (bilinear, antialiased where they shrink; the whole picture, so its aspect ratio may change), then
        scaled as in the source's training. Raises `BadPictures`.
        """
        return self.scaled(checked(pictures))

    def scaled(self, pictures: np.ndarray) -> np.ndarray:
        """`preprocess` for a part of pictures that were `checked` together."""
        x = resized(pictures, self.input_size)
        return np.asarray(self.scaling(x) if self.scaling else x, "float32")

    def predict(self, pictures: np.ndarray) -> np.ndarray:
        """Probabilities of the source classes, float32 (n, classes), for pictures as in `preprocess`.

        Raises `BadPictures`, and `NoClassifier` where the source has none.
        """
        if not self.class_names:
            raise NoClassifier(
                f"{self.name} has no classifier that gives probabilities: "
                "load it with classifier=True where it has one, or put a head of your own on it."
            )
        pictures = checked(pictures)
        parts = range(0, len(pictures), _CHUNK)
        return np.concatenate(
            [self.model.predict_on_batch(self.scaled(pictures[i : i + _CHUNK])) for i in parts]
        ).astype("float32")

    def top(self, pictures: np.ndarray, k: int = 5) -> list[list[tuple[str, float]]]:
        """The k most probable classes of each picture, best first, as (class name, probability)."""
        return [
            [(self.class_names[i], float(row[i])) for i in np.argsort(-row, kind="stable")[:k]]
            for row in self.predict(pictures)
        ]

    def prefix(self, cut: str):
        """The network from its input up to the cut, as a Keras model that shares the source's layers.

        Raises `UnknownCut` with the names that there are.
        """
        import keras

        if cut not in self.cuts:
            close = difflib.get_close_matches(str(cut), self.cuts, n=3, cutoff=0.6)
            advice = f"did you mean {_either(close)}? All of them" if close else "choose one of these"
            raise UnknownCut(f"{self.name} has no cut point '{cut}': {advice}: {', '.join(self.cuts)}.")
        return keras.Model(self.model.input, cuts.output_of(self.model, cut), name=f"{self.name}_to_{cut}")


def load_source(
    name: str | Path = "auto",
    *,
    classifier: bool = True,
    input_size: tuple[int, int] | None = None,
    preprocess: Scaling | None = None,
) -> Source:
    """Load a source model with its pretrained weights, and print in one line what it is and where it came from.

    `name` is "embedded" (the small network that comes with the course), the name of a model in `keras.applications`
    with its ImageNet weights, the path of a `.keras` file (a model within that model counts as one layer), or "auto":
    MobileNetV2 where its weights are in Keras's cache or can be fetched, else the embedded one.

    `classifier=False` leaves the classifier out; from Keras that is a smaller file. `input_size`, height and width in
    pixels, may then differ from the size of the source's training, and with a classifier where it takes averages over
    the picture (not VGG's); the weights are those of the size of training all the same.
    `preprocess` is for a `.keras` file that does not scale its pictures itself: a function from float32 pictures
    0 … 255 (n, h, w, 3) to what the model was trained on.

    Raises `UnknownSource`, `SourceUnavailable`, `DamagedFile`, `BadInputSize`, `UnknownPreprocessing` and
    `UnsuitableModel`.
    """
    name = str(name)
    is_file = name.endswith(".keras")
    if preprocess is not None and not is_file:
        raise UnknownPreprocessing(f"'{name}' knows how to scale its pictures: leave out preprocess=.")
    if input_size is not None:
        input_size = _checked_size(input_size)
    if name == "auto":
        source = _load_auto(classifier, input_size)
    elif name == "embedded":
        source = _load_embedded(classifier, input_size)
    elif name in ZOO:
        downloads.silent_hosts.clear()  # asked for by name: look again, the network may be back
        source = _load_application(ZOO[name], classifier, input_size)
    elif is_file:
        source = _load_file(Path(name), classifier, input_size, preprocess)
    else:
        raise UnknownSource(_unknown(name))
    print(source.provenance)
    return source


def checked(pictures: np.ndarray) -> np.ndarray:
    """Pictures as uint8 or float32 (n, h, w, 3), 0 … 255, or `BadPictures` with what is wrong and how to mend it."""
    try:
        pictures = np.asarray(pictures)
    except ValueError:
        raise BadPictures(
            "The pictures differ in size, so they make no single array: pass them one at a time, as picture[None]."
        ) from None
    shape, kind = pictures.shape, pictures.dtype
    if kind.kind not in "uifb":
        raise BadPictures(f"The pictures are of type {kind}: give RGB values 0 … 255 as uint8 or float32.")
    if pictures.ndim == 3 and shape[-1] == 3:
        raise BadPictures(f"One picture came without the batch axis, shape {shape}: give picture[None].")
    if pictures.ndim == 3:
        raise BadPictures(
            f"The pictures have no channel axis, shape {shape}: give (n, height, width, 3), for grey ones "
            "np.stack([pictures] * 3, axis=-1)."
        )
    if pictures.ndim != 4:
        raise BadPictures(f"Pictures must have the shape (n, height, width, 3), and these have {shape}: reshape them.")
    if pictures.size == 0:
        raise BadPictures(f"There are no pictures in this array, shape {shape}: give at least one.")
    if shape[-1] != 3:
        advice = {
            1: "repeat the grey channel with np.repeat(pictures, 3, axis=-1)",
            4: "drop the opacity with pictures[..., :3]",
        }.get(shape[-1], "give red, green and blue")
        if shape[1] == 3:
            advice = "move the channels last with np.moveaxis(pictures, 1, -1)"
        raise BadPictures(f"The last axis must hold 3 channels, and the shape is {shape}: {advice}.")
    if kind == np.uint8:
        return pictures
    if kind.kind != "f":
        raise BadPictures(
            f"The pictures are of type {kind}: give uint8, with pictures.astype('uint8') if the values are 0 … 255."
        )
    low, high = float(pictures.min()), float(pictures.max())  # NaN and infinity show in one of them
    if not np.isfinite([low, high]).all():
        raise BadPictures(
            "The pictures hold NaN or infinite values: look for where they come from, and mend them there."
        )
    if low < 0:
        raise BadPictures(
            f"The pictures go down to {low:.3g}, so they seem to be scaled already: give them as they were, 0 … 255."
        )
    if 0 < high <= 1:
        raise BadPictures(f"The pictures only go up to {high:.3g}, so they look like 0 … 1: multiply them by 255.")
    if high > 255:
        raise BadPictures(f"The pictures go up to {high:.4g}: scale them to 0 … 255.")
    return pictures.astype("float32", copy=False)


def resized(pictures: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pictures at another size as float32: bilinear, antialiased where they shrink. A copy in any case."""
    from keras import ops

    if pictures.shape[1:3] == tuple(size):
        return pictures.astype("float32")
    out = np.empty((len(pictures), *size, 3), "float32")
    for start in range(0, len(pictures), _CHUNK):
        part = pictures[start : start + _CHUNK].astype("float32")
        out[start : start + _CHUNK] = ops.image.resize(
            part, size, interpolation="bilinear", antialias=True, data_format="channels_last"
        )
    return out


def _checked_size(size) -> tuple[int, int]:
    try:
        height, width = (int(side) for side in size)
    except (TypeError, ValueError):
        height = width = 0
    if height < 1 or width < 1:
        raise BadInputSize(f"input_size={size!r} is no picture size: give (height, width) in pixels, as in (160, 160).")
    return height, width


def _either(names: list[str]) -> str:
    return " or ".join(f"'{name}'" for name in names)


def _unknown(name: str) -> str:
    if Path(name).suffix in (".h5", ".hdf5", ".pb", ".pt", ".pth", ".onnx", ".tflite", ".npz"):
        return f"'{name}' is no .keras file: load the model in Keras and store it with model.save('name.keras')."
    known = ["auto", "embedded", *ZOO]
    lower = {known_name.lower(): known_name for known_name in known}
    close = [lower[match] for match in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.6)]
    if close:
        return f"There is no source '{name}': did you mean {_either(close)}?"
    return f"There is no source '{name}': use 'auto', 'embedded', a .keras file, or one of {', '.join(ZOO)}."


def _load_auto(classifier: bool, input_size: tuple[int, int] | None) -> Source:
    try:
        source = _load_application(ZOO["MobileNetV2"], classifier, input_size)
    except (SourceUnavailable, DamagedFile) as problem:
        if input_size not in (None, (shapes.SIZE, shapes.SIZE)):
            raise  # no other source will do
        source = _load_embedded(classifier, input_size)
        return replace(source, provenance=f"{source.provenance} Why not MobileNetV2? {problem}")
    return replace(source, provenance=f"{source.provenance} Taken because 'auto' prefers it where it can be had.")


def _load_embedded(classifier: bool, input_size: tuple[int, int] | None) -> Source:
    import keras

    size = (shapes.SIZE, shapes.SIZE)
    if input_size not in (None, size):
        raise BadInputSize(f"The embedded source takes {size[0]} x {size[1]} pixels: leave out input_size.")
    model = embedded.build()
    embedded.load_weights(model)
    names, points = shapes.class_names(), embedded.CUTS
    if not classifier:
        points = points[:-1]  # the last one, the logits, is the classifier
        names, model = (), keras.Model(model.input, cuts.output_of(model, points[-1]), name="embedded")
    told = (
        f"embedded: the course's own small network, {len(shapes.class_names())} classes of drawings, {size[0]} x "
        f"{size[1]} pixels, {embedded.read_card()['accuracy']:.1%} right on fresh drawings; weights from the course's "
        "own files."
    )
    return Source("embedded", model, points, names, size, told, embedded.preprocess)


def _load_application(entry: ZooEntry, classifier: bool, input_size: tuple[int, int] | None) -> Source:
    trained = (entry.size, entry.size)
    size = input_size or trained
    what = f"{entry.name}'s ImageNet weights"
    own_size_only = BadInputSize(
        f"{entry.name} with its classifier takes {entry.size} x {entry.size} pixels: "
        "leave out input_size, or load it with classifier=False."
    )
    if size != trained:
        shapes_there = weights.weight_shapes(lambda: entry.build(None, classifier, size))
        if shapes_there is None:
            raise BadInputSize(
                f"{entry.name} cannot take pictures as small as {size[0]} x {size[1]}: give a larger input_size."
            )
        if classifier and shapes_there != weights.weight_shapes(lambda: entry.build(None, classifier)):
            raise own_size_only
    # Always the weights of the size of training: one file serves every size, whichever others are in the cache.
    file = weights.wanted(lambda: entry.build("imagenet", classifier))
    path, how = weights.obtain(file, what)
    try:
        with weights.answering(lambda _: str(path)):
            model = entry.build("imagenet", classifier, None if classifier else size)
        if classifier and size != trained:  # Keras gives pretrained classifiers at the size of training only
            model, pretrained = entry.build(None, classifier, size), model
            kinds, wanted = ([type(layer) for layer in one.layers] for one in (model, pretrained))
            if kinds != wanted:  # EfficientNet has one layer more where it comes with its weights
                raise own_size_only
            model.set_weights(pretrained.get_weights())
        whole = all(np.isfinite(np.asarray(weight)).all() for weight in model.weights)
    except (OSError, ValueError, KeyError, RuntimeError):
        whole = False
    if not whole:
        raise DamagedFile(
            f"The file of {what}, {downloads.shown(path)}, does not hold them: delete it, and load the source again."
        )
    told = f"{entry.name}: ImageNet weights ({file.name}) {how}; {size[0]} x {size[1]} pixels"
    if size != trained:
        told += f" (trained at {entry.size} x {entry.size})"
    names, remark = _imagenet_names() if classifier else ((), "")
    told += (f", {len(names):,} classes." if names else ", no classifier.") + remark
    return Source(entry.name, model, entry.cuts(model), names, size, told, entry.preprocess)


def _imagenet_names() -> tuple[tuple[str, ...], str]:
    """The 1,000 class names in order, with a remark where they are only numbers because the list cannot be had."""
    from keras.applications import imagenet_utils

    ranked = np.linspace(1, 0, 1000)[None]  # decoded best first, this gives the names in their own order
    try:
        with weights.answering(lambda file: str(weights.obtain(file, "the ImageNet class names")[0])):
            decoded = imagenet_utils.decode_predictions(ranked, top=1000)
    except CourseError as problem:
        return _numbered(1000), f" They have numbers for names. {problem}"
    return tuple(name for _, name, _ in decoded[0]), ""


def _numbered(classes: int) -> tuple[str, ...]:
    return tuple(f"class {i}" for i in range(classes))


def _load_file(path: Path, classifier: bool, input_size: tuple[int, int] | None, preprocess: Scaling | None) -> Source:
    import keras

    if not path.is_file():
        raise UnknownSource(f"There is no file {path}: check the path, seen from the folder {Path.cwd()}.")
    if not zipfile.is_zipfile(path):
        raise DamagedFile(f"{path} is cut short, or no .keras file at all: save the model again with model.save.")
    try:
        model = keras.models.load_model(path, compile=False, safe_mode=True)
    except (OSError, KeyError, zipfile.BadZipFile, EOFError):
        raise DamagedFile(f"{path} is damaged: save the model again with model.save.") from None
    except (ValueError, TypeError, NotImplementedError, AttributeError, RuntimeError) as problem:
        raise _unreadable(path, str(problem)) from None
    try:
        model = keras.Model(model.inputs, model.outputs, name=model.name)  # a Sequential one too, as a graph
        shape = model.inputs[0].shape
        fits = len(model.inputs) == len(model.outputs) == 1 and len(shape) == 4 and shape[-1] == 3
    except (AttributeError, ValueError, TypeError):  # a class of its own, or never called
        fits = False
    if not fits:
        raise UnsuitableModel(
            f"{path} holds no network from one RGB picture to one output: "
            "build it with Keras's functional or Sequential interface, input (height, width, 3)."
        )
    size = _size_of(path, shape, input_size)
    if preprocess is None and not _scales_itself(model):
        raise UnknownPreprocessing(
            f"{path} has no Rescaling or Normalization layer, so how it wants its pictures is not known: say it with "
            "preprocess=, a function of float32 pictures 0 … 255, such as lambda x: x / 255."
        )
    points, names = cuts.found_cuts(model), ()
    if not points:
        raise UnsuitableModel(f"{path} has no layer to cut at: a source needs at least two layers with kernels.")
    if classifier and _ends_in_softmax(model):
        names = _numbered(model.output_shape[-1])
    elif not classifier:
        model = keras.Model(model.input, cuts.output_of(model, points[-1]), name=model.name)
    told = f"{path.stem}: your own model from {path}; {size[0]} x {size[1]} pixels, {len(points)} cut points, "
    told += f"{len(names)} classes (the file does not name them)." if names else "no classifier."
    return Source(path.stem, model, points, names, size, told, preprocess)


def _unreadable(path: Path, problem: str) -> CourseError:
    """What Keras means when it cannot make a model from a file."""
    if "ambda" in problem:
        return UnsuitableModel(
            f"{path} holds a Lambda layer, which can run any code when it is loaded: "
            "save the model with layers of Keras in its place."
        )
    if "Could not locate" in problem or "custom" in problem:
        return UnsuitableModel(
            f"{path} holds a class that Keras does not know: build the model from Keras's own layers, "
            "or register yours with keras.saving.register_keras_serializable before you load it."
        )
    return DamagedFile(f"{path} cannot be read as a Keras model: save it again with model.save.")


def _size_of(path: Path, shape: tuple, input_size: tuple[int, int] | None) -> tuple[int, int]:
    fixed = tuple(shape[1:3])
    if None in fixed and input_size is None:
        raise BadInputSize(f"{path} takes pictures of any size: say which with input_size=(height, width).")
    if None not in fixed and input_size not in (None, fixed):
        raise BadInputSize(f"{path} takes {fixed[0]} x {fixed[1]} pixels: leave out input_size.")
    return input_size or fixed


def _scales_itself(model) -> bool:
    """Whether a Rescaling or Normalization layer comes before the first kernel, also inside a nested model."""
    from keras import layers

    for layer in model.layers:
        if isinstance(layer, (layers.Rescaling, layers.Normalization)):
            return True
        if getattr(layer, "layers", None):
            return _scales_itself(layer)
        if any(len(weight.shape) > 1 for weight in layer.weights):
            return False
    return False


def _ends_in_softmax(model) -> bool:
    import keras

    last = model.layers[-1]
    return len(model.output_shape) == 2 and (
        isinstance(last, keras.layers.Softmax) or getattr(last, "activation", None) is keras.activations.softmax
    )
