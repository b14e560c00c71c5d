"""Which recipe when: little or much data, near to the source or far from it, as measured beforehand."""

import numpy as np

from .. import figures
from ..errors import SourceUnavailable
from ..lesson import claim
from ..probing import interval
from ..store.cache import cached_table

# What benchmarks/four_cases.py measured, and with what: pictures per class, pixels of a side.
SETTINGS = {"source": "EfficientNetLite0", "pixels": 96, "ns": [5, 50], "draws": 4}
RAW, CHOSEN, NEW = "raw pixels", "linear head, chosen cut", "new layers"
TARGETS = {"near": "flowers", "far": "digits"}


def four_cases_table() -> dict[tuple[str, int], dict[str, np.ndarray]]:
    """Of each case (target, n): test accuracy in per cent of every recipe, (draws,). Raises `SourceUnavailable`."""

    def missing():
        raise SourceUnavailable(
            "The table of the four cases is not there: benchmarks/four_cases.py makes it from photographs of flowers."
        )

    cases: dict = {}
    for row in cached_table("four_cases", SETTINGS, missing):
        recipes = cases.setdefault((row["target"], row["n"]), {})
        for name, score in row.items():
            if name not in ("target", "n"):
                recipes.setdefault(name, []).append(score)
    return {case: {name: np.array(scores) for name, scores in recipes.items()} for case, recipes in cases.items()}


def show_four_cases() -> None:
    """A panel for each case: accuracy of every recipe with 95 % intervals over the draws, raw pixels as the control."""
    cases, amount = four_cases_table(), dict(zip(SETTINGS["ns"], ("little", "much"), strict=True))
    figure, axes = figures.new_figure(2, 2, sharex=True, sharey=True, figsize=(figures.WIDTH, 5.6))
    told = []
    for ax, ((target, n), recipes) in zip(axes.T.flat, cases.items(), strict=True):
        means, halves = interval(list(recipes.values()))
        order = np.arange(len(recipes))[::-1]
        best = int(means.argmax())
        colours = [
            figures.ORANGE if k == best else figures.GREY if name == RAW else figures.BLUE
            for k, name in enumerate(recipes)
        ]
        ax.barh(order, means, xerr=halves, color=colours, capsize=3)
        for y, mean in zip(order, means, strict=True):
            ax.text(2, y, f"{mean:.0f}", va="center", color="white", fontsize=9)
        ax.set_yticks(order, list(recipes))
        ax.set(title=f"{amount[n]} data (n = {n}), {target} ({TARGETS[target]})", xlim=(0, 100))
        told.append(
            f"{amount[n]}, {target}: "
            + ", ".join(f"{name} {m:.0f} ± {h:.0f} %" for name, m, h in zip(recipes, means, halves, strict=True))
        )
    for ax in axes[-1]:
        ax.set(xlabel="test accuracy (%)")
    figure.suptitle(f"Which recipe when? {SETTINGS['source']}, mean and 95 % interval of {SETTINGS['draws']} draws")
    figures.show(figure, "Four panels of bars. " + ". ".join(told) + ".")
    _claim(cases)


def _claim(cases: dict[tuple[str, int], dict[str, np.ndarray]]) -> None:
    near, far = ({n: recipes for (name, n), recipes in cases.items() if name == kind} for kind in TARGETS)
    leads = {
        n: {name: interval(scores - recipes[CHOSEN]) for name, scores in recipes.items() if name != CHOSEN}
        for n, recipes in near.items()
    }
    claim(
        "Near to the source, no other recipe leads the linear head at the chosen cut beyond doubt.",
        all(mean - half <= 0 for others in leads.values() for mean, half in others.values()),
        "; ".join(f"n = {n}: {_written(recipes)}" for n, recipes in near.items()),
    )
    claim(
        "Far from it, new layers behind a middle cut lead all others, in every draw, with little data and with much.",
        all(
            np.all(recipes[NEW] > scores) for recipes in far.values() for name, scores in recipes.items() if name != NEW
        ),
        "; ".join(f"n = {n}: {_written(recipes)}" for n, recipes in far.items()),
    )


def _written(recipes: dict[str, np.ndarray]) -> str:
    means = {name: float(scores.mean()) for name, scores in recipes.items()}
    return ", ".join(f"{name} {mean:.0f} %" for name, mean in sorted(means.items(), key=lambda one: -one[1])[:3])
