"""Lesson 07, when transfer fails: what it claims, and the 111 networks on two halves of the drawings."""

from collections.abc import Callable

import numpy as np

from ..charts.controls import LOSSLESS, Steps
from ..charts.depth import beside_published
from ..figures import show
from ..lesson import claim, compare_prediction
from ..progress import bar
from ..store.cache import cached_table
from ..training import accuracy
from ..world import halves

Runs = dict[str, np.ndarray]  # of each kind of network: per cent right on half B, (seeds, kept blocks)


def claims_for_digits(scores: dict[str, list[float]]) -> None:
    """Claim what the four ways of seeing digits (per cent, one for each draw) came to."""
    means = {name: float(np.mean(values)) for name, values in scores.items()}
    claim(
        "Negative transfer: raw pixels do better than the trained prefix at its deepest cut, in the mean of draws.",
        means["raw pixels"] > means["trained prefix"],
        f"{means['trained prefix']:.0f} against {means['raw pixels']:.0f} %",
    )
    for name, sentence in (
        ("untrained prefix", "Even the same layers with random weights do better."),
        ("small network", "So does a small network that learned from these few pictures alone."),
    ):
        claim(sentence, means[name] > means["trained prefix"], f"{means[name]:.0f} %")


def claims_for_remedy(cuts: tuple[str, ...], parts: dict[int, np.ndarray], raw: list[float]) -> None:
    """Claim what an earlier cut gives, and 2 x 2 parts: `parts` as `charts.controls.show_remedy` takes them."""
    one, four, pixels = parts[1], parts[2], float(np.mean(raw))
    deep, place, kept = one[:, -1], int(one.mean(0).argmax()), int(four.mean(0).argmax())
    claim(
        "An earlier cut of the same network is better, in every draw.",
        bool((one[:, place] > deep).all()),
        f"{deep.mean():.0f} % at {cuts[-1]}, {one[:, place].mean():.0f} % at {cuts[place]}",
    )
    claim(
        "With 2 × 2 parts as well, most of what was lost against raw pixels is back, or more than that.",
        four[:, kept].mean() - deep.mean() > 0.7 * (pixels - deep.mean()),
        f"{four[:, kept].mean():.0f} % at {cuts[kept]}, raw pixels {pixels:.0f} %",
    )


def dearest(steps: Steps) -> str:
    """Which change, at its strongest, leaves the least accuracy."""
    return min(steps, key=lambda kind: steps[kind][-1][1].mean())


def claims_for_distance(steps: Steps) -> None:
    """Claim that accuracy falls with distance, also where nothing is taken away."""
    right = {kind: [float(scores.mean()) for _, scores in found] for kind, found in steps.items()}
    far = np.array([away for found in steps.values() for away, _ in found[1:]])
    left = np.array([score for scores in right.values() for score in scores[1:]])
    near, beyond = left[far <= np.median(far)].mean(), left[far > np.median(far)].mean()
    claim(
        "The farther half of the changes costs more.", near > beyond + 3, f"{near:.0f} against {beyond:.0f} % are left"
    )
    lost = {kind: right[kind][0] - right[kind][-1] for kind in LOSSLESS}
    worst = max(lost, key=lambda kind: lost[kind])
    claim(
        "A change that takes nothing away costs a lot, too: that is distance, not difficulty.",
        lost[worst] > 5,
        f"{worst}: {lost[worst]:.0f} points",
    )


def claims_for_questions(cuts: tuple[str, ...], panels: dict[str, dict]) -> None:
    """Claim that each question is read better before the end: `panels` as `charts.controls.show_questions`."""
    for name, panel in panels.items():
        right = panel["trained"][0]
        best = int(right.argmax())
        claim(
            f"{name.capitalize()} is read better from an earlier cut than from the deepest one.",
            right[best] > right[-1] + 4 and best < len(cuts) - 1,
            f"{right[best]:.0f} % at {cuts[best]}, {right[-1]:.0f} % at {cuts[-1]}",
        )


def compare_control(prediction: str, ways: dict[str, np.ndarray]) -> None:
    """Say which control came out best: "raw pixels", "untrained", or any "earlier cut"; the first way is no control."""
    best = max(list(ways)[1:], key=lambda way: ways[way].mean())
    measured = "earlier cut" if best.startswith("cut") else best
    compare_prediction(prediction, measured, choices=("raw pixels", "untrained", "earlier cut"))


def claims_for_controls(rows: dict[str, dict[str, np.ndarray]], near: str) -> None:
    """Claim which control notices what: `rows` as `charts.controls.show_alarms` takes them."""
    lead = {}
    for target, ways in rows.items():
        deep, *controls = (found.mean() for found in ways.values())
        lead[target] = {way: points - deep for way, points in zip(list(ways)[1:], controls, strict=True)}
    told = {t: ", ".join(f"{way} {points:+.0f}" for way, points in ways.items()) for t, ways in lead.items()}
    alarm = max(lead[near]["raw pixels"], lead[near]["untrained"])
    claim(f"For {near}, neither pixels nor an untrained prefix raise an alarm.", alarm < 0, told[near])
    claim("For digits, raw pixels do.", lead["digits"]["raw pixels"] > 0, told["digits"])
    stripes = lead["stripe orientation"]
    claim(
        "For stripe orientation only an earlier cut does: pixels and an untrained prefix fail as well.",
        max(stripes.values()) > 20 and max(stripes["raw pixels"], stripes["untrained"]) < 12,
        told["stripe orientation"],
    )


def claims_for_overlap(ns: tuple[int, ...], known: np.ndarray, unseen: np.ndarray) -> None:
    """Claim what classes that the source knows gain: per cent, (numbers of pictures per class, draws)."""
    gap = known.mean(1) - unseen.mean(1)
    claim(
        "Classes that the source was trained on flatter little data most where data are least.",
        gap[0] > 5 and gap[0] > gap[-1],
        ", ".join(f"{n} per class: {points:+.0f} points" for n, points in zip(ns, gap, strict=True)),
    )


def compare_depth(prediction: str, right: np.ndarray) -> None:
    """Say how "shallow", "middle" or "deep" came out: which third of the cuts holds the best of `right`."""
    thirds = ("shallow", "middle", "deep")
    compare_prediction(prediction, thirds[int(np.argmax(right)) * 3 // len(right)], choices=thirds)


def split_and_train(keep: Callable, seed: int) -> list[dict]:
    """Rows of kind, cut and accuracy on half B (%), for one way of dealing out the shapes.

    `keep(seed, kept, first, frozen)` gives a new network that has its first blocks from the network `kept`.
    """

    def on_b(model) -> float:
        return 100 * accuracy(model, halves.preprocess(test[0]), test[1])

    a, b, test = halves.halves_and_test(seed)
    net_a, net_b = keep(seed), keep(seed + 100)
    for net, half in ((net_a, a), (net_b, b)):
        halves.train_network(net, *half, seed)
    rows = [{"seed": seed, "kind": "base", "cut": "", "accuracy": on_b(net_b)}]
    kept = {"AnB": net_a, "BnB": net_b, "AnB+": net_a, "BnB+": net_b, "random": None}
    for first, cut in enumerate(bar(halves.CUTS, label="cuts", unit="cuts"), 1):
        for kind in halves.KINDS:
            model = keep(seed + 200, kept[kind], first, "+" not in kind)
            halves.train_network(model, *b, seed + 1)
            rows.append({"seed": seed, "kind": kind, "cut": cut, "accuracy": on_b(model)})
    return rows


def runs_on_halves(keep: Callable) -> Runs:
    """The table of 111 networks, made with `keep` (see `split_and_train`) where it does not come with the course."""
    seeds = halves.SETTINGS["seeds"]
    made = cached_table("halves", halves.SETTINGS, lambda: [row for s in seeds for row in split_and_train(keep, s)])
    by_seed = {
        kind: [[row["accuracy"] for row in made if (row["seed"], row["kind"]) == (s, kind)] for s in seeds]
        for kind in ("base", *halves.KINDS)
    }
    return {kind: np.array(values) for kind, values in by_seed.items()}


def show_halves(runs: Runs) -> None:
    """Show AnB against BnB, and BnB and AnB+ against none kept, ours and the published ones; claim what ours say."""
    theirs = {kind: np.array(values, ndmin=2) for kind, values in halves.PUBLISHED.items()}
    panels = [
        {
            "title": title,
            "x": x,
            "lines": {
                "AnB − BnB: from A, frozen, against its own": found["AnB"] - found["BnB"],
                "BnB − base: its own, frozen": found["BnB"] - found["base"],
                "AnB+ − base: from A, trained on": found["AnB+"] - found["base"],
            },
            "xlabel": xlabel,
            "ylabel": "accuracy on half B (points)",
        }
        for title, x, found, xlabel in (
            ("Ours: drawings; thin: each of 3 seeds", halves.CUTS, runs, "blocks kept, up to"),
            ("Yosinski et al. 2014: ImageNet", range(1, 8), theirs, "layers kept"),
        )
    ]
    ends = {label: values.mean(0)[[0, -1]] for label, values in panels[0]["lines"].items()}
    told = (f"{label}, {first:+.0f} with one block, {last:+.0f} with all" for label, (first, last) in ends.items())
    figure = beside_published(panels[0], panels[1:], "What do kept blocks cost on half B?")
    show(figure, "Points on half B over kept blocks, ours: " + "; ".join(told) + ".")
    specific = (runs["AnB"] - runs["BnB"])[:, [0, -1]]
    claim(
        "Late blocks are specific: with all kept, A's cost more against B's own than the first alone, for each seed.",
        bool((specific[:, 1] < specific[:, 0]).all()),
        "{:+.0f} points with the first block, {:+.0f} with all".format(*specific.mean(0)),
    )
    lowest = (runs["BnB"] - runs["base"]).mean(0).min()
    claim(
        "Co-adaptation is not seen: B's own blocks, frozen, cost little.", lowest > -2, f"lowest {lowest:+.1f} points"
    )
    back = (runs["AnB+"] - runs["AnB"])[:, -1]
    claim(
        "Trained on, A's blocks recover.", bool((back > 10).all()), f"all kept: {back.mean():+.0f} points over frozen"
    )
    end = {kind: float((runs[kind] - runs["base"])[:, -1].mean()) for kind in ("random", "AnB")}
    worse = end["random"] < end["AnB"] - 10
    claim("Random blocks are far worse than A's.", worse, f"{end['random']:+.0f} against {end['AnB']:+.0f} points")
