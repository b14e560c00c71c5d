"""Linear probes: what can be read, by a linear head, from each depth of a frozen network.

Alain & Bengio 2016, "Understanding intermediate layers using linear classifier probes".
"""

import json
from collections.abc import Callable
from functools import cache, lru_cache
from itertools import product

import numpy as np

from .models.cuts import free_name, output_of
from .models.tokens import pooled
from .pictures.arrays import checked
from .pictures.labelled import Target
from .progress import bar
from .sources import Source
from .store.cache import cached_arrays, fingerprint
from .transfer import random_prefix

BATCH = 32
Features = dict[str, np.ndarray]  # of each cut: (pictures, width)


def cut_features(source: Source, pictures: np.ndarray, cuts: tuple[str, ...] = (), grid: int = 1) -> Features:
    """Pooled features of every cut in one forward pass, kept for the next time: (n, features) for each cut.

    `pictures` are uint8 (n, h, w, 3), and are brought to the source's size and scale a batch at a time. A cut's output
    is averaged over grid x grid cells, as `models.tokens.pooled` does. Raises `UnknownCut`, `BadPictures`.
    """
    return _of_pictures(source, _at_cuts(source, tuple(cuts or source.cuts)), pictures, grid)


def random_features(source: Source, pictures: np.ndarray, seed: int, cuts: tuple[str, ...] = ()) -> Features:
    """The control to `cut_features`: the same cuts of the same architecture, with weights that nobody trained."""
    return _of_pictures(source, _untrained(source, tuple(cuts or source.cuts), seed), pictures, grid=1)


def features(model, inputs: np.ndarray, grid: int = 1) -> Features:
    """`cut_features` for any model with a dictionary of outputs; `inputs` are what the model itself takes."""
    return _kept(model, inputs, np.asarray, grid)


# A network is built and traced once, for training and test pictures: that takes as long as some hundred pictures.
@lru_cache(maxsize=4)
def _at_cuts(source: Source, cuts: tuple[str, ...]):
    import keras

    return keras.Model(source.model.input, {cut: source.prefix(cut).output for cut in cuts})


@lru_cache(maxsize=4)
def _untrained(source: Source, cuts: tuple[str, ...], seed: int):
    import keras

    untrained = random_prefix(source, max(cuts, key=source.cuts.index), seed)
    return keras.Model(untrained.input, {cut: output_of(untrained, cut) for cut in cuts})


@lru_cache(maxsize=4)
def _pooling(model, grid: int, shape: tuple[int, ...], kind: str) -> Callable:
    import keras
    import tensorflow as tf

    pools = {name: pooled(x, grid, free_name(model, f"pool_{k}")) for k, (name, x) in enumerate(model.output.items())}
    ending_in_pools = keras.Model(model.input, pools)
    of_any_number = tf.TensorSpec((None, *shape), kind)  # else the last batch, a shorter one, is traced again
    return tf.function(lambda x: ending_in_pools(x, training=False), input_signature=[of_any_number])


def _of_pictures(source: Source, model, pictures: np.ndarray, grid: int) -> Features:
    every_value = (np.arange(768) % 256).astype("uint8").reshape(1, 16, 16, 3)
    how = source.preprocess(every_value)  # tells one way of scaling from another
    return _kept(model, checked(pictures), source.scaled, grid, how)


def _kept(model, inputs: np.ndarray, prepare: Callable, grid: int, *key: np.ndarray) -> Features:
    def compute():
        import tensorflow as tf

        one = prepare(inputs[:1])
        run = _pooling(model, grid, one.shape[1:], one.dtype.name)
        parts = [
            run(tf.constant(prepare(inputs[start : start + BATCH])))
            for start in bar(range(0, len(inputs), BATCH), label="features", unit="batches")
        ]
        # A type that files can hold: with mixed_bfloat16, NumPy itself has none for it.
        return {name: np.concatenate([tf.cast(part[name], tf.float32) for part in parts]) for name in parts[0]}

    architecture = json.loads(model.to_json())["config"] | {"name": ""}  # Keras numbers the names of unnamed models
    return cached_arrays(fingerprint(architecture, grid, inputs, *key, *model.get_weights()), compute)


def raw_pixels(pictures: np.ndarray) -> np.ndarray:
    """The control without any network: 16 x 16 pixels of each picture in a row, 0 … 1, (n, 768)."""
    rows, columns = (np.linspace(0, side, 16, endpoint=False).astype(int) for side in pictures.shape[1:3])
    return pictures[:, rows][:, :, columns].reshape(len(pictures), -1) / 255.0


def linear_probe(x: np.ndarray, y: np.ndarray, test_x: np.ndarray, test_y: np.ndarray) -> float:
    """Test score of a linear head on fixed features: accuracy 0 … 1 for classes, R² for values.

    Features are standardised on the training set. Classes get a logistic regression with the L2 penalty C = 1 of
    scikit-learn: a choice among four penalties by cross-validation was up to 1.7 points worse and never better, in
    the mean over the embedded source's cuts, for each of four targets with 5, 20 and 100 pictures per class, at eight
    times the cost. Values get ridge regression, with the best of 13 penalties for leaving out one picture at a time.
    """
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    head = RidgeCV(np.logspace(-3, 3, 13)) if y.dtype.kind == "f" else LogisticRegression(max_iter=500)
    with _thread_pools().limit(
        limits=1
    ):  # matrices so small cost 16 times more processor time in two threads than in one
        return float(make_pipeline(StandardScaler(), head).fit(x, y).score(test_x, test_y))


@cache
def _thread_pools():
    """Those of the libraries that are loaded: looking for them takes a quarter of the time of a head."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def sweep(
    target: Target, pool: Features, test: Features, ns: tuple[int, ...], draws: int, seed: int = 0
) -> dict[int, np.ndarray]:
    """Test scores (per cent) of `linear_probe` at every cut, for several draws of n pictures per class: (draws, cuts).

    One array for each n of `ns`. `pool` and `test` map each cut to the features of all the target's training and test
    pictures, in its order; the training sets are those of `target.draw(n, [seed, draw])`.
    """
    scores = {n: np.empty((draws, len(pool))) for n in ns}
    with bar(total=len(ns) * draws * len(pool), label=f"probes, {target.name}", unit="heads") as done:
        for n, draw in product(ns, range(draws)):
            train = target.choose(n, [seed, draw])
            for k, (cut, x) in enumerate(pool.items()):
                score = linear_probe(x[train], target.labels[train], test[cut], target.test_labels)
                scores[n][draw, k] = 100 * score
                done.update(1)
    return scores


def interval(scores, axis: int = -1) -> tuple[np.ndarray, np.ndarray]:
    """Mean, and half the width of its 95 % confidence interval (Student's t), over repeated draws along `axis`."""
    from scipy.stats import t

    scores = np.asarray(scores, "float64")
    n = scores.shape[axis]
    mean = scores.mean(axis)
    if n < 2:
        return mean, np.full(mean.shape, np.nan)
    return mean, t.ppf(0.975, n - 1) * scores.std(axis, ddof=1) / np.sqrt(n)
