"""The slides: what of a lesson they show, and that a deck needs nothing from a network."""

import re

from conftest import ROOT
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from course_utils.authoring import execution, slides


def tagged(cell, *tags):
    cell.metadata["tags"] = list(tags)
    return cell


def test_of_a_text_a_slide_shows_headings_boxes_lists_and_questions():
    text = (
        "# Title\n\n> **In one minute.** A box.\n\nA long explanation.\n\n**Predict.** What comes out?\n\n"
        "* one\n* two\n\n1. first\n\nMore text about $n$."
    )
    shown = slides.shortened(text)
    assert "explanation" not in shown and "More text" not in shown
    assert all(part in shown for part in ("# Title", "A box.", "What comes out?", "* two", "1. first"))
    assert "<img" in slides.shortened("What is $n$?") and "$" not in slides.shortened("What is $n$?")


def test_a_heading_alone_is_no_slide_and_of_a_cell_the_pictures_and_what_was_measured_are_shown():
    picture = new_output("display_data", {"image/png": "A", "text/plain": "a picture"})
    measured = new_output(
        "display_data", {"text/plain": "so it is"}, metadata={"course": {"claim": "so", "holds": True}}
    )
    told = new_output("stream", text="figures")
    notebook = new_notebook(
        cells=[
            tagged(new_markdown_cell("## Nothing under it\n\nA text."), "slide"),
            tagged(new_markdown_cell("## A picture\n\nA text."), "slide"),
            tagged(new_code_cell("draw()", outputs=[told, picture, measured]), "slide"),
            tagged(new_markdown_cell("## What to remember\n\n* this\n\n## References\n\n* a book"), "slide"),
        ]
    )
    assert slides.deck(notebook) == 2
    heading, drawn, last = notebook.cells
    assert heading.source == "## A picture" and drawn.outputs == [picture, measured] and "book" not in last.source
    assert [cell.metadata.slideshow.slide_type for cell in notebook.cells] == ["slide", "-", "slide"]


def test_every_lesson_has_its_slides():
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        notebook = execution.read_notebook(path)
        assert slides.deck(notebook) >= 5, path.name
        assert any("What to remember" in cell.source for cell in notebook.cells), path.name


def test_a_deck_is_made_of_tagged_cells_and_lies_there_whole(tmp_path):
    shown = new_output("stream", text="seen on a slide")
    notebook = new_notebook(
        cells=[
            tagged(new_markdown_cell("# Title of the lesson"), "slide"),
            new_markdown_cell("## Left out?"),
            tagged(new_code_cell("hidden_code()", outputs=[shown]), "slide-more"),
            tagged(new_markdown_cell("## Second"), "slide"),
        ]
    )
    (page,) = slides.write_slides(ROOT, tmp_path / "made", {"one.ipynb": notebook, "none.ipynb": new_notebook()})
    text = page.read_text("utf-8")
    assert "Title of the lesson" in text and "seen on a slide" in text and "hidden_code" not in text
    assert "Left out" not in text and page.name == "one.html"
    loaded = re.findall(r"(?:src|href)=\"([^\"#]+)\"", text)
    assert loaded and all(not name.startswith(("http", "//")) for name in loaded)
    assert all((page.parent / name).exists() for name in loaded if not name.startswith("data:"))
