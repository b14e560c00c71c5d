"""WordLlama's table of vectors for pieces of words, trained so that their average tells what a text means.

It comes in the package of that name, of which only the table and the list of pieces are read: no code of it runs.
"""

import json
from pathlib import Path

import numpy as np

from ..errors import DamagedFile
from ..store.packaged import packaged_file

PACKAGE = "wordllama"
TABLE, PIECES = "l2_supercat_256.safetensors", "l2_supercat_tokenizer_config.json"
_KINDS = {"F16": "<f2", "F32": "<f4"}


def installed_encoder():
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
