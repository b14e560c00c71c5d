"""Interaction for JupyterLab. Where no widget runs (a page, a print) one sentence stands in its place."""

import io


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
    from IPython.display import display

    slider = ipywidgets.SelectionSlider(
        options=list(pictures), value=first, description=label, layout=ipywidgets.Layout(width="32em")
    )
    picture = ipywidgets.Image(value=pictures[first], format="png", layout=ipywidgets.Layout(max_width="100%"))
    slider.observe(lambda change: setattr(picture, "value", pictures[change["new"]]), names="value")
    box = ipywidgets.VBox([slider, picture])
    page = box._repr_mimebundle_()
    page["text/plain"] = (
        f"In JupyterLab a slider ({label}: {', '.join(pictures)}) stands here; run the cell to have it."
    )
    display(page, raw=True)
    return box
