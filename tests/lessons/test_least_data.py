"""Lesson 10: what its figures tell, what it claims of which numbers, and how it judges its exercises."""

import numpy as np
import pytest
from lesson_helpers import tiny_source

from course_utils.lessons import least_data, least_tasks
from course_utils.lessons.least_data import PLAIN
from course_utils.marking import NotYet
from course_utils.probing import cut_features

LUCK = np.array([-1.0, 0.0, 1.0])
NS = (1, 5, 20)


@pytest.fixture
def said(monkeypatch):
    """What the lesson claims (the sentence's first words: whether it holds), and what it shows, under "alt"."""
    found = {"alt": []}
    monkeypatch.setattr(
        least_data, "claim", lambda sentence, holds, evidence="": found.update({sentence: (bool(holds), evidence)})
    )
    monkeypatch.setattr(least_data.figures, "show", lambda figure, alt: found["alt"].append(alt))
    return found


def holding(said):
    return [held for sentence, (held, _) in (item for item in said.items() if item[0] != "alt")]


def line(*means):
    return np.array(means, "float64")[:, None] + LUCK


def test_the_best_space_is_that_of_the_first_row(said):
    right = {
        "near, b1": {"as it is": 40 + LUCK, "both": 50 + LUCK},
        "far, b1": {"as it is": 60 + LUCK, "both": 30 + LUCK},
    }
    assert least_data.show_spaces(right) == "both"
    assert said["alt"] == ["near, b1: as it is 40 %, both 50 %. far, b1: as it is 60 %, both 30 %."]


@pytest.mark.parametrize(
    ("trained", "spaces", "holds", "first"),
    [
        ((40, 60, 90), (30, 50), [True, True], 20),
        ((40, 75, 90), (30, 50), [True, True], 5),
        ((40, 60, 70), (30, 50), [True, False], 20),  # no head is ahead
        ((10, 60, 90), (45, 50), [False, True], 20),  # the heads differ more than the spaces
    ],
)
def test_when_training_is_worth_it(said, trained, spaces, holds, first):
    scores = {PLAIN: line(40, 60, 75), "needs two": line(np.nan, 50, 60), "trained": line(*trained)}
    # Its luck is another one, as of equal luck no interval has a width.
    scores["trained"] = scores["trained"] + 0.1 * LUCK[::-1]
    in_spaces = {name: 1.0 * value + LUCK for name, value in zip("ab", spaces, strict=True)}
    assert least_data.show_few_shot_heads({"near": scores}, NS, {"near": in_spaces}) == first
    assert holding(said) == holds
    assert "trained: 40" in said["alt"][0] or "trained: 10" in said["alt"][0]


@pytest.mark.parametrize(("viewed", "held"), [(51, True), (58, False)])
def test_views_are_compared_with_a_second_picture(said, viewed, held):
    least_data.tell_views(50 + LUCK, viewed + LUCK[::-1], 60 + LUCK)
    assert holding(said) == [held]


@pytest.mark.parametrize(("means", "held"), [((8, 1, -2), True), ((8, 1, 0.5), False), ((-3, -2, -1), False)])
def test_pseudo_labels_help_where_labels_are_few(said, means, held):
    assert least_data.show_pseudo({"near": line(*means), "far": line(5, 0, -5)}, NS) == pytest.approx(means[0])
    assert holding(said) == [held]


@pytest.mark.parametrize(("typical", "held"), [((60, 70, 80), True), ((40, 50, 60), False)])
def test_typical_pictures_are_compared_with_chance(said, typical, held):
    right = {"near": {"chance": line(45, 55, 65), "doubt": line(90, 90, 90), "typical": line(*typical)}}
    assert least_data.show_choices(right, NS) == pytest.approx(np.mean(typical) - 55)
    assert holding(said) == [held]


def dense(kernel, bias):
    import keras

    layer = keras.layers.Dense(kernel.shape[1], use_bias=bias is not None)
    layer.build((None, len(kernel)))
    layer.set_weights([kernel] if bias is None else [kernel, bias])
    return layer


AS_LAYER = {
    "right": (lambda c: dense(2 * c.T, -np.sum(c**2, 1)), ""),
    "half of it, which is as good": (lambda c: dense(c.T, -np.sum(c**2, 1) / 2), ""),
    "no bias": (lambda c: dense(2 * c.T, None), "the longest centroid wins"),
    "the distance itself": (lambda c: dense(-2 * c.T, np.sum(c**2, 1)), "turn the sign"),
    "the bias twice": (lambda c: dense(c.T, -np.sum(c**2, 1)), "It agrees"),
    "one output short": (lambda c: dense(2 * c[:4].T, -np.sum(c[:4] ** 2, 1)), "one each"),
    "no layer": (lambda c: c, "not a Dense layer"),
}


@pytest.mark.parametrize("case", AS_LAYER)
def test_centroids_as_a_layer(case):
    answer, mistake = AS_LAYER[case]
    if not mistake:
        assert least_tasks.as_layer._judge(answer)
        return
    with pytest.raises(NotYet, match=mistake):
        least_tasks.as_layer._judge(answer)


@pytest.fixture(scope="module")
def tasks():
    return least_tasks.LeastTasks(tiny_source(), tiny_source().cuts[-1], 0)


def knowing(tasks):
    """Answers a cheat who has seen the labels would give."""
    return lambda x, y, unlabelled, new: tasks._answers


def test_answers_are_compared_with_the_nearest_centroid(tasks, monkeypatch):
    assert "100.0 %" in tasks.answer._judge(knowing(tasks))
    with pytest.raises(NotYet, match=r"\+0.0 points beside"):
        tasks.answer._judge(lambda x, y, unlabelled, new: y[least_tasks._nearest(new, x)])
    with pytest.raises(NotYet, match="not a class for each of the 300"):
        tasks.answer._judge(lambda x, y, unlabelled, new: y)


def test_a_choice_is_compared_with_chance(tasks, monkeypatch):
    monkeypatch.setattr(tasks, "_worth", lambda train: 50.0 + 20 * (len(np.unique(tasks._y[train])) == 10))
    place = {row.tobytes(): k for k, row in enumerate(tasks._x)}

    def of_each_class(x, budget, seed):
        labels = tasks._y[[place[row.tobytes()] for row in x]]
        return np.concatenate([np.flatnonzero(labels == k)[: budget // 10] for k in range(10)])

    assert "70.0 %" in tasks.ask._judge(of_each_class)
    with pytest.raises(NotYet, match="beside a choice at random"):
        tasks.ask._judge(
            lambda x, budget, seed: np.flatnonzero(tasks._y[[place[r.tobytes()] for r in x]] == 0)[:budget]
        )
    for wrong in (lambda x, b, s: np.zeros(b, int), lambda x, b, s: np.arange(b - 1), lambda x, b, s: x[:b]):
        with pytest.raises(NotYet, match="different pictures"):
            tasks.ask._judge(wrong)
    with pytest.raises(NotYet, match="places 0 to 299"):
        tasks.ask._judge(lambda x, budget, seed: np.arange(len(x) - 5, len(x) - 5 + budget))


def test_what_labels_are_worth_is_measured_on_new_pictures(tasks):
    assert (
        tasks._worth(np.arange(200))
        > tasks._worth(np.flatnonzero(tasks._y == 3)[:20])
        == pytest.approx(100 * np.mean(tasks._answers == 3))
    )


def test_the_training_pictures_are_in_negative(tasks):
    from course_utils.targets import load_target

    digits = load_target("digits", 100)
    first = digits.choose(least_tasks.POOL, 0)[:4]
    cut = tiny_source().cuts[-1]
    np.testing.assert_allclose(tasks._x[:4], cut_features(tiny_source(), 255 - digits.pictures[first], (cut,))[cut])


@pytest.mark.parametrize(("own", "others", "holds"), [(50, -4, True), (50, 1, False), (-2, -4, False)])
def test_who_gains_by_five_more_labels(said, own, others, holds):
    draws = [{"of the weakest": (-1 + luck, own + luck, others + luck), "spread": (2, 3, 2)} for luck in LUCK]
    assert least_data.show_five_more({"near": draws, "far": draws}) == -1
    assert holding(said) == [holds]
    assert said["alt"][0].startswith("near, all classes: of the weakest -1.0, spread +2.0. near, the weakest class: ")
