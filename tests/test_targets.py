"""Targets: balanced, disjoint, repeatable, and labelled with what their pictures really show."""

import socket
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import complains, long_but, wave
from PIL import Image

from course_utils import targets
from course_utils.errors import BadPictures, BadTarget, SourceUnavailable
from course_utils.pictures import windows
from course_utils.pictures.labelled import Target
from course_utils.pictures.photographs import photographs
from course_utils.probing import linear_probe
from course_utils.targets import TARGETS, load_target, near_target, own_pictures
from course_utils.world import shapes, tasks

CLASSES = {
    "windows": 16,
    "blur": 0,
    "unseen shapes": 8,
    "unseen shapes and textures": 8,
    "stripe orientation": 6,
    "pose": 8,
    "count": 5,
    "size": 0,
    "digits": 10,
    "turned digits": 0,
}


@pytest.fixture
def small(monkeypatch):
    """Fewer pictures than in the course, for what does not depend on their number."""
    monkeypatch.setattr(tasks, "POOL", 12)
    monkeypatch.setattr(tasks, "TEST", 6)


@pytest.fixture
def plain(small, monkeypatch):
    """Fix factors of everything that is rendered, and keep the factors: `plain(x=0)` returns the list of them."""
    sample, kept = shapes.sample_factors, []

    def fix(**forced):
        def fixed(n, rng, *args, **settings):
            kept.append(sample(n, rng, *args, **(settings | still | forced)))
            return kept[-1]

        still = dict(clutter=0, light=0, blur=0, noise=0)
        still["colours"] = np.array([(1, 0, 0), (1, 1, 0), (0, 0, 0.5), (0, 0, 0.5)])
        monkeypatch.setattr(shapes, "sample_factors", fixed)
        return kept

    return fix


def red(pictures):
    """The shapes of a `plain` drawing: both of their colours are red, and the background is not."""
    return pictures[..., 0] > 127


def test_every_target_is_known_here():
    assert set(TARGETS) == set(CLASSES)


@pytest.mark.parametrize("name", TARGETS)
def test_target_has_pictures_and_labels_that_fit(name):
    target = load_target(name)
    assert target.name == name and target.question.endswith("?")
    assert len(target.class_names) == len(set(target.class_names)) == CLASSES[name]
    for pictures, labels in ((target.pictures, target.labels), (target.test_pictures, target.test_labels)):
        side = 128 if name in ("windows", "blur") else 64
        assert pictures.dtype == np.uint8 and pictures.shape == (len(labels), side, side, 3)
        assert pictures.std((1, 2, 3)).min() > 2  # none is blank
        if target.class_names:
            assert labels.dtype == np.int64 and not target.unit
            counts = np.bincount(labels, minlength=CLASSES[name])
            assert counts.min() > (0.6 if name == "digits" else 0.999) * counts.max()
        else:
            assert labels.dtype == np.float32 and target.unit


@pytest.mark.parametrize("name", TARGETS)
def test_no_picture_stands_twice(name):
    target = load_target(name)
    every = [picture.tobytes() for pictures in (target.pictures, target.test_pictures) for picture in pictures]
    assert len(set(every)) == len(every)
    if not target.class_names:  # nor are the test values those of the training pictures
        assert np.isin(target.test_labels, target.labels).mean() < 0.02


@pytest.mark.parametrize("name", long_but(TARGETS, "windows", "digits", "size"))
def test_a_seed_fixes_a_target(name, small):
    first, again, other = (TARGETS[name](seed) for seed in (0, 0, 1))
    for part in ("pictures", "labels", "test_pictures", "test_labels"):
        np.testing.assert_array_equal(getattr(first, part), getattr(again, part))
    assert (first.pictures != other.pictures).any((1, 2, 3)).mean() > 0.9
    assert (first.test_pictures != other.test_pictures).any((1, 2, 3)).mean() > 0.9


def test_a_target_is_built_once():
    assert load_target("digits", 0) is load_target("digits", 0)
    assert load_target("digits", 1) is not load_target("digits", 0)


def test_unseen_shapes_are_the_ones_that_the_label_names(plain):
    kept = plain()
    target = TARGETS["unseen shapes"](0)
    labels = np.concatenate([target.labels, target.test_labels])
    drawn = np.concatenate([factors["shape_name"] for factors in kept])
    assert [target.class_names[k] for k in labels] == list(drawn)
    assert not set(target.class_names) & set(shapes.SOURCE_SHAPES)
    assert set(kept[0]["texture_name"]) <= set(shapes.SOURCE_TEXTURES)


def test_unseen_textures_are_none_of_the_source(plain):
    kept = plain()
    TARGETS["unseen shapes and textures"](0)
    for factors in kept:
        assert not set(factors["texture_name"]) & set(shapes.SOURCE_TEXTURES)
        assert not set(factors["shape_name"]) & set(shapes.SOURCE_SHAPES)


def test_stripes_run_as_the_label_says(plain):
    plain(x=0, y=0, size=90, shape=1)  # squares that fill the picture
    target = TARGETS["stripe orientation"](0)
    for picture, label in zip(target.pictures, target.labels, strict=True):
        middle = np.deg2rad(float(target.class_names[label].rstrip("°")))
        assert abs(np.sin(wave(picture[..., 1])[0] - middle)) < np.sin(np.deg2rad(12))


def test_the_heart_points_as_the_label_says(plain):
    plain(x=0, y=0, size=25)
    target = TARGETS["pose"](0)
    middle = np.arange(64) - 31.5
    for covered, label in zip(red(target.pictures), target.labels, strict=True):
        # The heavy side is opposite the tip: up, at -90°, in an unturned heart.
        turned = np.rad2deg(np.arctan2((covered * middle[:, None]).sum(), (covered * middle).sum())) + 90
        difference = (turned - float(target.class_names[label].rstrip("°")) + 180) % 360 - 180
        assert abs(difference) < 20


def test_count_shows_so_many_shapes(plain):
    from scipy.ndimage import label as components

    plain()
    target = TARGETS["count"](0)
    # Fewer than 9 pixels are the broken-off tip of a crescent.
    areas = [np.bincount(components(covered, np.ones((3, 3)))[0].ravel())[1:] for covered in red(target.pictures)]
    shown = [(area >= 9).sum() for area in areas]
    assert [target.class_names[k] for k in target.labels] == [str(n) for n in shown]


def test_size_is_the_radius_in_pixels(plain):
    plain(x=0, y=0, shape=0, texture=0)  # discs
    target = TARGETS["size"](0)
    assert target.unit == "pixels" and target.labels.min() >= 8 and target.labels.max() <= 28
    assert np.ptp(target.labels) > 15
    np.testing.assert_allclose(np.sqrt(red(target.pictures).sum((1, 2)) / np.pi) / 0.85, target.labels, atol=0.4)


def test_digits_show_what_the_label_says():
    from sklearn.datasets import load_digits

    data, target = load_digits(), load_target("digits")
    assert len(target.labels) + len(target.test_labels) == len(data.target)
    for pictures, labels in ((target.pictures, target.labels), (target.test_pictures, target.test_labels)):
        small = pictures[..., 0].reshape(-1, 8, 8, 8, 8).mean((2, 4)).reshape(len(labels), 64) / 255 * 16
        distance = (small**2).sum(1)[:, None] - 2 * small @ data.data.T + (data.data**2).sum(1)
        np.testing.assert_array_equal(data.target[distance.argmin(1)], labels)


def test_digits_are_turned_by_the_angle_that_is_told():
    from PIL import Image

    digits, target = load_target("digits"), load_target("turned digits")
    assert target.unit == "degrees" and np.abs(target.labels).max() <= 45 and np.ptp(target.test_labels) > 80
    for part, of in ((digits.pictures, target.pictures), (digits.test_pictures, target.test_pictures)):
        angles = target.labels if of is target.pictures else target.test_labels
        for k in (0, 5, len(of) - 1):
            errors = {}
            for angle in (angles[k], -angles[k], angles[k] + 10):  # positive is anticlockwise
                turned = Image.fromarray(part[k]).rotate(float(angle), Image.Resampling.BILINEAR)
                errors[float(angle)] = np.abs(np.asarray(turned).astype(int) - of[k]).mean()
            assert min(errors, key=errors.get) == float(angles[k]) and errors[float(angles[k])] == 0


def test_what_is_chosen_is_what_is_drawn():
    target = load_target("digits")
    pictures, labels = target.draw(3, seed=[1, 2])
    chosen = target.choose(3, seed=[1, 2])
    np.testing.assert_array_equal(target.pictures[chosen], pictures)
    np.testing.assert_array_equal(target.labels[chosen], labels)


@pytest.mark.parametrize("n", [1, 7])
def test_a_draw_is_balanced_repeatable_and_without_repetition(n):
    target = load_target("digits")
    pictures, labels = target.draw(n, seed=4)
    assert np.bincount(labels).tolist() == [n] * 10 and labels.dtype == np.int64
    assert len({picture.tobytes() for picture in pictures}) == 10 * n
    truth = {picture.tobytes(): label for picture, label in zip(target.pictures, target.labels, strict=True)}
    assert [truth[picture.tobytes()] for picture in pictures] == labels.tolist()  # from the pool, with their labels
    again, other = target.draw(n, seed=4), target.draw(n, seed=5)
    np.testing.assert_array_equal(pictures, again[0])
    np.testing.assert_array_equal(labels, again[1])
    assert {p.tobytes() for p in pictures} != {p.tobytes() for p in other[0]}


def test_a_draw_is_mixed_and_takes_a_list_as_seed():
    labels = load_target("digits").draw(20, seed=[0, 3])[1]
    assert (np.diff(labels) < 0).sum() > 50


def test_a_draw_of_values_counts_pictures_in_all():
    pictures, values = load_target("size").draw(30, seed=0)
    assert len(pictures) == len(values) == 30 and values.dtype == np.float32 and len(set(values)) == 30


def test_a_draw_can_be_written_to_without_harm():
    target = load_target("digits")
    before = target.pictures.copy()
    target.draw(3, seed=0)[0][:] = 0
    np.testing.assert_array_equal(target.pictures, before)


PICTURES = np.random.default_rng(0).integers(0, 256, (6, 8, 8, 3), "uint8")
LABELS = np.array([0, 1, 2, 0, 1, 2])
GOOD = {
    "name": "mine",
    "question": "Which?",
    "pictures": PICTURES,
    "labels": LABELS,
    "test_pictures": PICTURES,
    "test_labels": LABELS,
    "class_names": ("a", "b", "c"),
}


def test_a_target_of_ones_own():
    target = Target(**GOOD)
    assert np.bincount(target.draw(2, seed=0)[1]).tolist() == [2, 2, 2]


@pytest.mark.parametrize("names", [["a", "b", "c"], np.array(["a", "b", "c"]), (0, 1, 2)])
def test_class_names_are_a_tuple_of_strings_however_they_were_given(names):
    target = Target(**(GOOD | {"class_names": names, "labels": LABELS.tolist()}))
    assert target.class_names == tuple(map(str, names)) and target.labels.dtype == np.int64


@pytest.mark.parametrize("kind", ["int64", "uint8", "float64"])
def test_numbers_without_class_names_are_values(kind):
    ages = np.array([20, 30, 40, 20, 30, 61], kind)
    target = Target(**(GOOD | {"labels": ages, "test_labels": ages.tolist(), "class_names": (), "unit": "years"}))
    assert target.labels.dtype == target.test_labels.dtype == np.float32
    np.testing.assert_array_equal(target.labels, ages)
    drawn = target.draw(4, seed=0)[1]  # in all, and not for each age
    assert len(drawn) == 4 and drawn.dtype == np.float32 and set(drawn) <= set(ages)


@pytest.mark.parametrize(
    "changes, error, words",
    [
        ({"labels": LABELS * 0}, BadTarget, ["only one class", "add pictures"]),
        ({"labels": LABELS[:5]}, BadTarget, ["6 training pictures", "exactly one label"]),
        ({"test_labels": LABELS[:5]}, BadTarget, ["6 test pictures", "exactly one label"]),
        ({"labels": LABELS[:, None]}, BadTarget, ["exactly one label"]),
        ({"labels": LABELS + 1}, BadTarget, ["from 0 to 2"]),
        ({"labels": LABELS - 1}, BadTarget, ["from 0 to 2"]),
        ({"test_labels": LABELS + 1}, BadTarget, ["from 0 to 2"]),
        ({"labels": LABELS / 2}, BadTarget, ["whole numbers"]),
        ({"labels": np.array(list("abcabc"))}, BadTarget, ["whole numbers"]),
        ({"labels": LABELS % 2, "test_labels": LABELS % 2}, BadTarget, ["'c'", "no training picture"]),
        ({"test_labels": np.array([None] * 6)}, BadTarget, ["whole numbers"]),
        ({"labels": LABELS == 1, "class_names": ("a", "b")}, BadTarget, ["whole numbers"]),
        ({"labels": LABELS > 0, "class_names": ()}, BadTarget, ["no class names", "finite numbers"]),
        ({"labels": np.array(list("abcabc")), "class_names": ()}, BadTarget, ["no class names", "finite numbers"]),
        ({"test_labels": np.where(LABELS, LABELS, np.inf), "class_names": ()}, BadTarget, ["finite numbers"]),
        ({"labels": LABELS * 1e39, "class_names": ()}, BadTarget, ["finite numbers"]),
        ({"class_names": "abc"}, BadTarget, ["'abc'", "a list of names"]),
        ({"class_names": ("a", "b", "a")}, BadTarget, ["each one once"]),
        ({"class_names": (1, "1", 2)}, BadTarget, ["each one once"]),
        ({"class_names": 3}, BadTarget, ["a list of names"]),
        ({"class_names": None}, BadTarget, ["a list of names", "an empty one for values"]),
        ({"pictures": [PICTURES[0], PICTURES[0][:4]]}, BadPictures, ["sizes differ"]),
        ({"pictures": PICTURES / 255}, BadPictures, ["training", "float64", "uint8"]),
        ({"test_pictures": PICTURES.astype("float32")}, BadPictures, ["test", "float32", "uint8"]),
        ({"pictures": PICTURES[..., 0]}, BadPictures, ["(6, 8, 8)", "height, width, 3"]),
        ({"pictures": PICTURES.transpose(0, 3, 1, 2)}, BadPictures, ["(6, 3, 8, 8)"]),
    ],
)
def test_what_does_not_fit_is_refused(changes, error, words):
    with complains(error, "'mine'", *words):
        Target(**(GOOD | changes))


@pytest.mark.parametrize("n", [3, 0, -1])
def test_a_draw_too_large_or_empty_is_refused(n):
    with complains(BadTarget, "'mine'", f"cannot give {n} ", "between 1 and 2"):
        Target(**GOOD).draw(n, seed=0)


def test_an_unknown_target_gets_a_suggestion():
    with complains(BadTarget, "'digts'", "did you mean 'digits'?"):
        load_target("digts")
    with complains(BadTarget, "'zebra'", *TARGETS):
        load_target("zebra")
    for name in (None, 3, ""):
        with complains(BadTarget, f"no target named '{name}'"):
            load_target(name)


def test_photographs_come_from_installed_packages(monkeypatch):
    def refuse(*_):
        raise OSError("no network here")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    pictures, shown = photographs(48)
    assert pictures.shape == (7, 48, 48, 3) and pictures.dtype == np.uint8
    assert len(set(shown)) == 7
    assert pictures.std((1, 2, 3)).min() > 20  # none is blank
    assert np.abs(pictures.astype(int) - pictures[..., ::-1]).mean() > 5  # in colour
    assert photographs(224)[0].shape == (7, 224, 224, 3)


def test_own_pictures_of_the_embedded_source_are_labelled_as_it_sees_them(source):
    pictures, labels, names = own_pictures(source, 60, seed=9)
    assert pictures.shape == (60, 64, 64, 3) and pictures.dtype == np.uint8
    assert names == source.class_names and labels.shape == (60,)
    assert (source.predict(pictures).argmax(1) == labels).mean() > 0.95
    np.testing.assert_array_equal(own_pictures(source, 60, seed=9)[0], pictures)
    assert (own_pictures(source, 60, seed=10)[0] != pictures).any()


def test_own_pictures_of_an_imagenet_source_are_photographs_of_its_classes():
    names = ("tench", "Egyptian_cat", "espresso", "missile", "military_uniform")
    like_imagenet = SimpleNamespace(name="like ImageNet", class_names=names)
    pictures, labels, given = own_pictures(like_imagenet, 8, seed=0)
    assert given == names and labels.tolist() == [1, 2, 3, 4] * 2
    assert pictures.shape == (8, 224, 224, 3) and pictures.dtype == np.uint8
    assert len({picture.tobytes() for picture in pictures}) == 8
    whole = dict(zip(photographs(16)[1], photographs(16)[0].reshape(7, -1, 3).mean(1), strict=True))
    motifs = [whole[name] for name in ("cat", "coffee", "rocket", "admiral")]
    for picture, label in zip(pictures, labels, strict=True):
        distance = [np.linalg.norm(picture.mean((0, 1)) - colour) for colour in motifs]
        assert np.argmin(distance) == label - 1


def test_own_pictures_of_unknown_classes_are_refused():
    with complains(BadTarget, "'mine'", "labelled pictures of your own"):
        own_pictures(SimpleNamespace(name="mine", class_names=("cats", "dogs")), 4, seed=0)


def test_a_loaded_target_cannot_be_changed_by_accident():
    target = load_target("digits")
    for array in (target.pictures, target.labels, target.test_pictures, target.test_labels):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0
    drawn, _ = target.draw(2, seed=0)
    drawn[0] = 0  # a draw is the student's own


def test_windows_of_training_and_test_share_no_pixel(monkeypatch):
    columns = np.tile(np.linspace(0, 1, 600, dtype="float32"), (400, 1))  # a window then tells where it was cut
    crops = []
    monkeypatch.setattr(np, "rot90", lambda crop, k: crops.append(crop) or crop)
    seen = []
    for part in (windows.TRAIN_PART, windows.TEST_PART):
        crops.clear()
        rng = np.random.default_rng(0)
        for _ in range(200):
            windows._window(columns, part, rng)
        seen.append(np.concatenate([crop[0] for crop in crops]))
    assert seen[0].max() < seen[1].min() and seen[0].min() < 0.05 and seen[1].max() > 0.95


def test_windows_say_nothing_by_their_brightness():
    target = load_target("windows")
    light = target.pictures.reshape(len(target.labels), -1)
    facts = np.stack([light.mean(1), light.std(1)], axis=1)
    test = target.test_pictures.reshape(len(target.test_labels), -1)
    asked = np.stack([test.mean(1), test.std(1)], axis=1)
    assert linear_probe(facts, target.labels, asked, target.test_labels) < 0.2  # guessing: 0.06
    assert (target.pictures[..., 0] == target.pictures[..., 2]).all()


def test_photographs_are_the_flowers_where_they_are_there(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    monkeypatch.setattr("course_utils.pictures.flowers.data_folder", lambda: tmp_path / "datasets")
    assert load_target("photographs").name == "windows" and "course fetch --data" in capsys.readouterr().out
    with complains(SourceUnavailable, "does not fetch them unasked", "course fetch"):
        load_target("flowers")
    for name in ("daisy", "roses"):
        (tmp_path / "flowers5" / name).mkdir(parents=True)
        for k in range(4):
            noise = np.random.default_rng(k).integers(0, 256, (20, 20, 3)).astype("uint8")
            Image.fromarray(noise + (name == "roses")).save(tmp_path / "flowers5" / name / f"{k}.png")
    target = load_target("photographs")
    assert target.name == "flowers" and target.class_names == ("daisy", "roses")


def test_the_near_target_is_of_the_source_s_own_kind(monkeypatch, tmp_path):
    monkeypatch.setattr(targets, "flowers_folder", lambda: None)
    assert near_target(SimpleNamespace(name="drawings")).name == "unseen shapes"
    assert near_target(SimpleNamespace(name="EfficientNetLite0")).name == "windows"
    with complains(BadTarget, str(tmp_path)):
        near_target(SimpleNamespace(name="drawings"), folder=tmp_path / "mine")
