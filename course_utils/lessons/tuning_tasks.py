"""The exercises of lesson 06: each answer is trained, and judged by what moved and by what it can do."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from ..lesson import exercise
from ..marking import require
from ..models.cuts import output_of
from ..sources import Source
from ..targets import load_target
from ..training import accuracy
from ..transfer import moved, snapshot
from .finetuning import blocks_of, named_by_source

N, TESTS, STEP = 20, 300, 16  # pictures per class to learn from, test pictures, and those of a single step
LEAD, PROCESSOR_S = 3, 120  # points to be ahead of the frozen base; 60 s on two cores
GAIN, LEFT = 3, 50  # points to gain on the digits, and per cent that the source must still know
RATIO, TOP = 2.6, 1e-2  # of the rates from block to block, and the head's
FALLING = ("block1", "block2", "block3", "head")


def _layer_of(path: str) -> str:
    return path.split("/")[-2]


class TuningTasks:
    """The tasks on handwritten digits, 20 of each; the models that they hand out are copies of the source."""

    def __init__(self, source: Source, seed: int):
        self._source, self._seed = source, seed
        self._cuts = source.map_cuts()
        digits = load_target("digits", seed)
        pictures, self.y = digits.draw(N, seed + 1000)
        self.x = source.preprocess(pictures)
        self._batch, self._head = (self.x[:STEP], self.y[:STEP]), []
        self._test = source.preprocess(digits.test_pictures[-TESTS:]), digits.test_labels[-TESTS:]
        self.last_block = exercise(
            "The last block and the head train, and nothing else: no other block, no BatchNorm.",
            "Which layers stand behind the last cut but one? Go through them in a loop. And what must come after every "
            "change of a flag?",
            "In the loop: layer.trainable = not isinstance(layer, layers.BatchNormalization); then compile with SGD at "
            "1e-3 and the loss.",
        )(self._judge_last_block)
        self.beat = exercise(
            f"Fine-tuning, {LEAD} points better than the frozen base with its head, in 60 s of training.",
            "Which k was best in section 3, and which rate destroyed nothing? You get the base frozen.",
            "Unfreeze the last eight blocks (or all there are), BatchNorm apart; Adam(3e-4), eight epochs.",
        )(lambda answer: self._judge_training(answer, LEAD, None))
        self.keep = exercise(
            f"Fine-tuning that gains {GAIN} points, after which the source names {LEFT} % of its pictures as before.",
            "The source loses most to long steps. How does it stand with a tenth of the rate?",
            "Adam(1e-4), or rates per layer; or tune as in exercise 2, and take the mean of old and new weights.",
        )(lambda answer: self._judge_training(answer, GAIN, LEFT))

    def frozen_model(self):
        """A Keras model from preprocessed pictures to ten digits, its base frozen and its head trained; compiled."""
        import keras
        from keras import layers

        prefix = self._source.prefix(self._cuts[-1])
        base = keras.models.clone_model(prefix)
        base.set_weights(prefix.get_weights())
        base.trainable = False
        keras.utils.set_random_seed(self._seed)
        pooled = layers.GlobalAveragePooling2D()(base.output)
        head = layers.Dense(10, activation="softmax", name="head")
        alone = keras.Sequential([keras.Input(pooled.shape[1:]), head])
        alone.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy")
        if not self._head:
            known = keras.Model(base.input, pooled).predict(self.x, batch_size=64, verbose=0)
            alone.fit(known, self.y, epochs=20, verbose=0)
            self._head = head.get_weights()
        head.set_weights(self._head)
        model = keras.Model(base.input, head(pooled))
        model.compile(keras.optimizers.SGD(1e-3), "sparse_categorical_crossentropy")
        model.train_on_batch(*self._batch)  # from now on, flags count after another compile() only
        return model

    def _moved(self, before: dict, model) -> dict[str, set[str]]:
        """What has moved: "head", "norm" and "blocks" (names of layers, but of "blocks" the blocks')."""
        import keras

        blocks = blocks_of(model, self._cuts)
        layers = {_layer_of(path) for path, change in moved(model, before).items() if change > 0}
        norm = {name for name in layers if isinstance(model.get_layer(name), keras.layers.BatchNormalization)}
        found = {"norm": norm, "head": layers & {"head"}}
        return found | {"blocks": {blocks[name] for name in layers - norm - {"head"}}}

    def _judge_last_block(self, model: Any) -> str:
        import keras

        require(isinstance(model, keras.Model), "Give the model itself.")
        require(model.compiled, "It is not compiled.")
        last = self._cuts[-1]
        before = snapshot(model)
        try:
            model.train_on_batch(*self._batch)
        except ValueError as problem:  # what an optimizer says of variables that it was not made for
            require("Unknown variable" not in str(problem), "compile() comes after the flags, once more.")
            raise
        found = self._moved(before, model)
        own = [layer for layer, block in blocks_of(model, self._cuts).items() if block == last]
        flagged = any(model.get_layer(name).trainable_weights for name in own)
        require(
            last in found["blocks"] or not flagged,
            f"The flags of {last} say trainable, and yet a step moved nothing in it: compile() comes after the flags.",
        )
        require(last in found["blocks"], f"One step moved nothing in {last}: its layers are still frozen.")
        require(
            not found["norm"],
            f"BatchNorm moved: {', '.join(sorted(found['norm']))}. Leave out such layers when you unfreeze.",
        )
        others = found["blocks"] - {last}
        require(not others, f"Too much moved: {', '.join(sorted(others))}, too. Begin behind {self._cuts[-2]}.")
        require(found["head"], "The head did not move: it is to train on.")
        kind = type(model.optimizer).__name__
        require(kind == "SGD", f"It trains with {kind}: SGD at 1e-3 is asked for.")
        rate = float(np.asarray(model.optimizer.learning_rate))
        require(abs(rate - 1e-3) < 1e-6, f"It trains at a rate of {rate:g}, not of 1e-3.")
        return f"One step moved {last} and the head, and no BatchNorm layer."

    def _judge_training(self, train: Callable, lead: float, left: float | None) -> str:
        import keras

        function = callable(train) and not isinstance(train, keras.Model)
        require(function, "Give the function itself, without calling it.")
        model = self.frozen_model()
        frozen, before = 100 * accuracy(model, *self._test), snapshot(model)
        begin = time.process_time()
        given = train(model, self.x, self.y)
        seconds = (time.process_time() - begin) / 2
        require(isinstance(given, keras.Model), "The function returns no Keras model: return the one that you trained.")
        require(
            {w.path for w in given.weights} == set(before),
            "It returned a model with other layers: train the one that it gets.",
        )
        require(2 * seconds <= PROCESSOR_S, f"It took {seconds:.0f} s on two cores: fewer epochs, or fewer blocks.")
        found, right = self._moved(before, given), 100 * accuracy(given, *self._test)
        require(found["blocks"], "No block of the base moved: unfreeze some, and compile again.")
        told = f"{right:.1f} % on {TESTS} test pictures, {frozen:.1f} % frozen; {len(found['blocks'])} blocks moved"
        told += f", and BatchNorm in {len(found['norm'])} layers." if found["norm"] else "."
        require(np.isfinite(given.get_weights()[0]).all(), "The training diverged: take a lower rate.")
        require(right >= frozen + lead, f"{told} {frozen + lead:.1f} % are wanted.")
        if left is not None:
            kept = self._kept(given)
            told += f" The source names {kept:.0f} % as before."
            require(kept >= left, f"{told} {left} % are wanted: a lower rate, or fewer blocks.")
        return told

    def _kept(self, model) -> float:
        """How many pictures the source names as before with the blocks of `model` in place of its own: per cent."""
        import keras

        pictures, labels = named_by_source(self._source, 200, self._seed + 1)
        last = self._cuts[-1]
        rest = keras.Model(output_of(self._source.model, last), self._source.model.output)
        whole = keras.Model(model.input, rest(output_of(model, last)))
        return 100 * accuracy(whole, self._source.preprocess(pictures), labels)


@exercise(
    f"Rates that fall by {RATIO} from block to block, the head's being {TOP:g}.",
    "How many blocks lie between a variable's block and the head? The name of its block stands in its path.",
    "The inner optimizer of block k of n, the head being the last: Adam(0.01 / 2.6 ** (n - 1 - k)).",
)
def falling_rates(make: Callable) -> str:
    """Judge a function of the blocks' names, shallow to deep, that returns a MultiOptimizer, by its first step."""
    import keras

    require(callable(make), "Give the function itself, without calling it.")
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((4,)), *(keras.layers.Dense(4, name=name) for name in FALLING)])
    model.compile(make(FALLING), "mse")
    before = {name: model.get_layer(name).get_weights()[0] for name in FALLING}
    rng = np.random.default_rng(0)
    model.train_on_batch(rng.normal(size=(8, 4)), rng.normal(size=(8, 4)))
    steps = [float(np.abs(model.get_layer(n).get_weights()[0] - before[n]).max()) for n in FALLING]
    told = ", ".join(f"{name} {step:.2g}" for name, step in zip(FALLING, steps, strict=True))
    told = f"Adam's first step is as long as the rate: {told}."
    wanted = TOP / RATIO ** np.arange(len(FALLING))[::-1]
    require(np.ptp(steps) > 0.05 * max(steps), f"{told} That is one rate for all.")
    require(not np.allclose(steps, wanted[::-1], rtol=0.05), f"{told} The shallow blocks are to be the slow ones.")
    require(np.isclose(steps[-1], TOP, rtol=0.05), f"{told} The head's is to be {TOP:g}.")
    ratios = np.array(steps[1:]) / np.array(steps[:-1])
    require(np.allclose(ratios, RATIO, rtol=0.05), f"{told} The ratios are {', '.join(f'{r:.2g}' for r in ratios)}.")
    return told
