"""Yosinski's experiment in small: networks trained on two halves of the source's classes, and cut at every depth.

Yosinski et al. 2014, "How transferable are features in deep neural networks?". Half A and half B are six shapes each,
in all four textures: 24 classes. `AnB` keeps the first n blocks of a network trained on A, frozen, and trains the
rest on B; `BnB` keeps a B network's own (the control for cutting alone); the + versions train the kept blocks too;
`random` keeps frozen blocks that nobody trained. `course train-halves` makes the shipped table again.
"""

from collections.abc import Callable

import numpy as np

from . import embedded, shapes

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


def split(seed: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
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


def build(seed: int, kept=None, first: int = 0, frozen: bool = True):
    """A network like the embedded one with fewer channels, random but for its first `first` blocks.

    Those are copied from the network `kept` (left random where it is None), and frozen unless `frozen` is False.
    """
    import keras

    model = embedded.build(seed=seed, side=SIDE, blocks=BLOCKS, classes=24)
    for layer in model.layers:
        if layer.name.split("_")[0] in CUTS[:first]:
            if kept is not None:
                layer.set_weights(kept.get_layer(layer.name).get_weights())
            layer.trainable = not frozen
    steps = SETTINGS["steps"]
    rate = keras.optimizers.schedules.CosineDecay(
        SETTINGS["peak rate"] / 50,
        steps - steps // 5,
        warmup_target=SETTINGS["peak rate"],
        warmup_steps=steps // 5,
    )
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    return model


def train(model, pictures: np.ndarray, labels: np.ndarray, seed: int) -> None:
    """One cycle of Adam on random batches, the same number of steps for every network."""
    rng = np.random.default_rng([seed, 9])
    for _ in range(SETTINGS["steps"]):
        chosen = rng.integers(len(pictures), size=SETTINGS["batch"])
        model.train_on_batch(embedded.preprocess(pictures[chosen]), labels[chosen])


def accuracy(model, pictures: np.ndarray, labels: np.ndarray) -> float:
    """Share of pictures whose class the network names rightly, in per cent."""
    guesses = model.predict(embedded.preprocess(pictures), batch_size=256, verbose=0).argmax(1)
    return 100 * float(np.mean(guesses == labels))


def experiment(done: Callable[[], object] = lambda: None, seeds: list[int] | None = None) -> list[dict]:
    """Rows of seed, kind (one of `KINDS`, or "base"), cut ("" for "base") and accuracy on half B in per cent.

    `done` is called after each of the trainings, `trainings()` in all, of about half a minute each.
    """
    import keras

    rows = []
    for seed in seeds or SETTINGS["seeds"]:
        halves = split(seed)
        a, b = (drawings(half, SETTINGS["pictures"], [seed, k]) for k, half in enumerate(halves))
        test = drawings(halves[1], SETTINGS["tested on"], [seed, 2])
        net_a, net_b = build(seed), build(seed + 100)
        for net, half in ((net_a, a), (net_b, b)):
            train(net, *half, seed)
            done()
        rows.append({"seed": seed, "kind": "base", "cut": "", "accuracy": accuracy(net_b, *test)})
        kept = {"AnB": net_a, "BnB": net_b, "AnB+": net_a, "BnB+": net_b, "random": None}
        for n, cut in enumerate(CUTS, 1):
            for kind in KINDS:
                model = build(seed + 200, kept[kind], n, frozen="+" not in kind)
                train(model, *b, seed + 1)
                rows.append({"seed": seed, "kind": kind, "cut": cut, "accuracy": accuracy(model, *test)})
                done()
        keras.backend.clear_session()
    return rows


def trainings() -> int:
    """How many networks the experiment trains."""
    return len(SETTINGS["seeds"]) * (2 + len(KINDS) * len(CUTS))
