"""Load a network from a file of the user's own, `.keras` or `.h5`."""

import re
from pathlib import Path

import numpy as np

from ..errors import BadInputSize, UnknownPreprocessing, UnsuitableModel
from ..pictures.arrays import resized
from ..pictures.photographs import photographs
from . import cuts, scaling
from .network import Network, Scaling, ending, numbered_classes
from .stored import read_model


def load_file(path: Path, classifier: bool, input_size: tuple[int, int] | None, preprocess: Scaling | None) -> Network:
    """The network in a file. Raises `UnknownSource`, `DamagedFile`, `BadInputSize`, `UnknownPreprocessing` and
    `UnsuitableModel`.
    """
    return checked_network(read_model(path), path, f"your own model from {path}", classifier, input_size, preprocess)


def checked_network(
    model,
    path: Path | str,
    origin: str,
    classifier: bool,
    input_size: tuple[int, int] | None,
    preprocess: Scaling | None,
    names: tuple[str, ...] = (),
) -> Network:
    """A model that nobody here has seen, looked at and tried; `path` names it in sentences, `origin` says whose it is.

    `names` are those of its classes, where they are known. Raises as `load_file` does.
    """
    import keras

    _check_channels(path, model)
    try:
        (picture,), (output,), shape = model.inputs, model.outputs, model.inputs[0].shape
        renamed = _renamed(model)
        model = keras.Model(picture, output, name=model.name)  # a Sequential one too, as a graph
        fits = len(shape) == 4 and shape[-1] == 3
    except (AttributeError, ValueError, TypeError):  # a class of its own, or never called
        fits = False
    if not fits:
        raise UnsuitableModel(
            f"{path} holds no network from one RGB picture to one output: "
            "build it with Keras's functional or Sequential interface, input (height, width, 3)."
        )
    if not all(np.isfinite(np.asarray(weight)).all() for weight in model.weights if "float" in weight.dtype):
        raise UnsuitableModel(
            f"{path} holds weights that are NaN or infinite, as a training leaves them that went out of bounds: "
            "train it anew at a lower learning rate, or take an earlier checkpoint."
        )
    size = _size_of(path, shape, input_size)
    if preprocess is None and not scaling.scales_itself(model):
        raise UnknownPreprocessing(
            f"{path} has no Rescaling or Normalization layer, so how it wants its pictures is not known: say it with "
            "preprocess=, a function of float32 pictures 0 … 255, such as lambda x: x / 255."
        )
    doubts = [_tried(path, model, preprocess, size), scaling.doubt(model, preprocess, size), renamed]
    points, end, called = cuts.found_cuts(model), ending(model), Path(path).stem
    if not points:
        inner = next((layer.name for layer in model.layers if cuts.is_graph(layer)), None)
        raise UnsuitableModel(
            f"{path} has no layer to cut at: "
            + (
                f"its model within the model, '{inner}', counts as one layer; save that one by itself, as "
                f"model.get_layer('{inner}').save('inner.keras'), and say with preprocess= how its pictures are scaled."
                if inner
                else "a source needs at least two layers with kernels."
            )
        )
    if classifier and end == "softmax":
        unnamed = "" if names else " (the file does not name them)"
        names = names or numbered_classes(model.output_shape[-1])
    else:
        names = ()
    if not classifier:
        model = keras.Model(model.input, cuts.output_of(model, points[-1]), name=model.name)
    told = f"{called}: {origin}; {size[0]} x {size[1]} pixels, {len(points)} cut points, "
    told += f"{len(names):,} classes{unnamed}." if names else "no classifier"
    if not names:
        why = f", as it ends in {end}" + ("" if "softmax" in end else " without a softmax")
        told += f"{why}." if classifier else "."
    told = " ".join([told, *filter(None, doubts)])
    return Network(called, model, points, names, size, told, preprocess)


def _size_of(path: Path | str, shape: tuple, input_size: tuple[int, int] | None) -> tuple[int, int]:
    fixed = tuple(shape[1:3])
    if None in fixed and input_size is None:
        raise BadInputSize(f"{path} takes pictures of any size: say which with input_size=(height, width).")
    if None not in fixed and input_size not in (None, fixed):
        raise BadInputSize(f"{path} takes {fixed[0]} x {fixed[1]} pixels: leave out input_size.")
    return input_size or fixed


def _check_channels(path: Path | str, model) -> None:
    if any(getattr(layer, "data_format", None) == "channels_first" for layer in model._flatten_layers()):
        raise UnsuitableModel(
            f"{path} has layers that want the channels first, and everything here takes (height, width, channels): "
            "build it with data_format='channels_last', and give it these weights with set_weights, which fit but for "
            "a Dense layer behind Flatten."
        )


def _renamed(model) -> str:
    """Give other names to layers whose own would stand in the way, and say so.

    Behind a cut, Keras would refuse a second layer called as the course calls those of a new head; and TensorFlow runs
    no layer whose name holds blanks, which other backends and Keras 2 allow.
    """
    told, last = [], model.outputs[0]._keras_history.operation
    for layer in model._flatten_layers(include_self=False):
        before, name = layer.name, re.sub(r"[^\w.\\/>-]", "_", layer.name, flags=re.ASCII)
        if re.fullmatch("head(_pool(_flatten|_token)?)?", name) and layer is not last:
            name = f"own_{name}"
        if name != before:
            layer.name = cuts.free_name(model, name)
            told.append(f"'{before}' is '{layer.name}'")
    return f"Some of its layers have other names here: {', '.join(told)}." if told else ""


def _tried(path: Path | str, model, preprocess: Scaling | None, size: tuple[int, int]) -> str:
    """Run the model twice on a photograph; one sentence where its answers differ. Raises `UnsuitableModel`."""
    picture = scaling.scaled(preprocess, resized(photographs(max(size))[0], size))[:1]
    try:
        first, second = (model.predict_on_batch(picture) for _ in range(2))
    except Exception as problem:  # Keras and TensorFlow raise nearly every class there is
        lines = [re.sub(r"\x1b\[\d*m|\{\{.*?\}\}", "", line).strip(" .") for line in str(problem).splitlines()]
        told = next((line for line in lines if line and "Exception encountered" not in line), type(problem).__name__)
        told = re.split(r"[.?!]\s", told)[0]
        raise UnsuitableModel(
            f"{path} can be read, but not be run here: {told}; build the model so that its own predict works on this "
            "machine, and save it again."
        ) from None
    if first.dtype.kind == "f" and not np.allclose(first, second, 1e-3, 1e-5):
        return (
            "It answers the same picture differently each time, as it is random outside of training, too (augmentation "
            "or dropout called with training=True)."
        )
    return ""
