"""What workers have found, kept on disk: whatever ends a run of grading, the next one goes on from here."""

import json
import os
from pathlib import Path

from ...root import written_whole


class Results:
    """A folder with one file for each graded submission, named by the content that was graded."""

    def __init__(self, folder: Path):
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(".*.json"):  # of a run that was killed
            left.unlink()

    def file(self, key: str) -> Path:
        return self._folder / f"{key}.json"

    def has(self, key: str) -> bool:
        return self.file(key).is_file()

    def get(self, key: str) -> dict[str, str]:
        """Graded notebooks, JSON by name."""
        return json.loads(self.file(key).read_text("utf-8"))

    def put(self, key: str, graded: dict[str, str]) -> None:
        """Keep graded notebooks, JSON by name. There is never half a file: it gets its name when it is whole."""
        with written_whole(self.file(key)) as beside, beside.open("w", encoding="utf-8") as file:
            json.dump(graded, file)
            file.flush()
            os.fsync(file.fileno())

    def drop_others(self, keys: set[str]) -> None:
        """Take away what belongs to submissions or tests that have been replaced."""
        for file in self._folder.glob("*.json"):
            if file.stem not in keys:
                file.unlink()
