"""Lesson 11, the smallest change: its exercises, each judged by what moved, what was gained and what is left."""

from collections.abc import Callable

import numpy as np

from ..lesson import exercise
from ..marking import close, require
from ..sources import Source
from ..targets import load_target
from .failures import smaller
from .finetuning import named_by_source
from .smallest_change import Bench, merged

N, TESTS, OWN = 10, 320, 150  # pictures per class to learn from, test pictures, and those of the source's world
SHARE, GAIN = 5, 1  # per cent of the blocks' numbers that may move, and points to gain
KEEP_GAIN, KEPT = 1, 86  # points to gain, and per cent that the source must still name as before
RANK, ALPHA = 3, 6.0


@exercise(
    "A function of (kernel, a, b, alpha) that returns the kernel with LoRA's two factors merged into it.",
    "Keras divides alpha by the rank. In which of the two factors' shapes do you see the rank?",
    "The rank is b.shape[0], and @ multiplies along the last axis of a: kernel + alpha / b.shape[0] * (a @ b).",
)
def merge(answer) -> str:
    """Judge a function that merges factors into a convolution's kernel, beside what Keras itself does."""
    from keras import layers

    require(callable(answer), "Give the function itself, without calling it.")
    rng = np.random.default_rng(0)
    layer = layers.Conv2D(5, 1, use_bias=False)
    layer.build((None, 4, 4, 7))
    layer.enable_lora(RANK, lora_alpha=ALPHA)
    kernel, (a, b) = layer.get_weights()[0], [rng.normal(size=w.shape) for w in layer.trainable_weights]
    layer.lora_kernel_a.assign(a), layer.lora_kernel_b.assign(b)
    given = np.asarray(answer(kernel.copy(), a.copy(), b.copy(), ALPHA))
    require(given.shape == kernel.shape, f"It returned {given.shape}, and the kernel is {kernel.shape}.")
    product = a @ b
    require(not close(given, product), "That is the change alone: add the kernel that was there.")
    require(not close(given, ALPHA / RANK * product), "That is the change alone: add the kernel that was there.")
    require(not close(given, kernel + product), "You left alpha out: it says how strongly the factors count.")
    require(not close(given, kernel + ALPHA * product), "alpha is divided by the rank, so that it can stay as it is.")
    require(
        close(given, layer.kernel.numpy()), "Some numbers are others than Keras's own: kernel + alpha / rank * (a @ b)."
    )
    return "The merged kernel costs nothing more when the network is used."


class ChangeTasks:
    """The open tasks, on copies of the source's last blocks: digits for the source of drawings, else new windows.

    `lower` and `blocks` are the source below its cut and behind it, Keras models. `x` and `y` are what goes into the
    blocks for ten pictures of each class, and their classes.
    """

    def __init__(self, source: Source, lower, blocks, seed: int):
        import keras

        def maps(pictures):
            return lower.predict(source.preprocess(pictures), batch_size=64, verbose=0)

        name = "digits" if source.name == "drawings" else "windows"
        target = smaller(load_target(name, seed + 100), N, TESTS, seed)
        self.y, self._classes = target.labels, len(target.class_names)
        self.x, self._blocks, self._seed = maps(target.pictures), blocks, seed
        own, names = named_by_source(source, OWN, seed + 2)
        test = {"plain": maps(target.test_pictures)}
        self._bench = Bench(source, blocks, test, target.test_labels, maps(own), names)
        keras.utils.set_random_seed(seed)
        pooled = keras.layers.GlobalAveragePooling2D()(blocks.output)
        head = keras.Sequential([keras.Input(pooled.shape[1:]), keras.layers.Dense(self._classes, "softmax")])
        head.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
        head.fit(keras.Model(blocks.input, pooled).predict(self.x, verbose=0), self.y, epochs=15, verbose=0)
        self._head = head.get_weights()
        self.small = exercise(
            f"Training that moves at most {SHARE} % of the blocks' numbers, and gains a point on the target.",
            "Biases, scale and shift, or LoRA: at which rate? And is the end of the straight line its best point?",
            "Scale and shift with the head, Adam(3e-3), 10 epochs; then 70 % of the way from old to new weights.",
        )(lambda answer: self._judge(answer, SHARE, GAIN, 0))
        self.keep = exercise(
            f"Training that gains a point, after which the source names {KEPT} % of its pictures as before.",
            "Which way of the lesson left most of the source? And there is always the straight line back to it.",
            "Train the biases with the head, Adam(5e-3), 10 epochs, and take the mean of old and new weights.",
        )(lambda answer: self._judge(answer, 100, KEEP_GAIN, KEPT))

    def model(self):
        """A Keras model from `x` to classes, everything but its trained last layer, the head, frozen."""
        import keras

        keras.utils.set_random_seed(self._seed)
        blocks = keras.models.clone_model(self._blocks)
        blocks.set_weights(self._blocks.get_weights())
        for layer in blocks.layers:
            layer.trainable = False
        head = keras.layers.Dense(self._classes, "softmax", name="head")
        model = keras.Model(blocks.input, head(keras.layers.GlobalAveragePooling2D()(blocks.output)))
        head.set_weights(self._head)
        return model

    def _judge(self, train: Callable, share: float, gain: float, kept: float) -> str:
        import keras

        require(callable(train) and not isinstance(train, keras.Model), "Give the function, without calling it.")
        model = self.model()
        given = train(model, self.x, self.y)
        require(isinstance(given, keras.Model), "The function returns no Keras model: return the one that you trained.")
        names = [layer.name for layer in model.layers]
        require([layer.name for layer in given.layers] == names, "It has other layers: train the model that it gets.")
        *weights, kernel, bias = merged(given)
        before = self._blocks.get_weights()
        require(all(np.isfinite(w).all() for w in weights), "The training diverged: take a lower rate.")
        start, now = self._bench(before, self._head), self._bench(weights, [kernel, bias])
        trained = 100 * self._moved(given, before) / sum(w.size for w in before)
        told = f"{now['target']:.1f} % right, {start['target']:.1f} % with the head alone; {trained:.1f} % of the "
        told += f"blocks' numbers moved; the source names {now['source']:.0f} % as before."
        require(trained > 0, f"{told} No weight of the blocks moved: set some to trainable, then compile.")
        require(trained <= share, f"{told} At most {share} % may move.")
        require(now["target"] >= start["target"] + gain, f"{told} {start['target'] + gain:.1f} % are wanted.")
        require(now["source"] >= kept, f"{told} {kept} % are wanted.")
        return told

    def _moved(self, model, before: list[np.ndarray]) -> int:
        """How many numbers moved in the blocks, rounding apart; of a kernel with LoRA, how many its factors have."""
        numbers, old = 0, iter(before)
        for layer in model.layers[:-1]:
            factors = [w for w in layer.weights if w.name.startswith("lora")]
            numbers += sum(int(np.prod(w.shape)) for w in factors)
            plain = [w for w in layer.weights if not w.name.startswith("lora")]
            numbers += sum(int(np.sum(~np.isclose(w.numpy(), next(old), rtol=1e-5))) for w in plain)
        return numbers
