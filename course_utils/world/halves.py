"""Yosinski's experiment in small: networks trained on two halves of the source's classes, and cut at every depth.

Yosinski et al. 2014, "How transferable are features in deep neural networks?". Half A and half B are six shapes each,
in all four textures: 24 classes. `AnB` keeps the first n blocks of a network trained on A, frozen, and trains the
rest on B; `BnB` keeps a B network's own (the control for cutting alone); the + versions train the kept blocks too;
`random` keeps frozen blocks that nobody trained. Notebook 07 copies the blocks and trains the networks; here are its
pictures, its network and its settings.
"""

import numpy as np

from . import embedded, shapes
from .embedded import preprocess  # noqa: F401 - how these networks want their pictures, too

KINDS = ("AnB", "BnB", "AnB+", "BnB+", "random")
CUTS = embedded.CUTS[:-1]
SIDE = 32  # pixels: half the side of the course's other drawings, a quarter of the time
PUBLISHED = {  # top-1 of Yosinski et al. on half B of ImageNet in per cent, n = 1 … 7, recomputed from their logs
    "base": 62.5,
    "AnB": [62.8, 62.4, 61.9, 60.0, 57.8, 58.1, 54.3],
    "BnB": [62.7, 62.4, 62.1, 60.5, 59.4, 61.9, 62.3],
    "AnB+": [63.7, 63.6, 64.3, 64.0, 64.5, 64.6, 64.7],
}
BLOCKS = ((24, 2), (24, 1), (48, 2), (48, 1), (64, 2), (64, 1))  # narrower, so quicker, than the embedded source's
SETTINGS = {
    "seeds": [0, 1, 2],
    "pictures": 25_000,
    "steps": 800,
    "batch": 64,
    "peak rate": 4e-3,
    "tested on": 4_000,
}


def dealt_out(seed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The twelve source shapes in two random halves, A and B."""
    mixed = np.random.default_rng([seed, 5]).permutation(shapes.SOURCE_SHAPES)
    return tuple(map(str, mixed[:6])), tuple(map(str, mixed[6:]))


def drawings(half: tuple[str, ...], n: int, seed) -> tuple[np.ndarray, np.ndarray]:
    """n quiet drawings of one half: uint8 (n, 32, 32, 3), and labels int64 (n,), 0 … 23.

    Quiet: large, near the middle, turned by 23° at most, on a plain background. So networks can be trained by the
    hundred.
    """
    rng = np.random.default_rng(seed)
    near = {name: rng.uniform(-0.15, 0.15, n) for name in ("x", "y")}
    plain = {"clutter": 0, "light": 0, "blur": 0, "noise": 0.02}
    factors = shapes.sample_factors(
        n, rng, half, size=rng.uniform(20, 27, n), angle=rng.uniform(-0.4, 0.4, n), **near, **plain
    )
    pictures = shapes.render(factors, rng)
    small = pictures.reshape(n, SIDE, 2, SIDE, 2, 3).mean((2, 4), dtype="float32")
    return (small + 0.5).astype("uint8"), shapes.source_labels(factors)


def halves_and_test(seed: int):
    """Training pictures and labels of half A, of half B, and others of half B to test on."""
    a, b = dealt_out(seed)
    made = ((a, "pictures", 0), (b, "pictures", 1), (b, "tested on", 2))
    return tuple(drawings(half, SETTINGS[size], [seed, part]) for half, size, part in made)


def network(seed: int):
    """A network like the embedded one with fewer channels, random and not compiled yet."""
    return embedded.build(seed=seed, side=SIDE, blocks=BLOCKS, classes=24)


def train_network(model, pictures: np.ndarray, labels: np.ndarray, seed: int) -> None:
    """Compile and train: one cycle of Adam on random batches, the same number of steps for every network."""
    import keras

    steps, peak = SETTINGS["steps"], SETTINGS["peak rate"]
    rate = keras.optimizers.schedules.CosineDecay(
        peak / 50, steps - steps // 5, warmup_target=peak, warmup_steps=steps // 5
    )
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    rng = np.random.default_rng([seed, 9])
    for _ in range(steps):
        chosen = rng.integers(len(pictures), size=SETTINGS["batch"])
        model.train_on_batch(embedded.preprocess(pictures[chosen]), labels[chosen])
