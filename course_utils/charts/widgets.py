"""Interaction for JupyterLab. Where no widget runs (a page, a print) one sentence stands in its place."""

import io
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..errors import BadPictures
from ..pictures.reading import read_picture

VIEW = "application/vnd.jupyter.widget-view+json"  # the type of a widget among a cell's outputs


def drawn(figure) -> bytes:
    """A figure as PNG; the figure is closed."""
    import matplotlib.pyplot as plt

    page = io.BytesIO()
    figure.savefig(page, format="png")
    plt.close(figure)
    return page.getvalue()


def picture_slider(pictures: dict[str, bytes], label: str, first: str):
    """A slider through PNG pictures that are drawn already, one for each of its positions; returned for tests.

    `pictures` maps a position's name to the PNG; `first` is where the slider stands at first. Nothing is computed
    while it moves, so it follows the hand.
    """
    import ipywidgets

    slider = ipywidgets.SelectionSlider(
        options=list(pictures), value=first, description=label, layout=ipywidgets.Layout(width="32em")
    )
    picture = ipywidgets.Image(value=pictures[first], format="png", layout=ipywidgets.Layout(max_width="100%"))
    slider.observe(lambda change: setattr(picture, "value", pictures[change["new"]]), names="value")
    box = ipywidgets.VBox([slider, picture])
    show_widget(box, f"In JupyterLab a slider ({label}: {', '.join(pictures)}) stands here; run the cell to have it.")
    return box


def explorer(pictures: dict[str, np.ndarray], places: tuple[str, ...], label: str, view: Callable, side: int):
    """Choose a picture, or bring one of your own, and a place: what `view` draws of both; returned for tests.

    `pictures` maps names to uint8 (h, w, 3); `view(picture, place)` gives a PNG, which is asked for once for each
    choice. A file that is brought is read as `pictures.reading.read_picture` does, (side, side, 3); what cannot be
    read is said below, and the picture before it stays.
    """
    import ipywidgets

    known, made = dict(pictures), {}
    choice = ipywidgets.Dropdown(options=list(known), description="picture")
    slider = ipywidgets.SelectionSlider(options=list(places), description=label, layout={"width": "32em"})
    upload = ipywidgets.FileUpload(accept="image/*", description="My own picture", layout={"width": "12em"})
    said = ipywidgets.Label()
    picture = ipywidgets.Image(format="png", layout=ipywidgets.Layout(max_width="100%"))

    def draw(_=None):
        key = choice.value, slider.value
        if key not in made:
            made[key] = view(known[choice.value], slider.value)
        picture.value = made[key]

    def bring(change):
        files = change["new"]
        if isinstance(files, dict):  # ipywidgets 7, which Colab has
            files = [{"name": name} | file for name, file in files.items()]
        for file in files:
            with tempfile.TemporaryDirectory() as folder:
                copy = Path(folder) / Path(file["name"]).name
                copy.write_bytes(file["content"])
                try:
                    known[copy.name] = read_picture(copy, side)
                except BadPictures:
                    said.value = f"{copy.name} is damaged or no picture: open it in a viewer, and save it again."
                    continue
            said.value = ""
            for place in places:  # of a picture of the same name
                made.pop((copy.name, place), None)
            choice.options = list(known)
            choice.value = copy.name
            draw()

    choice.observe(draw, names="value")
    slider.observe(draw, names="value")
    upload.observe(bring, names="value")
    draw()
    box = ipywidgets.VBox([ipywidgets.HBox([choice, upload]), slider, said, picture])
    show_widget(box, f"In JupyterLab pictures ({', '.join(pictures)}) and a slider ({label}) stand here; run the cell.")
    return box


def show_widget(box, otherwise: str) -> None:
    """Show a widget, and a sentence where none runs."""
    from IPython.display import display

    view = {"version_major": 2, "version_minor": 0, "model_id": box.model_id}
    display({VIEW: view, "text/plain": otherwise}, raw=True)
