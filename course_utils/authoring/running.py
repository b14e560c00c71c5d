"""Every notebook run for the site, and what the site's first page tells of it."""

import os
import re
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import nbformat
from nbformat.v4 import new_markdown_cell, new_notebook

from ..errors import CourseError, NotebookFailed
from . import execution

MEMORY = 2 << 30  # bytes that a notebook's kernel may take, and a little more
MOST = 4  # kernels at once
STORED = "\nThe course runs on this machine now; until it has, these pages show the notebooks **as they are stored**.\n"


@dataclass
class Page:
    """A notebook for the site. Where it failed, `notebook` says why in place of what it was to show."""

    path: Path
    title: str
    notebook: nbformat.NotebookNode
    seconds: int = 0
    problem: str = ""


@dataclass
class Demonstration:
    """The graded class: what `course_utils.grading.course.demo` made, or why it made nothing."""

    made: Any = None
    problem: str = ""


def _title(notebook: nbformat.NotebookNode, default: str) -> str:
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    heading = re.search(r"^# (.+)$", text, re.MULTILINE)
    return re.sub(r"[*`]", "", heading[1]).strip() if heading else default


def _failed(path: Path, title: str, problem: NotebookFailed) -> Page:
    why = f"# {title}\n\n<p>{escape(str(problem))}</p>"
    return Page(path, title, new_notebook(cells=[new_markdown_cell(why)]), problem=str(problem))


def stored(path: Path) -> Page:
    """A notebook as it is stored."""
    try:
        notebook = execution.read_notebook(path)
    except NotebookFailed as problem:
        return _failed(path, path.stem, problem)
    return Page(path, _title(notebook, path.stem), notebook)


def run_page(path: Path, source: str, each_cell: Callable[[], object] = lambda: None) -> Page:
    """Run a notebook, and call `each_cell` after each code cell that ran. One that fails has a page that says why."""
    page = stored(path)
    if page.problem:
        return page
    try:
        made = execution.run_notebook(path, {"SOURCE": source}, each_cell, page.notebook)
    except NotebookFailed as problem:
        return _failed(path, page.title, problem)
    return Page(path, page.title, made.notebook, round(made.seconds))


def run_pages(paths: Sequence[Path], source: str, each_cell: Callable[[], object] = lambda: None) -> list[Page]:
    """`run_page` for each of `paths`, in their order, several at once: a kernel keeps little more than one core busy.

    Whatever ends this ends the kernels, too.
    """
    import psutil

    at_once = min(os.cpu_count() or 1, psutil.virtual_memory().available // MEMORY, MOST)
    others = set(psutil.Process().children())
    with ThreadPoolExecutor(max(1, at_once)) as pool:
        runs = [pool.submit(run_page, path, source, each_cell) for path in paths]
        try:
            return [run.result() for run in runs]
        except BaseException:  # above all Ctrl-C, which kernels do not get
            pool.shutdown(wait=False, cancel_futures=True)
            while not all(run.done() for run in runs):  # a kernel may just be starting
                for kernel in set(psutil.Process().children()) - others:
                    kernel.kill()
                time.sleep(0.1)
            raise


def demonstrate(grade: Callable[[Path], Any] | None, folder: Path) -> Demonstration:
    """Have a demonstration class graded into `folder`, where there is somebody to grade it."""
    try:
        return Demonstration(grade(folder) if grade else None)
    except CourseError as problem:
        return Demonstration(problem=f"The demonstration class was not graded: {problem}")


def report(pages: Iterable[Page], source: str, demonstration: Demonstration, folder: Path) -> str:
    """What the first page tells of a run, as Markdown: `folder` is where that page lies."""
    rows = "\n".join(
        f'<tr><td><a href="notebooks/{page.path.stem}.html">{escape(page.title)}</a></td>'
        f"<td>{escape(page.problem) or f'ran in {page.seconds} s'}</td></tr>"
        for page in pages
    )
    told = (
        "\n## How they ran here\n\n"
        f"The notebooks ran on this machine, on the source model `{source}`. To work through them, type `course lab` "
        '(or `make lab`).\n\n<table class="table ran">\n<tr><th>Notebook</th><th>What became of it</th></tr>\n'
        f"{rows}\n</table>\n"
    )
    if demonstration.problem:
        told += f"\n<p>{escape(demonstration.problem)}</p>\n"
    if made := demonstration.made:
        links = {"All grades as a table (CSV)": made.csv}
        links |= {f"Feedback for {student}": page for student, page in made.feedback}
        told += "\n## A class, graded\n\n"
        told += "".join(f"<p>{escape(line)}</p>\n" for line in made.summary.splitlines())
        told += "<ul>\n" + "".join(
            f'<li><a href="{page.relative_to(folder).as_posix()}">{escape(text)}</a></li>\n'
            for text, page in links.items()
        )
        told += "</ul>\n"
    return told
