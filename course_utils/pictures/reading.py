"""One picture file as an array."""

import warnings
from pathlib import Path

import numpy as np

from ..errors import BadPictures

ENDINGS = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp")


def read_picture(file: str | Path, side: int) -> np.ndarray:
    """One picture file as uint8 (side, side, 3), RGB: the largest square in its middle, resized (antialiased).

    The square keeps the proportions of things, as the networks of the zoo saw them; what stands at the two ends of a
    long picture is lost. Turned as the camera was held; transparent parts on white; of an animation the first
    picture; 16 bits brought to 8. Raises `BadPictures` where the file is not there or damaged.
    """
    from PIL import Image, ImageOps

    file = Path(file).expanduser()
    if not file.is_file():
        raise BadPictures(f"{file} is not there, or is no file: give the path of one picture.")
    try:
        with warnings.catch_warnings(), Image.open(file) as image:
            warnings.simplefilter("ignore")  # Pillow's own remarks on odd metadata and on large pictures
            image.draft(None, (2 * side, 2 * side))  # a large photograph is decoded at a fraction of its size
            image = ImageOps.exif_transpose(image)
            if image.mode.startswith("I"):  # 16 bits: Pillow's convert would cut them off at 255
                image = Image.fromarray(np.round(np.asarray(image, "float32") / 257).clip(0, 255).astype("uint8"))
            if image.has_transparency_data:
                image = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            return np.asarray(ImageOps.fit(image.convert("RGB"), (side, side), Image.Resampling.BICUBIC))
    except MemoryError:
        raise
    except Exception:  # on a damaged file, Pillow raises nearly every class there is
        raise BadPictures(f"{file} is damaged or no picture: open it in a viewer, and save it again.") from None
