"""A classifier from little data without training the source: heads on several late cuts, over several views, averaged.

Features of several layers together are Hariharan et al. 2015's hypercolumns, pooled; the views are the "ten crops" of
Krizhevsky et al. 2012 (section 4.1), in training as well as in testing. Which cuts, views and penalties are worth
something differs between sources and targets. So it is chosen by cross-validation on the training pictures alone; and
as few pictures choose badly, the five best choices answer together.
"""

from itertools import product

import numpy as np

from ..errors import BadTarget
from ..probing import cut_features
from ..progress import bar
from ..sources import Source

LATE = 8  # how many of the last cuts are looked at
TOGETHER = (3, 6, 8)  # so many of the last cuts side by side, besides each by itself
PENALTIES = (0.01, 0.1, 1.0)  # C of scikit-learn's logistic regression
BEST = 5  # how many choices answer together
FOLDS = 4
_LEAST = 1e-9  # a probability of 0 would silence all other heads
MIDDLE = 0.8  # the share of the side that the view of the middle keeps


def views(pictures: np.ndarray, mirror: bool = True) -> list[np.ndarray]:
    """The pictures as they are, their middle, and both mirrored; `mirror` must be false where that changes a class.

    `pictures` are (n, h, w, 3). The middle is 0.8 h x 0.8 w; a source brings both to its own size.
    """
    down, right = (round(side * (1 - MIDDLE) / 2) for side in pictures.shape[1:3])
    found = [pictures, pictures[:, down : pictures.shape[1] - down, right : pictures.shape[2] - right]]
    return found + [view[:, :, ::-1] for view in found] if mirror else found


class Heads:
    """The recipe on features: of each view a dictionary from cut to features (n, width), cuts in order of depth."""

    def fit(self, looks: list[dict[str, np.ndarray]], labels: np.ndarray) -> "Heads":
        """Choose by cross-validation, and fit the chosen heads to all pictures; class indices in `labels` (n,).

        `looks` are the views as `views` orders them. Raises `BadTarget` for labels of one class, of a class with one
        picture, or of none.
        """
        labels = np.asarray(labels)
        counts = np.unique(labels, return_counts=True)[1]
        if labels.dtype.kind not in "iu" or len(counts) < 2 or counts.min() < 2:
            raise BadTarget("This recipe tells classes apart: give at least two classes, with two pictures of each.")
        self.classes = np.unique(labels)
        late = tuple(looks[0])[-LATE:]
        self.seen = self._best_views(looks, labels, late)
        groups = [(cut,) for cut in late] + [late[-k:] for k in TOGETHER if k <= len(late)]
        choices = list(product(dict.fromkeys(groups), PENALTIES))
        worth = [
            _held_out(_side_by_side(looks, self.seen, cuts), labels, penalty)
            for cuts, penalty in bar(choices, label="choosing by cross-validation", unit="choices")
        ]
        self.chosen = [choices[k] for k in np.argsort(-np.array(worth), kind="stable")[:BEST]]
        self._heads = [_head(_side_by_side(looks, self.seen, cuts), labels, penalty) for cuts, penalty in self.chosen]
        return self

    @staticmethod
    def _best_views(looks: list, labels: np.ndarray, late: tuple[str, ...]) -> tuple[int, ...]:
        """The first view alone, with the middle, or all of them: by one head on all late cuts."""
        sets = dict.fromkeys((tuple(range(1)), tuple(range(min(2, len(looks)))), tuple(range(len(looks)))))
        worth = {some: _held_out(_side_by_side(looks, some, late), labels, PENALTIES[1]) for some in sets}
        return max(worth, key=worth.get)

    def probabilities(self, looks: list[dict[str, np.ndarray]]) -> np.ndarray:
        """The probabilities of `classes`, float64 (n, classes): the mean of the logarithms over views and heads."""
        logs = [
            _logs(head, _side_by_side(looks, self.seen, cuts))
            for head, (cuts, _) in zip(self._heads, self.chosen, strict=True)
        ]
        return _normal(np.mean(logs, axis=0))


class CutEnsemble:
    """`Heads` on a source, which is not trained: pictures in, probabilities out."""

    def __init__(self, source: Source, mirror: bool = True):
        """`mirror` must be false where a mirrored picture is of another class, as with digits."""
        self.source, self.mirror = source, mirror

    def _looks(self, pictures: np.ndarray) -> list[dict[str, np.ndarray]]:
        late = self.source.cuts[-LATE:]
        return [cut_features(self.source, view, late) for view in views(pictures, self.mirror)]

    def fit(self, pictures: np.ndarray, labels: np.ndarray) -> "CutEnsemble":
        """Fit to pictures, uint8 (n, h, w, 3), and their class indices (n,). Raises `BadTarget`."""
        self.heads = Heads().fit(self._looks(pictures), labels)
        return self

    def probabilities(self, pictures: np.ndarray) -> np.ndarray:
        """The probabilities of `heads.classes`: float64 (n, classes)."""
        return self.heads.probabilities(self._looks(pictures))

    def score(self, pictures: np.ndarray, labels: np.ndarray) -> float:
        """The share of pictures named rightly, 0 … 1."""
        return float((self.heads.classes[self.probabilities(pictures).argmax(axis=1)] == labels).mean())


def _side_by_side(looks: list, some: tuple[int, ...], cuts: tuple[str, ...]) -> list[np.ndarray]:
    return [np.concatenate([looks[k][cut] for cut in cuts], axis=1) for k in some]


def _head(x: list[np.ndarray], labels: np.ndarray, penalty: float):
    """One head that takes each view as a picture of its own."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # see `probing.linear_probe`
        head = make_pipeline(StandardScaler(), LogisticRegression(C=penalty, max_iter=300, tol=1e-3))
        return head.fit(np.concatenate(x), np.tile(labels, len(x)))


def _logs(head, x: list[np.ndarray]) -> np.ndarray:
    """Logarithms of a head's probabilities, the views' mean: (n, classes)."""
    logs = [np.log(np.clip(head.predict_proba(view), _LEAST, 1)) for view in x]
    return np.log(_normal(np.mean(logs, axis=0)))


def _normal(logs: np.ndarray) -> np.ndarray:
    shares = np.exp(logs - logs.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)


def _held_out(x: list[np.ndarray], labels: np.ndarray, penalty: float) -> float:
    """Mean log-likelihood of pictures that were held back, all views of a picture together."""
    from sklearn.model_selection import StratifiedKFold

    folds = StratifiedKFold(min(FOLDS, np.unique(labels, return_counts=True)[1].min()), shuffle=True, random_state=0)
    places = np.unique(labels, return_inverse=True)[1]
    likely = np.empty(len(labels))
    for train, rest in folds.split(x[0], labels):
        logs = _logs(_head([view[train] for view in x], labels[train], penalty), [view[rest] for view in x])
        likely[rest] = logs[np.arange(len(rest)), places[rest]]
    return float(likely.mean())
