"""Lesson 06, fine-tuning: its controls, its pictures, and what it claims."""

import numpy as np

from ..charts import tuning
from ..figures import show
from ..lesson import claim
from ..pictures.labelled import Target
from ..pictures.photographs import pieces
from ..probing import cut_features, interval, linear_probe, random_features, raw_pixels
from ..sources import Source
from ..targets import own_pictures

Scores = dict[str, list[float]]  # of each control: per cent, one for each draw


def blocks_of(model, cuts: list[str]) -> dict[str, str]:
    """The block, a name of `cuts`, that each layer of a model belongs to; "head" behind the last, shallow to deep."""
    names, waiting = {}, []
    for layer in model.layers:
        waiting.append(layer.name)
        if layer.name in cuts:
            names.update(dict.fromkeys(waiting, layer.name))
            waiting = []
    return names | dict.fromkeys(waiting, "head")


def draws_of(target: Target, n: int, draws: int, seed: int) -> tuple[list[np.ndarray], np.ndarray]:
    """Where the pictures of each draw stand among those that any draw uses, and where these stand in the pool."""
    picked = [target.choose(n, [seed, draw]) for draw in range(draws)]
    used = np.unique(np.concatenate(picked))
    return [np.searchsorted(used, train) for train in picked], used


def controls(
    source: Source, cuts: tuple[str, ...], target: Target, n: int, draws: int, tests: int, seed: int
) -> Scores:
    """What a linear head reaches without any tuning, on the same draws and the first `tests` test pictures.

    From the best of the frozen `cuts`, in the mean of the draws; from the untrained prefix at the last one; from raw
    pixels. Per cent.
    """
    picked, used = draws_of(target, n, draws, seed)
    both, last = (target.pictures[used], target.test_pictures[:tests]), tuple(cuts[-1:])
    frozen = [cut_features(source, pictures, tuple(cuts)) for pictures in both]
    untrained = [random_features(source, pictures, seed, last)[last[0]] for pictures in both]

    def scores(x: np.ndarray, test_x: np.ndarray) -> list[float]:
        y, asked = target.labels[used], target.test_labels[:tests]
        return [100 * linear_probe(x[mine], y[mine], test_x, asked) for mine in picked]

    each = {cut: scores(frozen[0][cut], frozen[1][cut]) for cut in cuts}
    best = max(each, key=lambda cut: float(np.mean(each[cut])))
    return {
        f"frozen at its best cut, {best}": each[best],
        "untrained prefix": scores(*untrained),
        "raw pixels": scores(*map(raw_pixels, both)),
    }


def named_by_source(source: Source, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Pictures from the source's own world, uint8 (n, h, w, 3), and the classes that it names them (n,).

    Drawings for the source of drawings, else pieces of photographs. Raises `NoClassifier`.
    """
    if source.name == "drawings":
        pictures, _, _ = own_pictures(source, n, seed)
    else:
        pictures, _ = pieces(n, source.input_size[0], seed)
    return pictures, source.predict(pictures).argmax(1)


def show_gradients(norms: dict[str, list[list[float]]], steps: int) -> str:
    """Draw the gradient at the cut over the epochs of a head's training, a curve for each seed; `steps` are an epoch's.

    `norms` maps how a head begins, random and then zeros, to curves from before the first step. Returns where the
    random head's gradient is largest, in the mean: at the "first" step or "later".
    """
    random, zero = (np.array(values) for values in norms.values())
    curves = {"head with random weights": random, "head of zeros": zero}
    mean = random.mean(0)
    peak = int(mean.argmax())
    told = [
        f"{name}: {c.mean(0)[0]:.2g} at first, {c.mean(0).max():.2g} at most, {c.mean(0)[-1]:.2g} at the end."
        for name, c in curves.items()
    ]
    calm = random[:, 0] / np.maximum(random[:, -1], zero[:, -1])
    title = f"At least {calm.min():,.0f} times less gradient reaches the base once the head is trained"
    show(tuning.gradient_lines(steps * np.arange(len(mean)), curves, title), " ".join(told))
    claim(
        "A head of zeros sends exactly nothing into the base at first, and never as much as a random head at first.",
        bool((zero[:, 0] == 0).all() and (zero.max(1) < random[:, 0]).all()),
        f"at most {zero.max():.2g}, against {random[:, 0].min():.2g} or more",
    )
    claim(
        "However the head began: once it is trained, less than half of a random head's gradient reaches the base.",
        bool((calm > 2).all()),
        f"{calm.min():,.0f} to {calm.max():,.0f} times less, in {len(random)} seeds",
    )
    return "later" if peak else "first"


def tell_tuned(frozen: float, tuned: float) -> None:
    """Print what tuning the last blocks gave, once: test accuracies, 0 … 1."""
    print(f"Right on the test pictures: {100 * frozen:.1f} % frozen, {100 * tuned:.1f} % tuned (one training).")


def show_blocks(table: dict[str, dict], ks: list[int], claims: bool) -> str:
    """Draw accuracy over the number of unfrozen blocks; returns which target gains more, "digits" or "near".

    `table` maps each target, the digits first, to {"tuned": (draws, ks), "controls": `controls`}: per cent. With a few
    short trainings, nothing is claimed of the digits (`claims`).
    """
    panels, alt, gain, whole, most_at = {}, [], {}, {}, []
    for name, part in table.items():
        right = np.array(part["tuned"])
        levels = {label.partition(",")[0]: interval(values) for label, values in part["controls"].items()}
        best = int(right.mean(0).argmax())
        panels[f"{name} (frozen, cut at {next(iter(part['controls'])).rpartition(' ')[2]} at best)"] = {
            "tuned": interval(right, axis=0),
            "controls": levels,
        }
        gain[name], whole[name] = right[:, best] - right[:, 0], right[:, -1] - right[:, 0]
        most_at.append(f"{name} {right.mean(0)[best]:.0f} % with k = {ks[best]}")
        alt.append(f"{name}: " + ", ".join(f"k = {k} {v:.0f} %" for k, v in zip(ks, right.mean(0), strict=True)))
        alt += [f"{label} {np.mean(values):.0f} %" for label, values in part["controls"].items()]
    (far, most), (near, less) = gain.items()
    title = f"How many blocks? Best: {' and '.join(most_at)}"
    show(tuning.block_counts(ks, panels, title), "; ".join(alt) + ".")
    if claims:
        claim(
            f"On {far}, tuning all blocks beats the frozen base, in the mean of the draws.",
            bool(whole[far].mean() > 0),
            f"by {whole[far].mean():.1f} points, in single draws {whole[far].min():.1f} to {whole[far].max():.1f}",
        )
    for name, part in table.items():
        tuned = float(np.mean(part["tuned"], axis=0).max())
        others = ", ".join(f"{label} {np.mean(values):.1f} %" for label, values in part["controls"].items())
        print(f"{name}: tuned {tuned:.1f} %, {others}.")
    tuned, (_, *others) = np.mean(table[near]["tuned"], axis=0).max(), table[near]["controls"].values()
    claim(
        f"On {near}, the tuned prefix leads both controls.",
        tuned > max(np.mean(values) for values in others),
        f"{tuned:.0f} % against {' and '.join(f'{np.mean(values):.0f}' for values in others)} %",
    )
    return "digits" if most.mean() > less.mean() else "near"


def show_damage(points: dict[str, list], levels: Scores) -> float:
    """Draw what each recipe gained on the digits against what it left of the source; returns what the high rate left.

    `points` maps a recipe to pairs (right on the digits, named as before on the source's pictures), per cent, one for
    each draw: first the frozen base, then the low rate, the high rate, and rates per layer. `levels` are `controls`.
    """
    points = {name: np.array(pairs).T for name, pairs in points.items()}
    means = {name: (float(np.mean(x)), float(np.mean(y))) for name, (x, y) in points.items()}
    told = "; ".join(f"{name}: digits {x:.0f} %, source {y:.0f} %" for name, (x, y) in means.items())
    kept = [means[name][1] for name in points]
    title = f"Of the source, the low rate leaves {kept[1]:.0f} %, the high rate {kept[2]:.0f} %"
    lines = {label.partition(",")[0]: float(np.mean(values)) for label, values in levels.items()}
    show(
        tuning.gain_and_damage(
            points, lines, "digits: test accuracy (%)", "source's pictures named as before (%)", title
        ),
        told,
    )
    _, low, high, layered = points.values()
    claim(
        "The high rate destroys more of the source than the low one, in every draw.",
        bool((np.array(high[1]) < np.array(low[1])).all()),
        f"{np.mean(high[1]):.0f} against {np.mean(low[1]):.0f} % are left",
    )
    claim(
        "Rates per layer keep more of the source than their highest rate for all layers.",
        np.mean(layered[1]) > np.mean(high[1]),
        f"source {np.mean(layered[1]):.0f} against {np.mean(high[1]):.0f} %, digits {np.mean(layered[0]):.0f} "
        f"against {np.mean(high[0]):.0f} %",
    )
    return float(np.mean(high[1]))


def show_statistics(blocks: dict[str, str], drifts: dict[str, list[dict]], right: dict[str, list[float]]) -> float:
    """Draw how far BatchNorm's running means moved; returns the points of accuracy that it cost, in the mean of draws.

    `blocks` maps a layer to its block, as `blocks_of`. `drifts` maps "as published" and then "BatchNorm frozen" to a
    dictionary for each draw: of each BatchNorm layer, the change of its running mean in running standard deviations.
    `right` maps the two to test accuracies, per cent.
    """
    names = list(dict.fromkeys(blocks[layer] for layer in next(iter(drifts.values()))[0]))
    lines, alt = {}, []
    for way, draws in drifts.items():
        moved = [np.mean([d[layer] for d in draws for layer in d if blocks[layer] == name]) for name in names]
        lines[f"{way}: {np.mean(right[way]):.0f} % right"] = np.array(moved)
        alt.append(f"{way}: {min(moved):.2g} to {max(moved):.2g} standard deviations, {np.mean(right[way]):.0f} %.")
    (published, frozen), (there, here) = drifts.values(), map(np.array, right.values())
    lost = float(np.mean(here - there))
    cost = f"{abs(lost):.0f} points {'lost' if lost > 0 else 'gained'}"
    title = f"With training=False in the call, BatchNorm's statistics drift all the same: {cost}"
    show(tuning.statistics_drift(names, lines, title), " ".join(alt))
    moving = sum(drift > 0 for drift in published[0].values())
    claim(
        "As published, BatchNorm's statistics move although training=False was said; frozen one by one, none does.",
        moving > 0 and not any(drift for draw in frozen for drift in draw.values()),
        f"{moving} of {len(published[0])} layers, by up to {max(published[0].values()):.2f} standard deviations",
    )
    claim(
        "In so few steps with small batches, this costs accuracy on the target.",
        lost > 0,
        f"{lost:.1f} points: {there.mean():.1f} % as published, {here.mean():.1f} % with BatchNorm frozen",
    )
    return lost
