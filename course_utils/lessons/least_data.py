"""Lesson 10, the least data: what its figures show, and what it claims."""

from textwrap import fill

import numpy as np

from .. import figures
from ..lesson import claim
from ..pictures.labelled import Target
from ..probing import interval

NS = (1, 2, 3, 5, 10, 20)
PLAIN = "centroid"  # the head that the others are compared with
WHO = ("all classes", "the weakest class", "the other classes")
Scores = dict[str, np.ndarray]  # of each way, test accuracy in per cent: (numbers of pictures, draws)


def few(targets: list[Target], fast: bool) -> tuple[tuple[int, ...], int]:
    """Numbers of pictures per class, as far as the smallest class goes, and how many draws of each."""
    fewest = min(int(np.bincount(target.labels).min()) for target in targets)
    return tuple(dict.fromkeys(min(n, fewest) for n in NS)), 4 if fast else 10


def show_training_set(target: Target, train: np.ndarray) -> None:
    """All that is learned from: the pictures at `train`, by class."""
    order = train[np.argsort(target.labels[train], kind="stable")]
    names = [target.class_names[k] for k in target.labels[order]]
    figures.show(figures.picture_row(target.pictures[order], names), f"One picture of each class: {', '.join(names)}.")


def show_spaces(right: dict[str, Scores]) -> str:
    """A table of accuracy with one picture per class; returns the best space of the first row.

    `right` maps a row, a target at a cut, to test accuracies (draws,) in each space, in per cent.
    """
    spaces = list(next(iter(right.values())))
    means = [[float(row[space].mean()) for space in spaces] for row in right.values()]
    title = "One picture per class: in which space does the nearest centroid do best? Test accuracy (%)"
    table = figures.heat_table(means, list(right), [fill(space, 14) for space in spaces], "features", title)
    told = [", ".join(f"{space} {v:.0f} %" for space, v in zip(spaces, row, strict=True)) for row in means]
    figures.show(table, " ".join(f"{row}: {values}." for row, values in zip(right, told, strict=True)))
    return spaces[int(np.argmax(means[0]))]


def _show_curves(ns: tuple[int, ...], scores: Scores, xlabel: str, ylabel: str, title: str, level: float | None = None):
    lines = {name: interval(values, axis=1) for name, values in scores.items()}
    figure = figures.curves(ns, lines, xlabel, ylabel, title)
    if level is not None:
        figure.axes[0].axhline(level, color=figures.GREY, lw=1)
    told = " ".join(f"{name}: " + ", ".join(f"{m:.0f}" for m in mean) + "." for name, (mean, _) in lines.items())
    figures.show(figure, f"{ylabel} at {', '.join(map(str, ns))}. {told}")


def show_few_shot_heads(found: dict[str, Scores], ns: tuple[int, ...], spaces: dict[str, Scores]) -> int:
    """Accuracy over n of every head, a figure for each target; a head that needs more pictures has NaN.

    `spaces` maps each target to its accuracies (draws,) by space, with one picture per class. Returns the first n at
    which, for the first target, the head that is best with most data is ahead of the centroid beyond doubt.
    """
    leads, range_of, best = {}, {}, {}
    for name, scores in found.items():
        draws = scores[PLAIN].shape[1]
        title = f"{name}: which head for how few pictures? Mean and 95 % interval of {draws} draws"
        _show_curves(ns, scores, "pictures per class", "test accuracy (%)", title)
        best[name] = max((head for head in scores if head != PLAIN), key=lambda head: scores[head][-1].mean())
        leads[name] = interval(scores[best[name]] - scores[PLAIN], axis=1)
        one = [values[0].mean() for values in scores.values() if not np.isnan(values[0]).any()]
        range_of[name] = np.ptp([values.mean() for values in spaces[name].values()]), np.ptp(one)
    claim(
        "With one picture per class, the space matters more than the head.",
        all(by_space > by_head for by_space, by_head in range_of.values()),
        ", ".join(f"{name}: {s:.0f} points between spaces, {h:.0f} between heads" for name, (s, h) in range_of.items()),
    )
    claim(
        f"With {ns[-1]} per class, a trained head is ahead of the centroid beyond doubt.",
        all(mean[-1] > half[-1] for mean, half in leads.values()),
        ", ".join(f"{name}: {best[name]} {mean[-1]:+.1f} points" for name, (mean, _) in leads.items()),
    )
    mean, half = next(iter(leads.values()))
    return next((n for n, lead, doubt in zip(ns, mean, half, strict=True) if lead > doubt), ns[-1])


def tell_views(plain: np.ndarray, viewed: np.ndarray, second: np.ndarray) -> None:
    """What more views of one picture bring beside a second picture: accuracies (draws,), per cent."""
    gain, half = interval(viewed - plain)
    more = float(np.mean(second - plain))
    claim(
        "A mirrored and a cropped copy do not replace a second picture: they bring less than half as much.",
        gain < more / 2,
        f"views {gain:+.1f} ± {half:.1f} points, a second picture of each class {more:+.1f}",
    )


def show_pseudo(gains: Scores, ns: tuple[int, ...]) -> float:
    """Points that one round of pseudo-labels brings, over n, for each target; returns those of the first at n = 1."""
    title = "What does one round of pseudo-labels bring? Above the line it helps, below it hurts"
    _show_curves(ns, gains, "pictures with a label, per class", "points gained", title, level=0)
    means = {name: values.mean(1) for name, values in gains.items()}
    claim(
        f"Pseudo-labels bring more with {ns[0]} picture per class than with {ns[-1]}, where they cost accuracy.",
        all(mean[0] > mean[-1] and mean[-1] < 0 for mean in means.values()),
        ", ".join(f"{name} {mean[0]:+.1f} and {mean[-1]:+.1f} points" for name, mean in means.items()),
    )
    return float(next(iter(means.values()))[0])


def show_choices(right: dict[str, Scores], budgets: tuple[int, ...]) -> float:
    """Accuracy over the number of labels, for each way to choose them, a figure for each target.

    Of the ways, the first is at random and the last is to be claimed of. Returns the points by which it leads in the
    mean over the budgets, for the first target.
    """
    leads = {}
    for name, scores in right.items():
        title = f"{name}: which pictures are worth a label? As many labels, chosen in three ways"
        _show_curves(budgets, scores, "labels bought, per class", "test accuracy (%)", title)
        chance, *_, typical = scores.values()
        leads[name] = (typical - chance).mean(0)
    told = {name: interval(lead) for name, lead in leads.items()}
    claim(
        "In the mean of targets and budgets, labels for typical pictures are worth more than labels at random.",
        np.mean([mean for mean, _ in told.values()]) > 0,
        "mean of all budgets: " + ", ".join(f"{name} {m:+.1f} ± {h:.1f} points" for name, (m, h) in told.items()),
    )
    return float(next(iter(told.values()))[0])


def show_five_more(gained: dict[str, list[dict[str, np.ndarray]]]) -> float:
    """A table of what five labels more bring, for each way to choose them; the first is all of the weakest class.

    `gained` maps each target to its draws: of each way, points gained over all classes, by the weakest, and by the
    others in the mean. Returns those over all classes that the first way brings, for the first target.
    """
    ways = list(next(iter(gained.values()))[0])
    of = {name: np.array([[draw[way] for way in ways] for draw in draws]) for name, draws in gained.items()}
    rows = {f"{name}, {who}": points[..., k] for name, points in of.items() for k, who in enumerate(WHO)}
    means = [points.mean(0).tolist() for points in rows.values()]
    title = "Five labels more: who gains by them? Points"
    columns = [fill(way, 14) for way in ways]
    told = [", ".join(f"{way} {v:+.1f}" for way, v in zip(ways, row, strict=True)) for row in means]
    alt = " ".join(f"{row}: {values}." for row, values in zip(rows, told, strict=True))
    figures.show(figures.heat_table(means, list(rows), columns, "how the five are chosen", title), alt)
    first = {name: points[:, 0].mean(0) for name, points in of.items()}
    claim(
        "Five labels more of the weakest class help that class, and the others pay for it.",
        all(own > 0 > others for _, own, others in first.values()),
        ", ".join(
            f"{name}: it {own:+.0f}, the others {others:+.1f} points" for name, (_, own, others) in first.items()
        ),
    )
    return float(next(iter(of.values()))[:, 0, 0].mean())
