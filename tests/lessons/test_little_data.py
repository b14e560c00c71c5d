"""Lesson 01: what it shows and claims, and what its exercises say of right and of wrong answers."""

import numpy as np
import pytest

from course_utils.lessons import little_data
from course_utils.pictures.labelled import Target
from course_utils.probing import cut_features
from course_utils.sources import load_source
from course_utils.targets import load_target


def rows(name, own, new, ns=(5, 100)):
    """Two draws for each n, a point apart."""
    return [
        {"network": name, "n": n, "draw": draw, "own": o + draw, "new": w + draw}
        for n, o, w in zip(ns, own, new, strict=True)
        for draw in (0, 1)
    ]


def test_amounts_go_as_far_as_the_smallest_class():
    pictures, labels = np.zeros((60, 8, 8, 3), "uint8"), np.repeat([0, 1], [12, 48])
    target = Target("two", "Which?", pictures, labels, pictures, labels, ("a", "b"))
    assert little_data.how_many(target, False) == ((5, 12), 3)
    assert little_data.how_many(load_target("windows"), False) == ((5, 20, 100), 3)
    assert little_data.how_many(load_target("windows"), True) == ((5, 20), 2)
    part = little_data.part_of(labels, 5, 0)
    assert np.bincount(labels[part]).tolist() == [5, 5] and len(set(part)) == 10


def test_the_frozen_prefix_has_to_lead_everywhere(shown, told):
    probed = {"frozen": {5: [70.0, 72], 100: [80.0, 81]}, "pixels": {5: [8.0, 9], 100: [10.0, 11]}}
    scratch = rows("scratch", (99, 70), (30, 50)) + rows("augmented", (80, 60), (28, 55))
    assert little_data.show_curves(probed, scratch, 6.2) == pytest.approx(71 - 30.5)
    assert [facts["holds"] for _, facts in told] == [True, True] and "n = 100 +25 points" in told[0][0]
    assert "frozen: 71 %, 80 %." in shown[0][1] and "augmented: 28 %, 56 %." in shown[0][1]
    little_data.show_curves(probed, scratch[:4] + rows("augmented", (80, 90), (28, 85)), 6.2)
    assert [facts["holds"] for _, facts in told[2:]] == [False, False]


def test_what_is_learned_by_heart_is_a_gap_that_closes(shown, told):
    little_data.show_overfitting(rows("scratch", (99, 70), (30, 50)))
    little_data.show_overfitting(rows("scratch", (99, 99), (30, 29)))
    little_data.show_overfitting(rows("scratch", (40, 50), (30, 45)))
    assert [facts["holds"] for _, facts in told] == [True, False, False]
    little_data.show_overfitting(rows("scratch", (40, 50), (30, 45)), claims=False)
    assert len(told) == 3 and "scratch, own: 100 %, 70 %." in shown[0][1]


def test_depth_is_claimed_only_as_measured(shown, told):
    good = rows(2, (0, 0), (35, 45)) + rows(4, (0, 0), (33, 55)) + rows(8, (0, 0), (28, 50))
    assert little_data.show_depth_and_data(good) == "2"
    assert [facts["holds"] for _, facts in told] == [True, True] and "2 convolutions +10" in told[1][0]
    other = rows(2, (0, 0), (20, 45)) + rows(8, (0, 0), (28, 50))
    assert little_data.show_depth_and_data(other) == "8"
    assert [facts["holds"] for _, facts in told[2:]] == [False, False]
    little_data.show_depth_and_data(other, claims=False)
    assert len(told) == 4


def test_the_table_of_the_course_bears_its_claims_out(shown, told):
    import json
    from importlib.resources import files

    kept = json.loads(files("course_utils").joinpath("data/tables/depth_and_data.json").read_text("utf-8"))
    little_data.show_depth_and_data(kept["table"])
    assert [facts["holds"] for _, facts in told] == [True, True]


def test_shared_classes_are_found_by_name(monkeypatch, capsys):
    tables = []
    monkeypatch.setattr(little_data, "show_table", lambda columns, rows: tables.append(rows))
    pictures, labels = np.zeros((6, 8, 8, 3), "uint8"), np.array([0, 0, 0, 1, 1, 1])
    target = Target("two", "Which?", pictures, labels, pictures, labels, ("Roses", "tulip"))

    class Names:
        name, class_names = "known", ("rose", "park_bench")
        predict = staticmethod(lambda pictures: np.eye(2)[[0, 1][: len(pictures)]])

    little_data.show_known_classes(Names(), target)
    assert tables[0] == [("Roses", "rose", "100 %", "yes"), ("tulip", "park bench", "100 %", "no")]
    assert "by name: Roses\n" in capsys.readouterr().out


def test_parameters_for_each_picture(ask):
    assert ask(little_data.per_picture, 129 * 30 / 360)[0] is True
    mistakes = {
        128 / 12: "biases",
        3870: "in all",
        3870 / 12: "of one class",
        129 / 360: "of one class",
        360 / 3870: "way",
    }
    for answer, words in (mistakes | {11: "Count the head", "ten": "Give a number"}).items():
        assert words in ask(little_data.per_picture, answer)[1], answer


@pytest.fixture(scope="module")
def tasks():
    source = load_source("drawings")
    return little_data.LittleTasks(source, load_target("unseen shapes"), "b5", 0)


@pytest.mark.long
def test_a_head_is_spared_by_fewer_numbers(tasks, ask):
    import keras
    from sklearn.decomposition import PCA

    source = tasks._source
    x = cut_features(source, tasks.pictures, ("b5",))["b5"]
    pooled = keras.layers.GlobalAveragePooling2D()(source.prefix("b5").output)
    for layer in source.model.layers:
        layer.trainable = False

    def model(numbers, epochs=40, freeze=True):
        directions = PCA(numbers, whiten=True).fit(x)
        axes = directions.components_.T / np.sqrt(directions.explained_variance_)
        fewer = keras.layers.Dense(numbers, trainable=not freeze)
        parts = keras.Sequential([keras.Input((96,)), fewer, keras.layers.Dense(8, activation="softmax")])
        fewer.set_weights([axes, -directions.mean_ @ axes])
        parts.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
        if epochs:
            parts.fit(x, tasks.targets, epochs=epochs, verbose=0)
        return keras.Model(source.model.input, parts(pooled))

    assert tasks.most == 97 * 8 // 3
    assert ask(tasks.spare, model(31))[0] is True
    assert "freeze the rest" in ask(tasks.spare, model(31, 0, freeze=False))[1]
    assert "are wanted" in ask(tasks.spare, model(31, 0))[1]
    still = model(4, 0)
    still.trainable = False
    assert "Nothing in it is trainable" in ask(tasks.spare, still)[1]
    assert "Give a Keras model" in ask(tasks.spare, None)[1]


def test_a_network_from_scratch_is_judged_on_new_windows(tasks, ask):
    import keras

    assert tasks.windows.shape == (320, 128, 128, 3) and np.bincount(tasks.labels).tolist() == [20] * 16
    known = {picture.tobytes(): label for picture, label in zip(
        tasks._windows.test_pictures.astype("float32"), tasks._windows.test_labels, strict=True)}  # fmt: skip

    class Oracle(keras.Model):
        right = 1.0
        input_shape, output_shape = (None, 128, 128, 3), (None, 16)

        def predict(self, x, **_):
            labels = np.array([known[picture.tobytes()] for picture in np.asarray(x, "float32")])
            return np.eye(16)[np.where(np.arange(len(x)) < self.right * len(x), labels, (labels + 1) % 16)]

    oracle = Oracle()
    assert ask(tasks.beat, oracle)[0] is True
    oracle.right = 0.4
    assert "40.0 % of 480 new windows; 45 % are wanted." in ask(tasks.beat, oracle)[1]
    oracle.right = 0.05
    assert "little more than guessing" in ask(tasks.beat, oracle)[1]
    oracle.input_shape = (None, 64, 64, 3)
    assert "raw windows" in ask(tasks.beat, oracle)[1]
