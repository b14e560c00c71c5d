"""Lesson 04, choosing the cut: what new layers behind a cut are worth, and the exercises."""

from collections.abc import Callable

import numpy as np

from ..charts import depth
from ..figures import show
from ..lesson import claim, exercise
from ..marking import WHOLE, require
from ..pictures.labelled import balanced_draw
from ..probing import Features, cut_features, interval, linear_probe
from ..sources import Source
from ..targets import load_target
from .cutting import Found
from .judged_models import require_untouched, state_of

UNUSED = "count"  # the target of the open tasks, which the lesson leaves alone
N = 20  # pictures per class, there
LEAD, LOSS = 3, 6  # points: to be ahead of the best single cut, and behind it at most


def rewind(model) -> Callable[[], None]:
    """A function that sets a compiled Keras model and its optimizer back to where they are now.

    So one model serves many draws, and its training step is compiled once.
    """
    model.optimizer.build(model.trainable_variables)
    weights, state = model.get_weights(), {}
    model.optimizer.save_own_variables(state)

    def back():
        model.set_weights(weights)
        model.optimizer.load_own_variables(state)

    return back


def show_heads(found: Found, results: list[dict], n: int) -> str:
    """Draw and print what each head is worth behind each cut; returns where the largest gains most.

    `results` are rows {"cut", "head", "parameters", "n", "accuracy" (per cent)}; `n` is that of the controls.
    """
    cuts, heads, ns = (tuple(dict.fromkeys(row[key] for row in results)) for key in ("cut", "head", "n"))
    panels, gain, mean = {}, {}, {}
    for cut in cuts:
        rows = [row for row in results if row["cut"] == cut]
        scores = {(h, m): [r["accuracy"] for r in rows if (r["head"], r["n"]) == (h, m)] for h in heads for m in ns}
        sizes = [next(row["parameters"] for row in rows if row["head"] == head) for head in heads]
        for head, size in zip(heads, sizes, strict=True):
            told = ", ".join("n = {}: {:.0f} ± {:.0f} %".format(m, *interval(scores[head, m])) for m in ns)
            print(f"{cut:22} {head:10} {size:9,} parameters   {told}")
        lines = {f"n = {m}": interval([scores[head, m] for head in heads]) for m in ns}
        untrained = found["untrained"][:, found["cuts"].index(cut)]
        controls = {f"untrained prefix, linear head, n = {n}": interval(untrained)}
        controls[f"raw pixels, linear head, n = {n}"] = interval(found["pixels"])
        panels[f"cut at {cut}"] = {"parameters": sizes, "lines": lines, "controls": controls}
        mean[cut] = {head: float(np.mean([scores[head, m] for m in ns])) for head in heads}
        gain[cut] = mean[cut][heads[-1]] - mean[cut][heads[0]]
    alt = "; ".join(f"{cut}: " + ", ".join(f"{h} {v:.0f} %" for h, v in part.items()) for cut, part in mean.items())
    draws = len(results) // (len(cuts) * len(heads) * len(ns))
    title = f"Where is a head worth its parameters? (mean and 95 % interval, {draws} draws)"
    show(depth.worth_of_parameters(panels, heads, title), "Mean over n: " + alt)
    first, last = mean[cuts[0]], cuts[-1]
    claim(
        "Behind the shallow cut, new convolutions gain more over a linear head than a hidden layer does.",
        gain[cuts[0]] > first[heads[1]] - first[heads[0]],
        f"convolutions {gain[cuts[0]]:+.0f} points at {cuts[0]} and {gain[last]:+.0f} at {last}, a hidden layer "
        f"{first[heads[1]] - first[heads[0]]:+.0f} at {cuts[0]}",
    )
    return ("shallow", "middle", "deep")[int(np.argmax(list(gain.values())))]


@exercise(
    "Maps of 14 × 14 × 96 come in. How many parameters have convolution(32), convolution(32), the average and a dense "
    "layer for 5 classes? (A whole number.)",
    "A kernel looks at 3 × 3 positions of every channel that comes in. How many numbers is that for one new channel?",
    "Each layer: (3 · 3 · channels in + 1) · channels out. The average has none, the dense layer (32 + 1) · 5.",
)
def parameters(answer) -> str:
    """Judge a count of parameters: 37,093 is right."""
    require(isinstance(answer, WHOLE), "Give a whole number.")
    first, second, last = 9 * 96 * 32, 9 * 32 * 32, 32 * 5
    biases = 32 + 32 + 5
    require(answer != first + second + last, "You left out the biases: one for each channel and class.")
    require(answer != first + second + 64, "You left out the dense layer.")
    require(answer != 2 * (first + 32) + last + 5, "The second convolution gets the 32 channels of the first, not 96.")
    require(answer != first + second + 64 + 196 * last + 5, "The dense layer gets averages: 32 numbers, no positions.")
    require(answer < 10**6, "Too many: a kernel is used at all positions, and counted once.")
    right = first + second + last + biases
    require(answer == right, "Count layer by layer: weights of the kernel, then a bias for each output.")
    return f"{first + 32:,} + {second + 32:,} + {last + 5:,}."


class CutTasks:
    """The open tasks, on a target that the lesson leaves alone: how many shapes are in a drawing, 20 of each to learn.

    `pictures`, uint8 (n, h, w, 3), and `labels` (n,) are to train on; what is judged is rendered anew.
    """

    def __init__(self, source: Source, seed: int):
        target = load_target(UNUSED, seed)
        train = target.choose(N, seed)
        self._source, self._seed, self._state = source, seed, state_of(source.model)
        self.pictures, self.labels, self.classes = target.pictures[train], target.labels[train], len(target.class_names)
        fresh = load_target(UNUSED, seed + 100)
        self._hidden = fresh.test_pictures, fresh.test_labels
        self.choose = exercise(
            f"A function that names a good cut: on average at most {LOSS} points behind the best one.",
            "Who has no test pictures makes some: leave out a part of the training pictures. Which function of "
            "scikit-learn did the lesson use?",
            "Return the cut with the highest mean of cross_val_score(linear_head(), features[cut], labels, cv=5).",
        )(self._judge_choice)
        self.beat = exercise(
            f"A frozen prefix with a head of yours, {LEAD} points better than the linear head at the best single cut.",
            "The target asks how many and where, and the average over a map forgets where. What sees places?",
            "Train convolution(64), convolution(64) of the lesson on the maps of the cut in the middle, as in the last "
            "experiment; then keras.Model(prefix.input, head(prefix.output)).",
        )(self._judge_model)

    def _scores(self, x: Features, labels: np.ndarray) -> dict[str, float]:
        """Accuracy (%) on the hidden pictures of a linear head trained on the features of each cut."""
        hidden = cut_features(self._source, self._hidden[0])
        return {cut: 100 * linear_probe(x[cut], labels, hidden[cut], self._hidden[1]) for cut in x}

    def _judge_choice(self, choose: Callable) -> str:
        require(callable(choose), "Give the function itself, without calling it.")
        lost, told, known = [], [], cut_features(self._source, self.pictures)
        for draw in range(3):
            part = balanced_draw(UNUSED, "pictures", self.labels, self.classes, N // 2, [self._seed, draw])
            x, labels = {cut: values[part] for cut, values in known.items()}, self.labels[part]
            cut = choose({name: values.copy() for name, values in x.items()}, labels.copy())
            require(cut in x, f"It returned {cut!r}, which is no cut: return a name.")
            scores = self._scores(x, labels)
            lost.append(max(scores.values()) - scores[cut])
            told.append(f"{cut} {scores[cut]:.0f} %, best {max(scores.values()):.0f} %")
        behind = f"{np.mean(lost):.1f} points behind the best cut on average of three draws ({'; '.join(told)})."
        require(np.mean(lost) <= LOSS, behind)
        return behind

    def _judge_model(self, model) -> str:
        import keras

        require(isinstance(model, keras.Model), "Give a Keras model, from the source's input to the classes.")
        x, labels = self._source.preprocess(self._hidden[0]), self._hidden[1]
        require(model.input_shape[1:] == x.shape[1:], f"It takes {model.input_shape[1:]}, not {x.shape[1:]}.")
        require(
            model.output_shape[1:] == (self.classes,),
            f"Its output is {model.output_shape[1:]}, not {self.classes} classes.",
        )
        require_untouched(model, self._state)
        scores = self._scores(cut_features(self._source, self.pictures), self.labels)
        best = max(scores, key=scores.get)
        right = 100 * float(np.mean(model.predict(x, batch_size=100, verbose=0).argmax(1) == labels))
        told = f"On {len(labels)} new pictures {right:.1f} %; the linear head at {best} has {scores[best]:.1f} %."
        require(right >= scores[best] + LEAD, told)
        return told
