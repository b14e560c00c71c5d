"""What the names in a download of submissions say: whose a file is, which attempt, and what the student called it.

As the platforms write them, by their own sources where these are open:

    Canvas       surnamename_12345_678901_ps1.ipynb, surnamename_LATE_12345_678901_ps1-1.ipynb (the numbers are the
                 student's and the file's; a group's name in place of a student's), surnamename_12345_text.html,
                 anon_aB3dE_678901_ps1.ipynb, LATE_anon_aB3dE_678901_ps1.ipynb
    Moodle       Name Surname_231001_assignsubmission_file_/ps1.ipynb (without the last "_" from 4.1 on),
                 Name Surname_231001_assignsubmission_file_ps1.ipynb, …_assignsubmission_onlinetext_/onlinetext.html
                 (the number is the participant's in this assignment, or the group's)
    Brightspace  123456-7890 - Name Surname - Nov 3, 2026 1105 PM/ps1.ipynb, or " - ps1.ipynb" in place of the folder
"""

import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime

from nbgrader.utils import parse_utc

from .archive import Entry

_CANVAS = re.compile(
    r"(?P<whose>(?:LATE_)?(?P<anonymous>anon_)[^_]+|(?P<name>.*?)(?P<late>_LATE)?_(?P<number>\d+))"
    r"_(?:(?P<rank>\d+)_(?P<file>.+)|(?P<page>(?:text|link)\.html))"
)
_MOODLE = re.compile(
    r"(?P<name>.*?)(?:_(?P<number>\d+))?_assignsubmission_(?P<kind>[a-z][a-z0-9]*)(?:_(?P<file>.*))?", re.DOTALL
)
_BRIGHTSPACE = re.compile(
    r"(?P<number>\d+)-\d+ - (?P<name>.+) - (?P<time>[^/]*?\d{4},? [\d.:]{3,5}(?: ?[AP]M)?)(?: - (?P<file>.+))?"
)


@dataclass(frozen=True)
class Piece:
    """One file of a download.

    `name` and `number` are the student's or the group's, empty where the platform hides them. `file` is its path as it
    was handed in, `prefix` what the platform put before that. `rank` orders a student's attempts, `attempt` names them.
    """

    entry: Entry
    name: str
    number: str
    file: str
    prefix: str
    rank: tuple = ()
    attempt: str = ""
    late: bool = False
    time: datetime | None = None  # of this machine's zone


def _canvas(entry: Entry) -> Piece | None:
    told = _CANVAS.fullmatch(entry.parts[-1])
    if not told:
        return None
    file, name = told["file"] or told["page"], told["name"] or ""
    late = bool(told["late"]) or told["whose"].startswith("LATE_")
    rank, attempt = (int(told["rank"] or 0),), told["rank"] or "page"
    return Piece(entry, name, told["number"] or "", file, entry.parts[-1].removesuffix(file), rank, attempt, late)


def _in_folders(pattern: re.Pattern, entry: Entry) -> tuple[re.Match, str, str] | None:
    """What a folder's name says, or the file's, with the file as it was handed in and the prefix."""
    for place, part in enumerate(entry.parts):
        if told := pattern.fullmatch(part):
            file = "/".join([told["file"], *entry.parts[place + 1 :]] if told["file"] else entry.parts[place + 1 :])
            if file:
                whole = "/".join(entry.parts[place:])
                return told, file, whole.removesuffix(file)
    return None


def _moodle(entry: Entry) -> Piece | None:
    if found := _in_folders(_MOODLE, entry):
        told, file, prefix = found
        return Piece(entry, told["name"], told["number"] or "", file, prefix)
    return None


def _brightspace(entry: Entry) -> Piece | None:
    if found := _in_folders(_BRIGHTSPACE, entry):
        told, file, prefix = found
        time = local_time(re.sub(r"(\d{1,2})[.:]?(\d\d)( ?[AP]M)?$", r"\1:\2\3", told["time"]))
        rank = (time.timestamp() if time else 0.0, told["time"])
        return Piece(entry, told["name"], told["number"], file, prefix, rank, told["time"], time=time)
    return None


def local_time(text: str) -> datetime | None:
    """A time that a platform wrote without its zone, taken for one of this machine's; None where it cannot be read."""
    with suppress(ValueError, OverflowError):
        return parse_utc(text).astimezone() if text.strip(" -") else None
    return None


_PLATFORMS: dict[str, Callable[[Entry], Piece | None]] = {  # the plainest names last: any file may have two numbers
    "moodle": _moodle,
    "brightspace": _brightspace,
    "canvas": _canvas,
}


def read_names(entries: Iterable[Entry]) -> tuple[str | None, list[Piece], list[Entry]]:
    """The platform that a download is from (None where no name is a platform's), its files, and those left over."""
    entries = list(entries)
    read = {name: [parse(entry) for entry in entries] for name, parse in _PLATFORMS.items()}
    system = max(read, key=lambda name: sum(piece is not None for piece in read[name]))
    pieces = [piece for piece in read[system] if piece]
    others = [entry for entry, piece in zip(entries, read[system], strict=True) if not piece]
    if system == "brightspace":
        others = [entry for entry in others if entry.parts[-1] != "index.html"]  # its own list of what is there
    return (system if pieces else None), pieces, others
