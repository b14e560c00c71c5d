"""What was collected of an assignment, and what lies beside: nbgrader's folder `downloaded`."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from nbgrader.apps import NbGraderAPI

from ...errors import GradingFailed
from ...root import written_whole


@dataclass(frozen=True)
class Collected:
    """One student's: the platform, its prefix of each file by the file's name here, and the newest attempt's rank; for
    a group's work in Moodle, the student's own name and number there, as far as a roster told them."""

    system: str
    prefixes: dict[str, str]
    rank: float = 0
    in_group: bool = False
    name: str = ""
    number: str = ""


def folder_of(api: NbGraderAPI, assignment: str) -> Path:
    """The folder for what is no submission (yet): of nobody, of earlier attempts, the record."""
    return Path(api.coursedir.root) / "downloaded" / assignment


def read_record(folder: Path) -> dict[str, Collected]:
    """By student, empty where nothing was collected yet. Raises `GradingFailed` where the record is damaged."""
    file = folder / "collected.json"
    try:
        return {student: Collected(**told) for student, told in json.loads(file.read_text("utf-8")).items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError):
        raise GradingFailed(f"{file} is damaged: delete it, and collect once more.") from None


def write_record(folder: Path, record: dict[str, Collected]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    told = {student: asdict(one) for student, one in sorted(record.items())}
    with written_whole(folder / "collected.json") as beside:
        beside.write_text(json.dumps(told, indent=1, ensure_ascii=False), "utf-8")
