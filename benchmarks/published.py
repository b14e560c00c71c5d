"""Two published recipes of transfer learning, written out from their hyperparameters, as published or trained on.

TensorFlow's tutorial "Transfer learning and fine-tuning" (tensorflow.org/tutorials/images/transfer_learning) and the
guide "Transfer learning & fine-tuning" of Keras (keras.io/guides/transfer_learning, with its 20 and 10
epochs). Both are for two classes and one output; here there are as many outputs
as classes. The guide's Xception gives way to the network of the comparison, whose weights are those of 224 pixels.
"""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import keras
import numpy as np
from keras import layers

from course_utils.sources import load_source

MOST_EPOCHS, PATIENCE = 300, 10  # where training goes on until the validation loss stops falling
VALIDATION = 0.2  # the share of the labelled pictures that then only tell when to stop


@dataclass(frozen=True)
class Recipe:
    """A published recipe. `unfreeze_from` is the first layer that is unfrozen, as a place among the base's layers."""

    name: str
    side: int
    rotation: float
    head: Callable[[], keras.optimizers.Optimizer]
    head_epochs: int
    unfreeze_from: int
    tuned: Callable[[], keras.optimizers.Optimizer]
    tuned_epochs: int


TUTORIAL = Recipe(
    "TensorFlow's tutorial",
    160,
    0.2,
    lambda: keras.optimizers.Adam(1e-4),
    10,
    100,
    lambda: keras.optimizers.RMSprop(1e-5),
    10,
)
GUIDE = Recipe(
    "Keras's guide", 150, 0.1, lambda: keras.optimizers.Adam(), 20, 0, lambda: keras.optimizers.Adam(1e-5), 10
)


@dataclass(frozen=True)
class Trained:
    """What came of a recipe: the model, the seconds that it took, and how many BatchNorm layers moved of how many."""

    model: keras.Model
    seconds: float
    epochs: tuple[int, int]
    drifted: int
    unfrozen: int


def _moving(layer) -> np.ndarray:
    return np.concatenate([np.asarray(layer.moving_mean), np.asarray(layer.moving_variance)])


def train(recipe: Recipe, pictures: np.ndarray, labels: np.ndarray, seed: int, until_it_stops: bool) -> Trained:
    """Follow a recipe. `pictures` are uint8 (n, h, h, 3).

    `until_it_stops` holds a fifth of the pictures back, and ends each phase 10 epochs after the epoch with the lowest
    loss on them, whose weights are kept; else the published number of epochs is trained, on all pictures.
    """
    keras.utils.set_random_seed(seed)
    begin = perf_counter()
    x = np.asarray(keras.ops.image.resize(pictures.astype("float32"), (recipe.side,) * 2, antialias=True))
    base = load_source("MobileNetV2", classifier=False, input_size=(recipe.side, recipe.side)).model
    base.trainable = False
    inputs = keras.Input((recipe.side, recipe.side, 3))
    y = layers.RandomRotation(recipe.rotation)(layers.RandomFlip("horizontal")(inputs))
    y = base(layers.Rescaling(1 / 127.5, offset=-1)(y), training=False)
    y = layers.Dropout(0.2)(layers.GlobalAveragePooling2D()(y))
    model = keras.Model(inputs, layers.Dense(int(labels.max()) + 1)(y))
    norms = [layer for layer in base.layers if isinstance(layer, layers.BatchNormalization)]
    before = [_moving(layer) for layer in norms]

    settings = {"verbose": 0, "batch_size": 32}
    if until_it_stops:
        order = np.random.default_rng(seed).permutation(len(labels))
        held = np.concatenate(
            [order[labels[order] == k][: round((labels == k).sum() * VALIDATION)] for k in set(labels)]
        )
        rest = np.setdiff1d(order, held)
        settings["validation_data"] = (x[held], labels[held])
        x, labels = x[rest], labels[rest]
    lengths = []
    for optimizer, epochs in ((recipe.head, recipe.head_epochs), (recipe.tuned, recipe.tuned_epochs)):
        if lengths:
            base.trainable = True
            for layer in base.layers[: recipe.unfreeze_from]:
                layer.trainable = False
        if until_it_stops:
            epochs = MOST_EPOCHS
            stop = keras.callbacks.EarlyStopping(patience=PATIENCE, restore_best_weights=True)
            settings["callbacks"] = [stop]
        model.compile(optimizer(), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        lengths.append(len(model.fit(x, labels, epochs=epochs, **settings).epoch))
    moved = [
        layer.trainable and not np.array_equal(_moving(layer), was) for layer, was in zip(norms, before, strict=True)
    ]
    return Trained(model, perf_counter() - begin, tuple(lengths), sum(moved), sum(layer.trainable for layer in norms))


def score(recipe: Recipe, trained: Trained, pictures: np.ndarray, labels: np.ndarray) -> float:
    """The share of pictures named rightly, 0 … 1."""
    x = keras.ops.image.resize(pictures.astype("float32"), (recipe.side,) * 2, antialias=True)
    return float((trained.model.predict(x, batch_size=50, verbose=0).argmax(1) == labels).mean())
