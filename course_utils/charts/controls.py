"""Transfer beside its controls: what is lost with distance, what each question needs, what raises the alarm."""

from itertools import cycle

import numpy as np

from ..figures import (
    BLUE,
    CYCLE,
    GREY,
    MARKS,
    WIDTH,
    bars,
    curves,
    depth_lines,
    name_depths,
    new_figure,
    room_for,
    show,
)
from ..probing import interval

Spread = tuple[np.ndarray, np.ndarray]  # mean and half width of the 95 % interval
LOSSLESS = ("tiles", "inverted")  # changes that take no information away: they can be undone
Steps = dict[str, list[tuple[float, np.ndarray]]]  # of each change: (distance, accuracies in per cent), step by step


def show_ways(scores: dict[str, list[float]], title: str) -> None:
    """Bars of several ways of seeing one target: `scores` maps each to its test accuracies (per cent)."""
    told = {way: tuple(map(float, interval(values))) for way, values in scores.items()}
    means, halves = {way: mean for way, (mean, _) in told.items()}, [half for _, half in told.values()]
    figure = bars(means, "test accuracy (%), 95 % interval", title, halves, next(iter(scores)))
    show(figure, "Bars of test accuracy: " + ", ".join(f"{way} {mean:.0f} %" for way, mean in means.items()) + ".")


def show_remedy(cuts, parts: dict[int, np.ndarray], pixels: list[float], title: str) -> None:
    """Accuracy over depth, averaged over the picture and over 2 x 2 parts: `parts` maps 1 and 2 to (draws, cuts)."""
    lines = {"the whole picture averaged": parts[1], "2 × 2 parts": parts[2]}
    spread = {label: interval(scores, axis=0) for label, scores in lines.items()}
    low = 10 * (min(float(scores.min()) for scores in lines.values()) // 10)
    figure = depth_lines(
        cuts, spread, "test accuracy (%), 95 % interval", title, {"raw pixels": float(np.mean(pixels))}, low
    )
    at = {
        label: ", ".join(f"{cut} {mean:.0f}" for cut, mean in zip(cuts, s[0], strict=True))
        for label, s in spread.items()
    }
    show(
        figure, "Accuracy over depth in per cent. " + ". ".join(f"{label}: {told}" for label, told in at.items()) + "."
    )


def show_steps(target: str, steps: Steps, other: float) -> None:
    """Accuracy on a target over the distance from its pictures as they were, which is each change's first step.

    Larger marks are stronger changes, hollow ones are `LOSSLESS`. `other` is where digits lie.
    """
    figure, ax = new_figure(figsize=(WIDTH, 4.2))
    told = []
    for (kind, found), mark, colour in zip(steps.items(), cycle(MARKS), cycle(CYCLE), strict=False):
        x, (y, half) = [far for far, _ in found], interval([right for _, right in found])
        inside, line = ("white", "-") if kind in LOSSLESS else (colour, "--")
        ax.errorbar(x, y, half, lw=1.3, capsize=2, color=colour, ls=line)
        for k in range(1, len(x)):
            ax.plot(x[k], y[k], mark, ms=5 + 2 * k, mec=colour, mfc=inside, zorder=3)
        ax.plot([], [], mark, ms=8, mec=colour, mfc=inside, color=colour, ls=line, label=kind)
        told.append(f"{kind} {y[-1]:.0f} % at {x[-1]:.2f}")
    start = next(iter(steps.values()))[0]
    ax.plot(start[0], start[1].mean(), "k*", ms=14, zorder=1.5, ls="none", label="as they were")
    ax.axvline(other, color=GREY, lw=1.2, ls=":", label="distance of digits")
    xlabel = "distance from the pictures as they were (Fréchet, 1 = their spread)"
    ax.set(xlabel=xlabel, ylabel="test accuracy (%), 95 % interval")
    ax.set_title(f"{target}: what does it cost to move away?")
    ax.legend(
        loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9, title="hollow: nothing is lost", title_fontsize=8.5
    )
    show(
        figure,
        f"Accuracy falls with distance: {start[1].mean():.0f} % at {start[0]:.2f} as they were; " + "; ".join(told),
    )


def show_questions(cuts, panels: dict[str, dict[str, Spread]], title: str) -> None:
    """Accuracy over depth, a panel for each question of six classes.

    `panels` maps a question to {"trained", "untrained", "raw pixels"}, each a Spread in per cent: one number for each
    cut, of the pixels only one.
    """
    figure, axes = new_figure(1, len(panels), figsize=(WIDTH, 3.6 + room_for(cuts)), sharey=True, squeeze=False)
    for ax, (question, panel) in zip(axes[0], panels.items(), strict=True):
        for label, mark, line in (("trained", "o", "-"), ("untrained", "s", "--")):
            mean, half = panel[label]
            ax.errorbar(
                range(len(cuts)), mean, half, marker=mark, ls=line, capsize=2, ms=4, lw=1.5, label=f"{label} prefix"
            )
        ax.axhline(float(panel["raw pixels"][0][0]), color="black", lw=1.3, ls=":", label="raw pixels")
        ax.axhline(100 / 6, color=GREY, lw=1, ls="-.", label="guessing")
        name_depths(ax, cuts, fontsize=8)
        ax.set(title=question, xlabel="cut, shallow to deep", ylim=(0, 103))
    axes[0, 0].set_ylabel("test accuracy (%), 95 % interval")
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=9)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5)
    ends = (
        f"{name} {p['trained'][0].max():.0f} % at best, {p['trained'][0][-1]:.0f} % at the end"
        for name, p in panels.items()
    )
    show(figure, "Accuracy over depth: " + "; ".join(ends) + ".")


def show_alarms(rows: dict[str, dict[str, np.ndarray]], title: str) -> None:
    """A row for each target: accuracy of the deepest cut, the first way of its row, among its controls.

    `rows` maps a target to {way of seeing: accuracies in per cent, one for each part}. A grey bar leads from the
    deepest cut to the best control where that is better and the two intervals do not touch.
    """
    figure, ax = new_figure(figsize=(WIDTH, 1.5 + 0.75 * len(rows)))
    told_once = "alarm: a control is\nahead beyond doubt"
    spread = {target: {way: interval(found) for way, found in ways.items()} for target, ways in rows.items()}
    for row, ways in enumerate(spread.values()):
        (deep, half), *others = ways.values()
        best, its_half = max(others)
        if best - its_half > deep + half:
            bar = {"color": GREY, "lw": 7, "alpha": 0.3, "solid_capstyle": "butt", "zorder": 0}
            ax.plot([deep, best], [row, row], label=told_once, **bar)
            told_once = None
        places = np.linspace(-0.28, 0.28, len(ways))
        for (label, (mean, wide)), mark, colour, place in zip(ways.items(), MARKS, CYCLE, places, strict=False):
            size = 9 if colour == BLUE else 6
            ax.errorbar(
                mean,
                row + place,
                xerr=wide,
                marker=mark,
                color=colour,
                ms=size,
                capsize=2,
                ls="",
                label=None if row else label,
            )
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set(xlabel="accuracy in cross-validation (%), 95 % interval over its parts", title=title)
    ax.set(xlim=(0, 103), ylim=(len(rows) - 0.4, -0.6))
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
    told = ("; ".join(f"{way} {mean:.0f}" for way, (mean, _) in ways.items()) for ways in spread.values())
    show(figure, "Accuracy in per cent. " + ". ".join(f"{t}: {line}" for t, line in zip(rows, told, strict=True)) + ".")


def show_overlap(ns: tuple[int, ...], right: dict[str, np.ndarray]) -> None:
    """Accuracy over the number of pictures per class: `right` maps a target to per cent (numbers, draws)."""
    title = "What are classes worth that the source has seen before? (guessing: 12.5 %)"
    lines = {name: interval(scores) for name, scores in right.items()}
    figure = curves(ns, lines, "training pictures per class", "test accuracy (%), 95 % interval", title)
    told = (
        f"{name}: " + ", ".join(f"{v:.0f} % at {n}" for n, v in zip(ns, s[0], strict=True)) for name, s in lines.items()
    )
    show(figure, "Accuracy over pictures per class. " + ". ".join(told) + ".")
