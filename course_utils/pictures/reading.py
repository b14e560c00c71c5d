"""One picture file as an array."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ..errors import BadPictures

ENDINGS = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".jp2", ".png", ".bmp", ".gif", ".webp", ".avif", ".tif", ".tiff"),
    *(".ppm", ".pgm", ".pbm", ".pnm", ".tga"),
)
MOST_MEGAPIXELS = 250.0  # of a picture that has to be decoded in full: 750 MB


def fault(file: Path) -> tuple[str, str]:
    """Why a file that cannot be read cannot: what such files are, in the plural, and what to do about them, if any."""
    from PIL import Image

    if not file.exists():
        return "Links that lead nowhere", ""
    try:
        with file.open("rb") as content:
            if content.read(40).startswith(b"version https://git-lfs"):
                return "Notes of Git LFS in the place of pictures", "; fetch these with git lfs pull"
        with _without_limit(), Image.open(file) as image:
            if _megapixels(image) > MOST_MEGAPIXELS:
                return f"Pictures of more than {MOST_MEGAPIXELS:.0f} megapixels", "; save them smaller"
            if _without_white(image):
                return "Pictures of numbers of which none is known to be white", "; save them with 8 or 16 bits"
    except PermissionError:
        return "Files that may not be read", "; get the right to read them"
    except Exception:  # nothing that is a picture
        pass
    return "Damaged files", ""


def _megapixels(image) -> float:
    return image.width * image.height / 1e6


def _without_white(image) -> bool:
    """Whether its numbers may mean anything: floating-point ones, or 32 bits, which Pillow brings to 16 from these."""
    return image.mode == "F" or (image.mode == "I" and image.format not in ("PNG", "PPM"))


@contextmanager
def _without_limit() -> Iterator[None]:
    """Pillow refuses large pictures before anybody can say how much is to be decoded, and pictures with long notes."""
    from PIL import Image, PngImagePlugin

    usual, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
    short, PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_CHUNK, PngImagePlugin.MAX_TEXT_MEMORY
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow's own remarks on odd metadata
            yield
    finally:
        Image.MAX_IMAGE_PIXELS, PngImagePlugin.MAX_TEXT_CHUNK = usual, short


def read_picture(file: str | Path, side: int) -> np.ndarray:
    """One picture file as uint8 (side, side, 3), RGB: the largest square in its middle, resized (antialiased).

    The square keeps the proportions of things, as the networks of the zoo saw them; what stands at the two ends of a
    long picture is lost. Turned as the camera was held; transparent parts on white; of an animation the first
    picture; 16 bits brought to 8. Raises `BadPictures` where the file is not there, damaged or too large, and where
    nobody knows which of its numbers is white.
    """
    from PIL import Image, ImageOps

    file = Path(file).expanduser()
    if not file.is_file():
        raise BadPictures(f"{file} is not there, or is no file: give the path of one picture.")
    try:
        with _without_limit(), Image.open(file) as image:
            image.draft(None, (2 * side, 2 * side))  # a large photograph is decoded at a fraction of its size
            if _megapixels(image) > MOST_MEGAPIXELS:
                raise BadPictures(
                    f"{file} has {_megapixels(image):.0f} megapixels, more than can be read safely: save it smaller."
                )
            if _without_white(image):
                raise BadPictures(
                    f"{file} holds numbers of which none is known to be white: save it with 8 or 16 bits."
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
