"""The progress bar: on stderr in a terminal, in one updated output in a notebook, and nowhere after a moment's work."""

import os
import re
import subprocess
import sys

import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell, new_notebook

SLOW = "import time\nfrom course_utils.progress import bar\n"
CELLS = {
    "iterable": SLOW + "for k in bar(range(6), label='probes', unit='cuts'):\n    time.sleep(0.25)\nprint(k)",
    "counted": SLOW + "b = bar(total=8, label='training')\nfor _ in range(4):\n    time.sleep(0.35)\n    b.update(2)\n"
    "b.close()\nb.close()",
    "unnamed": SLOW + "for _ in bar([1, 2]):\n    time.sleep(0.7)",
    "quick": SLOW + "print(sum(bar(range(5))))",
    "broken off": SLOW + "for k in bar(range(99), label='search'):\n    time.sleep(0.4)\n    if k == 3:\n        break",
}


@pytest.fixture(scope="module")
def notebook():
    """The outputs of the cells above, run by Jupyter, and every message that came on the way, by cell."""
    cells = {name: new_code_cell(code) for name, code in CELLS.items()}
    messages = []

    class Watching(NotebookClient):
        def process_message(self, msg, cell, cell_index):
            messages.append((cell_index, msg["msg_type"], msg["content"]))
            return super().process_message(msg, cell, cell_index)

    book = new_notebook(cells=list(cells.values()))
    Watching(book, kernel_name="python3", timeout=60).execute()
    names = list(cells)
    outputs = {name: cell.outputs for name, cell in zip(names, book.cells, strict=True)}
    return outputs, [(names[index], kind, content) for index, kind, content in messages]


def shown(outputs):
    return [output["data"]["text/plain"] for output in outputs if output.output_type == "display_data"]


@pytest.mark.long
def test_a_notebook_keeps_one_line_for_each_bar(notebook):
    outputs = notebook[0]
    for name, line in (("iterable", "probes: 6 cuts"), ("counted", "training: 8 steps"), ("unnamed", "done: 2 steps")):
        (text,) = shown(outputs[name])
        assert re.fullmatch(rf"{line} in 00:\d\d", text)
    assert [output.get("text") for output in outputs["iterable"][1:]] == ["5\n"]


def test_a_bar_that_is_broken_off_says_how_far_it_came(notebook):
    assert len(shown(notebook[0]["broken off"])) == 1
    assert "search: 3 steps" in shown(notebook[0]["broken off"])[0]


def test_the_one_output_is_updated_in_place_while_the_work_goes_on(notebook):
    updates = [
        content["data"]["text/plain"]
        for name, kind, content in notebook[1]
        if name == "counted" and kind == "update_display_data"
    ]
    assert any("training" in text and "/8" in text and "%" in text for text in updates[:-1])
    assert updates[-1] == shown(notebook[0]["counted"])[0]


def test_quick_work_leaves_no_bar_behind(notebook):
    (only,) = notebook[0]["quick"]
    assert (only.output_type, only.text) == ("stream", "10\n")


def test_nothing_goes_to_stderr_in_a_notebook(notebook):
    outputs, messages = notebook
    assert {output.get("name") for cell in outputs.values() for output in cell} <= {"stdout", None}
    assert not [content for _, kind, content in messages if kind == "stream" and content["name"] == "stderr"]


@pytest.mark.parametrize("name, wanted", [("iterable", b"probes"), ("counted", b"training"), ("quick", None)])
def test_a_terminal_shows_the_bar_and_clears_it(name, wanted):
    termios = pytest.importorskip("termios", reason="there are no pseudo-terminals here")
    ours, theirs = os.openpty()
    termios.tcsetwinsize(theirs, (24, 80))
    process = subprocess.Popen([sys.executable, "-c", CELLS[name]], stdout=subprocess.PIPE, stderr=theirs)
    out = process.communicate()[0]
    os.close(theirs)
    seen = b""
    try:
        while part := os.read(ours, 65536):
            seen += part
    except OSError:  # the end, as a terminal tells it
        pass
    os.close(ours)
    assert process.returncode == 0 and b"probes" not in out and b"training" not in out
    if wanted is None:
        assert seen.strip() == b""
    else:
        assert wanted in seen and b"%" in seen and b"\n" not in seen
        assert seen.rsplit(b"\r", 2)[-2].strip() == b""  # overwritten with blanks at the end


def test_a_bar_hands_on_what_it_counts():
    from course_utils.progress import bar

    assert list(bar(iter("abc"))) == ["a", "b", "c"]
    with bar(total=3) as counted:
        counted.update(2)
        assert counted.n == 2
