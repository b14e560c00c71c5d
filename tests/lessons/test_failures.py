"""Lesson 07: what its figures show, what it claims, and what its exercises say of right and of wrong answers."""

import keras
import numpy as np
import pytest

from course_utils import lesson
from course_utils.charts import controls
from course_utils.lessons import failures, harm
from course_utils.probing import cut_features, interval
from course_utils.targets import load_target
from course_utils.world import halves, shapes, tasks
from course_utils.world.notes import notes

EIGHT = ("stem", "b1", "b2", "b3", "b4", "b5", "b6", "logits")
EIGHTEEN = ("stem", *(f"b{k}" for k in range(16)), "top")


def noisy(cuts, seed=0):
    return np.random.default_rng(seed).uniform(20, 90, (4, len(cuts)))


STEPS = {
    "blur": [(0.1, np.array([80.0, 82])), (0.5, np.array([60.0, 61])), (1.1, np.array([30.0, 33]))],
    "tiles": [(0.1, np.array([80.0, 82])), (0.9, np.array([40.0, 44]))],
    "inverted": [(0.1, np.array([80.0, 82])), (0.2, np.array([75.0, 78]))],
}
ROWS = {
    "windows": {"cut at b6": (90, 92), "cut at b3": (60, 63), "untrained": (20, 22), "raw pixels": (10, 12)},
    "digits": {"cut at b6": (60, 62), "cut at b3": (80, 81), "untrained": (85, 86), "raw pixels": (90, 92)},
    "stripe orientation": {"cut at b6": (20, 21), "cut at b3": (70, 72), "untrained": (18, 19), "raw pixels": (16, 18)},
}
ROWS = {name: {way: np.array(found, "float64") for way, found in ways.items()} for name, ways in ROWS.items()}


def test_a_smaller_target_has_as_many_of_each_class_and_no_more_tests():
    whole = load_target("digits")
    part = failures.smaller(whole, 7, 30, 3)
    assert np.bincount(part.labels).tolist() == [7] * 10 and part.test_pictures.shape == (30, 64, 64, 3)
    again, other = failures.smaller(whole, 7, 30, 3), failures.smaller(whole, 7, 30, 4)
    np.testing.assert_array_equal(part.pictures, again.pictures)
    assert (part.pictures != other.pictures).any() and part.class_names == whole.class_names
    assert len(failures.smaller(whole, 10**6, 10**6, 0).test_labels) == len(whole.test_labels)


def test_targets_seen_together_have_the_features_that_they_have_alone(source):
    few = [failures.smaller(load_target(name), 2, 5, 0) for name in ("digits", "pose")]
    together = failures.at_cuts(source, ("b1", "b6"), few)
    for target, (x, test) in zip(few, together, strict=True):
        for pictures, found in ((target.pictures, x), (target.test_pictures, test)):
            for cut, values in cut_features(source, pictures, ("b1", "b6")).items():
                np.testing.assert_allclose(found[cut], values, atol=1e-4)
    ((untrained, _),) = failures.at_cuts(source, ("b6",), few[:1], seed=0)
    assert np.abs(untrained["b6"] - together[0][0]["b6"]).max() > 0.1
    assert failures.as_pixels(few)[1][1][""].shape == (5, 768)


def test_known_shapes_are_those_of_the_source():
    target = tasks.known_shapes(0)
    assert target.class_names == shapes.SOURCE_SHAPES[:8] and not set(target.class_names) & set(shapes.UNSEEN_SHAPES)
    assert len(target.labels) == 960 and (target.pictures != tasks.known_shapes(1).pictures).any()


def test_a_higher_note_stands_higher_in_its_picture():
    target = notes(0)
    assert target.pictures.shape == (480, 64, 64, 3) and (target.pictures != notes(1).pictures).any()
    np.testing.assert_array_equal(target.test_pictures, notes(0).test_pictures)
    rows = [target.pictures[target.labels == k][..., 0].mean((0, 2)) for k in range(8)]
    lowest = [63 - row[::-1].argmax() for row in rows]  # the loudest row, from below
    assert lowest[0] > lowest[7]


@pytest.mark.parametrize("cuts", [EIGHT, EIGHTEEN])
def test_figures_over_depth_are_whole_with_few_cuts_and_with_many(shown, cuts):
    parts = {grid: noisy(cuts, grid) for grid in (1, 2)}
    controls.show_remedy(cuts, parts, [90.0, 91.0], "t")
    panel = {"trained": interval(noisy(cuts), 0), "untrained": interval(noisy(cuts, 1), 0)}
    panel["raw pixels"] = interval(np.array([[40.0], [44.0]]), 0)
    controls.show_questions(cuts, dict.fromkeys(("colour", "brightness", "stripe orientation"), panel), "t")
    for figure, alt in shown:
        page, renderer = figure.bbox, figure.canvas.get_renderer()
        for ax in figure.axes:
            box = ax.get_tightbbox(renderer)
            assert box.x0 > -2 and box.x1 < page.x1 + 2 and box.y0 > -2 and box.y1 < page.y1 + 2
            named = [text for text in ax.get_xticklabels() if text.get_text()]
            boxes = [text.get_window_extent(renderer) for text in named]
            assert named[0].get_text() == cuts[0] and named[-1].get_text() == cuts[-1]
            assert all(left.x1 <= right.x0 + 1 for left, right in zip(boxes, boxes[1:], strict=False))
        assert len(alt.split()) > 10


def test_a_bar_leads_to_the_control_that_is_better_beyond_doubt(shown):
    controls.show_alarms(ROWS, "t")
    bars = [line for line in shown[0][0].axes[0].lines if line.get_linewidth() == 7]
    assert [tuple(line.get_ydata()) for line in bars] == [(1, 1), (2, 2)]
    assert [line.get_xdata()[1] for line in bars] == [91, 71]
    legend = shown[0][0].axes[0].get_legend()
    named = dict(zip((text.get_text() for text in legend.get_texts()), legend.legend_handles, strict=True))
    assert [label for label, line in named.items() if "alarm" in label and line.get_linewidth() == 7]
    assert sum("alarm" in label for label in named) == 1  # though there are two bars
    assert "digits: cut at b6 61; cut at b3 80" in shown[0][1]


def test_other_figures_say_what_they_show(shown):
    controls.show_ways({"trained prefix": [80.0, 82], "raw pixels": [90.0, 91]}, "t")
    controls.show_steps("windows", STEPS, 1.4)
    controls.show_overlap((1, 5), {"known shapes": noisy("ab").T, "unseen shapes": noisy("cd", 1).T})
    assert "trained prefix 81 %" in shown[0][1] and "tiles 42 % at 0.90" in shown[1][1]
    assert all(ax.get_xlabel() for figure, _ in shown for ax in figure.axes)
    hollow = [line for line in shown[1][0].axes[0].lines if line.get_markerfacecolor() == "white"]
    assert len(hollow) == 2 + 2  # a step of each, and its place in the legend


def test_claims_are_of_what_was_measured(told):
    harm.claims_for_distance(STEPS)
    harm.claims_for_controls(ROWS, "windows")
    harm.claims_for_digits(
        {"trained prefix": [80.0], "untrained prefix": [85.0], "raw pixels": [90.0], "small network": [95.0]}
    )
    panel = {"brightness": {"trained": (np.array([50.0, 30, 20]), None)}}
    harm.claims_for_questions(("stem", "b1", "b2"), panel)
    harm.claims_for_remedy(("a", "b"), {1: np.array([[80.0, 60]]), 2: np.array([[95.0, 70]])}, [90.0])
    harm.claims_for_overlap((1, 5), np.array([[60.0, 62], [95, 96]]), np.array([[30.0, 32], [90, 92]]))
    assert len(told) == 12 and all(facts["holds"] for _, facts in told)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: harm.claims_for_distance({k: [(1 - far, right) for far, right in found] for k, found in STEPS.items()}),
        lambda: harm.claims_for_controls({**ROWS, "windows": ROWS["digits"]}, "windows"),
        lambda: harm.claims_for_controls({**ROWS, "stripe orientation": ROWS["digits"]}, "windows"),
        lambda: harm.claims_for_questions(("a", "b"), {"colour": {"trained": (np.array([20.0, 90]), None)}}),
        lambda: harm.claims_for_overlap((1, 5), np.array([[30.0], [90]]), np.array([[30.0], [90]])),
        lambda: harm.claims_for_remedy(("a", "b"), {1: np.array([[50.0, 60]]), 2: np.array([[50.0, 60]])}, [90.0]),
    ],
)
def test_what_was_not_measured_is_not_claimed(told, wrong):
    wrong()
    assert not all(facts["holds"] for _, facts in told)


def test_predictions_are_compared_with_the_best(told):
    harm.compare_depth("shallow", np.array([50.0, 40, 30, 20, 10, 5]))
    harm.compare_depth("shallow", np.array([5.0, 10, 20, 30, 40, 50]))
    harm.compare_control("earlier cut", ROWS["stripe orientation"])
    harm.compare_control("earlier cut", ROWS["digits"])
    assert [facts["prediction"] for _, facts in told] == [True, False, True, False]
    assert harm.dearest(STEPS) == "blur"


def test_the_networks_on_halves_come_as_arrays_and_are_claimed(told, shown, capsys):
    runs = harm.runs_on_halves(lambda *_: pytest.fail("the table comes with the course"))
    assert runs["base"].shape == (3, 1) and {runs[kind].shape for kind in halves.KINDS} == {(3, len(halves.CUTS))}
    harm.show_halves(runs)
    assert len(told) == 4 and all(facts["holds"] for _, facts in told)
    assert "AnB+" in shown[0][1]


def whole(transfer, control):
    mean, half = interval(transfer - control)
    return mean + half < 0


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (0.5, "A function is wanted"),
        (lambda t, c: whole(c, t), "wrong way round"),
        (lambda t, c: False, "is harm"),
        (lambda t, c: bool(np.abs(np.mean(t - c)) > np.ravel(interval(t - c)[1])[0]), "differ"),
        (lambda t, c: np.mean(t) < np.mean(c), "compared means"),
        (lambda t, c: interval(t)[0] + interval(t)[1] < interval(c)[0] - interval(c)[1], "unpaired"),
    ],
)
def test_harm_is_told_from_its_mistakes(ask, answer, word):
    right, text = ask(failures.harms, answer)
    assert right is False and word in text


def test_harm_beyond_doubt_is_right(ask):
    assert ask(failures.harms, whole)[0] is True


@pytest.fixture(scope="module")
def small_network():
    """The worked answer to the second exercise: notes, learned from scratch."""
    x, y = notes(0).draw(20, [0, 0])
    keras.utils.set_random_seed(0)
    layers = keras.layers
    model = keras.Sequential(
        [
            keras.Input((64, 64, 3)),
            layers.Resizing(32, 32),
            layers.Rescaling(1 / 255),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(8, "softmax"),
        ]
    )
    model.compile(keras.optimizers.Adam(3e-3), "sparse_categorical_crossentropy")
    model.fit(x, y, epochs=15, verbose=0)
    return model


@pytest.mark.long
def test_a_network_that_beats_the_pixels_is_right(ask, small_network, monkeypatch):
    monkeypatch.setattr(lesson, "last_seed", 0)
    right, text = ask(failures.beats_pixels, (small_network, lambda pictures: pictures))
    assert right is True and "raw pixels" in text


class RightSoOften(keras.Model):
    """A model that names this share of the new notes rightly."""

    def __init__(self, share):
        super().__init__()
        self.share = share

    def predict(self, x, verbose=0):
        labels = notes(1000).test_labels
        said = np.where(np.arange(len(labels)) % 100 < 100 * self.share, labels, (labels + 1) % 8)
        return np.eye(8)[said]


def test_models_that_are_not_it_are_told_apart(ask, small_network, monkeypatch):
    monkeypatch.setattr(lesson, "last_seed", 0)

    def same(pictures):
        return pictures

    no_head = keras.Model(small_network.inputs, small_network.layers[-2].output)
    answers = {
        "Hand in a pair": small_network,
        "The pair is": ("a model", same),
        "is wanted, a number for": (no_head, same),
        "That is guessing": (RightSoOften(0.15), same),
        "negative transfer": (RightSoOften(0.5), same),
        "less than 10 points": (RightSoOften(0.7), same),
    }
    for word, answer in answers.items():
        right, text = ask(failures.beats_pixels, answer)
        assert right is False and word in text, (word, text)


def by_cross_validation(features, labels):
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    head = make_pipeline(StandardScaler(), LogisticRegression(max_iter=100))
    return max(features, key=lambda way: cross_val_score(head, features[way], labels, cv=2).mean())


@pytest.mark.long
def test_a_guard_that_looks_at_training_pictures_is_right(ask):
    right, text = ask(failures.guard, by_cross_validation)
    assert right is True, text


def test_guards_that_do_not_look_are_told_apart(ask):
    turns = iter(("b4", "stem", "b6"))
    answers = {
        "A function is wanted": "b6",
        "it must be one of": lambda features, labels: "b7",
        "the same each time": lambda features, labels: "b6",
        "more than 5 points": lambda features, labels: next(turns),
    }
    for word, answer in answers.items():
        right, text = ask(failures.guard, answer)
        assert right is False and word in text, (word, text)


@pytest.mark.parametrize("exercise", [failures.harms, failures.beats_pixels, failures.guard])
def test_exercises_wait_and_hint(told, exercise):
    exercise(...)
    exercise.hint(1)
    exercise.hint(2)
    assert told[0][1]["right"] is None and [facts.get("hint") for _, facts in told[1:]] == [1, 2]
