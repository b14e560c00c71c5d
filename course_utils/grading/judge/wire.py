"""Values on their way out of a student's kernel: as JSON, and back to nothing but plain types.

What a kernel that ran a student's code sends is never trusted: nothing is unpickled, no code is run, and an object of
any other kind arrives as an `Unreadable`, which equals nothing.
"""

import base64
import io
import json
import math
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from collections.abc import Callable, Iterable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import PurePosixPath
from typing import Any

import numpy as np
from IPython.utils.text import SList

LARGEST = 64 << 20  # bytes of JSON; a value that needs more is refused
_DEEPEST = 50
_LONG = 10_000  # bits of a number that JSON is not asked to hold
_NUMBERS = "biufcUSmM"  # kinds of NumPy's types that hold no Python objects
_MAPPINGS = {kind.__name__: kind for kind in (dict, Counter, OrderedDict, defaultdict)}
_FACTORIES = {kind.__name__: kind for kind in (int, float, str, list, dict, set, tuple)}
# Plain types of the standard library, and what each is made of again.
_PLAIN = {
    kind.__name__: kind
    for kind in (complex, range, slice, deque, Fraction, Decimal, date, datetime, time, timedelta, PurePosixPath)
}
_PARTS: dict[str, Callable[[Any], Iterable[Any]]] = {
    "complex": lambda value: (value.real, value.imag),
    "range": lambda value: (value.start, value.stop, value.step),
    "slice": lambda value: (value.start, value.stop, value.step),
    "deque": lambda value: (list(value), value.maxlen),
    "Fraction": lambda value: (value.numerator, value.denominator),
    "Decimal": lambda value: (str(value),),
    "date": lambda value: (value.isoformat(),),
    "datetime": lambda value: (value.isoformat(),),
    "time": lambda value: (value.isoformat(),),
    "timedelta": lambda value: (value.days, value.seconds, value.microseconds),
    "PurePosixPath": lambda value: (str(value),),
}
_ISO = ("date", "datetime", "time")
_OF_TEXT = (*_ISO, "Decimal", "PurePosixPath")
_MOST_FIELDS = 100  # of a named tuple


class BadExport(ValueError):
    """Not what `encode` makes: a kernel that sends this was tampered with."""


class Unreadable:
    """Stands for a value that cannot leave a student's kernel; `kind` is the name of its type."""

    def __init__(self, kind: str):
        self.kind = kind

    def __repr__(self):
        return f"<an object of type {self.kind}>"


def encode(value: Any) -> Any:
    """What JSON can hold of a value: numbers, text, dates, containers, arrays, tensors and Keras models."""
    return _encode(value, 0)


def _encode(value: Any, depth: int) -> Any:
    kind = type(value)
    if depth > _DEEPEST:
        return {"other": "nested too deeply"}
    if kind is int and value.bit_length() > _LONG:
        return {"int": hex(value)}
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return value if math.isfinite(value) else {"float": repr(value)}
    if kind is SList:  # what a shell command has put out
        kind, value = list, list(value)
    if kind in (list, tuple, set, frozenset):
        return {kind.__name__: [_encode(part, depth + 1) for part in value]}
    if kind in _MAPPINGS.values():
        pairs = [[_encode(part, depth + 1) for part in pair] for pair in value.items()]
        factory = getattr(value.default_factory, "__name__", None) if kind is defaultdict else None
        return {kind.__name__: pairs} | ({"factory": factory} if factory in _FACTORIES else {})
    if kind in (bytes, bytearray):
        return {kind.__name__: base64.b64encode(value).decode()}
    if kind in _PLAIN.values():
        return {kind.__name__: [_encode(part, depth + 1) for part in _PARTS[kind.__name__](value)]}
    if issubclass(kind, tuple) and isinstance(fields := getattr(kind, "_fields", None), tuple):
        return {"namedtuple": [kind.__name__, list(fields), [_encode(part, depth + 1) for part in tuple(value)]]}
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
    if kind == "int":
        return int(content, 16)
    if kind in _MAPPINGS:
        pairs = [(_decode(key, depth + 1), _decode(part, depth + 1)) for key, part in content]
        if kind == "defaultdict":
            return defaultdict(_FACTORIES.get(told.get("factory")), pairs)
        return _MAPPINGS[kind](dict(pairs))
    if kind == "bytearray":
        return bytearray(base64.b64decode(content, validate=True))
    if kind in _PLAIN:
        parts = [_decode(part, depth + 1) for part in content]
        if any(isinstance(part, str) != (kind in _OF_TEXT) for part in parts):  # Fraction("1e999999999") takes forever
            raise BadExport(f"a {kind} that is made of something else")
        return _PLAIN[kind].fromisoformat(*parts) if kind in _ISO else _PLAIN[kind](*parts)
    if kind == "namedtuple":
        return _named(*content, depth)
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


def _named(name: str, fields: list[str], values: list[Any], depth: int) -> tuple:
    """A named tuple; `namedtuple` takes no names but Python's."""
    if type(name) is not str or len(fields) > _MOST_FIELDS or any(type(field) is not str for field in fields):
        raise BadExport("a named tuple without names")
    return namedtuple(name, fields)._make(_decode(value, depth + 1) for value in values)


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
