"""Linear probes: what can be read, by a linear head, from each depth of a frozen network.

Alain & Bengio 2016, "Understanding intermediate layers using linear classifier probes".
"""

import json

import numpy as np

from .cache import cached_arrays, fingerprint
from .progress import bar
from .sources import Source

BATCH = 32


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


def linear_probe(x: np.ndarray, y: np.ndarray, test_x: np.ndarray, test_y: np.ndarray, seed: int = 0) -> float:
    """Test score of a linear head on fixed features: accuracy 0 … 1 for classes, R² for values.

    Features are standardised on the training set; the strength of the L2 penalty (four values of scikit-learn's C
    for logistic regression, 13 of ridge's alpha) is chosen by cross-validation on the training set alone. The same
    recipe serves every cut.
    """
    from sklearn.linear_model import LogisticRegression, RidgeCV
    from sklearn.model_selection import GridSearchCV, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from threadpoolctl import threadpool_limits

    if y.dtype.kind == "f":
        head = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-3, 3, 13)))
    else:
        head = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=500))
        folds = min(3, int(np.bincount(y)[np.unique(y)].min()))
        if folds > 1:  # with one picture per class, there is nothing to choose by
            splits = StratifiedKFold(folds, shuffle=True, random_state=seed)
            head = GridSearchCV(head, {"logisticregression__C": [0.001, 0.01, 0.1, 1]}, cv=splits)
    with threadpool_limits(1):  # matrices so small cost 16 times more processor time in two threads than in one
        return float(head.fit(x, y).score(test_x, test_y))


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
