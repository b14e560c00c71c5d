"""The lecture's slides: one deck of reveal.js for each lesson, from the lesson itself by the tags of its cells.

A cell tagged `slide` begins one, a cell tagged `slide-more` goes on with it; all others are left out. Of a text cell a
slide shows the headings, the box, the lists and the questions, but no references; of a code cell its pictures and what
was measured, or what it printed where it has neither.
"""

import re
import shutil
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import nbformat

from ..errors import NotSetUp
from . import execution
from .formulas import drawn_formula

TYPES = {"slide": "slide", "slide-more": "-"}  # our tags, and what nbconvert calls them
_FORMULA = re.compile(r"(?<![\\$])\$([^$\n]+)\$")


def write_slides(root: Path, made: Path, notebooks: Mapping[str, nbformat.NotebookNode]) -> list[Path]:
    """Write a deck for each notebook that has slides into the folder `made`; their first pages. Changes `notebooks`.

    Raises `NotSetUp` where reveal.js is missing.
    """
    package = find_spec("sphinx_revealjs")
    if package is None:
        raise NotSetUp("reveal.js is not installed here: install the course with its book (pip install -e '.[book]').")
    from nbconvert import SlidesExporter

    exporter = SlidesExporter(
        template_file=str(root / "docs" / "slides" / "deck.html.j2"),
        reveal_url_prefix="reveal",
        reveal_theme="white",
        exclude_input=True,
        exclude_output_prompt=True,
    )
    shutil.rmtree(made, ignore_errors=True)
    for part in ("dist", "plugin/notes"):
        shutil.copytree(Path(package.origin).parent / "_static" / "revealjs" / part, made / "reveal" / part)
    pages = []
    for name, notebook in notebooks.items():
        execution.drop_widgets(notebook)
        if deck(notebook):
            pages.append(made / f"{Path(name).stem}.html")
            resources = {"metadata": {"name": Path(name).stem}}
            pages[-1].write_text(exporter.from_notebook_node(notebook, resources)[0], "utf-8")
    return pages


def deck(notebook: nbformat.NotebookNode) -> int:
    """Leave of a notebook what its slides show, and return how many slides there are. Changes `notebook`."""
    cells, count, bare = [], 0, False
    for cell in notebook.cells:
        kind = next((TYPES[tag] for tag in cell.metadata.get("tags", ()) if tag in TYPES), None)
        if kind is None:
            continue
        if cell.cell_type == "markdown":
            cell.source = shortened(cell.source)
        else:
            told = [output for output in cell.outputs if _is_shown(output)]
            cell.outputs = told or [output for output in cell.outputs if output.output_type == "stream"]
        if bare and cell.source.startswith("#") and cell.cell_type == "markdown":  # nothing to show under the heading
            count -= cells.pop().metadata.slideshow.slide_type == "slide"
        elif bare:
            kind = TYPES["slide-more"]
        cell.metadata.slideshow = {"slide_type": kind}
        cells.append(cell)
        count += kind == "slide"
        bare = cell.cell_type == "markdown" and re.fullmatch(r"#+ [^\n]*", cell.source) is not None
    notebook.cells = cells
    return count


def _is_shown(output: nbformat.NotebookNode) -> bool:
    return "image/png" in output.get("data", {}) or "claim" in output.get("metadata", {}).get("course", {})


def shortened(text: str) -> str:
    """Of a lesson's text what a slide shows: headings, boxes, lists, and paragraphs that ask something."""
    parts = re.split(r"\n{2,}", text.partition("\n## References")[0].strip())
    kept = [part for part in parts if re.match(r"#|>|[*-] |\d+\. ", part) or part.rstrip("*_ )").endswith("?")]
    return _FORMULA.sub(lambda found: drawn_formula(found[1]), "\n\n".join(kept))
