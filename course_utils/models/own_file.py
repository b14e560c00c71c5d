"""Load a network from a file of the user's own, `.keras` or `.h5`."""

from pathlib import Path

import numpy as np

from ..errors import BadInputSize, UnknownPreprocessing, UnsuitableModel
from . import cuts, scaling
from .network import Network, Scaling, ending, numbered_classes
from .stored import read_model


def load_file(path: Path, classifier: bool, input_size: tuple[int, int] | None, preprocess: Scaling | None) -> Network:
    """The network in a file. Raises `UnknownSource`, `DamagedFile`, `BadInputSize`, `UnknownPreprocessing` and
    `UnsuitableModel`.
    """
    import keras

    model = read_model(path)
    try:
        (picture,), (output,), shape = model.inputs, model.outputs, model.inputs[0].shape
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
    doubt = scaling.doubt(model, preprocess, size)
    points, names, end = cuts.found_cuts(model), (), ending(model)
    if not points:
        inner = next((layer.name for layer in model.layers if hasattr(layer, "layers")), None)
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
        names = numbered_classes(model.output_shape[-1])
    elif not classifier:
        model = keras.Model(model.input, cuts.output_of(model, points[-1]), name=model.name)
    told = f"{path.stem}: your own model from {path}; {size[0]} x {size[1]} pixels, {len(points)} cut points, "
    told += f"{len(names)} classes (the file does not name them)." if names else "no classifier"
    if not names:
        told += f", as it ends in {end} without a softmax." if classifier else "."
    told += f" {doubt}" if doubt else ""
    return Network(path.stem, model, points, names, size, told, preprocess)


def _size_of(path: Path, shape: tuple, input_size: tuple[int, int] | None) -> tuple[int, int]:
    fixed = tuple(shape[1:3])
    if None in fixed and input_size is None:
        raise BadInputSize(f"{path} takes pictures of any size: say which with input_size=(height, width).")
    if None not in fixed and input_size not in (None, fixed):
        raise BadInputSize(f"{path} takes {fixed[0]} x {fixed[1]} pixels: leave out input_size.")
    return input_size or fixed
