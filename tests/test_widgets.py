"""The slider: it follows the hand, and where no widget runs a sentence stands in its place."""

import nbformat
from nbformat.v4 import new_code_cell, new_notebook, new_output

from course_utils import execution, widgets

PICTURES = {"stem": b"first", "b1": b"second"}


def test_the_slider_shows_the_picture_of_its_position(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda page, raw: shown.append(page))
    slider, picture = widgets.picture_slider(PICTURES, "cut at", first="b1").children
    assert (slider.value, picture.value) == ("b1", b"second")
    slider.value = "stem"
    assert picture.value == b"first"
    assert shown[0]["text/plain"].startswith("In JupyterLab a slider (cut at: stem, b1)")
    assert execution._WIDGET in shown[0]


def test_a_figure_becomes_a_png_and_is_closed():
    import matplotlib.pyplot as plt

    figure = plt.figure()
    assert widgets.drawn(figure).startswith(b"\x89PNG")
    assert not plt.fignum_exists(figure.number)


def test_of_a_widget_the_sentence_is_left():
    page = {execution._WIDGET: {"model_id": "1"}, "text/plain": "A slider stands here."}
    cell = new_code_cell("x", outputs=[new_output("display_data", page)])
    notebook = new_notebook(cells=[cell], metadata={"widgets": {"state": {}}})
    execution.drop_widgets(notebook)
    assert notebook.cells[0].outputs[0].data == {"text/plain": "A slider stands here."}
    assert "widgets" not in notebook.metadata
    nbformat.validate(notebook)
