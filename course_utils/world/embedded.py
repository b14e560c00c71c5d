"""The embedded source: a small residual network that this project trains itself and ships.

Its source task is to name the shape and the texture of rendered drawings (12 x 4 = 48 classes,
`course_utils.world.shapes`). `course train-embedded` makes the two shipped files again.
"""

import hashlib
import json
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DamagedFile
from . import shapes

CUTS = ("stem", "b1", "b2", "b3", "b4", "b5", "b6", "logits")
BLOCKS = ((32, 2), (32, 1), (64, 2), (64, 1), (96, 2), (128, 1))  # width and stride of b1 … b6
DATA = files("course_utils") / "data"
WEIGHTS, CARD = "embedded.npz", "embedded.json"


def build(l2: float = 0.0, seed: int | None = None, side: int = shapes.SIZE, blocks=BLOCKS, classes: int = 48):
    """The untrained network as a Keras model: pictures (n, 64, 64, 3) scaled to -1 … 1, to 48 probabilities.

    A 7 x 7 stem with stride 2, six residual blocks after He et al. 2016 (two 3 x 3 convolutions with
    BatchNorm and a shortcut), global average pooling and one dense layer: 595,544 parameters. Every
    cut of `CUTS` is a layer's name; `<cut>_add` (`stem_bn` at the stem) holds its values before the ReLU.
    `l2` is the weight decay on the kernels, for training. `seed` fixes the initial weights. `side`, `blocks` and
    `classes` make a smaller one.
    """
    import keras
    from keras import layers

    seeds = keras.random.SeedGenerator(seed) if seed is not None else None
    decay = keras.regularizers.L2(l2) if l2 else None

    def next_seed():
        return None if seeds is None else int(np.asarray(seeds.next())[0])

    def start(scale=2.0):
        return keras.initializers.VarianceScaling(scale, "fan_in", "truncated_normal", seed=next_seed())

    def conv(x, name, width, size, stride=1, scale=2.0):
        x = layers.Conv2D(
            width,
            size,
            strides=stride,
            padding="same",
            use_bias=False,
            kernel_initializer=start(scale),
            kernel_regularizer=decay,
            name=name,
        )(x)
        return layers.BatchNormalization(name=name.replace("conv", "bn"))(x)

    inputs = keras.Input((side, side, 3), name="picture")
    # A small start lets weight decay win over the initial noise: the trained filters come out smooth.
    x = conv(inputs, "stem_conv", 24, 7, stride=2, scale=2 * 0.15**2)
    x = layers.ReLU(name="stem")(x)
    for number, (width, stride) in enumerate(blocks, 1):
        name = f"b{number}"
        y = conv(x, f"{name}_conv1", width, 3, stride)
        y = layers.ReLU(name=f"{name}_relu1")(y)
        y = conv(y, f"{name}_conv2", width, 3)
        if stride > 1 or x.shape[-1] != width:
            x = conv(x, f"{name}_shortcut_conv", width, 1, stride)
        x = layers.ReLU(name=name)(layers.Add(name=f"{name}_add")([x, y]))
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    begin = keras.initializers.GlorotUniform(next_seed())
    x = layers.Dense(classes, kernel_initializer=begin, name="logits")(x)
    return keras.Model(inputs, layers.Softmax(name="predictions")(x), name="drawings")


def preprocess(pictures: Any) -> Any:
    """Scale pictures from 0 … 255 to -1 … 1, float32, as the network was trained; as a layer of a model, too."""
    x = np.asarray(pictures, "float32") if isinstance(pictures, np.ndarray) else pictures
    return x / 127.5 - 1.0


def load_weights(model, weights: Path | None = None, card: Path | None = None) -> None:
    """Load the shipped weights into a network made by `build`.

    Raises `DamagedFile` where a file is not there, or where the weights' SHA-256 is not the one on their card.
    """
    weights, card = weights or DATA / WEIGHTS, card or DATA / CARD
    advice = "install the course again, or make the weights anew with `course train-embedded`."
    for file in (weights, card):
        if not file.is_file():
            raise DamagedFile(f"The embedded source's weights are missing ({file.name}): {advice}")
    try:
        wanted = read_card(card)["sha256"]
    except (ValueError, KeyError, TypeError):
        raise DamagedFile(f"The card of the embedded source's weights is damaged ({card.name}): {advice}") from None
    if hashlib.sha256(weights.read_bytes()).hexdigest() != wanted:
        raise DamagedFile(f"The embedded source's weights were altered or cut short ({weights.name}): {advice}")
    with np.load(weights) as stored:
        for variable in model.variables:
            name = "/".join(variable.path.split("/")[-2:])  # after a call that failed, Keras may put more before it
            variable.assign(stored[name].astype("float32"))


def read_card(card: Path | None = None) -> dict:
    """What is known of the shipped weights: how they were trained, their accuracy, their SHA-256."""
    return json.loads((card or DATA / CARD).read_text("utf-8"))
