"""Recipes of transfer learning side by side: published ones and the course's own, on the same photographs and weights.

Run by `make bench`; needs the folder that COURSE_DATA names (`keras/models` with MobileNetV2's weights, `flowers5`
with `train` and `val`). Prints each result as it comes and a table at the end, and writes build/bench/recipes.json.
The test pictures are those of `val`, and decide nothing.
"""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from statistics import median
from time import perf_counter

import click
from classroom import BUILD

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("COURSE_DATA") or ROOT.parent / "shared" / "data")
PUBLISHED = "MobileNetV2"  # what the published recipes train
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"


def ready() -> None:
    """Import Keras, and have its weights taken from the folder of real data from then on; exit where there is none."""
    if not (DATA / "flowers5").is_dir() or not (DATA / "keras" / "models").is_dir():
        sys.exit(f"There are no flowers5 and keras/models in {DATA}: set COURSE_DATA to their folder.")
    from course_utils.lesson import start

    start()
    os.environ["KERAS_HOME"] = str(DATA / "keras")  # not before: Keras, when imported, writes a file there


def _ours(source, target, chosen, together: bool) -> tuple[float, float]:
    """Accuracy and seconds of heads on late cuts over views, or of the linear probe of the last but one cut."""
    from course_utils.handover.recipe import CutEnsemble
    from course_utils.probing import cut_features, linear_probe

    x, y = target.pictures[chosen], target.labels[chosen]
    with tempfile.TemporaryDirectory() as cache:  # nothing is known from another run
        os.environ["COURSE_CACHE"] = cache
        begin = perf_counter()
        if together:
            made = CutEnsemble(source).fit(x, y)
            seconds = perf_counter() - begin
            return made.score(target.test_pictures, target.test_labels), seconds
        cut = source.cuts[-2]
        known = cut_features(source, x, (cut,))[cut]
        seconds = perf_counter() - begin
        asked = cut_features(source, target.test_pictures, (cut,))[cut]
        begin = perf_counter()
        return linear_probe(known, y, asked, target.test_labels), seconds + perf_counter() - begin


def _results(source, target, n: int, seed: int) -> Iterator[dict]:
    """A row for each recipe: accuracy in per cent, seconds of training, and for the published ones what moved."""
    from published import GUIDE, TUTORIAL, score, train

    chosen = target.choose(n, seed)
    for name, together in (("linear probe, last but one cut", False), ("late cuts and views (the course)", True)):
        accuracy, seconds = _ours(source, target, chosen, together)
        yield {"recipe": f"{name}, {source.name}", "accuracy": 100 * accuracy, "seconds": seconds}
    if source.name != PUBLISHED:
        return
    for recipe in (TUTORIAL, GUIDE):
        for until_it_stops, how in ((False, "as published"), (True, "trained on")):
            made = train(recipe, target.pictures[chosen], target.labels[chosen], seed, until_it_stops)
            accuracy = score(recipe, made, target.test_pictures, target.test_labels)
            name, drift = f"{recipe.name}, {how}", f"{made.drifted} of {made.unfrozen}"
            row = {"recipe": name, "accuracy": 100 * accuracy, "seconds": made.seconds}
            yield row | {"epochs": made.epochs, "drift": drift}


@click.command()
@click.option("--n", "ns", default="20,50,250", show_default=True, help="Pictures per class.")
@click.option("--seeds", default=3, show_default=True)
def main(ns, seeds):
    """Train every recipe with every number of pictures and every seed."""
    ready()
    from course_utils.pictures.folders import folder_target
    from course_utils.sources import load_source

    target = folder_target(DATA / "flowers5", side=224)
    sources = [load_source(name, classifier=False) for name in (PUBLISHED, "EfficientNetLite0")]
    BUILD.mkdir(parents=True, exist_ok=True)
    rows = []
    for n, seed in product(map(int, ns.split(",")), range(seeds)):
        for result in (row for source in sources for row in _results(source, target, n, seed)):
            rows.append({"n": n, "seed": seed} | result)
            print(json.dumps(rows[-1]), flush=True)
            (BUILD / "recipes.json").write_text(json.dumps(rows, indent=1))
    print(f"\n{'n':>4} {'recipe':52} {'accuracy, % (spread)':24} {'seconds':>8}  BatchNorm layers that moved")
    for n, name in dict.fromkeys((row["n"], row["recipe"]) for row in rows):
        these = [row for row in rows if (row["n"], row["recipe"]) == (n, name)]
        right = [row["accuracy"] for row in these]
        spread = f"{median(right):.1f} ({min(right):.1f} to {max(right):.1f})"
        drift = ", ".join(sorted({row.get("drift", "") for row in these}))
        print(f"{n:4} {name:52} {spread:24} {median(row['seconds'] for row in these):8.1f}  {drift}")


if __name__ == "__main__":
    main()
