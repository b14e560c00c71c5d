"""Features of a cut: maps are averaged over the picture, and a transformer's tokens too, or its class token is taken.

Tokens are (batch, tokens, width): a vector for each patch of the picture, and often one more, the class token, which
gathers by attention what is asked of the whole picture (Dosovitskiy et al. 2021, "An image is worth 16x16 words").
"""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..errors import BadInputSize, UnsuitableModel
from .cuts import is_graph


class Tokens(NamedTuple):
    """What the tokens of a cut are: rows and columns of their patches, and where the class token stands, if any.

    `place` is 0 or -1; None where there is no class token, or where no attention has let it see the picture yet.
    """

    grid: tuple[int, int] | None
    place: int | None
    first: int  # the patches' first token


def pooled(x, grid: int = 1, name: str = "pool"):
    """The Keras tensor of a cut's output as features (batch, numbers).

    Maps (batch, h, w, channels) are averaged over grid x grid cells. Of tokens, the class token is taken, or, where
    there is none and for `grid` above 1, they are averaged as maps are. Vectors stay as they are. The layers are
    called after `name`. Raises `BadInputSize` for a grid without cells, and `UnsuitableModel` where `grid` asks how
    tokens lie in the picture, and it is not known.
    """
    from keras import layers

    if not isinstance(grid, (int, np.integer)) or grid < 1:
        raise BadInputSize(f"grid={grid!r} is no number of cells along a side: give a whole number from 1 on.")
    if len(x.shape) == 2:
        return x
    if len(x.shape) == 3:
        place = described(x).place if grid == 1 else None
        if place is not None:
            others = x.shape[1] - 1
            alone = layers.Cropping1D((0, others) if place == 0 else (others, 0), name=f"{name}_token")(x)
            return layers.Flatten(name=name)(alone)
        if grid == 1:
            return layers.GlobalAveragePooling1D(name=name)(x)
        x = as_maps(x)
    if grid == 1:
        return layers.GlobalAveragePooling2D(name=name)(x)
    return layers.Flatten(name=f"{name}_flatten")(layers.AdaptiveAveragePooling2D(grid, name=name)(x))


def as_maps(x):
    """The Keras tensor of a cut's output as maps (batch, h, w, channels): of tokens, those of the patches.

    Raises `UnsuitableModel` where they have no place in the picture, or where it is not known.
    """
    from keras import layers

    if len(x.shape) == 4:
        return x
    grid, _, first = described(x) if len(x.shape) == 3 else (None, None, 0)
    if grid is None:
        told = "one vector" if len(x.shape) == 2 else f"{x.shape[1]} tokens"
        raise UnsuitableModel(
            f"At this cut there is {told} for each picture, and what lies where in it is not known: choose a cut that "
            "has maps, and average over the whole picture at this one (grid=1)."
        )
    rows, columns = grid
    left = x.shape[1] - first - rows * columns
    # Names of our own: those that Keras gives may be those of steps in a model that was loaded.
    patches = layers.Cropping1D((first, left), name=f"patches_of_{x.name}")(x)
    return layers.Reshape((rows, columns, x.shape[-1]), name=f"maps_of_{x.name}")(patches)


def described(x) -> Tokens:
    """What is known of tokens, a Keras tensor (batch, tokens, width), from the way that they came.

    The map from which they were made says how many patches there are; one token more is the class token. Where no map
    is on the way, a square number of patches is taken for granted, and the class token for the first one.
    """
    count, steps = x.shape[1], list(_way_back(x))
    attended = any(_mixes(step) and all(t.shape[1] == count for t in inputs) for step, inputs in steps)
    for step, inputs in steps:
        for k, tensor in enumerate(inputs):
            shape = tensor.shape
            if len(shape) == 3 and type(step).__name__ == "Concatenate" and shape[1] == count - 1:
                joined = (0 if k else -1), attended
                return _tokens(_grid_of(tensor), *joined)
            if len(shape) == 4 and None not in shape[1:3] and count - shape[1] * shape[2] in (0, 1):
                extra = count > shape[1] * shape[2]
                return _tokens(tuple(shape[1:3]), 0 if extra else None, attended)
    side = math.isqrt(count or 0)
    if side and side**2 == count:
        return _tokens((side, side), None, attended)
    side = math.isqrt((count or 1) - 1)
    extra = side > 0 and side**2 == count - 1
    return _tokens((side, side) if extra else None, 0 if extra else None, attended)


def _tokens(grid, place: int | None, attended: bool) -> Tokens:
    return Tokens(grid, place if attended else None, 1 if place == 0 else 0)


def _grid_of(x) -> tuple[int, int] | None:
    for _, inputs in _way_back(x):
        for tensor in inputs:
            shape = tensor.shape
            if len(shape) == 4 and None not in shape[1:3] and shape[1] * shape[2] == x.shape[1]:
                return tuple(shape[1:3])
    side = math.isqrt(x.shape[1])
    return (side, side) if side**2 == x.shape[1] else None


def _way_back(x) -> Iterator[tuple]:
    """Every step from which a tensor came, with the tensors that went into it, the last one first."""
    waiting, seen = [x], set()
    while waiting:
        tensor = waiting.pop(0)
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        step, index, place = tensor._keras_history
        inputs = step._inbound_nodes[index].input_tensors
        if is_graph(step):
            yield from _way_back(step.outputs[place])
        yield step, inputs
        waiting += inputs


def _mixes(step) -> bool:
    """Whether a step lets tokens see each other: attention, or a layer of the user's own, which may hold it."""
    kind = type(step)
    own = bool(getattr(step, "weights", ())) and not kind.__module__.startswith("keras.")
    return "ttention" in kind.__name__ or kind.__name__ in ("Matmul", "Einsum") or own
