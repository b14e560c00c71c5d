"""The small sentence encoder: read from its package, whole or told."""

import hashlib
import json
import logging
import sys
from base64 import urlsafe_b64encode

import numpy as np
import pytest
from helpers import complains

from course_utils.errors import DamagedFile, SourceUnavailable
from course_utils.texts import sentence_vectors
from course_utils.texts.sentence_vectors import load_encoder

ROWS = np.array([[1, 0], [0, 2], [4, 4], [0, -6]], "float16")


def stored(rows=ROWS, kind="F16", name="embedding.weight") -> bytes:
    numbers = rows.tobytes()
    told = {name: {"dtype": kind, "shape": list(rows.shape), "data_offsets": [0, len(numbers)]}, "__metadata__": {}}
    heading = json.dumps(told).encode()
    return len(heading).to_bytes(8, "little") + heading + numbers


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package in WordLlama's place: a function that puts a table into it, and gives the table's path."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    pieces = Tokenizer(models.WordLevel({"a": 0, "cat": 1, "sat": 2, "?": 3}, unk_token="?"))
    pieces.pre_tokenizer = pre_tokenizers.Whitespace()
    folder, info = tmp_path / "wordllama", tmp_path / "wordllama-1.0.0.dist-info"
    for place in (folder, info):
        place.mkdir()
    pieces.save(str(folder / sentence_vectors.PIECES))
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: wordllama\nVersion: 1.0.0\n")
    monkeypatch.syspath_prepend(tmp_path)

    def put(table: bytes):
        (folder / sentence_vectors.TABLE).write_bytes(table)
        record = ""
        for file in folder.iterdir():
            digest = urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest()).decode().rstrip("=")
            record += f"{file.relative_to(tmp_path).as_posix()},sha256={digest},{file.stat().st_size}\n"
        (info / "RECORD").write_text(record)
        return folder / sentence_vectors.TABLE

    put(stored())
    return put


def test_a_texts_vector_is_the_average_of_its_pieces_rows(package, capsys):
    encoder = load_encoder()
    assert (
        capsys.readouterr().out == "sentence vectors: 4 pieces of words in 2 dimensions, from the package wordllama.\n"
    )
    assert encoder.pieces("a cat barked") == ["a", "cat", "?"]
    rows = ROWS.astype("float32") / ROWS.astype("float32").std()
    found = encoder.encode(np.array(["a cat", "", "sat sat barked"]))
    expected = [rows[:2].mean(0), [0, 0], (2 * rows[2] + rows[3]) / 3]
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    assert found.dtype == np.float32 and encoder.table.std() == pytest.approx(1)


def test_a_table_of_wider_numbers_is_read(package):
    package(stored(ROWS.astype("float32"), "F32"))
    np.testing.assert_allclose(load_encoder().table, ROWS / ROWS.astype("float32").std(), rtol=1e-6)


def test_a_damaged_package_is_told(package):
    table = package(stored())
    table.write_bytes(table.read_bytes()[:-3])
    with complains(DamagedFile, "wordllama", "--force-reinstall"):
        load_encoder()


@pytest.mark.parametrize("table", [stored(kind="BF16"), stored(name="__metadata__")], ids=["numbers", "no table"])
def test_another_table_than_was_looked_for_is_told(package, table):
    package(table)
    with complains(DamagedFile, "one table", "wordllama"):
        load_encoder()


def test_a_missing_package_is_told(monkeypatch):
    monkeypatch.setattr(sentence_vectors, "PACKAGE", "no-such-package")
    with complains(SourceUnavailable, "no-such-package", "19 MB", "pip install"):
        load_encoder()


def test_the_package_holds_the_table_and_none_of_its_code_runs():
    encoder = load_encoder()
    assert encoder.table.shape == (32_000, 256) and "wordllama" not in sys.modules
    assert encoder.pieces("a misspelt colormap") == ["▁a", "▁miss", "p", "elt", "▁col", "orm", "ap"]
    texts = ["draw a picture on the screen", "show an image in a window", "solve a system of equations"]
    vectors = encoder.encode(texts)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = vectors @ vectors.T
    assert cosine[0, 1] > max(cosine[0, 2], cosine[1, 2]) + 0.1
    assert logging.getLogger().level == logging.WARNING  # importing the package would change it
