"""Lesson 03, inside the network: its exercises."""

import numpy as np

from ..lesson import Exercise, exercise
from ..marking import close, require
from ..pictures.labelled import Target
from ..sources import Source
from ..targets import load_target
from ..transfer import every_layer
from .judged_models import require_untouched, state_of

BAR = 80.0  # per cent right, of the exercise on stripes


def convolution_and_norm(seed: int):
    """A 3 x 3 convolution from 3 to 4 channels without bias and the BatchNormalization behind it, as if trained."""
    import keras

    rng = np.random.default_rng([seed, 41])
    conv = keras.layers.Conv2D(4, 3, use_bias=False)
    norm = keras.layers.BatchNormalization(epsilon=0.01)
    conv.build((None, None, None, 3)), norm.build((None, None, None, 4))
    conv.set_weights([rng.normal(size=(3, 3, 3, 4))])
    ranges = ((0.5, 2.0), (-1.0, 1.0), (-1.0, 1.0), (0.02, 0.3))  # gamma, beta, mean, variance
    norm.set_weights([rng.uniform(low, high, 4) for low, high in ranges])
    one_layer.asked = conv, norm
    return conv, norm


@exercise(
    "One convolution in place of the two layers.",
    "BatchNorm multiplies each channel by one number and adds another. Write both down for channel c.",
    "kernel * factor, with factor = gamma / sqrt(variance + epsilon); the bias is beta - mean * factor.",
)
def one_layer(answer) -> str:
    """A Conv2D layer that does what `convolution_and_norm`'s two layers do when they are used."""
    import keras

    require(isinstance(answer, keras.layers.Conv2D), f"A keras Conv2D layer is asked for, not {type(answer).__name__}.")
    conv, norm = one_layer.asked
    pictures = np.random.default_rng(43).normal(size=(2, 8, 8, 3)).astype("float32")
    wanted = np.asarray(norm(conv(pictures), training=False))
    given = np.asarray(answer(pictures))
    require(given.shape == wanted.shape, f"It gives {given.shape}, and the two layers give {wanted.shape}.")
    gamma, beta, mean, variance = norm.get_weights()
    plain = np.asarray(conv(pictures))

    def folded(factor, bias):
        return close(given, plain * factor + bias, 1e-3)

    factor = gamma / np.sqrt(variance + norm.epsilon)
    require(not folded(factor, 0), "The kernel is right, and the bias is missing.")
    require(not folded(factor, beta), "The kernel is right; the bias forgets that the mean is taken off first.")
    require(not folded(factor, beta - mean), "The kernel is right; the mean is multiplied by the factor, too.")
    forgot = gamma / np.sqrt(variance)
    require(not folded(forgot, beta - mean * forgot), "Almost: you forgot epsilon under the root.")
    rootless = gamma / (variance + norm.epsilon)
    require(not folded(rootless, beta - mean * rootless), "You divided by the variance: BatchNorm divides by its root.")
    require(not folded(1, 0), "That is the convolution alone: BatchNorm has not gone in yet.")
    off = np.abs(given - wanted).max()
    require(close(given, wanted, 1e-3), f"It is off by {off:.2g} at most, and 0.001 is allowed.")
    return f"It is off by {off:.0e} at most, and one layer less has to be computed."


@exercise(
    "A network that sees at least 31 pixels with four small convolutions.",
    "Four convolutions of stride 1 see 3 + 2 + 2 + 2 = 9 pixels. What does a stride of 2 do to all layers after it?",
    "After a stride of 2, each step of a later layer is two pixels wide: 3, then 3 + 2 * 2, and so on.",
)
def wide_view(model) -> str:
    """A Keras model of at most four Conv2D with kernels of 3 x 3, whose units see 31 pixels or more."""
    import keras
    import tensorflow as tf

    require(isinstance(model, keras.Model), f"That is no Keras model, but {type(model).__name__}.")
    kept = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    others = [type(layer).__name__ for layer in kept if not isinstance(layer, keras.layers.Conv2D)]
    require(not others, f"Only Conv2D layers are allowed, and there is a {', '.join(others)}.")
    require(len(kept) <= 4, f"It has {len(kept)} convolutions, and four are allowed.")
    sizes = {tuple(layer.kernel_size) for layer in kept}
    require(sizes <= {(3, 3)}, f"Only kernels of 3 × 3 are allowed, and there are {sorted(sizes)}.")
    require(all(model.input_shape[1:3]), "Give the input a size: keras.Input((127, 127, 3)).")
    copy = keras.models.clone_model(model)
    for layer in copy.layers:
        layer.activation = keras.activations.linear if hasattr(layer, "activation") else None
    copy.set_weights([np.ones_like(w) for w in copy.get_weights()])  # so that nothing cancels
    x = tf.ones((1, *model.input_shape[1:]))
    with tf.GradientTape() as tape:
        tape.watch(x)
        maps = copy(x)
        middle = tf.reduce_sum(maps[0, maps.shape[1] // 2, maps.shape[2] // 2])
    seen = np.flatnonzero(tape.gradient(middle, x).numpy()[0].any((0, 2)))
    width = int(np.ptp(seen)) + 1
    require(width < model.input_shape[2] or width >= 31, f"The input is only {width} pixels wide: make it larger.")
    require(width != 1 + 2 * len(kept), f"A unit sees {width} pixels: with stride 1, each layer adds only two.")
    require(width >= 31, f"A unit sees {width} pixels, and 31 are asked for.")
    return f"A unit sees {width} pixels."


def stripes_task(source: Source, seed: int) -> tuple[Target, Exercise]:
    """A target, which way stripes run, and the exercise: a linear probe, right in `BAR` per cent of new drawings."""
    import keras

    target = load_target("stripe orientation", seed)
    state = state_of(source.model)
    linear = (keras.layers.Normalization, keras.layers.BatchNormalization)  # that have numbers of their own, too

    def judge(model) -> str:
        require(isinstance(model, keras.Model), f"That is no Keras model, but {type(model).__name__}.")
        require_untouched(model, state)
        own = [layer for layer in every_layer(model) if layer.weights and layer.name not in state]
        dense = [p for p in own if isinstance(p, keras.layers.Dense)]
        strange = [type(p).__name__ for p in own if not isinstance(p, (keras.layers.Dense, *linear))]
        require(len(dense) == 1 and not strange, "A linear probe has one Dense layer and nothing else to train.")
        require(model.output_shape[-1] == 6, f"It gives {model.output_shape[-1]} numbers, and there are 6 ways to run.")
        given = model.predict(source.preprocess(target.test_pictures[::2]), verbose=0).argmax(1)
        right = 100 * float(np.mean(given == target.test_labels[::2]))
        require(
            right > 30,
            f"It is right in {right:.0f} %, little more than guessing: is it trained, on this source's input?",
        )
        require(right >= BAR, f"It is right in {right:.0f} %, and {BAR:.0f} % are asked for: try another cut.")
        return f"It is right in {right:.0f} % of {len(given)} new drawings."

    hints = (
        "The class of a drawing says nothing of which way its stripes run. Where would you look for such a thing?",
        "Keep a part of the training pictures for validation, try a shallow, a middle and a deep cut, and compare.",
    )
    task = f"A linear probe that reads the stripes, right in {BAR:.0f} % of new drawings."
    return target, Exercise(task, hints, judge)
