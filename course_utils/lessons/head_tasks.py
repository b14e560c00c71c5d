"""Lesson 05, freezing and heads: its exercises."""

from typing import Any

import numpy as np

from ..lesson import Exercise, exercise
from ..marking import WHOLE, require
from ..sources import Source
from ..targets import load_target
from .judged_models import better_classifier, better_estimator


@exercise(
    "How many numbers does fit learn?",
    "The base is frozen, pooling and dropout have nothing to learn: two dense layers are left.",
    "A dense layer from a to b has a * b weights and b biases. The pooling leaves one number for each channel.",
)
def numbers_to_learn(answer: Any) -> str:
    require(isinstance(answer, WHOLE) and not isinstance(answer, bool), "Give one whole number.")
    wide, hidden, classes = 1280, 256, 10
    right = wide * hidden + hidden + hidden * classes + classes
    require(
        answer != wide * hidden + hidden * classes, "You left out the biases: one for each output of a dense layer."
    )
    require(
        answer not in (7 * 7 * right, 7 * 7 * wide * hidden + hidden + hidden * classes + classes),
        "You counted every place of the 7 x 7 maps: the pooling leaves one number for each channel.",
    )
    require(answer != wide * classes + classes, "You left out the layer of 256: the last layer sees only its outputs.")
    require(answer != hidden * classes + classes, "That is the last layer alone: the layer of 256 learns, too.")
    require(answer != right + 4 * wide, "There is no BatchNorm in this head.")
    require(answer == right, "Count each dense layer for itself: its weights, then its biases.")
    return f"{wide} x {hidden} + {hidden}, and {hidden} x {classes} + {classes}."


def _letter(side: int = 64) -> np.ndarray:
    """A dark F in the middle of a picture, float32 (side, side, 3): no mirror and no turn brings it onto itself."""
    picture = np.full((side, side, 3), 230, "float32")
    for rows, columns in (((14, 50), (22, 29)), ((14, 21), (22, 46)), ((28, 35), (22, 40))):
        picture[slice(*rows), slice(*columns)] = 30
    return picture


@exercise(
    "Augmentation for handwritten digits.",
    "Ask of each layer: would you still read the same digit? A 6 that is turned by half is a 9.",
    "Turn by a twentieth of a circle, shift by a twentieth of the side, zoom by a tenth; mirror nothing.",
)
def digits_augmented(answer: Any) -> str:
    import keras
    from scipy.ndimage import center_of_mass, gaussian_filter

    require(callable(answer), "Give a layer, or layers one after the other in keras.Sequential.")
    letter = _letter()
    made = np.asarray(keras.ops.convert_to_numpy(answer(np.repeat(letter[None], 64, 0), training=True)))
    require(made.shape == (64, *letter.shape), f"It makes {made.shape[1:]} of {letter.shape}: it must keep the size.")
    require(0 <= made.min() and made.max() <= 255 and made.max() > 2, "Its pictures leave the range 0 … 255.")
    still = np.asarray(keras.ops.convert_to_numpy(answer(letter[None], training=False)))[0]
    require(
        np.abs(still - letter).mean() < 1, "It changes pictures outside of training, too: take Keras's Random layers."
    )
    require(np.abs(made - made[:1]).mean() > 0.5, "It makes the same of every picture: nothing in it is random.")

    def flat(picture, centred):
        grey = picture.mean(-1)
        if centred:
            grey = np.roll(grey, [round(31.5 - place) for place in center_of_mass(231 - grey.clip(0, 230))], (0, 1))
        soft = gaussian_filter(grey, 4)
        return (soft - soft.mean()).ravel() / max(float(soft.std()), 1e-6) / soft.size**0.5

    ways = {
        "": letter,
        "mirrors pictures: a digit in the mirror is none": letter[:, ::-1],
        "turns pictures upside down, and a 6 into a 9": letter[::-1, ::-1],
        "turns pictures upside down as water mirrors them": letter[::-1],
        "turns pictures onto their sides": np.rot90(letter),
        "turns pictures onto their other sides": np.rot90(letter, 3),
    }
    likeness = np.array([[[flat(p, way) @ flat(w, way) for w in ways.values()] for p in made] for way in (False, True)])
    enough = likeness[..., 0].max(0).mean() > 0.5
    require(enough, "Too little is left of the letter that was tried: turn, shift and zoom less.")
    found = likeness.argmax(-1)  # as they stand, and brought to the middle: (2, pictures)
    best = np.bincount(np.where(found.min(0), found[1], 0), minlength=len(ways)) / len(made)
    worst = 1 + int(best[1:].argmax())
    require(best[worst] < 0.08, f"It {list(ways)[worst]} ({100 * best[worst]:.0f} of 100 times).")
    changed = np.abs(made - letter).mean()
    require(changed > 3, "It changes next to nothing: a little more, as far as you can still read it.")
    return f"An F stays an F in {100 * best[0]:.0f} of 100 pictures, and no two are alike."


def digits_head(source: Source, seed: int) -> Exercise:
    """The open task on handwritten digits, 20 of each: three points more than the plain linear head."""
    return better_classifier(
        source,
        load_target("digits", seed),
        20,
        seed,
        3,
        (
            "The last blocks know objects. Digits are made of strokes: where in the network are those?",
            "Cut in the middle, keep where things are with AdaptiveAveragePooling2D(2) and Flatten, then "
            "BatchNormalization, Dropout(0.5) and the dense layer.",
        ),
    )


def angle_head(source: Source, seed: int) -> Exercise:
    """The open task on turned digits, 300 of them: an error of at most nine tenths of the plain linear head's."""
    return better_estimator(
        source,
        load_target("turned digits", seed),
        300,
        seed,
        0.9,
        (
            "One output without activation, Rescaling behind it, and again: at which depth are strokes?",
            "Cut in the middle, AdaptiveAveragePooling2D(2), Flatten, BatchNormalization, Dropout(0.3), Dense(1), "
            "Rescaling(spread, offset=mean), and 20 epochs with Adam(1e-2).",
        ),
    )
