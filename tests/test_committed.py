"""`course notebooks`: the committed form of a notebook, and a file that nothing spoils."""

import json
import sys

import nbformat
import pytest
from helpers import complains

from course_utils.authoring import committed, execution
from course_utils.errors import NotebookFailed


@pytest.fixture
def stored(tmp_path, small_notebook):
    """Write a small notebook, with what Jupyter and papermill leave behind, and return its path."""

    def make(*extra):
        notebook = small_notebook(*extra)
        notebook.metadata["widgets"] = {"state": {}}
        notebook.metadata["language_info"] = {"name": "python", "version": "3.0"}
        notebook.cells[2].metadata["execution"] = {"iopub.execute_input": "2020-01-01"}
        path = tmp_path / "00_small.ipynb"
        nbformat.write(notebook, path)
        return path

    return make


def test_it_holds_the_code_as_written_and_the_outputs_of_a_full_run(stored):
    path = stored()
    before = nbformat.read(path, 4)
    cells = []
    committed.rewrite(path, lambda: cells.append(1))
    after = nbformat.read(path, 4)
    assert [(c.cell_type, c.source, c.id) for c in after.cells] == [(c.cell_type, c.source, c.id) for c in before.cells]
    code = [cell for cell in after.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [1, 2, 3, None, 4]
    assert code[1].outputs[0].text == f"auto False {sys.executable}\n"
    assert code[4].outputs[0].execution_count == 4 and code[4].outputs[0].data["text/plain"] == "42"
    assert len(cells) == 4


def test_nothing_is_left_over_from_the_run(stored):
    path = stored()
    committed.rewrite(path)
    after = json.loads(path.read_text("utf-8"))
    assert set(after["metadata"]) == {"kernelspec", "language_info", "course"}
    assert after["metadata"]["language_info"] == {"name": "python"}
    assert [cell["metadata"] for cell in after["cells"]] == [{}, {"tags": ["parameters"]}, {}, {}, {}, {}]
    assert "papermill" not in path.read_text("utf-8")
    first = path.read_bytes()
    committed.rewrite(path)
    assert path.read_bytes() == first
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_tables_for_a_quick_look_come_with_the_course_too(stored):
    path = stored(
        "import os, pathlib\npathlib.Path('made' + '_fast' * FAST).write_text(os.environ['COURSE_SHIP_TABLES'])"
    )
    committed.rewrite(path)
    assert (path.parent / "made").read_text() == (path.parent / "made_fast").read_text() == "1"


def test_of_a_widget_its_text_is_committed(stored):
    show = f"display({{{execution.VIEW!r}: {{'model_id': 'x'}}, 'text/plain': 'a slider'}}, raw=True)"
    path = stored("from IPython.display import display\n" + show)
    committed.rewrite(path)
    (output,) = nbformat.read(path, 4).cells[-1].outputs
    assert output.data == {"text/plain": "a slider"}


def test_it_says_of_which_code_and_source_its_outputs_are(stored, monkeypatch):
    path = stored()
    committed.rewrite(path)
    notebook = nbformat.read(path, 4)
    assert notebook.metadata.course == committed.facts(notebook)
    notebook.cells[0].source += " More text."
    assert notebook.metadata.course == committed.facts(notebook)
    notebook.cells[2].source += " "
    assert notebook.metadata.course["code"] != committed.facts(notebook)["code"]
    monkeypatch.setattr(committed.embedded, "read_card", lambda: {"sha256": "of other weights"})
    assert notebook.metadata.course["source"] != committed.facts(notebook)["source"]


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("raise ValueError('no\\nmore')", ["code cell 5", "ValueError: no"]),
        ("import sys; print('oh', file=sys.stderr)", ["code cell 5", "stderr", "(oh)"]),
        ("import os; os._exit(3)", ["lost its kernel"]),
    ],
)
def test_a_run_that_goes_wrong_leaves_the_file_as_it_was(stored, cell, words):
    path = stored(cell)
    before = path.read_bytes()
    with complains(NotebookFailed, path.name, *words):
        committed.rewrite(path)
    assert path.read_bytes() == before and len(list(path.parent.iterdir())) == 1


def test_what_somebody_saved_during_the_run_is_kept(stored):
    path = stored()
    with complains(NotebookFailed, "was changed while it ran"):
        committed.rewrite(path, lambda: path.write_text("mine", "utf-8"))
    assert path.read_text("utf-8") == "mine"


def test_a_file_that_is_not_there_is_named(tmp_path):
    with complains(NotebookFailed, "09_none.ipynb"):
        execution.read_notebook(tmp_path / "09_none.ipynb")


def test_the_kernel_is_this_python_whatever_is_installed_elsewhere(tmp_path, small_notebook, monkeypatch):
    spec = tmp_path / "share" / "kernels" / "python3"
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text('{"argv": ["no-such-python"], "display_name": "x", "language": "python"}')
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "share"))
    path = tmp_path / "00_small.ipynb"
    nbformat.write(small_notebook(), path)
    run = execution.run_notebook(path, {"SOURCE": "other"})
    assert run.notebook.cells[3].outputs[0].text == f"other False {sys.executable}\n"
