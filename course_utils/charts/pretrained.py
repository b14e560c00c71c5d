"""A pretrained network at work: what it calls photographs, how its maps shrink, what it costs and what that buys."""

import html

import numpy as np

from ..errors import UnsuitableModel
from ..figures import BLUE, GREY, ORANGE, WIDTH, name_depths, new_figure, room_for, show
from ..pictures.photographs import shown_class
from ..probing import interval


def gallery(source, pictures: np.ndarray, captions: tuple[str, ...]) -> int:
    """Show sample photographs and their five most probable classes, two in a row; how many get the right name first.

    `captions` say what each shows. The bar of the right class is orange and has an arrow; a photograph of something
    that is no class of the source has none.
    """
    names = {_spoken(name): name for name in source.class_names}
    right = [names.get(_spoken(shown_class(caption)), "") for caption in captions]
    answers = source.top(pictures, 5)
    rows = -(-len(pictures) // 2)
    figure, axes = new_figure(rows, 4, figsize=(WIDTH, 1.5 * rows + 0.5), squeeze=False, width_ratios=[1, 1.55] * 2)
    for ax in axes.flat:
        ax.axis("off")
    for k, (picture, caption, answer, shown) in enumerate(zip(pictures, captions, answers, right, strict=True)):
        left, beside = axes[k // 2, 2 * (k % 2) : 2 * (k % 2) + 2]
        left.imshow(picture)
        left.set_title(caption, fontsize=9, loc="center", pad=3)
        beside.set(xlim=(0, 1.28), ylim=(len(answer) - 0.1, -0.9))
        for row, (name, p) in enumerate(answer):
            hit = name == shown
            beside.barh(row + 0.2, p, color=ORANGE if hit else BLUE, height=0.34, alpha=1 if hit else 0.55)
            weight = "bold" if row == 0 else "normal"
            beside.text(0, row - 0.06, name.replace("_", " "), fontsize=7.5, va="bottom", weight=weight)
            beside.text(p + 0.02, row + 0.2, f"{p:.2f}" + (" ← right" if hit else ""), fontsize=7.5, va="center")
    figure.suptitle(f"What {source.name} calls them: its five most probable classes", x=0.01, ha="left", fontsize=10.5)
    best = (
        f"{caption}: {answer[0][0].replace('_', ' ')} {answer[0][1]:.2f}"
        for caption, answer in zip(captions, answers, strict=True)
    )
    show(figure, "Each picture beside its five most probable classes. The first of them: " + ", ".join(best) + ".")
    return sum(answer[0][0] == name for answer, name in zip(answers, right, strict=True))


def _spoken(label: str) -> str:
    return label.replace("_", " ").lower()


def shrinking_maps(shapes: dict[str, tuple[int, ...]]) -> None:
    """Show side and channels of the map at each cut: `shapes` maps a cut to (height, width, channels) or (numbers,).

    Raises `UnsuitableModel` for a transformer's (tokens, width).
    """
    cuts = list(shapes)
    if tokens := [cut for cut in cuts if len(shapes[cut]) == 2]:
        raise UnsuitableModel(
            f"At the cut '{tokens[0]}' there are no maps but tokens, which stay as many from cut to cut: take a source "
            "of convolutions to see how maps shrink."
        )
    sides = [shape[0] if len(shape) == 3 else 1 for shape in shapes.values()]
    channels = [shape[-1] for shape in shapes.values()]
    figure, ax = new_figure(figsize=(WIDTH, 3.3 + room_for(cuts)))
    for values, mark, colour, label in (
        (sides, "s-", BLUE, "side of the map (positions)"),
        (channels, "o--", ORANGE, "channels at each position"),
    ):
        ax.plot(range(len(cuts)), values, mark, color=colour, ms=5, label=label)
        for k in (0, len(cuts) - 1):
            ax.annotate(str(values[k]), (k, values[k]), (0, 6), textcoords="offset points", ha="center", fontsize=9)
    name_depths(ax, cuts)
    ax.set(
        yscale="log",
        xlabel="cut, shallow to deep",
        ylabel="number (log. axis)",
        title="On the way down, a picture becomes a smaller map with more channels",
    )
    ax.set_ylim(min(sides + channels) / 1.5, max(sides + channels) * 2)
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9)
    first, last = shapes[cuts[0]], shapes[cuts[-1]]
    show(figure, f"Side and channels of the maps over depth: {cuts[0]} is {first}, {cuts[-1]} is {last}.")


def by_class(values: dict[str, np.ndarray], labels: np.ndarray, title: str, highlight: str = "") -> None:
    """Show rows of dots, one for each class, with their mean and its 95 % interval over the classes.

    `values` maps a row's name to the probability (0 … 1) of the right class for each picture (n,), `labels` (n,).
    """
    classes = np.unique(labels)
    figure, ax = new_figure(figsize=(WIDTH, 0.9 + 0.42 * len(values)))
    told = []
    jitter = np.random.default_rng(0).uniform(-0.16, 0.16, len(classes))
    table = np.array([[p[labels == label].mean() for label in classes] for p in values.values()])
    ax.plot(table, np.arange(len(values))[:, None] + jitter, "-", color=GREY, lw=0.7, alpha=0.25)  # of one class
    for row, (name, each) in enumerate(zip(values, table, strict=True)):
        mean, half = interval(each)
        colour = ORANGE if name == highlight else BLUE
        ax.plot(each, row + jitter, "o", color=GREY, ms=4, alpha=0.45, mew=0)
        low, high = max(mean - half, 0), min(mean + half, 1)
        ax.plot([low, high], [row, row], color=colour, lw=2)
        ax.plot(mean, row, "D", color=colour, ms=8, mec="white")
        ax.annotate(f"{mean:.2f}", (1.03, row), va="center", fontsize=9, annotation_clip=False)
        told.append(f"{name} {mean:.2f}")
    ax.set_yticks(range(len(values)), list(values))
    ax.invert_yaxis()
    ax.set(xlabel="probability of the right class (lines join the dots of a class; diamond: mean, 95 % interval)")
    ax.set(title=title, xlim=(-0.02, 1.02))
    show(figure, "Mean probability of the right class: " + ", ".join(told) + ".")


def sizes_and_views(
    pictures: dict[str, np.ndarray], values: dict[str, np.ndarray], labels: np.ndarray, title: str
) -> None:
    """Show for each way of giving a picture an example (h, w, 3), and below it what `by_class` shows, upright.

    `values` maps the same names to the probability of the right class for each picture (n,), `labels` (n,). The first
    way is the one to compare with.
    """
    classes = np.unique(labels)
    figure, axes = new_figure(2, len(pictures), figsize=(WIDTH, 3.7), height_ratios=[1, 1.15], squeeze=False)
    told = []
    for (name, picture), top, ax in zip(pictures.items(), *axes, strict=True):
        each = np.array([values[name][labels == label].mean() for label in classes])
        mean, half = interval(each)
        top.imshow(picture)
        top.axis("off")
        top.set_title(name, fontsize=8.5, loc="center")
        ax.bar([0], [mean], color=BLUE if told else ORANGE, width=0.8, alpha=0.75)
        jitter = np.random.default_rng(0).uniform(-0.3, 0.3, len(each))
        ax.plot(jitter, each, "o", color="black", ms=3.5, alpha=0.4, mew=0)
        ax.plot([0, 0], [max(mean - half, 0), min(mean + half, 1)], color="black", lw=1.6)
        ax.set(xticks=[], xlim=(-0.6, 0.6), ylim=(0, 1.05))
        ax.set_xlabel(f"{mean:.2f}", fontsize=10)
        ax.tick_params(labelleft=not told)
        told.append(f"{name} {mean:.2f}")
    axes[1, 0].set_ylabel("probability of\nthe right class", fontsize=9)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5)
    figure.supxlabel("mean; dots are classes, the line is the 95 % interval of the mean over them", fontsize=8.5)
    show(figure, "An example of each, and the mean probability of the right class: " + ", ".join(told) + ".")


def show_table(columns: list[str], rows: list[tuple]) -> None:
    """Show a table of plain text that scrolls where it is long."""
    from IPython.display import HTML, display

    def line(kind, cells):
        told = "".join(f'<{kind} style="text-align: left">{html.escape(str(cell))}</{kind}>' for cell in cells)
        return f"<tr>{told}</tr>"

    body = line("th", columns) + "".join(line("td", row) for row in rows)
    style = "max-height: 22em; overflow-y: auto; display: inline-block"
    display(HTML(f"<div style='{style}' tabindex='0'><table>{body}</table></div>"))
