"""Lesson 11, the smallest change: what is measured of a changed network, its pictures, and what it claims."""

from itertools import cycle

import numpy as np

from .. import figures
from ..lesson import claim
from ..pictures.labelled import Target
from ..probing import interval, linear_probe, random_features, raw_pixels
from ..sources import Source

Weights = list[np.ndarray]  # of blocks, in the order of get_weights()
Found = dict[str, list[dict[str, float]]]  # of each way, for each draw: what `Bench` measures
STATISTICS = ("moving_mean", "moving_variance")  # what BatchNorm collects, and nobody trains
WORST = 2  # points that a small change may be behind the largest one


def shifted(pictures: np.ndarray, seed: int) -> dict[str, np.ndarray]:
    """Pictures uint8 (n, h, w, 3) as they are, and in four other renderings, of which no training picture is one."""
    from scipy.ndimage import gaussian_filter

    radius, x = pictures.shape[1] / 40, pictures.astype("float32")
    noise = np.random.default_rng([seed, 11]).normal(0, 35, pictures.shape)
    return {
        "as they are": pictures,
        "blurred": gaussian_filter(x, (0, radius, radius, 0)).astype("uint8"),
        "noisy": (x + noise).clip(0, 255).astype("uint8"),
        "darker": (0.4 * x).astype("uint8"),
        "negative": 255 - pictures,
    }


def show_shifted(sets: dict[str, np.ndarray]) -> None:
    """One test picture in each rendering: `sets` as `shifted` gives them."""
    figures.show(
        figures.picture_row([pictures[0] for pictures in sets.values()], sets),
        f"One picture in {len(sets)} renderings: {', '.join(sets)}.",
    )


def merged(blocks) -> Weights:
    """The weights of a Keras model without LoRA's factors, which are added into the kernels that they belong to."""
    plain = []
    for layer in blocks.layers:
        if getattr(layer, "lora_enabled", False):
            plain += [w.numpy() for w in (layer.kernel, *([layer.bias] if layer.use_bias else []))]
        else:
            plain += layer.get_weights()
    return plain


class Bench:
    """Measures changed blocks: on the target, on the target in other renderings, and on the source's own task.

    `blocks` are the source's, a Keras model that ends at its deepest cut of maps. `sets` maps each rendering, the plain
    one first, to what goes into the blocks, and `labels` are the classes of each; `own` goes into the blocks for
    pictures of the source's world, and `own_names` is what the source names them.
    """

    def __init__(self, source: Source, blocks, sets: dict, labels: np.ndarray, own: np.ndarray, own_names: np.ndarray):
        import keras

        self._labels, self._own_names, self._x = labels, own_names, np.concatenate([*sets.values(), own])
        classifier = keras.Model(source.model.get_layer(source.map_cuts()[-1]).output, source.model.output)
        self._blocks = keras.models.clone_model(blocks)
        self._start, self._names = blocks.get_weights(), [weight.name for weight in blocks.weights]
        outputs = [keras.layers.GlobalAveragePooling2D()(self._blocks.output), classifier(self._blocks.output)]
        self._model = keras.Model(self._blocks.input, outputs)

    def __call__(self, weights: Weights, head: Weights) -> dict[str, float]:
        """What blocks of these weights reach with this head, a Dense layer's kernel and bias.

        Right on the "target" and, in the mean of the other renderings if there are any, on the "shifted" one, and the
        "source"'s pictures that it still names as before: per cent. "change": how far the weights moved, in per cent.
        """
        self._blocks.set_weights(weights)
        features, named = self._model.predict(self._x, batch_size=256, verbose=0)
        answers = (features @ head[0] + head[1]).argmax(1)[: -len(self._own_names)]
        right = 100 * np.mean(answers.reshape(-1, len(self._labels)) == self._labels, axis=1)
        kept = 100 * np.mean(named[-len(self._own_names) :].argmax(1) == self._own_names)
        others = right[1:] if len(right) > 1 else right
        return {"target": right[0], "shifted": others.mean(), "source": kept, "change": self.change(weights)}

    def change(self, weights: Weights) -> float:
        """Norm of the change over norm of the source's weights, BatchNorm's statistics apart: per cent."""
        moved = size = 0.0
        for new, old, name in zip(weights, self._start, self._names, strict=True):
            if name not in STATISTICS:
                moved, size = moved + float(np.sum((new - old) ** 2)), size + float(np.sum(old**2))
        return 100 * (moved / size) ** 0.5


def without_source(source: Source, target: Target, train: np.ndarray, seed: int) -> dict[str, float]:
    """Right on the target (%) without what the source learned: a linear head on raw pixels, and on untrained blocks."""
    parts, last = (target.pictures[train], target.test_pictures), source.map_cuts()[-1]
    untrained = [random_features(source, part, seed, (last,))[last] for part in parts]
    seen = {"raw pixels": [raw_pixels(part) for part in parts], "untrained prefix": untrained}
    y = target.labels[train]
    return {name: 100 * linear_probe(x, y, test, target.test_labels) for name, (x, test) in seen.items()}


def _of(rows: list[dict[str, float]], key: str) -> np.ndarray:
    return np.array([row[key] for row in rows])


def tell_ways(found: Found, numbers: dict[str, int], levels: dict[str, float]) -> str:
    """Print what each way reached, mean and 95 % interval of the draws; returns the one that leaves most of the source.

    `numbers` maps each way to how many numbers it trains in the blocks, and `levels` are the `without_source`.
    """
    for way, rows in found.items():
        told = "   ".join(
            "{} {:5.1f} ± {:4.1f} %".format(key, *interval(_of(rows, key))) for key in ("target", "shifted", "source")
        )
        print(f"{way:21} {numbers[way]:9,} trained   {told}")
    for name, level in levels.items():
        print(f"{name:21} {'':18}  target {level:5.1f} %")
    mean = {key: {way: float(_of(rows, key).mean()) for way, rows in found.items()} for key in found["biases"][0]}
    target, kept, moved = (mean[key] for key in ("target", "source", "change"))
    once, first = "all at once", "head first, then all"
    claim(
        "At the same rate and in as many steps, more of the source is left with the head first than with all at once.",
        kept[first] > kept[once],
        f"source {kept[first]:.0f} against {kept[once]:.0f} %, target {target[first]:.0f} against {target[once]:.0f} %",
    )
    small = max(("biases", "scale and shift", "LoRA"), key=lambda way: target[way])
    claim(
        f"The best of the small changes is less than {WORST} points behind all blocks on the target.",
        target[small] > target[first] - WORST,
        f"{small} {target[small]:.1f} %, {first} {target[first]:.1f} %",
    )
    claim(
        "The penalty holds the weights back, and no less of the source is left for it.",
        moved["towards the source"] < moved[first] and kept["towards the source"] >= kept[first] - 1,
        f"moved by {moved['towards the source']:.2f} in place of {moved[first]:.2f} %, "
        f"source {kept['towards the source']:.0f} in place of {kept[first]:.0f} %",
    )
    return max((way for way in found if way != "head only"), key=lambda way: kept[way])


def show_change(found: Found, levels: dict[str, float]) -> None:
    """Points gained on the target over the change of the weights, a mark for each way; "head only" is the start."""
    figure, ax = figures.new_figure(figsize=(figures.WIDTH, 4.4))
    start, alt = _of(found["head only"], "target"), []
    for (way, rows), mark, colour in zip(found.items(), cycle(figures.MARKS), cycle(figures.CYCLE), strict=False):
        gain, half = interval(_of(rows, "target") - start)
        far, kept = _of(rows, "change").mean(), _of(rows, "source").mean()
        ax.errorbar(
            far,
            gain,
            half,
            marker=mark,
            ms=9,
            capsize=3,
            lw=1.2,
            color=colour,
            ls="none",
            label=f"{way}: {kept:.0f} % left",
        )
        alt.append(f"{way}: weights changed by {far:.2g} %, {gain:+.1f} points, {kept:.0f} % of the source left")
    ax.axhline(0, color=figures.GREY, lw=1)
    below = ", ".join(f"{name} {level - start.mean():+.0f}" for name, level in levels.items())
    ax.annotate(
        f"outside the picture: {below} points", (0.99, 0.02), xycoords="axes fraction", ha="right", fontsize=8.5
    )
    left = {way: _of(rows, "source").mean() for way, rows in found.items() if way != "head only"}
    farthest = max(left, key=lambda way: _of(found[way], "change").mean())
    title = f"Of the source, {min(left.values()):.0f} to {max(left.values()):.0f} % are left; after the farthest change"
    title += f" {left[farthest]:.0f} %"
    ax.set(xlabel="change of the blocks' weights (% of their size)", title=title)
    ax.set_ylabel("points gained on the target, 95 % interval")
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9, title="of the source's own answers")
    figures.show(figure, "; ".join(alt) + f"; {below} points.")
    (far, left), (moved, kept) = (
        [_of(found[way], key).mean() for key in ("change", "source")] for way in ("last block", "all at once")
    )
    claim(
        "The last block moves farther than all at once, and costs at most 5 points more of the source.",
        far > moved and left > kept - 5,
        f"moved by {far:.2f} and {moved:.2f} %, source {left:.0f} and {kept:.0f} %",
    )


def show_line(found: dict[float, list[dict[str, float]]], levels: dict[str, float]) -> float:
    """Target, shifted target and source along the line; `found` maps shares of it, 0 to 1, to their draws.

    Returns what is left of the source half-way, per cent.
    """
    names = {"source": "source's answers left", "target": "target", "shifted": "target, shifted"}
    figure, ax = figures.new_figure(figsize=(figures.WIDTH, 4.0))
    shares = list(found)
    means, alt = {}, []
    for (key, label), mark in zip(names.items(), figures.MARKS, strict=False):
        values = np.array([_of(rows, key) for rows in found.values()])
        means[key], half = interval(values, axis=1)
        ax.errorbar(shares, means[key], half, marker=mark, ms=6, capsize=3, lw=1.8, label=label)
        alt.append(f"{label}: " + ", ".join(f"{v:.0f} %" for v in means[key]))
    for (name, level), style in zip(levels.items(), figures.LEVELS, strict=False):
        ax.axhline(level, label=f"target, {name}", **style)
    middle = shares.index(0.5)
    title = (
        f"Half-way, {means['source'][middle]:.0f} % of the source are left, and {means['source'][-1]:.0f} % at the end"
    )
    ax.set(
        xlabel="share of the way from the source's weights to the tuned ones",
        ylabel="per cent, 95 % interval",
        ylim=(0, 105),
        title=title,
    )
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5), fontsize=9, handlelength=3)
    figures.show(figure, f"At {', '.join(map(str, shares))} of the way: " + "; ".join(alt) + ".")
    target, kept = means["target"], means["source"]
    claim(
        "Half-way, no less of the source is left than at the end, and the target is within 2 points of its better end.",
        kept[middle] >= kept[-1] and target[middle] > max(target[0], target[-1]) - 2,
        f"source {kept[middle]:.0f} and {kept[-1]:.0f} %, target {target[middle]:.1f} beside {target[0]:.1f} and "
        f"{target[-1]:.1f} %",
    )
    return float(kept[middle])
