"""Lesson 09: the folder to work in, the sample pictures with their gap, the faults, and pictures to ask about."""

from pathlib import Path

import keras
import numpy as np
import pytest
from lesson_helpers import tiny_source
from PIL import Image
from skimage import data

from course_utils.lessons import project
from course_utils.pictures.folders import folder_target
from course_utils.pictures.labelled import Target


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Where the notebook lies."""
    place = tmp_path / "home"
    place.mkdir()
    monkeypatch.chdir(place)
    return place


def test_a_workshop_is_a_folder_of_its_own_that_goes_away(home, capsys):
    shop = project.Workshop(None, None, None, "auto")
    place = Path.cwd()
    assert place != home and shop.results.resolve() == place / "results" and shop.results.is_dir()
    assert shop.source == "auto" and shop.known == {}
    assert shop.model_file is None
    (place / "some.txt").write_text("kept for now")
    shop.close()
    assert Path.cwd() == home and not place.exists()
    assert "To keep the model and its card, set RESULTS" in capsys.readouterr().out


@pytest.mark.parametrize("file", ["mine.keras", "MINE.KERAS", "mine.h5"])
def test_own_paths_are_those_seen_from_the_notebook(home, file):
    shop = project.Workshop("pictures", "../brought.keras", "deep/out", file)
    try:
        assert Path.cwd() != home
        assert shop.model_file == home.parent / "brought.keras" and shop.source == str(home / file)
        assert shop.folder(0) == home / "pictures" and shop.results == home / "deep" / "out"
        assert shop.results.is_dir() and shop.known == {}
    finally:
        shop.close()
    assert shop.results.is_dir()


def test_a_path_from_the_users_own_folder_is_found(home, monkeypatch):
    monkeypatch.setenv("HOME", str(home / "me"))
    shop = project.Workshop("~/pictures", None, str(home / "absolute"), "auto")
    shop.close()
    assert shop.folder(0) == home / "me" / "pictures" and shop.results == home / "absolute"


def test_sample_pictures_come_with_what_is_known_of_them(home, monkeypatch):
    written = []
    monkeypatch.setattr(project, "write_surfaces", lambda *how: written.append(how))
    shop = project.Workshop(None, None, None, "drawings")
    try:
        assert "MIT" in shop.known["source_licence"]
        assert shop.folder(3) == Path("surfaces") and written == [(Path("surfaces"), 30, 3)]
    finally:
        shop.close()
    assert set(shop.known) == {"source_licence", "purpose", "not_for", "origin", "split", "not_tested"}
    assert "gap between" in shop.known["split"]


SURFACES = ("brick", "grass", "gravel", "moon", "tissue")


def files_of(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_sample_pictures_are_a_folder_of_classes_in_two_parts(tmp_path):
    project.write_surfaces(tmp_path / "one", 4, 0)
    names = files_of(tmp_path / "one")
    assert len(names) == 2 * 5 * 4 and names[:2] == ["test/brick/brick00.jpg", "test/brick/brick01.png"]
    assert {name.split("/")[1] for name in names} == set(SURFACES)
    sizes = {Image.open(tmp_path / "one" / name).size for name in names}
    assert len(sizes) > 5 and all(width == height and 16 <= width <= 40 for width, height in sizes)
    target = folder_target(tmp_path / "one", 0, side=16)
    assert target.class_names == SURFACES and len(target.labels) == len(target.test_labels) == 20


def test_sample_pictures_are_drawn_with_a_seed(tmp_path):
    for name, seed in (("one", 0), ("again", 0), ("other", 1)):
        project.write_surfaces(tmp_path / name, 2, seed)
    pages = {
        name: [(tmp_path / name / file).read_bytes() for file in files_of(tmp_path / name)]
        for name in ("one", "again", "other")
    }
    assert pages["one"] == pages["again"] != pages["other"]
    assert len(set(pages["one"])) == len(pages["one"])


def test_training_pictures_come_from_the_left_and_test_pictures_from_the_right(tmp_path, monkeypatch):
    """Photographs that are even in a part of them: a crop with an edge has left it."""

    def even(*parts):
        photograph = np.random.default_rng(0).integers(0, 256, (300, 300)).astype("uint8")
        for first, last in parts:
            photograph[:, first:last] = 128
        return lambda: photograph

    for name, parts in (("brick", [(0, 180)]), ("grass", [(198, 300)]), ("gravel", [(0, 180), (198, 300)])):
        monkeypatch.setattr(data, name, even(*parts))
    project.write_surfaces(tmp_path / "made", 20, 0)

    def edges(part, name):
        return [np.asarray(Image.open(file)).std() > 2 for file in (tmp_path / "made" / part / name).iterdir()]

    assert not any(edges("train", "brick")) and all(edges("test", "brick"))
    assert not any(edges("test", "grass")) and all(edges("train", "grass"))  # and no corner is black
    assert not any(edges("train", "gravel")) and not any(edges("test", "gravel"))  # none has any of the gap


@pytest.fixture
def sharp():
    """A target of two classes in pictures that fill a file."""
    rng = np.random.default_rng(0)
    pictures, tests = (rng.integers(0, 256, (12, 24, 24, 3)).astype("uint8") for _ in range(2))
    return Target("sharp", "?", pictures, np.arange(12) % 2, tests, np.arange(12) % 2, ("one", "two"))


def test_a_faulty_folder_has_its_three_faults(home, sharp, capsys):
    folder = project.faulty_folder(sharp)
    assert files_of(folder) == [
        *(f"test/one/{k}.png" for k in range(4)),
        "test/one/copy.png",
        *(f"test/two/{k}.png" for k in range(4)),
        *(f"train/one/{k}.png" for k in range(4)),
        *(f"train/two/{k}.png" for k in range(4)),
        "train/two/notes.txt",
    ]
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "train/two/2.png")), sharp.pictures[5])
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "test/one/3.png")), sharp.test_pictures[6])
    target = folder_target(folder, 0, side=24)
    told = capsys.readouterr().out
    assert len(target.labels) == 7 and len(target.test_labels) == 9
    for words in ("1 of them (.txt)", "Damaged files were left out, 1 of them: train/one/1.png", "test/one/copy.png"):
        assert words in told


def test_an_even_picture_is_damaged_too(home, capsys):
    grey = np.full((8, 24, 24, 3), 128, "uint8")
    grey[:, 0, 0, 0] = np.arange(8)
    target = Target("grey", "?", grey, np.arange(8) % 2, grey, np.arange(8) % 2, ("one", "two"))
    folder_target(project.faulty_folder(target), 0, side=24)
    assert "Damaged files were left out, 1 of them: train/one/1.png" in capsys.readouterr().out


def test_a_damaged_file_stops_a_batch(home, sharp, capsys):
    folder = project.training_part(project.faulty_folder(sharp))
    assert folder == Path("faulty/train")

    def batch():
        project.first_batch(keras.utils.image_dataset_from_directory(folder, image_size=(24, 24), batch_size=8, seed=0))
        return capsys.readouterr().out.splitlines()[-2:]

    classes, stopped = batch()
    assert classes == "classes: ['one', 'two']"
    assert stopped.startswith("It stops at a damaged file and does not say which: ") and stopped.endswith("Error")
    (folder / "one" / "1.png").unlink()
    assert batch()[1] == "one batch: (7, 24, 24, 3) float32 labels (7,)"


def touched(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


@pytest.mark.parametrize(
    ("files", "part"),
    [
        (("one/1.PNG", "two/1.JPG"), "."),
        (("train/one/1.png", "train/two/1.png", "test/one/2.png", "test/two/2.png"), "train"),
        (("photos/one/1.jpeg", "photos/two/1.jpeg"), "photos"),
    ],
)
def test_the_part_to_train_on_is_found(home, files, part):
    assert project.training_part(touched(home, *files)) == home / part
    assert not (home / "samples").exists()


@pytest.mark.parametrize("ending", ["webp", "jfif", "tif", "TIFF"])
def test_keras_is_shown_with_samples_where_it_reads_nothing(home, monkeypatch, capsys, ending):
    written = []
    monkeypatch.setattr(project, "write_surfaces", lambda *how: written.append(how))
    assert project.training_part(touched(home, f"one/1.{ending}", f"two/1.{ending}")) == Path("samples/train")
    assert written == [(Path("samples"), 30, 0)] and "sample pictures" in capsys.readouterr().out


def test_hidden_files_and_folders_named_like_pictures_are_none(home, monkeypatch, capsys):
    monkeypatch.setattr(project, "write_surfaces", lambda *how: None)
    folder = touched(home, "one/._1.jpg", "one/.thumbs/1.jpg", "one/a.jpg/1.webp", "two/1.webp", "one/1.webp")
    assert project.training_part(folder) == Path("samples/train")
    assert project.a_test_file(folder) == home / "one" / "1.webp"


def test_small_digits_are_half_as_large():
    pictures, labels = project.small_digits(2)
    whole = project.load_target("digits", 2)
    assert pictures.shape == (1200, 32, 32, 3)
    np.testing.assert_array_equal(labels, whole.labels)
    np.testing.assert_array_equal(pictures[7, 5, 9], whole.pictures[7, 10, 18])


def test_pictures_for_the_file_are_sized_and_not_scaled():
    pictures = np.full((2, 16, 24, 3), 200, "uint8")
    sized = project.sized(pictures, tiny_source())
    assert sized.shape == (2, 8, 8, 3) and sized.dtype == np.float32
    np.testing.assert_allclose(sized, 200, atol=0.01)


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (("train/a/1.png", "test/b/2.png", "test/a/3.JPG", "test/a/0.txt"), "test/a/3.JPG"),
        (("train/a/1.png", "val/b/2.webp", "validation/a/3.png"), "val/b/2.webp"),
        (("train/a/1.png", "validation/a/3.png"), "validation/a/3.png"),
        (("b/2.png", "a/deep/1.jpeg", "a/notes.txt"), "a/deep/1.jpeg"),
    ],
)
def test_a_test_file_is_a_picture_of_the_test(tmp_path, files, found):
    assert project.a_test_file(touched(tmp_path, *files)) == tmp_path / found
