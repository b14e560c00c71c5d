"""The judges of models that are handed in: the bar that they set, and which mistake they tell of which model."""

import keras
import numpy as np
import pytest
from lesson_helpers import FOUR, LEFT, RED, four_classes, model_on, tiny_source, values

from course_utils.lessons import judged_models
from course_utils.marking import NotYet
from course_utils.probing import cut_features, linear_probe

layers = keras.layers


def told_apart(ask, exercise, mistakes):
    """Each mistake is wrong and gets its own words; what the last one was told."""
    for words, answer in mistakes.items():
        right, text = ask(exercise, answer)
        assert right is False and words in text, (words, text)
    return text


def on(shape, *parts):
    return keras.Sequential([keras.Input(shape), *parts])


def nested():
    """A model within a model, with BatchNorm, and a head."""
    inner = on((2,), layers.Dense(3, name="deep"), layers.BatchNormalization(name="norm"))
    return on((2,), inner, layers.ReLU(), layers.Dense(1, name="top"))


def test_layers_of_models_within_a_model_are_found():
    assert [layer.name for layer in judged_models.every_layer(nested()) if layer.weights] == ["deep", "norm", "top"]


def test_a_state_is_a_copy():
    model = nested()
    state = judged_models.state_of(model)
    assert list(state) == ["deep", "norm", "top"] and [len(one) for (one,) in state.values()] == [2, 4, 2]
    before = state["deep"][0][0].copy()
    model.layers[0].get_layer("deep").kernel.assign_add(np.ones((2, 3)))
    np.testing.assert_array_equal(state["deep"][0][0], before)


def problem_of(model, state):
    try:
        judged_models.require_untouched(model, state)
    except NotYet as problem:
        return str(problem)
    return ""


def test_a_base_that_has_not_moved_is_accepted_however_it_is_held():
    base = nested()
    state = judged_models.state_of(base)
    copy = keras.models.clone_model(base)
    copy.set_weights(base.get_weights())
    head = layers.Dense(5, name="head")
    for held in (base, copy, on((2,), base.layers[0], head)):
        assert problem_of(held, state) == ""


def moved_by(layer, weight):
    base = nested()
    state = judged_models.state_of(base)
    layer = next(one for one in judged_models.every_layer(base) if one.name == layer)
    layer.weights[weight].assign_add(np.full(layer.weights[weight].shape, 1e-6))
    base.trainable = False  # as if it had always been
    return base, state


@pytest.mark.parametrize(("layer", "weight"), [("deep", 0), ("deep", 1), ("norm", 2), ("norm", 3), ("top", 0)])
def test_a_base_that_has_moved_is_named(layer, weight):
    assert f"its layer {layer} has other weights" in problem_of(*moved_by(layer, weight))


def test_a_head_may_use_a_name_of_the_source_for_other_weights():
    base = nested()
    state = judged_models.state_of(base)
    prefix = base.layers[0]
    for head in (layers.Dense(5, name="top"), layers.Dense(1, use_bias=False, name="top")):
        assert problem_of(on((2,), prefix, head), state) == ""
        assert "no layer of the source" in problem_of(on((3,), head), state)
    prefix.get_layer("deep").kernel.assign_add(np.ones((2, 3)))
    assert "its layer deep has other weights" in problem_of(on((2,), prefix, layers.Dense(5, name="top")), state)


def twins():
    """Two models within a model, whose layers have one name and shape, and weights of their own."""
    return on((2,), *(on((2,), layers.Dense(2, name="dense")) for _ in range(2)))


def test_layers_of_one_name_are_told_apart_by_their_weights():
    base = twins()
    state = judged_models.state_of(base)
    for held in (base, base.layers[0], base.layers[1], on((2,), *base.layers, layers.Dense(3, name="head"))):
        assert problem_of(held, state) == ""
    for part in base.layers:
        kernel = part.get_layer("dense").kernel
        kernel.assign_add(np.ones((2, 2)))
        assert "its layer dense has other weights" in problem_of(base, state)
        kernel.assign_add(-np.ones((2, 2)))


def test_a_model_without_the_source_is_told():
    other = on((2,), layers.Dense(3, name="mine"))
    assert "no layer of the source" in problem_of(other, judged_models.state_of(nested()))


PICTURES = np.full((5, 8, 8, 3), 200, "uint8")


def test_answers_are_of_raw_pictures():
    mean = on((None, None, 3), layers.GlobalAveragePooling2D())
    np.testing.assert_allclose(judged_models.answers_of(mean, PICTURES, 3), np.full((5, 3), 200.0))


@pytest.mark.parametrize(
    ("model", "words"),
    [
        (lambda: 0.97, "no Keras model, but float"),
        (
            lambda: keras.Sequential([keras.Input((9, 9, 3)), layers.Flatten(), layers.Dense(4)]),
            "raw pictures of 8x8x3: resize",
        ),
        (lambda: on((8, 8, 3), layers.GlobalAveragePooling2D()), "3 numbers for each"),
        (lambda: on((8, 8, 3), layers.ReLU()), "8x8x3 numbers for each picture, and 4"),
    ],
)
def test_what_answers_no_pictures_is_told(model, words):
    with pytest.raises(NotYet) as told:
        judged_models.answers_of(model(), PICTURES, 4)
    assert words in str(told.value)


@pytest.fixture
def source():
    return tiny_source()


def classifier(source, lead=3.0, target=None):
    return judged_models.better_classifier(source, target or four_classes(), 10, 0, lead, ("first", "second"))


def test_the_bar_is_what_a_linear_head_reaches_behind_the_last_block(source, capsys):
    target = four_classes()
    train = target.choose(10, 0)
    x, test = (cut_features(source, p)["colours"] for p in (target.pictures[train], target.test_pictures[:300]))
    reached = 100 * linear_probe(x, target.labels[train], test, target.test_labels[:300])
    assert 40 < reached < 65  # the colour, and half of the sides
    task = classifier(source).task
    assert capsys.readouterr().out == (
        f"A linear head behind colours: {reached:.1f} % right. To beat it by 3 points: {reached + 3:.1f} %.\n"
    )
    assert task.startswith("Which colour, on which side?") and f"{reached + 3:.1f} % at least" in task


def test_a_better_classifier_is_right(source, ask):
    right, text = ask(classifier(source), model_on(source, FOUR))
    assert right is True and text == "100.0 % right on 300 test pictures, and the base has not moved."


def test_no_more_test_pictures_are_used_than_are_told(source, ask, monkeypatch):
    monkeypatch.setattr(judged_models, "TEST", 40)
    assert "on 40 test pictures" in ask(classifier(source), model_on(source, FOUR))[1]


def test_classifiers_are_told_apart(source, ask, capsys):
    exercise = classifier(source, lead=10)
    moved = tiny_source()
    moved.model.get_layer("grey").bias.assign([0.1, 0, 0])
    alone = on((8, 8, 3), layers.Flatten(), layers.Dense(4))
    mistakes = {
        "no Keras model, but str": "a model",
        "3 numbers for each picture, and 4 are asked for": model_on(source, FOUR[:3]),
        "no layer of the source": alone,
        "its layer grey has other weights": model_on(moved, FOUR, "grey"),
        "right in 0.0 %, about as guessing is": model_on(source, FOUR[::-1]),
        "right in 50.0 %, and": model_on(source, [-RED, -RED, RED, RED]),
    }
    text = told_apart(ask, exercise, mistakes)
    wanted = capsys.readouterr().out.strip().split()[-2]
    assert f"and {wanted} % are wanted" in text


def test_a_lead_is_a_lead_over_the_linear_head(source, ask):
    assert ask(classifier(source, lead=60), model_on(source, FOUR))[0] is False
    half = model_on(source, [-RED, -RED, RED, RED])
    assert ask(classifier(source, lead=-20), half)[0] is True


def estimator(source, share=0.9):
    return judged_models.better_estimator(source, values(), 80, 0, share, ("first", "second"))


def test_a_better_estimator_is_right(source, ask, capsys):
    exercise = estimator(source)
    printed = capsys.readouterr().out
    always = np.abs(values().test_labels - values().labels[values().choose(80, 0)].mean()).mean()
    assert printed.startswith(f"Always the mean: off by {always:.1f} points. A linear head behind colours: ")
    error, wanted = float(printed.split("colours: ")[1].split()[0]), float(printed.split()[-2])
    assert 15 < error < 25 and abs(wanted - 0.9 * error) < 0.11  # half of it is told by colours: 20 is left
    assert "To reach 90% of that: " in printed and f"{wanted:.1f} points at most" in exercise.task
    right, text = ask(exercise, model_on(source, [RED + LEFT]))
    assert right is True and "in the mean of 100 test pictures, and the base has not moved" in text
    off = np.abs(model_on(source, [RED + LEFT]).predict(values().test_pictures, verbose=0)[:, 0] - values().test_labels)
    assert text.startswith(f"off by {off.mean():.1f} points")


def test_estimators_are_told_apart(source, ask, capsys):
    exercise = estimator(source)
    moved = tiny_source()
    moved.model.get_layer("colours").bias.assign([0.1, 0, 0])
    mistakes = {
        "no Keras model, but list": [1, 2],
        "2 numbers for each picture, and 1 are asked for": model_on(source, [RED, LEFT]),
        "its layer colours has other weights": model_on(moved, [RED + LEFT]),
        "as one who always says the mean: is the answer in points": model_on(source, [0 * RED]),
        "points, and": model_on(source, [RED]),
    }
    text = told_apart(ask, exercise, mistakes)
    wanted = capsys.readouterr().out.strip().split()[-2]
    assert f"and {wanted} at most are wanted" in text


def test_a_share_is_one_of_the_linear_heads_error(source, ask):
    assert ask(estimator(source, share=0.01), model_on(source, [RED + LEFT]))[0] is False
    assert ask(estimator(source, share=1.1), model_on(source, [RED]))[0] is True


def test_both_have_the_hints_that_they_got(source, told):
    for exercise in (classifier(source), estimator(source)):
        exercise.hint(1)
        exercise.hint(2)
    assert [text for text, _ in told] == ["first", "second"] * 2
