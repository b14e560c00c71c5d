"""What every loader of a pretrained network returns."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

# Float32 pictures 0 … 255 to what the model was trained on; those that are named take a Keras tensor, too.
Scaling = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Network:
    """A pretrained network with what has to be known of it.

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


def numbered_classes(classes: int) -> tuple[str, ...]:
    """Names for classes whose own names nobody knows."""
    return tuple(f"class {i}" for i in range(classes))


def ending(model) -> str:
    """What a model's output is: "softmax", "sigmoid" or "numbers" of a vector, "maps" or "tokens" else."""
    import keras

    tensor = model.outputs[0]
    if len(tensor.shape) != 2:
        return "maps" if len(tensor.shape) == 4 else "tokens"
    last = tensor._keras_history.operation  # a function of keras.ops is no layer
    while hasattr(last, "layers"):
        last = last.outputs[0]._keras_history.operation
    if type(last).__name__ == "Softmax":
        return "softmax"
    activation = getattr(last, "activation", None)
    known = {keras.activations.softmax: "softmax", keras.activations.sigmoid: "sigmoid"}
    return known.get(activation, "sigmoid" if type(last).__name__ == "Sigmoid" else "numbers")
