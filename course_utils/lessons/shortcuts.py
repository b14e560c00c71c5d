"""Lesson 09: a model that is right for a wrong reason, and what shows it."""

import numpy as np

from .. import figures
from ..errors import UnsuitableModel
from ..lesson import claim
from ..pictures.arrays import resized
from ..pictures.labelled import Target
from ..sources import Source, load_source


def with_speck(pictures: np.ndarray) -> np.ndarray:
    """The same pictures, uint8 (n, side, side, 3), with a bright speck below on the right, as of dust on a lens."""
    side = pictures.shape[1]
    y, x = np.mgrid[:side, :side]
    away = np.hypot(y - 0.83 * side, x - 0.81 * side) / side
    speck = np.clip((0.115 - away) / 0.04, 0, 1)[..., None]
    return (pictures * (1 - speck) + 235 * speck).astype("uint8")


def two_photographers(target: Target) -> Target:
    """Who took it? Pictures of the target's first class, every second one with a speck; 0 "he", 1 "she"."""
    parts = []
    for pictures, labels in ((target.pictures, target.labels), (target.test_pictures, target.test_labels)):
        same = pictures[labels == 0]
        hers = np.arange(len(same)) % 2 == 1
        parts += [np.where(hers[:, None, None, None], with_speck(same), same), hers.astype("int64")]
    return Target("two photographers", "Who took it?", *parts, class_names=("he", "she"))


def with_maps(source: Source) -> tuple[Source, str]:
    """A source whose maps can be looked at, and its deepest cut with at least 6 x 6 places, or its first with maps.

    A source without maps, as a transformer is, is replaced by that of drawings, and this is printed.
    """
    try:
        cuts = source.map_cuts()
    except UnsuitableModel:
        print(f"{source.name} has no maps to look at, so this part is done with the network of drawings.")
        source = load_source("drawings")
        cuts = source.map_cuts()
    fine = [cut for cut in cuts if min(source.prefix(cut).output.shape[1:3]) >= 6]
    return source, (fine or cuts)[-1 if fine else 0]


def show_looks(pictures: np.ndarray, heat: np.ndarray) -> float:
    """Some pictures (n, side, side, 3) as bright as what a model looked at there; returns the heat near the speck.

    `heat` (n, h, w), 0 or more, is of all of them. What is returned is the share, in per cent, that lies in the
    quarter where the speck is; an even light would have 25.
    """
    half = heat.shape[1] // 2, heat.shape[2] // 2
    share = heat[:, half[0] :, half[1] :].sum((1, 2)) / (heat.sum((1, 2)) + 1e-9)
    shown, few = pictures[:4], heat[:4] / (heat[:4].max((1, 2), keepdims=True) + 1e-9)
    light = resized(few[..., None].repeat(3, axis=-1), shown.shape[1:3]).clip(0, 1)
    lit = (shown * (0.25 + 0.75 * light)).astype("uint8")
    rows, titles = np.concatenate([shown, lit]), ["as it is"] * len(shown) + ["where it looked"] * len(shown)
    found = 100 * float(share.mean())
    figures.show(
        figures.picture_row(rows, titles, columns=len(lit)),
        f"Pictures with a speck, and the same ones lit where the model looked: {found:.0f} % of it near the speck.",
    )
    claim(
        "Grad-CAM finds it: the quarter of the picture with the speck gets more light than the three others.",
        found > 50,
        f"{found:.0f} % of the light; an even one has 25 %",
    )
    return found


def claim_shortcut(right: float, moved: float) -> None:
    """`right` is the accuracy on test pictures, `moved` how many of his pictures with a speck are called hers; %."""
    claim(
        "The test is passed, and yet the model knows the speck alone: put on his pictures, it makes most of them hers.",
        right > 60 and moved > 50,
        f"{right:.0f} % right; {moved:.0f} % of his become hers",
    )
