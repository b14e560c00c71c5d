"""Sample photographs that installed packages bring along."""

import numpy as np

# By name: the package, the file in it, and the ImageNet class that it shows ("" for none).
_PHOTOGRAPHS = {
    "cat": ("skimage", "chelsea", "Egyptian_cat"),
    "coffee": ("skimage", "coffee", "espresso"),
    "rocket": ("skimage", "rocket", "missile"),
    "admiral": ("matplotlib", "grace_hopper.jpg", "military_uniform"),
    "temple": ("sklearn", "china.jpg", ""),
    "flower": ("sklearn", "flower.jpg", ""),
    "astronaut": ("skimage", "astronaut", ""),
}

_MORE = (  # pictures of scikit-image that add textures, round things and letters to these
    "stereo_motorcycle",
    "hubble_deep_field",
    "immunohistochemistry",
    "brick",
    "grass",
    "gravel",
    "coins",
    "moon",
    "camera",
    "colorwheel",
    "logo",
    "page",
)


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


def pieces(n: int, side: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Square pieces of the photographs and of twelve more pictures of scikit-image, whole and by chance.

    uint8 (n, side, side, 3), and which picture each is a piece of, (n,). The first are whole, then come pieces of 0.3
    to 1 of the shorter side at places drawn with `seed`.
    """
    from skimage import data

    wholes = [_photograph(package, name) for package, name, _ in _PHOTOGRAPHS.values()]
    wholes += [_in_colour(getattr(data, name)()) for name in _MORE]
    rng = np.random.default_rng(seed)
    origins = np.arange(n) % len(wholes)
    cut = [_square(wholes[k], side) for k in origins[: len(wholes)]]
    cut += [_square(wholes[k], side, rng.uniform(0.3, 1), *rng.uniform(size=2)) for k in origins[len(wholes) :]]
    return np.stack(cut), origins


def _in_colour(picture) -> np.ndarray:
    if isinstance(picture, tuple):  # two eyes of one scene, and how far it is
        picture = picture[0]
    return picture[..., :3] if picture.ndim == 3 else np.repeat(picture[..., None], 3, -1)


def shown_class(name: str) -> str:
    """The ImageNet class that one of the photographs shows, "" where it shows none or the name is no photograph's."""
    return _PHOTOGRAPHS.get(name, ("", "", ""))[2]


def labelled_crops(class_names: tuple[str, ...], n: int, seed: int) -> tuple[np.ndarray, np.ndarray] | None:
    """Random crops and mirror images of the photographs that show one of these classes, None where none does.

    Pictures uint8 (n, 224, 224, 3), class indices (n,).
    """
    places = {_spoken(name): k for k, name in enumerate(class_names)}
    known = []
    for package, name, label in _PHOTOGRAPHS.values():
        if label and _spoken(label) in places:
            known.append((_photograph(package, name), places[_spoken(label)]))
    if not known:
        return None
    rng = np.random.default_rng(seed)
    pictures, labels = [], []
    for k in range(n):
        photograph, label = known[k % len(known)]
        crop = _square(photograph, 224, rng.uniform(0.8, 1), rng.uniform(), rng.uniform(0.35, 0.65))
        pictures.append(crop[:, :: rng.choice((-1, 1))])
        labels.append(label)
    return np.stack(pictures), np.array(labels)


def _spoken(label: str) -> str:
    return label.replace("_", " ").lower()
