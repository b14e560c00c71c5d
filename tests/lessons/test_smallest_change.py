"""Lesson 11: what it measures of changed blocks, what it claims of which numbers, and how it judges its exercises."""

import numpy as np
import pytest

from course_utils.lessons import change_tasks, smallest_change
from course_utils.lessons.smallest_change import Bench, merged, shifted
from course_utils.marking import NotYet
from course_utils.sources import Source

LUCK = (-0.5, 0.0, 0.5)
LEVELS = {"raw pixels": 10.0, "untrained prefix": 20.0}


def small_source(seed: int = 0) -> Source:
    """Two blocks of a convolution with BatchNorm and a classifier, of random weights."""
    import keras
    from keras import layers

    keras.utils.set_random_seed(seed)
    start = z = keras.Input((16, 16, 3), name="pictures")
    z = layers.Rescaling(1 / 255, name="scale")(z)
    for cut, stride in (("b1", 4), ("b2", 1), ("b3", 1)):
        z = layers.Conv2D(6, 3, stride, "same", use_bias=cut == "b3", name=f"{cut}_conv")(z)
        z = layers.ReLU(name=cut)(layers.BatchNormalization(name=f"{cut}_bn")(z))
    z = layers.Dense(48, "softmax", name="classes")(layers.GlobalAveragePooling2D(name="average")(z))
    names = tuple(f"class {k}" for k in range(48))
    return Source(
        "drawings", keras.Model(start, z, name="small"), ("b1", "b2", "b3"), names, (16, 16), "made for a test"
    )


@pytest.fixture(scope="module")
def source():
    return small_source()


@pytest.fixture(scope="module")
def parts(source):
    """The source below its cut, and the blocks behind it."""
    import keras

    middle = source.model.get_layer("b1").output
    return keras.Model(source.model.input, middle), keras.Model(middle, source.model.get_layer("b3").output)


@pytest.fixture
def said(monkeypatch):
    """What the lesson claims (sentence: whether it holds), and what it shows, under "alt"."""
    found = {"alt": []}
    monkeypatch.setattr(
        smallest_change, "claim", lambda sentence, holds, evidence="": found.update({sentence: bool(holds)})
    )
    monkeypatch.setattr(smallest_change.figures, "show", lambda figure, alt: found["alt"].append(alt))
    return found


def holding(said):
    return [held for sentence, held in said.items() if sentence != "alt"]


def copy_of(blocks):
    import keras

    copy = keras.models.clone_model(blocks)
    copy.set_weights(blocks.get_weights())
    return copy


def test_every_rendering_differs_from_the_pictures():
    pictures = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3)).astype("uint8")
    sets = shifted(pictures, 0)
    assert sets["as they are"] is pictures and len(sets) == 5
    for name, x in sets.items():
        assert x.shape == pictures.shape and x.dtype == np.uint8
        assert name == "as they are" or np.abs(x.astype(int) - pictures).mean() > 5
    np.testing.assert_array_equal(255 - sets["negative"], pictures)
    assert (shifted(pictures, 1)["noisy"] != sets["noisy"]).any()


def test_a_merged_kernel_answers_as_the_factors_do(parts):
    _, blocks = parts
    copy = copy_of(blocks)
    assert all(np.array_equal(a, b) for a, b in zip(merged(copy), blocks.get_weights(), strict=True))
    layer = copy.get_layer("b3_conv")  # it has a bias, too
    layer.enable_lora(2)
    layer.lora_kernel_b.assign(np.ones(layer.lora_kernel_b.shape))
    plain, x = copy_of(blocks), np.random.default_rng(0).normal(size=(2, *blocks.input_shape[1:]))
    before = np.array(plain(x))
    plain.set_weights(merged(copy))
    np.testing.assert_allclose(plain(x), copy(x), rtol=1e-4, atol=1e-5)
    assert np.abs(before - plain(x)).max() > 1e-3


@pytest.fixture(scope="module")
def bench(source, parts):
    """A bench of 12 maps in two renderings, the second in another order, and of 8 of the source's own."""
    rng, (_, blocks) = np.random.default_rng(0), parts
    maps, own = (rng.normal(size=(n, *blocks.input_shape[1:])).astype("float32") for n in (12, 8))
    named = source.model.layers[-1](blocks(own).numpy().mean((1, 2))).numpy().argmax(1)
    return Bench(source, blocks, {"plain": maps, "turned": maps[::-1]}, np.arange(12) % 4, own, named), blocks, maps


def test_the_source_as_it_is_has_lost_nothing(bench):
    measure, blocks, maps = bench
    features, rng = blocks(maps).numpy().mean((1, 2)), np.random.default_rng(1)
    head = [rng.normal(size=(6, 4)), np.zeros(4)]
    answers = (features @ head[0]).argmax(1)
    found = measure(blocks.get_weights(), head)
    assert found["source"] == 100 and found["change"] == 0
    assert found["target"] == pytest.approx(100 * np.mean(answers == np.arange(12) % 4))
    assert found["shifted"] == pytest.approx(100 * np.mean(answers[::-1] == np.arange(12) % 4))


def test_change_is_in_per_cent_and_passes_over_statistics(bench):
    measure, blocks, _ = bench
    weights = blocks.get_weights()
    moving = [weight.name in smallest_change.STATISTICS for weight in blocks.weights]
    assert sum(moving) == 4
    assert measure.change([w + 9 if m else w for w, m in zip(weights, moving, strict=True)]) == 0
    assert measure.change([1.5 * w for w in weights]) == pytest.approx(50)
    assert measure([-w for w in weights], [np.ones((6, 4)), np.zeros(4)])["source"] < 100


def rows(target, shifted, source, change):
    return [{"target": target + luck, "shifted": shifted + luck, "source": source, "change": change} for luck in LUCK]


def ways(**other):
    found = {
        "head only": rows(60, 50, 100, 0),
        "last block": rows(62, 51, 90, 6),
        "all at once": rows(58, 40, 50, 2),
        "head first, then all": rows(64, 52, 80, 1),
        "biases": rows(63, 53, 95, 1),
        "scale and shift": rows(63, 53, 90, 2),
        "LoRA": rows(63.5, 53, 92, 2),
        "towards the source": rows(63, 53, 85, 0.5),
    }
    return found | {name.replace("_", " "): value for name, value in other.items()}


@pytest.mark.parametrize(
    ("other", "holds"),
    [
        ({}, [True, True, True]),
        ({"all_at_once": rows(58, 40, 85, 2)}, [False, True, True]),  # more of the source is left
        ({w: rows(55, 50, 96, 1) for w in ("biases", "scale_and_shift", "LoRA")}, [True, False, True]),
        ({"towards_the_source": rows(63, 53, 85, 1.5)}, [True, True, False]),
        ({"towards_the_source": rows(63, 53, 70, 0.5)}, [True, True, False]),
    ],
)
def test_what_is_claimed_of_the_ways(said, capsys, other, holds):
    found = ways(**other)
    assert smallest_change.tell_ways(found, dict.fromkeys(found, 1234), LEVELS) == "biases"
    assert holding(said) == holds
    printed = capsys.readouterr().out
    assert "1,234 trained" in printed and "64.0 ±  1.2 %" in printed and "raw pixels" in printed


@pytest.mark.parametrize(("last", "held"), [((6, 90), True), ((1, 90), False), ((6, 40), False)])
def test_change_is_compared_with_what_is_left(said, last, held):
    smallest_change.show_change(ways(last_block=rows(62, 51, last[1], last[0])), LEVELS)
    assert holding(said) == [held]
    assert "last block: weights changed by" in said["alt"][0] and "raw pixels -50" in said["alt"][0]


@pytest.mark.parametrize(("middle", "held"), [((65, 52, 90), True), ((65, 52, 60), False), ((50, 52, 90), False)])
def test_half_way_on_the_line(said, middle, held):
    line = {0: rows(60, 50, 100, 0), 0.5: rows(*middle, 1), 1: rows(64, 52, 80, 2)}
    assert smallest_change.show_line(line, LEVELS) == middle[2]
    assert holding(said) == [held]
    assert "0, 0.5, 1" in said["alt"][0]


MERGE = {
    "right": (lambda k, a, b, alpha: k + alpha / b.shape[0] * (a @ b), ""),
    "no rank": (lambda k, a, b, alpha: k + alpha * (a @ b), "divided by the rank"),
    "no alpha": (lambda k, a, b, alpha: k + a @ b, "left alpha out"),
    "the change alone": (lambda k, a, b, alpha: alpha / b.shape[0] * (a @ b), "change alone"),
    "without its first axes": (lambda k, a, b, alpha: (k + a @ b)[0, 0], "and the kernel is"),
    "subtracted": (lambda k, a, b, alpha: k - a @ b, "others than Keras's"),
    "no function": (3, "the function itself"),
}


@pytest.mark.parametrize("case", MERGE)
def test_factors_are_merged(case):
    answer, mistake = MERGE[case]
    if not mistake:
        assert change_tasks.merge._judge(answer)
        return
    with pytest.raises(NotYet, match=mistake):
        change_tasks.merge._judge(answer)


@pytest.fixture(scope="module")
def tasks(source, parts):
    return change_tasks.ChangeTasks(source, *parts, 0)


def reaching(monkeypatch, target, kept):
    """As if every training ended with these scores, and the head alone with 60 % right."""

    def scores(self, weights, head):
        same = all(np.array_equal(a, b) for a, b in zip(weights, self._start, strict=True))
        return {"target": 60.0 if same else target, "source": 100.0 if same else kept}

    monkeypatch.setattr(Bench, "__call__", scores)


def moves(chosen):
    """A training that adds to the weights of the blocks that are chosen by their names."""

    def train(model, x, y):
        for weight in model.weights[:-2]:
            if weight.name in chosen:
                weight.assign(weight + 0.1)
        return model

    return train


def test_what_moved_is_counted_and_what_was_gained_is_asked_for(tasks, monkeypatch):
    every = ("kernel", "bias", "gamma", "beta")
    reaching(monkeypatch, 65.0, 95.0)
    assert "65.0 % right" in tasks.small._judge(moves(["beta"]))
    assert "source names 95 %" in tasks.keep._judge(moves(every))
    for train, mistake in (
        (moves(every), "At most 5 % may move"),
        (moves([]), "No weight of the blocks moved"),
        (lambda model, x, y: None, "returns no Keras model"),
        (tasks.model(), "without calling it"),
    ):
        with pytest.raises(NotYet, match=mistake):
            tasks.small._judge(train)
    reaching(monkeypatch, 60.5, 80.0)
    with pytest.raises(NotYet, match="61.0 % are wanted"):
        tasks.small._judge(moves(["beta"]))
    reaching(monkeypatch, 65.0, 80.0)
    with pytest.raises(NotYet, match="86 % are wanted"):
        tasks.keep._judge(moves(["beta"]))


def test_of_a_kernel_with_lora_the_factors_count(tasks, parts):
    model, before = tasks.model(), parts[1].get_weights()
    assert tasks._moved(model, before) == 0
    model.get_layer("b2_conv").enable_lora(1)
    assert tasks._moved(model, before) == 3 * 3 * 6 + 6
    model.get_layer("b3_bn").gamma.assign(np.full(6, 2.0))
    assert tasks._moved(model, before) == 3 * 3 * 6 + 6 + 6


def test_a_model_of_the_task_begins_frozen_with_a_trained_head(tasks, parts):
    model = tasks.model()
    assert {w.path.split("/")[0] for w in model.trainable_weights} == {"head"}
    assert all(np.array_equal(a, b) for a, b in zip(merged(model), parts[1].get_weights(), strict=False))
    kernel, bias = model.get_layer("head").get_weights()
    assert np.array_equal(kernel, tasks._head[0]) and np.abs(bias).max() > 0  # which an untrained one has not
