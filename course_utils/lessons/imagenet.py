"""Lesson 02, loading ImageNet models: what is claimed of a network, and the exercises."""

from collections.abc import Callable

import numpy as np

from ..charts import pretrained
from ..lesson import claim, exercise
from ..marking import NotYet, close, require
from ..pictures.arrays import resized
from ..pictures.photographs import photographs
from ..targets import own_pictures

RIGHT, UNTRAINED = "right", "never trained (control)"


def claim_an_answer_for_noise(source, noise: np.ndarray) -> None:
    """A softmax over the source's classes names one of them for `noise` (1, h, w, 3), too."""
    p, guess = float(source.predict(noise).max()), 1 / len(source.class_names)
    told = "Noise gets a name, too: the best answer has more than three times the probability of a blind guess."
    claim(told, p > 3 * guess, f"{p:.2f} against {guess:.3f}")


def claim_silence(source, right_class: dict[str, np.ndarray], labels: np.ndarray) -> str:
    """Show the ways to prepare pictures, and claim what each wrong one costs; the name of the dearest.

    `right_class` maps each way to the probability of the right class of every picture (n,), `labels` (n,).
    """
    kinds = len(np.unique(labels))
    what = f"{len(labels)} crops of {kinds} photographs" if kinds < 10 else f"{len(labels)} pictures, {kinds} classes"
    pretrained.by_class(right_class, labels, f"Wrong preprocessing raises no error ({source.name}, {what})", RIGHT)
    mean = {way: float(p.mean()) for way, p in right_class.items()}
    wrong = [way for way in mean if way not in (RIGHT, UNTRAINED)]
    worst, mildest = min(wrong, key=mean.get), max(wrong, key=mean.get)
    half = mean[RIGHT] / 2
    told = "The worst mistake takes more than half of the right class's probability."
    claim(told, mean[worst] < half, f"{worst}: {mean[worst]:.2f}, right: {mean[RIGHT]:.2f}")
    told = "The mildest leaves more than half of it, so a glance at a few answers would not find it."
    claim(told, mean[mildest] > half, f"{mildest}: {mean[mildest]:.2f}")
    return worst


def sides(source) -> dict[str, int]:
    """Sides in pixels to try a source at, by what they are of its own; only its own where its head knows no other."""
    import keras

    own = source.input_size[0]
    if any(isinstance(layer, keras.layers.Flatten) for layer in source.model.layers):
        print(f"{source.name} flattens its last map, so its classifier takes its own size only.")
        return {"its own": own}
    return {"half": own // 2, "three quarters": own * 3 // 4, "its own": own, "one and a half": own * 3 // 2}


def claim_scale_matters(by_side: dict[str, np.ndarray], parameters: set[int]) -> None:
    """`by_side` maps what `sides` gave to the probability of the right class; `parameters` are those of the copies."""
    claim("All copies have the same number of parameters.", len(parameters) == 1, f"{max(parameters):,}")
    mean = {name: float(p.mean()) for name, p in by_side.items()}
    largest = list(mean)[-1]
    if largest != "its own":
        claim(
            "More pixels than in training do not help: at one and a half times the side, the right class gets less.",
            mean[largest] < mean["its own"],
            ", ".join(f"{name} {p:.2f}" for name, p in mean.items()),
        )


def claim_views(seen: dict[str, np.ndarray]) -> str:
    """Claim how much views (with "as it is" and "mirrored") change the right class's probability; the dearest one."""
    mean = {view: float(p.mean()) for view, p in seen.items()}
    plain = mean.pop("as it is")
    dearest = min(mean, key=mean.get)
    claim(
        "The dearest change takes more than a quarter of the probability, a mirror image much less.",
        mean[dearest] < 0.75 * plain and plain - mean["mirrored"] < (plain - mean[dearest]) / 2,
        f"as it is {plain:.2f}, mirrored {mean['mirrored']:.2f}, {dearest} {mean[dearest]:.2f}",
    )
    return dearest


def claim_block(block, of_network: list) -> None:
    """Claim that a block has the size of the network's own, given as its layers, and what a full convolution costs."""
    own, wide = sum(layer.count_params() for layer in of_network), 6 * block.input_shape[-1]
    claim("It has exactly the parameters of the network's block b2.", block.count_params() == own, f"{own:,}")
    full = block.count_params() + 9 * wide * (wide - 1)
    claim(
        "With a full convolution in place of the depthwise one, the block would be more than ten times larger.",
        full > 10 * block.count_params(),
        f"{full:,} against {block.count_params():,}",
    )


class Tasks:
    """The exercises that need a source: `network` names pictures, but nobody tells how it wants them prepared.

    It takes (x - a) / b of pictures at the source's size, float32 (n, h, w, 3), with one a and one b for all colours,
    red first or blue first. `told` are its probabilities (photographs, classes), as its authors give them, for
    `photographs`, uint8 RGB (photographs, h, w, 3) at its size.
    """

    def __init__(self, source, seed: int):
        import keras

        rng = np.random.default_rng([seed, 2])
        ways = [(a, b, turned) for a, b in ((0, 1), (0, 255), (127.5, 127.5), (127.5, 255)) for turned in (False, True)]
        self._a, self._b, self._turned = ways[rng.integers(len(ways))]
        self._source, self._seed = source, seed
        # What is affine in each pixel is a convolution of 1 x 1: from the hidden scale to the source's own.
        corners = source.scaling(np.vstack([np.zeros(3), 255 * np.eye(3)]).astype("float32")[:, None, None])[:, 0, 0]
        matrix = (corners[1:] - corners[0]) / 255
        offset = corners[0] + self._a * matrix.sum(0)
        undo = keras.layers.Conv2D(3, 1, name="unknown")
        inputs = keras.Input(source.model.input_shape[1:])
        self.network = keras.Model(inputs, source.model(undo(inputs)), name="network")
        undo.set_weights([self._b * (matrix[::-1] if self._turned else matrix)[None, None], offset])
        self.photographs = resized(photographs()[0], source.input_size).round().astype("uint8")
        self.told = self.network.predict(self._right(self.photographs), verbose=0)
        self.own_preprocessing = exercise(
            "Prepare pictures for the network whose scale is not told.",
            "Write down every combination of a, b and order. Which gives tasks.told on tasks.photographs?",
            "Three loops: keep the combination with the smallest np.abs(answers - tasks.told).max().",
        )(self._judge_scale)
        self.deepest_map = exercise(
            "Cut the source: a vector for each picture, from the deepest map of at least an eighth of its side.",
            "source.cuts has the names from shallow to deep; source.prefix(cut).output_shape says how large a map is.",
            "keras.Model(prefix.input, keras.layers.GlobalAveragePooling2D()(prefix.output)) averages over the map.",
        )(self._judge_cut)

    def _right(self, pictures: np.ndarray) -> np.ndarray:
        x = pictures[..., ::-1] if self._turned else pictures
        return ((x.astype("float32") - self._a) / self._b).astype("float32")

    def _hidden(self, n: int) -> np.ndarray:
        pictures, _, _ = own_pictures(self._source, n, self._seed + 100)
        return resized(pictures, self._source.input_size).round().astype("uint8")

    def _judge_scale(self, prepare: Callable) -> str:
        require(callable(prepare), "Give the function itself, without calling it.")
        given = self._hidden(8)
        right, x = self._right(given), np.asarray(prepare(given.copy()))
        require(x.shape == given.shape, f"It gives the shape {x.shape}, and pictures of shape {given.shape} went in.")
        require(x.dtype.kind == "f", f"It gives {x.dtype}: change the type first, as whole numbers wrap around.")
        dark = given[:1] // 2
        alone, together = np.asarray(prepare(dark)), np.asarray(prepare(np.concatenate([dark, given[1:]])))
        require(np.allclose(alone, together[:1], atol=1e-4), "A picture's values depend on the rest of its batch.")
        answers, wanted = (self.network.predict(values.astype("float32"), verbose=0) for values in (x, right))
        off = float(np.abs(answers - wanted).max())
        if off > 0.02:
            require(not np.allclose(x, right[..., ::-1], atol=1e-3), "The scale is right, the order of colours is not.")
            ordered = np.corrcoef(x[..., 0].ravel(), right[..., 0].ravel())[0, 1] > 0.999
            what = "the scale is wrong, though the order is right" if ordered else "both scale and order are wrong"
            raise NotYet(f"The hidden pictures' probabilities are off by up to {off:.2f}: {what}.")
        return f"On 8 hidden pictures, the probabilities are off by {off:.4f} at most."

    def _judge_cut(self, model) -> str:
        import keras

        require(isinstance(model, keras.Model), "Give a Keras model.")
        source, x = self._source, self._source.preprocess(self._hidden(2))
        outputs = {cut: source.prefix(cut).output for cut in source.cuts}
        maps = keras.Model(source.model.input, {cut: out for cut, out in outputs.items() if len(out.shape) == 4})(x)
        maps = {cut: np.asarray(maps[cut]) for cut in source.cuts if cut in maps}
        wanted = [cut for cut, values in maps.items() if 8 * values.shape[1] >= source.input_size[0]][-1]
        answer, width = np.asarray(model(x)), maps[wanted].shape[1]
        require(answer.ndim == 2, f"Its output has the shape {answer.shape[1:]}: average the map to a vector.")
        for cut, values in maps.items():
            if cut != wanted and close(answer, values.mean((1, 2)), 1e-3):
                where = "deeper" if values.shape[1] >= width else "less deep"
                raise NotYet(f"You cut at '{cut}', a map {values.shape[1]} wide: the one asked for is {where}.")
        require(
            not close(answer, maps[wanted].max((1, 2)), 1e-3), "You took each map's largest value, not its average."
        )
        require(close(answer, maps[wanted].mean((1, 2)), 1e-3), "That is no average of a map of this source.")
        return f"'{wanted}', a map {width} wide: {answer.shape[1]} numbers for each picture."


@exercise(
    "Build a block for maps of 28 × 28 × 40 with at most 13,640 parameters, half of the network's own.",
    "What does most of the counting: the two 1 × 1 convolutions or the depthwise one? Which number would you lower?",
    "The block of the lesson with a smaller `wider`, and a kernel of 5 (or two depthwise ones of 3), is enough.",
)
def lighter_block(model) -> str:
    """Judge a Keras model by what depends on what in it."""
    import keras
    import tensorflow as tf

    require(isinstance(model, keras.Model), "Give a Keras model, from keras.Input((28, 28, 40)) to its output.")
    require(model.input_shape[1:] == model.output_shape[1:] == (28, 28, 40), f"Its output is {model.output_shape[1:]}.")
    require(model.count_params() <= 13_640, f"It has {model.count_params():,} parameters: 13,640 are allowed.")
    x = tf.constant(np.random.default_rng(0).normal(size=(8, 28, 28, 40)), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        middle = tf.reduce_sum(model(x, training=False)[:, 14, 14], 0)
    depends = np.abs(tape.jacobian(middle, x)).max(1)  # of each output channel on each input: (40, 28, 28, 40)
    seen = depends.max((0, 3))[12:17, 12:17] > 0
    require(seen.all(), f"The middle depends on {seen.sum()} of the 25 positions around it: it must look at 5 × 5.")
    mixed = (depends.max((1, 2)) > 0).mean()
    require(mixed > 0.99, f"Of all pairs of an output and an input channel, {mixed:.0%} are connected: mix them all.")
    bend = model(x, training=False) + model(-x, training=False) - 2 * model(0 * x, training=False)
    require(np.abs(bend).max() > 1e-4, "It is linear: put a ReLU between two convolutions.")
    return f"{model.count_params():,} parameters, looks at 5 × 5, mixes all channels."
