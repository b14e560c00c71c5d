"""Judges of models that exercises ask for: what they reach on test pictures, and whether their base has moved."""

from typing import Any

import numpy as np

from ..lesson import Exercise
from ..marking import require
from ..pictures.labelled import Target
from ..probing import cut_features, linear_probe
from ..sources import Source
from ..transfer import every_layer

TEST = 300  # test pictures that a model is measured on
State = dict[str, list[list[np.ndarray]]]  # of each layer's name: the weights of every layer that has it


def state_of(model) -> State:
    """A copy of the weights of every layer that has some, BatchNorm's statistics too."""
    state: State = {}
    for layer in every_layer(model):
        if layer.weights:
            state.setdefault(layer.name, []).append(layer.get_weights())
    return state


def require_untouched(model, state: State) -> None:
    """Raise `NotYet` unless the model holds layers of the source, with the very weights that are in `state`.

    A layer is the source's where one of that name has weights of its shapes: a head may use the name for others, and
    models within models may use one name for several.
    """
    shared = [layer for layer in every_layer(model) if layer.weights and _alike(layer.get_weights(), state, layer.name)]
    require(
        shared, "It holds no layer of the source: put your head on a prefix of source.model, cut by a layer's name."
    )
    for layer in shared:
        now = layer.get_weights()
        require(
            any(all(map(np.array_equal, now, then)) for then in _alike(now, state, layer.name)),
            f"The base is not as it was loaded: its layer {layer.name} has other weights. Freeze the base before "
            "compile(), load the source again, and train again.",
        )


def _alike(weights: list[np.ndarray], state: State, name: str) -> list[list[np.ndarray]]:
    """The weights in `state` under this name that have the same shapes."""
    shapes = [array.shape for array in weights]
    return [then for then in state.get(name, []) if [array.shape for array in then] == shapes]


def answers_of(model, pictures: np.ndarray, outputs: int) -> np.ndarray:
    """What a model answers to raw pictures, (n, outputs). Raises `NotYet` where it takes or gives something else."""
    import keras

    require(
        isinstance(model, keras.Model), f"That is no Keras model, but {type(model).__name__}: give the model itself."
    )
    try:
        given = np.asarray(model.predict(pictures.astype("float32"), verbose=0))
    except Exception as problem:  # whatever a layer says of a shape that it cannot take
        first = str(problem).strip().partition("\n")[0]
        size = "x".join(map(str, pictures.shape[1:]))
        require(False, f"It cannot take raw pictures of {size}: resize and scale within the model. (Keras: {first})")
    require(
        given.shape == (len(pictures), outputs),
        f"It gives {'x'.join(map(str, given.shape[1:]))} numbers for each picture, and {outputs} are asked for.",
    )
    return given


def better_classifier(
    source: Source, target: Target, n: int, seed: int, lead: float, hints: tuple[str, ...]
) -> Exercise:
    """An open task: be right `lead` points more often than a linear head behind the source's last block.

    Both learn from the same n pictures per class, `target.draw(n, seed)`; what the linear head reaches is printed. The
    answer is a Keras model that takes raw pictures, on a frozen base.
    """
    state, train = state_of(source.model), target.choose(n, seed)
    pictures, labels = target.test_pictures[:TEST], target.test_labels[:TEST]
    cut = source.cuts[-2]
    x, test_x = (cut_features(source, p, (cut,))[cut] for p in (target.pictures[train], pictures))
    wanted = 100 * linear_probe(x, target.labels[train], test_x, labels) + lead
    print(f"A linear head behind {cut}: {wanted - lead:.1f} % right. To beat it by {lead:g} points: {wanted:.1f} %.")

    def judge(model: Any) -> str:
        given = answers_of(model, pictures, len(target.class_names))
        require_untouched(model, state)
        right, guess = 100 * float(np.mean(given.argmax(1) == labels)), 100 / len(target.class_names)
        require(right > 1.5 * guess, f"It is right in {right:.1f} %, about as guessing is: is it scaled, and trained?")
        require(right >= wanted, f"It is right in {right:.1f} %, and {wanted:.1f} % are wanted.")
        return f"{right:.1f} % right on {len(labels)} test pictures, and the base has not moved."

    task = f"{target.question} A head on a frozen base that is right in {wanted:.1f} % at least."
    return Exercise(task, hints, judge)


def better_estimator(
    source: Source, target: Target, n: int, seed: int, share: float, hints: tuple[str, ...]
) -> Exercise:
    """An open task: err at most `share` times as much as a linear head behind the source's last block.

    As `better_classifier`, for values: what counts is the mean absolute error, in the target's unit.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    state, train = state_of(source.model), target.choose(n, seed)
    pictures, values, unit = target.test_pictures[:TEST], target.test_labels[:TEST], target.unit
    cut = source.cuts[-2]
    x, test_x = (cut_features(source, p, (cut,))[cut] for p in (target.pictures[train], pictures))
    line = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 4, 11))).fit(x, target.labels[train])
    error = float(np.abs(line.predict(test_x) - values).mean())
    always = float(np.abs(target.labels[train].mean() - values).mean())
    wanted = share * error
    print(f"Always the mean: off by {always:.1f} {unit}. A linear head behind {cut}: {error:.1f} {unit}.")
    print(f"To reach {share:.0%} of that: {wanted:.1f} {unit}.")

    def judge(model: Any) -> str:
        given = answers_of(model, pictures, 1)[:, 0]
        require_untouched(model, state)
        off = float(np.abs(given - values).mean())
        require(
            off < 0.95 * always,
            f"It is off by {off:.1f} {unit}, as one who always says the mean: is the answer in {unit}, has the last "
            "layer no activation, are the pictures scaled?",
        )
        require(off <= wanted, f"It is off by {off:.1f} {unit}, and {wanted:.1f} at most are wanted.")
        return f"off by {off:.1f} {unit} in the mean of {len(values)} test pictures, and the base has not moved."

    task = f"{target.question} A head on a frozen base that is off by {wanted:.1f} {unit} at most."
    return Exercise(task, hints, judge)
