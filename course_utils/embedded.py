"""The embedded source: a small residual network that this project trains itself and ships.

Its source task is to name the shape and the texture of rendered drawings (12 x 4 = 48 classes,
`course_utils.shapes`). `course train-embedded` makes the two shipped files again.
"""

import hashlib
import json
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import numpy as np

from . import shapes
from .errors import DamagedFile

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
    return keras.Model(inputs, layers.Softmax(name="predictions")(x), name="embedded")


def preprocess(pictures: np.ndarray) -> np.ndarray:
    """Scale pictures from 0 … 255 to -1 … 1, float32, as the network was trained."""
    return np.asarray(pictures, "float32") / 127.5 - 1.0


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
            variable.assign(stored[variable.path.removeprefix("embedded/")].astype("float32"))


def read_card(card: Path | None = None) -> dict:
    """What is known of the shipped weights: how they were trained, their accuracy, their SHA-256."""
    return json.loads((card or DATA / CARD).read_text("utf-8"))


def train(
    pictures: int = 640_000,
    seed: int = 0,
    folder: Path | None = None,
    progress: Callable[[int, int, float], None] | None = None,
    batch: int = 128,
) -> dict:
    """Train the network on freshly rendered drawings, write weights and card to `folder`, return the card.

    No picture is seen twice. SGD with Nesterov momentum, one cycle of the learning rate (up to 0.15
    and back to 0 along a cosine), L2 4e-4; mirrored pictures and permuted colour channels make the network
    indifferent to colour. `progress(done, total, loss)` is called once a step. Takes about 20 minutes on 2 cores.
    """
    import keras

    keras.utils.set_random_seed(seed)
    model = build(l2=4e-4, seed=seed)
    steps = max(2, pictures // batch)
    rate = keras.optimizers.schedules.CosineDecay(
        1e-3, steps - steps // 5, warmup_target=0.15, warmup_steps=max(1, steps // 5)
    )
    model.compile(
        keras.optimizers.SGD(rate, momentum=0.9, nesterov=True), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )

    class Drawings(keras.utils.PyDataset):
        def __len__(self):
            return steps

        def __getitem__(self, step):
            rng = np.random.default_rng([seed, step])
            factors = shapes.sample_factors(batch, rng)
            x = shapes.render(factors, rng)[..., rng.permutation(3)]
            x = x[:, :: rng.choice((-1, 1)), :: rng.choice((-1, 1))]
            return preprocess(x), shapes.source_labels(factors)

    losses = []

    class Report(keras.callbacks.Callback):
        def on_train_batch_end(self, step, logs):
            losses.append(float(logs["loss"]))
            self.model.reset_metrics()  # or the next figure is an average over all steps so far
            if progress:
                progress(step + 1, steps, losses[-1])

    model.fit(Drawings(workers=1), epochs=1, shuffle=False, verbose=0, callbacks=[Report()])
    return _ship(model, Path(folder or str(DATA)), {"pictures": steps * batch, "seed": seed}, losses)


def accuracy(model, n: int, seed: int) -> float:
    """Share of n freshly rendered drawings whose class the network names rightly, 0 … 1."""
    x, labels = shapes.render_source(n, seed)
    return float(np.mean(model.predict(preprocess(x), batch_size=256, verbose=0).argmax(1) == labels))


def _ship(model, folder: Path, facts: dict, losses: list[float]) -> dict:
    stored = {v.path.removeprefix("embedded/"): np.asarray(v).astype("float16") for v in model.variables}
    for variable in model.variables:  # what is measured is what is shipped: the rounded weights
        variable.assign(stored[variable.path.removeprefix("embedded/")].astype("float32"))
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / WEIGHTS, **stored)
    card = facts | {
        "accuracy": accuracy(model, 5000, seed=1_000_003),
        "tested_on": 5000,
        "loss_first": losses[0],
        "loss_last": float(np.mean(losses[-20:])),
        "sha256": hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest(),
    }
    (folder / CARD).write_text(json.dumps(card, indent=1) + "\n", "utf-8")
    return card
