"""WordLlama's table of vectors for pieces of words, trained so that their average tells what a text means.

It comes in the package of that name, of which only the table and the list of pieces are read: no code of it runs.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import DamagedFile
from ..store.packaged import packaged_file

PACKAGE = "wordllama"
TABLE, PIECES = "l2_supercat_256.safetensors", "l2_supercat_tokenizer_config.json"
_KINDS = {"F16": "<f2", "F32": "<f4"}


@dataclass(frozen=True)
class SentenceEncoder:
    """A network that makes one vector of a text: its `tokenizer`, and the `table` of its pieces, (pieces, numbers)."""

    tokenizer: Any
    table: np.ndarray

    def pieces(self, text: str) -> list[str]:
        """What it takes a text apart into; "▁" stands for the space before a word."""
        return self.tokenizer.encode(text, add_special_tokens=False).tokens

    def encode(self, texts) -> np.ndarray:
        """The average of each text's rows, float32 (texts, numbers): the vector of the text. Zeros for no text."""
        rows = [one.ids for one in self.tokenizer.encode_batch([*map(str, texts)], add_special_tokens=False)]
        none = np.zeros(self.table.shape[1], "float32")
        return np.array([self.table[ids].mean(axis=0) if ids else none for ids in rows])


def load_encoder() -> SentenceEncoder:
    """Load a small sentence encoder from its package, WordLlama, and print in one line what it is.

    Raises `SourceUnavailable` and `DamagedFile`.
    """
    tokenizer, table = _installed()
    pieces, numbers = table.shape
    print(f"sentence vectors: {pieces:,} pieces of words in {numbers} dimensions, from the package wordllama.")
    return SentenceEncoder(tokenizer, table)


def _installed():
    """The tokenizer that takes a text apart (`tokenizers.Tokenizer`), and the table, float32 (pieces, 256).

    The table has a standard deviation of 1. Raises `DamagedFile` and `SourceUnavailable`.
    """
    table, pieces = (packaged_file(PACKAGE, name, "The sentence encoder comes in", 19) for name in (TABLE, PIECES))
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(pieces))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    vectors = _only_tensor(table)
    return tokenizer, vectors / vectors.std()


def _only_tensor(path: Path) -> np.ndarray:
    """The one tensor of a file of safetensors: the length of its heading, the heading in JSON, the numbers."""
    with path.open("rb") as file:
        heading = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        numbers = file.read()
    tensors = [told for name, told in heading.items() if name != "__metadata__"]
    if len(tensors) != 1 or tensors[0]["dtype"] not in _KINDS:
        raise DamagedFile(f"{path.name} holds something else than one table of numbers: install {PACKAGE} again.")
    (told,) = tensors
    return np.frombuffer(numbers, _KINDS[told["dtype"]]).reshape(told["shape"]).astype("float32")
