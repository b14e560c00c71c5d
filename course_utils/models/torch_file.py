"""Read the tensors of a PyTorch file, in the format from before it was a zip archive, without PyTorch.

Such a file holds five pickles (a magic number, a version, sizes of types, the tensors by name, the keys of the
storages), and then each storage: its count, 8 bytes, and its raw values. Pickles can run any code; this reader knows a
handful of names and refuses all others. (PyTorch's `torch.save` with `_use_new_zipfile_serialization=False`.)
"""

import io
import math
import pickle
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DamagedFile

_MAGIC, _VERSION = 0x1950A86A20F9469CFC6C, 1001
_KINDS = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
_MOST = 1 << 30  # bytes of a file


@dataclass(frozen=True)
class _Storage:
    """Where raw values will be found, and of what kind they are."""

    key: str
    kind: np.dtype


@dataclass(frozen=True)
class _Tensor:
    """A part of a storage, seen in a shape: its values lie `strides` apart, which may be in any order."""

    storage: _Storage
    first: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def of(self, storages: dict[str, np.ndarray]) -> np.ndarray:
        values = storages[self.storage.key]
        count = math.prod(self.shape)
        last = self.first + sum((side - 1) * stride for side, stride in zip(self.shape, self.strides, strict=True))
        if values.dtype != self.storage.kind or not 0 < count <= len(values) or last >= len(values):
            raise ValueError("a tensor that reaches over its storage")
        steps = [stride * values.itemsize for stride in self.strides]
        return np.lib.stride_tricks.as_strided(values[self.first :], self.shape, steps, writeable=False)


def _rebuilt(storage, first, shape, strides, *_) -> _Tensor:
    """In the place of `torch._utils._rebuild_tensor_v2`."""
    if not isinstance(storage, _Storage) or any(type(n) is not int or n < 0 for n in (first, *shape, *strides)):
        raise ValueError("a tensor that is none")
    return _Tensor(storage, first, tuple(shape), tuple(strides))


_STEPS = (  # of pickle's, those that such files are made of
    *("PROTO", "STOP", "MARK", "GLOBAL", "REDUCE", "BINPERSID", "BINPUT", "LONG_BINPUT", "BINGET", "LONG_BINGET"),
    *("NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1", "BININT2", "LONG1", "BINUNICODE"),
    *(
        "EMPTY_DICT",
        "SETITEM",
        "SETITEMS",
        "EMPTY_LIST",
        "APPENDS",
        "EMPTY_TUPLE",
        "TUPLE",
        "TUPLE1",
        "TUPLE2",
        "TUPLE3",
    ),
)


class _Reader(pickle._Unpickler):  # the one in Python: it can be told which steps there are, and wastes no memory
    """An unpickler that makes nothing but plain values, ordered dictionaries and tensors."""

    dispatch = {getattr(pickle, step)[0]: pickle._Unpickler.dispatch[getattr(pickle, step)[0]] for step in _STEPS}

    def load_build(self) -> None:
        """Attributes of a dictionary, PyTorch's notes, are passed over."""
        self.stack.pop()
        if type(self.stack[-1]) is not OrderedDict:
            raise pickle.UnpicklingError("it sets attributes")

    dispatch[pickle.BUILD[0]] = load_build

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _rebuilt
        if module == "torch" and name in _KINDS:
            return name
        raise pickle.UnpicklingError(f"it names {module}.{name}")

    def persistent_load(self, told: Any) -> _Storage:
        what, kind, key, *_ = told
        if what != "storage" or kind not in _KINDS or not isinstance(key, str):
            raise pickle.UnpicklingError("it names a storage of an unknown kind")
        return _Storage(key, _KINDS[kind])


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a file by name, in its order: float32 or int64 arrays, not writable. Raises `DamagedFile`."""
    try:
        if path.stat().st_size > _MOST:
            raise ValueError("it is too large")
        return _read(path.read_bytes())
    except Exception as problem:  # whatever a pickle can meet
        why = str(problem).split("\n")[0] or type(problem).__name__
        raise DamagedFile(
            f"{path.name} holds no weights that can be read ({why}): install its package again."
        ) from None


def _read(content: bytes) -> dict[str, np.ndarray]:
    file = io.BytesIO(content)
    magic, version, _, state, keys = (_Reader(file).load() for _ in range(5))
    if (magic, version) != (_MAGIC, _VERSION) or type(state) is not OrderedDict or type(keys) is not list:
        raise ValueError("it is no such file")
    tensors = {name: value for name, value in state.items() if isinstance(value, _Tensor)}
    kinds = {tensor.storage.key: tensor.storage.kind for tensor in tensors.values()}
    storages = {}
    for key in keys:
        count = int.from_bytes(file.read(8), "little", signed=True)
        raw = file.read(count * kinds[key].itemsize) if 0 <= count <= len(content) else b""
        if len(raw) != count * kinds[key].itemsize:
            raise ValueError("it is cut short")
        storages[key] = np.frombuffer(raw, kinds[key])
    if file.read(1):
        raise ValueError("something follows its end")
    return {name: tensor.of(storages) for name, tensor in tensors.items()}
