"""Pictures of fine-tuning: its gradients, how many blocks it is worth, what is gained and lost, and what drifts."""

from itertools import cycle

import numpy as np

from ..figures import (
    BLUE,
    CYCLE,
    GREY,
    LEVELS,
    MARKS,
    VERMILION,
    WIDTH,
    name_depths,
    new_figure,
    room_for,
)


def gradient_lines(steps, lines: dict[str, np.ndarray], title: str):
    """The gradient's norm over a head's training: `lines` maps a start to norms (seeds, steps); a thin line each."""
    figure, ax = new_figure(figsize=(WIDTH, 3.6))
    for (label, norms), colour, style in zip(lines.items(), CYCLE, ("-", "--"), strict=False):
        ax.plot(steps, norms.T, lw=0.8, alpha=0.5, color=colour, ls=style)
        ax.plot(steps, norms.mean(0), lw=2.4, color=colour, ls=style, label=f"{label} (thick: mean of {len(norms)})")
    ax.set(xlabel="steps of the head's training", ylabel="norm of the gradient at the cut", title=title)
    ax.set_yscale("symlog", linthresh=1e-3)  # which has a place for zero
    ax.set_ylim(bottom=0)
    ax.legend(fontsize=9)
    return figure


def block_counts(ks, panels: dict[str, dict], title: str):
    """Accuracy over the number of unfrozen blocks, a panel for each target.

    `panels` maps a target's name to {"tuned": (mean, half) for each k, "controls": {label: (mean, half)}}: per cent.
    """
    figure, axes = new_figure(1, len(panels), figsize=(WIDTH, 4.1), squeeze=False)
    shown: dict[str, object] = {}
    for ax, (name, panel) in zip(axes[0], panels.items(), strict=True):
        mean, half = panel["tuned"]
        shown["head first, then k blocks"] = ax.errorbar(
            range(len(ks)), mean, half, marker="o", ms=6, capsize=3, lw=1.8, color=BLUE, zorder=3
        )
        for (label, (level, spread)), style in zip(panel["controls"].items(), LEVELS, strict=False):
            shown[label] = ax.axhline(level, **style)
            ax.axhspan(level - spread, level + spread, color=style["color"], alpha=0.12, lw=0)
        ax.set_xticks(range(len(ks)), [*map(str, ks[:-1]), f"all {ks[-1]}"])
        lowest = min(np.min(mean - half), *(level - spread for level, spread in panel["controls"].values()))
        axis = "test accuracy (%), 95 % interval"  # at each panel, as each has a range of its own
        ax.set(xlabel="unfrozen blocks k", ylabel=axis, ylim=(max(0, lowest - 5), 103))
        ax.set_title(name, fontsize=9.5)
    figure.legend(shown.values(), shown, loc="outside lower center", ncols=2, fontsize=8.5, handlelength=4)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5)
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
    title = f"After {steps[-1]} steps: {history['held out'][-1]:.0f} % right on pictures held out"
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5)
    return figure


def gain_and_damage(points: dict[str, tuple], levels: dict[str, float], xlabel: str, ylabel: str, title: str):
    """What is gained against what is kept: `points` maps a recipe to (x, y), arrays over the draws, in per cent.

    A large mark is the mean, the small ones are the draws; the first recipe is the start, from which arrows go to the
    others. `levels` are controls: a label and its place on the x axis, each a line.
    """
    figure, ax = new_figure(figsize=(WIDTH, 4.2))
    means = {label: (float(np.mean(x)), float(np.mean(y))) for label, (x, y) in points.items()}
    start = next(iter(means.values()))
    for (label, (x, y)), colour, mark in zip(points.items(), cycle(CYCLE), cycle(MARKS), strict=False):
        if means[label] != start:
            arrow = {"arrowstyle": "-", "color": colour, "alpha": 0.45, "lw": 1.2}
            ax.annotate("", means[label], start, arrowprops=arrow)
        ax.plot(x, y, mark, ms=3.5, color=colour, alpha=0.55)
        ax.plot(*means[label], mark, ms=9, color=colour, ls="none", label=label)
    for (label, place), style in zip(levels.items(), LEVELS, strict=True):
        ax.axvline(place, label=f"{label}: {place:.0f} %", zorder=0, **style)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title, xlim=(0, 103), ylim=(-3, 106))
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9, handlelength=3)
    return figure


def statistics_drift(blocks, lines: dict[str, np.ndarray], title: str):
    """How far BatchNorm's running means have moved: `lines` maps a label to standard deviations, one for each block."""
    figure, ax = new_figure(figsize=(WIDTH, 3.4 + room_for(blocks)))
    for (label, drifted), colour, mark in zip(lines.items(), (VERMILION, BLUE), MARKS, strict=False):
        ax.plot(range(len(blocks)), drifted, marker=mark, ms=6, lw=1.6, color=colour, label=label)
    name_depths(ax, blocks)
    ax.set(xlabel="block, shallow to deep", ylabel="drift of the running mean\n(standard deviations)", title=title)
    ax.legend(fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
