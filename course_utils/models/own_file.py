"""Load a network from a `.keras` file of the user's own."""

import zipfile
from pathlib import Path

from ..errors import BadInputSize, CourseError, DamagedFile, UnknownPreprocessing, UnknownSource, UnsuitableModel
from . import cuts, scaling
from .network import Network, Scaling, numbered_classes


def load_file(path: Path, classifier: bool, input_size: tuple[int, int] | None, preprocess: Scaling | None) -> Network:
    """The network in a file. Raises `UnknownSource`, `DamagedFile`, `BadInputSize`, `UnknownPreprocessing` and
    `UnsuitableModel`.
    """
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
    if preprocess is None and not scaling.scales_itself(model):
        raise UnknownPreprocessing(
            f"{path} has no Rescaling or Normalization layer, so how it wants its pictures is not known: say it with "
            "preprocess=, a function of float32 pictures 0 … 255, such as lambda x: x / 255."
        )
    doubt = scaling.doubt(model, preprocess, size)
    points, names = cuts.found_cuts(model), ()
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
    if classifier and _ends_in_softmax(model):
        names = numbered_classes(model.output_shape[-1])
    elif not classifier:
        model = keras.Model(model.input, cuts.output_of(model, points[-1]), name=model.name)
    told = f"{path.stem}: your own model from {path}; {size[0]} x {size[1]} pixels, {len(points)} cut points, "
    told += f"{len(names)} classes (the file does not name them)." if names else "no classifier."
    told += f" {doubt}" if doubt else ""
    return Network(path.stem, model, points, names, size, told, preprocess)


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


def _ends_in_softmax(model) -> bool:
    import keras

    last = model.layers[-1]
    while hasattr(last, "layers"):
        last = last.layers[-1]
    return len(model.output_shape) == 2 and (
        isinstance(last, keras.layers.Softmax) or getattr(last, "activation", None) is keras.activations.softmax
    )
