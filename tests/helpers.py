"""What several test files share."""

import functools
import http.server
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import Distribution, distribution
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from course_utils.authoring import execution


@contextmanager
def complains(error: type[Exception], *words: str):
    """The block must raise `error` with one whole sentence that holds all `words`, and no other error behind it."""
    with pytest.raises(error) as caught:
        yield
    message = str(caught.value)
    assert re.fullmatch(r"['\w/].*\w.*[.?]", message), f"no whole sentence: {message!r}"
    assert not re.search(r"[.?!]\s+[A-Z]", message), f"more than one sentence: {message!r}"
    for word in words:
        assert word in message, f"{word!r} is not in {message!r}"
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None or caught.value.__suppress_context__


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


def needed(*requirements: str) -> dict[str, Distribution]:
    """The installed distributions that the requirements ask for, with what those ask for."""
    found, todo = {}, [Requirement(line) for line in requirements]
    while todo:
        wanted = todo.pop()
        extras = wanted.extras or {""}
        if wanted.marker and not wanted.marker.evaluate({"extra": ""}):
            continue
        name = canonicalize_name(wanted.name)
        if name in found and not wanted.extras:
            continue
        found[name] = distribution(wanted.name)
        for line in found[name].requires or ():
            asked = Requirement(line)
            if not asked.marker or any(asked.marker.evaluate({"extra": extra}) for extra in extras):
                asked.marker = None
                todo.append(asked)
    return found


def page_files(page: Path) -> dict[str, str]:
    """The files that a page in Markdown gives in full, by their paths without the first slash."""
    found = re.findall(r"^`/(\S+)`:\n\n```\w+\n(.*?)^```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return dict(found)


def let_in(folder: Path, beside: Path) -> list[str]:
    """Commands that let everybody into a folder, such as a Python of root's, and into nothing else on the way to it."""
    closed = [parent for parent in folder.parents if not parent.stat().st_mode & 1]
    if not closed:
        return []
    beside.mkdir()
    return [
        f"mount --bind {closed[-1]} {beside}",
        f"mount -t tmpfs -o mode=755 none {closed[-1]}",
        f"mkdir -p {folder}",
        f"mount --bind {beside / folder.relative_to(closed[-1])} {folder}",
    ]


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """A server on this machine that gives what lies in a folder: its address, with a slash at the end."""
    running = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_Quiet, directory=folder))
    threading.Thread(target=running.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{running.server_port}/"
    running.shutdown()
    running.server_close()


def wave(plane: np.ndarray) -> tuple[float, float]:
    """Direction (radians) and period (pixels) of the strongest plane wave in a picture (h, w)."""
    n = 1024  # padded, so that the peak is found between the frequencies of the picture itself
    window = np.hanning(plane.shape[0])[:, None] * np.hanning(plane.shape[1])
    strength = np.abs(np.fft.rfft2((plane - plane.mean()) * window, (n, n)))
    down, right = np.unravel_index(strength.argmax(), strength.shape)
    down = np.fft.fftfreq(n)[down] * n
    return float(np.arctan2(down, right)), float(n / np.hypot(down, right))


def told(notebook, kind):
    """What the notebook displayed as claims (kind "claim") or as checks ("check")."""
    outputs = [output for cell in execution.code_cells(notebook) for output in cell.outputs]
    facts = [output.get("metadata", {}).get("course", {}) for output in outputs]
    return [fact for fact in facts if kind in fact]


def on_stderr(notebook):
    outputs = [output for cell in execution.code_cells(notebook) for output in cell.outputs]
    return [output.text for output in outputs if output.get("name") == "stderr"]


def assert_claims_hold(path, notebook):
    claims = told(notebook, "claim")
    assert all(claim["holds"] for claim in claims), [c["claim"] for c in claims if not c["holds"]]
    assert claims or path.name.startswith("00"), "the notebook claims nothing"


def long_but(every, *quick) -> list:
    """What `parametrize` takes of all these: `quick` ones always, the others among the long tests only."""
    return [one if one in quick else pytest.param(one, marks=pytest.mark.long) for one in every]


def small_vit(class_token: bool = False, base: bool = False):
    """A vision transformer of Keras's own layers: 4 x 4 patches of 32 x 32 pixels, two blocks; its cuts hold tokens.

    With `base`, the blocks are a model within the model, as the tutorials build it.
    """
    import keras
    from keras import layers, ops

    keras.utils.set_random_seed(0)
    x = pictures = keras.Input((32, 32, 3), name="pictures")
    x = layers.Conv2D(12, 8, strides=8, name="patches")(layers.Rescaling(1 / 127.5, offset=-1, name="scale")(x))
    x = layers.Reshape((16, 12), name="in_a_row")(x)
    if class_token:
        first = layers.Embedding(1, 12, name="class_token")(ops.zeros_like(x[:, :1, 0]))
        x = layers.Concatenate(axis=1, name="joined")([first, x])
    places = ops.cumsum(ops.ones_like(x[:, :, 0]), axis=1) - 1
    x = layers.Add(name="embedded")([x, layers.Embedding(16 + class_token, 12, name="places")(places)])
    y = entry = keras.Input(x.shape[1:], name="tokens") if base else x
    for k in (1, 2):
        z = layers.LayerNormalization(name=f"block{k}_norm1")(y)
        z = layers.MultiHeadAttention(2, 6, name=f"block{k}_attention")(z, z)
        y = layers.Add(name=f"block{k}_attended")([y, z])
        z = layers.Dense(24, activation="gelu", name=f"block{k}_wide")(
            layers.LayerNormalization(name=f"block{k}_norm2")(y)
        )
        y = layers.Add(name=f"block{k}")([y, layers.Dense(12, name=f"block{k}_narrow")(z)])
    y = layers.LayerNormalization(name="norm")(y)
    x = keras.Model(entry, y, name="base")(x) if base else y
    x = x[:, 0] if class_token else layers.GlobalAveragePooling1D(name="average")(x)
    return keras.Model(pictures, layers.Dense(3, activation="softmax", name="classes")(x), name="vit")
