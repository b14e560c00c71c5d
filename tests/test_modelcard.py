"""The model card: every figure in it is right, and what nobody told stands there as not known."""

import contextlib
import datetime
import hashlib
import io
import re
import struct
import zlib

import keras
import numpy as np
import pytest
from helpers import complains
from keras import layers
from PIL import Image

from course_utils.errors import BadTarget, DamagedFile, UnknownCut
from course_utils.handover.card import model_card, wilson
from course_utils.handover.deploy import deployable
from course_utils.pictures.labelled import Target
from course_utils.pictures.reading import read_picture
from course_utils.sources import Source
from course_utils.transfer import add_head, take_prefix
from course_utils.world import embedded

TOLD = {
    "purpose": "to sort my stones",
    "not_for": "judging anything else",
    "author": "A. Student",
    "origin": "my own garden",
    "licence": "mine to give",
    "source_licence": "MIT",
    "split": "by the day they were taken",
    "recipe": "Adam, 100 epochs",
    "seed": 7,
    "not_tested": ("night", "rain"),
    "date": "2020-02-02",
}
TRUTH = np.repeat([0, 1, 2], (10, 5, 5))
ANSWERS = np.array([0] * 8 + [1, 1] + [1] * 5 + [0, 2, 2, 2, 2])


def make(folder, names=("brick", "grass|wet", "gravel_a"), size=(10, 12)):
    keras.utils.set_random_seed(0)
    x = keras.Input((*size, 3))
    y = layers.ReLU(name="cut")(layers.Conv2D(4, 3)(x))
    source = Source("tiny", keras.Model(x, y), ("cut",), (), size, "tiny: made in this test.", embedded.preprocess)
    model = add_head(take_prefix(source, "cut"), 3)
    deployable(source, model).save(folder / "stones.keras")
    pictures = np.random.default_rng(0).integers(0, 256, (20, *size, 3)).astype("uint8")
    target = Target("stones", "Which?", pictures[:9], np.arange(9) % 3, pictures, TRUTH, names)
    return {
        "file": folder / "stones.keras",
        "source": source,
        "cut": "cut",
        "model": model,
        "target": target,
        "answers": ANSWERS,
    }


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    return make(tmp_path_factory.mktemp("card"))


def test_everything_that_was_told_or_measured_stands_in_the_card(parts):
    card = model_card(**parts, **TOLD)
    assert "not known" not in card
    assert card.startswith("# Model card: stones\n") and "of 12 x 10 pixels: brick, grass\\|wet, gravel\\_a." in card
    for told in ("sort my stones", "anything else", "A. Student", "garden", "mine to give", "MIT", "by the day"):
        assert told in card
    assert "Adam, 100 epochs" in card and "- Seed: 7\n" in card and "2020-02-02" in card and "night; rain" in card
    assert "tiny: made in this test." in card and "after `cut`" in card
    trained, frozen = 4 * 3 + 3, 3 * 3 * 3 * 4 + 4
    assert f"- Parameters: {trained + frozen:,}, of which {frozen} stayed frozen and {trained} were trained." in card
    assert hashlib.sha256(parts["file"].read_bytes()).hexdigest() in card
    assert f"Keras {keras.__version__}," in card
    assert "- Number: 9 to train, 20 to test;" in card


def test_the_figures_are_those_of_the_answers(parts):
    card = model_card(**parts)
    low, high = (round(100 * share) for share in wilson(17, 20))
    assert f"**85 % ({low} to {high})**" in card and "would be right 50 % of the time" in card
    rows = re.findall(r"^\| (.*?) \| (\d+) \| (\d+) \| (\d+) % \((\d+) to (\d+)\) \|$", card, re.MULTILINE)
    found = {name: tuple(map(int, figures)) for name, *figures in rows}
    expected = {"brick": (3, 10, 8), "grass\\|wet": (3, 5, 5), "gravel\\_a": (3, 5, 4)}
    assert found == {
        name: (train, n, 100 * right // n, *(round(100 * share) for share in wilson(right, n)))
        for name, (train, n, right) in expected.items()
    }
    mistakes = re.findall(r"^- (.*) taken for (.*): (\d+) of (\d+)$", card, re.MULTILINE)
    assert mistakes == [("brick", "grass\\|wet", "2", "10"), ("gravel\\_a", "brick", "1", "5")]


def test_probabilities_serve_as_well_as_classes(parts):
    probabilities = 0.1 + np.eye(3)[ANSWERS]
    assert model_card(**parts | {"answers": probabilities}, **TOLD) == model_card(**parts, **TOLD)


def test_what_was_not_told_is_not_known(parts):
    card = model_card(**parts)
    gaps = [line.split(":")[0] for line in card.splitlines() if "not known" in line]
    assert len(gaps) == len(TOLD) - 1  # the date is known
    assert datetime.date.today().isoformat() in card


def test_a_model_without_mistakes_and_a_class_without_tests(parts):
    card = model_card(**parts | {"answers": TRUTH})
    assert "none in this test" in card and "**100 % (84 to 100)**" in card
    one = parts["target"]
    few = Target("few", "Which?", one.pictures, one.labels, one.test_pictures[:15], TRUTH[:15], one.class_names)
    assert "| gravel\\_a | 3 | 0 | not known |" in model_card(**parts | {"target": few, "answers": ANSWERS[:15]})


def rgb(side=(30, 24), seed=3):
    """Smooth colours, so that one pixel of rounding does not look like a mistake: (h, w, 3)."""
    few = np.random.default_rng(seed).integers(0, 256, (5, 4, 3)).astype("uint8")
    return Image.fromarray(few).resize(side, Image.Resampling.BICUBIC)


def see_through(picture):
    """The picture with a ground that is fully, half, or not transparent, from left to right."""
    opacity = np.repeat([0, 128, 255], picture.width // 3)[None].repeat(picture.height, 0).astype("uint8")
    picture.putalpha(Image.fromarray(opacity))
    return picture


def palette(folder):
    picture = rgb().quantize(16)
    picture.save(folder / "picture.png", transparency=bytes([0, 100] + [255] * 14))


def sixteen_bits(folder):
    grey = np.linspace(0, 65535, 30 * 24).reshape(30, 24).astype("uint16")
    Image.fromarray(grey).save(folder / "picture.png")


def turned(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    rgb().save(folder / "picture.jpg", exif=exif, quality=95)


def sixteen_bits_in_colour(folder):
    """Pillow writes none: two bytes of each colour, big end first, in a PNG made by hand."""
    values = np.asarray(see_through(rgb())).astype(">u2") * 257
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    size = struct.pack(">II5B", values.shape[1], values.shape[0], 16, 6, 0, 0, 0)
    parts = [(b"IHDR", size), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    told = [struct.pack(">I", len(d)) + t + d + struct.pack(">I", zlib.crc32(t + d)) for t, d in parts]
    (folder / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(told))


def frames(folder):
    rgb().save(folder / "picture.gif", save_all=True, append_images=[rgb(seed=4)])


FILES = {
    "a plain one": lambda folder: rgb().save(folder / "picture.jpg"),
    "transparent ground": lambda folder: see_through(rgb()).save(folder / "picture.png"),
    "grey and transparent": lambda folder: see_through(rgb()).convert("LA").save(folder / "picture.png"),
    "palette with transparency": palette,
    "one transparent colour": lambda folder: rgb().save(folder / "picture.png", transparency=rgb().getpixel((2, 2))),
    "16 bits, grey": sixteen_bits,
    "16 bits, colour and transparent": sixteen_bits_in_colour,
    "turned by EXIF": turned,
    "CMYK": lambda folder: rgb().convert("CMYK").save(folder / "picture.jpg", quality=95),
    "black and white": lambda folder: rgb().convert("1").save(folder / "picture.png"),
    "large": lambda folder: rgb((900, 700)).save(folder / "picture.jpg"),
    "animated": frames,
}


@pytest.fixture(scope="module")
def square_parts(tmp_path_factory):
    return make(tmp_path_factory.mktemp("square"), size=(10, 10))


def carried_out(parts, file):
    """What the code of the card prints of a picture, and the names that it leaves behind."""
    code = re.search(r"^```python\n(.*?)^```", model_card(**parts), re.DOTALL | re.MULTILINE)[1]
    assert code.count('"picture.jpg"') == 1
    said, space = io.StringIO(), {}
    with contextlib.redirect_stdout(said):
        exec(code.replace('"picture.jpg"', repr(str(file))), space)
    return said.getvalue().strip(), space


@pytest.mark.parametrize("kind", FILES)
def test_the_code_of_the_card_says_what_the_course_measured(square_parts, tmp_path, monkeypatch, kind):
    monkeypatch.chdir(square_parts["file"].parent)
    FILES[kind](tmp_path)
    (file,) = tmp_path.iterdir()
    said, space = carried_out(square_parts, file)
    measured = space["model"].predict(read_picture(file, 10)[None], verbose=0)
    answered = space["model"].predict(np.asarray(space["picture"])[None], verbose=0)
    np.testing.assert_array_equal(answered, measured)
    assert said == square_parts["target"].class_names[measured.argmax()]


def test_the_code_of_the_card_takes_any_shape(parts, tmp_path, monkeypatch):
    monkeypatch.chdir(parts["file"].parent)
    rgb().save(tmp_path / "picture.jpg")
    said, space = carried_out(parts, tmp_path / "picture.jpg")
    assert said in parts["target"].class_names
    assert space["picture"].size == (12, 10) and space["names"] == list(parts["target"].class_names)


def test_names_that_would_be_formulas_or_break_the_table_are_names(tmp_path, monkeypatch):
    names = ("$1 to $2", "two\nlines", "~~struck~~")
    parts = make(tmp_path, names=names)
    rows = re.findall(r"^\| (.*?) \| 3 \| \d+ \| .* \|$", model_card(**parts), re.MULTILINE)
    assert rows == [r"\$1 to \$2", "two lines", r"\~\~struck\~\~"]
    monkeypatch.chdir(tmp_path)
    rgb().save(tmp_path / "picture.jpg")
    assert tuple(carried_out(parts, tmp_path / "picture.jpg")[1]["names"]) == names


def test_wilsons_interval():
    # Newcombe 1998, table I: 81 of 263 gives .2553 to .3662, 0 of 20 gives 0 to .1611, 1 of 29 .0061 to .1718
    for right, n, low, high in ((81, 263, 0.2553, 0.3662), (0, 20, 0, 0.1611), (1, 29, 0.0061, 0.1718)):
        np.testing.assert_allclose(wilson(right, n), (low, high), atol=6e-5)


def test_what_does_not_fit_is_refused(parts, tmp_path):
    with complains(DamagedFile, "gone.keras is not there", "save the model"):
        model_card(**parts | {"file": tmp_path / "gone.keras"})
    with complains(UnknownCut, "'b5'", "tiny"):
        model_card(**parts | {"cut": "b5"})
    with complains(BadTarget, "19 answers", "20 test pictures"):
        model_card(**parts | {"answers": ANSWERS[:19]})
    with complains(BadTarget, "none of the 3 classes", "trained on it"):
        model_card(**parts | {"answers": ANSWERS + 1})
    one = parts["target"]
    values = Target("size", "How large?", one.pictures, one.labels / 2, one.test_pictures, TRUTH / 2)
    with complains(BadTarget, "'size'", "no classes"):
        model_card(**parts | {"target": values})
