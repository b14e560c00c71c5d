"""Lesson 05, freezing and heads: its controls, its curves, and the phone's photograph."""

from pathlib import Path

import numpy as np

from .. import figures
from ..lesson import claim
from ..pictures.labelled import Target
from ..pictures.windows import whole
from ..probing import cut_features, interval, linear_probe, random_features, raw_pixels
from ..sources import Source

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
    scale, what = (100, "test accuracy (%)") if classes else (1, "R² on test pictures")
    scores = {}
    for name, (x, test_x) in seen.items():
        of_draws = [(np.searchsorted(used, train), target.labels[train]) for train in chosen]
        scores[name] = np.array([scale * linear_probe(x[k], y, test_x, test_labels) for k, y in of_draws])
    means, halves = zip(*(interval(values) for values in scores.values()), strict=True)
    first, *others = scores
    how_many = f"{n} pictures of each class" if classes else f"{n} pictures"
    means, form = list(map(float, means)), ".0f" if classes else ".2f"
    level = f"guessing: {100 / classes:.0f}" if classes else "1: perfect, 0: no better than the mean"
    best = list(scores)[int(np.argmax(means))]
    figure = figures.bars(
        dict(zip(scores, means, strict=True)),
        f"{what}, 95 % intervals over {draws} draws; {level}",
        f"{target.name}, {how_many}, a linear head on each. Ahead: {best}",
        errors=list(map(float, halves)),
        highlight=best,
    )
    told = ", ".join(f"{name} {m:{form}} ± {h:{form}}" for name, m, h in zip(scores, means, halves, strict=True))
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
        axes, (by_heart, cured), ("Learned by heart", "With augmentation and dropout"), strict=True
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
        f"Losses over epochs. Left, the validation loss is lowest at epoch {lowest + 1} with {valid[lowest]:.2f} and "
        f"ends at {valid[-1]:.2f}, the training loss ends at {train[-1]:.3f}. Right, the best "
        f"validation loss is {min(cured['val_loss']):.2f}.",
    )
    claim(
        "In the end the loss on the validation pictures is larger than that on the training pictures: overfitting.",
        valid[-1] > train[-1],
        f"{valid[-1]:.2f} against {train[-1]:.3f}; it was lowest in epoch {lowest + 1} of {len(valid)}",
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


def phone_snapshot(target: Target, pictures: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, str]:
    """A picture with a clear up, uint8 (h, w, 3), and its class: the cat that some windows show a piece of, as a whole.

    Of another target the first of the `pictures` (n, h, w, 3).
    """
    if target.name == "windows":
        return whole("cat"), "cat"
    return pictures[0], target.class_names[labels[0]]


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
