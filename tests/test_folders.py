"""A folder of pictures: what is read from it, what is left out and said, and one sentence where nothing can be."""

import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import complains
from PIL import Image

from course_utils.errors import BadInputSize, BadPictures, BadTarget
from course_utils.pictures import kept, reading
from course_utils.pictures.folders import folder_target
from course_utils.pictures.reading import read_picture
from course_utils.targets import load_target


def picture(seed, size=(20, 24)):
    """A smooth random picture, which every format keeps."""
    small = np.random.default_rng(seed).integers(0, 256, (3, 3, 3)).astype("uint8")
    return Image.fromarray(small).resize(size[::-1], Image.Resampling.BICUBIC)


def write(folder, classes, start=0, ending="png"):
    """So many pictures of each class, all different; returns the folder."""
    for name, count in classes.items():
        (folder / name).mkdir(parents=True, exist_ok=True)
        for k in range(count):
            picture([start, *map(ord, name), k]).save(folder / name / f"{k:02}.{ending}")
    return folder


def bytes_of(pictures):
    return [one.tobytes() for one in pictures]


# What a folder may look like


def test_a_folder_for_each_class_is_split_by_chance(tmp_path, capsys):
    target = folder_target(write(tmp_path / "mine", {"b": 8, "a": 12}), side=16)
    assert target.name == "mine" and target.class_names == ("a", "b") and target.question == "Which of these: a, b?"
    assert np.bincount(target.labels).tolist() == [9, 6] and np.bincount(target.test_labels).tolist() == [3, 2]
    assert target.pictures.shape == (15, 16, 16, 3) and target.pictures.dtype == np.uint8
    every = bytes_of(target.pictures) + bytes_of(target.test_pictures)
    assert len(set(every)) == 20
    line = "mine: 15 training + 5 test pictures of 2 classes (a 9 + 3, b 6 + 2); split by chance with seed 0.\n"
    assert capsys.readouterr().out == line
    truth = {read_picture(file, 16).tobytes(): file.parent.name for file in tmp_path.rglob("*.png")}
    for pictures, labels in ((target.pictures, target.labels), (target.test_pictures, target.test_labels)):
        assert [truth[one] for one in bytes_of(pictures)] == [target.class_names[k] for k in labels]


def test_the_seed_and_the_share_decide_the_split(tmp_path):
    folder = write(tmp_path, {"a": 12, "b": 12})
    first, again, other = (folder_target(folder, seed, side=16) for seed in (0, 0, 1))
    assert bytes_of(first.test_pictures) == bytes_of(again.test_pictures)
    assert set(bytes_of(first.test_pictures)) != set(bytes_of(other.test_pictures))
    assert np.bincount(folder_target(folder, test_share=0.5, side=16).test_labels).tolist() == [6, 6]
    for share, count in ((0.01, 1), (0.99, 11)):  # one of each class at least, on either side
        assert np.bincount(folder_target(folder, test_share=share, side=16).test_labels).tolist() == [count] * 2


@pytest.mark.parametrize("train, test", [("train", "test"), ("Train", "VAL"), ("training", "validation")])
def test_a_given_split_is_kept(tmp_path, capsys, train, test):
    write(tmp_path / train, {"a": 3, "b": 2})
    write(tmp_path / test, {"a": 1, "b": 4}, start=1)
    target = folder_target(tmp_path, side=16)
    assert np.bincount(target.labels).tolist() == [3, 2] and np.bincount(target.test_labels).tolist() == [1, 4]
    assert set(bytes_of(target.test_pictures)) == {
        read_picture(f, 16).tobytes() for f in (tmp_path / test).rglob("*.png")
    }
    assert f"the folder's own split, {train}/ to train and {test}/ to test" in capsys.readouterr().out


def test_of_three_parts_the_test_is_the_test(tmp_path, capsys):
    for k, part in enumerate(("train", "val", "test")):
        write(tmp_path / part, {"a": 2 + k, "b": 2}, start=k)
    target = folder_target(tmp_path, side=16)
    assert np.bincount(target.labels).tolist() == [5, 4] and np.bincount(target.test_labels).tolist() == [4, 2]
    assert "train/ and val/ to train" in capsys.readouterr().out


SPLITS = {  # of a folder: its training and its test part
    "other names": ("training_set", "test_set"),
    "a folder more in each part": ("seg_train/seg_train", "seg_test/seg_test"),
    "a folder more around it all": ("animals/train", "animals/test"),
    "several folders around": ("download/animals/imgs_train", "download/animals/imgs_val"),
}


@pytest.mark.parametrize("how", SPLITS)
def test_a_split_is_known_by_its_structure(tmp_path, capsys, how):
    train, test = SPLITS[how]
    write(tmp_path / train, {"ant": 3, "bee": 2, "cow": 2})
    write(tmp_path / test, {"ant": 1, "bee": 4, "cow": 2}, start=1)
    target = folder_target(tmp_path, side=16)
    assert target.class_names == ("ant", "bee", "cow") and target.name == tmp_path.name
    assert np.bincount(target.labels).tolist() == [3, 2, 2] and np.bincount(target.test_labels).tolist() == [1, 4, 2]
    told = capsys.readouterr().out
    assert "the folder's own split" in told and len(told.splitlines()) == 1
    assert ("all of it lies in" in told) == ("around" in how)


def test_what_is_no_part_of_a_split_is_named(tmp_path, capsys):
    for k, part in enumerate(("seg_train", "seg_test")):
        write(tmp_path / part, {"a": 3, "b": 3}, start=k)
    write(tmp_path, {"seg_pred": 4})
    assert len(folder_target(tmp_path, side=16).labels) == 6
    assert "left aside: seg_pred/" in capsys.readouterr().out


def test_classes_in_a_folder_of_their_own_are_found_and_said(tmp_path, capsys):
    write(tmp_path / "flowers", {"daisy": 4, "rose": 4})
    assert folder_target(tmp_path, side=16).class_names == ("daisy", "rose")
    assert "all of it lies in flowers/" in capsys.readouterr().out


def test_where_parts_of_a_split_and_classes_look_alike_it_is_asked(tmp_path):
    for k, name in enumerate(("cats", "dogs")):
        write(tmp_path / name, {"indoor": 3, "outdoor": 3}, start=k)
    with complains(BadTarget, "cats and dogs", "name them train and test", "side by side"):
        folder_target(tmp_path, side=16)
    for k, name in enumerate(("cats", "dogs")):  # folders of other names belong to the class
        write(tmp_path / "other" / name, {f"{name}1": 3, f"{name}2": 3}, start=k)
    assert folder_target(tmp_path / "other", side=16).class_names == ("cats", "dogs")


PARTS = {  # folders that would be classes, and the one that is asked about
    "a test beside the classes": (["cat", "dog", "test/cat", "test/dog"], "test"),
    "a test of another name": (["cat", "dog", "holdout/cat", "holdout/dog"], "holdout"),
    "pictures without classes beside them": (["cat", "dog", "Test"], "Test"),
    "parts whose classes stand in a table": (["train_images", "test_images"], "t"),
    "parts of a translation": (["trainA", "trainB", "testA", "testB"], "t"),
    "classes in train, nothing known of the others": (["train/cat", "train/dog", "unlabelled"], "train"),
}


@pytest.mark.parametrize("how", PARTS)
def test_a_part_of_a_split_among_the_classes_is_asked_about(tmp_path, how):
    folders, doubtful = PARTS[how]
    for k, folder in enumerate(folders):
        write(tmp_path, {folder: 3}, start=k)
    with complains(BadTarget, f"not clear whether '{doubtful}", "another name"):
        folder_target(tmp_path, side=16)


def test_a_class_called_train_is_one(tmp_path):
    write(tmp_path, {"bus": 4, "train": 4, "contest": 4})
    assert folder_target(tmp_path, side=16).class_names == ("bus", "contest", "train")


def test_a_test_whose_classes_nobody_knows_can_be_moved_elsewhere(tmp_path):
    write(tmp_path / "train", {"a": 4, "b": 4})
    write(tmp_path / "test", {"unknown": 3}, start=1)
    with complains(BadTarget, "one class only, 'unknown'", "move test elsewhere"):
        folder_target(tmp_path, side=16)
    (tmp_path / "test" / "unknown").rename(tmp_path / "loose")
    (tmp_path / "test").rmdir()
    (tmp_path / "loose").rename(tmp_path / "test")
    with complains(BadTarget, "side by side", "move test elsewhere"):
        folder_target(tmp_path, side=16)


def test_folders_without_pictures_beside_the_one_that_holds_all_do_not_matter(tmp_path, capsys):
    write(tmp_path / "data", {"a": 4, "b": 4})
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "train.py").write_text("")
    assert folder_target(tmp_path, side=16).class_names == ("a", "b")
    assert "all of it lies in data/" in capsys.readouterr().out


@pytest.mark.parametrize("given", [False, True])
def test_pictures_in_no_classs_folder_are_named(tmp_path, capsys, given):
    roots = [tmp_path / part for part in ("train", "test")] if given else [tmp_path]
    for k, root in enumerate(roots):
        picture(k).save(write(root, {"a": 4, "b": 4}, start=k) / f"loose{k}.png")
    if given:
        picture(9).save(tmp_path / "loose2.png")
    target = folder_target(tmp_path, side=16)
    assert len(target.labels) + len(target.test_labels) == 8 * len(roots)
    told = capsys.readouterr().out
    assert f"no class's folder were left aside, {3 if given else 1} of them: " in told
    assert told.count("loose") == (3 if given else 1)


def test_what_systems_keep_beside_pictures_is_none(tmp_path, capsys):
    write(tmp_path, {"a": 4, "b": 4, "@eaDir": 3, "$RECYCLE.BIN": 3, "a/@eaDir/00.png": 2, "lost+found": 1})
    target = folder_target(tmp_path, side=16)
    assert target.class_names == ("a", "b") and len(target.labels) + len(target.test_labels) == 8
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_links_are_followed_but_not_round_and_round(tmp_path, capsys):
    write(tmp_path / "elsewhere", {"more": 3}, start=1)
    write(tmp_path / "mine", {"a": 4, "b": 4})
    (tmp_path / "mine" / "a" / "more").symlink_to(tmp_path / "elsewhere" / "more")
    (tmp_path / "mine" / "b" / "up").symlink_to(tmp_path / "mine")
    (tmp_path / "mine" / "b" / "again").symlink_to(tmp_path / "mine" / "b")
    (tmp_path / "mine" / "b" / "gone.png").symlink_to(tmp_path / "nowhere.png")
    target = folder_target(tmp_path / "mine", side=16)
    assert np.bincount(np.concatenate([target.labels, target.test_labels])).tolist() == [7, 4]
    told = capsys.readouterr().out
    assert "Links that lead nowhere were left out, 1 of them: b/gone.png." in told and len(told.splitlines()) == 2


def test_names_that_cannot_be_printed_are_told_in_signs(tmp_path, capsys):
    write(tmp_path, {"two\nlines": 4, os.fsdecode(b"caf\xe9"): 4, os.fsdecode(b"caf\xe8"): 4})
    (tmp_path / "two\nlines" / os.fsdecode(b"\xff.png")).write_bytes(b"")
    target = folder_target(tmp_path, side=16)
    assert target.class_names == (r"caf\xe8", r"caf\xe9", "two lines")
    told = capsys.readouterr().out
    assert told.encode() and len(told.splitlines()) == 2 and r"two lines/\xff.png" in told


def test_a_folder_that_may_not_be_read_is_told(tmp_path, monkeypatch):
    write(tmp_path, {"a": 4, "b": 4})
    usual = os.scandir

    def scandir(path):
        if Path(path).name == "b":
            raise PermissionError(13, "Permission denied", str(path))
        return usual(path)

    monkeypatch.setattr(os, "scandir", scandir)
    with complains(BadTarget, "b cannot be read (Permission denied)"):
        folder_target(tmp_path, side=16)


def test_a_large_folder_of_many_classes_is_sorted_in_little_time(tmp_path, monkeypatch):
    """Each picture is looked at a few times, not once for each class or each other picture."""
    asked = []

    class Name(str):
        def __eq__(self, other):
            asked.append(other)
            return str.__eq__(self, other)

        __hash__ = str.__hash__

    names = [Name(f"{k:03}") for k in range(60)]
    for part, count in (("train", 2), ("test", 2)):
        write(tmp_path / part, dict.fromkeys(names, count), start=count)
    monkeypatch.setattr("course_utils.pictures.listing.class_name", lambda folder: Name(folder.name))
    folder_target(tmp_path, side=8)
    assert len(asked) < 10 * 60 * 4


def test_one_name_in_two_spellings_is_one_class(tmp_path):
    composed, apart = "caf\u00e9", "cafe\u0301"
    write(tmp_path / "train", {composed: 3, "Tea": 3})
    write(tmp_path / "test", {apart: 2, "tea": 2}, start=1)
    target = folder_target(tmp_path, side=16)
    assert target.class_names == ("Tea", composed) and np.bincount(target.test_labels).tolist() == [2, 2]


def test_two_spellings_side_by_side_are_one_class(tmp_path):
    composed, apart = "caf\u00e9", "cafe\u0301"
    write(tmp_path, {composed: 3, "tea": 4})
    write(tmp_path, {apart: 3, "TEA": 2}, start=1)
    target = folder_target(tmp_path, side=16)
    assert len(target.labels) + len(target.test_labels) == 12 and len(target.class_names) == 2
    assert composed in target.class_names and apart not in target.class_names


@pytest.mark.parametrize("path", [".", "./", "../mine", Path(".")])
def test_a_folder_that_is_given_from_where_one_stands_has_its_name(tmp_path, monkeypatch, capsys, path):
    monkeypatch.chdir(write(tmp_path / "mine", {"a": 4, "b": 4}))
    assert load_target(path).name == "mine"
    assert capsys.readouterr().out.startswith("mine: 6 training + 2 test pictures")


def test_a_class_of_which_nothing_can_be_read_is_named(tmp_path, capsys):
    write(tmp_path, {"a": 4, "b": 4})
    (tmp_path / "owls").mkdir()
    (tmp_path / "owls" / "1.heic").write_bytes(b"x")
    assert folder_target(tmp_path, side=16).class_names == ("a", "b")
    assert "no file can be read are left out, 1 of them: owls" in capsys.readouterr().out


@pytest.mark.parametrize("given", [False, True])
def test_a_picture_in_two_classes_is_used_in_neither(tmp_path, capsys, given):
    roots = [tmp_path / part for part in ("train", "test")] if given else [tmp_path]
    for k, root in enumerate(roots):
        write(root, {"a": 4, "b": 4}, start=k)
    same = picture(77)
    for place in (roots[0] / "a" / "same.png", roots[-1] / "b" / "same.png"):
        same.save(place)
    target = folder_target(tmp_path, side=16)
    assert len(target.labels) + len(target.test_labels) == 8 * len(roots)
    kept = read_picture(roots[0] / "a" / "same.png", 16).tobytes()
    assert kept not in bytes_of(target.pictures) + bytes_of(target.test_pictures)
    told = capsys.readouterr().out
    assert "two classes" in told and told.count("same.png") == 2 and "Leakage" not in told


def test_a_picture_too_large_to_be_read_safely_says_so_and_a_large_jpeg_is_read(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(reading, "MOST_MEGAPIXELS", 0.3)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # Pillow itself would refuse all of them
    write(tmp_path, {"a": 4, "b": 4})
    picture(5, (600, 800)).save(tmp_path / "a" / "large.png")
    picture(5, (600, 800)).save(tmp_path / "b" / "large.jpg")
    target = folder_target(tmp_path, side=16)
    assert len(target.labels) + len(target.test_labels) == 9 and Image.MAX_IMAGE_PIXELS == 1000
    told = capsys.readouterr().out
    assert "megapixels were left out, 1 of them: a/large.png" in told and "Damaged" not in told


def test_folders_within_belong_to_the_class_and_hidden_ones_do_not(tmp_path, capsys):
    write(tmp_path, {"a": 4, "b": 4, ".c": 4, "b/.ipynb_checkpoints": 3, "a/.d": 2})
    write(tmp_path / "b", {"more": 2}, start=1)
    picture(99).save(tmp_path / "a" / "._00.png")
    target = folder_target(tmp_path, side=16)
    assert target.class_names == ("a", "b") and len(target.labels) + len(target.test_labels) == 10
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_files_of_other_kinds_are_named_by_kind(tmp_path, capsys):
    write(tmp_path, {"a": 4, "b": 4})
    (tmp_path / "a" / "IMG_1.HEIC").write_bytes(b"x")
    (tmp_path / "b" / "notes").write_text("x")
    (tmp_path / "empty").mkdir()
    assert len(folder_target(tmp_path, side=16).class_names) == 2
    assert "left aside, 2 of them (.heic, no ending), of a 1 of 5, b 1 of 5; read are" in capsys.readouterr().out


def test_a_targets_name_may_be_a_path(tmp_path, monkeypatch):
    folder = write(tmp_path / "mine", {"a": 4, "b": 4})
    for path in (folder, str(folder)):
        assert load_target(path).pictures.shape == (6, 224, 224, 3)
    picture(77).save(folder / "a" / "new.png")
    assert len(load_target(folder).labels) == 7  # looked at again, not remembered
    monkeypatch.chdir(tmp_path)
    assert load_target("mine").name == "mine"
    with complains(BadTarget, "not_mine is not there"):
        load_target("./not_mine")


# What a file may hold


def test_notes_in_a_png_longer_than_pillow_takes_do_no_harm(tmp_path):
    colours = np.random.default_rng(0).integers(0, 256, 1000).astype("uint8").tobytes() + bytes(3 << 20)
    picture(1, (32, 32)).save(tmp_path / "one.png", icc_profile=colours)
    picture(1, (32, 32)).save(tmp_path / "plain.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "one.png", 32), read_picture(tmp_path / "plain.png", 32))
    with pytest.raises(ValueError, match="too large"):  # for all others, Pillow's limit is as it was
        Image.open(tmp_path / "one.png")


@pytest.mark.parametrize("kind", ["float32", "int32"])
def test_numbers_of_which_nobody_knows_the_white_are_no_pictures(tmp_path, capsys, kind):
    write(tmp_path, {"a": 4, "b": 4})
    for k in range(6):
        numbers = np.random.default_rng(k).uniform(0, 1 if kind == "float32" else 255, (16, 16))
        Image.fromarray(numbers.astype(kind)).save(tmp_path / "a" / f"numbers{k}.tif")
    with complains(BadPictures, "known to be white", "8 or 16 bits"):
        read_picture(tmp_path / "a" / "numbers0.tif", 16)
    assert len(folder_target(tmp_path, side=16).labels) == 6
    assert "known to be white were left out, 6 of them (a 6 of 10): a/numbers0.tif" in capsys.readouterr().out


def test_twelve_bits_in_a_file_of_sixteen_are_told_as_nearly_black(tmp_path, capsys):
    write(tmp_path, {"a": 4, "b": 4})
    for k in range(2):
        numbers = np.random.default_rng(k).integers(0, 4096, (20, 20)).astype("uint16")
        Image.fromarray(numbers).save(tmp_path / "a" / f"dim{k}.png")
        Image.fromarray(16 * numbers).save(tmp_path / "b" / f"bright{k}.png")
    folder_target(tmp_path, side=16)
    assert "Nearly black are 2 of the pictures: a/dim0.png, a/dim1.png. If" in capsys.readouterr().out
    folder_target(tmp_path, side=16)
    assert "Nearly black are 2" in capsys.readouterr().out  # also when nothing is read anew


def test_a_note_in_the_place_of_a_picture_is_told(tmp_path, capsys):
    write(tmp_path, {"a": 4, "b": 4})
    (tmp_path / "a" / "00.jpg").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")
    folder_target(tmp_path, side=16)
    assert "1 of them: a/00.jpg; fetch these with git lfs pull." in capsys.readouterr().out


@pytest.mark.parametrize("ending", [*"jpg JPEG jpe jfif jp2 png PNG bmp gif webp avif tif ppm tga".split()])
def test_every_format_is_read(tmp_path, ending):
    kept = picture(3, (32, 32))
    kept.save(tmp_path / f"one.{ending}", **({} if ending in ("gif", "bmp") else {"quality": 95}))
    got = read_picture(tmp_path / f"one.{ending}", 32)
    assert got.shape == (32, 32, 3) and got.dtype == np.uint8
    assert np.abs(got.astype(int) - np.asarray(kept)).mean() < (8 if ending == "gif" else 3)
    write(tmp_path / "mine", {"a": 3, "b": 3}, ending=ending)
    assert len(folder_target(tmp_path / "mine", side=16).labels) == 4


@pytest.mark.parametrize("ending", ["jpg", "png", "webp"])
def test_pictures_are_turned_as_the_camera_was_held(tmp_path, ending):
    upright = np.zeros((40, 40, 3), "uint8")
    upright[:20] = 255, 0, 0  # red is up
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera lay on its side: to be turned by a quarter clockwise
    Image.fromarray(np.rot90(upright)).save(tmp_path / f"one.{ending}", exif=exif)
    got = read_picture(tmp_path / f"one.{ending}", 40).astype(int)
    assert (got[:18, :, 0] > 200).all() and (got[22:, :, 0] < 60).all()


def modes():
    ramp = np.linspace(0, 255, 32).round().astype("uint8")[None].repeat(32, 0)
    grey = Image.fromarray(ramp)
    seen = np.stack([ramp] * 3, -1)
    half = np.where(np.arange(32) < 16, 0, 255).astype("uint8")[None].repeat(32, 0)  # the left half is transparent
    on_white = np.where(half[..., None] == 0, 255, seen)
    both = Image.merge("LA", (grey, Image.fromarray(half)))
    palette = grey.quantize(256)
    see_through = palette.copy()
    first = see_through.getpixel((0, 0))
    on_white_first = seen.copy()
    on_white_first[:, 0] = 255
    return {
        "grey.png": (grey, seen, {}),
        "sixteen.png": (Image.fromarray(ramp.astype("uint16") * 257), seen, {}),
        "bits.png": (Image.fromarray(half).convert("1"), np.stack([half] * 3, -1), {}),
        "cmyk.jpg": (grey.convert("RGB").convert("CMYK"), seen, {"quality": 95}),
        "opacity.png": (both, on_white, {}),
        "rgba.png": (both.convert("RGBA"), on_white, {}),
        "rgba.webp": (both.convert("RGBA"), on_white, {"lossless": True}),
        "palette.png": (palette, seen, {}),
        "see-through.png": (see_through, on_white_first, {"transparency": first}),
        "see-through.gif": (see_through, on_white_first, {"transparency": first}),
    }


@pytest.mark.parametrize("name", modes())
def test_every_kind_of_pixel_becomes_rgb(tmp_path, name):
    image, expected, settings = modes()[name]
    image.save(tmp_path / name, **settings)
    got = read_picture(tmp_path / name, 32).astype(int)
    assert np.abs(got - expected).max() <= (6 if name.endswith("jpg") else 1)


def test_of_an_animation_the_first_picture_counts(tmp_path):
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "one.gif", save_all=True, append_images=frames[1:])
    assert read_picture(tmp_path / "one.gif", 16)[8, 8].tolist() == [255, 0, 0]


@pytest.mark.parametrize("turned", [False, True])
def test_the_square_in_the_middle_is_kept_in_its_proportions(tmp_path, turned):
    y, x = np.mgrid[:60, :120]
    disc = ((y - 29.5) ** 2 + (x - 59.5) ** 2 < 20**2) * 255
    disc[:, :25] = disc[:, 95:] = 255  # the ends
    Image.fromarray((disc.T if turned else disc).astype("uint8")).save(tmp_path / "one.png")
    got = read_picture(tmp_path / "one.png", 30)[..., 0] > 127
    rows, columns = np.flatnonzero(got.any(1)), np.flatnonzero(got.any(0))
    assert len(rows) == len(columns) == 20 and rows[0] == columns[0] == 5  # a circle, and nothing of the ends


def test_a_large_photograph_comes_out_as_if_all_of_it_were_decoded(tmp_path):
    large = picture(5, (1500, 2000))
    noise = np.random.default_rng(0).normal(0, 20, (1500, 2000, 3))
    large = Image.fromarray((np.asarray(large) + noise).clip(0, 255).astype("uint8"))
    large.save(tmp_path / "one.jpg", quality=95)
    large.save(tmp_path / "one.bmp")
    difference = np.abs(read_picture(tmp_path / "one.jpg", 96).astype(int) - read_picture(tmp_path / "one.bmp", 96))
    assert difference.mean() < 1.5


# What is left out, and said


def spoil(folder):
    """Three files that are no pictures, and one that is cut short."""
    (folder / "empty.png").write_bytes(b"")
    (folder / "text.jpg").write_text("<html>not found</html>")
    (folder / "other.webp").write_bytes(b"RIFF" + bytes(40))
    picture(50, (200, 200)).save(folder / "whole.jpg")
    whole = (folder / "whole.jpg").read_bytes()
    (folder / "short.jpg").write_bytes(whole[: len(whole) // 2])


def test_damaged_files_are_left_out_and_named(tmp_path, capsys):
    write(tmp_path, {"a": 4, "b": 4})
    spoil(tmp_path / "a")
    target = folder_target(tmp_path, side=16)
    assert len(target.labels) + len(target.test_labels) == 9
    assert all(one.any() for one in target.pictures)  # no empty place is left for them
    text = capsys.readouterr().out
    assert "Damaged files were left out, 4 of them: " in text
    assert all(f"a/{name}" in text for name in ("empty.png", "text.jpg", "other.webp", "short.jpg"))


def test_of_many_damaged_files_five_are_named(tmp_path, capsys):
    write(tmp_path, {"a": 4, "b": 4})
    for k in range(7):
        (tmp_path / "b" / f"bad{k}.png").write_bytes(b"")
    folder_target(tmp_path, side=16)
    text = capsys.readouterr().out
    assert "7 of them (b 7 of 11): " in text and text.count("b/bad") == 5 and "…." in text


def test_leakage_in_a_given_split_is_said_and_changes_nothing(tmp_path, capsys):
    write(tmp_path / "train", {"a": 3, "b": 3})
    write(tmp_path / "test", {"a": 3, "b": 3}, start=1)
    Image.open(tmp_path / "train" / "a" / "01.png").save(
        tmp_path / "test" / "a" / "copy.bmp"
    )  # another file, same pixels
    target = folder_target(tmp_path, side=16)
    assert len(target.test_labels) == 7
    text = capsys.readouterr().out
    assert "Leakage" in text and "1 of them: test/a/copy.bmp; the first is the same as train/a/01.png" in text


def test_copies_are_left_out_before_a_split_is_drawn(tmp_path, capsys):
    write(tmp_path, {"a": 8, "b": 8})
    for k in range(8):
        Image.open(tmp_path / "a" / f"{k:02}.png").save(tmp_path / "a" / f"copy{k}.bmp")
    target = folder_target(tmp_path, side=16)
    every = bytes_of(target.pictures) + bytes_of(target.test_pictures)
    assert len(every) == len(set(every)) == 16
    assert np.bincount(target.test_labels).tolist() == [2, 2]
    text = capsys.readouterr().out
    assert "Copies were left out" in text and "8 of them: a/copy0.bmp, " in text and "the same as a/00.png" in text


def test_a_long_folder_shows_a_bar(tmp_path, monkeypatch):
    seen = []

    def bar(files, label, unit):
        seen.append((len(files), label, unit))
        return files

    monkeypatch.setattr("course_utils.pictures.kept.bar", bar)
    folder_target(write(tmp_path / "mine", {"a": 3, "b": 3}), side=16)
    assert seen == [(6, "mine", "pictures")]


# What cannot be read at all


def nothing(folder):
    folder.mkdir()


def loose(folder):
    folder.mkdir()
    picture(0).save(folder / "one.png")


def one_class(folder):
    write(folder, {"only": 4})


def single(folder):
    write(folder, {"a": 4, "lonely": 1})


def a_file(folder):
    folder.write_text("no folder")


def all_damaged(folder):
    write(folder, {"a": 2, "b": 4})
    for file in (folder / "a").iterdir():
        file.write_bytes(b"")


def no_test_class(folder):
    write(folder / "train", {"a": 2, "b": 2, "c": 2})
    write(folder / "test", {"a": 2, "b": 2}, start=1)


def no_training_class(folder):
    write(folder / "train", {"a": 2, "b": 2})
    write(folder / "test", {"a": 2, "b": 2, "d": 2}, start=1)


def unlabelled_test(folder):
    write(folder / "train", {"a": 2, "b": 2})
    loose(folder / "test")


def copies_only(folder):
    write(folder, {"a": 4, "b": 1})
    for k in range(3):
        picture(5).save(folder / "b" / f"copy{k}.png")
    (folder / "b" / "00.png").unlink()


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda folder: None, ["is not there", "one folder of pictures for each class"]),
        (a_file, ["is a file and no folder"]),
        (nothing, ["no folder in it holds a .jpg"]),
        (loose, ["lie side by side", "make a folder in it"]),
        (one_class, ["one class only, 'only'", "add a folder"]),
        (single, ["no test picture of class 'lonely'", "add some"]),
        (all_damaged, ["class 'a'", "whole"]),
        (no_test_class, ["no test picture of class 'c'"]),
        (no_training_class, ["no training picture of class 'd'"]),
        (unlabelled_test, ["test", "lie side by side"]),
        (copies_only, ["no test picture of class 'b'", "copies"]),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_what_is_no_folder_of_classes_is_refused(tmp_path, make, words):
    make(tmp_path / "mine")
    with complains(BadTarget, "mine", *words):
        folder_target(tmp_path / "mine", side=16)


def test_impossible_settings_are_refused(tmp_path):
    folder = write(tmp_path, {"a": 4, "b": 4})
    for side in (0, 7, 64.0, "large", None):
        with complains(BadInputSize, f"side={side!r}", "whole number"):
            folder_target(folder, side=side)
    for share in (0, 1, -0.1, 25):
        with complains(BadTarget, f"test_share={share}", "0.25"):
            folder_target(folder, test_share=share)


def test_more_than_disk_and_memory_hold_is_refused(tmp_path, monkeypatch):
    folder = write(tmp_path, {"a": 4, "b": 4})
    room = SimpleNamespace(available=2 * 8 * 224 * 224 * 3, free=1000)
    monkeypatch.setattr("psutil.virtual_memory", lambda: room)
    monkeypatch.setattr("psutil.disk_usage", lambda _: room)
    with complains(BadTarget, "8 pictures", "224 x 224", "smaller side="):
        folder_target(folder)
    folder_target(folder, side=180)
    room.free = 10 * room.available
    folder_target(folder)


@pytest.fixture
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.mark.parametrize("given", [False, True], ids=["split by chance", "its own split"])
def test_pictures_are_read_once_and_anew_when_a_file_changes(tmp_path, own_cache, monkeypatch, given):
    folder = tmp_path / "mine"
    for part in ("train", "test") if given else (".",):
        write(folder / part, {"a": 4, "b": 4}, start=len(part))
    (folder / ("train" if given else ".") / "a" / "broken.png").write_bytes(b"no picture")
    first, read = folder_target(folder, side=16), []
    monkeypatch.setattr(kept, "read_picture", lambda file, side: read.append(file) or read_picture(file, side))
    again = folder_target(folder, side=16)
    assert not read and again.class_names == first.class_names
    for name in ("pictures", "labels", "test_pictures", "test_labels"):
        assert np.array_equal(getattr(again, name), getattr(first, name))
    changed = next(folder.rglob("a/*.png"))
    Image.fromarray(np.full((9, 9, 3), 7, "uint8")).save(changed)
    anew = folder_target(folder, side=16)
    assert len(read) == (17 if given else 9) and any((x == 7).all() for x in (*anew.pictures, *anew.test_pictures))
    folder_target(folder, side=24)
    assert len(list(own_cache.glob("folder-*.uint8"))) == 2  # the latest of each size


def test_pictures_are_read_once_more_where_their_hashes_are_lost(tmp_path, own_cache, monkeypatch):
    folder = write(tmp_path / "mine", {"a": 4, "b": 4})
    (folder / "a" / "broken.png").write_bytes(b"no picture")
    first, read = folder_target(folder, side=16), []
    for file in own_cache.glob("*.npz"):
        file.unlink()
    monkeypatch.setattr(kept, "read_picture", lambda file, side: read.append(file) or read_picture(file, side))
    again = folder_target(folder, side=16)
    assert len(read) == 9 and np.array_equal(again.pictures, first.pictures)
    folder_target(folder, side=16)
    assert len(read) == 9


def test_where_nothing_can_be_kept_pictures_are_in_memory(tmp_path, own_cache):
    own_cache.write_text("a file where the folder should be")
    target = folder_target(write(tmp_path, {"a": 4, "b": 4}), side=16)
    assert len(target.pictures) + len(target.test_pictures) == 8


MEMORY = """
import sys
from course_utils.pictures.folders import folder_target

target = folder_target(sys.argv[1], side=224)
assert target.pictures.sum() and target.test_pictures.sum()
print(*(line.split()[1] for line in open("/proc/self/status") if line.startswith("RssAnon")))
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="no /proc to read a process's own memory from")
@pytest.mark.parametrize("given", [False, True], ids=["split by chance", "its own split"])
def test_memory_does_not_grow_with_the_folder(tmp_path, own_cache, given):
    used = []
    for count in (10, 250):
        folder = tmp_path / f"of {count}"
        for part in ("train", "test") if given else (".",):
            write(folder / part, {"a": count, "b": count}, start=len(part))
        done = subprocess.run([sys.executable, "-c", MEMORY, folder], capture_output=True, text=True, check=True)
        used.append(int(done.stdout.split()[-1]) / 1024)
    assert used[1] - used[0] < 20, used  # MB; the pictures have 72 MB, and with their own split 144


def test_a_picture_that_cannot_be_read_is_named(tmp_path):
    with complains(BadPictures, "one.png is not there"):
        read_picture(tmp_path / "one.png", 16)
    with complains(BadPictures, "no file"):
        read_picture(tmp_path, 16)
    spoil(tmp_path)
    for name in ("empty.png", "text.jpg", "other.webp", "short.jpg"):
        with complains(BadPictures, name, "damaged or no picture"):
            read_picture(tmp_path / name, 16)
