"""Lesson 03: its pictures at few and at many cuts, its helpers, and each exercise's judge with each mistake."""

import matplotlib.pyplot as plt
import numpy as np
import pytest

from course_utils.charts import layers
from course_utils.lessons import factors, inside, layer_tasks
from course_utils.pictures.labelled import Target
from course_utils.sources import load_source

RNG = np.random.default_rng(0)
FEW, MANY = ("stem", *(f"b{k}" for k in range(1, 8))), tuple(f"block_{k}_project_BN" for k in range(18))


@pytest.fixture(scope="module")
def drawings():
    return load_source("drawings")


def layer(kernel, bias):
    import keras

    one = keras.layers.Conv2D(kernel.shape[-1], 3)
    one.build((None, None, None, 3))
    one.set_weights([kernel, bias])
    return one


def folded(factor=lambda gamma, variance, epsilon: gamma / np.sqrt(variance + epsilon), bias=None):
    conv, norm = layer_tasks.convolution_and_norm(0)
    gamma, beta, mean, variance = norm.get_weights()
    by = factor(gamma, variance, norm.epsilon)
    return layer(conv.get_weights()[0] * by, beta - mean * by if bias is None else bias(beta, mean))


def test_the_folded_layer_is_judged_by_what_it_computes(ask):
    assert ask(layer_tasks.one_layer, folded())[0] is True
    mistakes = {
        "bias is missing": folded(bias=lambda beta, mean: 0 * beta),
        "forgets that the mean": folded(bias=lambda beta, mean: beta),
        "the mean is multiplied": folded(bias=lambda beta, mean: beta - mean),
        "forgot epsilon": folded(lambda gamma, variance, epsilon: gamma / np.sqrt(variance)),
        "divided by the variance": folded(lambda gamma, variance, epsilon: gamma / (variance + epsilon)),
        "convolution alone": folded(lambda gamma, variance, epsilon: np.ones(4), lambda beta, mean: 0 * beta),
        "It is off by": folded(lambda gamma, variance, epsilon: gamma * 3),
        "Conv2D layer is asked for": "a layer",
    }
    for sentence, answer in mistakes.items():
        assert sentence in ask(layer_tasks.one_layer, answer)[1], sentence


def stack(*strides, kernel=3, size=127, pool=False, dilation=1):
    import keras

    model = keras.Sequential([keras.Input((size, size, 3))])
    for stride in strides:
        model.add(keras.layers.Conv2D(2, kernel, stride, activation="relu", dilation_rate=dilation))
    if pool:
        model.add(keras.layers.MaxPooling2D())
    return model


def test_a_wide_view_is_measured(ask):
    import keras

    assert ask(layer_tasks.wide_view, stack(2, 2, 2, 1))[0] is True
    assert ask(layer_tasks.wide_view, stack(1, 1, 1, 1, dilation=4))[0] is True  # 1 + 4 * 8 = 33
    no_size = keras.Sequential([keras.Input((None, None, 3)), keras.layers.Conv2D(1, 3)])
    mistakes = {
        "each layer adds only two": stack(1, 1, 1, 1),
        "sees 23 pixels": stack(2, 2, 1, 2),
        "kernels of 3": stack(2, 2, kernel=9),
        "MaxPooling2D": stack(2, 2, 2, pool=True),
        "make it larger": stack(2, 2, 2, size=15),
        "Give the input a size": no_size,
        "no Keras model": 31,
    }
    for sentence, answer in mistakes.items():
        assert sentence in ask(layer_tasks.wide_view, answer)[1], sentence
    assert "5 convolutions" in ask(layer_tasks.wide_view, stack(2, 2, 2, 2, 1))[1]


@pytest.mark.long
def test_a_probe_of_stripes_is_judged_by_what_was_trained(ask):
    import keras

    source = load_source("drawings")
    target, judge = layer_tasks.stripes_task(source, 0)
    x, y = source.preprocess(target.pictures[::4]), target.labels[::4]

    def probe(cut, wide=(), classes=6, steps=60):
        mean = keras.layers.GlobalAveragePooling2D()(source.prefix(cut).output)
        norm = keras.layers.Normalization()
        head = keras.Sequential([norm, *(keras.layers.Dense(n) for n in wide)])
        head.add(keras.layers.Dense(classes, activation="softmax"))
        if steps:
            known = keras.Model(source.model.input, mean).predict(x, verbose=0)
            norm.adapt(known)
            head.compile(keras.optimizers.Adam(0.1), "sparse_categorical_crossentropy")
            for _ in range(steps):
                head.train_on_batch(known, y)
        return keras.Model(source.model.input, head(mean))

    good = probe("b1")
    assert ask(judge, good)[0] is True
    assert "try another cut" in ask(judge, probe("b3", steps=25))[1]
    assert "little more than guessing" in ask(judge, probe("b6", steps=0))[1]
    assert "one Dense layer" in ask(judge, probe("b1", wide=(8,), steps=0))[1]
    assert "there are 6 ways" in ask(judge, probe("b1", classes=5, steps=0))[1]
    assert "no Keras model" in ask(judge, 0.97)[1]
    alone = keras.Sequential([keras.Input((64, 64, 3)), keras.layers.Flatten(), keras.layers.Dense(6)])
    assert "no layer of the source" in ask(judge, alone)[1]
    source.model.get_layer("stem_conv").kernel.assign_add(np.full((7, 7, 3, 24), 0.01))
    assert "stem_conv" in ask(judge, good)[1]


def test_hints_are_there():
    for exercise in (layer_tasks.one_layer, layer_tasks.wide_view):
        assert len(exercise._hints) == 2


def test_cuts_are_spread_from_the_first_to_the_last(drawings):
    assert inside.some_cuts(drawings, 8) == ("stem", "b1", "b2", "b3", "b4", "b5", "b6")  # the logits hold no map
    assert inside.some_cuts(drawings, 3) == ("stem", "b3", "b6")
    assert inside.spread("abc", 8) == ("a", "b", "c")
    assert [inside.depth_of(k, 8) for k in range(8)] == ["shallow"] * 3 + ["middle"] * 3 + ["deep"] * 2


def test_the_core_of_an_influence_is_measured_from_the_middle_of_what_is_seen():
    influence = np.zeros((40, 40))
    influence[4:15, 20:31] = 1e-6
    influence[9, 25] = 1.0
    assert inside.core(influence) == 1
    influence[7:12, 23:28] = 1.0
    assert inside.core(influence) == 5


def test_pieces_of_one_photograph_count_once():
    values = np.array([[1, 9], [5, 0], [2, 2]])
    np.testing.assert_array_equal(inside.best_of_each(values, np.array([7, 7, 3])), [[2, 2], [5, 9]])


def test_the_windows_are_those_of_the_strongest_answers(drawings, monkeypatch):
    shown = {}
    monkeypatch.setattr(inside.figures, "patch_rows", lambda rows, title: shown.update(rows))
    monkeypatch.setattr(inside.figures, "show", lambda figure, alt: None)
    pictures = np.zeros((4, 64, 64, 3), "uint8")
    pictures[0, 30:34, 62:64] = 200  # beside the place of the strongest answer, at the right edge
    pictures[2] = 90
    answers = np.array([[4.0], [3.9], [2.5], [1.0]])
    places = np.array([[16 * 32 + 31], [0], [0], [0]])  # of 32 x 32, counted row by row
    influence = np.pad(np.ones((5, 5)), (28, 31))
    world = pictures, np.array([0, 0, 1, 2])
    inside.show_windows(drawings, {"stem": (answers, places)}, {"stem": [0]}, {"stem": influence}, world)
    (row,) = shown.values()
    assert len(row) == 2  # one of each photograph, as far as it reaches half of the highest
    assert row[0].max() == 200 and (row[1] == 90).all()


def test_factors_are_what_was_drawn():
    drawings, asked = factors.known_drawings(300, 0)
    background = drawings[:, :4, :4, 0].mean((1, 2)) / 255
    assert np.corrcoef(background, asked["background, red"])[0, 1] > 0.8
    np.testing.assert_array_equal(asked["class (48: texture and shape)"] // 4, asked["shape (12 kinds)"])


def test_spoiled_pictures_hold_what_is_said_of_them():
    grey = np.full((90, 16, 16, 3), 127, "uint8")
    target = Target("grey", "Which?", grey, np.arange(90) % 3, grey[:30], np.arange(30) % 3, ("a", "b", "c"))
    pictures, asked, n = factors.spoiled(target, 0, draws=2, fast=True)
    assert n == 90 and len(pictures) == 2 * 90 + 30  # no more of a class than there are
    assert np.bincount(asked["class"][:n]).tolist() == [30, 30, 30]
    tint = (pictures[..., 0].mean((1, 2)) - pictures[..., 2].mean((1, 2))) / 2
    np.testing.assert_allclose(tint, asked["tint"], atol=6)
    np.testing.assert_allclose(pictures[..., 1].std((1, 2)), asked["noise"], atol=5)


def test_each_draw_trains_on_its_own_part_and_all_test_on_the_rest():
    seen = []
    factors.read_all(lambda x, y, train, test: seen.append((train, test)) or 1.0, {"b1": None}, {"y": None}, 5, 2)
    assert seen == [(slice(0, 5), slice(10, None)), (slice(5, 10), slice(10, None))]


@pytest.mark.parametrize("cuts", [FEW, MANY[:8], MANY])
def test_no_label_lies_on_another(cuts):
    from course_utils.figures import use_style

    use_style()
    lines = {f"{k}": (np.linspace(10, 90, len(cuts)), np.full(len(cuts), 3.0)) for k in ("shifted", "darkened")}
    examples = dict.fromkeys(("as it is", *lines), np.zeros((8, 8, 3), "uint8"))
    names = ["class (48: texture and shape)", *"abcdefg"]
    table = RNG.uniform(0, 100, (8, 2 + len(cuts)))
    columns = ["raw\npixels", "not\ntrained", *cuts]
    for figure in (
        layers.change_lines(examples, cuts, lines, "Deep maps take less notice of such changes"),
        layers.reading_table(table, names, columns, 2, "What a linear head reads"),
        layers.influence_panels(np.zeros((9, 9, 3)), dict.fromkeys(cuts[-6:], np.ones((9, 9))), "What one unit sees"),
    ):
        figure.canvas.draw()
        renderer, page = figure.canvas.get_renderer(), figure.bbox
        for ax in figure.axes:
            boxes = [t.get_window_extent(renderer) for t in ax.get_xticklabels() if t.get_text()]
            apart(boxes)
            assert all(0 <= box.x0 and box.x1 <= page.x1 and box.y0 >= 0 for box in boxes)
            assert ax.get_window_extent(renderer).height > 60
        apart([ax.title.get_window_extent(renderer) for ax in figure.axes if ax.title.get_text()])
        plt.close(figure)


def apart(boxes):
    for one, other in zip(boxes, boxes[1:], strict=False):
        assert one.x1 <= other.x0 + 1


def test_the_table_marks_the_best_cut_and_leaves_controls_alone():
    figure = layers.reading_table([[99, 1, 20, 70], [0, 0, 50, 40]], "ab", ["raw", "not", "b1", "b2"], 2, "t")
    bold = [t.get_text() for t in figure.axes[0].texts if t.get_fontweight() == "bold"]
    assert bold == ["70", "50"]
    plt.close(figure)
