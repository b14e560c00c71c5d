"""Lesson 06: what it claims is false of wrong data, its pictures, and each exercise's judge with each mistake."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_utils.charts import tuning
from course_utils.lessons import finetuning, tuning_tasks
from course_utils.pictures.labelled import Target
from course_utils.sources import Source, load_source

CUTS = ["stem", "b1", "b2"]


@pytest.fixture
def said(monkeypatch):
    """What the lesson claims (sentence: whether it holds), and the alt text of what it shows, under "alt"."""
    found = {"alt": ""}
    monkeypatch.setattr(finetuning, "claim", lambda sentence, holds, evidence="": found.update({sentence: bool(holds)}))
    monkeypatch.setattr(finetuning, "show", lambda figure, alt: (plt.close(figure), found.update(alt=alt)))
    return found


def holding(said):
    return [holds for sentence, holds in said.items() if sentence != "alt"]


@pytest.fixture(scope="module")
def tiny():
    """A source of three small blocks that nobody trained, and of five classes."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(0)
    x = inputs = keras.Input((16, 16, 3))
    for name in CUTS:
        x = layers.Conv2D(8, 3, 2, padding="same", name=f"{name}_conv")(x)
        x = layers.BatchNormalization(name=f"{name}_bn")(x)
        x = layers.ReLU(name=name)(x)
    x = layers.GlobalAveragePooling2D(name="pool")(x)
    model = keras.Model(inputs, layers.Dense(5, activation="softmax", name="classifier")(x))
    return Source("tiny", model, tuple(CUTS), tuple("abcde"), (16, 16), "", lambda x: x / 127.5 - 1)


@pytest.fixture(scope="module")
def tasks(tiny):
    return tuning_tasks.TuningTasks(tiny, 0)


def unfrozen(model, behind, norm=False, again=True, optimizer=None):
    import keras

    first = model.layers.index(model.get_layer(behind)) + 1 if behind else 0
    for layer in model.layers[first:]:
        layer.trainable = norm or not isinstance(layer, keras.layers.BatchNormalization)
    if again:
        model.compile(optimizer or keras.optimizers.SGD(1e-3), "sparse_categorical_crossentropy")
    return model


def test_the_last_block_is_judged_by_what_one_step_moves(tasks, ask):
    import keras

    assert ask(tasks.last_block, unfrozen(tasks.frozen_model(), "b1"))[0] is True
    headless = unfrozen(tasks.frozen_model(), "b1", again=False)
    headless.get_layer("head").trainable = False
    headless.compile(keras.optimizers.SGD(1e-3), "sparse_categorical_crossentropy")
    mistakes = {
        "compile() comes after the flags": unfrozen(tasks.frozen_model(), "b1", again=False),
        "still frozen": tasks.frozen_model(),
        "BatchNorm moved: b2_bn": unfrozen(tasks.frozen_model(), "b1", norm=True),
        "Too much moved: b1": unfrozen(tasks.frozen_model(), "stem"),
        "The head did not move": headless,
        "with Adam: SGD at 1e-3": unfrozen(tasks.frozen_model(), "b1", optimizer=keras.optimizers.Adam(1e-3)),
        "at a rate of 0.1": unfrozen(tasks.frozen_model(), "b1", optimizer=keras.optimizers.SGD(0.1)),
        "It is not compiled": keras.Model(headless.input, headless.output),
        "Give the model itself": "unfrozen",
    }
    for sentence, answer in mistakes.items():
        assert sentence in ask(tasks.last_block, answer)[1], sentence


def trained(behind, optimizer, epochs):
    def train(model, x, y):
        unfrozen(model, behind, optimizer=optimizer()).fit(x, y, epochs=epochs, verbose=0)
        return model

    return train


@pytest.mark.long
def test_tuning_is_judged_by_what_it_gained_moved_and_kept(tasks, monkeypatch, ask):
    import keras

    good = trained("", lambda: keras.optimizers.Adam(1e-2), 15)
    assert ask(tasks.beat, good)[0] is True
    assert "source names" in ask(tasks.keep, good)[1]  # it gains enough, and nothing is left
    monkeypatch.setattr(tuning_tasks, "GAIN", -100)
    mistakes = {
        "Give the function itself": tasks.frozen_model(),
        "returns no Keras model": lambda model, x, y: None,
        "other layers": lambda model, x, y: tasks._source.model,
        "No block of the base moved": lambda model, x, y: model,
        "are wanted": trained("b1", lambda: keras.optimizers.SGD(1e-6), 1),
    }
    for sentence, answer in mistakes.items():
        assert sentence in ask(tasks.beat, answer)[1], sentence
    monkeypatch.setattr(tuning_tasks, "PROCESSOR_S", 0)
    assert "fewer epochs" in ask(tasks.beat, trained("b1", lambda: keras.optimizers.SGD(1e-6), 1))[1]


def test_the_source_knows_all_before_tuning_and_less_after_ruin(tasks):
    model = tasks.frozen_model()
    assert tasks._kept(model) == 100
    model.get_layer("b2_conv").set_weights([-w for w in model.get_layer("b2_conv").get_weights()])
    assert tasks._kept(model) < 90


def rates(of):
    import keras

    def make(names):
        inner = {name: keras.optimizers.Adam(of(k, len(names))) for k, name in enumerate(names)}
        return keras.optimizers.MultiOptimizer(lambda v: inner[v.path.split("/")[-2]])

    return make


def test_falling_rates_are_judged_by_the_first_step(ask):
    import keras

    judge = tuning_tasks.falling_rates
    assert ask(judge, rates(lambda k, n: 0.01 / 2.6 ** (n - 1 - k)))[0] is True
    mistakes = {
        "one rate for all": lambda names: keras.optimizers.Adam(1e-2),
        "shallow blocks are to be the slow ones": rates(lambda k, n: 0.01 / 2.6**k),
        "The head's is to be": rates(lambda k, n: 0.01 / 2.6 ** (n - k)),
        "The ratios are 2, 2, 2": rates(lambda k, n: 0.01 / 2 ** (n - 1 - k)),
        "Give the function itself": keras.optimizers.Adam(1e-2),
    }
    for sentence, answer in mistakes.items():
        assert sentence in ask(judge, answer)[1], sentence


def test_hints_are_there(tasks):
    for exercise in (tasks.last_block, tasks.beat, tasks.keep, tuning_tasks.falling_rates):
        assert len(exercise._hints) == 2


def test_blocks_are_those_up_to_each_cut(tiny):
    blocks = finetuning.blocks_of(tiny.model, CUTS)
    assert {blocks[layer] for layer in ("b1_conv", "b1_bn", "b1")} == {"b1"}
    assert blocks["classifier"] == "head" and list(dict.fromkeys(blocks.values())) == [*CUTS, "head"]


def test_controls_see_the_same_draws(tiny):
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    pictures = (60 * labels[:, None, None, None] + rng.integers(0, 99, (60, 16, 16, 3))).astype("uint8")
    target = Target("grey", "How light?", pictures, labels, pictures[::2], labels[::2], ("dark", "grey", "light"))
    picked, used = finetuning.draws_of(target, 5, 2, 0)
    np.testing.assert_array_equal(used[picked[1]], target.choose(5, [0, 1]))
    levels = finetuning.controls(tiny, CUTS, target, 5, 2, 20, 0)
    assert [len(values) for values in levels.values()] == [2, 2, 2]
    best, untrained, raw = levels
    assert best.startswith("frozen at its best cut, ") and (untrained, raw) == ("untrained prefix", "raw pixels")


def test_the_source_of_drawings_names_its_own():
    pictures, names = finetuning.named_by_source(load_source("drawings"), 10, 0)
    assert pictures.shape == (10, 64, 64, 3) and names.shape == (10,)


def test_gradients_that_do_not_fall_are_not_said_to(said):
    up = [[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]]
    down = [[2.0, 4.0, 0.5], [3.0, 4.0, 0.5]]
    zero = [[0.0, 1.5, 0.5], [0.0, 1.5, 0.5]]
    assert finetuning.show_gradients({"random": down, "zero": zero}, 7) == "later"
    assert all(holding(said)) and "random weights: 2.5 at first, 4 at most, 0.5 at the end." in said["alt"]
    finetuning.show_gradients({"random": up, "zero": up}, 7)
    assert not any(holding(said))


def table(tuned, near, raw):
    levels = {"frozen at its best cut, b1": [80, 81], "untrained prefix": [20, 30], "raw pixels": [raw, raw]}
    return {name: {"tuned": rows, "controls": levels} for name, rows in (("digits", tuned), ("windows", near))}


def test_blocks_that_gain_nothing_are_not_said_to(said):
    good = table([[60, 70, 90], [60, 65, 85]], [[70, 75, 74], [72, 70, 75]], 50)
    assert finetuning.show_blocks(good, [0, 1, 3], claims=True) == "digits"
    assert all(holding(said)) and "digits: k = 0 60 %, k = 1 68 %, k = 3 88 %" in said["alt"]
    bad = table([[60, 40, 30], [60, 55, 59]], [[60, 75, 74], [62, 70, 75]], 99)
    assert finetuning.show_blocks(bad, [0, 1, 3], claims=True) == "near"
    assert not any(holding(said))


def test_panels_of_blocks_say_whose_they_are_and_what_is_measured(said, monkeypatch):
    drawn = []
    monkeypatch.setattr(finetuning, "show", lambda figure, alt: drawn.append(figure))
    finetuning.show_blocks(table([[60, 70, 90]] * 2, [[70, 75, 74]] * 2, 50), [0, 1, 3], claims=False)
    titles = [ax.get_title(loc="left") or ax.get_title() for ax in drawn[0].axes]
    assert titles == ["digits (frozen, cut at b1 at best)", "windows (frozen, cut at b1 at best)"]
    assert {ax.get_ylabel() for ax in drawn[0].axes} == {"test accuracy (%), 95 % interval"}


def test_damage_is_said_of_the_rate_that_did_it(said):
    frozen, gentle, harsh = [(60.0, 100.0)] * 2, [(80.0, 95.0), (82.0, 96.0)], [(90.0, 3.0), (70.0, 1.0)]
    levels = {"frozen at its best cut, b1": [70.0], "untrained prefix": [30.0], "raw pixels": [50.0]}
    points = {"frozen": frozen, "low": gentle, "high": harsh, "layered": gentle}
    assert finetuning.show_damage(points, levels) == 2
    assert all(holding(said)) and "high: digits 80 %, source 2 %" in said["alt"]
    best = [(99.0, 100.0)] * 2
    finetuning.show_damage({"frozen": best, "low": harsh, "high": gentle, "layered": harsh}, levels)
    assert not any(holding(said))


def test_a_drift_that_is_not_there_is_not_claimed(said):
    blocks = {"b1_bn": "b1", "b2_bn": "b2"}
    moved, still = {"b1_bn": 0.5, "b2_bn": 0.1}, {"b1_bn": 0.0, "b2_bn": 0.0}

    def both(published, frozen):
        return {"as published": [published], "BatchNorm frozen": [frozen]}

    lost = finetuning.show_statistics(blocks, both(moved, still), both(70, 80))
    assert lost == 10 and all(holding(said)) and "as published: 0.1 to 0.5 standard deviations, 70 %." in said["alt"]
    finetuning.show_statistics(blocks, both(still, moved), both(80, 70))
    assert not any(holding(said))


def test_what_one_training_gave_is_told_and_not_claimed(said, capsys):
    finetuning.tell_tuned(0.8, 0.7)
    assert "80.0 % frozen, 70.0 % tuned" in capsys.readouterr().out and holding(said) == []
    finetuning.show_blocks(table([[60, 40, 30]] * 2, [[60, 75, 74]] * 2, 50), [0, 1, 3], claims=False)
    assert len(holding(said)) == 1


def test_the_controls_are_in_the_picture():
    controls = {"frozen at its best cut": (80, 1), "untrained prefix": (20, 5), "raw pixels": (50, 2)}
    panel = {"tuned": (np.array([60.0, 70.0]), np.array([2.0, 3.0])), "controls": controls}
    figure = tuning.block_counts([0, 18], {"digits": panel, "windows": panel}, "How many?")
    labels = {text.get_text() for text in figure.legends[0].get_texts()}
    assert labels == {"head first, then k blocks", *controls}
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["0", "all 18"]
    plt.close(figure)
