"""The feedback page: nbgrader's own, without scripts, with nothing from the network, and with harmless HTML only."""

import copy
import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import nh3
from bs4 import BeautifulSoup
from bs4.element import PreformattedString
from jinja2 import pass_context
from nbconvert.exporters import HTMLExporter
from nbconvert.filters import Highlight2HTML
from nbformat import NotebookNode
from traitlets import default

from ..states import read_notes

_TAGS = """a abbr b blockquote br caption code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img kbd li ol p pre s
small span strong sub summary sup table tbody td tfoot th thead tr u ul"""
_STYLES = {"color", "background-color", "font-style", "font-weight", "text-align", "text-decoration"}
_VALUES = {
    "href": re.compile(r"(https?://|mailto:)\S*"),
    "src": re.compile(r"data:image/(png|jpeg);base64,[\w+/=\s]*"),
    "class": re.compile(r"highlight|dataframe|[a-z][a-z\d]?"),  # pandas's and Pygments's; others have layouts here
    "colspan": re.compile(r"\d{1,3}"),
    "rowspan": re.compile(r"\d{1,3}"),
    "alt": re.compile(".*", re.DOTALL),
    "title": re.compile(".*", re.DOTALL),
    "style": re.compile(r"[\w\s:;,.%#()+-]*"),  # nothing to load: no quote, slash or escape
}
LARGEST = 50_000  # characters of HTML; more is shown as it was written, as reading it may take much too long
_DEEPEST = 100  # elements in each other
_LONGEST = 20_000  # characters of code or Markdown
_HEADING = re.compile(r"##\s+(.*?)(?:,?\s*\([^()]*points?[^()]*\))?\s*$", re.MULTILINE)  # without its "(4 points)"
_TITLE = 200  # characters of a heading


def _allowed(tag: str, name: str, value: str) -> str | None:
    return value if name in _VALUES and _VALUES[name].fullmatch(value) else None


_cleaner = nh3.Cleaner(
    tags=set(_TAGS.split()),
    attributes={"*": set(_VALUES)},
    attribute_filter=_allowed,
    url_schemes={"http", "https", "mailto", "data"},
    filter_style_properties=_STYLES,
    link_rel=None,
)


def _as_written(text: str) -> str:
    return f"<pre>{escape(text.encode(errors='replace').decode())}</pre>"  # no half of a surrogate pair


def clean(html: str) -> str:
    """HTML with nothing left in it that runs, loads, covers the page or asks for anything."""
    try:
        return _cleaner.clean(_simple(html))
    except Exception:  # whatever a student wrote, there is a page
        return _as_written(html)


def _simple(html: str) -> str:
    """HTML as a plain tree of elements, without what nobody reads. Raises `ValueError` where it is too much of it."""
    if len(html) > LARGEST:
        raise ValueError("too long")
    soup = BeautifulSoup(html, "html.parser")
    for unread in soup(string=lambda text: isinstance(text, PreformattedString)):  # no two parsers end comments alike
        unread.extract()
    for picture in soup("img"):
        if not _VALUES["src"].fullmatch(picture.get("src", "")):
            picture.replace_with(picture.get("alt", ""))
    depths = {id(soup): 0}
    for tag in soup(True):
        depths[id(tag)] = depths[id(tag.parent)] + 1
    if max(depths.values()) > _DEEPEST:
        raise ValueError("too deep")
    return str(soup)


def _highlighted(source: str, metadata: NotebookNode) -> str:
    return Highlight2HTML()(source) if len(source) <= _LONGEST else _as_written(source)


@dataclass
class Part:
    """A part of an assignment: its heading, the grade_id of its first graded cell, and its points."""

    title: str
    first: str
    score: float = 0.0
    points: float = 0.0
    waits: bool = False  # whether a person has not marked all of it yet


def parts_of_page(cells: Iterable[NotebookNode]) -> list[Part]:
    """The parts that give points, by the headings "## …" above them: those that lost most come first."""
    title, parts = "Before the first heading", {}
    for cell in cells:
        role = cell.metadata.get("nbgrader", {})
        if cell.cell_type == "markdown" and (heading := _HEADING.match(cell.source)):
            title = heading[1][:_TITLE]
        if role.get("grade") or role.get("task"):
            part = parts.setdefault(title, Part(title, role.get("grade_id", "")))
            part.score += float(role.get("score") or 0)
            part.points += float(role.get("points") or 0)
            part.waits |= bool(role.get("waits"))
    return sorted(parts.values(), key=lambda part: (part.waits, part.score - part.points))


class FeedbackPage(HTMLExporter):
    """Takes the place of `HTMLExporter` as `GenerateFeedback.exporter_class`."""

    exclude_anchor_links = True
    sanitize_html = True

    @default("raw_template")
    def _raw_template_default(self) -> str:
        return Path(__file__).with_name("feedback_page.html.j2").read_text("utf-8")

    @default("filters")
    def _filters_default(self) -> dict:
        return {"clean_html": clean, "highlight_code": _highlighted}

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:
        if len(source) > _LONGEST:
            return _as_written(source)
        try:
            return clean(super().markdown2html(context, source))
        except Exception:  # an attachment that is not there, for one
            return _as_written(source)

    def from_notebook_node(self, nb: NotebookNode, resources: dict, **kw: Any) -> tuple[str, dict]:
        """The page, and what nbconvert returns with it; of the notebook's metadata only the grader's notes count."""
        resources["noticed"] = [note.says for note in read_notes(nb)]
        nb = copy.copy(nb)
        nb.metadata = NotebookNode()
        return super().from_notebook_node(nb, resources, **kw)
