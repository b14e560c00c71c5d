"""What a notebook says to its reader: a quiet start, measured claims, checks, and errors in one sentence."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

from course_utils import lesson
from course_utils.lesson import claim, compare_prediction, exercise
from course_utils.marking import require


@pytest.fixture
def told(monkeypatch):
    """What is displayed: (text, HTML, facts) of each output."""
    shown = []

    def display(data, raw, metadata):
        assert raw
        shown.append((data["text/plain"], data["text/html"], metadata["course"]))

    monkeypatch.setattr("IPython.display.display", display)
    return shown


def test_start_is_quiet_and_sets_everything_up():
    code = (
        "from course_utils.lesson import start\n"
        "import sys, random\n"
        "assert 'tensorflow' not in sys.modules\n"
        "start(7)\n"
        "import numpy as np, keras, matplotlib.pyplot as plt\n"
        "from course_utils.figures import CYCLE\n"
        "assert plt.rcParams['axes.prop_cycle'].by_key()['color'] == list(CYCLE)\n"
        "print(random.random(), np.random.rand(), float(keras.random.uniform((), seed=None)))\n"
        "sys.stderr.write('still heard\\n')\n"
        "import os; os.write(2, b'below too\\n')\n"
    )
    plain = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    first = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=plain)
    assert (first.returncode, first.stderr) == (0, "still heard\nbelow too\n")
    import random

    import keras

    keras.utils.set_random_seed(7)
    assert first.stdout.split() == [
        str(random.random()),
        str(np.random.rand()),
        str(float(keras.random.uniform((), seed=None))),
    ]


@pytest.mark.parametrize(
    ("variable", "settings", "words"),
    [
        ("jax", None, ["jax", "tensorflow", "KERAS_BACKEND", "restart the kernel"]),
        ("", {"image_data_format": "channels_first"}, ["channels_first", "channels_last", "keras.json"]),
        ("", {"floatx": "float16"}, ["float16", "float32", "keras.json"]),
    ],
)
def test_other_settings_of_keras_end_in_one_sentence(tmp_path, variable, settings, words):
    if settings:
        (tmp_path / "keras.json").write_text(json.dumps(settings))
    code = (
        "from course_utils import errors, lesson\n"
        "try:\n    lesson.start()\n"
        "except errors.NotSetUp as problem:\n    print(problem)\n"
    )
    env = os.environ | {"KERAS_HOME": str(tmp_path), "KERAS_BACKEND": variable}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    (sentence,) = done.stdout.splitlines()
    assert sentence.startswith("Keras is set to ") and all(word in sentence for word in words)
    assert (done.returncode, done.stderr) == (0, "")


def test_settings_that_keras_passes_over_do_no_harm(tmp_path):
    (tmp_path / "keras.json").write_text(json.dumps({"backend": "jax", "image_data_format": "channels_last"}))
    code = "from course_utils.lesson import start; start(); import keras; print(keras.config.backend())"
    env = os.environ | {"KERAS_HOME": str(tmp_path), "KERAS_BACKEND": ""}  # an empty variable is none to Keras
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env)
    assert (done.stdout, done.stderr) == ("tensorflow\n", "")


def test_a_warning_is_plain_text_from_then_on():
    code = "from course_utils.lesson import start; start(); import warnings; warnings.warn('look out')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.startswith("<string>:1: UserWarning: look out") and done.stderr == ""


def test_what_is_held_back_is_shown_when_the_start_fails(capfd):
    with pytest.raises(ImportError, match="no module"), lesson._quiet_stderr():
        os.write(2, b"the reason\n")
        raise ImportError("no module")
    assert capfd.readouterr().err == "the reason\n"
    with lesson._quiet_stderr():
        os.write(2, b"a banner\n")
    os.write(2, b"heard again\n")
    assert capfd.readouterr().err == "heard again\n"


def test_a_claim_that_holds(told):
    assert claim("Two is more than one.", np.bool_(True), "2 against 1") is True
    ((text, page, facts),) = told
    assert text == "Measured: Two is more than one. (2 against 1)" and "Measured:" in page
    assert facts == {"claim": "Two is more than one.", "holds": True} and facts["holds"] is True


def test_a_claim_that_does_not_hold_says_so(told):
    assert claim("One is more than two.", False) is False
    ((text, page, facts),) = told
    assert text == "Not so in this run: One is more than two." and "Not so in this run:" in page
    assert facts == {"claim": "One is more than two.", "holds": False}


def test_what_is_told_cannot_break_the_page(told):
    claim("1 < 2 & <script>alert(1)</script>", True)
    assert "<script>" not in told[0][1] and "&lt;script&gt;" in told[0][1]
    assert "1 < 2 & <script>" in told[0][0]


@pytest.fixture(scope="module")
def notebook():
    """The outputs of a few cells, as Jupyter keeps them."""
    cells = [
        "from course_utils.lesson import claim, exercise\nclaim('One is one.', 1 == 1, '1');",
        "exercise('Four.', 'A hint.')(str)(...)",
        "from course_utils.targets import load_target\nload_target('digts')",
        "from course_utils.sources import load_source\nload_source('Drawing')",
        "def inner():\n    load_target('digts')\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    inner()",
    ]
    book = new_notebook(cells=[new_code_cell(code) for code in cells])
    NotebookClient(book, kernel_name="python3", timeout=60, allow_errors=True).execute()
    return [cell.outputs for cell in book.cells]


def test_claims_and_exercises_are_outputs_with_facts(notebook):
    (first,), (second,) = notebook[:2]
    assert first.metadata["course"] == {"claim": "One is one.", "holds": True}
    assert second.metadata["course"] == {"check": "Four.", "right": None}
    for output in (first, second):
        assert output.output_type == "display_data" and set(output.data) == {"text/plain", "text/html"}


@pytest.mark.parametrize(
    "cell, sentence",
    [
        (2, "BadTarget: There is no target named 'digts': did you mean 'digits'?"),
        (3, "UnknownSource: There is no source 'Drawing': did you mean 'drawings'?"),
        (4, "BadTarget: There is no target named 'digts': did you mean 'digits'?"),
    ],
)
def test_an_error_of_ours_shows_its_sentence_and_no_stack(notebook, cell, sentence):
    (output,) = notebook[cell]
    assert output.output_type == "error" and output.traceback == [sentence]
    assert f"{output.ename}: {output.evalue}" == sentence


@pytest.mark.parametrize(
    "prediction, settings, mark, words",
    [
        (..., {"unit": " %"}, "No prediction yet:", "Measured: 81.2 %"),
        (90, {"unit": " %"}, "Your prediction:", "90 %, off by 8.8 %"),
        ("much", {"unit": " %"}, "Your prediction:", "'much' is no number"),
        (None, {}, "Your prediction:", "None is no number"),
    ],
)
def test_a_predicted_number_is_answered(told, prediction, settings, mark, words):
    compare_prediction(prediction, 81.2, **settings)
    ((text, page, facts),) = told
    assert text.startswith(mark) and words in text and mark in page
    assert facts["prediction"] == (pytest.approx(8.8) if prediction == 90 else None)


@pytest.mark.parametrize(
    "prediction, mark, came_out",
    [
        ("deep", "You predicted it:", True),
        ("shallow", "A surprise:", False),
        ("deap", "Your prediction: 'deap' is none of shallow, deep.", None),
        (..., "No prediction yet:", None),
    ],
)
def test_a_predicted_choice_is_answered(told, prediction, mark, came_out):
    compare_prediction(prediction, "deep", choices=("shallow", "deep"))
    ((text, _, facts),) = told
    assert text.startswith(mark) and "Measured: deep." in text and facts == {"prediction": came_out}


@exercise("Double three.", "What is 3 + 3?", "It is 6.")
def six(answer):
    require(answer != 9, "That is three times three.")
    require(answer == 6, "Not so many.")
    return "Both ways."


def test_an_exercise_tells_mistakes_apart_and_shows_no_answer(told):
    for answer in (..., 6, 9, 5, "6" * 3, []):
        six(answer)
    texts = [text for text, _, _ in told]
    assert texts[0].startswith("To do: Double three.") and texts[1] == "Right: Double three. Both ways."
    assert "three times three" in texts[2] and "Not so many" in texts[3]
    assert [facts["right"] for _, _, facts in told] == [None, True, False, False, False, False]


def test_an_answer_that_breaks_the_judge_is_a_wrong_one(told):
    @exercise("A list.", "[]")
    def length(answer):
        return str(len(answer))

    length(3)
    assert told[0][2]["right"] is False and "could not be used: TypeError" in told[0][0]


def test_hints_come_one_by_one_on_request(told):
    six.hint()
    six.hint(2)
    six.hint(3)  # there are two
    assert [text for text, _, _ in told] == [
        "Hint 1 of 2: What is 3 + 3?",
        "Hint 2 of 2: It is 6.",
        "Hint 2 of 2: It is 6.",
    ]
