"""What several test files share."""

import re
from contextlib import contextmanager

import numpy as np
import pytest


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


def wave(plane: np.ndarray) -> tuple[float, float]:
    """Direction (radians) and period (pixels) of the strongest plane wave in a picture (h, w)."""
    n = 1024  # padded, so that the peak is found between the frequencies of the picture itself
    window = np.hanning(plane.shape[0])[:, None] * np.hanning(plane.shape[1])
    strength = np.abs(np.fft.rfft2((plane - plane.mean()) * window, (n, n)))
    down, right = np.unravel_index(strength.argmax(), strength.shape)
    down = np.fft.fftfreq(n)[down] * n
    return float(np.arctan2(down, right)), float(n / np.hypot(down, right))
