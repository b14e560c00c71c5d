"""The slider: it follows the hand, and where no widget runs a sentence stands in its place."""

import datetime
import io

import nbformat
import numpy as np
import pytest
from nbformat.v4 import new_code_cell, new_notebook, new_output
from PIL import Image
from traitlets import Bunch

from course_utils.authoring import execution
from course_utils.charts import widgets

NOW = datetime.datetime(2026, 1, 31, tzinfo=datetime.UTC)
PICTURES = {"stem": b"first", "b1": b"second"}


def test_the_slider_shows_the_picture_of_its_position(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda page, raw: shown.append(page))
    slider, picture = widgets.picture_slider(PICTURES, "cut at", first="b1").children
    assert (slider.value, picture.value) == ("b1", b"second")
    slider.value = "stem"
    assert picture.value == b"first"
    assert shown[0]["text/plain"].startswith("In JupyterLab a slider (cut at: stem, b1)")
    assert widgets.VIEW in shown[0]


@pytest.fixture
def explored(monkeypatch):
    monkeypatch.setattr("IPython.display.display", lambda page, raw: None)
    asked = []

    def view(picture, place):
        asked.append((int(picture.mean()), place))
        return f"{picture.mean():.0f} {place}".encode()

    pictures = {"black": np.zeros((4, 4, 3), "uint8"), "white": np.full((4, 4, 3), 255, "uint8")}
    (choice, upload), slider, said, picture = [
        part.children if hasattr(part, "children") else part
        for part in widgets.explorer(pictures, ("stem", "b1"), "cut at", view, side=8).children
    ]
    return choice, upload, slider, said, picture, asked


def test_the_explorer_draws_each_choice_once(explored):
    choice, _, slider, _, picture, asked = explored
    assert picture.value == b"0 stem"
    slider.value = "b1"
    choice.value = "white"
    assert picture.value == b"255 b1"
    choice.value = "black"
    assert picture.value == b"0 b1" and asked == [(0, "stem"), (0, "b1"), (255, "b1")]


def uploaded(name, content):
    return (
        {"name": name, "type": "image/png", "size": len(content), "content": memoryview(content), "last_modified": NOW},
    )


def test_the_explorer_takes_a_picture_of_ones_own_and_says_what_is_none(explored):
    choice, upload, _, said, picture, asked = explored
    page = io.BytesIO()
    Image.new("RGB", (20, 10), (90, 90, 90)).save(page, "png")
    upload.value = uploaded("mine.png", page.getvalue())
    assert choice.value == "mine.png" and picture.value == b"90 stem" and said.value == ""
    upload.value = uploaded("../broken.png", b"no picture")
    assert "broken.png is damaged" in said.value and ".." not in said.value and picture.value == b"90 stem"
    page = io.BytesIO()
    Image.new("RGB", (20, 10), (50, 50, 50)).save(page, "png")
    upload.value = uploaded("mine.png", page.getvalue())  # another one of this name
    assert picture.value == b"50 stem" and said.value == ""


def test_the_explorer_takes_a_picture_as_ipywidgets_7_gives_it(explored):
    choice, upload, _, said, picture, _ = explored
    page = io.BytesIO()
    Image.new("RGB", (20, 10), (90, 90, 90)).save(page, "png")
    new = {"mine.png": {"metadata": {"name": "mine.png"}, "content": page.getvalue()}}
    upload.notify_change(Bunch(name="value", type="change", new=new, old={}, owner=upload))
    assert choice.value == "mine.png" and picture.value == b"90 stem" and said.value == ""


def test_a_figure_becomes_a_png_and_is_closed():
    import matplotlib.pyplot as plt

    figure = plt.figure()
    assert widgets.drawn(figure).startswith(b"\x89PNG")
    assert not plt.fignum_exists(figure.number)


def test_of_a_widget_the_sentence_is_left():
    page = {widgets.VIEW: {"model_id": "1"}, "text/plain": "A slider stands here."}
    cell = new_code_cell("x", outputs=[new_output("display_data", page)])
    notebook = new_notebook(cells=[cell], metadata={"widgets": {"state": {}}})
    execution.drop_widgets(notebook)
    assert notebook.cells[0].outputs[0].data == {"text/plain": "A slider stands here."}
    assert "widgets" not in notebook.metadata
    nbformat.validate(notebook)
