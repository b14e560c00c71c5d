"""The pages of the course: whole in themselves, with alt text, and honest about what failed."""

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils import publish
from course_utils.errors import GradingFailed


class Page(HTMLParser):
    """What a page holds: the attributes of its elements by name, and its text."""

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
    return Page(path.read_text("utf-8"))


@pytest.fixture(scope="module")
def built(tmp_path_factory, small_notebook):
    """Two notebooks, of which one fails, and one that is none, built into a folder that holds an older page."""
    folder, pages = tmp_path_factory.mktemp("notebooks"), tmp_path_factory.mktemp("build")
    notebook = small_notebook()
    notebook.cells.insert(1, new_code_cell("1 + 1  # ready", metadata={"tags": ["remove-cell"]}))
    notebook.cells.append(new_markdown_cell(r"With $r = \frac{a}{b}$, $\undefined{x}$, and [more](01_fails.ipynb)."))
    nbformat.write(notebook, folder / "00_small.ipynb")
    nbformat.write(small_notebook("numbers = [0]\n1 / numbers[0]", "print('later')"), folder / "01_fails.ipynb")
    (folder / "02_broken.ipynb").write_text("{", "utf-8")
    (pages / "01_fails.html").write_text("of an earlier run", "utf-8")
    cells = []
    made = publish.run_all(sorted(folder.glob("*.ipynb")), pages, each_cell=lambda: cells.append(1))
    publish.write_index(made)
    return SimpleNamespace(built=made, cells=len(cells), page=read(pages / "00_small.html"), index=read(made.index))


@pytest.mark.parametrize("which", ["page", "index"])
def test_pages_need_nothing_from_elsewhere(built, which):
    page = getattr(built, which)
    addresses = [value for _, attributes in page.elements for name, value in attributes.items() if name == "src"]
    addresses += [attributes["href"] for attributes in page.all("link")]
    addresses += re.findall(r"url\(([^)]*)\)", page.text)
    assert addresses and all(address.strip("'\"").startswith("data:") for address in addresses)
    assert not page.all("script") and "@import" not in page.text


def test_pictures_keep_their_alt_text(built):
    shown = [image for image in built.page.all("img") if image["src"].startswith("data:image/png")]
    assert [image["alt"] for image in shown] == ['A "dot" < a line']
    assert built.index.all("img")[0]["alt"] == 'A "dot" < a line'


def test_formulas_are_drawn_or_else_shown_as_they_were_written(built):
    drawn = [image for image in built.page.all("img") if image["src"].startswith("data:image/svg+xml")]
    assert [image["alt"] for image in drawn] == [r"r = \frac{a}{b}"]
    assert r"\undefined{x}" in built.page.text


def test_notebooks_link_to_each_others_pages(built):
    assert "01_fails.html" in [link["href"] for link in built.page.all("a")]


def test_pages_show_the_run_with_the_parameters_that_it_had(built):
    assert 'SOURCE = "embedded"' in built.page.text
    assert f"embedded False {sys.executable}" in built.page.text


def test_pages_leave_out_what_makes_a_runtime_ready(built):
    assert "6 * 7" in built.page.text and "# ready" not in built.page.text


def test_index_shows_each_notebook_and_links_to_the_pages_there_are(built):
    assert built.index.text.count("A small one") == 2
    assert "Its first paragraph." in built.index.text and "Its second" not in built.index.text
    links = [link["href"] for link in built.index.all("a")]
    assert links == ["00_small.html"]


def test_a_failing_notebook_is_told_in_one_sentence_and_leaves_no_page(built):
    fails, broken = built.built.problems
    assert fails == (
        "The notebook 01_fails.ipynb stopped in its code cell 5 (`numbers = [0]`) "
        "with ZeroDivisionError: division by zero."
    )
    assert broken.startswith("The file 02_broken.ipynb is no notebook that Jupyter can read")
    assert fails in built.index.text and broken in built.index.text
    assert not (built.built.index.parent / "01_fails.html").exists()


def test_every_cell_that_ran_is_counted_once(built):
    assert built.cells == 5 + 5  # the last cell of the failing notebook never ran


def test_the_graded_class_is_linked_from_the_index(tmp_path):
    def demonstrate(folder):
        (folder / "feedback").mkdir()
        page, csv = folder / "feedback" / "ann.html", folder / "grades.csv"
        page.write_text("good", "utf-8")
        csv.write_text("ann,1", "utf-8")
        return SimpleNamespace(csv=csv, feedback=[("ann", page)], summary="First line.\nSecond <line>.")

    made = publish.run_all([], tmp_path)
    publish.grade(made, demonstrate)
    publish.write_index(made)
    index = read(made.index)
    links = [link["href"] for link in index.all("a")]
    assert links == ["grades.csv", "feedback/ann.html"] and all((tmp_path / link).is_file() for link in links)
    assert "Second <line>." in index.text


def test_a_class_that_cannot_be_graded_does_not_take_the_pages_along(tmp_path):
    def demonstrate(folder):
        raise GradingFailed("There is no assignment: write one.")

    made = publish.run_all([], tmp_path)
    publish.grade(made, demonstrate)
    publish.write_index(made)
    assert made.index.exists()
    assert made.problems == ["The demonstration class was not graded: There is no assignment: write one."]


def test_a_worked_answer_stays_folded():
    answer = "<details><summary>A worked answer</summary>\n\n```python\nx = 1\n```\n</details>"
    made = publish.page(new_notebook(cells=[new_markdown_cell(answer)]), Path("."))
    folded = made[made.index("<details>") : made.index("</details>")]
    assert 'class="highlight"' in folded and made.count("</details>") == 1
