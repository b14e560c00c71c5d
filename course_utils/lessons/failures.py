"""Lesson 07, when transfer fails: smaller targets, and its exercises."""

from contextlib import redirect_stdout
from io import StringIO

import numpy as np

from .. import lesson
from ..lesson import exercise
from ..marking import require
from ..pictures.arrays import resized
from ..pictures.labelled import Target
from ..probing import Features, cut_features, linear_probe, random_features, raw_pixels
from ..sources import Source, load_source
from ..targets import load_target
from ..world.notes import notes


def smaller(target: Target, per_class: int, tests: int, seed: int) -> Target:
    """The target with `per_class` pictures of each class to draw from and `tests` to test on, or as many as it has."""
    counts = np.bincount(target.labels, minlength=len(target.class_names))
    pool = target.choose(min(per_class, counts.min()), [seed, 21])
    test = np.random.default_rng([seed, 22]).permutation(len(target.test_labels))[:tests]
    parts = target.pictures[pool], target.labels[pool], target.test_pictures[test], target.test_labels[test]
    return Target(target.name, target.question, *parts, class_names=target.class_names)


def at_cuts(
    source: Source, cuts: tuple[str, ...], targets: list[Target], grid: int = 1, seed: int | None = None
) -> list[tuple[Features, Features]]:
    """Features at these cuts of each target's training and of its test pictures, all in one pass.

    They are those of `probing.cut_features`, or with a `seed` those of the same layers with random weights.
    """
    sets = [pictures for target in targets for pictures in (target.pictures, target.test_pictures)]
    pictures = np.concatenate([resized(some, source.input_size).clip(0, 255).astype("uint8") for some in sets])
    if seed is None:
        x = cut_features(source, pictures, cuts, grid)
    else:
        x = random_features(source, pictures, seed, cuts)
    ends = np.cumsum([len(some) for some in sets])[:-1]
    split = {cut: np.split(values, ends) for cut, values in x.items()}
    each = [{cut: values[k] for cut, values in split.items()} for k in range(len(sets))]
    return list(zip(each[::2], each[1::2], strict=True))


def as_pixels(targets: list[Target]) -> list[tuple[Features, Features]]:
    """As `at_cuts`, without any network: the raw pixels of each target's training and of its test pictures."""
    return [({"": raw_pixels(each.pictures)}, {"": raw_pixels(each.test_pictures)}) for each in targets]


@exercise(
    "Harm beyond doubt: a function of two arrays of accuracies, the same draws in both.",
    "Draws differ more among each other than the two ways do: what is the same in both arrays at one place?",
    "mean, half = interval(transfer - control), and then ask whether even mean + half lies below 0.",
)
def harms(answer) -> str:
    require(callable(answer), "A function is wanted: def harms(transfer, control).")
    worse, noisy = np.array([50.0, 52, 51]), np.array([50.0, 62, 51])
    above = np.array([60.0, 61, 63])
    require(
        answer(worse, above) or not answer(above, worse),
        "You took them the wrong way round: harm is transfer < control.",
    )
    require(answer(worse, above), "50, 52, 51 against 60, 61, 63 is harm, and your function says no.")
    require(not answer(above, worse), "You asked whether they differ: where transfer is better, it does no harm.")
    require(
        not answer(noisy, np.array([60.0, 41, 80]))
        and not answer(np.array([50.0, 50, 50]), np.array([50.1, 50.2, 70])),
        "You compared means: a mean may be lower by chance, so ask for the whole interval.",
    )
    require(
        answer(np.array([50.0, 70, 90]), np.array([52.0, 72.5, 91.8])),
        "You left the draws unpaired: 50, 70, 90 against 52, 72.5, 91.8 is 2 points lower each time.",
    )
    return "It pairs the draws, and asks for the whole interval."


@exercise(
    "Beat raw pixels by 10 points on notes, with 20 pictures of each.",
    "Pitch is height in these pictures: which of the lesson's ways of seeing keeps it?",
    "The small network of the lesson keeps the place; or cut early, and pool to 4 x 4 cells (add_head's grid).",
)
def beats_pixels(answer) -> str:
    import keras

    is_pair = isinstance(answer, (tuple, list)) and len(answer) == 2
    require(is_pair, "Hand in a pair: the model, and the function that makes its input of pictures.")
    model, prepare = answer
    require(
        isinstance(model, keras.Model) and callable(prepare), "The pair is (a Keras model, a function of pictures)."
    )
    seed = lesson.last_seed
    own, new = notes(seed), notes(seed + 1000)
    chosen = own.choose(20, [seed, 0])
    pixels = 100 * linear_probe(
        raw_pixels(own.pictures[chosen]), own.labels[chosen], raw_pixels(new.test_pictures), new.test_labels
    )
    said = np.asarray(model.predict(prepare(new.test_pictures), verbose=0))
    wanted = (len(new.test_labels), len(new.class_names))
    require(
        said.shape == wanted,
        f"Your model gives an array of shape {said.shape} for {wanted[0]} pictures: {wanted} is wanted, a number for "
        "each note.",
    )
    right = 100 * float(np.mean(said.argmax(1) == new.test_labels))
    found = f"Of notes that it never saw, yours names {right:.0f} %, raw pixels {pixels:.0f} %."
    require(right > 20, f"{found} That is guessing: was it trained, on pictures prepared by this same function?")
    require(right > pixels, f"{found} This is negative transfer: what did your prefix, or its pooling, throw away?")
    require(right >= pixels + 10, f"{found} It beats them, but by less than 10 points.")
    return found


@exercise(
    "A guard: a function that chooses between five ways of seeing, from training pictures alone.",
    "The lesson's last experiment compared ways of seeing without any test picture: what did it use?",
    "max(features, key=lambda way: cross_val_score(head, features[way], labels, cv=5).mean())",
)
def guard(answer) -> str:
    require(callable(answer), "A function is wanted: def choose(features, labels), which returns a name.")
    with redirect_stdout(StringIO()):  # the line that says what was loaded
        source = load_source("drawings")
    told, lost = [], []
    for target in (load_target("pose"), notes(0), load_target("unseen shapes and textures")):
        part = smaller(target, 20, 160, 0)
        cuts = ("stem", "b2", "b4", "b6")
        ((x, test),) = at_cuts(source, cuts, [part])
        x["raw pixels"], test["raw pixels"] = raw_pixels(part.pictures), raw_pixels(part.test_pictures)
        way = answer(dict(x), part.labels.copy())
        require(way in x, f"Your function returned {way!r}: it must be one of {', '.join(x)}.")
        right = {name: 100 * linear_probe(x[name], part.labels, test[name], part.test_labels) for name in x}
        best = max(right, key=lambda name: right[name])
        told.append(f"{target.name}: {way} {right[way]:.0f} %, best {best} {right[best]:.0f} %")
        lost.append((way, right[best] - right[way]))
    found = "; ".join(told) + "."
    right_enough = max(points for _, points in lost) <= 5
    always = len({way for way, _ in lost}) == 1
    require(right_enough or not always, f"You chose the same each time, whatever the target was. {found}")
    require(right_enough, f"On one target at least, another way is better by more than 5 points. {found}")
    return found
