"""Target tasks: what we want to learn from little data. Rendered, or from installed packages."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache
from pathlib import Path

import numpy as np

from . import shapes
from .errors import BadPictures, BadTarget

POOL, TEST = 120, 60  # pictures per class to draw from, and to test on


@dataclass(frozen=True)
class Target:
    """A target task with a pool of training pictures and a test set that no draw touches.

    Pictures are uint8 (n, h, w, 3), 0 … 255. Labels are int64 class indices, or float32 values where
    `class_names` is empty (regression; `unit` then names the value's unit). Raises `BadTarget` where nothing
    can be learned: fewer than two classes or values, labels that do not fit; `BadPictures` where pictures are not.
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
        for name in ("pictures", "labels", "test_pictures", "test_labels"):
            array = np.asarray(getattr(self, name)).view()
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
        kinds = np.unique(self.labels)
        if len(kinds) < 2:
            raise BadTarget(
                f"Target '{self.name}' has only one class or value in its training labels, so there is nothing "
                "to tell apart: add pictures of at least one more."
            )
        every, classes = np.unique(np.concatenate([self.labels, self.test_labels])), len(self.class_names)
        if classes and (every.dtype.kind not in "iu" or every.min() < 0 or every.max() >= classes):
            raise BadTarget(
                f"Target '{self.name}' names {classes} classes, so its labels must be whole numbers "
                f"from 0 to {classes - 1}: check the labels, or the list of class names."
            )
        for k, name in enumerate(self.class_names):
            if k not in kinds:
                raise BadTarget(
                    f"Target '{self.name}' has no training picture of its class '{name}': "
                    "add some, or leave the class out."
                )

    def draw(self, n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """A random training set: n pictures per class (n pictures in all for regression) and their labels.

        Raises `BadTarget` where the pool does not hold so many.
        """
        chosen = self.choose(n, seed)
        return self.pictures[chosen], self.labels[chosen]

    def choose(self, n: int, seed: int) -> np.ndarray:
        """Where in the pool the pictures of `draw` stand: indices, for features of the pool that are known already."""
        rng = np.random.default_rng(seed)
        groups = [np.flatnonzero(self.labels == k) for k in range(len(self.class_names))]
        groups = groups or [np.arange(len(self.labels))]
        smallest = min(map(len, groups))
        if not 1 <= n <= smallest:
            raise BadTarget(
                f"Target '{self.name}' cannot give {n} training pictures per class: choose between 1 and {smallest}."
            )
        return rng.permutation(np.concatenate([rng.choice(group, n, replace=False) for group in groups]))


def _rendered(name: str, question: str, classes: tuple[str, ...], make: Callable, seed: int, unit: str = "") -> Target:
    """Build a target from `make(labels, rng) -> pictures`, with as many pictures of each class."""
    sets = []
    for part, per_class in enumerate((POOL, TEST)):
        rng = np.random.default_rng([seed, part, 7])
        labels = np.repeat(np.arange(len(classes)), per_class)
        sets += [make(labels, rng), labels]
    return Target(name, question, *sets, class_names=classes, unit=unit)


def _unseen_shapes(seed: int, textures=shapes.SOURCE_TEXTURES, name: str = "unseen shapes") -> Target:
    def make(labels, rng):
        return shapes.render(shapes.sample_factors(len(labels), rng, shapes.UNSEEN_SHAPES, textures, shape=labels), rng)

    return _rendered(name, "Which of eight shapes that the source never saw?", shapes.UNSEEN_SHAPES, make, seed)


def _unseen_both(seed: int) -> Target:
    return _unseen_shapes(seed, shapes.UNSEEN_TEXTURES, "unseen shapes and textures")


def _bins(labels: np.ndarray, rng: np.random.Generator, bins: int, turn: float) -> np.ndarray:
    """Angles in the middle two thirds of each label's bin, so that no two classes touch."""
    return (labels + rng.uniform(1 / 6, 5 / 6, len(labels))) * turn / bins


def _stripe_orientation(seed: int) -> Target:
    bins = 6

    def make(labels, rng):
        angle = _bins(labels, rng, bins, np.pi)
        factors = shapes.sample_factors(len(labels), rng, textures=("stripes",), texture_angle=angle)
        return shapes.render(factors, rng)

    names = tuple(f"{round(180 / bins * (k + 0.5))}°" for k in range(bins))
    return _rendered("stripe orientation", "Which way do the stripes run?", names, make, seed)


def _pose(seed: int) -> Target:
    bins = 8

    def make(labels, rng):
        angle = _bins(labels, rng, bins, 2 * np.pi)
        return shapes.render(shapes.sample_factors(len(labels), rng, shapes=("heart",), angle=angle), rng)

    names = tuple(f"{round(360 / bins * (k + 0.5))}°" for k in range(bins))
    return _rendered("pose", "Which way does the heart point?", names, make, seed)


def _count(seed: int) -> Target:
    def make(labels, rng):
        n = len(labels)
        # Five places on a ring: shapes never overlap, and which places are taken says nothing else.
        places = rng.permuted(np.tile(np.arange(5), (n, 1)), axis=1) * 2 * np.pi / 5 + rng.uniform(0, 2, (n, 1))
        layers = []
        for k in range(5):
            outside = np.where(labels >= k, 0.0, 9.0)  # a shape too many is painted far out of the frame
            layers.append(
                shapes.sample_factors(
                    n,
                    rng,
                    x=0.58 * np.cos(places[:, k]) + outside,
                    y=0.58 * np.sin(places[:, k]),
                    size=rng.uniform(7, 9, n),
                    period=4.0,
                )
            )
            for name in ("colours", "shape_name", "texture_name"):
                layers[k][name] = layers[0][name]
        return shapes.render(layers, rng)

    return _rendered("count", "How many shapes are there?", tuple("12345"), make, seed)


def _size(seed: int) -> Target:
    sets = []
    for part, n in enumerate((8 * POOL, 8 * TEST)):
        rng = np.random.default_rng([seed, part, 11])
        factors = shapes.sample_factors(n, rng, size=rng.uniform(8, 28, n))
        sets += [shapes.render(factors, rng), factors["size"].astype("float32")]
    return Target("size", "How large is the shape?", *sets, unit="pixels")


def _digits(seed: int) -> Target:
    from PIL import Image
    from sklearn.datasets import load_digits

    data = load_digits()
    small = (data.images * (255 / 16)).astype("uint8")
    large = [np.asarray(Image.fromarray(picture).resize((64, 64), Image.Resampling.BICUBIC)) for picture in small]
    pictures = np.repeat(np.stack(large)[..., None], 3, axis=-1)
    order = np.random.default_rng(seed).permutation(len(pictures))
    pictures, labels = pictures[order], data.target[order].astype("int64")
    names = tuple(map(str, data.target_names))
    return Target(
        "digits", "Which handwritten digit?", pictures[:1200], labels[:1200], pictures[1200:], labels[1200:], names
    )


def _turned_digits(seed: int) -> Target:
    from PIL import Image

    digits, sets = load_target("digits", seed), []
    for part, pictures in enumerate((digits.pictures, digits.test_pictures)):
        angles = np.random.default_rng([seed, part, 13]).uniform(-45, 45, len(pictures)).astype("float32")
        turned = [
            Image.fromarray(p).rotate(float(a), Image.Resampling.BILINEAR)
            for p, a in zip(pictures, angles, strict=True)
        ]
        sets += [np.stack([np.asarray(picture) for picture in turned]), angles]
    return Target("turned digits", "By how much is the handwritten digit turned to the left?", *sets, unit="degrees")


TARGETS: dict[str, Callable[[int], Target]] = {
    "unseen shapes": _unseen_shapes,
    "unseen shapes and textures": _unseen_both,
    "stripe orientation": _stripe_orientation,
    "pose": _pose,
    "count": _count,
    "size": _size,
    "digits": _digits,
    "turned digits": _turned_digits,
}


_built = lru_cache(maxsize=8)(lambda name, seed: TARGETS[name](seed))


def load_target(name: str | Path, seed: int = 0) -> Target:
    """A target by its name, one of `TARGETS`; `seed` renders other pictures of the same task.

    The digits are scikit-learn's copy of the UCI handwritten digits (8 x 8, enlarged to 64 x 64); there `seed`
    splits them. A path is read as a folder of pictures (`folders.folder_target`). Raises `BadTarget` where the name
    is not known.
    """
    if name in TARGETS:
        return _built(name, seed)
    if isinstance(name, Path) or "/" in name or "\\" in name or Path(name).is_dir():
        from .folders import folder_target

        return folder_target(name, seed)
    near = get_close_matches(name, TARGETS, 1)
    hint = f"did you mean '{near[0]}'?" if near else f"choose one of {', '.join(TARGETS)}, or give a folder's path."
    raise BadTarget(f"There is no target named '{name}': {hint}")


# Sample photographs that installed packages bring along, with the ImageNet class that they show ("" for none).
_PHOTOGRAPHS = {
    "cat": ("skimage", "chelsea", "Egyptian_cat"),
    "coffee": ("skimage", "coffee", "espresso"),
    "rocket": ("skimage", "rocket", "missile"),
    "admiral": ("matplotlib", "grace_hopper.jpg", "military_uniform"),
    "temple": ("sklearn", "china.jpg", ""),
    "flower": ("sklearn", "flower.jpg", ""),
    "astronaut": ("skimage", "astronaut", ""),
}


def _photograph(package: str, name: str) -> np.ndarray:
    if package == "skimage":
        from skimage import data

        return getattr(data, name)()
    if package == "sklearn":
        from sklearn.datasets import load_sample_image

        return load_sample_image(name)
    from matplotlib import cbook
    from PIL import Image

    with cbook.get_sample_data(name) as file:
        return np.asarray(Image.open(file).convert("RGB"))


def _square(picture: np.ndarray, side: int, share: float = 1.0, top: float = 0.5, left: float = 0.5) -> np.ndarray:
    """A square crop, `share` of the shorter side, resized to `side` pixels; `top` and `left` place it, 0 … 1."""
    from PIL import Image

    h, w = picture.shape[:2]
    crop = int(min(h, w) * share)
    y, x = int((h - crop) * top), int((w - crop) * left)
    return np.asarray(Image.fromarray(picture[y : y + crop, x : x + crop]).resize((side, side)))


def photographs(side: int = 224) -> tuple[np.ndarray, tuple[str, ...]]:
    """Seven real photographs, squared: uint8 (7, side, side, 3), and what each shows."""
    pictures = [_square(_photograph(package, name), side) for package, name, _ in _PHOTOGRAPHS.values()]
    return np.stack(pictures), tuple(_PHOTOGRAPHS)


def own_pictures(source, n: int, seed: int) -> tuple[np.ndarray, np.ndarray, tuple[str, ...]]:
    """Labelled pictures from a source's own world: uint8 (n, h, w, 3), class indices (n,), its class names.

    The embedded source gets freshly rendered drawings. A source with ImageNet's classes gets random crops and
    mirror images of the sample photographs whose class is known: few motifs, so read figures on them as a check,
    not as an accuracy. Raises `BadTarget` for a source of other classes: nobody has told us what it knows.
    """
    if source.name == "embedded":
        return *shapes.render_source(n, seed), source.class_names
    plain = {name.replace("_", " ").lower(): k for k, name in enumerate(source.class_names)}
    known = [
        (_photograph(package, name), plain[label.replace("_", " ").lower()])
        for package, name, label in _PHOTOGRAPHS.values()
        if label and label.replace("_", " ").lower() in plain
    ]
    if not known:
        raise BadTarget(
            f"No labelled pictures are known for source '{source.name}': "
            "use the embedded source or an ImageNet one here, or bring labelled pictures of your own."
        )
    rng = np.random.default_rng(seed)
    pictures, labels = [], []
    for k in range(n):
        photograph, label = known[k % len(known)]
        crop = _square(photograph, 224, rng.uniform(0.8, 1), rng.uniform(), rng.uniform(0.35, 0.65))
        pictures.append(crop[:, :: rng.choice((-1, 1))])
        labels.append(label)
    return np.stack(pictures), np.array(labels), source.class_names
