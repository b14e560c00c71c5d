"""Reads a notebook as the field writes it: small departures from the format are put right where their meaning is clear.

Outputs are thrown away before anything is graded, so nothing that stands in them can make a notebook unreadable.
"""

import json
import re
from contextlib import suppress
from typing import Any

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell

LARGEST = 256 << 20  # bytes of a file; most of a large notebook are pictures
LARGEST_TEXT = 16 << 20  # characters of all cells together; no answer needs so much
_MAKE = {"code": new_code_cell, "markdown": new_markdown_cell, "raw": new_raw_cell}
_STARTS = {
    b"PK\x03\x04": "an archive",
    b"%PDF": "a PDF file",
    b"<!DOCTYPE": "a web page",
    b"<html": "a web page",
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
}


class NoNotebook(Exception):
    """The bytes hold no notebook; the message says why, as the end of a sentence."""


def read_notebook_bytes(raw: bytes) -> tuple[NotebookNode, list[str]]:
    """The notebook in a file's bytes, in format 4.5 without outputs, and a sentence for each thing put right.

    Of a cell's metadata stay nbgrader's and the tags, of the notebook's none. Raises `NoNotebook`.
    """
    text, notes = _text(raw)
    if re.search(r"^<{7} ", text, re.MULTILINE):
        return _merged(text)
    told = _parsed(text)
    if not isinstance(told, dict):
        raise NoNotebook(f"it holds a {type(told).__name__} and no notebook")
    cells = told.get("cells")
    if cells is None and isinstance(told.get("worksheets"), list):  # formats 1 to 3
        lists = [sheet.get("cells") for sheet in told["worksheets"] if isinstance(sheet, dict)]
        cells = [cell for some in lists if isinstance(some, list) for cell in some]
        notes.append(f"The notebook was in format {told.get('nbformat')}: it was brought up to 4.")
    if not isinstance(cells, list):
        raise NoNotebook("it has no list of cells")
    made, ids = [], set()
    for number, cell in enumerate(cells, 1):
        made.append(_cell(cell, number, notes))
        made[-1].id = _own_id(cell, number, ids)
    if sum(len(cell.source) for cell in made) > LARGEST_TEXT:
        raise NoNotebook(f"its cells hold more than {LARGEST_TEXT >> 20} million characters")
    return new_notebook(cells=made), notes


def _text(raw: bytes) -> tuple[str, list[str]]:
    if len(raw) > LARGEST:
        raise NoNotebook(f"it is larger than {LARGEST >> 20} MB")
    if not raw.strip(b"\0 \t\r\n"):
        raise NoNotebook("it is empty")
    for start, what in _STARTS.items():
        if raw.lstrip()[: len(start)].lower() == start.lower():
            raise NoNotebook(f"it is {what}")
    encoding = json.detect_encoding(raw)
    encodings = [encoding, "cp1252", "latin-1"] if encoding.startswith("utf-8") else [encoding]
    for encoding in encodings:
        try:
            text = raw.decode(encoding)
        except ValueError:
            continue
        return text, [] if encoding == "utf-8" else [f"The notebook was written in {encoding}, not in UTF-8."]
    raise NoNotebook("it is no text")


def _merged(text: str) -> tuple[NotebookNode, list[str]]:
    """The notebook of a merge that was left unfinished, where its sides differ in nothing that is graded."""
    sides: dict[str, list[str]] = {"<": [], ">": []}
    side = None
    for line in text.split("\n"):
        if line[:7] in ("<" * 7, "|" * 7, "=" * 7, ">" * 7):
            side = {"<": "<", "|": "|", "=": ">", ">": None}[line[0]]
        else:
            for one in sides if side is None else {side} & sides.keys():
                sides[one].append(line)
    with suppress(NoNotebook):
        (ours, notes), (theirs, _) = (read_notebook_bytes("\n".join(lines).encode()) for lines in sides.values())
        if [(c.cell_type, c.source, c.metadata) for c in ours.cells] == [
            (c.cell_type, c.source, c.metadata) for c in theirs.cells
        ]:
            return ours, [*notes, "A merge was left unfinished (<<<<<<<), of which both sides have the same cells."]
    raise NoNotebook("it has the marks of a merge that was left unfinished (<<<<<<<)")


def _parsed(text: str) -> Any:
    try:
        return json.loads(text.strip("\0 \t\r\n"), parse_int=_number)
    except RecursionError:
        raise NoNotebook("it is nested too deeply") from None
    except json.JSONDecodeError as problem:
        raise NoNotebook(f"it is no JSON from line {problem.lineno} on ({problem.msg})") from None


def _number(digits: str) -> float:
    """Python refuses the longest ones; they can only stand in what is thrown away."""
    return int(digits) if len(digits) < 16 else float(digits)


def _cell(told: Any, number: int, notes: list[str]) -> NotebookNode:
    if not isinstance(told, dict):
        raise NoNotebook(f"its cell {number} is a {type(told).__name__} and no cell")
    kind = told.get("cell_type", "code" if "outputs" in told else "raw")
    source = _source(next((told[key] for key in ("source", "input", "text") if told.get(key) is not None), ""), number)
    whole = _whole(source)
    if "\ufffd" in whole and "\ufffd" not in source:
        notes.append(f"In cell {number} stood half a character, as of an emoji: it was replaced.")
    if kind == "heading":  # format 3
        level = told.get("level")
        level = level if isinstance(level, int) and 1 <= level <= 6 else 1
        kind, whole = "markdown", f"{'#' * level} {whole}"
    if not isinstance(kind, str) or kind not in _MAKE:
        notes.append(f"Cell {number} was of an unknown kind: its text was kept as text.")
        kind = "raw"
    cell = _MAKE[kind](whole, metadata=_metadata(told.get("metadata")))
    if kind == "markdown" and (pictures := _attachments(told.get("attachments"))):
        cell.attachments = pictures
    return cell


def _source(told: Any, number: int) -> str:
    if isinstance(told, str):
        return told
    parts = told if isinstance(told, list) else [told]
    strange = {type(part).__name__ for part in parts if not isinstance(part, str)}
    if strange:
        raise NoNotebook(f"in its cell {number}, where the text should be, stands a {strange.pop()}")
    # Some tools leave the ends of lines out.
    return ("" if any(line.endswith("\n") for line in parts[:-1]) else "\n").join(parts)


def _whole(text: str) -> str:
    """Without surrogates: two halves of a character become one, a lone half a sign of what was lost."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _metadata(told: Any) -> dict[str, Any]:
    """nbgrader's own, of plain values, and the tags."""
    kept: dict[str, Any] = {}
    if not isinstance(told, dict):
        return kept
    if isinstance(told.get("nbgrader"), dict):
        kept["nbgrader"] = {
            _whole(key): _whole(value) if isinstance(value, str) else value
            for key, value in told["nbgrader"].items()
            if value is None or isinstance(value, (str, bool, int, float))
        }
    if isinstance(told.get("tags"), list):
        kept["tags"] = sorted({_whole(tag) for tag in told["tags"] if isinstance(tag, str) and "," not in tag})
    return kept


def _attachments(told: Any) -> dict[str, dict[str, str]]:
    """Pictures that were pasted into a text, for the person who reads it."""
    found = told.items() if isinstance(told, dict) else ()
    return {
        _whole(name): {kind: data for kind, data in bundle.items() if isinstance(data, str) and data.isascii()}
        for name, bundle in found
        if isinstance(bundle, dict) and all(kind.startswith("image/") for kind in bundle)
    }


def _own_id(told: Any, number: int, taken: set[str]) -> str:
    name = told.get("id")
    if not isinstance(name, str) or not re.fullmatch(r"[a-zA-Z0-9_-]{1,64}", name) or name in taken:
        name = f"cell-{number}"
        while name in taken:
            name += "-"
    taken.add(name)
    return name
