"""Cut a source model, put a new head on it, freeze and unfreeze, and prove what really trained.

Yosinski et al. 2014, "How transferable are features in deep neural networks?", is where the scheme comes from.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from .errors import BadTarget, CourseError, UnknownCut
from .models.tokens import pooled
from .sources import Source


def take_prefix(source: Source, cut: str):
    """A frozen copy of the source up to `cut`: a Keras model from the source's input to that layer's output.

    It has weights of its own, so whatever is trained later, the source stays as it was loaded. Raises `UnknownCut`.
    """
    import keras

    original = source.prefix(cut)
    prefix = keras.models.clone_model(original)
    prefix.set_weights(original.get_weights())
    freeze(prefix)
    return prefix


def random_prefix(source: Source, cut: str, seed: int):
    """The control: the same architecture up to `cut`, frozen, with random weights that were never trained."""
    import keras

    keras.utils.set_random_seed(seed)
    prefix = keras.models.clone_model(source.prefix(cut))
    freeze(prefix)
    return prefix


def add_head(prefix, classes: int = 0, grid: int = 1):
    """Put a new head on a prefix: average pooling to grid x grid cells, then one dense layer.

    Of a transformer's tokens the class token is taken in place of the average, where there is one (`models.tokens`).

    `classes` ≥ 2 gives a softmax over so many classes; 0 gives one linear output, for regression. `grid` above 1
    keeps coarse position, which a single average throws away. Raises `BadTarget` for one class, or for what is no
    number of classes, `BadInputSize` for a grid without cells.
    """
    import keras

    if not isinstance(classes, (int, np.integer)) or classes == 1 or classes < 0:
        raise BadTarget(
            f"A head for {classes!r} classes has nothing to tell apart: give a number from 2 on, or 0 for regression."
        )
    x = pooled(prefix.output, grid, "head_pool")
    x = keras.layers.Dense(classes or 1, activation="softmax" if classes else None, name="head")(x)
    return keras.Model(prefix.input, x, name=f"{prefix.name}_with_head")


def every_layer(model) -> Iterator:
    """The layers of a Keras model from input to output, those of models within it in their place."""
    for layer in model.layers:
        yield from every_layer(layer) if hasattr(layer, "layers") else [layer]


def named_layers(model) -> dict:
    """The layers of `every_layer` by their names; of several with one name, the later ones are "name (2)" and so on."""
    named: dict = {}
    for layer in every_layer(model):
        named[unused(layer.name, named)] = layer
    return named


def freeze(model) -> None:
    """Set every layer's `trainable` to False, one by one. Compile again for `fit` to know of it."""
    for layer in every_layer(model):
        layer.trainable = False


def unfreeze(model, first: str) -> list[str]:
    """Make the layers from `first` on trainable, all but BatchNorm, also in layers of one's own; return their names.

    Names are those of `named_layers`. `first` may name a layer of a model within the model, or that model itself. An
    unfrozen BatchNorm layer would replace its stored statistics by those of a small target set while `fit` runs,
    whatever `training=` the prefix was called with (Keras 3.15). Compile again for `fit` to know of it. Raises
    `UnknownCut` where there is no such layer.
    """
    import keras

    named = named_layers(model)
    layers = list(named.values())
    inner = next((one for one in model.layers if one.name == first and hasattr(one, "layers")), None)
    begin = next(every_layer(inner), None) if inner else named.get(first)
    if begin is None:
        names = ", ".join(named)
        raise UnknownCut(f"The model has no layer named '{first}' to unfreeze from: choose one of {names}.")
    every = [one for layer in layers for one in layer._flatten_layers()]  # those that a layer is made of follow it
    flags = [one.trainable for one in every]
    model.trainable = True  # a model that is frozen itself trains no layer, whatever the layer's own flag says
    for one, flag in zip(every, flags, strict=True):
        one.trainable = flag
    changed = []
    for name, layer in list(named.items())[layers.index(begin) :]:
        layer.trainable = True
        for one in layer._flatten_layers():
            if isinstance(one, keras.layers.BatchNormalization):
                one.trainable = False
        if layer.trainable_weights:
            changed.append(name)
    return changed


@dataclass(frozen=True)
class ParameterRow:
    """One layer of a model: its name, output shape without the batch axis, and its parameters by kind.

    Of several outputs, it is the first one's shape; () where Keras does not know it, as in a class of one's own.
    """

    layer: str
    output: tuple[int | None, ...]
    trained: int
    frozen: int


def parameter_table(model) -> list[ParameterRow]:
    """One row for each layer that has parameters, from input to output, those of models within the model too."""
    rows = []
    for layer in every_layer(model):
        trained, frozen = _size(layer.trainable_weights), _size(layer.non_trainable_weights)
        if trained or frozen:
            rows.append(ParameterRow(layer.name, _shape(layer), trained, frozen))
    return rows


def _shape(layer) -> tuple[int | None, ...]:
    import keras

    try:
        return tuple(keras.tree.flatten(layer.output)[0].shape[1:])
    except AttributeError:  # never called in the graph
        return ()


def _size(weights) -> int:
    return sum(int(np.prod(weight.shape)) for weight in weights)


def named_weights(model) -> dict:
    """Every weight of the model by its path; of several with one path, the later ones by "path (2)" and so on."""
    named: dict = {}
    for weight in model.weights:
        named[unused(weight.path, named)] = weight
    return named


def unused(name: str, taken) -> str:
    """The name itself, or where it is taken "name (2)" and so on."""
    free, k = name, 1
    while free in taken:
        k += 1
        free = f"{name} ({k})"
    return free


def snapshot(model) -> dict[str, np.ndarray]:
    """A copy of every weight of the model, BatchNorm's statistics too, by the names of `named_weights`."""
    return {name: np.asarray(weight).copy() for name, weight in named_weights(model).items()}


def earlier(before: dict[str, np.ndarray], name: str) -> np.ndarray:
    """A weight of a snapshot. Raises `CourseError` where it has none of this name."""
    if name not in before:
        raise CourseError(
            f"The snapshot has no weight '{name}', so it is of another model: take one of this, before the training."
        )
    return before[name]


def moved(model, before: dict[str, np.ndarray]) -> dict[str, float]:
    """How far each weight has moved since `snapshot`: norm of the change over norm of the weight before.

    Flags and `summary()` only say what should train; this says what did. Exactly 0.0 means untouched, and `inf` that
    the weight was zero before, as a new bias is: for such a one there is no share. Raises `CourseError` where the
    snapshot is of another model.
    """
    change = {}
    for name, weight in named_weights(model).items():
        now, then = np.asarray(weight), earlier(before, name)
        distance, size = float(np.linalg.norm(now - then)), float(np.linalg.norm(then))
        change[name] = distance / size if size else (math.inf if distance else 0.0)
    return change
