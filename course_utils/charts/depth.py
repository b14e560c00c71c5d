"""Pictures of a cut: where it lies in the network, what the prefix sees there, and what a head makes of it."""

from itertools import cycle

import numpy as np

from ..figures import BLUE, CYCLE, GREY, MARKS, ORANGE, VERMILION, WIDTH, name_depths, new_figure, room_for


def verdict_panels(panels: dict[str, dict], title: str, columns: int = 2):
    """Accuracy over depth, a panel for each target; the cuts that lose to the best one beyond doubt have hollow marks.

    `panels` maps a target's name to {"cuts": their names, "lines": {label: (mean, half, worse)}, "controls": {label:
    (mean, half)}}: per cent, one number for each cut, or in a control one for all; `worse` says which cuts lose. With
    one line, what lies left of its best cut is hatched as too shallow, what lies right of it as too deep.
    """
    rows = -(-len(panels) // columns)
    room = max(room_for(panel["cuts"]) for panel in panels.values())
    figure, axes = new_figure(rows, columns, figsize=(WIDTH, (2.5 + room) * rows + 0.7), sharey=True, squeeze=False)
    shown: dict[str, object] = {}
    for ax, (name, panel) in zip(axes.flat, panels.items(), strict=False):
        places = np.arange(len(panel["cuts"]))
        for (label, (mean, half, worse)), mark, colour in zip(panel["lines"].items(), MARKS, CYCLE, strict=False):
            shown[label] = ax.errorbar(places, mean, half, marker=mark, ms=4.5, capsize=2, lw=1.5, color=colour)
            ax.plot(places[worse], np.asarray(mean)[worse], mark, ms=4.5, color=colour, mfc="white", zorder=3)
        if len(panel["lines"]) == 1:
            _shade(ax, int(np.argmax(mean)), np.flatnonzero(worse))
        for (label, (mean, half)), style in zip(panel["controls"].items(), cycle(("--", ":")), strict=False):
            mean, half = (np.broadcast_to(part, len(places)) for part in (mean, half))
            (shown[label],) = ax.plot(places, mean, color="black", lw=1.3, ls=style)
            ax.fill_between(places, mean - half, mean + half, color=GREY, alpha=0.25, lw=0)
        name_depths(ax, panel["cuts"], fontsize=8)
        ax.set(xlabel="cut, shallow to deep", ylim=(0, 112), yticks=range(0, 101, 20))
        ax.set_title(name, fontsize=9.5)
    for ax in axes.flat[len(panels) :]:
        ax.axis("off")
    for ax in axes[:, 0]:
        ax.set_ylabel("test accuracy (%)")
    figure.legend(shown.values(), shown, loc="outside lower center", ncols=len(shown), fontsize=8.5)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5)
    return figure


def _shade(ax, best: int, worse: np.ndarray) -> None:
    for k in worse:
        hatch, colour = ("///", ORANGE) if k < best else ("\\\\\\", BLUE)
        ax.axvspan(k - 0.5, k + 0.5, facecolor="none", edgecolor=colour, alpha=0.28, hatch=hatch, lw=0)
    for places, text in ((worse[worse < best], "too shallow"), (worse[worse > best], "too deep")):
        if len(places):
            ax.text(places.mean(), 106, text, ha="center", va="center", fontsize=8.5, color=GREY)
    ax.axvline(best, color=VERMILION, lw=1.5, zorder=0)


def promises(rows: dict[str, tuple], title: str):
    """What a choice promised and what it delivered: `rows` maps a way of choosing to ((mean, half), (mean, half))."""
    figure, ax = new_figure(figsize=(WIDTH, 1.3 + 0.55 * len(rows)))
    for k, both in enumerate(rows.values()):
        ax.plot([both[0][0], both[1][0]], [k - 0.12, k + 0.12], color=GREY, lw=1, zorder=0)
        for (mean, half), shift, mark, colour, label in zip(
            both, (-0.12, 0.12), "oD", (ORANGE, BLUE), ("on the pictures looked at", "on all the others"), strict=True
        ):
            told = label if k == 0 else None
            ax.errorbar(mean, k + shift, xerr=half, marker=mark, ms=7, capsize=3, ls="", color=colour, label=told)
    ax.set(ylim=(len(rows) - 0.5, -0.6), xlabel="test accuracy (%), mean and 95 % interval", title=title)
    ax.set_yticks(range(len(rows)), list(rows))
    figure.legend(loc="outside lower center", ncols=2, fontsize=9)
    return figure


def worth_of_parameters(panels: dict[str, dict], names: tuple[str, ...], title: str):
    """Accuracy over the number of trained parameters, a panel for each cut; `names` are the heads, small to large.

    `panels` maps a cut to {"parameters": one for each head, "lines": {label: (mean, half)}, "controls": {label:
    (mean, half)}}, in per cent.
    """
    figure, axes = new_figure(1, len(panels), figsize=(WIDTH, 4.8), sharey=True, sharex=True, squeeze=False)
    shown: dict[str, object] = {}
    for ax, (cut, panel) in zip(axes[0], panels.items(), strict=True):
        x = np.asarray(panel["parameters"])
        for (label, (mean, half)), mark, colour in zip(panel["lines"].items(), MARKS, CYCLE, strict=False):
            shown[label] = ax.errorbar(x, mean, half, marker=mark, ms=6, capsize=3, lw=1.5, color=colour)
        for (label, (mean, half)), style in zip(panel["controls"].items(), cycle(("--", ":", "-.")), strict=False):
            shown[label] = ax.axhline(mean, color="black", lw=1.2, ls=style)
            ax.axhspan(mean - half, mean + half, color=GREY, alpha=0.2, lw=0)
        for place, name in zip(x, names, strict=True):
            ax.text(place, -3, f"{name}: {place:,}", rotation=90, ha="center", va="top", fontsize=8, color="#333333")
        ax.axhline(0, color=GREY, lw=0.8)  # below it, where no point can be, stand the names
        ax.set(xscale="log", xlabel="trained parameters", ylim=(-80, 104), yticks=range(0, 101, 20))
        ax.set_title(cut, fontsize=9.5)
        ax.margins(x=0.15)
    axes[0, 0].set_ylabel("test accuracy (%)")
    figure.legend(shown.values(), shown, loc="outside lower center", ncols=3, fontsize=8.5)
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
    same = all(list(panel["lines"]) == list(ours["lines"]) for panel in published)
    shown: dict[str, object] = {}
    for ax, panel in zip(axes, panels, strict=True):
        x = list(panel["x"])
        numbers = not isinstance(x[0], str)
        for (label, line), mark in zip(panel["lines"].items(), cycle(MARKS), strict=False):
            values, half = line if isinstance(line, tuple) else (line, None)
            single = np.atleast_2d(values)
            places = x if numbers else range(len(x))
            drawn = ax.errorbar(places, single.mean(0), half, marker=mark, ms=4, capsize=2, lw=1.6, label=label)
            shown.setdefault(label, drawn)
            if len(single) > 1:
                ax.plot(places, single.T, lw=0.7, alpha=0.6, color=drawn[0].get_color())
        if numbers:
            ax.set_xticks(x, x, fontsize=8)
        else:
            name_depths(ax, x, fontsize=8)
        ax.set(xlabel=panel["xlabel"], ylabel=panel["ylabel"])
        ax.set_title(panel["title"], fontsize=9)
        below = {} if upright else {"loc": "upper center", "bbox_to_anchor": (0.5, -0.2)}
        if not same:
            ax.legend(fontsize=8, **below)
    if same:  # one legend says it for all panels
        figure.legend(shown.values(), shown, loc="outside lower center", fontsize=8.5)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5)
    return figure
