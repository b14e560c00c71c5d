"""The site of what ran here: a page for each notebook, with alt text, and honest about what failed."""

import re
import shutil
import sys
import time
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import nbformat
import psutil
import pytest
from conftest import ROOT
from helpers import complains
from nbformat.v4 import new_code_cell, new_markdown_cell

from course_utils.authoring import running, site
from course_utils.errors import GradingFailed, NotSetUp


class Page(HTMLParser):
    """What a page holds: the attributes of its elements by name, and the text of its article."""

    def __init__(self, html):
        super().__init__()
        self.elements, self.text = [], ""
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        self.elements.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.text += data

    def all(self, tag):
        return [attributes for name, attributes in self.elements if name == tag]


def read(path):
    """The article of a page, without what surrounds it on every page."""
    html = path.read_text("utf-8")
    return Page(html[html.index("<article") : html.index("</article>")])


def grade(folder):
    (folder / "feedback").mkdir()
    page, csv = folder / "feedback" / "ann.html", folder / "grades.csv"
    page.write_text("good", "utf-8")
    csv.write_text("ann,1", "utf-8")
    return SimpleNamespace(csv=csv, feedback=[("ann", page)], summary="First line.\nSecond <line>.")


@pytest.fixture(scope="module")
def built(tmp_path_factory, small_notebook):
    """Two notebooks, of which one fails, and one that is none, as a site in a folder that holds an older page."""
    folder, made = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("build")
    notebook = small_notebook()
    notebook.cells.insert(1, new_code_cell("1 + 1  # ready", metadata={"tags": ["remove-cell"]}))
    notebook.cells.append(new_markdown_cell(r"With $r = \frac{a}{b}$, $\undefined{x}$, and [more](01_fails.ipynb)."))
    answer = "<details><summary>A worked answer</summary>\n\n```python\nx = 1\n```\n</details>"
    notebook.cells.append(new_markdown_cell(answer))
    nbformat.write(notebook, folder / "00_start_here.ipynb")
    nbformat.write(small_notebook("numbers = [0]\n1 / numbers[0]", "print('later')"), folder / "01_fails.ipynb")
    (folder / "02_broken.ipynb").write_text("{", "utf-8")
    (made / "notebooks").mkdir()
    (made / "notebooks" / "03_gone.html").write_text("of an earlier run", "utf-8")
    cells = []
    ran = running.run_pages(sorted(folder.glob("*.ipynb")), "embedded", lambda: cells.append(1))
    told = running.report(ran, "embedded", running.demonstrate(grade, made), made)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(site, "_reference", lambda: "# Reference\n")  # of every module, it takes its time
        index = site.build_site(ROOT, made, {page.path.name: page.notebook for page in ran}, told)
    pages = {page.path.stem: read(made / "notebooks" / f"{page.path.stem}.html") for page in ran}
    return SimpleNamespace(
        folder=made, problems=[page.problem for page in ran], cells=len(cells), pages=pages, index=read(index)
    )


def test_each_notebook_runs_in_its_own_folder_and_we_stay_where_we_are(tmp_path, small_notebook):
    here, paths = Path.cwd(), [tmp_path / name / "00_one.ipynb" for name in ("a", "b", "c")]
    for path in paths:
        notebook = small_notebook()
        notebook.cells = [new_code_cell("import os, time\ntime.sleep(1)\nprint(os.getcwd())")]
        path.parent.mkdir()
        nbformat.write(notebook, path)
    ran = running.run_pages(paths, "embedded")
    assert [page.notebook.cells[-1].outputs[0].text.strip() for page in ran] == [str(path.parent) for path in paths]
    assert Path.cwd() == here


def test_whoever_ends_the_run_ends_its_kernels(tmp_path, small_notebook):
    def end():
        raise KeyboardInterrupt

    for name, code in (("00_quick", "1"), ("01_long", "import time; time.sleep(300)")):
        notebook = small_notebook()
        notebook.cells = [new_code_cell(code)]
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    before, start = set(psutil.Process().children()), time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        running.run_pages(sorted(tmp_path.glob("*.ipynb")), "embedded", end)
    assert time.monotonic() - start < 150
    assert set(psutil.Process().children()) <= before


def test_pictures_keep_their_alt_text(built):
    shown = [image for image in built.pages["00_start_here"].all("img") if "_static/pictures" in image["src"]]
    assert [image["alt"] for image in shown] == ['A "dot" < a line']
    assert (built.folder / "notebooks" / shown[0]["src"]).resolve().is_file()


def test_formulas_are_drawn_or_else_shown_as_they_were_written(built):
    page = built.pages["00_start_here"]
    drawn = [image for image in page.all("img") if image["src"].startswith("data:image/svg+xml")]
    assert [image["alt"] for image in drawn] == [r"r = \frac{a}{b}"]
    assert r"\undefined{x}" in page.text


def test_notebooks_link_to_each_others_pages(built):
    assert "01_fails.html" in [link["href"] for link in built.pages["00_start_here"].all("a")]


def test_pages_show_the_run_with_the_parameters_that_it_had(built):
    text = built.pages["00_start_here"].text
    assert 'SOURCE = "embedded"' in text and f"embedded False {sys.executable}" in text


def test_pages_leave_out_what_makes_a_runtime_ready(built):
    text = built.pages["00_start_here"].text
    assert "6 * 7" in text and "# ready" not in text


def test_a_worked_answer_stays_folded(built):
    made = (built.folder / "notebooks" / "00_start_here.html").read_text("utf-8")
    folded = made[made.index("<details><summary>A worked answer") :]
    assert 'class="highlight"' in folded[: folded.index("</details>")]


def test_the_first_page_tells_of_each_notebook(built):
    assert re.search(r"A small one\s*ran in \d+ s", built.index.text) and "source model embedded" in built.index.text
    links = {link["href"] for link in built.index.all("a")}
    assert {f"notebooks/{name}.html" for name in ("00_start_here", "01_fails", "02_broken")} <= links
    assert all((built.folder / link).is_file() for link in links if not link.startswith(("#", "http")))


def test_a_failing_notebook_is_told_in_one_sentence_and_shows_nothing_of_itself(built):
    good, fails, broken = built.problems
    assert good == ""
    assert fails == (
        "The notebook 01_fails.ipynb stopped in its code cell 5 (`numbers = [0]`) "
        "with ZeroDivisionError: division by zero."
    )
    assert broken.startswith("The file 02_broken.ipynb is no notebook that Jupyter can read")
    for name, problem in (("01_fails", fails), ("02_broken", broken)):
        assert problem in built.index.text and problem in built.pages[name].text
    assert "6 * 7" not in built.pages["01_fails"].text
    assert not (built.folder / "notebooks" / "03_gone.html").exists()


def test_nothing_is_written_beside_the_site(built):
    assert [path for path in built.folder.parent.iterdir() if path.name.startswith("jupyter")] == []


def test_every_cell_that_ran_is_counted_once(built):
    assert built.cells == 5 + 5  # the last cell of the failing notebook never ran


def test_the_graded_class_is_linked_from_the_first_page(built):
    links = [link["href"] for link in built.index.all("a")]
    assert "grades.csv" in links and "feedback/ann.html" in links
    assert "Second <line>." in built.index.text


def test_a_class_that_cannot_be_graded_does_not_take_the_pages_along(tmp_path):
    def fail(folder):
        raise GradingFailed("There is no <assignment>: write one.")

    graded = running.demonstrate(fail, tmp_path)
    assert graded.problem == "The demonstration class was not graded: There is no <assignment>: write one."
    assert "There is no &lt;assignment&gt;" in running.report([], "embedded", graded, tmp_path)


@pytest.mark.parametrize(
    "hub", ["hub.example.org", "https://ada:secret@hub.example.org", "https://hub.example.org/?x=1"]
)
def test_what_is_no_address_of_a_hub_is_refused(hub, tmp_path):
    with complains(NotSetUp, hub, "https://hub.example.org"):
        site.build_site(ROOT, tmp_path / "made", {}, address="https://github.com/ada/course", hub=hub)


def test_a_hub_without_a_public_address_is_refused(tmp_path):
    with complains(NotSetUp, "GitHub", "course address"):
        site.build_site(ROOT, tmp_path / "made", {}, hub="https://hub.example.org")


@pytest.mark.long
def test_what_sphinx_warns_of_counts_where_it_is_asked_to(tmp_path, small_notebook, monkeypatch):
    monkeypatch.setattr(site, "_reference", lambda: "# Reference\n\n{doc}`nowhere`\n")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    with pytest.raises(NotSetUp, match="nowhere"):
        notebooks = {"00_start_here.ipynb": small_notebook()}
        site.build_site(tmp_path, tmp_path / "made", notebooks, strict=True)
    assert not (tmp_path / "made").exists()
