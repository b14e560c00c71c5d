"""Values on their way out of a student's kernel: as JSON, and back to nothing but plain types.

What a kernel that ran a student's code sends is never trusted: nothing is unpickled, no code is run, and an object of
any other kind arrives as an `Unreadable`, which equals nothing.
"""

import base64
import io
import json
import math
from typing import Any

import numpy as np

LARGEST = 64 << 20  # bytes of JSON; a value that needs more is refused
_DEEPEST = 50
_NUMBERS = "biufcU"  # kinds of NumPy's types that hold no Python objects


class BadExport(ValueError):
    """Not what `encode` makes: a kernel that sends this was tampered with."""


class Unreadable:
    """Stands for a value that cannot leave a student's kernel; `kind` is the name of its type."""

    def __init__(self, kind: str):
        self.kind = kind

    def __repr__(self):
        return f"<an object of type {self.kind}>"


def encode(value: Any) -> Any:
    """What JSON can hold of a value: numbers, text, containers, arrays, tensors and Keras models."""
    return _encode(value, 0)


def _encode(value: Any, depth: int) -> Any:
    kind = type(value)
    if depth > _DEEPEST:
        return {"other": "nested too deeply"}
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if kind in (list, tuple, set, frozenset):
        return {kind.__name__: [_encode(part, depth + 1) for part in value]}
    if kind is dict:
        return {"dict": [[_encode(part, depth + 1) for part in pair] for pair in value.items()]}
    if kind is bytes:
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, np.generic) and value.dtype.kind in _NUMBERS:
        return {"scalar": _packed(np.asarray(value))}
    if kind is np.ndarray and value.dtype.kind in _NUMBERS:
        return {"array": _packed(value)}
    return _of_keras(value) or {"other": kind.__name__}


def _packed(array: np.ndarray) -> str:
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=False)
    return base64.b64encode(file.getvalue()).decode()


def _of_keras(value: Any) -> dict[str, Any] | None:
    import keras
    import tensorflow as tf

    if isinstance(value, (tf.Tensor, tf.Variable, keras.Variable)):
        return {"tensor": _packed(np.asarray(value))}
    if isinstance(value, keras.Model):
        try:
            config = json.loads(json.dumps(keras.saving.serialize_keras_object(value)))
        except Exception:
            return None
        return {"model": config, "weights": [_packed(np.asarray(w)) for w in value.weights]}
    return None


def decode(told: Any) -> Any:
    """The value that `encode` was given, or an `Unreadable`. Raises `BadExport` for what `encode` never makes."""
    try:
        return _decode(told, 0)
    except BadExport:
        raise
    except Exception as problem:
        raise BadExport(f"{type(problem).__name__}: {problem}") from None


def _decode(told: Any, depth: int) -> Any:
    if depth > 2 * _DEEPEST:
        raise BadExport("nested too deeply")
    if told is None or type(told) in (bool, int, float, str):
        return told
    if type(told) is not dict or not told:
        raise BadExport(f"a {type(told).__name__} in no container")
    kind, content = next(iter(told.items()))
    if kind in ("list", "tuple", "set", "frozenset"):
        parts = [_decode(part, depth + 1) for part in content]
        return {"list": list, "tuple": tuple, "set": set, "frozenset": frozenset}[kind](parts)
    if kind == "dict":
        return {_decode(key, depth + 1): _decode(part, depth + 1) for key, part in content}
    if kind == "float":
        return float(content)
    if kind == "bytes":
        return base64.b64decode(content, validate=True)
    if kind == "array":
        return _unpacked(content)
    if kind == "scalar":
        return _unpacked(content)[()]
    if kind == "tensor":
        import tensorflow as tf

        return tf.constant(_unpacked(content))
    if kind == "model":
        return _model(content, [_unpacked(part) for part in told["weights"]])
    if kind == "other":
        return Unreadable(str(content)[:100])
    raise BadExport(f"no kind of value is called {str(kind)[:100]!r}")


def _unpacked(text: str) -> np.ndarray:
    file = io.BytesIO(base64.b64decode(text, validate=True))
    array = np.lib.format.read_array(file, allow_pickle=False, max_header_size=10_000)
    if array.dtype.kind not in _NUMBERS or file.read(1):
        raise BadExport("an array that holds more than numbers or text")
    return array


def _model(config: dict, weights: list[np.ndarray]) -> Any:
    """A Keras model from its configuration, in Keras's safe mode, which runs no code that came with it."""
    import keras

    try:
        model = keras.saving.deserialize_keras_object(config, safe_mode=True)
    except Exception:
        return Unreadable("Model with layers of its own")
    if not isinstance(model, keras.Model):
        raise BadExport("a model that is none")
    model.set_weights(weights)
    return model
