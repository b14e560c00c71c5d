"""Files of word vectors: every form that their authors write, read once, and what is wrong with one in a sentence."""

import gzip
import io
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from helpers import complains

from course_utils.errors import DamagedFile, SourceUnavailable
from course_utils.texts import vector_files
from course_utils.words import VECTOR_FILES, load_vectors

TABLE = {"red": (1, 0.5, -2), "blue": (1, 0.4, -1.5), "one": (-3, 2e-2, 0), "\x85": (0, 0, 1)}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    """An empty cache, whose folder is returned."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def text(table=TABLE, end="\n"):
    return "".join(f"{word} {' '.join(map(str, numbers))}{end}" for word, numbers in table.items())


def binary(table=TABLE, end=b""):
    rows = [word.encode() + b" " + np.array(numbers, "<f4").tobytes() + end for word, numbers in table.items()]
    return f"{len(table)} 3\n".encode() + b"".join(rows)


def archive(**files):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as one:
        for name, content in files.items():
            one.writestr(f"{name}.txt", content)
    return packed.getvalue()


def tar(mode):
    packed, told = io.BytesIO(), tarfile.TarInfo("vectors.txt")
    content = "4 3\n" + text()
    told.size = len(content)
    with tarfile.open(fileobj=packed, mode=mode) as one:
        one.addfile(told, io.BytesIO(content.encode()))
    return packed.getvalue()


FORMS = {
    "GloVe's": ("glove.6B.txt", text()),
    "word2vec's text": ("mine.txt", "4 3\n" + text()),
    "fastText's, with a blank at each line's end": ("wiki.vec", "4 3\n" + text(end=" \n")),
    "Windows' line ends": ("mine.txt", text(end="\r\n")),
    "Windows' mark of UTF-8": ("mine.txt", b"\xef\xbb\xbf" + text().encode()),
    "tabs": ("mine.txt", text().replace(" ", "\t")),
    "a tab after the word": ("mine.txt", "".join(line.replace(" ", "\t", 1) for line in text().splitlines(True))),
    "tabs, with a first line": ("mine.vec", "4\t3\n" + text().replace(" ", "\t")),
    "a first line with tabs, blanks else": ("mine.vec", "4\t3\n" + text()),
    "Windows' mark of UTF-8 and a first line": ("mine.vec", b"\xef\xbb\xbf4 3\r\n" + text(end="\r\n").encode()),
    "word2vec's binary": ("google.bin", binary()),
    "word2vec's binary with line ends": ("google.bin", binary(end=b"\n")),
    "binary with the ending of a text": ("google.txt", binary()),
    "GloVe's, gzip": ("glove.txt.gz", gzip.compress(text().encode())),
    "binary, gzip": ("GoogleNews.BIN.GZ", gzip.compress(binary())),
    "GloVe's, zip": ("glove.840B.zip", archive(glove=text())),
    "fastText's, zip": ("wiki.vec.zip", archive(wiki="4 3\n" + text())),
}


def written(folder, name, content):
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read_as_its_authors_meant(tmp_path, form, capsys):
    path = written(tmp_path, *FORMS[form])
    for _ in range(2):  # from the file, and from the cache
        found = load_vectors(str(path))
        assert found.words == tuple(TABLE)
        np.testing.assert_allclose(found.vectors, list(TABLE.values()), rtol=1e-6)
        assert found.vectors.dtype == np.float32 and not found.vectors.flags.writeable
    assert isinstance(found.vectors.base, np.memmap)
    name = path.name.split(".")[0]
    assert found.name == name and capsys.readouterr().out == 2 * f"{name}: 4 words in 3 dimensions, from {path}.\n"


@pytest.mark.parametrize("header", ["", "6 3\n"])
def test_words_that_are_no_text_or_stand_there_before_are_left_out_and_counted(tmp_path, capsys, header):
    found = load_vectors(
        written(tmp_path, "a.txt", header.encode() + b"caf\xe9 1 2 3\n" + (text() + "red 9 9 9\n").encode())
    )
    assert found.words == tuple(TABLE)
    np.testing.assert_allclose(found.vectors, list(TABLE.values()), rtol=1e-6)
    assert "a.txt: 2 of its 6 words were left out" in capsys.readouterr().out


@pytest.mark.parametrize(
    "words",
    [
        ("red", ". . .", "at name@domain.com", "blue"),  # as glove.840B has them
        (". . .", "red", "blue", "one"),  # in the very first line
        ("new york", "route 66", "2 001", "a  b"),  # a file of phrases
        ("1", "2", "0.5", "-3e2"),  # numbers as words
        ("<unk>", "\xa0", "\u2028", "\x1c"),  # line ends and blanks to Python, and none to GloVe
    ],
)
def test_a_word_is_all_that_stands_before_the_numbers(tmp_path, words):
    table = dict(zip(words, TABLE.values(), strict=True))
    for k, content in enumerate((text(table), "4 3\n" + text(table))):
        found = load_vectors(written(tmp_path, f"{k}.txt", content))
        assert found.words == words
        np.testing.assert_allclose(found.vectors, list(TABLE.values()), rtol=1e-6)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (text()[:-6], "Line 4 of {} does not end"),
        (text()[:-1], "Line 4 of {} does not end"),
        (text() + "last 1 2\n", "Line 5 of {} is not a word and 3 numbers"),
        (text() + "last 1.5 2 3 4\n", "Line 5 of {} is not a word and 3 numbers"),
        (text() + "last 1\n", "Line 5"),
        (text() + " 1 2 3\n", "Line 5"),
        (text() + "last 1 2 nan\n", "Line 5 of {} holds a number that is not finite"),
        (text() + "last 1 1e39 3\n", "Line 5 of {} holds a number that is not finite"),
        (text() + "last 1 2 three\n", "Line 5"),
        (text() + "\n", "Line 5"),
        (
            text() + "# the end\n",
            "Line 5 of {} is not a word and 3 numbers, as the others are: put a whole copy in its "
            "place, or take the line out if it is no word's",
        ),
        ("0.1 0.2 0.3\n0.4 0.5 0.6\n", "holds numbers without the words"),
        ("0.1\t0.2\t0.3\n0.4\t0.5\t0.6\n", "holds numbers without the words"),
        (tar("w:"), "is a tar archive: unpack it"),
        (tar("w:gz"), "is a tar archive: unpack it"),
        ("red 1 2\n" + text(), "Line 1"),
        ("5 3\n" + text(), "holds 5 words, and it holds 4"),
        ("3 3\n" + text(), "holds 3 words, and it holds 4"),
        ("4 3\n" + text() + "last 1 2\n", "Line 6"),
        (b"caf\xe9 1 2 3\nth\xe9 1 2 3\n", "holds no word that is text in UTF-8"),
        (text().encode("utf-16"), "no file of word vectors"),
        ("", "no file of word vectors"),
        ("0 3\n", "no file of word vectors"),
        ("<html>\n<p>Not here</p>\n", "no file of word vectors"),
        ("<!DOCTYPE html public>\n", "no file of word vectors"),
        (bytes(range(256)) * 40, "no file of word vectors"),
        (binary()[:-1], "ends within its word 4 of 4"),
        (binary()[:-13], "ends within its word 4 of 4"),
        (binary() + b"more", "holds more than the 4 words"),
        (binary({"red": (1, 2, np.inf)}), "Word 1 of {} holds a number that is not finite"),
        (binary({"red": (1, 2, 3)}).replace(b"red", b"r\xe9d"), "holds no word that is text in UTF-8"),
        (gzip.compress(binary(), mtime=0)[:-9], "cannot be unpacked to its end"),
        (gzip.compress(text().encode(), mtime=0)[:9] + b"x" * 30, "cannot be unpacked to its end"),
        (archive(a=text())[:-30], "cannot be unpacked to its end"),
        (archive(a=text(), b=text()), "holds 2 files, and one is expected"),
        (archive(), "no file of word vectors"),
        (b"\xba\x16\x4f\x2f\x0c\0\0\0", "a model of fastText's"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else "bytes",
)
def test_what_is_wrong_is_told_in_one_sentence_and_nothing_is_kept(tmp_path, own_cache, content, said):
    path = written(tmp_path, "mine.txt", content)
    for _ in range(2):
        with complains(DamagedFile, str(path), said.format(path)):
            load_vectors(path)
    assert not own_cache.exists() or not list(own_cache.iterdir())


def test_a_locked_archive_is_told(tmp_path):
    locked = bytearray(archive(a=text()))
    for header, at in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[locked.index(header) + at] |= 1  # the flag that says so
    with complains(DamagedFile, "needs another program", "unpack it"):
        load_vectors(written(tmp_path, "mine.zip", bytes(locked)))


def test_what_is_not_there_or_is_a_folder_is_told(tmp_path, monkeypatch):
    with complains(SourceUnavailable, "none.txt", "check the path"):
        load_vectors(tmp_path / "none.txt")
    (tmp_path / "folder.vec").mkdir()
    with complains(SourceUnavailable, "folder.vec", "check the path"):
        load_vectors(tmp_path / "folder.vec")
    monkeypatch.setenv("HOME", str(tmp_path))
    written(tmp_path, "mine.txt", text())
    assert load_vectors("~/mine.txt").words == tuple(TABLE)


def test_every_ending_is_taken_for_a_file(tmp_path):
    for ending in VECTOR_FILES:
        assert load_vectors(written(tmp_path, f"mine{ending}", text())).words == tuple(TABLE)


def test_a_file_is_parsed_once(tmp_path, monkeypatch):
    path = written(tmp_path, "mine.txt", text())
    load_vectors(path)
    monkeypatch.setattr(vector_files, "text_rows", lambda *_: pytest.fail("parsed again"))
    assert load_vectors(path).words == tuple(TABLE)
    moved = path.rename(tmp_path / "moved.txt")
    monkeypatch.undo()
    assert load_vectors(moved).words == tuple(TABLE)


def test_another_file_of_the_same_name_size_and_time_is_not_mistaken(tmp_path):
    import os

    path = written(tmp_path, "mine.txt", text())
    stamp = path.stat()
    before = load_vectors(path)
    written(tmp_path, "mine.txt", text().replace("red 1", "rad 7"))
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (stamp.st_size, stamp.st_mtime_ns)
    after = load_vectors(path)
    assert after.words[0] == "rad" and after.vectors[0, 0] == 7
    assert before.words[0] == "red" and before.vectors[0, 0] == 1


def test_words_that_are_lost_are_read_again(tmp_path, own_cache):
    path = written(tmp_path, "mine.txt", text())
    load_vectors(path)
    (lost,) = own_cache.glob("*.npz")
    lost.unlink()
    assert load_vectors(path).words == tuple(TABLE)


def test_where_nothing_can_be_kept_vectors_are_in_memory(tmp_path, own_cache):
    own_cache.write_text("a file where the folder would be")
    found = load_vectors(written(tmp_path, "mine.txt", text()))
    assert found.words == tuple(TABLE) and not found.vectors.flags.writeable
    np.testing.assert_allclose(found.vectors, list(TABLE.values()), rtol=1e-6)


PEAK = """
import sys
from course_utils.words import load_vectors

vectors = load_vectors(sys.argv[1])
print(next(int(line.split()[1]) // 1024 for line in open("/proc/self/status") if line.startswith("VmHWM")))
"""


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="no /proc to read a process's memory from")
@pytest.mark.parametrize("form", ["text", "binary"])
def test_a_large_file_takes_less_memory_than_its_numbers_and_words(tmp_path, form):
    row = np.random.default_rng(0).normal(size=50).astype("<f4")
    numbers = " ".join(f"{x:.5f}" for x in row)
    peaks = []
    for count in (10, 40_000):
        if form == "text":
            content = "".join(f"word{k} {numbers}\n" for k in range(count)).encode()
        else:
            content = f"{count} 50\n".encode() + b"".join(b"word%d %b" % (k, row.tobytes()) for k in range(count))
        path = written(tmp_path, f"of {count}.txt", content)
        done = subprocess.run([sys.executable, "-c", PEAK, path], capture_output=True, text=True, check=True)
        peaks.append(int(done.stdout.split()[-1]))
    assert peaks[1] - peaks[0] < 15, peaks  # so that ten times as many, as GloVe has, take less than 150 MB
