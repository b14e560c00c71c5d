"""Pictures as arrays: what may be given for one, and other sizes."""

import numpy as np

from ..errors import BadPictures

CHUNK = 64  # pictures that are resized or classified at a time


def checked(pictures: np.ndarray) -> np.ndarray:
    """Pictures as uint8 or float32 (n, h, w, 3), 0 … 255, or `BadPictures` with what is wrong and how to mend it."""
    try:
        pictures = np.asarray(pictures)
    except ValueError:
        raise BadPictures(
            "The pictures differ in size, so they make no single array: pass them one at a time, as picture[None]."
        ) from None
    shape, kind = pictures.shape, pictures.dtype
    if kind.kind not in "uifb":
        raise BadPictures(f"The pictures are of type {kind}: give RGB values 0 … 255 as uint8 or float32.")
    if pictures.ndim == 3 and shape[-1] == 3:
        raise BadPictures(f"One picture came without the batch axis, shape {shape}: give picture[None].")
    if pictures.ndim == 3:
        raise BadPictures(
            f"The pictures have no channel axis, shape {shape}: give (n, height, width, 3), for grey ones "
            "np.stack([pictures] * 3, axis=-1)."
        )
    if pictures.ndim != 4:
        raise BadPictures(f"Pictures must have the shape (n, height, width, 3), and these have {shape}: reshape them.")
    if pictures.size == 0:
        raise BadPictures(f"There are no pictures in this array, shape {shape}: give at least one.")
    if shape[-1] != 3:
        advice = {
            1: "repeat the grey channel with np.repeat(pictures, 3, axis=-1)",
            4: "drop the opacity with pictures[..., :3]",
        }.get(shape[-1], "give red, green and blue")
        if shape[1] == 3:
            advice = "move the channels last with np.moveaxis(pictures, 1, -1)"
        raise BadPictures(f"The last axis must hold 3 channels, and the shape is {shape}: {advice}.")
    if kind == np.uint8:
        return pictures
    if kind.kind != "f":
        raise BadPictures(
            f"The pictures are of type {kind}: give uint8, with pictures.astype('uint8') if the values are 0 … 255."
        )
    low, high = float(pictures.min()), float(pictures.max())  # NaN and infinity show in one of them
    if not np.isfinite([low, high]).all():
        raise BadPictures(
            "The pictures hold NaN or infinite values: look for where they come from, and mend them there."
        )
    if low < 0:
        raise BadPictures(
            f"The pictures go down to {low:.3g}, so they seem to be scaled already: give them as they were, 0 … 255."
        )
    if 0 < high <= 1:
        raise BadPictures(f"The pictures only go up to {high:.3g}, so they look like 0 … 1: multiply them by 255.")
    if high > 255:
        raise BadPictures(f"The pictures go up to {high:.4g}: scale them to 0 … 255.")
    return pictures.astype("float32", copy=False)


def resized(pictures: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Pictures at another size as float32: bilinear, antialiased where they shrink. A copy in any case."""
    from keras import ops

    if pictures.shape[1:3] == tuple(size):
        return pictures.astype("float32")
    out = np.empty((len(pictures), *size, 3), "float32")
    for start in range(0, len(pictures), CHUNK):
        part = pictures[start : start + CHUNK].astype("float32")
        out[start : start + CHUNK] = ops.image.resize(
            part, size, interpolation="bilinear", antialias=True, data_format="channels_last"
        )
    return out
