"""Whatever was handed in: a notebook that can be graded, a note, and the original kept."""

import json
import os
import random

import nbformat
import pytest
from grading_helpers import RIGHT, notebook
from nbformat.v4 import new_notebook

from course_utils.grading.intake import KEPT, take_in
from course_utils.grading.states import State, read_notes

TEXT = nbformat.writes(notebook(RIGHT))
VERSION_3 = json.dumps({
    "nbformat": 3, "nbformat_minor": 0, "metadata": {"name": "old"},
    "worksheets": [{"metadata": {}, "cells": [{"cell_type": "code", "input": ["x = 1"], "outputs": [],
                                               "language": "python", "metadata": {}, "collapsed": False}]}],
})  # fmt: skip
UNREADABLE = {
    "empty": b"",
    "cut off": TEXT[:200].encode(),
    "no JSON": b"\x89PNG\r\n\x1a\n" + bytes(range(256)),
    "another JSON": b"[1, 2]",
    "a number": b"7",
    "no cells": b'{"nbformat": 4}',
    "nested": b"[" * 200_000,
    "a strange cell": b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "x"}]}',
}


def handed_in(tmp_path, content, name="ps"):
    (tmp_path / f"{name}.ipynb").write_bytes(content)
    return take_in(tmp_path, "ps")


def read(tmp_path):
    return nbformat.read(tmp_path / "ps.ipynb", as_version=4)


def test_a_notebook_in_order_is_left_as_it_is(tmp_path):
    assert handed_in(tmp_path, TEXT.encode()) == []
    assert (tmp_path / "ps.ipynb").read_text("utf-8") == TEXT and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("what", UNREADABLE)
def test_what_cannot_be_read_becomes_an_empty_notebook_and_is_kept(tmp_path, what):
    (note,) = handed_in(tmp_path, UNREADABLE[what])
    assert note.says.startswith("Nothing could be graded") and "\n" not in note.says and note.state is State.UNREADABLE
    assert read_notes(read(tmp_path)) == [note] and read(tmp_path).cells == []
    assert (tmp_path / f"ps.ipynb{KEPT}").read_bytes() == UNREADABLE[what]


def test_nothing_at_all(tmp_path):
    (note,) = take_in(tmp_path, "ps")
    assert "no notebook 'ps.ipynb'" in note.says and read_notes(read(tmp_path)) == [note]


def test_too_large(tmp_path, monkeypatch):
    monkeypatch.setattr("course_utils.grading.intake.LARGEST", 1 << 20)
    (note,) = handed_in(tmp_path, TEXT.encode() + b" " * (1 << 20))
    assert "larger than 1 MB" in note.says


def test_files_that_are_too_large_are_set_aside_and_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("course_utils.grading.intake.LARGEST_IN_ALL", 20_000)
    folder = tmp_path / "ps"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "big.bin").write_bytes(b"x" * 30_000)
    (folder / "small.csv").write_text("1,2")
    (note,) = handed_in(folder, TEXT.encode())
    assert note.state is State.REPAIRED and "'big.bin' was set aside" in note.says
    assert (tmp_path / "ps.set-aside" / "deep" / "big.bin").stat().st_size == 30_000
    assert not (folder / "deep" / "big.bin").exists() and (folder / "small.csv").exists()


def test_what_stands_where_the_assignment_has_a_file_makes_way(tmp_path):
    (tmp_path / "factor.txt").mkdir()
    (tmp_path / "factor.txt" / "mine").write_text("1")
    (tmp_path / "data").write_text("2")
    (tmp_path / "ps.ipynb").write_text(TEXT)
    notes = take_in(tmp_path, "ps", ["ps"], ["factor.txt", "data/deep/a.csv", "data/b.csv"])
    assert [note.says.split()[0] for note in notes] == ["'factor.txt'", "'data'"]
    assert not (tmp_path / "factor.txt").exists() and not (tmp_path / "data").exists()
    assert (tmp_path / f"factor.txt{KEPT}" / "mine").exists() and (tmp_path / f"data{KEPT}").read_text() == "2"
    assert take_in(tmp_path, "ps", ["ps"], ["factor.txt"]) == []


@pytest.mark.parametrize("time", [b"But I want to be a time", b"\xff\xfe", b"9" * 500, b"2030-13-45 UTC"])
def test_a_time_of_handing_in_that_cannot_be_read_is_said(tmp_path, time):
    (tmp_path / "timestamp.txt").write_bytes(time)
    (note,) = handed_in(tmp_path, TEXT.encode())
    assert "nobody knows whether it was late" in note.says and note.state is State.REPAIRED
    assert not (tmp_path / "timestamp.txt").exists()


@pytest.mark.parametrize("time", ["", "2030-05-01 12:00:00 UTC", "2030-05-01 12:00:00.123 America/Los_Angeles"])
def test_a_time_that_nbgrader_reads_stays(tmp_path, time):
    (tmp_path / "timestamp.txt").write_text(time)
    assert handed_in(tmp_path, TEXT.encode()) == [] and (tmp_path / "timestamp.txt").read_text() == time


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
def test_a_pipe_is_no_notebook_and_nobody_waits_for_it(tmp_path):
    os.mkfifo(tmp_path / "ps.ipynb")
    (note,) = take_in(tmp_path, "ps")
    assert "no notebook 'ps.ipynb'" in note.says


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_other_encodings_are_read(tmp_path, encoding):
    text = TEXT.replace("setup", "sétup") if encoding == "cp1252" else TEXT
    (note,) = handed_in(tmp_path, text.encode(encoding))
    assert encoding in note.says and len(read(tmp_path).cells) == len(notebook(RIGHT).cells)


def test_an_old_format_is_brought_up(tmp_path):
    (note,) = handed_in(tmp_path, VERSION_3.encode())
    assert "format 3" in note.says and read(tmp_path).cells[0].source == "x = 1"


@pytest.mark.parametrize("name", ["ps (1)", "PS", "my answers"])
def test_another_name_is_taken_where_there_is_one_notebook_only(tmp_path, name):
    (note,) = handed_in(tmp_path, TEXT.encode(), name)
    assert name in note.says and len(read(tmp_path).cells) == len(notebook(RIGHT).cells)
    assert (tmp_path / f"{name}.ipynb{KEPT}").is_file()


def test_of_two_notebooks_with_other_names_none_is_guessed(tmp_path):
    (tmp_path / "b.ipynb").write_text(TEXT)
    (note,) = handed_in(tmp_path, TEXT.encode(), "a")
    assert "no notebook 'ps.ipynb'" in note.says and (tmp_path / "b.ipynb").read_text() == TEXT


def test_links_are_taken_away_and_lead_nowhere(tmp_path):
    secret, folder = tmp_path / "secret", tmp_path / "in"
    (folder / "deep").mkdir(parents=True)
    secret.write_text(TEXT)
    (folder / "ps.ipynb").symlink_to(secret)
    (folder / "deep" / "data").symlink_to(tmp_path)
    notes = take_in(folder, "ps")
    assert len(notes) == 3 and "no notebook" in notes[-1].says
    assert not [path for path in folder.rglob("*") if path.is_symlink()] and secret.read_text() == TEXT


@pytest.mark.parametrize("seed", range(200))
def test_damage_at_random_never_raises(tmp_path, seed):
    rng, raw = random.Random(seed), bytearray(TEXT.encode())
    for _ in range(rng.randint(1, 30)):
        k = rng.randrange(len(raw))
        raw[k : k + rng.randint(0, 3)] = rng.randbytes(rng.randint(0, 3))
    handed_in(tmp_path, bytes(raw))
    nbformat.validate(read(tmp_path))
    assert isinstance(read(tmp_path), type(new_notebook()))
