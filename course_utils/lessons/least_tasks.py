"""Lesson 10, the least data: its exercises, on a target that the lesson leaves alone."""

from collections.abc import Callable

import numpy as np

from ..lesson import exercise
from ..marking import require
from ..probing import cut_features
from ..sources import Source
from ..targets import load_target

POOL, TESTS = 60, 300  # pictures per class to learn from, and to be judged on
BUDGET, DRAWS = 2, 5  # labels per class to ask for, and how often a function is tried
AHEAD, BETTER = 5, 4  # points: over the nearest centroid, and over labels at random


def _nearest(x: np.ndarray, centres: np.ndarray) -> np.ndarray:
    return np.linalg.norm(x[:, None] - centres, axis=2).argmin(axis=1)


@exercise(
    "A function of centroids (classes, numbers) that returns a Dense layer, whose largest output is the nearest one's.",
    "Write out the square of the distance from x to a centroid c. Which of its parts is the same for all centroids?",
    "|x - c|² = |x|² - 2 c·x + |c|². So the kernel is 2 c, a column for each class, and the bias is -|c|²: build the "
    "layer with layer.build((None, numbers)), and then layer.set_weights([kernel, bias]).",
)
def as_layer(answer) -> str:
    """Judge a function from centroids to a `keras.layers.Dense`, on random numbers."""
    import keras

    require(callable(answer), "Give the function itself, without calling it.")
    rng = np.random.default_rng(0)
    centres, x = rng.normal(size=(5, 8)), rng.normal(size=(400, 8))
    centres *= np.linspace(0.3, 2, 5)[:, None]  # of unequal length, as centroids are
    layer = answer(centres.copy())
    require(isinstance(layer, keras.layers.Dense), f"It returned a {type(layer).__name__}, not a Dense layer.")
    scores = np.asarray(layer(x.astype("float32")))
    require(scores.shape == (400, 5), f"For 5 centroids the layer has {scores.shape[-1]} outputs: one each is wanted.")
    right, found = _nearest(x, centres), scores.argmax(1)
    require(np.mean(scores.argmin(1) == right) < 0.99, "The smallest output is the nearest one's: turn the sign round.")
    without = (x @ centres.T).argmax(1)
    require(
        np.mean(found == without) < 0.99,
        "So the longest centroid wins too often: the bias takes its length into account.",
    )
    agree = float(np.mean(found == right))
    require(agree > 0.99, f"It agrees with the nearest centroid for {100 * agree:.0f} % of the points only.")
    return "A head without training, and Keras can save it, load it and go on training it."


class LeastTasks:
    """The open tasks, on another target than the lesson's: digits in negative, as a source sees them at a cut."""

    def __init__(self, source: Source, cut: str, seed: int):
        digits = load_target("digits", seed + 100)
        pool = digits.choose(POOL, seed)
        sets = 255 - digits.pictures[pool], 255 - digits.test_pictures[:TESTS]
        self._seed, self._y, self._answers = seed, digits.labels[pool], digits.test_labels[:TESTS]
        self._x, self._new = (cut_features(source, some, (cut,))[cut].astype("float64") for some in sets)
        self.answer = exercise(
            f"A function of (x, y, unlabelled, new) that is {AHEAD} points better than the nearest centroid.",
            "Which space was best with so few pictures, and what did unlabelled pictures add?",
            "Standardise by the unlabelled pictures, bring to length 1, and use pseudo_labelled of the lesson.",
        )(self._judge_answers)
        self.ask = exercise(
            f"A function of (x, budget, seed) that names pictures to label, {BETTER} points better than at random.",
            "Labels are worth most where the pictures differ from each other, and where each stands for many.",
            "KMeans with as many groups as the budget; of each group the picture nearest to its centre.",
        )(self._judge_choice)

    def _judge_answers(self, function: Callable) -> str:
        require(callable(function), "Give the function itself, without calling it.")
        lead, right = [], []
        for draw in range(DRAWS):
            rng = np.random.default_rng([self._seed, draw])
            train = np.array([rng.choice(np.flatnonzero(self._y == k)) for k in range(self._y.max() + 1)])
            x, rest = self._x[train], np.delete(self._x, train, axis=0)
            answers = np.asarray(function(x.copy(), self._y[train], rest, self._new.copy()))
            require(
                answers.shape == self._answers.shape,
                f"It returned {answers.shape}, not a class for each of the {TESTS} new pictures.",
            )
            plain = 100 * np.mean(_nearest(self._new, x) == self._answers)
            right.append(100 * np.mean(answers == self._answers))
            lead.append(right[-1] - plain)
        told = f"{np.mean(right):.1f} % in {DRAWS} draws, {np.mean(lead):+.1f} points beside the nearest centroid."
        require(np.mean(lead) >= AHEAD, told)
        return told

    def _judge_choice(self, function: Callable) -> str:
        require(callable(function), "Give the function itself, without calling it.")
        lead, right, budget = [], [], BUDGET * (self._y.max() + 1)
        for draw in range(DRAWS):
            rng = np.random.default_rng([self._seed, draw])
            pool = rng.permutation(len(self._x))[: len(self._x) // 2]
            chosen = np.asarray(function(self._x[pool], budget, draw))
            require(
                chosen.shape == (budget,) and chosen.dtype.kind in "iu" and len(np.unique(chosen)) == budget,
                f"Name {budget} different pictures by their places in x, as whole numbers.",
            )
            require(0 <= chosen.min() and chosen.max() < len(pool), f"x has the places 0 to {len(pool) - 1} only.")
            by_chance = [self._worth(pool[rng.choice(len(pool), budget, replace=False)]) for _ in range(3)]
            right.append(self._worth(pool[chosen]))
            lead.append(right[-1] - np.mean(by_chance))
        told = f"{np.mean(right):.1f} % in {DRAWS} draws, {np.mean(lead):+.1f} points beside a choice at random."
        require(np.mean(lead) >= BETTER, told)
        return told

    def _worth(self, train: np.ndarray) -> float:
        """Test accuracy (%) of a head that is trained on these pictures."""
        from sklearn.linear_model import LogisticRegression
        from threadpoolctl import threadpool_limits

        y, mean, spread = self._y[train], self._x.mean(0), self._x.std(0) + 1e-6
        if len(np.unique(y)) == 1:  # no head can be trained on one class
            return 100 * float(np.mean(self._answers == y[0]))
        with threadpool_limits(1):
            head = LogisticRegression(max_iter=500).fit((self._x[train] - mean) / spread, y)
        return 100 * float(head.score((self._new - mean) / spread, self._answers))
