"""Bring Keras's pretrained files into Keras's cache: checked, never half a file, and never a silent wait.

Keras itself writes a download under its final name, waits without limit for a server that does not answer, and for
some families checks nothing. What file it wants is always asked of Keras, so no address or hash stands here.
"""

import os
import urllib.parse
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from ..errors import DamagedFile, SourceUnavailable
from ..root import with_tilde
from .downloads import fetch, intact, unreachable


@dataclass(frozen=True)
class KerasFile:
    """A file as Keras asks for it: its name in the cache, its address, and the hash that it should have, if any."""

    name: str
    url: str
    hash: str | None

    @property
    def path(self) -> Path:
        """Where it lies, or would lie, in Keras's cache."""
        return weights_folder() / self.name


class _Asked(Exception):
    pass


def weights_folder() -> Path:
    """Keras's folder of weights: `models` in the folder that `KERAS_HOME` names, by default `~/.keras`."""
    from keras.src.backend import config

    return Path(os.environ.get("KERAS_HOME") or config.keras_home()).expanduser() / "models"


def data_folder() -> Path:
    """Where the cache has data: the folder `datasets` beside that of the weights."""
    return weights_folder().parent / "datasets"


@contextmanager
def answering(answer: Callable):
    """Answer every request of `keras.applications` for a file with `answer(file)` in place of Keras's own download."""
    from keras.src.utils import file_utils

    def get_file(fname, origin, file_hash=None, **_):
        return answer(KerasFile(fname, origin, file_hash))

    with mock.patch.object(file_utils, "get_file", get_file):
        yield


@contextmanager
def without_weights():
    """Models built here have their layers and no memory for weights: enough to look at their structure."""
    import keras
    from keras.src.backend.common import global_state

    waiting = list(global_state.get_global_attribute("uninitialized_variables") or [])
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:  # or Keras would keep these variables, and give them values after all at the next occasion
        global_state.set_global_attribute("uninitialized_variables", waiting)


def wanted(load: Callable) -> KerasFile:
    """The file that `load` would ask of Keras. Nothing is fetched, and no memory is taken for weights."""
    asked = []

    def answer(file):
        asked.append(file)
        raise _Asked

    with without_weights(), answering(answer):
        try:
            load()
        except _Asked:
            pass
    return asked[0]


def weight_shapes(build: Callable) -> list[tuple] | None:
    """The shapes of a model's weights, or None where Keras cannot build it. No memory is taken for them."""
    try:
        with without_weights():
            return [tuple(weight.shape) for weight in build().weights]
    except ValueError:
        return None


def obtain(file: KerasFile, what: str) -> tuple[Path, str]:
    """The path of a file in Keras's cache, fetched where it is not there yet, and how it came ("from the cache …").

    Raises `SourceUnavailable`, or `DamagedFile` for a file that is not what it should be and cannot be replaced.
    `what` names it in the sentence.
    """
    path = file.path
    there = path.is_file()
    if there and intact(path, file.hash):
        return path, f"from the cache {with_tilde(path.parent)}"
    problem = unreachable(file.url)
    if there and problem:
        raise DamagedFile(
            f"The file of {what}, {with_tilde(path)}, is cut short or altered and cannot be replaced, as {problem}: "
            "connect to a network and load it again, or copy a whole file over it."
        )
    if problem:
        raise SourceUnavailable(
            f"The file of {what}, {file.name}, is not in Keras's cache and cannot be fetched, as {problem}: connect "
            f"to a network, or copy the file to {with_tilde(path.parent)} (the variable KERAS_HOME sets another place)."
        )
    fetch(file.url, path, what, file.hash)
    return path, f"fetched from {urllib.parse.urlsplit(file.url).hostname}"
