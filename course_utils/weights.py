"""Bring Keras's pretrained files into Keras's cache: checked, never half a file, and never a silent wait.

Keras itself writes a download under its final name, waits without limit for a server that does not answer, and for
some families checks nothing. What file it wants is always asked of Keras, so no address or hash stands here.
"""

import hashlib
import http.client
import os
import socket
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from .errors import DamagedFile, SourceUnavailable
from .progress import bar

PATIENCE = 3.0  # seconds for a server to show that it is there
STALL = 30.0  # seconds without a byte that end a download


@dataclass(frozen=True)
class KerasFile:
    """A file as Keras asks for it: its name in the cache, its address, and the hash that it should have, if any."""

    name: str
    url: str
    hash: str | None

    @property
    def path(self) -> Path:
        """Where it lies, or would lie, in Keras's cache."""
        return cache_folder() / self.name


class _Asked(Exception):
    pass


def cache_folder() -> Path:
    """Keras's folder of weights: `models` in the folder that `KERAS_HOME` names, by default `~/.keras`."""
    from keras.src.backend import config

    return Path(os.environ.get("KERAS_HOME") or config.keras_home()).expanduser() / "models"


def shown(path: Path) -> str:
    """A path as a reader finds it, with ~ for the home folder."""
    return f"~/{path.relative_to(Path.home()).as_posix()}" if path.is_relative_to(Path.home()) else str(path)


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


def can_build(build: Callable) -> bool:
    """Whether Keras can build a model at all. No memory is taken for weights."""
    try:
        with without_weights():
            build()
    except ValueError:
        return False
    return True


def _intact(path: Path, expected: str | None) -> bool:
    """Whether a file has its hash, where one is known, and whether an HDF5 file is whole."""
    import h5py

    if expected:
        with path.open("rb") as file:
            found = hashlib.file_digest(file, "md5" if len(expected) == 32 else "sha256").hexdigest()
        if found != expected:
            return False
    try:
        if path.suffix == ".h5":
            h5py.File(path).close()
    except OSError:
        return False
    return True


silent_hosts: dict[str, str] = {}  # those that did not answer, and why: nobody should wait for them twice


def unreachable(url: str) -> str:
    """Why a file cannot be fetched, in a few words, or "" where it can."""
    host = urllib.parse.urlsplit(url).hostname
    if host in silent_hosts:
        return silent_hosts[host]
    found = [f"{host} did not answer within {PATIENCE:.0f} seconds"]

    def ask():
        try:
            with urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PATIENCE):
                found[0] = ""
        except urllib.error.HTTPError as problem:
            found[0] = f"{host} answered with status {problem.code}"
        except TimeoutError:
            pass
        except (OSError, http.client.HTTPException) as problem:
            if not isinstance(getattr(problem, "reason", None), (TimeoutError, socket.timeout)):
                found[0] = f"there is no connection to {host}"

    # Looking up a host's name knows no time limit, so it waits in a thread that nobody has to wait for.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    if found[0] and "status" not in found[0]:
        silent_hosts[host] = found[0]
    return found[0]


def obtain(file: KerasFile, what: str) -> tuple[Path, str]:
    """The path of a file in Keras's cache, fetched where it is not there yet, and how it came ("from the cache …").

    Raises `SourceUnavailable`, or `DamagedFile` for a file that is not what it should be and cannot be replaced.
    `what` names it in the sentence.
    """
    path = file.path
    there = path.is_file()
    if there and _intact(path, file.hash):
        return path, f"from the cache {shown(path.parent)}"
    problem = unreachable(file.url)
    if there and problem:
        raise DamagedFile(
            f"The file of {what}, {shown(path)}, is cut short or altered and cannot be replaced, as {problem}: "
            "connect to a network and load it again, or copy a whole file over it."
        )
    if problem:
        raise SourceUnavailable(
            f"The file of {what}, {file.name}, is not in Keras's cache and cannot be fetched, as {problem}: connect "
            f"to a network, or copy the file to {shown(path.parent)} (the variable KERAS_HOME sets another place)."
        )
    _download(file, what)
    return path, f"fetched from {urllib.parse.urlsplit(file.url).hostname}"


def _download(file: KerasFile, what: str) -> None:
    beside = file.path.with_name(f"{os.getpid()}.{file.name}")  # an interrupted download never looks like a whole one
    try:
        beside.parent.mkdir(parents=True, exist_ok=True)
        out = beside.open("wb")
    except OSError as problem:
        raise SourceUnavailable(
            f"The file of {what} was not fetched, as nothing can be written to {shown(beside.parent)} "
            f"({problem.strerror}): set the variable KERAS_HOME to a folder of your own."
        ) from None
    try:
        with out, urllib.request.urlopen(file.url, timeout=STALL) as answer:
            size = int(answer.headers.get("Content-Length") or 0)
            with bar(total=-(-size >> 20) or None, label=file.name, unit="MB") as progress:
                while part := answer.read(1 << 20):
                    out.write(part)
                    progress.update(1)
        if not _intact(beside, file.hash):
            raise DamagedFile(
                f"What came from {file.url} is not the file of {what}, or not all of it: try again, perhaps from "
                "another network."
            )
        os.replace(beside, file.path)
    except (OSError, http.client.HTTPException) as problem:
        reason = getattr(problem, "strerror", None) or getattr(problem, "reason", None) or type(problem).__name__
        raise SourceUnavailable(
            f"The file of {what} did not come whole from {urllib.parse.urlsplit(file.url).hostname} ({reason}): "
            "try again, the next try starts afresh."
        ) from None
    finally:
        beside.unlink(missing_ok=True)
