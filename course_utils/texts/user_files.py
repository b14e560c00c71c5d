"""Files of texts and vectors that a user may have: where they are looked for, and how they are read."""

import os
from collections.abc import Iterator
from pathlib import Path

from ..errors import DamagedFile, SourceUnavailable
from ..root import with_tilde
from ..store import weights


def found(*patterns: str) -> Path | None:
    """The first file that fits, in `COURSE_DATA` or in the cache; None where there is none."""
    folders = [weights.data_folder()]
    if os.environ.get("COURSE_DATA"):
        folders.insert(0, Path(os.environ["COURSE_DATA"]) / "text")
    for folder in folders:
        for pattern in patterns:
            for path in sorted(folder.glob(pattern)):
                if path.is_file():
                    return path
    return None


def place() -> str:
    """Where a file belongs, in a sentence."""
    return f"{with_tilde(weights.data_folder())} (the variable KERAS_HOME sets another place)"


def lines(path: Path) -> Iterator[str]:
    """The lines of a text file with their ends, one by one. Raises `DamagedFile` and `SourceUnavailable`."""
    try:
        with path.open(encoding="utf-8", newline="\n") as file:  # some of GloVe's words hold odd line separators
            yield from file
    except UnicodeDecodeError:
        raise DamagedFile(f"{path} is no text in UTF-8: put a fresh copy in its place.") from None
    except OSError as problem:
        raise SourceUnavailable(f"{path} cannot be read ({problem.strerror}): check the path.") from None
