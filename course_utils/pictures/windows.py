"""Windows into photographs: which of sixteen photographs is a small grey piece of, and that from pieces elsewhere?

Real photographs that installed packages bring along, so that it needs no network. It shows what features are worth on
real textures. What it cannot show: objects in other surroundings, another camera, another day, as training and test
windows are two parts of one photograph.
"""

import numpy as np

from .labelled import Target

SIDE = 128
POOL, TEST = 100, 30  # windows of each photograph to draw from, and to test on
TRAIN_PART, TEST_PART = (0.0, 0.55), (0.6, 1.0)  # which columns of a photograph, so that no window shares a pixel
SHARES = (0.12, 0.3)  # a window's side, of the shorter side of its photograph
LARGER = (0.28, 0.38)  # the same where sharpness counts: of a small one, enlarged, nothing is sharp
BLURS = (0.0, 4.0)  # pixels of the 128: standard deviation of a Gaussian

# What each is called here, and where it is found.
PHOTOGRAPHS = {
    "astronaut": "skimage",
    "brick": "skimage",
    "camera": "skimage",
    "cat": "skimage chelsea",
    "coffee": "skimage",
    "coins": "skimage",
    "galaxies": "skimage hubble_deep_field",
    "grass": "skimage",
    "gravel": "skimage",
    "moon": "skimage",
    "motorcycle": "skimage stereo_motorcycle",
    "retina": "skimage",
    "rocket": "skimage",
    "temple": "sklearn china.jpg",
    "flower": "sklearn flower.jpg",
    "tissue": "skimage immunohistochemistry",
}


def windows(seed: int) -> Target:
    """Sixteen classes, 128 x 128 pixels in grey; the left of each photograph to train on, the right to test on.

    Side and place of a window are drawn, then quarter turns, mean and contrast, so that brightness says nothing. `seed`
    draws other windows.
    """
    greys = [_grey(name, place) for name, place in PHOTOGRAPHS.items()]
    sets = []
    for number, (part, count) in enumerate(((TRAIN_PART, POOL), (TEST_PART, TEST))):
        rng = np.random.default_rng([seed, number, 17])
        pictures = [_window(grey, part, rng) for grey in greys for _ in range(count)]
        sets += [np.stack(pictures), np.repeat(np.arange(len(greys)), count)]
    question = "Which of sixteen photographs is this a piece of?"
    return Target("windows", question, *sets, class_names=tuple(PHOTOGRAPHS))


def blur(seed: int) -> Target:
    """Larger windows, blurred by 0 to 4 pixels (of 128): by how much is to be told. Otherwise made as `windows`.

    Mean and contrast are drawn after the blur, so that they do not give it away.
    """
    greys = [_grey(name, place) for name, place in PHOTOGRAPHS.items()]
    sets = []
    for number, (part, count) in enumerate(((TRAIN_PART, POOL), (TEST_PART, TEST))):
        rng = np.random.default_rng([seed, number, 19])
        radii = rng.uniform(*BLURS, count * len(greys)).astype("float32")
        pictures = [_window(greys[k // count], part, rng, LARGER, float(radius)) for k, radius in enumerate(radii)]
        sets += [np.stack(pictures), radii]
    return Target("blur", "By how much is this photograph blurred?", *sets, unit="pixels")


def whole(name: str) -> np.ndarray:
    """One of the `PHOTOGRAPHS` as a whole and upright, uint8 (h, w, 3), in grey of a middle mean and contrast."""
    return np.repeat(_levelled(_grey(name, PHOTOGRAPHS[name]), 127, 45)[..., None], 3, axis=-1)


def _levelled(grey: np.ndarray, mean: float, contrast: float) -> np.ndarray:
    """Grey values of this mean and standard deviation, uint8, as far as 0 … 255 lets them be."""
    grey = (grey - grey.mean()) / max(float(grey.std()), 0.02)  # 0.02: of a black sky, noise stays noise
    return np.clip(mean + contrast * grey, 0, 255).astype("uint8")


def _grey(name: str, place: str) -> np.ndarray:
    """A photograph in grey, float32 (h, w), 0 … 1."""
    from skimage import color, data
    from sklearn.datasets import load_sample_image

    package, _, file = place.partition(" ")
    picture = load_sample_image(file) if package == "sklearn" else getattr(data, file or name)()
    if isinstance(picture, tuple):  # two eyes of one scene, and how far it is
        picture = picture[0]
    return (color.rgb2gray(picture) if picture.ndim == 3 else picture / 255).astype("float32")


def _window(
    grey: np.ndarray, part: tuple[float, float], rng: np.random.Generator, shares=SHARES, radius: float = 0.0
) -> np.ndarray:
    from PIL import Image
    from scipy.ndimage import gaussian_filter

    height, width = grey.shape
    first, last = int(part[0] * width), int(part[1] * width)
    side = int(min(height, width) * rng.uniform(*shares))
    y, x = rng.integers(0, height - side + 1), rng.integers(first, last - side + 1)
    window = np.rot90(grey[y : y + side, x : x + side], rng.integers(4))
    if radius:
        window = gaussian_filter(window, radius * side / SIDE, mode="reflect")
    window = _levelled(window, rng.uniform(100, 155), rng.uniform(30, 60))
    large = Image.fromarray(window).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
    return np.repeat(np.asarray(large)[..., None], 3, axis=-1)
