"""Kept results: never half a file, never another computation's, and never in the way."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from course_utils.store import cache
from course_utils.store.cache import cached_arrays, cached_table, fingerprint, results_folder

ARRAYS = {"a": np.arange(300, dtype="float32").reshape(3, 100), "b": np.array([7, 8])}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A cache of this test alone, in a folder that is not there yet."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path / "kept" / "here"))
    return tmp_path / "kept" / "here"


@pytest.fixture
def shipped(tmp_path, monkeypatch):
    """A folder for the tables that come with the course."""
    monkeypatch.setattr(cache, "files", lambda package: tmp_path / package)
    tables = tmp_path / "course_utils" / "data" / "tables"
    tables.mkdir(parents=True)
    return tables


class Compute:
    """Gives a result and counts how often it was asked for."""

    def __init__(self, result):
        self.result, self.asked = result, 0

    def __call__(self):
        self.asked += 1
        return self.result


def same(a, b):
    return a.keys() == b.keys() and all(a[k].dtype == b[k].dtype and np.array_equal(a[k], b[k]) for k in a)


def test_the_environment_names_the_folder(folder, monkeypatch, tmp_path):
    cached_arrays("key", Compute(ARRAYS))
    assert [file.name for file in folder.iterdir()] == ["key.npz"]
    monkeypatch.delenv("COURSE_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert results_folder().name == "transfer-learning-course" and results_folder() != folder


def test_arrays_are_computed_once(folder):
    compute = Compute(ARRAYS)
    assert same(cached_arrays("one", compute), ARRAYS) and same(cached_arrays("one", compute), ARRAYS)
    assert compute.asked == 1
    cached_arrays("other", compute)
    assert compute.asked == 2


def test_a_fingerprint_knows_values_types_shapes_and_order():
    a = np.arange(6.0)
    parts = [
        (a,), (a + 1e-9,), (a.astype("float32"),), (a.reshape(2, 3),), (a.reshape(3, 2),), (a, a), (a, 1), (1, a),
        (), (1,), ("1",), (1, 23), (12, 3), (123,), ([1, 2],), ([2, 1],), ({"a": 1},), ({"a": 2},), (None,), (a[:0],),
    ]  # fmt: skip
    prints = [fingerprint(*part) for part in parts]
    assert len(set(prints)) == len(parts)
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    wide = np.arange(12.0).reshape(2, 6)
    assert fingerprint(wide[:, ::2]) == fingerprint(wide[:, ::2].copy())  # not how it lies in memory


def test_a_fingerprint_takes_types_that_numpy_does_not_have():
    import ml_dtypes

    a = np.arange(6.0).astype(ml_dtypes.bfloat16)
    assert fingerprint(a) == fingerprint(a.copy()) != fingerprint(a + 1)
    assert fingerprint(a) != fingerprint(a.reshape(2, 3)) and fingerprint(a.reshape(2, 3)[:, 0]) != fingerprint(a[:2])
    assert fingerprint(np.array(3, "float32")) and fingerprint(a[:0])  # a number alone, and none at all
    assert fingerprint(np.float32(3)) == fingerprint(np.array(3, "float32")) != fingerprint(np.int64(3))


def test_a_fingerprint_is_the_same_tomorrow():
    code = "from course_utils.store.cache import fingerprint; print(fingerprint({'b': 1, 'a': [2, None]}, 'x'))"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == fingerprint({"b": 1, "a": [2, None]}, "x")


def test_any_damage_is_noticed(folder):
    cached_arrays("key", Compute(ARRAYS))
    file = folder / "key.npz"
    whole = file.read_bytes()
    rng = np.random.default_rng(0)
    for place in rng.choice(len(whole), 150, replace=False):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << rng.integers(8)
        file.write_bytes(damaged)
        assert same(cached_arrays("key", Compute(ARRAYS)), ARRAYS), f"byte {place} of {len(whole)}"
    entry = whole.index(b"PK\x01\x02")
    for place in (entry + 6, entry + 8, entry + 10):  # version, flags (encrypted), method of compression
        file.write_bytes(whole[:place] + b"\x63" + whole[place + 1 :])
        assert same(cached_arrays("key", Compute(ARRAYS)), ARRAYS), f"byte {place} of {len(whole)}"
    for length in rng.choice(len(whole), 40, replace=False):
        file.write_bytes(whole[:length])
        assert same(cached_arrays("key", Compute(ARRAYS)), ARRAYS), f"cut to {length} bytes"
        assert file.read_bytes() != whole[:length]


def test_an_error_while_computing_is_told_as_it_is(folder):
    def fails():
        raise RuntimeError("no memory")

    with pytest.raises(RuntimeError, match="no memory") as caught:
        cached_arrays("key", fails)
    assert caught.value.__context__ is None  # nothing of the file that was not there
    assert not folder.exists()


def test_a_write_that_breaks_off_leaves_the_old_file(folder):
    cached_arrays("key", Compute(ARRAYS))
    whole = (folder / "key.npz").read_bytes()

    def full_disk(beside):
        beside.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    cache._write(folder / "key.npz", full_disk)
    assert (folder / "key.npz").read_bytes() == whole
    assert [file.name for file in folder.iterdir()] == ["key.npz"]


def test_readers_never_meet_half_a_file(folder, tmp_path):
    """Three processes write and read one key again and again; a reader that met half a file would compute."""
    script = (
        "import sys, numpy as np\n"
        "from course_utils.store import cache\n"
        "computed = 0\n"
        "def compute():\n"
        "    global computed\n"
        "    computed += 1\n"
        "    return arrays\n"
        "arrays = {'a': np.arange(200_000.0)}\n"
        "for k in range(60):\n"
        "    cache._write(cache.results_folder() / 'key.npz', lambda file: np.savez(file, **arrays))\n"
        "    assert (cache.cached_arrays('key', compute)['a'] == arrays['a']).all()\n"
        "print(computed)\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    assert [process.communicate() for process in running] == [("0\n", "")] * 3
    assert [file.name for file in folder.iterdir()] == ["key.npz"]


def read_only(tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir()
    locked.chmod(0o500)
    return locked


def under_a_file(tmp_path):
    (tmp_path / "file").write_text("no folder")
    return tmp_path / "file" / "cache"


@pytest.mark.parametrize("place", [read_only, under_a_file])
def test_a_folder_that_cannot_be_written_costs_only_the_cache(place, tmp_path, monkeypatch, shipped, capsys):
    where = place(tmp_path)
    if place is read_only and os.access(where, os.W_OK):  # root may write anywhere
        monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    monkeypatch.setattr(cache, "results_folder", lambda: where)
    compute = Compute(ARRAYS)
    assert same(cached_arrays("key", compute), ARRAYS) and same(cached_arrays("key", compute), ARRAYS)
    assert compute.asked == 2
    assert cached_table("t", {"n": 1}, Compute([1, 2])) == [1, 2]
    assert not [file for file in tmp_path.rglob("*.npz")] + [file for file in tmp_path.rglob("*.json")]


def test_a_table_is_computed_once_for_its_settings(folder, shipped, capsys):
    compute = Compute([{"n": 5, "score": 0.5}])
    assert cached_table("t", {"n": (5, 20), "seed": 0}, compute) == compute.result
    assert "computed now" in capsys.readouterr().out
    assert cached_table("t", {"seed": 0, "n": [5, 20]}, compute) == compute.result
    assert "this machine computed before" in capsys.readouterr().out
    assert compute.asked == 1
    assert cached_table("t", {"n": (5, 20), "seed": 1}, compute) == compute.result
    assert cached_table("u", {"n": (5, 20), "seed": 0}, compute) == compute.result
    assert compute.asked == 3
    assert not list(shipped.iterdir())


def test_a_table_is_the_same_when_computed_and_when_loaded(folder, shipped):
    tables = [cached_table("t", {}, Compute({5: (1.5, None), "x": [True]})) for _ in range(2)]
    assert tables[0] == tables[1] and list(tables[0]) == list(tables[1])


def test_a_shipped_table_is_used_for_its_settings_alone(folder, shipped, capsys):
    (shipped / "t.json").write_text(json.dumps({"settings": {"n": 1}, "table": "shipped"}))
    compute = Compute("computed")
    assert cached_table("t", {"n": 1}, compute) == "shipped" and compute.asked == 0
    assert "comes with the course" in capsys.readouterr().out
    assert cached_table("t", {"n": 2}, compute) == "computed"
    assert json.loads((shipped / "t.json").read_text())["settings"] == {"n": 1}


@pytest.mark.parametrize("text", ["", '{"settings": {"n": 1}, "tab', "[1]", '{"settings": {"n": 1}}', "\0\xff"])
def test_a_damaged_table_is_made_anew(folder, shipped, text):
    (shipped / "t.json").write_text(text, "latin-1")
    assert cached_table("t", {"n": 1}, Compute("computed")) == "computed"
    (own,) = folder.iterdir()
    own.write_text(text, "latin-1")
    assert cached_table("t", {"n": 1}, Compute("again")) == "again"
    assert cached_table("t", {"n": 1}, Compute("never")) == "again"


def test_tables_can_be_made_to_come_with_the_course(folder, shipped, monkeypatch):
    cached_table("t", {"n": 1}, Compute("made before"))
    (own,) = folder.iterdir()
    monkeypatch.setenv("COURSE_SHIP_TABLES", "1")
    cached_table("t", {"n": 1}, Compute("made"))
    assert json.loads((shipped / "t.json").read_text()) == {"settings": {"n": 1}, "table": "made"}
    assert list(folder.iterdir()) == [own]
    monkeypatch.delenv("COURSE_SHIP_TABLES")
    assert cached_table("t", {"n": 1}, Compute("never")) == "made"
