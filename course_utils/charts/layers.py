"""What is in a layer: its filters, its maps of one picture, what it looks at, what can be read from it."""

from itertools import cycle

import numpy as np

from ..figures import GREY, MARKS, VERMILION, WIDTH, name_depths, new_figure, room_for


def convolution_steps(picture: np.ndarray, kernel: np.ndarray, answer: np.ndarray, place: tuple[int, int], title: str):
    """A grey picture (h, w), a kernel (k, k), and the map (h - k + 1, w - k + 1) of their convolution.

    A frame shows the window at `place` (row, column) in the picture, and the one number that comes of it in the map.
    """
    from matplotlib.patches import Rectangle

    figure, axes = new_figure(1, 3, figsize=(WIDTH, 2.75), width_ratios=[1, 0.6, 1])
    largest = np.abs(kernel).max(), np.abs(answer).max()
    axes[0].imshow(picture, cmap="gray")
    axes[1].imshow(kernel, cmap="RdBu_r", vmin=-largest[0], vmax=largest[0], alpha=0.6)
    axes[2].imshow(answer, cmap="RdBu_r", vmin=-largest[1], vmax=largest[1])
    for (row, column), value in np.ndenumerate(kernel):
        axes[1].text(column, row, f"{value:g}", ha="center", va="center")
    row, column = place
    for ax, side in ((axes[0], len(kernel)), (axes[2], 1)):
        ax.add_patch(Rectangle((column - 0.5, row - 0.5), side, side, fill=False, ec=VERMILION, lw=2))
    rows, columns = picture.shape
    told = (
        f"the picture, {rows} × {columns}",
        f"the kernel, {len(kernel)} × {len(kernel)}",
        f"the map, {answer.shape[0]} × {answer.shape[1]} (red: above 0)",
    )
    for ax, text in zip(axes, told, strict=True):
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        ax.set_title(text, fontsize=9, loc="center")
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5)
    return figure


def filters(sets: dict[str, np.ndarray], title: str):
    """Filters in colour, each stretched to its own range around grey: a label to (h, w, 3, n); 36 of each are shown."""
    columns = 12
    shown = {label: np.moveaxis(np.asarray(kernels), -1, 0)[:36] for label, kernels in sets.items()}
    lines = [
        (label, part) for label, all_ in shown.items() for part in np.split(all_, range(columns, len(all_), columns))
    ]
    figure, axes = new_figure(len(lines), columns, figsize=(WIDTH, 0.6 * len(lines) + 0.4), squeeze=False)
    for k, (row, (label, kernels)) in enumerate(zip(axes, lines, strict=True)):
        for ax in row:
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        for ax, kernel in zip(row, kernels, strict=False):
            largest = np.abs(kernel).max()
            ax.imshow(kernel / (largest or 1) / 2 + 0.5, interpolation="nearest")  # a filter of zeros is grey
        if k == 0 or lines[k - 1][0] != label:
            row[0].set_ylabel(label, rotation=0, ha="right", va="center", fontsize=9)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5)
    return figure


def activation_maps(picture, maps: dict, title: str, channels: int = 6):
    """Activation maps of one picture, a row per cut: `maps` maps a cut to (h, w, c); the strongest are shown."""
    figure, axes = new_figure(len(maps), channels + 1, figsize=(WIDTH, 1.12 * len(maps) + 0.35), squeeze=False)
    for row, (cut, values) in zip(axes, maps.items(), strict=True):
        for ax in row:
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set_visible(False)
        row[0].imshow(picture)
        row[0].set_ylabel(f"{cut}\n{values.shape[0]}×{values.shape[1]}×{values.shape[2]}", fontsize=8)
        strongest = np.argsort(-values.std((0, 1)))[:channels]
        for ax, channel in zip(row[1:], strongest, strict=False):
            ax.imshow(values[..., channel])
            ax.set_title(f"channel {channel}", fontsize=7, loc="center", pad=2)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5)
    return figure


def influence_panels(picture: np.ndarray, influences: dict[str, np.ndarray], title: str):
    """The picture (h, w, 3), a panel per cut, as bright as each pixel matters there: `influences` cut to (h, w) ≥ 0.

    A frame goes round all that matters at all. Brightness is the square root of the influence over its 99th percentile.
    """
    from matplotlib.patches import Rectangle

    figure, axes = new_figure(1, len(influences), figsize=(WIDTH, WIDTH / len(influences) + 0.75), squeeze=False)
    for ax, (cut, values) in zip(axes[0], influences.items(), strict=True):
        rows, columns = np.flatnonzero(values.any(1)), np.flatnonzero(values.any(0))
        share = np.sqrt(np.clip(values / np.percentile(values[values > 0], 99), 0, 1))
        ax.imshow((picture * (0.3 + 0.7 * share[..., None])).astype("uint8"))
        width, height = np.ptp(columns) + 1, np.ptp(rows) + 1
        frame = Rectangle((columns[0] - 0.5, rows[0] - 0.5), width, height, fill=False, ec=VERMILION, lw=1.5)
        ax.add_patch(frame)
        ax.set(xticks=[], yticks=[])
        small = 6.5 if max(map(len, influences)) > 12 else 8.5  # names as long as block_13_expand_relu
        ax.set_title(f"{cut}\n{width} of {values.shape[1]} pixels", fontsize=small, loc="center")
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5)
    return figure


def change_lines(examples: dict[str, np.ndarray], cuts, lines: dict[str, tuple], title: str):
    """How alike a cut's features stay when the picture changes, below one example of each change.

    `examples` maps a change to a picture; `lines` maps it to (means, half widths), 100 for the same features.
    """
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(WIDTH, 5.2 + room_for(cuts)))
    grid = figure.add_gridspec(2, 1, height_ratios=[1, 2.6 + room_for(cuts) / 1.4])
    strip = grid[0].subgridspec(1, len(examples))
    for k, (name, picture) in enumerate(examples.items()):
        ax = figure.add_subplot(strip[k])
        ax.imshow(picture)
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_visible(False)
        ax.set_title(name, fontsize=8.5, loc="center")
    ax = figure.add_subplot(grid[1])
    for (label, (mean, half)), mark in zip(lines.items(), cycle(MARKS), strict=False):
        ax.errorbar(range(len(cuts)), mean, half, marker=mark, ms=5, capsize=3, lw=1.6, label=label)
    ax.axhline(0, color=GREY, lw=1, ls=":")
    name_depths(ax, cuts)
    ax.set(xlabel="cut, shallow to deep", ylabel="likeness of the maps (%)", ylim=(-25, 104))
    ax.legend(fontsize=9, loc="center left", bbox_to_anchor=(1, 0.5), title="the picture …")
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5)
    return figure


def reading_table(values, rows, columns, controls: int, title: str):
    """What is read of each factor (rows) from where (columns), 0 … 100; the first columns are `controls`, set apart.

    Of the other columns each row's largest is bold.
    """
    values = np.asarray(values, "float64")
    figure, ax = new_figure(figsize=(WIDTH, 0.38 * len(rows) + 1.0 + room_for(columns)))
    places = np.arange(len(columns)) + 0.35 * (np.arange(len(columns)) >= controls)
    norm = {"vmin": 0, "vmax": 100, "aspect": "auto"}
    for part in (slice(None, controls), slice(controls, None)):
        x = places[part]
        ax.imshow(values[:, part], extent=(x[0] - 0.5, x[-1] + 0.5, len(rows) - 0.5, -0.5), **norm)
    for (r, c), value in np.ndenumerate(values):
        bold = "bold" if c >= controls and value == values[r, controls:].max() else "normal"
        colour = "white" if value < 50 else "black"
        ax.text(places[c], r, f"{value:.0f}", ha="center", va="center", color=colour, fontweight=bold, fontsize=9)
    upright = room_for(columns) > 0
    ax.set_xticks(places, columns, fontsize=7 if upright else 9, rotation=90 * upright)
    ax.set_yticks(range(len(rows)), rows)
    ax.set_xlim(-0.5, places[-1] + 0.5)
    ax.set_xlabel("controls, then the cuts, shallow to deep")
    ax.spines[:].set_visible(False)
    figure.suptitle(title, x=0.01, ha="left", fontsize=10.5)
    return figure
