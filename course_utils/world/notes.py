"""Sounds as pictures: spectrograms of single notes, as far from photographs as from drawings of shapes."""

import numpy as np

from ..pictures.labelled import Target

SIDE = 64  # frames in time, and frequencies: the width and the height of a picture
NAMES = ("C", "D", "E", "F", "G", "A", "B", "C'")
_SEMITONES = np.array((0, 2, 4, 5, 7, 9, 11, 12))
_LOWEST = 0.055  # cycles in a sample: the pitch of C
_WINDOW = 128  # samples in a frame
POOL, TEST = 60, 40  # pictures of each note to draw from, and to test on


def notes(seed: int) -> Target:
    """Which of eight notes is played? Eight classes, 64 x 64 pixels in grey, time to the right, pitch upwards.

    Each sound is out of tune by up to a quarter of a semitone and has six overtones of random strength, as instruments
    differ in theirs; when it begins and ends, and how much noise there is, is drawn as well.
    """
    sets = []
    for part, per_class in enumerate((POOL, TEST)):
        labels = np.repeat(np.arange(len(NAMES)), per_class)
        sets += [_spectrograms(labels, np.random.default_rng([seed, part, 19])), labels]
    return Target("notes", "Which of eight notes is played?", *sets, class_names=NAMES)


def _spectrograms(labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Uint8 (n, 64, 64, 3), the strength of each frequency (upwards) in each frame of time (to the right)."""
    n, step = len(labels), _WINDOW // 2
    time = np.arange(step * (SIDE + 1), dtype="float32")
    pitch = _LOWEST * 2 ** ((_SEMITONES[labels] + rng.uniform(-0.25, 0.25, n)) / 12)
    sound = np.zeros((n, len(time)), "float32")
    for overtone in range(1, 7):
        strength, phase = rng.uniform(0, 1, (n, 1)) ** 2 / overtone, rng.uniform(0, 2 * np.pi, (n, 1))
        sound += strength * np.sin(2 * np.pi * overtone * pitch[:, None] * time + phase)
    sound /= sound.std(1, keepdims=True)
    begin = rng.uniform(0.05, 0.35, (n, 1))
    end = begin + rng.uniform(0.3, 0.6, (n, 1))
    sound *= (time > begin * len(time)) & (time < end * len(time))
    sound += rng.uniform(0.3, 1, (n, 1)) * rng.normal(size=sound.shape)
    frames = np.lib.stride_tricks.sliding_window_view(sound, _WINDOW, 1)[:, ::step][:, :SIDE] * np.hanning(_WINDOW)
    strengths = np.log10(np.abs(np.fft.rfft(frames))[..., 1 : SIDE + 1] + 1e-3)  # (n, time, frequency)
    grey = 255 * np.clip((strengths + 0.5) / 2.5, 0, 1).transpose(0, 2, 1)[:, ::-1]
    return np.repeat(grey[..., None], 3, -1).astype("uint8")
