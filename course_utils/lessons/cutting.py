"""Lesson 04, choosing the cut: what its figures are made of, and what it claims."""

import numpy as np

from ..charts import depth, widgets
from ..errors import SourceUnavailable
from ..figures import show
from ..lesson import claim
from ..models.tokens import as_maps, described
from ..pictures.labelled import Target
from ..probing import interval
from ..store.cache import cached_table

# What benchmarks/flowers.py measured, and with what.
FLOWERS = {"sources": ["EfficientNetLite0", "MobileNetV2"], "pixels": 224, "ns": [5, 20, 50], "draws": 10}
Found = dict  # of a target: "cuts", "trained" {n: (draws, cuts)}, and at the middle n "untrained", "pixels"; per cent


def flowers_table() -> dict[str, Found]:
    """What was measured beforehand on photographs of flowers, for each source. Raises `SourceUnavailable`."""

    def missing():
        raise SourceUnavailable("The table of flowers is not there: benchmarks/flowers.py makes it from photographs.")

    table = cached_table("flowers", FLOWERS, missing)
    numbers = {"trained": lambda t: {int(n): np.array(rows) for n, rows in t.items()}}
    return {
        f"flowers, {name} (beforehand)": {key: numbers.get(key, np.asarray)(value) for key, value in part.items()}
        for name, part in table.items()
    }


def amounts(targets: list[Target], fast: bool) -> tuple[tuple[int, ...], int]:
    """Three numbers of pictures per class, as far as the smallest class goes, and how many draws of each."""
    fewest = min(int(np.bincount(target.labels).min()) for target in targets)
    return tuple(min(n, fewest) for n in FLOWERS["ns"]), 2 if fast else 5


def third(found: Found, n: int) -> str:
    """Where the best cut lies: "shallow", "middle" or "deep"."""
    best = int(found["trained"][n].mean(0).argmax())
    return ("shallow", "middle", "deep")[3 * best // len(found["cuts"])]


def _line(table: np.ndarray) -> tuple:
    """Mean, half width, and which cuts lose to the best one beyond doubt: by differences within each draw."""
    mean, half = interval(table, axis=0)
    behind, doubt = interval(table - table[:, [int(mean.argmax())]], axis=0)
    return mean, half, behind + doubt < 0


def _panel(found: Found, lines: dict[str, np.ndarray]) -> dict:
    controls = {"untrained prefix": interval(found["untrained"], axis=0), "raw pixels": interval(found["pixels"])}
    return {"cuts": found["cuts"], "lines": {k: _line(v) for k, v in lines.items()}, "controls": controls}


def _told(name: str, cuts, table: np.ndarray) -> str:
    mean = table.mean(0)
    best = int(mean.argmax())
    return f"{name}: {mean[0]:.0f} % at {cuts[0]}, {mean[best]:.0f} % at {cuts[best]}, {mean[-1]:.0f} % at {cuts[-1]}."


def show_depths(found: dict[str, Found], n: int) -> None:
    """Accuracy over depth at n pictures per class, for every target, with what is too shallow and too deep."""
    panels, alt = {}, []
    for name, part in found.items():
        table = part["trained"][n]
        best = part["cuts"][int(table.mean(0).argmax())]
        panels[f"{name} ({part['source']}): best at {best}"] = _panel(part, {"trained prefix": table})
        alt.append(_told(name, part["cuts"], table))
    title = f"Which cut suits which target? {n} pictures per class, mean and 95 % interval of {len(table)} draws"
    show(depth.verdict_panels(panels, title), "Accuracy over depth, a panel for each target. " + " ".join(alt))


def show_amounts(live: dict[str, Found], beforehand: dict[str, Found]) -> None:
    """Accuracy over depth for several numbers of pictures: what ran now, above what was measured beforehand."""
    panels, alt = {}, []
    for name, part in (live | beforehand).items():
        lines = {f"n = {n}": table for n, table in part["trained"].items()}
        panels[name] = _panel(part, lines)
        middle = sorted(part["trained"])[len(lines) // 2]
        panels[name]["controls"] = {f"{way}, n = {middle}": v for way, v in panels[name]["controls"].items()}
        alt += [_told(f"{name}, {label}", part["cuts"], table) for label, table in lines.items()]
    title = "Does more data move the best cut? (Hollow marks: worse than the best beyond doubt)"
    show(depth.verdict_panels(panels, title), " ".join(alt))


def _lead(table: np.ndarray, other: int) -> np.ndarray:
    """Points by which the best cut beats the cut `other` in each draw; all other draws have named the best one."""
    rest = [int(np.delete(table, d, axis=0).mean(0).argmax()) for d in range(len(table))]
    return np.array([row[k] - row[other] for row, k in zip(table, rest, strict=True)])


def claim_too_shallow_and_too_deep(found: dict[str, Found], n: int) -> None:
    """The first cut loses for most targets, the last one for some, and no cut is best for all."""
    tables = {name: part["trained"][n] for name, part in found.items()}
    for words, place, wanted in (("Too shallow: the first", 0, len(found) // 2 + 1), ("Too deep: the last", -1, 2)):
        leads = {name: _lead(table, place) for name, table in tables.items()}
        lost = [f"{name} by {lead.mean():.0f} points" for name, lead in leads.items() if lead.min() > 0]
        told = f"{words} cut loses to the best one in every single draw, for {wanted} targets or more."
        claim(told, len(lost) >= wanted, ", ".join(lost))
    best = {name: found[name]["cuts"][int(tables[name].mean(0).argmax())] for name in ("stripe orientation", "pose")}
    told = "One network, two targets, two best cuts."
    claim(told, len(set(best.values())) == 2, ", ".join(f"{name} {cut}" for name, cut in best.items()))
    beaten = [name for name, part in found.items() if part["pixels"].mean() > tables[name].mean(0).max()]
    print("Raw pixels alone do better than any cut for:", ", ".join(beaten) or "none of the targets.")


def claim_cut_before_data(live: dict[str, Found], ns: tuple[int, ...]) -> None:
    """Few pictures at the best cut beat many at the worst; the cut chosen at one n nearly does for the others."""
    few, some, many = ns
    won, spent = [], []
    for name, part in live.items():
        mean = {n: table.mean(0) for n, table in part["trained"].items()}
        best = int(mean[some].argmax())
        won.append((name, mean[few].max(), mean[many].min()))
        spent.append((name, max(mean[n].max() - mean[n][best] for n in ns), min(np.ptp(mean[n]) for n in ns)))
    claim(
        f"{few} pictures per class at the best cut beat {many} at the worst.",
        all(best > worst for _, best, worst in won),
        ", ".join(f"{name} {best:.0f} against {worst:.0f} %" for name, best, worst in won),
    )
    claim(
        f"The cut that is best at {some} per class serves for less and for more data, too: it costs less than a third "
        "of what a wrong cut can cost.",
        all(3 * lost < whole for _, lost, whole in spent),
        ", ".join(f"{name} {lost:.1f} points at most, of {whole:.0f}" for name, lost, whole in spent),
    )


def show_promises(ways: dict[str, np.ndarray]) -> float:
    """What each way of choosing promised and delivered: maps it to (trials, 2), per cent. Returns the last's excess."""
    rows = {way: tuple(interval(column) for column in pairs.T) for way, pairs in ways.items()}
    told = [f"{way}: promised {a[0]:.1f} %, delivered {b[0]:.1f} %." for way, (a, b) in rows.items()]
    show(depth.promises(rows, "What does a choice of the cut promise, and what does it deliver?"), " ".join(told))
    fair, looked = (float(np.mean(pairs[:, 0] - pairs[:, 1])) for pairs in ways.values())
    claim(
        "Who chooses on the test pictures promises more than the cut delivers, and more than who looks at them once.",
        looked > max(fair, 0),
        f"{looked:+.1f} points too much, against {fair:+.1f}",
    )
    return looked


def show_widths(found: dict[str, Found], narrow: dict[str, np.ndarray], n: int, width: int) -> float:
    """Every cut at its own width and at one `width`. Returns the share of the first target's gain that stays, in %."""
    panels, alt, gains = {}, [], {}
    for name, table in narrow.items():
        own = found[name]["trained"][n][: len(table)]
        panels[name] = _panel(found[name], {"own width": own, f"{width} numbers": table})
        alt += [_told(f"{name}, own width", found[name]["cuts"], own), _told("One width", found[name]["cuts"], table)]
        gains[name] = (float(_lead(own, 0).mean()), float(_lead(table, 0).mean()))
    show(depth.verdict_panels(panels, f"Is it the depth, or the width? (n = {n} per class)"), " ".join(alt))
    claim(
        f"It is the depth: with {width} numbers at every cut, the best one still beats the first.",
        all(narrowed > 0 for _, narrowed in gains.values()),
        ", ".join(f"{name} by {b:.0f} points, of {a:.0f} at its own width" for name, (a, b) in gains.items()),
    )
    own, narrowed = next(iter(gains.values()))
    return 100 * narrowed / own


def slide(source, target: Target, features: dict[str, np.ndarray], found: dict[str, Found], n: int) -> None:
    """A slider that moves the cut through the network, for one picture of the target; on a page, one position of it."""
    import keras

    cuts, asked = source.cuts, int(np.flatnonzero(target.labels == 1)[0])
    x = source.preprocess(target.pictures[[asked]])
    outputs = {cut: source.prefix(cut).output for cut in cuts}
    placed = {cut for cut, out in outputs.items() if len(out.shape) == 3 and described(out).grid}
    outputs = {cut: as_maps(out) if cut in placed else out for cut, out in outputs.items()}
    maps = keras.Model(source.model.input, outputs)(x, training=False)
    scores = {name: interval(part["trained"][n], axis=0) for name, part in found.items() if part["cuts"] == cuts}

    def view(k: int):
        values, z = np.asarray(maps[cuts[k]])[0], features[cuts[k]]
        strongest = np.argsort(-values.std((0, 1)))[:3] if values.ndim == 3 else []  # a vector has no map
        z = (z - z.mean(0)) / (z.std(0) + 1e-6)
        near = np.argsort(-(z @ z[asked]) / np.linalg.norm(z, axis=1))
        near = near[near != asked][:4]
        head = (features[cuts[k]].shape[1] + 1) * len(target.class_names)
        told = f"frozen: {source.prefix(cuts[k]).count_params():,} parameters     trained, in a linear head: {head:,}"
        drawn = [values[..., channel] for channel in strongest]
        right = target.labels[near] == target.labels[asked]
        axis = f"test accuracy (%), n = {n}"
        return depth.cut_view(cuts, k, target.pictures[asked], drawn, target.pictures[near], right, told, scores, axis)

    some = np.unique(np.linspace(0, len(cuts) - 1, 8).round().astype(int))
    middle = int(some[len(some) // 2])
    widgets.picture_slider({cuts[k]: widgets.drawn(view(int(k))) for k in some}, "cut at", first=cuts[middle])
    show(
        view(middle), f"The network cut at {cuts[middle]}: blocks kept, new head, maps, pictures most alike, accuracy."
    )
