"""Lesson 05: its controls and curves, the phone's photograph, and what its exercises say of right and wrong answers."""

import keras
import numpy as np
import pytest
from lesson_helpers import FOUR, LEFT, RED, four_classes, model_on, pictures_of, tiny_source, values
from PIL import Image, ImageOps

from course_utils.lessons import head_tasks, heads
from course_utils.pictures.labelled import Target
from course_utils.sources import Source
from course_utils.targets import load_target

layers = keras.layers


def knowing(what=LEFT):
    """A source that has learned to look for one thing in a whole picture."""
    start = keras.Input((8, 8, 3), name="pictures")
    seen = layers.Conv2D(1, 8, name="seen")(layers.Rescaling(1 / 255, name="scale")(start))
    logits = layers.Dense(2, name="logits")(layers.GlobalAveragePooling2D(name="average")(seen))
    model = keras.Model(start, logits, name="knowing")
    model.get_layer("seen").set_weights([np.asarray(what, "float32")[..., None], np.zeros(1)])
    return Source("knowing", model, ("seen", "logits"), (), (8, 8), "knowing: made for a test.")


def faint(n=200, kind="classes"):
    """What is blue on the left by so little that only who knows where to look can tell."""
    parts = []
    for part in (0, 1):
        left = np.tile([-1.5, 1.5], n // 2) if kind == "classes" else np.random.default_rng(part).uniform(-3, 3, n)
        parts += [pictures_of(np.zeros(n), left, 20 + part)]
        parts += [(left > 0).astype("int64") if kind == "classes" else left.astype("float32")]
    names = ("right", "left") if kind == "classes" else ()
    return Target("faint", "Which side?", *parts, names, "" if names else "points")


WAYS = ("frozen prefix, seen", "the same, untrained", "raw pixels")


def test_a_prefix_that_knows_leads_its_controls(told, shown):
    scores = heads.show_controls(knowing(), faint(), "seen", 10, 3, 0)
    assert tuple(scores) == WAYS and all(values.shape == (3,) for values in scores.values())
    assert scores[WAYS[0]].min() > 90 and all(scores[way].max() < 90 for way in WAYS[1:])
    assert all(len(set(scores[way])) > 1 for way in WAYS[1:])  # each draw is another
    assert told[0][1]["holds"] is True


def test_values_are_scored_by_what_they_explain(told, shown):
    scores = heads.show_controls(knowing(), faint(kind="values"), "seen", 30, 2, 0)
    assert 0.8 < scores[WAYS[0]].min() <= scores[WAYS[0]].max() < 1
    assert scores[WAYS[1]].max() < 0.7 and told[0][1]["holds"] is True
    ((figure, alt),) = shown
    assert "R²" in alt and "R²" in figure.axes[0].get_xlabel() and "guessing" not in figure.axes[0].get_xlabel()
    assert figure.axes[0].get_title(loc="left").startswith("faint, 30 pictures, a linear head")


def test_a_prefix_that_knows_something_else_does_not_lead(told, shown):
    heads.show_controls(knowing(RED), faint(), "seen", 10, 3, 0)
    assert told[0][1]["holds"] is False


@pytest.fixture
def scored(monkeypatch):
    """Scores of linear heads that are given, in order, and how many test pictures each was asked of."""
    tested = []

    def give(*scores):
        left = list(scores)

        def probe(x, y, test_x, test_y):
            assert len(x) == len(y) and len(test_x) == len(test_y)
            tested.append(len(test_x))
            return left.pop(0)

        monkeypatch.setattr(heads, "linear_probe", probe)

    return give, tested


def test_controls_are_told_with_their_intervals(told, shown, scored):
    give, tested = scored
    give(0.8, 0.82, 0.6, 0.62, 0.5, 0.52)
    scores = heads.show_controls(knowing(), faint(400), "seen", 7, 2, 0)
    np.testing.assert_allclose(scores[WAYS[2]], [50, 52])
    assert tested == [300] * 6
    ((figure, alt),) = shown
    assert "frozen prefix, seen 81 ± 13, the same, untrained 61" in alt and "raw pixels 51" in alt
    ax = figure.axes[0]
    assert (
        ax.get_title(loc="left") == "faint, 7 pictures of each class, a linear head on each. Ahead: frozen prefix, seen"
    )
    assert "2 draws" in ax.get_xlabel() and ax.get_xlabel().endswith("guessing: 50")
    assert [bar.get_width() for bar in ax.patches] == pytest.approx([81, 61, 51])
    assert ax.patches[0].get_facecolor() != ax.patches[1].get_facecolor() == ax.patches[2].get_facecolor()


@pytest.mark.parametrize(
    "scores", [(0.8, 0.5, 0.3, 0.55, 0.2, 0.2), (0.8, 0.5, 0.2, 0.2, 0.3, 0.55), (0.8, 0.5, 0.2, 0.5, 0.2, 0.2)]
)
def test_one_draw_that_does_not_lead_is_enough(told, shown, scored, scores):
    scored[0](*scores)
    heads.show_controls(knowing(), faint(), "seen", 7, 2, 0)
    assert told[0][1]["holds"] is False


CURED = {"loss": [2.0, 1.5, 1.2, 1.1, 1.0, 0.9], "val_loss": [1.9, 1.4, 1.1, 0.9, 0.66, 0.7]}
TRAIN = [2.0, 1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.011]


def test_losses_are_drawn_over_epochs(told, shown):
    valid = [1.8, 1.2, 0.813, 0.9, 1.0, 1.1, 1.2, 1.31]
    heads.show_losses({"loss": TRAIN, "val_loss": valid}, CURED)
    ((figure, alt),) = shown
    assert "lowest at epoch 3 with 0.81 and ends at 1.31, the training loss ends at 0.011" in alt
    assert "best validation loss is 0.66" in alt
    left, right = figure.axes
    assert [ax.get_title(loc="left") for ax in (left, right)] == ["Learned by heart", "With augmentation and dropout"]
    train, validation, lowest = left.lines
    assert list(train.get_xdata()) == list(range(1, 9)) and list(train.get_ydata()) == TRAIN
    assert list(validation.get_ydata()) == valid and list(lowest.get_xdata()) == [3, 3]
    assert list(right.lines[1].get_ydata()) == CURED["val_loss"] and len(right.lines[0].get_xdata()) == 6
    assert left.get_ylim() == (0, pytest.approx(2.62)) and left.get_xlim() == right.get_xlim() == (0, 9)
    assert [text.get_text() for text in right.get_legend().texts] == ["training pictures", "validation pictures"]
    assert told[0][1]["holds"] is True and "1.31 against 0.011; it was lowest in epoch 3 of 8" in told[0][0]


@pytest.mark.parametrize(
    ("train", "valid"),
    [
        (TRAIN, TRAIN),
        ([2.0, 1.0, 0.9, 0.9, 0.9, 0.9, 0.9, 0.9], [1.8, 1.2, 0.8, 0.8, 0.8, 0.8, 0.8, 0.8]),
    ],
)
def test_what_is_no_overfitting_is_not_called_so(told, shown, train, valid):
    heads.show_losses({"loss": train, "val_loss": valid}, CURED)
    assert told[0][1]["holds"] is False


@pytest.mark.parametrize(("share", "holds"), [(0.7, True), (0.8, False), (-1.0, False)])
def test_estimates_are_held_against_the_mean(told, shown, share, holds):
    target = values()
    true = np.array([-40.0, -10, 10, 40])
    heads.show_estimates(target, true, true * (1 - share), 0.0)
    ((figure, alt),) = shown
    error = 25 * abs(share)
    assert told[0][1]["holds"] is holds and f"({error:.2f} against 25.00 points)" in told[0][0]
    assert f"4 test pictures; mean error {error:.2f} points" in alt
    ax = figure.axes[0]
    assert ax.get_xlabel() == "true (points)" and ax.get_ylabel() == "said (points)"
    np.testing.assert_array_equal(ax.lines[0].get_xydata(), np.stack([true, true * (1 - share)], 1))
    assert list(ax.lines[1].get_xydata().ravel()) == [-40, -40, 40, 40] and list(ax.lines[2].get_ydata()) == [0, 0]


def test_the_mean_is_that_of_the_training_values(told, shown):
    heads.show_estimates(values(), np.array([10.0, 20]), np.array([14.0, 24]), 30.0)
    assert "(4.00 against 15.00 points)" in told[0][0]


def test_a_picture_with_a_clear_up_is_the_whole_cat_or_the_first_of_the_targets():
    target = load_target("windows", 0)
    picture, name = heads.phone_snapshot(target, target.test_pictures, target.test_labels)
    assert name == "cat" and picture.shape == (300, 451, 3) and picture.dtype == np.uint8
    assert 120 < picture.mean() < 134 and 40 < picture.std() < 50
    digits = load_target("digits", 0)
    picture, name = heads.phone_snapshot(digits, digits.test_pictures[3:], digits.test_labels[3:])
    assert np.array_equal(picture, digits.test_pictures[3]) and name == digits.class_names[digits.test_labels[3]]


@pytest.fixture
def photograph(tmp_path):
    """A phone's photograph of a broad picture: green above blue in its middle, red at both sides."""
    picture = np.zeros((100, 300, 3), "uint8")
    picture[..., 0] = 255
    picture[:50, 110:190], picture[50:, 110:190] = [0, 255, 0], [0, 0, 255]
    return heads.phone_photograph(picture, tmp_path)


def test_a_phones_photograph_lies_on_its_side_until_it_is_turned(photograph, tmp_path):
    assert photograph == tmp_path / "photograph.jpg"
    with Image.open(photograph) as opened:
        assert opened.format == "JPEG" and opened.size == (640, 480) and opened.getexif()[0x0112] == 6
        turned = ImageOps.exif_transpose(opened)
    assert turned.size == (480, 640)
    pixels = np.asarray(turned).astype(int)
    assert (pixels[:300, :, 1] > 200).all() and (pixels[340:, :, 2] > 200).all()  # green stays above blue
    assert (pixels[..., 0] < 60).all()  # and the sides are cut off
    lying = np.asarray(keras.utils.load_img(photograph)).astype(int)
    assert lying.shape == (480, 640, 3) and (lying[:, :300, 1] > 200).all()


def reads_of(lying, upright):
    pictures = {"load_img": lying, "exif_transpose": upright}
    return {way: Image.new("RGB", size) for way, size in pictures.items()}, {
        way: f"a {way[0]}, 70%" for way in pictures
    }


def test_one_file_is_shown_as_it_is_read(told, shown):
    heads.show_turned(*reads_of((64, 48), (48, 64)))
    ((figure, alt),) = shown
    titles = [ax.get_title() or ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["load_img\n64 x 48: a l, 70%", "exif_transpose\n48 x 64: a e, 70%"]
    assert "on its side" in alt and told[0][1]["holds"] is True and "(64, 48) and (48, 64) pixels" in told[0][0]


@pytest.mark.parametrize("sizes", [((48, 64), (48, 64)), ((48, 64), (64, 48)), ((64, 48), (40, 64))])
def test_what_is_not_turned_is_not_said_to_be(told, shown, sizes):
    heads.show_turned(*reads_of(*sizes))
    assert told[0][1]["holds"] is False


RIGHT = 1280 * 256 + 256 + 256 * 10 + 10
COUNTS = {
    1280 * 256 + 256 * 10: "left out the biases",
    49 * 1280 * 256 + 256 + 256 * 10 + 10: "7 x 7 maps",
    49 * RIGHT: "7 x 7 maps",
    1280 * 10 + 10: "left out the layer of 256",
    256 * 10 + 10: "the last layer alone",
    RIGHT + 4 * 1280: "no BatchNorm",
    RIGHT + 1: "Count each dense layer",
    float(RIGHT): "one whole number",
    True: "one whole number",
}


@pytest.mark.parametrize("answer", COUNTS)
def test_a_wrong_count_is_told_by_its_mistake(ask, answer):
    right, text = ask(head_tasks.numbers_to_learn, answer)
    assert right is False and COUNTS[answer] in text


def test_what_keras_counts_is_right(ask):
    parts = [layers.GlobalAveragePooling2D(), layers.Dense(256), layers.Dropout(0.5), layers.Dense(10)]
    model = keras.Sequential([keras.Input((7, 7, 1280)), *parts])
    right, text = ask(head_tasks.numbers_to_learn, model.count_params())
    assert right is True and text == "1280 x 256 + 256, and 256 x 10 + 10."


def augmentation(turn=0.04, shift=0.05, zoom=0.1, *more):
    turned, shifted = layers.RandomRotation(turn, seed=1), layers.RandomTranslation(shift, shift, seed=2)
    return keras.Sequential([turned, shifted, layers.RandomZoom(zoom, seed=3), *more])


def always(change):
    """A layer that changes every picture in one way."""

    class Always(layers.Layer):
        def call(self, x, training=False):
            return change(x)

    return Always()


def in_training(change):
    """A layer that changes pictures in training alone."""

    class InTraining(layers.Layer):
        def call(self, x, training=False):
            return change(x) if training else x

    return InTraining()


AUGMENTATIONS = {
    "Give a layer": lambda: "RandomRotation",
    "it must keep the size": lambda: layers.CenterCrop(60, 60),
    "leave the range 0": lambda: layers.Rescaling(1 / 255),
    "the range 0 … 255": lambda: layers.RandomBrightness(0.2, value_range=(-255, 600), seed=1),
    "Its pictures leave": lambda: layers.RandomBrightness(0.2, value_range=(-255, 255), seed=1),
    "outside of training, too": lambda: always(lambda x: x[:, ::-1]),
    "nothing in it is random": lambda: in_training(lambda x: x[:, :, ::-1]),
    "mirrors pictures: a digit": lambda: layers.RandomFlip("horizontal", seed=1),
    "as water mirrors them": lambda: layers.RandomFlip("vertical", seed=1),
    "onto their sides (": lambda: layers.RandomRotation((0.24, 0.26), seed=1),
    "onto their other sides": lambda: layers.RandomRotation((-0.26, -0.24), seed=1),
    "and a 6 into a 9": lambda: layers.RandomRotation((0.45, 0.55), seed=1),
    "Too little is left": lambda: layers.RandomZoom((0.8, 0.9), seed=1),
    "next to nothing": lambda: layers.RandomTranslation(0.01, 0.01, seed=1),
}


@pytest.mark.parametrize("mistake", AUGMENTATIONS)
def test_a_wrong_augmentation_is_told_by_its_mistake(ask, mistake):
    right, text = ask(head_tasks.digits_augmented, AUGMENTATIONS[mistake]())
    assert right is False and mistake in text


READABLE = {
    "the worked answer": lambda: augmentation(),
    "wide shifts": lambda: augmentation(0.02, 0.1, 0.1),
    "wide turns": lambda: augmentation(0.08, 0.02, 0.02),
    "light alone": lambda: layers.RandomBrightness(0.1, seed=1),
}


@pytest.mark.parametrize("way", READABLE)
def test_an_augmentation_that_leaves_digits_readable_is_right(ask, way):
    right, text = ask(head_tasks.digits_augmented, READABLE[way]())
    assert right is True, text
    assert int(text.split(" of 100")[0].split()[-1]) > 92


def test_a_mirror_among_good_layers_is_found(ask):
    right, text = ask(
        head_tasks.digits_augmented, augmentation(0.04, 0.05, 0.1, layers.RandomFlip("horizontal", seed=1))
    )
    assert right is False and "in the mirror" in text


@pytest.fixture
def asked_for(monkeypatch):
    """What targets were asked for: (name, seed)."""
    calls = []

    def load(name, seed):
        calls.append((name, seed))
        return four_classes() if name == "digits" else values(n=300)

    monkeypatch.setattr(head_tasks, "load_target", load)
    return calls


def test_the_open_task_on_digits_asks_for_three_points_more(ask, asked_for, capsys):
    source = tiny_source()
    exercise = head_tasks.digits_head(source, 4)
    assert asked_for == [("digits", 4)] and "To beat it by 3 points" in capsys.readouterr().out
    assert ask(exercise, model_on(source, FOUR))[0] is True
    right, text = ask(exercise, model_on(source, [-RED, RED, RED, RED]))
    assert right is False and "about as guessing is" in text


def test_the_open_task_on_turned_digits_asks_for_a_tenth_less(ask, asked_for, capsys):
    source = tiny_source()
    exercise = head_tasks.angle_head(source, 4)
    assert asked_for == [("turned digits", 4)] and "To reach 90% of that" in capsys.readouterr().out
    assert ask(exercise, model_on(source, [RED + LEFT]))[0] is True
    right, text = ask(exercise, model_on(source, [RED]))
    assert right is False and "at most are wanted" in text


def test_exercises_wait_and_hint(told, asked_for):
    source = tiny_source()
    exercises = (
        head_tasks.numbers_to_learn,
        head_tasks.digits_augmented,
        head_tasks.digits_head(source, 0),
        head_tasks.angle_head(source, 0),
    )
    for exercise in exercises:
        exercise()
        exercise.hint(1)
        exercise.hint(2)
    assert [facts.get("hint", facts.get("right")) for _, facts in told] == [None, 1, 2] * 4
    assert len({text for text, _ in told}) == 12
