"""Every picture of the course. One style: colours that colour-blind readers tell apart, axes with units, alt text."""

import io
from itertools import cycle
from textwrap import fill

import numpy as np

BLUE, ORANGE, GREEN, PINK, GREY = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#666666"  # Okabe & Ito 2008
SKY, VERMILION = "#56B4E9", "#D55E00"
CYCLE = (BLUE, ORANGE, GREEN, PINK, SKY, VERMILION, GREY, "black")
MARKS = "osD^vPX*"
# Of levels that coincide, each still shows between the dashes of the others.
LEVELS = tuple({"color": c, "ls": (3.5 * k, (3.5, 7)), "lw": 2} for k, c in enumerate((VERMILION, "black", SKY)))
# For names in letters that DejaVu does not have, what systems come with.
MORE_FONTS = (
    *(
        "Noto Sans CJK JP",
        "Noto Sans CJK SC",
        "Noto Sans",
        "Noto Sans Devanagari",
        "Noto Sans Thai",
        "Noto Sans Bengali",
    ),
    *("Yu Gothic", "Microsoft YaHei", "Malgun Gothic", "Nirmala UI", "Leelawadee UI", "Segoe UI Emoji"),
    *("Hiragino Sans", "PingFang SC", "Arial Unicode MS", "Apple SD Gothic Neo", "WenQuanYi Micro Hei"),
)
WIDTH = 8.0  # inches: the width of every figure


def use_style() -> None:
    """Set matplotlib's defaults for all figures of the course."""
    import matplotlib.pyplot as plt
    from cycler import cycler
    from matplotlib.font_manager import fontManager

    there = set(fontManager.get_font_names())
    plt.rcParams.update(
        {
            "figure.figsize": (WIDTH, 3.8),
            "figure.dpi": 100,
            "figure.constrained_layout.use": True,
            "figure.facecolor": "white",
            "font.family": ["DejaVu Sans", *(name for name in MORE_FONTS if name in there)],
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
    import matplotlib.pyplot as plt
    from IPython.display import display
    from PIL import Image

    _take_dollars_as_they_are(figure)
    _break_titles(figure)
    page = io.BytesIO()
    figure.savefig(page, format="png")
    plt.close(figure)
    if page.tell() > 500_000:  # many pictures in one: 256 colours do, in a third of the space
        full, page = Image.open(page).convert("RGB"), io.BytesIO()
        full.quantize(256).save(page, "png", optimize=True)
    display({"image/png": page.getvalue(), "text/plain": alt}, raw=True, metadata={"image/png": {"alt": alt}})


def _take_dollars_as_they_are(figure) -> None:
    """Names of a user's own may hold them, and no text of ours is a formula but the powers of ten at an axis."""
    from matplotlib.text import Text

    for ax in figure.axes:
        ax.get_xticklabels(), ax.get_yticklabels()  # writes them
    for text in figure.findobj(Text):
        if "$" in text.get_text() and r"\mathdefault" not in text.get_text():
            text.set_parse_math(False)


def _break_titles(figure) -> None:
    """Break what would run out of the page, or into the next panel's title: the names in it may be a user's own."""
    from matplotlib.text import Text

    figure.draw_without_rendering()
    titles = [(text, figure.bbox.x1) for text in figure.texts]
    for ax in figure.axes:
        beside = [other.bbox.x0 for other in figure.axes if other.bbox.x0 > ax.bbox.x1 and other.bbox.y0 < ax.bbox.y1]
        end, title = min(beside, default=figure.bbox.x1), ax.get_title("left")
        titles += [(text, end) for text in ax.findobj(Text, include_self=False) if title and text.get_text() == title]
    for text, end in titles:
        told, letters = text.get_text(), len(text.get_text())
        while letters > 10 and text.get_window_extent().x1 > end:
            letters -= 1
            text.set_text(fill(told, letters))
        figure.set_figheight(figure.get_figheight() + 0.17 * (text.get_text().count("\n") - told.count("\n")))


def new_figure(*args, **settings):
    """`plt.subplots`, imported late: what needs no picture should not wait for matplotlib."""
    import matplotlib.pyplot as plt

    return plt.subplots(*args, **settings)


def picture_row(pictures, titles, columns: int = 8):
    """Pictures in a grid, a title over each: pictures (n, h, w, 3) uint8 or (n, h, w) in 0 … 1."""
    columns = min(columns, len(pictures))
    rows = -(-len(pictures) // columns)
    figure, axes = new_figure(rows, columns, figsize=(WIDTH, rows * (WIDTH / columns + 0.28)), squeeze=False)
    for ax in axes.flat:
        ax.axis("off")
    for ax, picture, title in zip(axes.flat, pictures, titles, strict=False):
        ax.imshow(picture)
        ax.set_title(title, fontsize=8, loc="center")
    return figure


def curves(x, lines: dict[str, tuple], xlabel: str, ylabel: str, title: str, chance: float | None = None):
    """Lines with 95 % intervals over a logarithmic x: `lines` maps a label to (means, half widths).

    They are labelled at their ends, in the order of their heights, and stand a little beside each other for intervals.
    """
    figure, ax = new_figure()
    ends = []
    for k, ((label, (mean, half)), mark) in enumerate(zip(lines.items(), cycle(MARKS), strict=False)):
        aside = np.asarray(x) * (x[-1] / x[0]) ** ((k - (len(lines) - 1) / 2) / 60)  # a cap's width
        drawn = ax.errorbar(aside, mean, half, marker=mark, ms=5, capsize=3, lw=1.6)
        ends.append([float(mean[-1]), label, drawn[0].get_color()])
    low, high = ax.get_ylim()
    gap, place = 0.062 * (high - low), -np.inf
    for end, label, colour in sorted(ends):
        place = max(end, place + gap)
        ax.annotate(
            label,
            (aside[-1], place),
            (10, 0),
            "data",
            "offset points",
            color=colour,
            va="center",
            annotation_clip=False,
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
    names = [fill(name, 28) for name in values]  # a long one would leave the bars no room
    figure, ax = new_figure(figsize=(WIDTH, 0.5 + (0.5 if "\n" in "".join(names) else 0.36) * len(names)))
    colours = [ORANGE if name == highlight else BLUE for name in values]
    ax.barh(range(len(names)), list(values.values()), xerr=errors, color=colours, height=0.65, capsize=3)
    ax.set_yticks(range(len(names)), names)
    ax.invert_yaxis()
    half = np.zeros(len(values)) if errors is None else np.nan_to_num(errors)  # of one draw, there is no interval
    ends = np.maximum(list(values.values()) + half, 0)
    low, high = min(0, *(list(values.values()) - half)), ends.max()
    for k, value in enumerate(values.values()):
        ax.annotate(f"{value:.3g}", (ends[k], k), (4, 0), textcoords="offset points", va="center", fontsize=9)
    room = 0.12 * (high - low) or 1
    ax.set(xlabel=xlabel, title=title, xlim=(low - room if low < 0 else 0, high + room))
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


def heat_table(values, rows, columns, xlabel: str, title: str, form: str = "{:z.0f}"):
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
    for (label, value), style in zip((controls or {}).items(), cycle(LEVELS), strict=False):
        ax.axhline(value, label=label, **style)
    name_depths(ax, cuts)
    ax.set(xlabel="cut, shallow to deep", ylabel=ylabel, title=title, ylim=(low, 103))
    beside = {"loc": "center left", "bbox_to_anchor": (1, 0.5)} if controls else {}
    ax.legend(fontsize=9, handlelength=3, **beside)
    return figure
