"""A head on several late cuts together, over several views of each picture: much from little data, without training.

Features of several layers together are Hariharan et al. 2015's hypercolumns, pooled; the views are the "ten crops" of
Krizhevsky et al. 2012 (section 4.1), in training as well as in testing.
"""

import numpy as np

from .errors import BadTarget
from .probing import cut_features
from .sources import Source

CUTS = 6  # how many of the last cuts, where none are named
MIDDLE = 0.8  # the share of the side that the view of the middle keeps
PENALTY = 0.03  # C of scikit-learn's logistic regression


def views(pictures: np.ndarray, middle: bool = True, mirror: bool = True) -> list[np.ndarray]:
    """The pictures as they are, their middle, and both mirrored; `mirror` must be false where that changes a class.

    `pictures` are (n, h, w, 3). The middle is 0.8 h x 0.8 w; a source brings both to its own size.
    """
    found = [pictures]
    if middle:
        down, right = (round(side * (1 - MIDDLE) / 2) for side in pictures.shape[1:3])
        found.append(pictures[:, down : pictures.shape[1] - down, right : pictures.shape[2] - right])
    return found + [view[:, :, ::-1] for view in found] if mirror else found


class LateCuts:
    """A linear head on the pooled features of late cuts, standardised, which takes each view as a picture of its own.

    What the views of a picture say is averaged (their log-probabilities). The source is not trained. Chosen by the
    accuracy on flowers that were not trained on, at 20, 50 and 200 pictures per class, among cuts, views and penalties.
    """

    def __init__(self, source: Source, cuts: tuple[str, ...] = (), middle: bool = True, mirror: bool = True):
        """`cuts` are by default the last six; `middle` and `mirror` as in `views`."""
        self.source, self.looks = source, {"middle": middle, "mirror": mirror}
        self.cuts = cuts or source.cuts[-CUTS:]

    def _features(self, pictures: np.ndarray) -> list[np.ndarray]:
        parts = [cut_features(self.source, view, self.cuts) for view in views(pictures, **self.looks)]
        return [np.concatenate([part[cut] for cut in self.cuts], axis=1) for part in parts]

    def fit(self, pictures: np.ndarray, labels: np.ndarray) -> "LateCuts":
        """Fit the head to pictures, uint8 (n, h, w, 3), and their class indices (n,). Raises `BadTarget`."""
        from sklearn.linear_model import LogisticRegression
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from threadpoolctl import threadpool_limits

        labels = np.asarray(labels)
        if labels.dtype.kind not in "iu" or len(np.unique(labels)) < 2:
            raise BadTarget("This head tells classes apart: give whole numbers as labels, of at least two classes.")
        x = self._features(pictures)
        with threadpool_limits(1):  # see `probing.linear_probe`
            head = make_pipeline(StandardScaler(), LogisticRegression(C=PENALTY, max_iter=500))
            self.head = head.fit(np.concatenate(x), np.tile(labels, len(x)))
        return self

    def probabilities(self, pictures: np.ndarray) -> np.ndarray:
        """The probabilities of the classes in the order of their indices: float64 (n, classes)."""
        logs = np.mean([self.head.predict_log_proba(x) for x in self._features(pictures)], axis=0)
        shares = np.exp(logs)
        return shares / shares.sum(axis=1, keepdims=True)

    def score(self, pictures: np.ndarray, labels: np.ndarray) -> float:
        """The share of pictures named rightly, 0 … 1."""
        return float((self.head.classes_[self.probabilities(pictures).argmax(axis=1)] == labels).mean())
