"""Lesson 00, start here: what the first networks say, what the source cost, the first intervals, and the exercises."""

import json
from importlib.resources import files

import numpy as np

from .. import figures
from ..charts import scheme
from ..charts.pretrained import show_table
from ..lesson import Exercise, claim, exercise
from ..marking import WHOLE, require
from ..models.installed import INSTALLED
from ..pictures.labelled import Target, balanced_draw
from ..probing import cut_features, interval, linear_probe
from ..sources import Source

SHOWN = 8  # test pictures, of a class each as far as there are so many
IMAGENET = {"pictures": 1_281_167, "classes": 1000}  # Russakovsky et al. 2015
STEPS, BATCH = 218_949, 2048  # tensorflow/tpu, models/official/efficientnet/main.py
LEAD = 4  # points by which the given head is to be beaten
FEW = 5  # pictures per class, there
UNSEEN = 400  # test pictures for that, as far as there are so many
RIGHT, WRONG = "#00795c", "#b34700"


def show_answers(target: Target, pictures: np.ndarray, labels: np.ndarray, ways: dict[str, np.ndarray]) -> None:
    """Some test pictures with the names that each way gives them, and the claim that the first way leads the last.

    `pictures` are uint8 (n, h, w, 3), `labels` (n,); `ways` maps a name to probabilities (n, classes).
    """
    kinds = np.random.default_rng(1).permutation(np.unique(labels))[:SHOWN]
    places = [int(np.flatnonzero(labels == kind)[0]) for kind in kinds]
    rows, titles, colours = [], [], []
    score = {name: 100 * float(np.mean(given.argmax(1) == labels)) for name, given in ways.items()}
    for given in ways.values():
        for place in places:
            said = int(given[place].argmax())
            right = said == labels[place]
            rows.append(pictures[place])
            titles.append(f"{target.class_names[said]} {'✓' if right else '✗'}")
            colours.append(RIGHT if right else WRONG)
    figure = figures.picture_row(rows, titles, len(places))
    for ax, colour in zip(figure.axes, colours, strict=False):
        ax.title.set_color(colour)
    for k, (name, value) in enumerate(score.items()):
        first = figure.axes[k * len(places)]
        told = f"{name}: {value:.0f} % right"
        above = first.annotate(told, (0, 1), (0, 22), "axes fraction", "offset points", annotation_clip=False)
        above.set_in_layout(False)
    figure.get_layout_engine().set(rect=(0, 0, 1, 0.93), hspace=0.25)
    figure.set_size_inches(figures.WIDTH, figure.get_figheight() + 0.6)
    told = ", ".join(f"{name} {value:.0f} %" for name, value in score.items())
    real = ", ".join(target.class_names[k] for k in kinds)
    figures.show(figure, f"Test pictures of {real}, under the names that each network gives them. Right: {told}.")
    first, last = score.values()
    claim("The frozen network with a new head leads by more than 10 points.", first - last > 10, told)


def show_bill(source: Source, mine: int, seen: int, seconds: float, pace: float, classes: int) -> None:
    """A table of what the source cost and what we paid.

    `mine` are our labelled pictures, of which `seen` were shown in all passes, in so many `seconds`; training from
    scratch takes `pace` seconds for one picture.
    """
    ours = [f"{mine:,}", f"{classes}", "ourselves", f"{seen:,}", "this one", f"{seconds:.0f} s"]
    if source.name == "drawings":
        card = json.loads(files("course_utils").joinpath("data/embedded.json").read_text("utf-8"))
        drawn = f"{card['pictures']:,}"
        theirs = [drawn, "48", "the program that drew them", drawn, "a laptop's processor", "about 20 minutes"]
    else:
        shown = STEPS * BATCH if source.name in INSTALLED else None
        passes = f"about {shown / 1e6:.0f} million, in {shown / IMAGENET['pictures']:.0f} passes" if shown else "-"
        side = f"{source.input_size[0]} × {source.input_size[1]} pixels"
        days = f"on this machine, at {side}: about {_round(shown * pace / 86400)} days" if shown else "-"
        theirs = [f"{IMAGENET['pictures']:,}", f"{IMAGENET['classes']:,}", "workers on Amazon Mechanical Turk", passes]
        theirs += ["Google's Cloud TPUs" if shown else "-", days]
    rows = ("labelled pictures", "classes", "labelled by", "pictures shown in training", "machine", "time")
    show_table(["", f"the source, {source.name}", "we"], list(zip(rows, theirs, ours, strict=True)))


def _round(value: float) -> str:
    """A number to one digit that counts, as it is an estimate."""
    digits = int(np.floor(np.log10(value)))
    return f"{round(value, -digits):,.0f}" if digits >= 0 else f"{round(value, -digits):g}"


def show_idea() -> None:
    """The scheme of transfer learning: source above, target below."""
    figures.show(
        scheme.idea(),
        "Above, a source network: a chain of blocks from a picture to 48 source classes, all trained on much data. "
        "Below, the target network: the first blocks copied and frozen, the last ones cut off, and a new small head "
        "behind the cut, which is all that is trained on the little data.",
    )


def show_first(scores: dict[str, list[float]], n: int, chance: float) -> None:
    """Bars with intervals: accuracy in per cent, for each way that of each draw; the first way is to lead."""
    summary = {name: interval(values) for name, values in scores.items()}
    means = {name: float(mean) for name, (mean, _) in summary.items()}
    halves = [float(half) for _, half in summary.values()]
    first, *others = means
    draws = len(scores[first])
    xlabel = f"test accuracy (%), mean and 95 % interval over {draws} draws; guessing: {chance:.0f}"
    title = f"What the network has learned makes the difference ({n} pictures per class)"
    told = ", ".join(f"{name} {m:.0f} ± {h:.0f} %" for (name, m), h in zip(means.items(), halves, strict=True))
    figures.show(figures.bars(means, xlabel, title, halves, first), f"Bars: {told}.")
    claim(
        "The frozen prefix leads the untrained one and raw pixels by more than 20 points in the mean of the draws.",
        all(means[first] - means[other] > 20 for other in others),
        told,
    )


class FirstTasks:
    """The exercises of lesson 00: `count`, `smallest` and `beat`.

    `x` (n, width) is what the head sees of pictures with labels `y` (n,); `test` is the same of test pictures.
    """

    def __init__(self, source: Source, target: Target, cut: str, x: np.ndarray, y: np.ndarray, test: tuple, seed: int):
        self._classes, self._channels = len(target.class_names), x.shape[1]
        self._cut, self._inner = cut, source.prefix(cut).count_params()
        self._known, self._seed = (x, y, *test), seed
        low, high = self._score(1), self._score(int(np.bincount(y).min()))
        self.bar = 5 * round((low + high) / 10)
        self._source, self._target, self._given = source, target, None
        self.count: Exercise = exercise(
            f"The numbers that are learned in the head, from {self._channels} channels to {self._classes} classes.",
            "Each class has its own weight for each channel, and adds one number of its own, the bias.",
            "channels · classes weights, and classes biases.",
        )(self._judge_count)
        self.smallest: Exercise = exercise(
            f"The smallest n, pictures per class, with which the head is right in {self.bar} % on average.",
            "Call score for n = 1, 2, 3, … One draw may be lucky: take the mean of ten.",
            "np.mean([score('frozen prefix', n, [SEED, k]) for k in range(10)]) in a loop over n.",
        )(self._judge_smallest)
        self.beat: Exercise = exercise(
            f"A model that learned from {FEW} pictures per class and is {LEAD} points better than the given head.",
            "The head has few pictures. A picture that is mirrored, or turned, is one more, and its class stays.",
            "Mirror and turn them (np.rot90(few_x, 1, (1, 2))), put layers.Normalization() and Dropout(0.5) before the "
            "dense layer, and let it take more steps.",
        )(self._judge_model)

    def _score(self, n: int) -> float:
        x, y, test_x, test_y = self._known
        draws = [balanced_draw("pool", "pictures", y, self._classes, n, [self._seed, 7, draw]) for draw in range(10)]
        return 100 * float(np.mean([linear_probe(x[k], y[k], test_x, test_y) for k in draws]))

    def _judge_count(self, answer) -> str:
        weights = self._channels * self._classes
        require(isinstance(answer, WHOLE) and not isinstance(answer, bool), "Give a whole number.")
        require(answer != weights, "You left out the biases: one for each class.")
        require(answer != weights + self._channels, "A bias belongs to an output: one for each class.")
        require(answer != self._channels + self._classes, "Each class has a weight for each channel: multiply.")
        require(answer < self._inner, "You counted the frozen base, too: none of its numbers is learned.")
        require(answer == weights + self._classes, "Count the weights from each channel to each class, then biases.")
        return f"{self._channels} · {self._classes} + {self._classes}, beside {self._inner:,} frozen ones."

    def _judge_smallest(self, answer) -> str:
        most = int(np.bincount(self._known[1]).min())
        require(isinstance(answer, WHOLE) and not isinstance(answer, bool), "Give a whole number.")
        require(1 <= answer <= most, f"There are 1 to {most} pictures per class.")
        here = self._score(answer)
        require(here > self.bar - 4, f"With n = {answer} it is {here:.1f} % in the mean of ten draws: too few.")
        before = self._score(answer - 1) if answer > 1 else 0.0
        enough = f"n = {answer - 1} is enough, with {before:.1f} % in the mean of ten draws: look for fewer."
        require(before < self.bar + 4, enough)
        return f"{here:.1f} % in the mean of ten other draws, {before:.1f} % with one picture less."

    def given_head(self) -> float:
        """Print and return what is to be beaten: the first head of the lesson, trained on few pictures (per cent)."""
        if self._given is None:
            self._given = self._first_recipe()
            wanted = self._given + LEAD
            print(
                f"With {FEW} pictures per class, the given head is right in {self._given:.1f} %: beat {wanted:.1f} %."
            )
        return self._given

    def _unseen(self) -> tuple[np.ndarray, np.ndarray]:
        """The test pictures that the lesson does not look at."""
        others = np.flatnonzero(np.arange(len(self._target.test_labels)) % 3)[:UNSEEN]
        return self._target.test_pictures[others], self._target.test_labels[others]

    def _first_recipe(self) -> float:
        import keras

        keras.utils.set_random_seed(self._seed)
        cut, (pictures, labels) = self._cut, self._target.draw(FEW, self._seed)
        x, new = (cut_features(self._source, p, (cut,))[cut] for p in (pictures, self._unseen()[0]))
        head = keras.Sequential([keras.Input(x.shape[1:]), keras.layers.Dense(self._classes, activation="softmax")])
        head.compile(keras.optimizers.Adam(3e-2), "sparse_categorical_crossentropy")
        head.fit(x, labels, epochs=5, verbose=0)
        return 100 * float(np.mean(head.predict(new, verbose=0).argmax(1) == self._unseen()[1]))

    def _judge_model(self, model) -> str:
        import keras

        wanted = self.given_head() + LEAD
        require(isinstance(model, keras.Model), "Give a Keras model, from prepared pictures to the classes.")
        pictures, labels = self._unseen()
        x = self._source.preprocess(pictures)
        require(
            model.input_shape[1:] in (x.shape[1:], (None, None, 3)),
            f"It takes {model.input_shape[1:]}: it is to take what source.preprocess gives, {x.shape[1:]}.",
        )
        outputs = model.output_shape[1:]
        require(
            outputs == (self._classes,), f"Its output is {outputs}: one number for each of {self._classes} classes."
        )
        right = 100 * float(np.mean(model.predict(x, verbose=0).argmax(1) == labels))
        told = f"{right:.1f} % of {len(labels)} new pictures, and {wanted:.1f} % are wanted."
        require(right > 150 / self._classes, f"{told} That is about guessing: was it trained on prepared pictures?")
        require(right >= wanted, told)
        return told
