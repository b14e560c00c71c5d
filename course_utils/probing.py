"""Linear probes: what can be read, by a linear head, from each depth of a frozen network.

Alain & Bengio 2016, "Understanding intermediate layers using linear classifier probes".
"""

import json

import numpy as np

from .cache import cached_arrays, fingerprint
from .progress import bar
from .sources import Source
from .targets import Target

BATCH = 32
Features = dict[str, np.ndarray]  # of each cut: (pictures, width)
_WORTH_WORKERS = 60  # probes; starting processes for fewer takes longer than they save


def cut_features(
    source: Source, pictures: np.ndarray, cuts: tuple[str, ...] = (), grid: int = 1
) -> dict[str, np.ndarray]:
    """Pooled features of every cut in one forward pass, kept for the next time: (n, features) for each cut.

    `pictures` are uint8 (n, h, w, 3). A cut's output is averaged over grid x grid cells. Raises `UnknownCut`,
    `BadPictures`.
    """
    import keras

    outputs = {cut: source.prefix(cut).output for cut in cuts or source.cuts}
    return features(keras.Model(source.model.input, outputs), source.preprocess(pictures), grid)


def features(model, inputs: np.ndarray, grid: int = 1) -> dict[str, np.ndarray]:
    """`cut_features` for any model with a dictionary of outputs; `inputs` are what the model itself takes."""
    import keras

    def pool(x):
        if len(x.shape) == 2:
            return x
        if grid == 1:
            return keras.layers.GlobalAveragePooling2D()(x)
        return keras.layers.Flatten()(keras.layers.AdaptiveAveragePooling2D(grid)(x))

    def compute():
        import tensorflow as tf

        pooled = keras.Model(model.input, {name: pool(x) for name, x in model.output.items()})
        run = tf.function(lambda x: pooled(x, training=False), reduce_retracing=True)
        parts = [
            run(tf.constant(inputs[start : start + BATCH]))
            for start in bar(range(0, len(inputs), BATCH), label="features", unit="batches")
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    architecture = json.loads(model.to_json())["config"] | {"name": ""}  # Keras numbers the names of unnamed models
    return cached_arrays(fingerprint(architecture, grid, inputs, *model.get_weights()), compute)


def raw_pixels(pictures: np.ndarray) -> np.ndarray:
    """The control without any network: 16 x 16 pixels of each picture in a row, 0 … 1, (n, 768)."""
    rows, columns = (np.linspace(0, side, 16, endpoint=False).astype(int) for side in pictures.shape[1:3])
    return pictures[:, rows][:, :, columns].reshape(len(pictures), -1) / 255.0


def linear_probe(x: np.ndarray, y: np.ndarray, test_x: np.ndarray, test_y: np.ndarray, seed: int = 0) -> float:
    """Test score of a linear head on fixed features: accuracy 0 … 1 for classes, R² for values.

    Features are standardised on the training set; the strength of the L2 penalty (four values of scikit-learn's C
    for logistic regression, 13 of ridge's alpha) is chosen by cross-validation on the training set alone. The same
    recipe serves every cut.
    """
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # matrices so small cost 16 times more processor time in two threads than in one
        if y.dtype.kind == "f":
            head = RidgeCV(np.logspace(-3, 3, 13))
        else:
            head = LogisticRegression(C=_penalty(x, y, seed), max_iter=500)
        return float(make_pipeline(StandardScaler(), head).fit(x, y).score(test_x, test_y))


def _penalty(x: np.ndarray, y: np.ndarray, seed: int) -> float:
    """The C with the best cross-validated accuracy, as `GridSearchCV` finds it, each fit starting from the last."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold
    from sklearn.preprocessing import StandardScaler

    folds = min(3, int(np.bincount(y)[np.unique(y)].min()))
    if folds == 1:  # with one picture per class, there is nothing to choose by
        return 0.1
    choices = (0.001, 0.01, 0.1, 1)
    right = np.zeros(len(choices))
    for train, held in StratifiedKFold(folds, shuffle=True, random_state=seed).split(x, y):
        scale = StandardScaler().fit(x[train])
        seen, unseen = scale.transform(x[train]), scale.transform(x[held])
        head = LogisticRegression(max_iter=500, warm_start=True)
        for k, C in enumerate(choices):
            right[k] += head.set_params(C=C).fit(seen, y[train]).score(unseen, y[held])
    return choices[int(right.argmax())]


def sweep(
    target: Target, pool: Features, test: Features, ns: tuple[int, ...], draws: int, seed: int = 0
) -> dict[int, np.ndarray]:
    """Test scores (per cent) of `linear_probe` at every cut, for several draws of n pictures per class: (draws, cuts).

    One array for each n of `ns`. `pool` and `test` map each cut to the features of all the target's training and test
    pictures, in its order; the training sets are those of `target.draw(n, [seed, draw])`. Where there are many
    probes, they share the machine's cores.
    """
    from joblib import Parallel, delayed

    tasks = []
    for n in ns:
        for draw in range(draws):
            train = target.choose(n, [seed, draw])
            y, test_y = target.labels[train], target.test_labels
            tasks += [delayed(linear_probe)(x[train], y, test[cut], test_y, seed) for cut, x in pool.items()]
    workers = -1 if len(tasks) >= _WORTH_WORKERS else 1
    scores = Parallel(n_jobs=workers, return_as="generator")(tasks)
    scores = list(bar(scores, total=len(tasks), label=f"probes, {target.name}", unit="heads"))
    return dict(zip(ns, 100 * np.reshape(scores, (len(ns), draws, len(pool))), strict=True))


def interval(scores, axis: int = -1) -> tuple[np.ndarray, np.ndarray]:
    """Mean, and half the width of its 95 % confidence interval (Student's t), over repeated draws along `axis`."""
    from scipy.stats import t

    scores = np.asarray(scores, "float64")
    n = scores.shape[axis]
    half = (
        t.ppf(0.975, n - 1) * scores.std(axis, ddof=1) / np.sqrt(n)
        if n > 1
        else np.full(scores.mean(axis).shape, np.nan)
    )
    return scores.mean(axis), half
