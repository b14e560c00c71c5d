"""Lesson 00: what it shows and claims, and what its exercises say of right and of wrong answers."""

import numpy as np
import pytest

from course_utils.lessons import beginning
from course_utils.pictures.labelled import Target
from course_utils.probing import cut_features
from course_utils.sources import load_source
from course_utils.targets import load_target


@pytest.fixture(scope="module")
def tasks():
    source, target = load_source("drawings"), load_target("unseen shapes")
    pool, y = target.draw(8, 0)
    new, test_y = target.test_pictures[::3], target.test_labels[::3]
    x, test_x = (cut_features(source, pictures, ("b5",))["b5"] for pictures in (pool, new))
    return beginning.FirstTasks(source, target, "b5", x, y, (test_x, test_y), 0)


def test_parameters_are_counted_with_their_biases(tasks, ask):
    assert ask(tasks.count, 96 * 8 + 8)[0] is True
    mistakes = {96 * 8: "biases", 97 * 8 - 8 + 96: "A bias belongs", 96 + 8: "multiply", 317_480 + 776: "frozen base"}
    for answer, words in (mistakes | {7: "Count the weights", 776.5: "whole number", True: "whole number"}).items():
        assert words in ask(tasks.count, answer)[1], answer


def test_the_smallest_n_is_neither_too_few_nor_more_than_enough(tasks, ask):
    assert "There are 1 to 8" in ask(tasks.smallest, 9)[1] and "whole number" in ask(tasks.smallest, 2.5)[1]
    rights, said = zip(*(ask(tasks.smallest, n) for n in range(1, 9)), strict=True)
    assert "too few" in said[0] and "is enough" in said[-1] and True in rights
    right = [n for n, good in enumerate(rights, 1) if good]
    assert all("too few" in words for words in said[: right[0] - 1]) and right[-1] - right[0] <= 1


def test_a_model_is_judged_by_pictures_that_the_lesson_leaves_alone(tasks, capsys, ask):
    import keras

    given = tasks.given_head()
    assert tasks.given_head() == given and capsys.readouterr().out.count("beat") == 1
    source, target = tasks._source, tasks._target
    pictures, labels = target.draw(5, 0)
    pooled = keras.layers.GlobalAveragePooling2D()(source.prefix("b5").output)
    x = cut_features(source, pictures, ("b5",))["b5"]

    def model(epochs, classes=8):
        head = keras.Sequential([keras.layers.Dense(classes, activation="softmax")])
        head.build((None, 96))
        head.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
        if epochs:
            head.fit(x, labels, epochs=epochs, verbose=0)
        return keras.Model(source.model.input, head(pooled))

    assert ask(tasks.beat, model(60))[0] is True
    assert "about guessing" in ask(tasks.beat, model(0))[1]
    assert "one number for each of 8" in ask(tasks.beat, model(0, classes=9))[1]
    assert "Give a Keras model" in ask(tasks.beat, 80)[1]
    raw = keras.Sequential([keras.Input((16, 16, 3)), keras.layers.Flatten(), keras.layers.Dense(8)])
    assert "source.preprocess" in ask(tasks.beat, raw)[1]


def test_answers_stand_under_their_pictures(shown, told):
    from course_utils.figures import use_style

    use_style()
    pictures, labels = np.zeros((6, 8, 8, 3), "uint8"), np.array([0, 1, 2] * 2)
    target = Target("three", "Which?", pictures, labels, pictures, labels, ("ant", "bee", "cow"))
    right, wrong = np.eye(3)[labels], np.eye(3)[[0] * 6]
    beginning.show_answers(target, pictures, labels, {"one": right, "other": wrong})
    (figure, alt), (_, facts) = shown[0], told[0]
    titles = [ax.title.get_text() for ax in figure.axes]
    assert sorted(titles[:3]) == ["ant ✓", "bee ✓", "cow ✓"] and sorted(titles[3:]) == ["ant ✓", "ant ✗", "ant ✗"]
    assert facts["holds"] is True and "one 100 %, other 33 %" in alt
    beginning.show_answers(target, pictures, labels, {"one": wrong, "other": right})
    assert told[1][1]["holds"] is False


def test_the_first_claim_wants_a_lead_in_the_mean(shown, told):
    scores = {"frozen": [80.0, 70.0], "untrained": [20.0, 45.0], "pixels": [9.0, 8.0]}
    beginning.show_first(scores, 10, 6.2)
    beginning.show_first(scores | {"untrained": [50.0, 62.0]}, 10, 6.2)
    assert [facts["holds"] for _, facts in told] == [True, False]
    assert "frozen 75 ± " in shown[0][1]


def test_the_bill_reckons_with_the_pace_of_this_machine(monkeypatch, source):
    tables = []
    monkeypatch.setattr(beginning, "show_table", lambda columns, rows: tables.append({r[0]: r[1:] for r in rows}))
    lite = type("Lite", (), {"name": "EfficientNetLite0", "input_size": (96, 96)})()
    beginning.show_bill(lite, 320, 1280, 6.0, 0.02, 16)
    days = 218_949 * 2048 * 0.02 / 86400
    assert tables[0]["time"] == (f"on this machine, at 96 × 96 pixels: about {round(days, -2):.0f} days", "6 s")
    assert (
        tables[0]["labelled pictures"] == ("1,281,167", "320")
        and "350 passes" in tables[0]["pictures shown in training"][0]
    )
    beginning.show_bill(source, 160, 640, 2.0, 0.01, 8)
    assert tables[1]["labelled pictures"] == ("640,000", "160")
    lite.name = "MobileNetV2"
    beginning.show_bill(lite, 320, 1280, 6.0, 0.02, 16)
    assert tables[2]["time"][0] == "-"  # nobody has told us


@pytest.mark.parametrize("value, words", [(81.4, "80"), (3.6, "4"), (1240.0, "1,000"), (0.034, "0.03")])
def test_an_estimate_has_one_digit(value, words):
    assert beginning._round(value) == words
