"""Lesson 02: its exercises tell mistakes apart, its figures hold at any depth, and loading never surprises."""

from itertools import combinations

import keras
import numpy as np
import pytest

from course_utils.charts import outcomes, pretrained
from course_utils.errors import SourceUnavailable
from course_utils.lessons import imagenet
from course_utils.models import loading
from course_utils.store import weights

MANY = ("stem", *(f"b{k}" for k in range(16)), "top")


@pytest.fixture(scope="module")
def tasks(source):
    return imagenet.Tasks(source, 0)


def ways(pictures, step, a, b):
    return (pictures[..., ::step].astype("float32") - a) / b


def error(tasks, way):
    return np.abs(tasks.network.predict(ways(tasks.photographs, *way), verbose=0) - tasks.told).max()


ALL = [(step, a, b) for step in (1, -1) for a, b in ((0, 1), (0, 255), (127.5, 127.5), (127.5, 255))]


@pytest.mark.long
@pytest.mark.parametrize("seed", range(3))
def test_the_probabilities_that_are_told_single_out_one_scale(source, seed, ask):
    tasks = imagenet.Tasks(source, seed)
    right = (-1 if tasks._turned else 1, tasks._a, tasks._b)
    assert error(tasks, right) < 1e-4
    assert min(error(tasks, way) for way in ALL if way[1:] != right[1:]) > 0.02
    np.testing.assert_allclose(tasks.told, source.predict(tasks.photographs), atol=1e-3)
    assert ask(tasks.own_preprocessing, lambda pictures: ways(pictures, *right))[0] is True


def right_way(tasks, pictures):
    return ways(pictures, -1 if tasks._turned else 1, tasks._a, tasks._b)


WRONG_SCALES = {
    "without calling it": lambda tasks: right_way(tasks, tasks.photographs),
    "shape": lambda tasks: lambda p: right_way(tasks, p)[:, ::2],
    "uint8": lambda tasks: lambda p: p,
    "rest of its batch": lambda tasks: lambda p: right_way(tasks, p) / p.max(),
    "the order is right": lambda tasks: lambda p: right_way(tasks, p) * 40 + 3,
    "both scale and order": lambda tasks: lambda p: right_way(tasks, p)[..., ::-1] * 40 + 3,
}


@pytest.mark.parametrize("mistake", WRONG_SCALES)
def test_a_wrong_scale_is_told_by_its_mistake(tasks, mistake, ask):
    right, text = ask(tasks.own_preprocessing, WRONG_SCALES[mistake](tasks))
    assert right is False and mistake in text


def test_exchanged_colours_are_told_where_they_matter(tasks, ask, monkeypatch):
    reds = keras.Sequential([keras.Input((None, None, 3)), keras.layers.GlobalAveragePooling2D()])
    monkeypatch.setattr(tasks, "network", reds)  # the source of drawings does not mind them
    right, text = ask(tasks.own_preprocessing, lambda p: right_way(tasks, p)[..., ::-1])
    assert right is False and "the order of colours is not" in text


def pooled(source, cut, pool=keras.layers.GlobalAveragePooling2D, model=None):
    prefix = model or source.prefix(cut)
    return keras.Model(prefix.input, pool()(prefix.output))


def test_the_deepest_map_is_known(source, tasks, ask):
    right, text = ask(tasks.deepest_map, pooled(source, "b4"))
    assert right is True and "'b4'" in text


WRONG_CUTS = {
    "Give a Keras model": lambda source: "b4",
    "average the map": lambda source: source.prefix("b4"),
    "is deeper": lambda source: pooled(source, "b3"),
    "is less deep": lambda source: pooled(source, "b5"),
    "largest value": lambda source: pooled(source, "b4", keras.layers.GlobalMaxPooling2D),
    "no average": lambda source: pooled(source, "b4", model=keras.models.clone_model(source.prefix("b4"))),
}


@pytest.mark.parametrize("mistake", WRONG_CUTS)
def test_a_wrong_cut_is_told_by_its_mistake(source, tasks, mistake, ask):
    right, text = ask(tasks.deepest_map, WRONG_CUTS[mistake](source))
    assert right is False and mistake in text


def block(*steps):
    return keras.Sequential([keras.Input((28, 28, 40)), *steps])


def conv(*args, **settings):
    return keras.layers.Conv2D(*args, padding="same", **settings)


def deep(side):
    return keras.layers.DepthwiseConv2D(side, padding="same")


RELU = keras.layers.ReLU


@pytest.mark.parametrize(
    "steps", [lambda: (conv(40, 1), RELU(), deep(5)), lambda: (deep(3), RELU(), deep(3), conv(40, 1))]
)
def test_many_blocks_are_light_enough(steps, ask):
    right, text = ask(imagenet.lighter_block, block(*steps()))
    assert right is True, text


HEAVY = {
    "Give a Keras model": lambda: 9200,
    "Its output is": lambda: block(conv(20, 1)),
    "parameters: 13,640": lambda: block(conv(40, 5)),
    "9 of the 25": lambda: block(conv(40, 1), RELU(), deep(3)),
    "mix them all": lambda: block(deep(5), RELU(), deep(3)),
    "It is linear": lambda: block(conv(40, 1), deep(5)),
}


@pytest.mark.parametrize("mistake", HEAVY)
def test_a_block_is_told_what_it_lacks(mistake, ask):
    right, text = ask(imagenet.lighter_block, HEAVY[mistake]())
    assert right is False and mistake in text


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("cuts", [MANY[:8], MANY], ids=len)
def test_maps_are_drawn_at_any_depth(cuts, shown):
    pretrained.shrinking_maps(
        {cut: (64 >> k // 4, 64 >> k // 4, 8 + k) for k, cut in enumerate(cuts[:-1])} | {cuts[-1]: (48,)}
    )
    ((figure, alt),) = shown
    figure.canvas.draw()
    boxes = [t.get_window_extent() for t in figure.axes[0].get_xticklabels() if t.get_text()]
    assert len(boxes) == 8 and not any(a.overlaps(b) for a, b in zip(boxes, boxes[1:], strict=False))
    assert "stem" in alt and "48" in alt


def test_a_class_counts_once_however_many_pictures_it_has(shown):
    labels = np.array([0, 0, 0, 1])
    pretrained.by_class({"right": np.array([0.9, 0.9, 0.9, 0.1])}, labels, "", "right")
    assert shown[0][1].endswith("right 0.50.")
    pretrained.sizes_and_views(
        {"as it is": np.zeros((4, 4, 3))}, {"as it is": np.array([0.9, 0.9, 0.9, 0.1])}, labels, ""
    )
    assert shown[1][1].endswith("as it is 0.50.")


def test_right_names_are_counted_and_others_are_not(shown):
    class Names:
        name, class_names = "it", ("espresso", "Egyptian cat", "daisy")

        def top(self, pictures, k):
            return [[("Egyptian cat", 0.9), ("espresso", 0.1)]] * len(pictures)

    assert pretrained.gallery(Names(), np.zeros((4, 8, 8, 3), "uint8"), ("cat", "coffee", "flower", "noise")) == 1
    texts = [t.get_text() for ax in shown[0][0].axes for t in ax.texts]
    assert sum("right" in text for text in texts) == 2  # of the cat and of the coffee; a flower is no daisy


def test_the_zoo_is_drawn_with_no_name_on_another(shown, told, monkeypatch):
    tables = []
    monkeypatch.setattr("IPython.display.display", lambda table: tables.append(table.data))
    costs = outcomes.zoo_costs(lambda _: pytest.fail("the table that comes with the course fits no more"))
    assert set(costs) == set(outcomes.ZOO) | set(outcomes.INSTALLED)
    outcomes.show_zoo(costs)
    ((figure, alt),) = shown
    edge = alt.split("dear: ")[1].rstrip(".").split(", ")
    best = [(outcomes.ZOO | outcomes.INSTALLED)[name].top1 for name in edge]
    assert best == sorted(best) and len(set(edge)) == len(edge) > 4
    figure.canvas.draw()
    (ax,) = figure.axes
    boxes = [*(text.get_window_extent() for text in ax.texts), ax.get_legend().get_window_extent()]
    assert not [pair for pair in combinations(boxes, 2) if pair[0].overlaps(pair[1])]
    assert ax.bbox.x0 < min(box.x0 for box in boxes)
    ((text, facts),) = told
    assert "VGG16" in tables[0] and "tenth of VGG16" in text and facts["holds"]


def test_the_table_of_costs_is_what_keras_builds():
    def count(model):
        return sum(
            int(np.prod(layer.output.shape[1:-1])) * int(np.prod(weight.shape))
            for layer in model.layers
            for weight in layer.weights
            if weight.path.endswith("kernel")
        )

    with weights.without_weights():
        model = outcomes.ZOO["MobileNetV2"].build(None)
    assert count(model) == outcomes.zoo_costs(count)["MobileNetV2"]
    assert 290e6 < count(model) < 310e6  # 300 million in Sandler et al. 2018


def test_keras_loads_nothing_that_is_not_there(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "obtain", lambda *_: pytest.fail("asked for"))
    assert loading.keras_may_load("MobileNetV2", False) is False
    assert "is skipped" in capsys.readouterr().out


def test_a_download_that_fails_is_one_sentence(monkeypatch, tmp_path, capsys):
    def silent(*_):
        raise SourceUnavailable("Nobody answers.")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "obtain", silent)
    assert loading.keras_may_load("MobileNetV2", True) is False
    assert capsys.readouterr().out == "This cell is skipped. Nobody answers.\n"


def test_what_was_fetched_may_be_loaded(monkeypatch, tmp_path):
    asked = []
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "obtain", lambda file, what: asked.append(file.name))
    assert loading.keras_may_load("MobileNetV2", True) is True
    assert len(asked) == 2 and "class_index" in asked[1] and "no_top" not in asked[0]


def test_only_heads_that_average_take_other_sizes(source, capsys):
    assert imagenet.sides(source) == {"half": 32, "three quarters": 48, "its own": 64, "one and a half": 96}
    flat = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Flatten()])
    like = type("Flat", (), {"model": flat, "input_size": (8, 8), "name": "flat"})
    assert imagenet.sides(like) == {"its own": 8} and "flattens" in capsys.readouterr().out
