"""Lesson 01, little data: what its figures show, what it claims, and its exercises."""

import numpy as np

from .. import figures
from ..charts.pretrained import show_table
from ..lesson import Exercise, claim, exercise
from ..marking import NUMBER, require
from ..pictures.labelled import Target, balanced_draw
from ..probing import cut_features, interval, linear_probe
from ..sources import Source
from ..targets import load_target

NS = (5, 20, 100)
SHARE, LOSS = 3, 8  # a head with so few times the parameters, so many points behind at most
FROM_SCRATCH = 45  # per cent, to be reached from scratch with N windows of each photograph
N = 20
Rows = list[dict]  # "network", "n", "draw", "own" and "new": accuracy in per cent on training and on test pictures


def how_many(target: Target, fast: bool) -> tuple[tuple[int, ...], int]:
    """Some numbers of pictures per class, as far as the smallest class goes, and how many draws of each."""
    fewest = int(np.bincount(target.labels).min())
    return tuple(dict.fromkeys(min(n, fewest) for n in (NS[:2] if fast else NS))), 2 if fast else 3


def part_of(labels: np.ndarray, n: int, seed) -> np.ndarray:
    """Where n pictures of each class stand in `labels` (m,), drawn and shuffled."""
    return balanced_draw("pool", "pictures", labels, int(labels.max()) + 1, n, seed)


def _scores(rows: Rows, network: str, key: str = "new") -> dict[int, list[float]]:
    """Accuracies of each draw, by n."""
    found: dict[int, list[float]] = {}
    for row in rows:
        if row["network"] == network:
            found.setdefault(row["n"], []).append(row[key])
    return found


def _line(scores: dict[int, list[float]]) -> tuple:
    return interval(list(scores.values()))


def _told(lines: dict[str, tuple]) -> str:
    return " ".join(f"{name}: " + ", ".join(f"{m:.0f} %" for m in mean) + "." for name, (mean, _) in lines.items())


def show_curves(probed: dict[str, dict[int, list[float]]], rows: Rows, chance: float) -> float:
    """Accuracy over n of every way; returns the frozen prefix's lead over the networks at the smallest n, in points.

    `probed` maps a way with a linear head to its scores (%) by n, the frozen prefix first.
    """
    networks = list(dict.fromkeys(row["network"] for row in rows))
    scores = probed | {network: _scores(rows, network) for network in networks}
    ns, draws = list(next(iter(scores.values()))), len(next(iter(scores.values()))[rows[0]["n"]])
    lines = {name: _line(part) for name, part in scores.items()}
    title = f"How far do n pictures per class go? Mean and 95 % interval of {draws} draws"
    shown = figures.curves(ns, lines, "training pictures per class", "test accuracy (%)", title, chance)
    figures.show(shown, "Test accuracy over n. " + _told(lines))
    first, *others = (np.array([np.mean(part[n]) for n in ns]) for part in scores.values())
    lead = [float(first[k] - max(other[k] for other in others)) for k in range(len(ns))]
    told = ", ".join(f"n = {n} {points:+.0f} points" for n, points in zip(ns, lead, strict=True))
    claim("At every n, the frozen prefix leads all the others.", min(lead) > 0, f"ahead of the next best: {told}")
    best = max(np.mean(scores[network][ns[-1]]) for network in networks)
    claim(
        f"{ns[0]} pictures per class on the frozen prefix are worth more than {ns[-1]} from scratch.",
        first[0] > best,
        f"{first[0]:.0f} % against {best:.0f} %",
    )
    return float(first[0] - max(np.mean(scores[network][ns[0]]) for network in networks))


def show_overfitting(rows: Rows, claims: bool = True) -> None:
    """Accuracy over n on the networks' own training pictures and on new ones, and the claim that a gap closes."""
    networks = list(dict.fromkeys(row["network"] for row in rows))
    lines = {}
    for network in networks:
        name = network.replace("from scratch, ", "")
        lines |= {f"{name}, {key}": _line(_scores(rows, network, key)) for key in ("own", "new")}
    ns = list(_scores(rows, networks[0]))
    title = "What is learned by heart? Accuracy on a network's own training pictures and on new ones"
    shown = figures.curves(ns, lines, "training pictures per class", "accuracy (%)", title)
    figures.show(shown, "Accuracy over n. " + _told(lines))
    own, new = (np.array(_line(_scores(rows, networks[0], key))[0]) for key in ("own", "new"))
    told = ", ".join(f"n = {n}: {o:.0f} and {w:.0f} %" for n, o, w in zip(ns, own, new, strict=True))
    gap, few = own - new, f"With {ns[0]} pictures per class, the network knows those much better than new ones"
    if claims:
        claim(f"{few}; with more pictures the gap is smaller.", gap[0] > 30 and gap[-1] < gap[0], told)


def show_depth_and_data(table: Rows, claims: bool = True) -> str:
    """Accuracy over n for networks of several depths; "network" is the number of convolutions.

    Returns the depth that is best with the fewest pictures.
    """
    depths = sorted({row["network"] for row in table})
    lines = {f"{depth} convolutions": _line(_scores(table, depth)) for depth in depths}
    ns = list(_scores(table, depths[0]))
    draws = len(_scores(table, depths[0])[ns[0]])
    title = f"Does a deeper network need more data? Mean and 95 % interval of {draws} draws"
    shown = figures.curves(ns, lines, "training pictures per class", "test accuracy (%)", title)
    figures.show(shown, "Test accuracy over n. " + _told(lines))
    found = {depth: np.array(list(_scores(table, depth).values())) for depth in depths}  # (n, draws)
    if claims:
        shallow, deep = found[depths[0]], found[depths[-1]]
        pairs = zip(ns, shallow.mean(1), deep.mean(1), strict=True)
        told = ", ".join(f"n = {n}: {a:.0f} and {b:.0f} %" for n, a, b in pairs)
        claim(
            f"With {ns[0]} pictures per class the shallowest network is better than the deepest, in every draw.",
            bool(np.all(shallow[0] > deep[0])),
            f"{depths[0]} and {depths[-1]} convolutions, {told}",
        )
        gained = {depth: part[-1] - part[0] for depth, part in found.items()}
        claim(
            f"More pictures bring the deeper networks more: from {ns[0]} to {ns[-1]} per class they gain more points "
            "than the shallowest, in every draw.",
            all(np.all(gained[depth] > gained[depths[0]]) for depth in depths[1:]),
            ", ".join(f"{depth} convolutions {points.mean():+.0f}" for depth, points in gained.items()),
        )
    return f"{max(depths, key=lambda depth: found[depth][0].mean())}"


def show_known_classes(source: Source, target: Target) -> None:
    """What the source calls the test pictures of each target class. Raises `NoClassifier` where it has no names."""
    pictures, labels = target.test_pictures[::3], target.test_labels[::3]
    said = source.predict(pictures).argmax(1)
    names = {name.lower().replace("_", " ") for name in source.class_names}
    rows, shared = [], []
    for k in np.unique(labels)[:8]:
        kinds, counts = np.unique(said[labels == k], return_counts=True)
        most, name = int(counts.argmax()), target.class_names[k]
        known = name.lower() in names or name.lower().rstrip("s") in names
        shared += [name] * known
        answer = source.class_names[kinds[most]].replace("_", " ")
        rows.append((name, answer, f"{100 * counts[most] / counts.sum():.0f} %", "yes" if known else "no"))
    show_table(["target class", "most often called", "of its test pictures", "a class of the source"], rows)
    print("Classes that source and target share by name:", ", ".join(shared) or "none of these.")


@exercise(
    "Trained parameters for each picture: 12 pictures of each of 30 kinds of beetles, 128 numbers behind the cut.",
    "How many parameters has a linear head from 128 numbers to 30 classes? And how many pictures are there in all?",
    "(128 + 1) · 30 parameters, as each class has a bias, over 12 · 30 pictures.",
)
def per_picture(answer) -> str:
    """Judge the number of trained parameters per picture, 10.75."""
    require(isinstance(answer, NUMBER) and not isinstance(answer, bool), "Give a number.")

    def near(value: float) -> bool:
        return abs(answer - value) < 0.01

    require(not near(128 / 12), "You left out the biases: one for each class.")
    require(not near(129 * 30), "Those are the parameters in all: divide by the pictures.")
    require(not near(129 * 30 / 12), "You divided by the pictures of one class: there are 30 such classes.")
    require(not near(129 / 360), "Those are the parameters of one class: there are 30.")
    require(not near(360 / 3870), "Those are pictures for each parameter: the other way round.")
    require(near(10.75), "Count the head's parameters, biases too, and divide by all pictures.")
    return "So 12 pictures have to fix 129 numbers, for each kind of beetle."


def _right(model, x: np.ndarray, labels: np.ndarray, classes: int, what: str) -> float:
    """Test accuracy (%) of a model that is to take `x` and to give a number for each class. Raises `NotYet`."""
    import keras

    require(isinstance(model, keras.Model), "Give a Keras model.")
    fits = model.input_shape[1:] in (x.shape[1:], (None, None, 3))
    require(fits, f"It takes {model.input_shape[1:]}: it is to take {what}, {x.shape[1:]}.")
    given = model.output_shape[1:]
    require(given == (classes,), f"Its output is {given}: one number for each of {classes} classes is asked for.")
    return 100 * float(np.mean(model.predict(x, batch_size=64, verbose=0).argmax(1) == labels))


class LittleTasks:
    """The open tasks of lesson 01, `beat` and `spare`, with N pictures of each class.

    `windows` and `labels` are for `beat`: uint8 (n, 128, 128, 3) and (n,).
    """

    def __init__(self, source: Source, target: Target, cut: str, seed: int):
        self._source, self._target = source, target
        self._windows = load_target("windows", seed)
        self.windows, self.labels = self._windows.draw(N, seed)
        self.beat: Exercise = exercise(
            f"A network from scratch that is right in {FROM_SCRATCH} % with {N} windows of each photograph.",
            "A window that is mirrored, or turned by a quarter, is one more window. And 32 pixels are few.",
            "Make eight of each (np.rot90, [:, :, ::-1]), take 64 pixels with layers.Resizing(64, 64), convolutions of "
            "24, 48 and 96 channels with strides of 2, and 500 steps with a falling learning rate.",
        )(self._judge_scratch)
        train = target.choose(min(N, int(np.bincount(target.labels).min())), seed)
        self._test = target.test_pictures[::2], target.test_labels[::2]
        x, new = (cut_features(source, p, (cut,))[cut] for p in (target.pictures[train], self._test[0]))
        self.score = 100 * linear_probe(x, target.labels[train], new, self._test[1])
        self.most = (x.shape[1] + 1) * len(target.class_names) // SHARE
        self.pictures, self.targets = target.pictures[train], target.labels[train]
        self.spare: Exercise = exercise(
            f"At most {self.most:,} trained parameters, and {self.score - LOSS:.1f} % right at least.",
            "The head's parameters are the numbers that it gets, times the classes. Can it get fewer numbers?",
            "Principal components of the features (sklearn.decomposition.PCA) as a frozen dense layer, then the head.",
        )(self._judge_spare)

    def _judge_scratch(self, model) -> str:
        pictures = self._windows.test_pictures
        right = _right(model, pictures, self._windows.test_labels, len(self._windows.class_names), "raw windows")
        told = f"{right:.1f} % of {len(pictures)} new windows; {FROM_SCRATCH} % are wanted."
        require(right > 10, f"{told} That is little more than guessing: does the model scale its pictures?")
        require(right >= FROM_SCRATCH, told)
        return told

    def _judge_spare(self, model) -> str:
        x = self._source.preprocess(self._test[0])
        classes = len(self._target.class_names)
        right = _right(model, x, self._test[1], classes, "what source.preprocess gives")
        trained = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
        require(trained > 0, "Nothing in it is trainable: leave the head as it is when it was trained.")
        told = f"{trained:,} trained parameters, {right:.1f} % right."
        require(trained <= self.most, f"{told} At most {self.most:,} parameters: freeze the rest.")
        require(right >= self.score - LOSS, f"{told} {self.score - LOSS:.1f} % are wanted.")
        return f"{told} The whole head: {self.score:.1f} %."
