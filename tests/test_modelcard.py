"""The model card: every figure in it is right, and what nobody told stands there as not known."""

import contextlib
import datetime
import hashlib
import io
import re

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


def make(folder, names=("brick", "grass|wet", "gravel_a")):
    keras.utils.set_random_seed(0)
    x = keras.Input((10, 12, 3))
    y = layers.ReLU(name="cut")(layers.Conv2D(4, 3)(x))
    source = Source("tiny", keras.Model(x, y), ("cut",), (), (10, 12), "tiny: made in this test.", embedded.preprocess)
    model = add_head(take_prefix(source, "cut"), 3)
    deployable(source, model).save(folder / "stones.keras")
    pictures = np.random.default_rng(0).integers(0, 256, (20, 10, 12, 3)).astype("uint8")
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


def test_the_code_of_the_card_runs_and_says_what_the_model_says(parts, tmp_path, monkeypatch):
    monkeypatch.chdir(parts["file"].parent)
    noise = np.random.default_rng(3).integers(0, 256, (33, 40, 3)).astype("uint8")
    Image.fromarray(noise).save("picture.jpg", quality=100)
    code = re.search(r"^```python\n(.*?)^```", model_card(**parts), re.DOTALL | re.MULTILINE)[1]
    said = io.StringIO()
    space = {}
    with contextlib.redirect_stdout(said):
        exec(code, space)
    assert said.getvalue().strip() in parts["target"].class_names
    assert space["picture"].size == (12, 10) and space["names"] == list(parts["target"].class_names)
    code = code.replace("(12, 10)", "(10, 10)").split("print")[0]  # a square, as read_picture makes it
    exec(code, space)
    np.testing.assert_array_equal(np.asarray(space["picture"]), read_picture("picture.jpg", 10))


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
