"""The tasks of the drawing world: each is rendered from factors, so its right answers are known exactly."""

from collections.abc import Callable

import numpy as np

from ..pictures.labelled import Target
from . import shapes

POOL, TEST = 120, 60  # pictures per class to draw from, and to test on


def _rendered(name: str, question: str, classes: tuple[str, ...], make: Callable, seed: int, unit: str = "") -> Target:
    """Build a target from `make(labels, rng) -> pictures`, with as many pictures of each class."""
    sets = []
    for part, per_class in enumerate((POOL, TEST)):
        rng = np.random.default_rng([seed, part, 7])
        labels = np.repeat(np.arange(len(classes)), per_class)
        sets += [make(labels, rng), labels]
    return Target(name, question, *sets, class_names=classes, unit=unit)


def unseen_shapes(seed: int, textures=shapes.SOURCE_TEXTURES, name: str = "unseen shapes") -> Target:
    def make(labels, rng):
        return shapes.render(shapes.sample_factors(len(labels), rng, shapes.UNSEEN_SHAPES, textures, shape=labels), rng)

    return _rendered(name, "Which of eight shapes that the source never saw?", shapes.UNSEEN_SHAPES, make, seed)


def unseen_shapes_and_textures(seed: int) -> Target:
    return unseen_shapes(seed, shapes.UNSEEN_TEXTURES, "unseen shapes and textures")


def known_shapes(seed: int) -> Target:
    """Eight of the shapes that the source of drawings was trained on: the control to `unseen_shapes`."""
    known = shapes.SOURCE_SHAPES[:8]

    def make(labels, rng):
        return shapes.render(shapes.sample_factors(len(labels), rng, known, shape=labels), rng)

    return _rendered("known shapes", "Which of eight shapes that the source was trained on?", known, make, seed)


def _bins(labels: np.ndarray, rng: np.random.Generator, bins: int, turn: float) -> np.ndarray:
    """Angles in the middle two thirds of each label's bin, so that no two classes touch."""
    return (labels + rng.uniform(1 / 6, 5 / 6, len(labels))) * turn / bins


def stripe_orientation(seed: int) -> Target:
    bins = 6

    def make(labels, rng):
        angle = _bins(labels, rng, bins, np.pi)
        factors = shapes.sample_factors(len(labels), rng, textures=("stripes",), texture_angle=angle)
        return shapes.render(factors, rng)

    names = tuple(f"{round(180 / bins * (k + 0.5))}°" for k in range(bins))
    return _rendered("stripe orientation", "Which way do the stripes run?", names, make, seed)


def pose(seed: int) -> Target:
    bins = 8

    def make(labels, rng):
        angle = _bins(labels, rng, bins, 2 * np.pi)
        return shapes.render(shapes.sample_factors(len(labels), rng, shapes=("heart",), angle=angle), rng)

    names = tuple(f"{round(360 / bins * (k + 0.5))}°" for k in range(bins))
    return _rendered("pose", "Which way does the heart point?", names, make, seed)


def count(seed: int) -> Target:
    def make(labels, rng):
        n = len(labels)
        # Five places on a ring: shapes never overlap, and which places are taken says nothing else.
        places = rng.permuted(np.tile(np.arange(5), (n, 1)), axis=1) * 2 * np.pi / 5 + rng.uniform(0, 2, (n, 1))
        layers = []
        for k in range(5):
            outside = np.where(labels >= k, 0.0, 9.0)  # a shape too many is painted far out of the frame
            layers.append(
                shapes.sample_factors(
                    n,
                    rng,
                    x=0.58 * np.cos(places[:, k]) + outside,
                    y=0.58 * np.sin(places[:, k]),
                    size=rng.uniform(7, 9, n),
                    period=4.0,
                )
            )
            for name in ("colours", "shape_name", "texture_name"):
                layers[k][name] = layers[0][name]
        return shapes.render(layers, rng)

    return _rendered("count", "How many shapes are there?", tuple("12345"), make, seed)


def size(seed: int) -> Target:
    sets = []
    for part, n in enumerate((8 * POOL, 8 * TEST)):
        rng = np.random.default_rng([seed, part, 11])
        factors = shapes.sample_factors(n, rng, size=rng.uniform(8, 28, n))
        sets += [shapes.render(factors, rng), factors["size"].astype("float32")]
    return Target("size", "How large is the shape?", *sets, unit="pixels")
