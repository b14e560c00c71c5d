"""EfficientNet-Lite, written out in plain Keras: a stem, blocks in seven stages, a top, a classifier.

It is EfficientNet (Tan & Le 2019, "EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks") without
what slows phones down: no squeeze-and-excitation, and ReLU6 in place of swish (Google, "EfficientNet-Lite", 2020).
A block (MobileNetV2's inverted residual, Sandler et al. 2018) widens its input, looks around in each channel by itself,
and narrows again; where input and output have one shape, its input is added.
"""

import math
from typing import Any

# For each stage: how much wider within a block, channels, side of the kernel, stride of its first block, blocks.
STAGES = (
    (1, 16, 3, 1, 1),
    (6, 24, 3, 2, 2),
    (6, 40, 5, 2, 2),
    (6, 80, 3, 2, 3),
    (6, 112, 5, 1, 3),
    (6, 192, 5, 2, 4),
    (6, 320, 3, 1, 1),
)
STEM, TOP = 32, 1280  # channels, whatever the width
CLASSES = 1000


def scale(pictures: Any) -> Any:
    """Pictures 0 … 255 as the network wants them, about -1 … 1: (x - 127) / 128."""
    return (pictures - 127) / 128


def lite_network(name: str, width: float, depth: float, size: tuple[int, int], classifier: bool = True):
    """The untrained network, a functional Keras model from `(height, width, 3)` to 1,000 probabilities.

    `width` multiplies the channels, `depth` the blocks of a stage. Its cuts are the layers "stem", "b0", "b1", …,
    "top", the outputs of the blocks. Without its `classifier`, it ends at the top: `(h / 32, w / 32, 1280)`.
    """
    import keras
    from keras import layers

    inputs = keras.Input((*size, 3))
    x = _convolution(inputs, "stem", STEM, 3, 2)
    block = 0
    for stage, (wider, channels, kernel, stride, blocks) in enumerate(STAGES):
        inner = 0 < stage < len(STAGES) - 1  # the first stage and the last are as deep in every size
        for k in range(math.ceil(blocks * depth) if inner else blocks):
            x = _block(x, f"b{block}", wider, _rounded(channels * width), kernel, stride if k == 0 else 1)
            block += 1
    x = _convolution(x, "top", TOP, 1, 1)
    if classifier:
        x = layers.GlobalAveragePooling2D(name="pool")(x)
        x = layers.Dense(CLASSES, activation="softmax", name="classifier")(x)
    return keras.Model(inputs, x, name=name)


def cuts(model) -> tuple[str, ...]:
    """The names of the outputs of its blocks, from input to output."""
    blocks = [layer.name for layer in model.layers if layer.name[0] == "b" and layer.name[1:].isdigit()]
    return ("stem", *sorted(blocks, key=lambda name: int(name[1:])), "top")


def _convolution(x, name: str, channels: int, kernel: int, stride: int):
    """A convolution, normalised and cut off at 0 and 6."""
    from keras import layers

    x = layers.Conv2D(channels, kernel, stride, padding="same", use_bias=False, name=f"{name}_conv")(x)
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_bn")(x)
    return layers.ReLU(6, name=name)(x)


def _block(x, name: str, wider: int, channels: int, kernel: int, stride: int):
    """Widen, look around in each channel, narrow; add the input where its shape is the same. The output is `name`."""
    from keras import layers

    before = x
    if wider > 1:
        x = _convolution(x, f"{name}_expand", wider * x.shape[-1], 1, 1)
    x = layers.DepthwiseConv2D(kernel, stride, padding="same", use_bias=False, name=f"{name}_depthwise")(x)
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_depthwise_bn")(x)
    x = layers.ReLU(6, name=f"{name}_depthwise_relu")(x)
    x = layers.Conv2D(channels, 1, use_bias=False, name=f"{name}_project")(x)
    adds = before.shape == x.shape
    x = layers.BatchNormalization(epsilon=1e-3, name=f"{name}_project_bn" if adds else name)(x)
    return layers.Add(name=name)([before, x]) if adds else x


def _rounded(channels: float) -> int:
    """Channels to a multiple of 8, and not much fewer than asked for."""
    near = max(8, int(channels + 4) // 8 * 8)
    return near + 8 if near < 0.9 * channels else near
