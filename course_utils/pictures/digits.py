"""scikit-learn's copy of the UCI handwritten digits, upright and turned."""

import numpy as np

from .labelled import Target


def digits(seed: int) -> Target:
    """Ten classes, 8 x 8 pixels enlarged to 64 x 64; `seed` splits them into 1,200 to draw from and 597 to test on."""
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


def turned_digits(seed: int) -> Target:
    """The digits turned by angles from −45 to 45 degrees, which are to be told: a regression."""
    from PIL import Image

    upright, sets = digits(seed), []
    for part, pictures in enumerate((upright.pictures, upright.test_pictures)):
        angles = np.random.default_rng([seed, part, 13]).uniform(-45, 45, len(pictures)).astype("float32")
        turned = [
            Image.fromarray(p).rotate(float(a), Image.Resampling.BILINEAR)
            for p, a in zip(pictures, angles, strict=True)
        ]
        sets += [np.stack([np.asarray(picture) for picture in turned]), angles]
    return Target("turned digits", "By how much is the handwritten digit turned to the left?", *sets, unit="degrees")
