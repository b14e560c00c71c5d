"""Labelled pictures as a target: a pool to draw training sets from, and a test set that no draw touches."""

from dataclasses import dataclass

import numpy as np

from ..errors import BadPictures, BadTarget


def balanced_draw(target: str, what: str, labels: np.ndarray, classes: int, n: int, seed) -> np.ndarray:
    """Where n examples of each of the `classes` stand in `labels`, drawn and shuffled; of values, n in all (classes 0).

    `target` and `what` name them in the sentence of `BadTarget`, which is raised where there are not so many.
    """
    rng = np.random.default_rng(seed)
    groups = [np.flatnonzero(labels == k) for k in range(classes)] or [np.arange(len(labels))]
    smallest = min(map(len, groups))
    if not 1 <= n <= smallest:
        raise BadTarget(
            f"Target '{target}' cannot give {n} training {what} per class: choose between 1 and {smallest}."
        )
    return rng.permutation(np.concatenate([rng.choice(group, n, replace=False) for group in groups]))


@dataclass(frozen=True)
class Target:
    """A target task with a pool of training pictures and a test set that no draw touches.

    Pictures are uint8 (n, h, w, 3), 0 … 255. Labels are int64 class indices, or float32 values where
    `class_names` is empty (regression; `unit` then names the value's unit): names decide, and whole numbers without
    them are values, such as ages. Raises `BadTarget` where nothing can be learned: fewer than two classes or values,
    labels that do not fit or are no numbers; `BadPictures` where pictures are not.
    """

    name: str
    question: str
    pictures: np.ndarray
    labels: np.ndarray
    test_pictures: np.ndarray
    test_labels: np.ndarray
    class_names: tuple[str, ...] = ()
    unit: str = ""

    def __post_init__(self):
        listed = np.iterable(self.class_names) and not isinstance(self.class_names, str)
        names = tuple(map(str, self.class_names)) if listed else ()
        if not listed or len(set(names)) < len(names):
            raise BadTarget(
                f"Target '{self.name}' has the class names {self.class_names!r}: give a list of names, each one once, "
                "and an empty one for values."
            )
        object.__setattr__(self, "class_names", names)
        for name in ("pictures", "labels", "test_pictures", "test_labels"):
            try:
                array = np.asarray(getattr(self, name)).view()
            except ValueError:  # a list of pictures that differ in size
                raise BadPictures(
                    f"The {name.replace('_', ' ')} of target '{self.name}' make no array, as their sizes differ: bring "
                    "them to one size."
                ) from None
            if "labels" in name and not self.class_names:
                array = self._values(array)
            array.flags.writeable = False  # one target serves a whole session
            object.__setattr__(self, name, array)
        for part, pictures, labels in (
            ("training", self.pictures, self.labels),
            ("test", self.test_pictures, self.test_labels),
        ):
            if pictures.dtype != np.uint8 or pictures.ndim != 4 or pictures.shape[-1] != 3:
                raise BadPictures(
                    f"The {part} pictures of target '{self.name}' have shape {pictures.shape} and type "
                    f"{pictures.dtype}: give RGB pictures as uint8 in an array of shape (n, height, width, 3)."
                )
            if labels.shape != (len(pictures),):
                raise BadTarget(
                    f"Target '{self.name}' has {len(pictures)} {part} pictures and labels of shape {labels.shape}: "
                    "give exactly one label for each picture."
                )
        classes = len(self.class_names)
        for labels in (self.labels, self.test_labels):
            if classes and (
                labels.dtype.kind not in "iu" or labels.min(initial=0) < 0 or labels.max(initial=0) >= classes
            ):
                raise BadTarget(
                    f"Target '{self.name}' names {classes} classes, so its labels must be whole numbers "
                    f"from 0 to {classes - 1}: check the labels, or the list of class names."
                )
        kinds = np.unique(self.labels)
        if len(kinds) < 2:
            raise BadTarget(
                f"Target '{self.name}' has only one class or value in its training labels, so there is nothing "
                "to tell apart: add pictures of at least one more."
            )
        for k, name in enumerate(self.class_names):
            if k not in kinds:
                raise BadTarget(
                    f"Target '{self.name}' has no training picture of its class '{name}': "
                    "add some, or leave the class out."
                )

    def _values(self, labels: np.ndarray) -> np.ndarray:
        with np.errstate(over="ignore"):  # what is too large becomes infinite
            values = labels.astype("float32") if labels.dtype.kind in "iuf" else np.array(np.nan)
        if not np.isfinite(values).all():
            raise BadTarget(
                f"Target '{self.name}' has no class names, so its labels are values, and these are not all finite "
                "numbers: give class_names, or numbers."
            )
        return values

    def draw(self, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """A random training set: n pictures per class (n pictures in all for regression) and their labels.

        Raises `BadTarget` where the pool does not hold so many.
        """
        chosen = self.choose(n, seed)
        return self.pictures[chosen], self.labels[chosen]

    def choose(self, n: int, seed: int) -> np.ndarray:
        """Where in the pool the pictures of `draw` stand: indices, for features of the pool that are known already."""
        return balanced_draw(self.name, "pictures", self.labels, len(self.class_names), n, seed)
