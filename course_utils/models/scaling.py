"""How a model of the user's own wants its pictures scaled: what its layers tell, and whether a scaling fits it."""

from collections.abc import Callable

import numpy as np

from ..errors import UnknownPreprocessing
from ..pictures.arrays import resized
from ..pictures.photographs import photographs
from . import cuts
from .network import Scaling

_ARITHMETIC = ("TrueDivide", "Divide", "Multiply", "Subtract", "Add")  # as keras.applications' preprocess_input leaves
_FAR = 10.0  # times the spread of the training: other pictures do not explain so much
_FLAT = 0.02  # a spread that no picture has whose colours reach from 0 to 1 at least


def scales_itself(model) -> bool:
    """Whether the model scales its pictures before the first kernel, also inside a nested model."""
    return _scaling_first(model) is True


def _scaling_first(model) -> bool | None:
    """What comes first in the model, scaling (True) or a kernel (False); None where it has neither."""
    from keras import layers

    for step in getattr(model, "operations", model.layers):  # arithmetic with numbers is no layer
        if isinstance(step, (layers.Rescaling, layers.Normalization)) or type(step).__name__ in _ARITHMETIC:
            return True
        if hasattr(step, "layers"):
            if (found := _scaling_first(step)) is not None:
                return found
        elif _has_kernel(step):
            return False
    return None


def _has_kernel(step) -> bool:
    return any(len(weight.shape) > 1 for weight in getattr(step, "weights", ()))


def doubt(model, scaling: Scaling | None, size: tuple[int, int]) -> str:
    """One sentence where photographs, scaled this way, are not what the model was trained on; "" where none is known.

    A trained BatchNorm layer remembers mean and variance of what reached it in training (an adapted Normalization
    layer of the pictures themselves). Photographs that reach the first of them with a spread ten times larger or
    smaller were scaled otherwise; other pictures alone do not do that. A smaller mistake, as 0 … 1 in place of -1 … 1,
    cannot be told from other pictures. Where no such layer is, as in a transformer, only double scaling shows: the
    model scales by itself, and what it makes of the scaled pictures is all but one colour. Raises
    `UnknownPreprocessing` where the scaling does not take pictures.
    """
    pictures = resized(photographs(max(size))[0], size)
    pictures = scaled(scaling, pictures)
    seen = _reaching(model, pictures, _remembers)
    if seen is not None:
        layer, values = seen
        times = _spread_in_training(layer, values)
        told = f"in photographs, what reaches its layer '{layer.name}' varies {{}} times {{}} than in its training"
        if times < 1 / _FAR:
            told = told.format(f"{1 / times:,.0f}", "less")
        elif times > _FAR:
            told = told.format(f"{times:,.0f}", "more")
        else:
            return ""
    elif scaling and scales_itself(model):
        seen = _reaching(model, pictures, _has_kernel)
        if seen is None or (spread := float(seen[1].std())) > _FLAT:
            return ""
        times, told = 0.0, f"photographs reach its first layer with weights all but of one colour, ± {spread:.1g}"
    else:
        return ""
    if scaling and times < 1 and scales_itself(model):
        return f"Its pictures seem to be scaled twice, as it scales them itself: {told}; leave out preprocess=."
    if scaling:
        return f"preprocess= does not seem to be that of its training: {told}; give the one that it was trained with."
    return f"It seems to want its pictures scaled otherwise: {told}; say how with preprocess=."


def scaled(scaling: Scaling | None, pictures: np.ndarray) -> np.ndarray:
    """What a scaling makes of float32 pictures 0 … 255 (n, h, w, 3). Raises `UnknownPreprocessing` where it is none."""
    if scaling is None:
        return pictures
    wanted = "give a function from float32 pictures 0 … 255 (n, h, w, 3) to such pictures, as lambda x: x / 255."
    try:
        scaled = np.asarray(scaling(pictures.copy()), "float32")
    except Exception as problem:  # the user's own function
        told = str(problem).partition("\n")[0].rstrip(".")
        raise UnknownPreprocessing(
            f"preprocess= fails on photographs ({type(problem).__name__}: {told}): {wanted}"
        ) from None
    if scaled.shape != pictures.shape or not np.isfinite(scaled).all():
        made = f"of shape {scaled.shape}" if scaled.shape != pictures.shape else "that hold NaN or infinite values"
        raise UnknownPreprocessing(f"preprocess= makes of pictures {pictures.shape} values {made}: {wanted}")
    return scaled


def _reaching(model, x: np.ndarray, wanted: Callable):
    """The first layer that is `wanted`, and what reaches it when the model gets `x`; also inside a nested model."""
    import keras

    for node in cuts.uses(model):
        step = node.operation
        within = cuts.is_graph(step)
        if not (within or wanted(step)) or len(node.input_tensors) != 1:
            continue
        values = keras.Model(model.inputs[0], node.input_tensors[0])(x, training=False)
        if not within:
            return step, np.asarray(keras.ops.cast(values, "float32"))
        inner = keras.Model(step.inputs[0], step.outputs[0])  # a Sequential one too, as a graph
        if (found := _reaching(inner, values, wanted)) is not None:
            return found
    return None


def _remembers(layer) -> bool:
    """Whether a layer holds statistics of its training, and not those that it began with."""
    from keras import layers

    if isinstance(layer, layers.Normalization):
        return layer.mean is not None and bool(
            np.any(np.asarray(layer.mean)) or np.any(np.asarray(layer.variance) != 1)
        )
    if not isinstance(layer, layers.BatchNormalization) or layer.axis == 1:  # channels first
        return False
    variance = np.asarray(layer.moving_variance)
    # Begun at 1 in all channels, and hardly moved: that of a few steps still says nothing.
    return bool(variance.std() > 0.1 * variance.mean())


def _spread_in_training(layer, values: np.ndarray) -> float:
    """How many times larger the values (n, …, channels) vary than in training, in the middle one of the channels."""
    variance = np.ravel(layer.moving_variance if hasattr(layer, "moving_variance") else layer.variance)
    if values.ndim == 4:  # what is padded at the border is no picture's
        high, wide = (side // 4 for side in values.shape[1:3])
        values = values[:, high : values.shape[1] - high, wide : values.shape[2] - wide]
    alive = np.broadcast_to(variance > 1e-3 * variance.max(), values.shape[-1:])
    spread = values.reshape(-1, values.shape[-1]).var(0)
    return float(np.sqrt(np.median((spread / np.maximum(variance, 1e-12))[alive])))
