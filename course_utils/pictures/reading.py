"""One picture file as an array."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..errors import BadPictures

ENDINGS = (".jpg", ".jpeg", ".jfif", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff")
MOST_MEGAPIXELS = 250.0  # of a picture that has to be decoded in full: 750 MB


def megapixels(file: Path) -> float:
    """The size of a picture as its file tells it, in millions of pixels; 0 where it tells nothing."""
    from PIL import Image

    try:
        with _without_limit(), Image.open(file) as image:
            return image.width * image.height / 1e6
    except Exception:  # nothing that is a picture
        return 0.0


@contextmanager
def _without_limit() -> Iterator[None]:
    """Pillow refuses large pictures before anybody can say how much of them is to be decoded."""
    from PIL import Image

    usual, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own remarks on odd metadata
            yield
    finally:
        Image.MAX_IMAGE_PIXELS = usual


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
        with _without_limit(), Image.open(file) as image:
            image.draft(None, (2 * side, 2 * side))  # a large photograph is decoded at a fraction of its size
            if image.width * image.height > 1e6 * MOST_MEGAPIXELS:
                raise BadPictures(
                    f"{file} has {megapixels(file):.0f} megapixels, more than can be read safely: save it smaller."
                )
            image = ImageOps.exif_transpose(image)
            if image.mode.startswith("I"):  # 16 bits: Pillow's convert would cut them off at 255
                image = Image.fromarray(np.round(np.asarray(image, "float32") / 257).clip(0, 255).astype("uint8"))
            if image.has_transparency_data:
                image = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            return np.asarray(ImageOps.fit(image.convert("RGB"), (side, side), Image.Resampling.BICUBIC))
    except (MemoryError, BadPictures):
        raise
    except Exception:  # on a damaged file, Pillow raises nearly every class there is
        raise BadPictures(f"{file} is damaged or no picture: open it in a viewer, and save it again.") from None
