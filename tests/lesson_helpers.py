"""A network, targets and models so small that a lesson's judges can be tried on them in a moment.

Each picture says two things: whether it is red or green, which any average over the picture tells, and on which side
it is blue, which no average tells.
"""

from itertools import product

import numpy as np

from course_utils.pictures.labelled import Target
from course_utils.sources import Source

SIDE = 8
RED = np.zeros((SIDE, SIDE, 3))  # that a picture is multiplied by to tell what it says, 0 … 1 for 0 … 255
RED[..., 0], RED[..., 1] = 255 / 128, -255 / 128
LEFT = np.zeros((SIDE, SIDE, 3))
LEFT[:, : SIDE // 2, 2], LEFT[:, SIDE // 2 :, 2] = 255 / 64, -255 / 64
NAMES = ("green right", "green left", "red right", "red left")
FOUR = [red * RED + left * LEFT for red, left in product((-1, 1), repeat=2)]  # for each class of NAMES


def tiny_source(cuts=("colours", "grey")) -> Source:
    """A network that can be cut at its colours, which are kept, at grey, where they are lost, and at its logits."""
    import keras
    from keras import layers

    start = keras.Input((SIDE, SIDE, 3), name="pictures")
    colours = layers.Conv2D(3, 1, name="colours")(layers.Rescaling(1 / 255, name="scale")(start))
    grey = layers.Conv2D(3, 1, name="grey")(colours)
    logits = layers.Dense(2, name="logits")(layers.GlobalAveragePooling2D(name="average")(grey))
    model = keras.Model(start, logits, name="tiny")
    model.get_layer("colours").set_weights([np.eye(3)[None, None], np.zeros(3)])
    model.get_layer("grey").set_weights([np.full((1, 1, 3, 3), 1 / 3), np.zeros(3)])
    model.get_layer("logits").set_weights([np.eye(3, 2), np.zeros(2)])
    return Source("tiny", model, tuple(cuts), (), (SIDE, SIDE), "tiny: made for a test.")


def pictures_of(red: np.ndarray, left: np.ndarray, seed: int = 0) -> np.ndarray:
    """Pictures uint8 (n, 8, 8, 3), noise aside so red (green where it is negative) and so blue on the left."""
    made = 128 + np.random.default_rng(seed).uniform(-10, 10, (len(red), SIDE, SIDE, 3))
    made[..., 0] += red[:, None, None]
    made[..., 1] -= red[:, None, None]
    made[:, :, : SIDE // 2, 2] += left[:, None, None]
    made[:, :, SIDE // 2 :, 2] -= left[:, None, None]
    return made.round().astype("uint8")


def four_classes(seed: int = 0, per_class: int = 25, tests: int = 100) -> Target:
    """Green or red, and for each right or left: a head on averages knows the colour and guesses the side."""
    parts = []
    for part, n in enumerate((per_class, tests)):
        labels = np.arange(4 * n) % 4
        red, left = 20.0 * (2 * (labels // 2) - 1), 20.0 * (2 * (labels % 2) - 1)
        parts += [pictures_of(red, left, 2 * seed + part), labels]
    return Target("four", "Which colour, on which side?", *parts, NAMES)


def values(seed: int = 0, n: int = 100) -> Target:
    """How red and how far left, added: a head on averages knows the first half of it."""
    parts = []
    for part in (0, 1):
        red, left = np.random.default_rng([seed, part]).uniform(-40, 40, (2, n))
        parts += [pictures_of(red, left, 2 * seed + part), (red + left).astype("float32")]
    return Target("values", "How much?", *parts, unit="points")


def model_on(source: Source, readings, cut: str = "colours"):
    """A Keras model on the source's own layers up to `cut` that answers pictures with these `readings` of them."""
    import keras
    from keras import layers

    x = layers.Flatten(name="all_of_it")(source.prefix(cut).output)
    head = layers.Dense(len(readings), name="reading")
    answer = head(x)
    head.set_weights([np.reshape(readings, (len(readings), -1)).T, np.zeros(len(readings))])
    return keras.Model(source.model.input, answer)
