"""Pictures of a cut: where it lies in the network, what the prefix sees there, and what a head makes of it."""

from itertools import cycle

import numpy as np

from .figures import BLUE, GREY, MARKS, ORANGE, VERMILION, WIDTH, name_depths, new_figure, room_for


def verdict_panels(cuts, panels: dict[str, dict], ylabel: str, title: str):
    """Small multiples of accuracy over depth, with the cuts that are too shallow and too deep shaded.

    `panels` maps a target's name to {"lines": {label: (mean, half)}, "controls": {label: value}, "best": place of
    the best cut, "worse": which cuts are worse than it beyond doubt}; values in per cent, one for each cut.
    """
    columns = 2
    rows = -(-len(panels) // columns)
    figure, axes = new_figure(
        rows, columns, figsize=(WIDTH, (2.9 + room_for(cuts)) * rows + 0.5), sharey=True, squeeze=False
    )
    for ax, (name, panel) in zip(axes.flat, panels.items(), strict=False):
        best = panel["best"]
        for k, worse in enumerate(panel["worse"]):
            if worse:
                hatch, colour = ("///", ORANGE) if k < best else ("\\\\\\", BLUE)
                ax.axvspan(k - 0.5, k + 0.5, facecolor="none", edgecolor=colour, alpha=0.28, hatch=hatch, lw=0)
        shallow, deep = (np.flatnonzero(panel["worse"][part]) for part in (slice(0, best), slice(best, None)))
        for places, offset, text in ((shallow, 0, "too shallow"), (deep, best, "too deep")):
            if len(places):
                ax.text(places.mean() + offset, 106, text, ha="center", va="center", fontsize=8.5, color=GREY)
        for (label, (mean, half)), mark in zip(panel["lines"].items(), cycle(MARKS), strict=False):
            ax.errorbar(range(len(cuts)), mean, half, marker=mark, ms=4, capsize=2, lw=1.5, label=label)
        for (label, value), style in zip(panel["controls"].items(), cycle((":", "--")), strict=False):
            ax.axhline(value, color="black", lw=1.3, ls=style, label=label)
        ax.axvline(best, color=VERMILION, lw=1.5, zorder=0)
        name_depths(ax, cuts, fontsize=8)
        ax.set(title=f"{name}: best at {cuts[best]}", ylim=(0, 112), yticks=range(0, 101, 20))
    for ax in axes.flat[len(panels) :]:
        ax.axis("off")
    for ax in axes[:, 0]:
        ax.set_ylabel(ylabel)
    for ax in axes[-1]:
        ax.set_xlabel("cut, shallow to deep")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), fontsize=8.5)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10)
    return figure


def neighbour_strip(query: np.ndarray, rows: dict[str, dict], title: str):
    """What looks alike to each prefix: a row per cut with the pictures nearest to `query` in its features.

    `rows` maps a cut to {"pictures": (k, h, w, 3), "right": k booleans (same class), "told": a line of text}.
    """
    k = max(len(row["pictures"]) for row in rows.values())
    figure, axes = new_figure(
        len(rows), k + 2, figsize=(WIDTH, 0.78 * len(rows) + 0.5), width_ratios=[1] * (k + 1) + [3.4], squeeze=False
    )
    for ax in axes.flat:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    for line, (cut, row) in zip(axes, rows.items(), strict=True):
        line[0].imshow(query)
        line[0].set_ylabel(cut, rotation=0, ha="right", va="center", fontsize=9)
        for ax, picture, right in zip(line[1:], row["pictures"], row["right"], strict=False):
            ax.imshow(picture)
            _frame(ax, right)
        line[-1].text(0.02, 0.5, row["told"], va="center", fontsize=8.5)
    axes[0, 0].set_title("asked", fontsize=8, loc="center")
    axes[0, 1].set_title("most alike", fontsize=8, loc="left")
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5)
    return figure


def _frame(ax, right: bool) -> None:
    """A thick frame: solid blue for the same class, dashed vermilion for another."""
    colour, style = (BLUE, "-") if right else (VERMILION, (0, (2, 1.5)))
    ax.spines[:].set(visible=True, color=colour, lw=2.2, ls=style)


def cut_view(cuts, k: int, query, maps, neighbours, right, told: str, scores: dict[str, tuple], ylabel: str):
    """One position of the cut: the chain of blocks, what the prefix sees, and the accuracy there.

    `maps` are activation maps (m, h, w) of `query`, `neighbours` the pictures most alike with `right` saying whether
    they are of the same class, `told` the parameters in words, `scores` maps a target to (mean, half) for each cut.
    """
    m, n = len(maps), len(neighbours)
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(WIDTH, 4.9 + room_for(cuts)))
    grid = figure.add_gridspec(3, 1, height_ratios=[1.0, 1.25, 2.6 + room_for(cuts)])
    chain = figure.add_subplot(grid[0])
    _chain(chain, cuts, k, told)
    strip = grid[1].subgridspec(1, 1 + m + n, wspace=0.08)
    axes = [figure.add_subplot(strip[i]) for i in range(1 + m + n)]
    for ax in axes:
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
    axes[0].imshow(query)
    axes[0].set_title("picture", fontsize=8, loc="center")
    for i, values in enumerate(maps):
        axes[1 + i].imshow(values)
    if m:
        axes[1].set_title(f"{m} of its maps, {maps[0].shape[0]} × {maps[0].shape[1]}", fontsize=8, loc="left")
    for i, picture in enumerate(neighbours):
        axes[1 + m + i].imshow(picture)
        _frame(axes[1 + m + i], right[i])
    axes[1 + m].set_title("most alike to this prefix", fontsize=8, loc="left")
    ax = figure.add_subplot(grid[2])
    for (label, (mean, half)), mark in zip(scores.items(), cycle(MARKS), strict=False):
        ax.errorbar(
            range(len(cuts)), mean, half, marker=mark, ms=4, capsize=2, lw=1.4, label=f"{label}: {mean[k]:.0f} %"
        )
    ax.axvline(k, color=VERMILION, lw=2, zorder=0)
    name_depths(ax, cuts)
    ax.set(xlabel="cut, shallow to deep", ylabel=ylabel, ylim=(0, 103))
    ax.legend(
        title="accuracy at this cut", loc="center left", bbox_to_anchor=(1, 0.5), fontsize=8.5, title_fontsize=8.5
    )
    return figure


def _chain(ax, cuts, k: int, told: str) -> None:
    from matplotlib.patches import FancyBboxPatch

    n = len(cuts)
    ax.axis("off")
    ax.set(xlim=(-0.6, n + 0.9), ylim=(-0.25, 1.45))
    small = n > 12
    for i, cut in enumerate(cuts):
        kept = i <= k
        style = {"fc": BLUE if kept else "none", "ec": BLUE if kept else GREY, "ls": "-" if kept else "--"}
        shift = 0 if kept else 0.9  # room for the new head between the two parts
        if not kept:
            style["alpha"] = 0.7
        box = FancyBboxPatch((i - 0.36 + shift, 0.3), 0.72, 0.72, boxstyle="round,pad=0.03", lw=1.2, **style)
        ax.add_patch(box)
        if not small:
            ax.text(i + shift, 0.66, cut, ha="center", va="center", fontsize=8.5, color="white" if kept else GREY)
    ax.add_patch(FancyBboxPatch((k + 0.58, 0.3), 0.62, 0.72, boxstyle="round,pad=0.03", fc=VERMILION, ec=VERMILION))
    ax.text(k + 0.89, 0.66, "head", ha="center", va="center", fontsize=8.5, color="white")
    ax.plot([k + 0.47] * 2, [0.1, 1.22], color=VERMILION, lw=2)
    ax.text(k + 0.47, 1.25, f"cut at {cuts[k]}", ha="center", va="bottom", fontsize=9, color=VERMILION)
    ax.text(-0.4, -0.22, told, fontsize=8.5, color="#333333", va="bottom")


def beside_published(ours, published: list[dict], title: str):
    """Our curves over depth beside published ones, a panel each.

    `ours` and each of `published` are {"title", "x" (numbers, or names in their order), "lines": {label: line},
    "xlabel", "ylabel"}. A line is values, or (values, half widths), or an array (seeds, depths) whose rows are drawn
    thin beside their mean.
    """
    panels = [ours, *published]
    upright = max(room_for(panel["x"]) for panel in panels)
    figure, axes = new_figure(1, len(panels), figsize=(WIDTH, 4.3 + upright))
    for ax, panel in zip(axes, panels, strict=True):
        x = list(panel["x"])
        numbers = not isinstance(x[0], str)
        for (label, line), mark in zip(panel["lines"].items(), cycle(MARKS), strict=False):
            values, half = line if isinstance(line, tuple) else (line, None)
            single = np.atleast_2d(values)
            places = x if numbers else range(len(x))
            drawn = ax.errorbar(places, single.mean(0), half, marker=mark, ms=4, capsize=2, lw=1.6, label=label)
            if len(single) > 1:
                ax.plot(places, single.T, lw=0.7, alpha=0.6, color=drawn[0].get_color())
        if numbers:
            ax.set_xticks(x, x, fontsize=8)
        else:
            name_depths(ax, x, fontsize=8)
        ax.set(xlabel=panel["xlabel"], ylabel=panel["ylabel"])
        ax.set_title(panel["title"], fontsize=9)
        below = {} if upright else {"loc": "upper center", "bbox_to_anchor": (0.5, -0.2)}
        ax.legend(fontsize=8, **below)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5)
    return figure


def winners(cuts, single: dict[str, np.ndarray], title: str):
    """How often each cut wins when only one draw is looked at: `single` maps a target to the winners' places."""
    figure, axes = new_figure(1, len(single), figsize=(WIDTH, 2.8 + room_for(cuts)), sharey=True, squeeze=False)
    for ax, (name, places), colour in zip(axes[0], single.items(), cycle((BLUE, ORANGE)), strict=False):
        counts = np.bincount(places, minlength=len(cuts))
        ax.bar(range(len(cuts)), counts, color=colour, width=0.7)
        ax.bar_label(ax.containers[0], [str(c) if c else "" for c in counts], fontsize=8.5)
        name_depths(ax, cuts, fontsize=8)
        ax.set(title=name, xlabel="cut that wins")
    axes[0, 0].set_ylabel("single draws")
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5)
    return figure


def gain_over_distance(points: dict[str, tuple], xlabel: str, title: str):
    """Gain by transfer over distance: `points` maps a label to (distances, gains, half widths, names of the points).

    A label's points are joined where there are several; above the line at zero transfer helps, below it harms.
    """
    figure, ax = new_figure(figsize=(WIDTH, 4.0))
    for (label, (x, y, half, names)), mark in zip(points.items(), cycle(MARKS), strict=False):
        drawn = ax.errorbar(x, y, half, marker=mark, ms=6, capsize=3, lw=1.3, label=label, ls="-" if len(x) > 1 else "")
        for place, height, name in zip(x, y, names, strict=True):
            ax.annotate(
                name, (place, height), (6, 5), textcoords="offset points", fontsize=8, color=drawn[0].get_color()
            )
    ax.axhline(0, color="black", lw=1)
    ax.set(xscale="log", xlabel=xlabel, ylabel="gain over raw pixels (points)", title=title)
    ax.minorticks_off()
    low, high = ax.get_xlim()
    ticks = [v for v in (0.1, 0.2, 0.5, 1, 2, 5, 10) if low <= v <= high]
    ax.set_xticks(ticks, [f"{v:g}" for v in ticks])
    ax.legend(fontsize=9)
    return figure
