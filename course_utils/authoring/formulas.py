"""Formulas as pictures: MathJax would have to come from the network."""

import base64
import io
from functools import cache
from html import escape


@cache
def drawn_formula(tex: str) -> str:
    """A formula as an `img`, by matplotlib's own TeX, or its source where that does not know a command."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.mathtext import math_to_image

    page = io.BytesIO()
    try:
        math_to_image(f"${tex.strip()}$", page, prop=FontProperties(size=11), format="svg")
    except ValueError:
        return f"<code>{escape(tex)}</code>"
    data = base64.b64encode(page.getvalue()).decode()
    return f'<img class="maths" src="data:image/svg+xml;base64,{data}" alt="{escape(tex)}">'
