"""Candidates for a source, compared on training pictures alone: accuracy of each draw, size and time up to the cut."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from ..errors import BadTarget
from ..models.zoo import ZOO, zoo_table
from ..pictures.labelled import Target
from ..probing import cut_features, interval, linear_probe, raw_pixels
from ..progress import bar
from ..sources import Source, load_source
from ..store import weights
from ..transfer import random_prefix

RAW = "raw pixels"
_SHARE = 0.6  # of a class's training pictures that a draw trains on; it validates on the others
_MOST = 60
_FOLDS = 3  # of the lesson's cross-validation, in which every fold needs a picture of each class


@dataclass(frozen=True)
class Validated:
    """One candidate: its score (%) in each draw, the cuts chosen, megabytes and milliseconds up to the cut."""

    scores: tuple[float, ...]
    cuts: tuple[str, ...] = ()
    megabytes: float = 0.0
    milliseconds: float = 0.0

    @property
    def mean(self) -> float:
        """The mean score, per cent."""
        return float(np.mean(self.scores))

    def lead(self, other: "Validated") -> tuple[float, float]:
        """Mean lead over another candidate, draw by draw, and half its 95 % interval, in points."""
        mean, half = interval(np.subtract(self.scores, other.scores))
        return float(mean), float(half)


def candidates(source: Source, brought: Source, seed: int, at_most: int) -> dict[str, Source]:
    """The source, a model from a file, the drawings, up to `at_most` networks that lie in Keras's cache, a control."""
    own = brought.name
    while own in (source.name, "drawings", untrained(source.name)) or own in ZOO:  # a file may be called anything
        own += " (file)"
    found = {source.name: source, own: brought}
    if "drawings" not in found:
        found["drawings"] = load_source("drawings")
    cached = {entry.name: _in_cache(entry) for entry in sorted(zoo_table(), key=lambda entry: entry.megabytes)}
    cached = {name: how for name, how in cached.items() if how and name not in found}
    print(f"Other networks in Keras's cache: {', '.join(cached) or 'none'}.")
    for name, how in list(cached.items())[:at_most]:
        found[name] = load_source(name, **how)
    return found | {untrained(source.name): replace(source, model=random_prefix(source, source.cuts[-1], seed))}


def untrained(name: str) -> str:
    """What the control of a source is called."""
    return f"{name}, random weights"


def _in_cache(entry) -> dict | None:
    """How to load the network from Keras's cache, or None where the cache does not hold it."""
    lying = [re.sub(r"\W|_", "", file.name.lower()) for file in weights.weights_folder().glob("*.h5")]
    if any(entry.name.lower() in name for name in lying):  # else Keras need not be asked
        for how in ({"classifier": False, "pixels": 96}, {"classifier": True}):
            if weights.wanted(lambda top=how["classifier"]: entry.build("imagenet", top)).path.is_file():
                return how
    return None


def pictures_drawn(target: Target) -> int:
    """How many pictures of each class a draw trains on: at least three. Raises `BadTarget` where there are no more."""
    counts = np.bincount(target.labels, minlength=len(target.class_names))
    if counts.min() <= _FOLDS:
        raise BadTarget(
            f"Target '{target.name}' has {counts.min()} training pictures of class "
            f"'{target.class_names[counts.argmin()]}', and {_FOLDS + 1} at least are needed to choose a network by "
            "cross-validation: add some, or take the class out."
        )
    return max(_FOLDS, min(round(_SHARE * int(counts.min())), _MOST))


def splits(target: Target, seed: int, draws: int, most: int = _MOST) -> list[tuple[np.ndarray, np.ndarray]]:
    """Places of the training pictures to train on, at most `most` per class, and to validate on, for each draw."""
    every = np.arange(len(target.labels))
    chosen = [target.choose(min(pictures_drawn(target), most), [seed, draw]) for draw in range(draws)]
    return [(train, np.setdiff1d(every, train)) for train in chosen]


def validate(
    sources: dict[str, Source], target: Target, choose_cut: Callable, seed: int, draws: int
) -> dict[str, Validated]:
    """Each candidate's result, and raw pixels', on pictures that each draw did not train on.

    `choose_cut(features, labels)` names the best cut of these training pictures.
    """
    parts, results = splits(target, seed, draws), {}
    results[RAW] = Validated(*_scores({RAW: raw_pixels(target.pictures)}, target, choose_cut, parts))
    for name, candidate in bar(sources.items(), label="candidates", unit="candidates"):
        features = cut_features(candidate, target.pictures)
        cost = _cost(candidate, target, choose_cut(features, target.labels))
        results[name] = Validated(*_scores(features, target, choose_cut, parts), *cost)
    return results


def _scores(features: dict, target: Target, choose_cut: Callable, parts) -> tuple[tuple, tuple]:
    scores, cuts = [], []
    for train, rest in parts:
        y, y_rest = target.labels[train], target.labels[rest]
        cut = choose_cut({name: x[train] for name, x in features.items()}, y) if len(features) > 1 else RAW
        scores.append(100 * linear_probe(features[cut][train], y, features[cut][rest], y_rest))
        cuts.append(cut)
    return tuple(scores), tuple(cuts)


def _cost(candidate: Source, target: Target, cut: str) -> tuple[float, float]:
    """Megabytes of the prefix, and milliseconds for a picture (median of 7 batches of 8)."""
    prefix, batch = candidate.prefix(cut), candidate.preprocess(target.pictures[:8])
    prefix.predict_on_batch(batch)  # the first call builds the graph
    seconds = []
    for _ in range(7):
        begin = time.perf_counter()
        prefix.predict_on_batch(batch)
        seconds.append(time.perf_counter() - begin)
    return 4 * prefix.count_params() / 1e6, 1000 * float(np.median(seconds)) / len(batch)
