"""Training with Keras: one progress bar, random batches, learning rates per layer, gradient norms."""

import re

import numpy as np

from .errors import BadPictures, BadTarget, CourseError, UnknownCut
from .progress import bar
from .transfer import earlier, named_layers, named_weights


def progress_callback(label: str = "training"):
    """A Keras callback that shows one bar over all steps of a `fit(..., verbose=0)`."""
    import keras

    class Progress(keras.callbacks.Callback):
        def on_train_begin(self, logs=None):
            self.bar = bar(total=self.params["epochs"] * (self.params["steps"] or 1), label=label)

        def on_train_batch_end(self, batch, logs=None):
            self.bar.update(1)

        def on_train_end(self, logs=None):
            self.bar.close()

    return Progress()


def batches(pictures, labels, prepare, size: int, steps: int, seed: int):
    """A Keras data set of `steps` random batches of `size` pictures.

    `prepare` turns uint8 pictures into the model's input (a source's `preprocess`). Each batch is drawn anew; so is
    each epoch of one `fit`.
    """
    import keras

    class Batches(keras.utils.PyDataset):
        done = 0  # steps of the epochs before

        def __len__(self):
            return steps

        def on_epoch_end(self):
            self.done += steps

        def __getitem__(self, step):
            rng = np.random.default_rng([seed, self.done + step])
            chosen = rng.choice(len(pictures), size, replace=len(pictures) < size)
            return prepare(pictures[chosen]), labels[chosen]

    return Batches()


def train_head(model, x: np.ndarray, y: np.ndarray, steps: int, seed: int) -> None:
    """Train the layer "head" of a model made by `add_head` on the frozen prefix's features, computed once.

    Adam at 1e-2 on random batches of 32; `x` are the model's own inputs, `y` class indices. Raises `BadTarget` for
    other labels, `BadPictures` for other inputs, and `UnknownCut` where there is no such layer.
    """
    import keras

    _check_classes(model, x, y)
    if "head" not in (layer.name for layer in model.layers):
        raise UnknownCut(f"The model {model.name} has no layer 'head' to train: put one on it with add_head.")
    head = model.get_layer("head")
    known = keras.Model(model.input, head.input).predict(x, verbose=0)
    alone = keras.Sequential([keras.Input(known.shape[1:]), head])
    alone.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
    alone.fit(batches(known, y, lambda features: features, 32, steps, seed), verbose=0)


def layer_rates(model, rates: dict[str, float], optimizer=None):
    """An optimizer with a learning rate of its own for each group of layers (discriminative learning rates).

    `rates` maps a regular expression, searched for in each trainable variable's path, to a learning rate; the first
    that fits counts. `optimizer` makes the inner optimizers from a rate; the default is Adam. Built on
    `keras.optimizers.MultiOptimizer`, and of nothing but Keras's own, so that a checkpoint with it loads anywhere and
    goes on; the idea is Howard & Ruder's (2018). Scaling the gradients instead would do nothing under Adam, which
    divides the scale out again. What is unfrozen later and fits none does not train. Raises `CourseError` where a
    pattern is no regular expression, or a trainable variable fits none.
    """
    import keras

    fits, before = {}, ""  # Keras wants patterns that fit whole paths, each path one alone
    for pattern in rates:
        fits[pattern] = f"{before}.*(?:{pattern}).*"
        before += f"(?!.*(?:{pattern}))"
        try:
            re.compile(fits[pattern])
        except re.error as problem:
            raise CourseError(f"'{pattern}' is no regular expression without flags ({problem.msg}): mend it.") from None
    for variable in model.trainable_variables:
        if not any(re.fullmatch(fit, variable.path) for fit in fits.values()):
            raise CourseError(
                f"No learning rate is given for '{variable.path}': add a pattern that fits it, or freeze its layer."
            )
    make = optimizer or keras.optimizers.Adam
    groups = {fits[pattern]: make(rate) for pattern, rate in rates.items()}
    return keras.optimizers.MultiOptimizer(keras.optimizers.OptimizerMap(make(0.0), groups))


def gradient_norms(model, x: np.ndarray, y: np.ndarray, loss=None) -> dict[str, float]:
    """Norm of the loss's gradient for each trainable layer, on one batch, in inference mode; nothing is changed.

    Layers are named as by `transfer.named_layers`: those of models within the model count one by one.

    `x` is the model's own input, `y` the labels; `loss` defaults to sparse categorical cross-entropy on probabilities,
    for which `BadTarget` is raised where they are no class indices.
    """
    import keras
    import tensorflow as tf

    if loss is None:
        _check_classes(model, x, y)
    loss = loss or keras.losses.SparseCategoricalCrossentropy()
    layers = {name: layer for name, layer in named_layers(model).items() if layer.trainable_variables}
    with tf.GradientTape() as tape:
        value = loss(y, model(x, training=False))
    gradients = tape.gradient(value, [[v.value for v in one.trainable_variables] for one in layers.values()])
    return {name: float(tf.linalg.global_norm(one)) for name, one in zip(layers, gradients, strict=True)}


def _check_classes(model, x: np.ndarray, y: np.ndarray) -> None:
    """Raise `BadTarget` where the labels `y` are no class indices of the model's, `BadPictures` for other inputs."""
    y, outputs = np.asarray(y), model.outputs[0].shape[-1]
    if outputs == 1:
        raise BadTarget(
            f"The model {model.name} has one output, a value, and this is for classes: compile it with a loss for "
            "values, such as 'mse', and train it with fit."
        )
    whole = y.ndim == 1 and y.dtype.kind in "biuf" and not np.any((y < 0) | (y >= outputs) | (y % 1 != 0))
    if not whole:
        raise BadTarget(
            f"The labels must be class indices from 0 to {outputs - 1}, one for each picture, as {model.name} "
            f"has {outputs} outputs, and these have shape {y.shape} and type {y.dtype}: give the place of each class."
        )
    wanted, given = tuple(model.inputs[0].shape[1:]), np.shape(x)[1:]
    if len(wanted) != len(given) or any(side not in (None, own) for side, own in zip(wanted, given, strict=True)):
        raise BadPictures(
            f"The model {model.name} takes inputs of shape {wanted}, and these are {given}: give what the source's "
            "preprocess makes of the pictures."
        )


def accuracy(model, x: np.ndarray, labels: np.ndarray) -> float:
    """The share of examples, 0 … 1, whose class index in `labels` (n,) the model gives the largest value.

    `x` is the model's own input. Raises `BadTarget` where the model has one output, and so no classes.
    """
    _check_classes(model, x, np.zeros(len(x)))
    return float(np.mean(model.predict(x, batch_size=256, verbose=0).argmax(axis=-1) == labels))


def drift(model, before: dict[str, np.ndarray], blocks: dict[str, str]) -> dict[str, float]:
    """How far each block of layers has moved since `transfer.snapshot`: norm of the change over norm of the weights.

    `blocks` maps names of `transfer.named_layers` to blocks; layers without one are passed over. NaN where training
    diverged.
    """
    change: dict[str, float] = dict.fromkeys(blocks.values(), 0.0)
    size = dict(change)
    owner = {id(weight): name for name, layer in named_layers(model).items() for weight in layer.weights}
    for name, weight in named_weights(model).items():  # whose path names the innermost layer, as "query" in attention
        block = blocks.get(owner.get(id(weight)))
        if block is not None:
            then = earlier(before, name)
            change[block] += float(np.sum((np.asarray(weight) - then) ** 2))
            size[block] += float(np.sum(then**2))
    return {block: (change[block] / size[block]) ** 0.5 if size[block] else 0.0 for block in change}
