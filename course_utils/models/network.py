"""What every loader of a pretrained network returns."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from .cuts import is_graph

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
    """What a model's output is: "softmax", "sigmoid" or "numbers" of a vector; "maps", "tokens", "a single value" else.

    "a softmax of one number" is no classifier, for it is always 1.
    """
    import keras

    tensor = model.outputs[0]
    if len(tensor.shape) != 2:
        return {1: "a single value", 3: "tokens"}.get(len(tensor.shape), "maps")
    last = tensor._keras_history.operation  # a function of keras.ops is no layer
    while is_graph(last):
        last = last.outputs[0]._keras_history.operation
    activation = getattr(last, "activation", None)
    if type(last).__name__ == "Softmax" or activation is keras.activations.softmax:
        return "softmax" if tensor.shape[-1] != 1 else "a softmax of one number"
    sigmoid = type(last).__name__ == "Sigmoid" or activation is keras.activations.sigmoid
    return "sigmoid" if sigmoid else "numbers"
