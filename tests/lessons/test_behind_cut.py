"""Lesson 04: a model that goes back to its start, the figure of the heads, and what the exercises say of answers."""

import keras
import numpy as np
import pytest
from lesson_helpers import FOUR, RED, four_classes, model_on, tiny_source

from course_utils.lessons import behind_cut

CUTS = ("early", "mid", "late")
HEADS = ("linear", "hidden", "new layers")


def test_a_model_goes_back_to_its_start_with_its_optimizer():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
    model.compile(keras.optimizers.Adam(0.1), "mse")
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(8, 3)), rng.normal(size=(8, 2))

    def trained():
        for _ in range(3):
            model.train_on_batch(x, y)
        return model.get_weights()[0]

    back, start = behind_cut.rewind(model), model.get_weights()[0]
    once = trained()
    assert np.abs(once - start).max() > 0.1
    back()
    np.testing.assert_array_equal(model.get_weights()[0], start)
    assert int(model.optimizer.iterations.numpy()) == 0
    np.testing.assert_array_equal(trained(), once)  # Adam has forgotten its averages, too
    back()
    np.testing.assert_array_equal(model.get_weights()[0], start)


def rows(means, draws=3):
    """Results of every head behind every cut, `means` (cuts, heads), at n = 5 and, 10 points better, at n = 20."""
    sizes = {"linear": 1000, "hidden": 20000, "new layers": 300000}
    return [
        {"cut": cut, "head": head, "parameters": sizes[head], "n": n, "accuracy": means[c][h] + luck + (n == 20) * 10}
        for c, cut in enumerate(CUTS)
        for h, head in enumerate(HEADS)
        for n in (5, 20)
        for luck in range(draws)
    ]


CONTROLS = {
    "cuts": ("stem", *CUTS),
    "untrained": np.array([[90.0, 30, 25, 20], [92, 32, 27, 22], [94, 34, 29, 24]]),
    "pixels": np.array([16.0, 17, 18]),
}
GROWING = [[30, 35, 60], [50, 52, 70], [60, 61, 62]]


def test_heads_are_drawn_beside_the_controls_of_their_cut(told, shown, capsys):
    assert behind_cut.show_heads(CONTROLS, rows(GROWING), 20) == "shallow"
    ((figure, alt),) = shown
    assert "early: linear 36 %, hidden 41 %, new layers 66 %; mid: linear 56 %" in alt
    assert "3 draws" in figure.get_suptitle()
    assert [ax.get_title(loc="left") for ax in figure.axes] == [f"cut at {cut}" for cut in CUTS]
    dashed = [[line.get_ydata()[0] for line in ax.lines if line.get_color() == "black"] for ax in figure.axes]
    assert dashed == [[32, 17], [27, 17], [22, 17]]
    sizes = [container.lines[0].get_xdata().tolist() for container in figure.axes[1].containers]
    assert sizes == [[1000, 20000, 300000]] * 2
    heights = [container.lines[0].get_ydata().tolist() for container in figure.axes[1].containers]
    assert heights == [[51, 53, 71], [61, 63, 81]]
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 9 and printed[2].split()[:3] == ["early", "new", "layers"]
    assert "300,000 parameters   n = 5: 61 ± 2 %, n = 20: 71 ± 2 %" in printed[2]


def test_draws_are_counted_with_any_number_of_cuts_and_heads(shown):
    some = [row for row in rows(GROWING, draws=4) if row["cut"] != CUTS[1] and row["head"] != "hidden"]
    behind_cut.show_heads(CONTROLS, some, 20)
    assert "4 draws" in shown[0][0].get_suptitle()


def test_the_gain_of_convolutions_is_claimed_where_it_was_measured(told, shown):
    behind_cut.show_heads(CONTROLS, rows(GROWING), 20)
    text, facts = told[-1]
    assert facts["holds"] is True
    assert "convolutions +30 points at early and +2 at late, a hidden layer +5 at early" in text


@pytest.mark.parametrize(
    ("means", "where", "holds"),
    [
        ([[30, 35, 42], [50, 52, 70], [60, 61, 62]], "middle", True),
        ([[30, 35, 42], [50, 52, 55], [30, 31, 62]], "deep", True),
        ([[30, 65, 60], [50, 52, 55], [60, 61, 62]], "shallow", False),  # a hidden layer gains as much
    ],
)
def test_other_heads_are_not_said_to_gain_so(told, shown, means, where, holds):
    assert behind_cut.show_heads(CONTROLS, rows(means), 20) == where
    assert told[-1][1]["holds"] is holds


FIRST, SECOND, LAST = 9 * 96 * 32, 9 * 32 * 32, 32 * 5  # without biases
MISTAKES = {
    FIRST + SECOND + LAST: "left out the biases",
    FIRST + SECOND + 64: "left out the dense layer",
    2 * (FIRST + 32) + LAST + 5: "the 32 channels of the first",
    FIRST + SECOND + 64 + 14 * 14 * LAST + 5: "The dense layer gets averages",
    14 * 14 * (FIRST + SECOND) + 64 + LAST + 5: "counted once",
    FIRST + SECOND + 64 + LAST + 6: "layer by layer",
    37093.0: "a whole number",
    "37093": "a whole number",
}


@pytest.mark.parametrize("answer", MISTAKES)
def test_a_wrong_count_of_parameters_is_told_by_its_mistake(ask, answer):
    right, text = ask(behind_cut.parameters, answer)
    assert right is False and MISTAKES[answer] in text


def test_what_keras_counts_is_right(ask):
    layers = keras.layers
    parts = [layers.Conv2D(32, 3, padding="same"), layers.Conv2D(32, 3, padding="same")]
    model = keras.Sequential([keras.Input((14, 14, 96)), *parts, layers.GlobalAveragePooling2D(), layers.Dense(5)])
    right, text = ask(behind_cut.parameters, model.count_params())
    assert right is True and text == "27,680 + 9,248 + 165."
    assert ask(behind_cut.parameters, np.int64(37093))[0] is True


@pytest.fixture
def asked_for(monkeypatch):
    """What targets were asked for: (name, seed)."""
    calls = []

    def load(name, seed):
        calls.append((name, seed))
        return four_classes(seed, tests=100 if seed < 100 else 75)

    monkeypatch.setattr(behind_cut, "load_target", load)
    return calls


@pytest.fixture
def source():
    return tiny_source()


@pytest.fixture
def tasks(source, asked_for):
    return behind_cut.CutTasks(source, 0)


def test_what_is_judged_is_drawn_anew(tasks, asked_for):
    assert asked_for == [("count", 0), ("count", 100)]
    assert tasks.pictures.shape == (80, 8, 8, 3) and np.bincount(tasks.labels).tolist() == [20] * 4
    known = {picture.tobytes() for picture in four_classes(0).pictures}
    assert all(picture.tobytes() in known for picture in tasks.pictures)
    assert tasks.classes == 4


def test_a_good_cut_is_right(tasks, ask):
    right, text = ask(tasks.choose, lambda features, labels: "colours")
    assert right is True and "colours" in text and "0.0 points behind" in text


def test_a_choice_is_asked_for_in_three_draws_and_cannot_spoil_them(tasks, ask):
    seen = []

    def choose(features, labels):
        seen.append((features["colours"].copy(), np.bincount(labels).tolist()))
        for x in features.values():
            x[:] = 0
        labels[:] = 0
        return "grey"

    right, text = ask(tasks.choose, choose)
    assert right is False and "points behind the best" in text  # as it would be, had it spoilt nothing
    assert [counts for _, counts in seen] == [[10] * 4] * 3
    assert all(x.shape == (40, 3) for x, _ in seen) and not np.array_equal(seen[0][0], seen[1][0])
    assert all(x.std() > 0.01 for x, _ in seen)


def test_choices_are_told_apart(tasks, ask):
    calls = []

    def once_wrong(features, labels):  # 25 points behind in one draw of three: too much on average
        calls.append(1)
        return "grey" if len(calls) == 2 else "colours"

    mistakes = {
        "without calling it": "colours",
        "returned 0, which is no cut": lambda features, labels: 0,
        "returned 'blue', which is no cut": lambda features, labels: "blue",
        "best 5": lambda features, labels: "grey",
        "colours": once_wrong,
    }
    for words, answer in mistakes.items():
        right, text = ask(tasks.choose, answer)
        assert right is False and words in text, (words, text)
    assert "points behind the best cut on average of three draws (colours" in text and "; grey" in text


def test_a_head_that_sees_places_beats_the_best_cut(tasks, source, ask):
    right, text = ask(tasks.beat, model_on(source, FOUR))
    assert right is True and "On 300 new pictures 100.0 %; the linear head at colours has" in text


def test_the_lead_must_be_reached(tasks, source, ask, monkeypatch):
    monkeypatch.setattr(behind_cut, "LEAD", 60)
    assert ask(tasks.beat, model_on(source, FOUR))[0] is False
    monkeypatch.setattr(tasks, "_scores", lambda x, labels: {"grey": 25.0, "colours": 40.0})
    assert ask(tasks.beat, model_on(source, FOUR))[0] is True  # exactly
    monkeypatch.setattr(tasks, "_scores", lambda x, labels: {"grey": 41.0, "colours": 40.0})
    right, text = ask(tasks.beat, model_on(source, FOUR))
    assert right is False and "at grey has 41.0 %" in text


def test_models_are_told_apart(tasks, source, ask):
    wide = keras.Sequential([keras.Input((9, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(4)])
    alone = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten(), keras.layers.Dense(4)])
    moved = tiny_source()
    moved.model.get_layer("colours").bias.assign([0.1, 0, 0])
    mistakes = {
        "Give a Keras model": lambda pictures: pictures,
        "It takes (9, 8, 3), not (8, 8, 3).": wide,
        "Its output is (3,), not 4 classes.": model_on(source, FOUR[:3]),
        "no layer of the source": alone,
        "its layer colours has other weights": model_on(moved, FOUR),
        "On 300 new pictures 25.0 %; the linear head at colours has": model_on(source, [-RED, RED, RED, RED]),
    }
    for words, answer in mistakes.items():
        right, text = ask(tasks.beat, answer)
        assert right is False and words in text, (words, text)


def test_exercises_wait_and_hint(tasks, told):
    for exercise in (behind_cut.parameters, tasks.choose, tasks.beat):
        exercise()
        exercise.hint(1)
        exercise.hint(2)
    assert [facts.get("hint", facts.get("right")) for _, facts in told] == [None, 1, 2] * 3
    assert len({text for text, _ in told}) == 9
