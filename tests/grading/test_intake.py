"""Whatever was handed in: a notebook that can be graded, a note, and not a byte of it changed."""

import io
import json
import os
import random
import tarfile
import zipfile

import nbformat
import pytest
from grading_helpers import RIGHT, notebook

from course_utils.grading.intake import finding, lenient
from course_utils.grading.intake.take_in import take_in
from course_utils.grading.states import State, read_notes, worst

TEXT = nbformat.writes(notebook(RIGHT))
VERSION_3 = json.dumps({
    "nbformat": 3, "nbformat_minor": 0, "metadata": {"name": "old"},
    "worksheets": [{"metadata": {}, "cells": [{"cell_type": "code", "input": ["x = 1"], "outputs": [],
                                               "language": "python", "metadata": {}, "collapsed": False}]}],
})  # fmt: skip
STUB = {
    "double": "# YOUR CODE HERE\nraise NotImplementedError()",
    "value": "# YOUR CODE HERE\nraise NotImplementedError()",
}
FORM = notebook(STUB)
BLANK = nbformat.writes(FORM)
OTHER = nbformat.writes(notebook({"double": "def double(x):\n    return x", "value": RIGHT["value"]}))


def handed_in(folder, **files):
    """Take in files by name ("ps" stands for ps.ipynb); the folder of what was made of them, and the notes."""
    folder = folder / "submitted"
    for name, content in files.items():
        file = folder / (f"{name}.ipynb" if "." not in name else name)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
    folder.mkdir(parents=True, exist_ok=True)
    return taken(folder)


def taken(folder, own=()):
    """The notes of `take_in`, and the notebook; what was handed in stays as it was."""
    before = {path: path.is_file() and not path.is_symlink() and path.read_bytes() for path in folder.rglob("*")}
    into = folder.with_name("into")
    notes = take_in(folder, into, {"ps": FORM}, own)
    assert before == {
        path: path.is_file() and not path.is_symlink() and path.read_bytes() for path in folder.rglob("*")
    }
    read = nbformat.read(into / "ps.ipynb", as_version=4)
    nbformat.validate(read)
    assert read_notes(read) == list(dict.fromkeys(notes))
    assert not [path for path in into.rglob("*") if path.is_symlink()]
    return notes, read


def sources(read):
    return [cell.source for cell in read.cells]


RIGHT_SOURCES = sources(notebook(RIGHT))


def test_a_notebook_in_order_needs_no_note(tmp_path):
    notes, read = handed_in(tmp_path, ps=TEXT)
    assert notes == [] and sources(read) == RIGHT_SOURCES
    assert [cell.metadata for cell in read.cells] == [cell.metadata for cell in notebook(RIGHT).cells]


UNREADABLE = {
    "empty": (b"", "is empty"),
    "cut off": (TEXT[:200].encode(), "no JSON from line"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "is a picture"),
    "a page": (b"<!doctype html><p>Sign in", "is a web page"),
    "a merge": (TEXT.replace("\n", "\n<<<<<<< HEAD\n", 1).encode(), "a merge that was left unfinished"),
    "another JSON": (b"[1, 2]", "holds a list and no notebook"),
    "a number": (b"7", "holds a int and no notebook"),
    "no cells": (b'{"nbformat": 4}', "no list of cells"),
    "nested": (b"[" * 200_000, "nested too deeply"),
    "a cell that is none": (
        b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": "x"}, 3]}',
        "its cell 2 is a int",
    ),
    "a text that is none": (b'{"cells": [{"cell_type": "code", "source": {"a": 1}}]}', "in its cell 1, where the text"),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_cannot_be_read_is_said_with_its_reason(tmp_path, what):
    content, why = UNREADABLE[what]
    (note,), read = handed_in(tmp_path, ps=content)
    assert note.says.startswith("Nothing could be graded: 'ps.ipynb' cannot be read") and why in note.says
    assert "\n" not in note.says and note.state is State.UNREADABLE and read.cells == []


def test_nothing_at_all_and_what_was_there_instead(tmp_path):
    (note,), _ = handed_in(tmp_path / "a")
    assert "no notebook 'ps.ipynb'" in note.says and "no file" in note.says
    (note,), _ = handed_in(tmp_path / "b", **{"answers.docx": "x", "timestamp.txt": "2030-05-01 12:00:00 UTC"})
    assert "'answers.docx'" in note.says and "timestamp" not in note.says and note.state is State.UNREADABLE


def change(make):
    told = json.loads(TEXT)
    make(told)
    return json.dumps(told)


def each(told, act):
    for cell in told["cells"]:
        act(cell)


SLIPS = {  # small departures from the format that real tools make
    "ids in format 4.4": lambda told: told.update(nbformat_minor=4),
    "no execution_count": lambda told: each(told, lambda cell: cell.pop("execution_count")),
    "no outputs": lambda told: each(told, lambda cell: cell.pop("outputs")),
    "an extra key": lambda told: each(told, lambda cell: cell.update(collapsed=False, editor={"x": 1})),
    "no ids": lambda told: each(told, lambda cell: cell.pop("id")),
    "equal ids": lambda told: each(told, lambda cell: cell.update(id="same")),
    "ids that are numbers": lambda told: each(told, lambda cell: cell.update(id=7)),
    "metadata that is null": lambda told: told.update(metadata=None),
    "no metadata": lambda told: told.pop("metadata"),
    "no minor version": lambda told: told.pop("nbformat_minor"),
    "no version": lambda told: told.pop("nbformat"),
    "a later minor version": lambda told: told.update(nbformat_minor=9),
    "outputs of no kind": lambda told: each(told, lambda cell: cell.update(outputs=[{"output_type": "widget"}, 3])),
    "half an emoji in an output": lambda told: each(told, lambda cell: cell.update(outputs=[{"text": "\ud83d"}])),
    "a number that Python refuses": lambda told: each(told, lambda cell: cell.update(outputs=[int("9" * 4000)])),
    "NaN in an output": lambda told: each(told, lambda cell: cell.update(outputs=[float("nan")])),
    "lines without ends": lambda told: each(
        told, lambda cell: cell.update(source=[line.rstrip("\n") for line in cell["source"]])
    ),
    "one text": lambda told: each(told, lambda cell: cell.update(source="".join(cell["source"]))),
    "a count that is text": lambda told: each(told, lambda cell: cell.update(execution_count="*")),
    "tags that are none": lambda told: each(told, lambda cell: cell["metadata"].update(tags="hide")),
    "a kernel that is none": lambda told: told.update(metadata={"kernelspec": "python"}),
    "widgets of the notebook": lambda told: told.update(metadata={"widgets": {"a": "\ud83d"}}),
}


@pytest.mark.parametrize("slip", SLIPS)
def test_small_departures_from_the_format_are_read_as_they_are_meant(tmp_path, slip):
    notes, read = handed_in(tmp_path, ps=change(SLIPS[slip]))
    assert notes == [] and sources(read) == RIGHT_SOURCES
    assert [cell.metadata.nbgrader.grade_id for cell in read.cells] == [
        c.metadata.nbgrader.grade_id for c in FORM.cells
    ]


def test_half_an_emoji_is_replaced_and_two_halves_are_one(tmp_path):
    text = change(lambda told: told["cells"][1].update(source="x = '\ud83d'  # \ud83d\ude00"))
    (note,), read = handed_in(tmp_path, ps=text)
    assert "cell 2" in note.says and note.state is State.REPAIRED and read.cells[1].source == "x = '\ufffd'  # 😀"


@pytest.mark.parametrize("kind", ["sql", [], {}, 3, None])
def test_a_cell_of_a_kind_that_nobody_knows_is_kept_as_text(tmp_path, kind):
    (note,), read = handed_in(tmp_path, ps=change(lambda told: told["cells"][0].update(cell_type=kind)))
    assert "Cell 1" in note.says and read.cells[0].cell_type == "raw"


@pytest.mark.parametrize("level, marks", [(2, "##"), (2.0, "#"), ([], "#"), (9, "#"), (None, "#")])
def test_a_heading_of_an_old_format_is_a_text(tmp_path, level, marks):
    cell = {"cell_type": "heading", "level": level, "source": "Part"}
    sheets = [{"cells": [cell]}, {"cells": 5}, {"cells": None}, 7]
    _, read = handed_in(tmp_path, ps=json.dumps({"nbformat": 3, "worksheets": sheets}))
    assert read.cells[0].cell_type == "markdown" and read.cells[0].source == f"{marks} Part"


def test_outputs_of_any_size_are_dropped_and_not_the_student(tmp_path):
    picture = {"output_type": "display_data", "data": {"image/png": "A" * (70 << 20)}, "metadata": {}}
    notes, read = handed_in(tmp_path, ps=change(lambda told: told["cells"][1].update(outputs=[picture])))
    assert notes == [] and sources(read) == RIGHT_SOURCES


def test_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr(lenient, "LARGEST", 1 << 20)
    monkeypatch.setattr(finding, "LARGEST", 1 << 21)
    (note,), _ = handed_in(tmp_path, ps=TEXT + " " * (1 << 20))
    assert "larger than 1 MB" in note.says


def test_files_that_are_too_large_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(finding, "LARGEST_IN_ALL", 20_000)
    (note,), _ = handed_in(tmp_path, ps=TEXT, **{"deep/big.bin": b"x" * 30_000, "small.csv": "1,2"})
    assert note.state is State.REPAIRED and "'big.bin' was left out" in note.says
    assert (tmp_path / "into" / "small.csv").exists() and not (tmp_path / "into" / "deep").exists()


def test_what_stands_where_the_assignment_has_a_file_is_left_out(tmp_path):
    folder = tmp_path / "submitted"
    (folder / "factor.txt").mkdir(parents=True)
    (folder / "factor.txt" / "mine").write_text("1")
    (folder / "data").write_text("2")
    (folder / "ps.ipynb").write_text(TEXT)
    notes, _ = taken(folder, ["factor.txt", "data/deep/a.csv", "data/b.csv"])
    assert [note.says.split()[0] for note in notes] == ["'data'", "'factor.txt/mine'"]
    assert [path.name for path in (tmp_path / "into").iterdir()] == ["ps.ipynb"]


@pytest.mark.parametrize("time", [b"But I want to be a time", b"\xff\xfe", b"9" * 500, b"2030-13-45 UTC"])
def test_a_time_of_handing_in_that_cannot_be_read_is_said(tmp_path, time):
    (note,), _ = handed_in(tmp_path, ps=TEXT, **{"timestamp.txt": time})
    assert "nobody knows whether it was late" in note.says and note.state is State.REPAIRED
    assert not (tmp_path / "into" / "timestamp.txt").exists()


@pytest.mark.parametrize("time", ["", "2030-05-01 12:00:00 UTC", "2030-05-01 12:00:00.123 America/Los_Angeles"])
def test_a_time_that_nbgrader_reads_stays(tmp_path, time):
    notes, _ = handed_in(tmp_path, ps=TEXT, **{"timestamp.txt": time})
    assert notes == [] and (tmp_path / "into" / "timestamp.txt").read_text() == time


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_no_notebook_and_nobody_waits_for_it(tmp_path):
    (tmp_path / "submitted").mkdir()
    os.mkfifo(tmp_path / "submitted" / "ps.ipynb")
    (note,), _ = taken(tmp_path / "submitted")
    assert "no notebook 'ps.ipynb'" in note.says


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_other_encodings_are_read(tmp_path, encoding):
    text = TEXT.replace("setup", "sétup") if encoding == "cp1252" else TEXT
    (note,), read = handed_in(tmp_path, ps=text.encode(encoding))
    assert encoding in note.says and sources(read) == RIGHT_SOURCES


def test_an_old_format_is_brought_up(tmp_path):
    (note,), read = handed_in(tmp_path, ps=VERSION_3)
    assert "format 3" in note.says and read.cells[0].source == "x = 1"


PLACES = [
    "ps (1).ipynb",
    "PS.ipynb",
    "my answers.ipynb",
    "ps.ipynb.ipynb",
    "ps.ipynb.txt",
    "ps/ps.ipynb",
    "a/b/ps.IPYNB",
]


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("blank", [False, True])
def test_the_answered_notebook_is_found_wherever_it_is(tmp_path, place, blank):
    notes, read = handed_in(tmp_path, **{place: TEXT} | ({"ps.ipynb": BLANK} if blank else {}))
    assert sources(read) == RIGHT_SOURCES and worst(notes) is State.REPAIRED
    assert f"'{place}' was graded" in notes[0].says and ("is blank" in notes[0].says) == blank


def zipped(**files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()


def tarred(name, content):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as archive:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content.encode()))
    return made.getvalue()


@pytest.mark.parametrize("name", ["work.zip", "ps.ipynb"])
def test_it_is_found_in_an_archive_with_what_lies_beside_it(tmp_path, name):
    inside = {"ps1/ps.ipynb": TEXT, "ps1/helper.py": "x = 1", "__MACOSX/ps1/._ps.ipynb": "\0"}
    notes, read = handed_in(tmp_path, **{name: zipped(**inside)})
    assert sources(read) == RIGHT_SOURCES and "'ps1/ps.ipynb' was graded" in notes[0].says
    assert (tmp_path / "into" / "helper.py").read_text() == "x = 1"


def test_it_is_found_in_a_tar_archive(tmp_path):
    _, read = handed_in(tmp_path, **{"work.tar.gz": tarred("ps.ipynb", TEXT)})
    assert sources(read) == RIGHT_SOURCES


def test_archives_lead_nowhere_else_and_are_limited(tmp_path, monkeypatch):
    inside = {"../../escaped.py": "1", "/etc/absolute.py": "2", "n" * 300 + ".py": "3", "ps.ipynb": TEXT}
    notes, read = handed_in(tmp_path, **{"a.zip": zipped(**inside), "b.zip": b"PK\x03\x04 and nothing else"})
    assert not (tmp_path / "escaped.py").exists() and (tmp_path / "into" / "escaped.py").exists()
    assert (tmp_path / "into" / "etc" / "absolute.py").exists() and sources(read) == RIGHT_SOURCES
    assert any("'b.zip' could not be opened" in note.says for note in notes)
    monkeypatch.setattr(finding, "LARGEST_IN_ALL", 1 << 20)
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.bin", b"0" * (2 << 20))
    notes, _ = handed_in(tmp_path / "bomb", **{"bomb.zip": made.getvalue(), "ps.ipynb": TEXT})
    assert "could not be opened" in notes[0].says and not (tmp_path / "bomb" / "into" / "bomb.bin").exists()


def test_where_two_have_other_answers_a_person_is_asked(tmp_path):
    (note,), read = handed_in(tmp_path / "a", ps=TEXT, **{"ps-Copy1.ipynb": OTHER})
    assert note.state is State.LOOK and "other answers in 'ps-Copy1.ipynb'" in note.says
    assert sources(read) == RIGHT_SOURCES
    notes, _ = handed_in(tmp_path / "b", **{"one.ipynb": OTHER, "two.ipynb": TEXT})
    assert worst(notes) is State.LOOK
    assert handed_in(tmp_path / "c", ps=TEXT, **{"ps-Copy1.ipynb": TEXT, "ps-Copy2.ipynb": BLANK})[0] == []


def test_one_that_goes_on_from_the_other_is_taken(tmp_path):
    half = nbformat.writes(notebook(RIGHT | {"value": "pass  # an older stub\nraise NotImplementedError('later')"}))
    notes, read = handed_in(tmp_path, ps=half, **{"ps-Copy1.ipynb": TEXT})
    assert sources(read) == RIGHT_SOURCES and worst(notes) is State.REPAIRED and "less complete" in notes[0].says


def test_a_checkpoint_is_no_answer(tmp_path):
    notes, read = handed_in(tmp_path, ps=BLANK, **{".ipynb_checkpoints/ps-checkpoint.ipynb": TEXT})
    assert notes == [] and sources(read) == sources(FORM)


def test_one_that_can_be_read_stands_in_for_one_that_cannot(tmp_path):
    notes, read = handed_in(tmp_path, ps=b"", **{"ps-Copy1.ipynb": TEXT})
    assert sources(read) == RIGHT_SOURCES and "is unreadable" in notes[0].says


def test_of_several_notebooks_each_is_found_by_its_cells(tmp_path):
    other = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("only = 'here'")])
    other.cells[0].metadata.nbgrader = FORM.cells[1].metadata.nbgrader | {"grade_id": "only"}
    folder = tmp_path / "submitted"
    folder.mkdir()
    (folder / "first.ipynb").write_text(nbformat.writes(other))
    (folder / "second.ipynb").write_text(TEXT)
    take_in(folder, tmp_path / "into", {"ps": FORM, "extra": other})
    assert sources(nbformat.read(tmp_path / "into" / "ps.ipynb", 4)) == RIGHT_SOURCES
    assert sources(nbformat.read(tmp_path / "into" / "extra.ipynb", 4)) == ["only = 'here'"]


def test_links_are_left_out_and_lead_nowhere(tmp_path):
    secret, folder = tmp_path / "secret", tmp_path / "submitted"
    (folder / "deep").mkdir(parents=True)
    secret.write_text(TEXT)
    (folder / "ps.ipynb").symlink_to(secret)
    (folder / "deep" / "data").symlink_to(tmp_path)
    notes, _ = taken(folder)
    assert len(notes) == 3 and "no notebook" in notes[-1].says and secret.read_text() == TEXT


@pytest.mark.parametrize("seed", range(200))
def test_damage_at_random_never_raises(tmp_path, seed):
    rng, raw = random.Random(seed), bytearray(TEXT.encode())
    for _ in range(rng.randint(1, 30)):
        k = rng.randrange(len(raw))
        raw[k : k + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
    handed_in(tmp_path, ps=bytes(raw))


@pytest.mark.parametrize("place", ["", "hw/"])
def test_no_file_out_of_an_archive_says_when_it_was_handed_in(tmp_path, place):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr(f"{place}ps.ipynb", TEXT)
        archive.writestr(f"{place}timestamp.txt", "2020-01-01 12:00:00 UTC")
    handed_in(tmp_path / "a", **{"my.zip": made.getvalue()})
    assert not (tmp_path / "a" / "into" / "timestamp.txt").exists()
    handed_in(tmp_path / "b", **{"my.zip": made.getvalue(), "timestamp.txt": "2030-01-01 12:00:00 UTC"})
    assert (tmp_path / "b" / "into" / "timestamp.txt").read_text() == "2030-01-01 12:00:00 UTC"
