"""Lesson 05, freezing and heads: its controls, its curves, the phone's photograph, and its exercises."""

from pathlib import Path
from typing import Any

import numpy as np

from .. import figures
from ..lesson import Exercise, claim, exercise
from ..marking import WHOLE, require
from ..pictures.labelled import Target
from ..probing import cut_features, interval, linear_probe, random_features, raw_pixels
from ..sources import Source
from ..targets import load_target
from .judged_models import better_classifier, better_estimator

TESTED = 300  # test pictures that the controls are measured on
SENSOR = 6  # EXIF's orientation: turn it to the right by a quarter to see it upright


def show_controls(source: Source, target: Target, cut: str, n: int, draws: int, seed: int) -> dict[str, np.ndarray]:
    """Bars of a linear head on the frozen prefix, the untrained one and raw pixels: test scores over several draws.

    Accuracy in per cent for classes with n pictures of each, R² for values with n in all. Returns each way's scores
    (draws,). The claim that the frozen prefix leads is measured draw by draw.
    """
    chosen = [target.choose(n, [seed, draw]) for draw in range(draws)]
    used = np.unique(np.concatenate(chosen))
    some = np.random.default_rng(seed).permutation(len(target.test_labels))[:TESTED]
    pool, test, test_labels = target.pictures[used], target.test_pictures[some], target.test_labels[some]
    seen = {
        f"frozen prefix, {cut}": [cut_features(source, p, (cut,))[cut] for p in (pool, test)],
        "the same, untrained": [random_features(source, p, seed, (cut,))[cut] for p in (pool, test)],
        "raw pixels": [raw_pixels(p) for p in (pool, test)],
    }
    classes = len(target.class_names)
    scale, what = (100, "right (%)") if classes else (1, "R²: 1 is perfect, 0 is always saying the mean")
    scores = {}
    for name, (x, test_x) in seen.items():
        of_draws = [(np.searchsorted(used, train), target.labels[train]) for train in chosen]
        scores[name] = np.array([scale * linear_probe(x[k], y, test_x, test_labels) for k, y in of_draws])
    means, halves = zip(*(interval(values) for values in scores.values()), strict=True)
    first, *others = scores
    how_many = f"{n} pictures of each class" if classes else f"{n} pictures"
    chance = f"; guessing: {100 / classes:.0f}" if classes else ""
    figure = figures.bars(
        dict(zip(scores, map(float, means), strict=True)),
        f"{what}, test pictures, 95 % intervals over {draws} draws{chance}",
        f"{target.name}, {how_many}, a linear head on each",
        errors=list(map(float, halves)),
        highlight=first,
    )
    told = ", ".join(f"{name} {m:.2g} ± {h:.1g}" for name, m, h in zip(scores, means, halves, strict=True))
    figures.show(figure, f"Bars, {what}: {told}.")
    claim(
        "What the network learned elsewhere helps here: the frozen prefix leads both controls, in every draw.",
        all(np.all(scores[first] > scores[other]) for other in others),
        told,
    )
    return scores


def show_losses(by_heart: dict[str, list], cured: dict[str, list]) -> None:
    """Training and validation loss over epochs, of a `history` that overfits and of one that does not.

    Both hold "loss" and "val_loss", in nats. The claim is about the first.
    """
    train, valid = by_heart["loss"], by_heart["val_loss"]
    lowest = int(np.argmin(valid))
    figure, axes = figures.new_figure(1, 2, sharey=True, figsize=(figures.WIDTH, 3.4))
    for ax, history, name in zip(
        axes, (by_heart, cured), ("Learned by heart", "Augmentation, dropout, stopped early"), strict=True
    ):
        epochs = np.arange(1, len(history["loss"]) + 1)
        ax.plot(epochs, history["loss"], "o-", ms=3, label="training pictures")
        ax.plot(epochs, history["val_loss"], "s--", ms=3, label="validation pictures")
        ax.set(title=name, xlabel="epoch", xlim=(0, len(train) + 1))
    axes[0].set(ylabel="loss (cross-entropy, nats)", ylim=(0, 2 * max(valid[5:])))
    axes[0].axvline(lowest + 1, color=figures.GREY, ls=":")
    axes[1].legend()
    figures.show(
        figure,
        f"Losses over epochs. Left, the validation loss is lowest at epoch {lowest + 1} and rises from "
        f"{valid[lowest]:.2f} to {valid[-1]:.2f}, the training loss ends at {train[-1]:.3f}. Right, the best "
        f"validation loss is {min(cured['val_loss']):.2f}.",
    )
    claim(
        "The validation loss turns up while the training loss goes on falling: overfitting.",
        valid[-1] > valid[lowest] and train[-1] < train[lowest],
        f"{valid[lowest]:.2f} in epoch {lowest + 1}, {valid[-1]:.2f} in the end",
    )


def show_estimates(target: Target, true: np.ndarray, said: np.ndarray, mean: float) -> None:
    """What a regression head says of test pictures over what is true, (n,) each, in the target's unit.

    `mean` is that of the training values: who always says it is what the claim compares with.
    """
    error, always = np.abs(said - true).mean(), np.abs(mean - true).mean()
    figure, ax = figures.new_figure(figsize=(figures.WIDTH, 3.6))
    ax.plot(true, said, "o", ms=3.5, alpha=0.5, label="a test picture")
    ends = [true.min(), true.max()]
    ax.plot(ends, ends, "--", color=figures.GREY, label="said = true")
    ax.axhline(mean, color="black", ls=":", label="always the mean")
    ax.set(xlabel=f"true ({target.unit})", ylabel=f"said ({target.unit})", title=target.question)
    ax.legend()
    figures.show(figure, f"Said over true values of {len(said)} test pictures; mean error {error:.2f} {target.unit}.")
    claim(
        "The regression head errs less than one who always says the mean: by a quarter at least.",
        error < 0.75 * always,
        f"{error:.2f} against {always:.2f} {target.unit}",
    )


def show_turned(reads: dict[str, object], answers: dict[str, str]) -> None:
    """One file as several ways read it: `reads` maps a way to its PIL picture, `answers` to what a model says of it.

    The first way is the one that the claim finds on its side, the last one the upright.
    """
    figure, axes = figures.new_figure(1, len(reads), figsize=(figures.WIDTH, 3.6))
    for ax, (way, picture) in zip(axes, reads.items(), strict=True):
        ax.imshow(picture)
        ax.set(title=f"{way}\n{picture.width} x {picture.height}: {answers[way]}", xticks=[], yticks=[])
    figures.show(figure, "The same file twice: as load_img gives it, on its side, and turned upright.")
    (lying, *_, upright) = reads.values()
    claim(
        "load_img leaves a phone's photograph on its side; exif_transpose turns it upright.",
        lying.size == upright.size[::-1] and upright.height > upright.width,
        f"{lying.size} and {upright.size} pixels, width and height",
    )


def phone_photograph(picture: np.ndarray, folder: Path) -> Path:
    """A JPEG as a phone held upright stores it: lying on its side, with a note in EXIF how to turn it.

    `picture` is uint8 (h, w, 3); the photograph shows its middle, 480 pixels wide and 640 high when it is turned.
    """
    from PIL import Image, ImageOps

    upright = ImageOps.fit(Image.fromarray(picture), (480, 640), Image.Resampling.BICUBIC)
    stored = upright.transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = SENSOR
    path = folder / "photograph.jpg"
    stored.save(path, quality=92, exif=exif)
    return path


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
