"""Every picture of the course. One style: colours that colour-blind readers tell apart, axes with units, alt text."""

from itertools import cycle

import numpy as np

BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#666666"  # Okabe & Ito 2008
SKY, VERMILION = "#56B4E9", "#D55E00"
CYCLE = (BLUE, ORANGE, GREEN, PINK, SKY, VERMILION, GREY, "black")
MARKS = "osD^vPX*"
WIDTH = 8.0  # inches: the width of every figure


def use_style() -> None:
    """Set matplotlib's defaults for all figures of the course."""
    import matplotlib.pyplot as plt
    from cycler import cycler

    plt.rcParams.update(
        {
            "figure.figsize": (WIDTH, 3.8),
            "figure.dpi": 100,
            "figure.constrained_layout.use": True,
            "figure.facecolor": "white",
            "font.size": 10,
            "axes.prop_cycle": cycler(color=CYCLE),
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 10.5,
            "axes.titlelocation": "left",
            "legend.frameon": False,
            "image.cmap": "cividis",
        }
    )


MANY = 10  # depths from which on their names stand upright, and not all of them
LONG = 70  # letters, of all names together, from which on they stand upright


def _upright(names) -> bool:
    return len(names) >= MANY or sum(len(str(name)) for name in names) > LONG


def name_depths(ax, names, **settings) -> None:
    """Names of cuts or blocks under an axis: all, or where they are many or long, eight of them, upright."""
    if not _upright(names):
        ax.set_xticks(range(len(names)), names, **settings)
        return
    some = np.unique(np.linspace(0, len(names) - 1, 8).round().astype(int))
    ax.set_xticks(some, [names[k] for k in some], rotation=90, **({"fontsize": 8} | settings))
    ax.set_xticks(range(len(names)), minor=True)


def room_for(names) -> float:
    """Inches of height that upright names take."""
    return 1.3 if _upright(names) else 0.0


def show(figure, alt: str) -> None:
    """Show a figure with a description for those who cannot see it, and close it."""
    import io

    import matplotlib.pyplot as plt
    from IPython.display import display
    from PIL import Image

    page = io.BytesIO()
    figure.savefig(page, format="png")
    plt.close(figure)
    if page.tell() > 500_000:  # many pictures in one: 256 colours do, in a third of the space
        full, page = Image.open(page).convert("RGB"), io.BytesIO()
        full.quantize(256).save(page, "png", optimize=True)
    metadata = {"image/png": {"alt": alt}}
    display({"image/png": page.getvalue(), "text/plain": alt}, raw=True, metadata=metadata)


def new_figure(*args, **settings):
    """`plt.subplots`, imported late: what needs no picture should not wait for matplotlib."""
    import matplotlib.pyplot as plt

    return plt.subplots(*args, **settings)


def picture_row(pictures, titles, columns: int = 8):
    """Pictures in a grid, a title over each: pictures (n, h, w, 3) uint8 or (n, h, w) in 0 … 1."""
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    side = WIDTH / columns
    figure, axes = new_figure(rows, columns, figsize=(WIDTH, rows * (side + 0.28)), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for ax, picture, title in zip(axes.flat, pictures, titles, strict=False):
        ax.imshow(picture)
        ax.set_title(title, fontsize=8, loc="center")
    return figure


def curves(x, lines: dict[str, tuple], xlabel: str, ylabel: str, title: str, chance: float | None = None):
    """Lines with 95 % intervals over a logarithmic x: `lines` maps a label to (means, half widths).

    The lines are labelled at their ends, in the order of their heights, so that nobody has to match a legend.
    """
    figure, ax = new_figure()
    ends = []
    for (label, (mean, half)), mark in zip(lines.items(), cycle(MARKS), strict=False):
        drawn = ax.errorbar(x, mean, half, marker=mark, ms=5, capsize=3, lw=1.6)
        ends.append([float(mean[-1]), label, drawn[0].get_color()])
    low, high = ax.get_ylim()
    gap, place = 0.062 * (high - low), -np.inf
    for end, label, colour in sorted(ends):
        place = max(end, place + gap)
        ax.annotate(
            label, (x[-1], place), (10, 0), "data", "offset points", color=colour, va="center", annotation_clip=False
        )
    if chance is not None:
        ax.axhline(chance, color=GREY, lw=1, ls=":")
        between = (x[0] * x[min(1, len(x) - 1)]) ** 0.5  # clear of the points
        ax.annotate("guessing", (between, chance), (0, -11), textcoords="offset points", color=GREY, fontsize=8)
    ax.set(xscale="log", xlabel=xlabel, ylabel=ylabel, title=title)
    ax.set_xticks(x, [f"{v:g}" for v in x])
    ax.minorticks_off()
    return figure


def bars(values: dict[str, float], xlabel: str, title: str, errors=None, highlight: str = ""):
    """Horizontal bars, the value written at each; `highlight` names the bar in another colour."""
    figure, ax = new_figure(figsize=(WIDTH, 0.5 + 0.36 * len(values)))
    names = list(values)
    colours = [ORANGE if name == highlight else BLUE for name in names]
    ax.barh(names, list(values.values()), xerr=errors, color=colours, height=0.65, capsize=3)
    ax.invert_yaxis()
    half = np.zeros(len(values)) if errors is None else np.nan_to_num(errors)  # of one draw, there is no interval
    ends = np.maximum(list(values.values()) + half, 0)
    low, high = min(0, *(list(values.values()) - half)), ends.max()
    for k, value in enumerate(values.values()):
        ax.annotate(f"{value:.3g}", (ends[k], k), (4, 0), textcoords="offset points", va="center", fontsize=9)
    room = 0.12 * (high - low) or 1
    ax.set(xlabel=xlabel, title=title, xlim=(low - room if low < 0 else 0, high + room))
    return figure


def predictions(pictures, answers, names, title: str):
    """Each picture beside its best answers as bars: `answers` holds a list of (class, probability) per picture."""
    columns = 2
    rows = -(-len(pictures) // columns)
    figure, axes = new_figure(
        rows, 2 * columns, figsize=(WIDTH, 1.55 * rows + 0.3), squeeze=False, width_ratios=[1, 1.1] * columns
    )
    for ax in axes.flat:
        ax.axis("off")
    for k, (picture, answer, name) in enumerate(zip(pictures, answers, names, strict=True)):
        left, right = axes[k // columns, 2 * (k % columns) : 2 * (k % columns) + 2]
        left.imshow(picture)
        left.set_title(name, fontsize=9, loc="center")
        right.axis("on")
        right.barh(range(len(answer)), [p for _, p in answer], color=BLUE, height=0.8, alpha=0.45)
        for row, (label, p) in enumerate(answer):
            right.text(-0.04, row, label.replace("_", " "), va="center", ha="right", fontsize=8)
            right.text(p + 0.03, row, f"{p:.2f}", va="center", fontsize=8)
        right.set(xlim=(0, 1.25), yticks=[], xticks=[0, 1])
        right.tick_params(labelsize=7)
        if k >= len(pictures) - columns:
            right.set_xlabel("probability", fontsize=8, labelpad=0)
        right.invert_yaxis()
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5)
    return figure


def patch_rows(rows: dict[str, np.ndarray], title: str):
    """Rows of patches of one size, a label before each row: `rows` maps a label to (n, s, s, 3)."""
    n = max(map(len, rows.values()))
    figure, axes = new_figure(len(rows), n, figsize=(WIDTH, len(rows) * (WIDTH - 1.1) / n + 0.4), squeeze=False)
    for row, (label, patches) in zip(axes, rows.items(), strict=True):
        for ax in row:
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        for ax, patch in zip(row, patches, strict=False):
            ax.imshow(patch)
        row[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=8)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5)
    return figure


def heat_table(values, rows, columns, xlabel: str, title: str, form: str = "{:.0f}"):
    """A table as colours with the figure in each cell, each row's largest in bold: values (rows, columns)."""
    values = np.asarray(values, "float64")
    figure, ax = new_figure(figsize=(WIDTH, 0.38 * len(rows) + 1.0))
    ax.imshow(values, aspect="auto")
    middle = (values.min() + values.max()) / 2
    for r, line in enumerate(values):
        for c, value in enumerate(line):
            best = "bold" if value == line.max() else "normal"
            colour = "white" if value < middle else "black"
            ax.text(c, r, form.format(value), ha="center", va="center", color=colour, fontweight=best, fontsize=9)
    ax.set_xticks(range(len(columns)), columns)
    ax.set_yticks(range(len(rows)), rows)
    ax.set(xlabel=xlabel, title=title)
    ax.spines[:].set_visible(False)
    return figure


def depth_lines(
    cuts, lines: dict[str, tuple], ylabel: str, title: str, controls: dict[str, float] | None = None, low: float = -3
):
    """Lines with intervals over depth: `lines` maps a label to (values, half widths), one for each cut.

    `controls` are levels that do not depend on the cut; `low` is the lower end of the axis (per cent).
    """
    figure, ax = new_figure(figsize=(WIDTH, 3.8 + room_for(cuts)))
    for (label, (mean, half)), mark in zip(lines.items(), cycle(MARKS), strict=False):
        ax.errorbar(range(len(cuts)), mean, half, marker=mark, ms=5, capsize=3, lw=1.6, label=label)
    for (label, value), style in zip((controls or {}).items(), cycle((":", "--", "-.")), strict=False):
        ax.axhline(value, color="black", lw=1.2, ls=style, label=label)
    name_depths(ax, cuts)
    ax.set(xlabel="cut, shallow to deep", ylabel=ylabel, title=title, ylim=(low, 103))
    beside = {"loc": "center left", "bbox_to_anchor": (1, 0.5)} if controls else {}
    ax.legend(fontsize=9, **beside)
    return figure
