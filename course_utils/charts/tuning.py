"""Pictures of fine-tuning: gradients and drift over depth, and what is gained and lost."""

from itertools import cycle

import numpy as np

from ..figures import CYCLE, GREY, MANY, MARKS, WIDTH, name_depths, new_figure, room_for


def block_lines(blocks, lines: dict[str, tuple], ylabel: str, title: str):
    """Lines with intervals over the blocks on a logarithmic axis: `lines` maps a label to (mean, half).

    A value of exactly zero has no place on such an axis: it is drawn at the bottom and labelled 0.
    """
    figure, ax = new_figure(figsize=(WIDTH, 3.6 + room_for(blocks)))
    positive = np.concatenate([np.asarray(mean)[np.asarray(mean) > 0] for mean, _ in lines.values()])
    floor = positive.min() / 4
    for (label, (mean, half)), mark in zip(lines.items(), cycle(MARKS), strict=False):
        mean = np.asarray(mean, "float64")
        half = np.where(mean > 0, half, 0)
        shown = np.where(mean > 0, mean, floor)
        reach = [np.minimum(half, 0.9 * shown), half]  # downwards a logarithmic axis has no room for all of it
        drawn = ax.errorbar(range(len(blocks)), shown, reach, marker=mark, ms=5, capsize=3, lw=1.5, label=label)
        for k in np.flatnonzero(mean == 0)[:: 1 if len(blocks) < MANY else 3]:
            ax.annotate("0", (k, floor), (0, 6), textcoords="offset points", ha="center", color=drawn[0].get_color())
    name_depths(ax, blocks)
    ax.set(yscale="log", xlabel="block, shallow to deep", ylabel=ylabel, title=title)
    ax.legend(fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def training_panels(history: dict):
    """How a training went, `history` as `dashboard.dashboard` keeps it: loss, accuracy, gradients and drift over steps.

    Of many blocks, five are drawn, from the first to the last.
    """
    figure, axes = new_figure(2, 2, figsize=(WIDTH, 4.6), sharex=True)
    steps, names = history["step"], list(history["gradient"])
    some = [names[k] for k in np.unique(np.linspace(0, len(names) - 1, 5).round().astype(int))]
    axes[0, 0].plot(steps, history["loss"], "o-", ms=3, color=GREY)
    axes[0, 0].set(ylabel="loss (mean so far)")
    for name, mark in zip(("batch", "held out"), MARKS, strict=False):
        axes[0, 1].plot(steps, history[name], f"{mark}-", ms=3, label="training batch" if name == "batch" else name)
    axes[0, 1].set(ylabel="accuracy (%)", ylim=(0, 103))
    axes[0, 1].legend(fontsize=8)
    for ax, kind, label in ((axes[1, 0], "gradient", "gradient norm"), (axes[1, 1], "drift", "drift (%)")):
        for block, mark in zip(some, cycle(MARKS), strict=False):
            ax.plot(steps, history[kind][block], f"{mark}-", ms=3, label=block)
        ax.set(xlabel="step", ylabel=label)
    axes[1, 0].legend(fontsize=8)
    return figure


def trade_off(points: dict[str, tuple], xlabel: str, ylabel: str, title: str, start: tuple[str, float] | None = None):
    """What is gained against what is kept: `points` maps a recipe to (x, y), arrays over the draws, in per cent.

    A large mark is the mean, the small ones are the draws. The recipes are numbered, and named beside the picture.
    `start` is a line at an x with its label. Where many means crowd in the upper right corner, it is shown magnified.
    """
    figure, ax = new_figure(figsize=(WIDTH, 4.2))
    means = np.array([[np.mean(x), np.mean(y)] for x, y in points.values()])
    crowd = np.flatnonzero((means > 85).all(1))
    views = [ax]
    if len(crowd) > 2:
        low = np.floor(means[crowd].min(0) - 2)
        views.append(ax.inset_axes((0.07, 0.3, 0.5, 0.45), xlim=(low[0], 100.5), ylim=(low[1], 100.9)))
        views[1].tick_params(labelsize=8)
        ax.indicate_inset_zoom(views[1], edgecolor=GREY)
    for k, ((label, (x, y)), colour, mark) in enumerate(zip(points.items(), cycle(CYCLE), cycle(MARKS), strict=False)):
        for view in views:
            view.plot(x, y, mark, ms=3, color=colour, alpha=0.5)
            view.plot(*means[k], mark, ms=7, color=colour, ls="none", label=f"{k + 1}  {label}")
        if k in crowd:
            place = (0, -14) if k % 2 else (0, 6)
            views[-1].annotate(str(k + 1), means[k], place, textcoords="offset points", color=colour, ha="center")
        else:
            ax.annotate(str(k + 1), means[k], (7, -12), textcoords="offset points", color=colour, fontweight="bold")
    if start:
        ax.axvline(start[1], color=GREY, ls=":", lw=1.2)
        ax.annotate(start[0], (start[1], 78), (-4, 0), textcoords="offset points", rotation=90, ha="right", va="center")
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title, xlim=(0, 103), ylim=(-3, 106))
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
    return figure
