"""Lesson 03, inside the network: what excites it, what it overlooks, what a linear head reads at which depth."""

from collections.abc import Callable

import numpy as np

from .. import figures
from ..charts import layers
from ..lesson import claim
from ..pictures.labelled import Target
from ..probing import interval
from ..progress import bar
from ..world import shapes
from .inside import depth_of

Features = dict[str, np.ndarray]


def claim_choosy(excited: dict[str, float]) -> None:
    """That deep channels answer to fewer pictures; `excited` maps a cut to per cent of the pictures."""
    told = ", ".join(f"{cut} {share:.0f} %" for cut, share in excited.items())
    shares = list(excited.values())
    sentence = "Fewer pictures excite a deep channel than a shallow one."
    claim(sentence, shares[-1] < shares[0], f"bring it to half of its highest answer: {told}")


def show_changes(picture: np.ndarray, changed: dict, likeness: dict[str, np.ndarray], cuts) -> str:
    """The likeness of maps, 100 x (pictures, cuts) for each change, the claims, and what the last cut minds most.

    `picture` is one as it is, `changed` holds for each change the pictures after it.
    """
    examples = {"as it is": picture} | {name: pictures[0] for name, pictures in changed.items()}
    lines = {name: interval(values, axis=0) for name, values in likeness.items()}
    *changes, other = lines
    last = {name: lines[name][0][-1] for name in changes}
    told = ", ".join(f"{name} {lines[name][0][0]:.0f} to {last[name]:.0f} %" for name in changes)
    title = f"Deep maps take less notice of such changes ({len(likeness[other])} pictures, 95 % intervals)"
    alt = f"Likeness of the maps at {cuts[0]} and at {cuts[-1]} when the picture is changed: {told}; {other}: about 0."
    figures.show(layers.change_lines(examples, cuts, lines, title), alt)
    sentence = "Whatever the change, the last cut's maps stay more alike than the first cut's."
    claim(sentence, all(last[name] > lines[name][0][0] for name in changes), told)
    ahead = min(last[name] - lines[name][1][-1] for name in changes) - (lines[other][0][-1] + lines[other][1][-1])
    claim(
        "Even so, a changed picture is nearer to itself than to another picture.", ahead > 0, f"by {ahead:.0f} points"
    )
    return min(last, key=last.get)


def known_drawings(n: int, seed: int) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """New drawings, uint8 (n, 64, 64, 3), and eight of the factors that each was made from, (n,)."""
    rng = np.random.default_rng([seed, 3])
    drawn = shapes.sample_factors(n, rng)
    asked = {
        "background, red": drawn["colours"][:, 2, 0],
        "light from the left": drawn["light"][:, 0],
        "noise": drawn["noise"],
        "texture (4 kinds)": drawn["texture"],
        "size": drawn["size"],
        "position, left to right": drawn["x"],
        "shape (12 kinds)": drawn["shape"],
        "class (48: texture and shape)": shapes.source_labels(drawn),
    }
    return shapes.render(drawn, rng), asked


def spoiled(target: Target, seed: int, draws: int, fast: bool) -> tuple[np.ndarray, dict[str, np.ndarray], int]:
    """Pictures of a target with a tint, from blue to red, and with noise, each of a random strength; what to ask; n.

    First the pictures of `draws` training sets, n in each, as many of each class, then test pictures: uint8. To be
    asked are the class, and how much tint and noise (grey levels) each picture has.
    """
    rng = np.random.default_rng([seed, 37])
    each = min((128 if fast else 320) // len(target.class_names), np.bincount(target.labels).min())
    parts = [target.draw(each, [seed, draw]) for draw in range(draws)]
    some = rng.permutation(len(target.test_labels))[: 160 if fast else 320]
    parts.append((target.test_pictures[some], target.test_labels[some]))
    pictures, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
    shape = (len(pictures), 1, 1, 1)
    tint, noise = (rng.uniform(low, high, shape).astype("float32") for low, high in ((-40, 40), (0, 30)))
    changed = pictures + tint * np.array([1, 0, -1], "float32")
    changed += noise * rng.standard_normal(pictures.shape, dtype="float32")
    asked = {"class": labels, "tint": tint.ravel(), "noise": noise.ravel()}
    return changed.clip(0, 255).astype("uint8"), asked, len(parts[0][0])


def read_all(probe: Callable, places: Features, asked: dict, train_n: int, draws: int) -> np.ndarray:
    """What `probe(x, y, train, test)` says of each factor at each place: (factors, places, draws).

    The first `draws * train_n` pictures are to train on, a part for each draw; the others are to test on.
    """
    from threadpoolctl import threadpool_limits

    scores = np.empty((len(asked), len(places), draws))
    test = slice(draws * train_n, None)
    with threadpool_limits(1), bar(total=scores.size, label="probes", unit="heads") as done:  # small matrices
        for (row, y), (column, x) in ((a, b) for a in enumerate(asked.values()) for b in enumerate(places.values())):
            for draw in range(draws):
                scores[row, column, draw] = probe(x, y, slice(draw * train_n, (draw + 1) * train_n), test)
                done.update(1)
    return scores


def show_factors(asked, cuts, scores: np.ndarray, untrained: np.ndarray) -> dict[str, str]:
    """The table of `read_all`, its claims, and at which depth each of the `asked` factors is read best.

    `scores` (factors, places, draws) begin with raw pixels, then come the cuts; `untrained` (factors, draws) are those
    of the untrained network's best cut.
    """
    factors, raw, scores = list(asked), scores[:, 0], scores[:, 1:]
    mean, half = interval(scores)
    controls = [interval(raw)[0], interval(untrained)[0]]
    table = np.column_stack([*controls, mean])
    title = "What can a linear head read at each cut? (0: nothing, 100: all; each row's best in bold)"
    best = {name: int(line.argmax()) for name, line in zip(factors, mean, strict=True)}
    told = " ".join(f"{name}: best at {cuts[k]}." for name, k in best.items())
    figure = layers.reading_table(table, list(factors), ["raw\npixels", "not\ntrained", *cuts], 2, title)
    figures.show(figure, f"How well each factor can be read from pixels, and at each cut. {told}")
    print(f"95 % intervals: ± {np.nanmedian(half):.0f} points in the median cell, ± {np.nanmax(half):.0f} at most.")
    at = dict(zip(factors, zip(mean, half, *controls, strict=True), strict=True))
    shape, wide, pixels, random = at["shape (12 kinds)"]
    told = f"{shape[0]:.0f} at {cuts[0]}, {shape.max():.0f} at {cuts[best['shape (12 kinds)']]}"
    told += f", {shape[-1]:.0f} at {cuts[-1]}"
    built = shape[0] < 20 and shape[-1] > 90
    claim("Depth builds the shape: hardly any of it can be read at the first cut, nearly all at the last.", built, told)
    told = f"raw pixels {pixels:.0f}, untrained network at best {random:.0f}"
    claim("It takes training, not just depth.", shape.max() > 50 + max(pixels, random), told)
    red, wide, *_ = at["background, red"]
    gone = red[0] - wide[0] > red[-1] + wide[-1] + 20
    told = f"{red[0]:.0f} at {cuts[0]}, {red[-1]:.0f} at {cuts[-1]}"
    claim("The background's colour says nothing of the class, and the network lets go of it.", gone, told)
    several = {depth_of(k, len(cuts)) for k in best.values()}
    claim(
        "No one depth is best for all that was asked.",
        len(several) > 1,
        f"best cuts: {', '.join(sorted({cuts[k] for k in best.values()}))}",
    )
    return {name: depth_of(k, len(cuts)) for name, k in best.items()}


def show_reading(name: str, asked, cuts, scores: np.ndarray, untrained: np.ndarray) -> str:
    """Lines over depth for the class, the tint and the noise, the claims, and where noise is read best.

    `scores` (factors, places, draws) begin with raw pixels, then come the cuts; `untrained` (cuts, draws): the class.
    """
    raw = {what: values[0] for what, values in zip(asked, scores, strict=True)}
    scores = {what: values[1:] for what, values in zip(asked, scores, strict=True)}
    lines = {f"{what}, trained": interval(values) for what, values in scores.items()}
    lines["class, never trained"] = interval(untrained)
    controls = {f"{what}, raw pixels": max(float(np.mean(values)), 0) for what, values in raw.items()}
    (kind, wide), (other, other_wide) = lines["class, trained"], lines["class, never trained"]
    n = untrained.shape[1]
    title = f"{name}: what can be read at which depth? (mean and 95 % interval, {n} draws)"
    told = ", ".join(f"{what} best at {cuts[int(v.mean(1).argmax())]}" for what, v in scores.items())
    figure = figures.depth_lines(cuts, lines, "read (0: guessing, 100: all of it)", title, controls)
    figures.show(figure, f"Three things read at each cut of {name}: {told}.")
    top = int(kind.argmax())
    told = f"{kind[0]:.0f} ± {wide[0]:.0f} at {cuts[0]}, {kind[top]:.0f} ± {wide[top]:.0f} at {cuts[top]}"
    better = kind[top] - wide[top] > kind[0] + wide[0] and top >= len(cuts) // 2
    claim("The class is read best from the deeper half of the cuts.", better, told)
    told = f"at {cuts[top]}: raw pixels {controls['class, raw pixels']:.0f}, never trained {other.max():.0f} at best"
    control = max(controls["class, raw pixels"], (other + other_wide).max())
    claim(
        "That is training: neither raw pixels nor the untrained network come near.",
        kind[top] - wide[top] > control,
        told,
    )
    noise, wide = lines["noise, trained"]
    early = int(noise.argmax())
    told = f"{noise[early]:.0f} ± {wide[early]:.0f} at {cuts[early]}, {noise[-1]:.0f} ± {wide[-1]:.0f} at {cuts[-1]}"
    fades = noise[early] - wide[early] > noise[-1] + wide[-1]
    claim("Noise is read better before the last cut than there, beyond the intervals.", fades, told)
    return depth_of(early, len(cuts))
