"""Results that one lesson draws in its own way: draws one by one, predictions over truth, what networks cost."""

from collections.abc import Callable

import numpy as np

from ..figures import BLUE, GREY, ORANGE, WIDTH, new_figure, show
from ..lesson import claim
from ..models.installed import INSTALLED
from ..models.zoo import ZOO, zoo_table
from ..progress import bar
from ..store.cache import cached_table
from ..store.weights import without_weights
from .pretrained import show_table


def agreement(true, predicted, xlabel: str, ylabel: str, title: str):
    """Predicted over true values as dots, with the line on which they agree."""
    figure, ax = new_figure(figsize=(WIDTH, 3.8))
    low, high = min(true.min(), predicted.min()), max(true.max(), predicted.max())
    ax.plot([low, high], [low, high], color=GREY, lw=1.2, ls="--", label="predicted = true")
    ax.plot(true, predicted, "o", ms=3.5, alpha=0.5)
    ax.set(xlabel=xlabel, ylabel=ylabel, title=title)
    ax.legend(fontsize=9)
    return figure


def passport(source, products: int) -> None:
    """Show what one must know of a source before using it; `products` are its multiply-adds for one picture."""
    black, white, red = source.preprocess(np.stack([np.full((8, 8, 3), v, "uint8") for v in _CORNERS])).mean((1, 2))
    low, high = (f"{x[0]:.2f}" if np.ptp(x) < 0.01 else f"{np.round(x, 2).tolist()}" for x in (black, white))
    order = {0: "red, green, blue", 2: "blue, green, red"}.get(int(np.argmax(red - black)), "mixed")
    entry = INSTALLED.get(source.name) or ZOO.get(source.name)
    height, width = source.input_size
    parameters = source.model.count_params()
    rows = {
        "input size": f"{height} × {width} pixels, {source.model.input_shape[-1]} channels",
        "scale of the pixels": f"black becomes {low}, white {high}",
        "order of the channels": order,
        "classes": f"{len(source.class_names):,}, such as {source.class_names[0].replace('_', ' ')}",
        "published accuracy": f"{entry.top1} % top-1 on ImageNet" if entry else "none: see its card",
        "licence": _licence(source.name),
        "cost": f"{parameters:,} parameters ({parameters * 4 / 2**20:.0f} MB in float32), "
        f"{products / 1e6:,.0f} million multiply-adds for one picture",
    }
    show_table(["to know", source.name], list(rows.items()))


_CORNERS = ([0, 0, 0], [255, 255, 255], [255, 0, 0])


def _licence(name: str) -> str:
    if name in INSTALLED:
        return "Apache 2.0 (weights by Google)"
    return "see its page in Keras Applications" if name in ZOO else "that of this course (MIT)"


def zoo_costs(multiply_adds: Callable) -> dict[str, int]:
    """Multiply-adds for one picture of every network of Keras's zoo and of the installed ones, by `multiply_adds`."""
    entries = {**ZOO, **INSTALLED}

    def count(name: str) -> int:
        with without_weights():
            entry = entries[name]
            size = (entry.size, entry.size)
            return multiply_adds(entry.build(size, True) if name in INSTALLED else entry.build(None))

    settings = {"networks": list(entries), "size": "of training"}
    return cached_table("zoo_costs", settings, lambda: {n: count(n) for n in bar(entries, label="zoo", unit="nets")})


def show_zoo(costs: dict[str, int]) -> None:
    """Show the zoo as a table and as accuracy over arithmetic, and claim what the most famous network is beaten by."""
    with without_weights():
        lite = {name: entry.build((entry.size, entry.size), True).count_params() for name, entry in INSTALLED.items()}
    parameters = {entry.name: entry.parameters for entry in zoo_table()} | lite
    entries = sorted({**ZOO, **INSTALLED}.values(), key=lambda entry: costs[entry.name])
    columns = ["network", "top-1 (%)", "parameters (million)", "file (MB)", "pixels", "million multiply-adds"]
    rows = [
        (e.name, e.top1, f"{parameters[e.name] / 1e6:.1f}", e.megabytes, e.size, f"{costs[e.name] / 1e6:,.0f}")
        for e in entries
    ]
    show_table(columns, rows)
    edge: list[str] = []
    for e in entries:  # from cheap to dear
        if not edge or e.top1 > (ZOO | INSTALLED)[edge[-1]].top1:
            edge.append(e.name)
    cost_plane({e.name: (costs[e.name] / 1e6, e.top1) for e in entries}, edge, list(INSTALLED))
    vgg, tenth = ZOO["VGG16"], parameters["VGG16"] / 10
    better = [e.name for e in entries if e.top1 > vgg.top1 and parameters[e.name] < tenth]
    better = [name for name in better if costs[name] < costs["VGG16"] / 10]
    claim(
        "Networks with a tenth of VGG16's parameters and a tenth of its arithmetic are more accurate.",
        bool(better),
        f"{len(better)} of them, the cheapest is {better[0] if better else 'none'}",
    )


def cost_plane(networks: dict[str, tuple[float, float]], frontier: list[str], marked: list[str]) -> None:
    """Show accuracy (%) over arithmetic (million multiply-adds): `networks` maps a name to both.

    Those on `frontier` are joined and named; `marked` ones are stars, with their names.
    """
    figure, ax = new_figure(figsize=(WIDTH, 4.8))
    rest = [place for name, place in networks.items() if name not in (*frontier, *marked)]
    ax.plot(*zip(*rest, strict=True), "o", color=GREY, ms=5, alpha=0.6, label="others of Keras")
    edge = [networks[name] for name in frontier]
    ax.plot(*zip(*edge, strict=True), "s-", color=BLUE, ms=6, label="nothing cheaper is as accurate")
    stars = [networks[name] for name in marked]
    ax.plot(*zip(*stars, strict=True), "*", color=ORANGE, ms=13, mec="black", mew=0.6, label="installed here")
    free = np.inf  # a network of the edge is named only where its name does not run into the one above it
    for name in reversed(frontier):
        if networks[name][1] < free:
            free = networks[name][1] - 1.0
            beside = {"xytext": (-7, 4), "textcoords": "offset points", "ha": "right"}
            ax.annotate(name, networks[name], fontsize=8, color=BLUE, **beside)
    for name in (*marked, "VGG16", "ResNet50", "MobileNet", "ResNet152", "MobileNetV2"):
        if name in networks and name not in frontier:
            ax.annotate(name, networks[name], xytext=(7, -9), textcoords="offset points", fontsize=8, color="#444444")
    ax.set(
        xscale="log",
        xlabel="million multiply-adds for one picture",
        ylabel="top-1 accuracy on ImageNet (%, as published)",
        title="The best buys lie on the blue line; many famous networks lie far below it",
    )
    ticks = [50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000]
    ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
    ax.set_xlim(9, 90000)
    ax.minorticks_off()
    ax.legend(fontsize=9, loc="upper left")
    show(figure, "Accuracy over arithmetic. The upper edge, from cheap to dear: " + ", ".join(frontier) + ".")


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
