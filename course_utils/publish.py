"""The course as pages: every notebook run, as HTML that needs no network, and an index of them."""

import base64
import io
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from html import escape
from pathlib import Path
from typing import Any

import jinja2
import nbformat
from nbconvert import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath, markdown2html_mistune
from traitlets.config import Config

from . import execution
from .errors import CourseError, NotebookFailed

_TEMPLATES = Path(__file__).parent / "templates"
# A reader of pages has nothing to set up. (The tag is MyST-NB's, which leaves such cells out by itself.)
_WITHOUT = Config(TagRemovePreprocessor=Config(enabled=True, remove_cell_tags=["remove-cell"]))


@dataclass
class Entry:
    """A notebook as the index shows it: `page` is the name of its file, `picture` its first one as base64."""

    name: str
    title: str
    lead: str
    page: str = ""
    seconds: int = 0
    picture: str = ""
    alt: str = ""
    problem: str = ""


@dataclass
class Built:
    """What a build made: the index, an entry for each notebook, and the demonstration class if it was graded."""

    index: Path
    source: str
    entries: list[Entry]
    demo: Any = None
    demo_problem: str = ""

    @property
    def problems(self) -> list[str]:
        """One sentence for each part that failed."""
        return [told for told in (*(entry.problem for entry in self.entries), self.demo_problem) if told]


@cache
def drawn(tex: str) -> str:
    """A formula as a picture, by matplotlib's own TeX, or its source where that does not know a command."""
    from matplotlib.font_manager import FontProperties
    from matplotlib.mathtext import math_to_image

    page = io.BytesIO()
    try:
        math_to_image(f"${tex.strip()}$", page, prop=FontProperties(size=11), format="svg")
    except ValueError:
        return f"<code>{escape(tex)}</code>"
    data = base64.b64encode(page.getvalue()).decode()
    return f'<img class="maths" src="data:image/svg+xml;base64,{data}" alt="{escape(tex)}">'


class _Renderer(IPythonRenderer):
    """Markdown as nbconvert renders it, with formulas drawn: MathJax would have to come from the network."""

    def inline_math(self, body):
        return drawn(body)

    def block_html(self, html):
        """HTML as it was written: with pictures embedded, nbconvert would close each tag that a block leaves open."""
        return super().block_html(html) if "<img" in html else html + "\n"

    def link(self, text, url, title=None):
        if re.fullmatch(r"[\w-]+\.ipynb", url):  # another notebook: here, its page
            url = url.replace(".ipynb", ".html")
        return super().link(text, url, title)

    def block_math(self, body):
        return f'<p style="text-align: center">{drawn(body)}</p>'


class _Exporter(HTMLExporter):
    @jinja2.pass_context
    def markdown2html(self, context, source):
        renderer = _Renderer(
            escape=False,
            attachments=context.get("cell", {}).get("attachments", {}),
            embed_images=True,
            path=context.get("resources", {}).get("metadata", {}).get("path", ""),
            exclude_anchor_links=True,
        )
        return MarkdownWithMath(renderer=renderer).render(source)


def page(notebook: nbformat.NotebookNode, folder: Path) -> str:
    """The HTML page of an executed notebook, whole in itself. Pictures in its text are looked for in `folder`."""
    notebook = nbformat.from_dict(notebook)
    notebook.metadata["title"] = title_and_lead(notebook)[0]
    execution.drop_widgets(notebook)
    exporter = _Exporter(_WITHOUT, template_name="course", extra_template_basedirs=[str(_TEMPLATES)])
    return exporter.from_notebook_node(notebook, {"metadata": {"path": str(folder)}})[0]


def title_and_lead(notebook: nbformat.NotebookNode, default: str = "") -> tuple[str, str]:
    """A notebook's first heading as text, and its first paragraph as HTML."""
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    heading = re.search(r"^# (.+)$", text, re.MULTILINE)
    paragraph = re.search(r"<p>(.*?)</p>", markdown2html_mistune(text), re.DOTALL)
    title = re.sub(r"[*`]", "", heading[1]).strip() if heading else default
    return title, paragraph[1] if paragraph else ""


def first_picture(notebook: nbformat.NotebookNode) -> tuple[str, str]:
    """The first PNG among the outputs, as base64, and its alt text: "" where there is none."""
    for cell in execution.code_cells(notebook):
        for output in cell.outputs:
            if "image/png" in output.get("data", ()):
                return output.data["image/png"].strip(), output.metadata.get("image/png", {}).get("alt", "")
    return "", ""


def publish(path: Path, folder: Path, source: str, each_cell: Callable[[], object]) -> Entry:
    """Run one notebook and write its page into `folder`. A notebook that fails gets an entry that says why."""
    name, made = path.stem, folder / f"{path.stem}.html"
    made.unlink(missing_ok=True)  # no page of an earlier run stands in for one that failed
    try:
        notebook = execution.read(path)
        title, lead = title_and_lead(notebook, default=name)
    except NotebookFailed as problem:
        return Entry(name, name, "", problem=str(problem))
    try:
        run = execution.run(path, {"SOURCE": source}, each_cell, notebook)
    except NotebookFailed as problem:
        return Entry(name, title, lead, problem=str(problem))
    made.write_text(page(run.notebook, path.parent), "utf-8")
    picture, alt = first_picture(run.notebook)
    return Entry(name, title, lead, made.name, round(run.seconds), picture, alt)


def run_all(
    paths: Iterable[Path], folder: Path, source: str = "embedded", each_cell: Callable[[], object] = lambda: None
) -> Built:
    """Run notebooks and write their pages into `folder`; the others still run where one fails.

    `each_cell` is called after each code cell that ran.
    """
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return Built(folder / "index.html", source, [publish(path, folder, source, each_cell) for path in paths])


def grade(built: Built, demonstrate: Callable[[Path], Any]) -> None:
    """Add the demonstration class: `demonstrate` grades it and returns what it made in the build's folder."""
    try:
        built.demo = demonstrate(built.index.parent)
    except CourseError as problem:
        built.demo_problem = f"The demonstration class was not graded: {problem}"


def write_index(built: Built) -> None:
    """Write the index page of what was built."""
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(_TEMPLATES), autoescape=True)
    folder, demo = built.index.parent, built.demo
    if demo:
        demo = {
            "summary": demo.summary,
            "csv": demo.csv.relative_to(folder).as_posix(),
            "feedback": [(student, made.relative_to(folder).as_posix()) for student, made in demo.feedback],
        }
    template = environment.get_template("contents.html.j2")
    built.index.write_text(template.render(entries=built.entries, demo=demo, source=built.source), "utf-8")
