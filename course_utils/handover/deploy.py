"""A finished model as one file: it takes raw pictures, so that nobody can feed it wrongly scaled ones."""

from functools import partial

import numpy as np

from ..errors import UnknownPreprocessing, UnsuitableModel
from ..models.cuts import free_name
from ..sources import Source


def deployable(source: Source, model):
    """`model` with the source's preprocessing as its first layers: raw RGB pictures in, the model's answers out.

    `model` takes what `source.preprocess` gives, float32 `(n, *input_size, 3)`, as models made by
    `transfer.take_prefix` and `add_head` do. The Keras model returned takes the pictures as they are, uint8 or
    float 0 … 255 of the same size, and holds nothing but Keras's own layers, so that its `.keras` file loads
    anywhere. It shares the layers of `model`: save it when the training is done.

    Every scaling in `keras.applications` is an affine map of the three colours (caffe mode exchanges red and blue).
    So it is measured on a black and three pure pictures, put in as a frozen 1 x 1 convolution named "preprocess",
    and compared with `source.preprocess` on random pictures. Raises `UnknownPreprocessing` where the two differ,
    `UnsuitableModel` where `model` takes other inputs.
    """
    import keras
    from keras import layers

    sides = zip(model.input_shape[1:], (*source.input_size, 3), strict=False)
    if len(model.input_shape) != 4 or any(side not in (None, own) for side, own in sides):  # None: of any size
        wanted = "x".join(map(str, (*source.input_size, 3)))
        given = "x".join(map(str, model.input_shape[1:]))
        raise UnsuitableModel(
            f"The model takes inputs of {given} and not the {wanted} that source '{source.name}' prepares: give the "
            "whole model, prefix and head, with the source whose prefix it has."
        )
    black, colours = _affine(source)
    free = partial(free_name, model)  # a source may have been made by this very function
    pictures = keras.Input((*source.input_size, 3), name=free("pictures"))
    x = layers.Rescaling(1 / 255, dtype="float32", name=free("to_0_1"))(pictures)  # also says: this takes 0 … 255
    preprocess = layers.Conv2D(3, 1, trainable=False, dtype="float32", name=free("preprocess"))
    x = preprocess(x)
    preprocess.set_weights([colours[None, None], black])
    x = keras.tree.pack_sequence_as(model.input, [x])  # a model from a file may want its one input in a list
    return keras.Model(pictures, model.call(x), name=f"{model.name}_from_pictures")


def _affine(source: Source) -> tuple[np.ndarray, np.ndarray]:
    """What the source's preprocessing makes of black, (3,), and what each pure colour adds to it, (3 in, 3 out)."""
    pure = np.zeros((4, *source.input_size, 3), "uint8")
    pure[(1, 2, 3), ..., (0, 1, 2)] = 255
    rng = np.random.default_rng(0)
    mixed = [rng.integers(0, top, (1, *source.input_size, 3)) for top in (256, 128, 64, 32)]  # bright and dark ones
    with np.errstate(all="ignore"):  # a scaling by the picture's own contrast divides by zero here
        black, *full = (source.preprocess(picture[None]) for picture in pure)
        colours = np.stack([picture[0, 0, 0] - black[0, 0, 0] for picture in full])
        black = black[0, 0, 0]
        for picture in mixed:
            wanted = source.preprocess(picture.astype("uint8"))
            if wanted.shape != picture.shape or not np.allclose(
                (picture / 255) @ colours + black, wanted, 1e-5, 1e-5 * np.abs(wanted).max()
            ):
                raise UnknownPreprocessing(
                    f"The preprocessing of source '{source.name}' is no fixed mixture of a pixel's three colours, so "
                    "it cannot become a layer: build it into the model with Keras layers, or call source.preprocess "
                    "each time."
                )
    return black, colours
