"""What was handed in, looked at as files before anything is run: each submission becomes a notebook that can be graded.

Works on the grader's own copy, in nbgrader's folder `submitted`; what was handed in is kept beside what replaces it.
"""

import json
from collections.abc import Iterable
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from nbgrader.utils import parse_utc

from .states import Note, State, write_notes

LARGEST = 64 << 20  # bytes of a notebook; outputs are thrown away anyway, and no answer needs so much
LARGEST_IN_ALL = 128 << 20  # bytes of all files of a submission
KEPT = ".as-submitted"  # the ending of a file that was replaced


def hook(assignment: str, student: str, notebooks: list[str]) -> None:
    """For `Autograde.pre_convert_hook`: take in the notebooks of one submission."""
    for notebook in notebooks:
        take_in(Path(notebook).parent, Path(notebook).stem)


def take_in(folder: Path, name: str, names: Iterable[str] = (), files: Iterable[str] = ()) -> list[Note]:
    """Make `folder`/`name`.ipynb a notebook that nbgrader can read, and return what had to be done.

    `names` are those of all the assignment's notebooks: none of them is taken for another. `files` are those that the
    assignment brings, relative to `folder`: what is no file there, or no folder on the way, makes way. The notes also
    go into the notebook's metadata. One in order is left as it is. Nothing is raised for what a student can do: where
    nothing can be read, an empty notebook stands there, which the next step fills.
    """
    done = _drop_links(folder) + _set_aside(folder) + _make_way(folder, files) + _time(folder)
    file = folder / f"{name}.ipynb"
    if file.exists() and not file.is_file():
        _keep(file)
    if not file.is_file():
        done += _rename(folder, file, names)
    content = _content(file)
    notes = []
    if isinstance(content, str):
        notes.append(Note(State.UNREADABLE, content))
        notebook = new_notebook()
    else:
        notebook, told = content
        done += told
    notes = [Note(State.REPAIRED, text) for text in done] + notes
    if notes:
        write_notes(notebook, notes)
        if file.is_file():
            _keep(file)
        file.write_text(nbformat.writes(notebook), "utf-8")
    return notes


def _drop_links(folder: Path) -> list[str]:
    """Symbolic links are taken away: nbgrader would copy what they point to, on the grader's machine."""
    links = [path for path in sorted(folder.rglob("*")) if path.is_symlink()]
    for path in links:
        path.unlink()
    return [f"The link '{path.name}' was taken away: a submission holds files only." for path in links]


def _set_aside(folder: Path) -> list[str]:
    """What is too large to be copied for each kernel goes to a folder beside the submission, the largest first."""
    files = sorted((path for path in folder.rglob("*") if path.is_file()), key=lambda path: path.stat().st_size)
    total, notes = sum(path.stat().st_size for path in files), []
    while total > LARGEST_IN_ALL:
        file = files.pop()
        total -= file.stat().st_size
        there = folder.with_name(f"{folder.name}.set-aside") / file.relative_to(folder)
        there.parent.mkdir(parents=True, exist_ok=True)
        file.replace(there)
        notes.append(f"The file '{file.name}' was set aside: a submission may have {LARGEST_IN_ALL >> 20} MB.")
    return notes


def _make_way(folder: Path, files: Iterable[str]) -> list[str]:
    notes = []
    for name in files:
        for path in (folder / name, *(folder / name).parents):
            if path == folder:
                break
            if path.exists() and path.is_file() != (path == folder / name):
                _keep(path)
                notes.append(f"'{path.name}' was set aside: the assignment has its own.")
    return notes


def _time(folder: Path) -> list[str]:
    """A time of handing in that nbgrader cannot read would leave a submission without marks."""
    file = folder / "timestamp.txt"
    try:
        if file.exists():
            parse_utc(file.read_text("utf-8").strip() or None)
    except Exception as problem:  # a student can write anything, and dateutil raises what it happens to meet
        _keep(file)
        return [f"The time of handing in cannot be read ({type(problem).__name__}): nobody knows whether it was late."]
    return []


def _keep(file: Path) -> None:
    file.replace(file.with_name(file.name + KEPT))


def _rename(folder: Path, wanted: Path, names: Iterable[str]) -> list[str]:
    others = sorted(path for path in folder.glob("*.ipynb") if path.is_file() and path.stem not in names)
    if len(others) != 1:
        return []
    wanted.write_bytes(others[0].read_bytes())
    _keep(others[0])
    return [f"The notebook was called '{others[0].name}': taken as '{wanted.name}'."]


def _content(file: Path) -> str | tuple[NotebookNode, list[str]]:
    """The notebook in a file and what was done to read it, or why it cannot be read."""
    unreadable = "Nothing could be graded: "
    if not file.is_file():
        return f"{unreadable}there is no notebook '{file.name}'."
    if file.stat().st_size > LARGEST:
        return f"{unreadable}the notebook is larger than {LARGEST >> 20} MB."
    raw, notes = file.read_bytes(), []
    for encoding in ("utf-8", "utf-8-sig", "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1252"):
        try:
            text = raw.decode(encoding)
            told = json.loads(text)
        except (ValueError, RecursionError):
            continue
        if encoding != "utf-8":
            notes.append(f"The notebook was written in {encoding}, not in UTF-8.")
        break
    else:
        return f"{unreadable}the file holds no notebook that can be read (it is no JSON)."
    try:
        if told.get("nbformat") != 4:
            notes.append(f"The notebook was in format {told.get('nbformat')}: it was brought up to 4.")
        notebook = nbformat.reads(text, as_version=4)
        nbformat.validate(notebook)
    except Exception as problem:  # a student can write anything, and nbformat raises what it happens to meet
        return f"{unreadable}the file is no notebook ({type(problem).__name__})."
    return notebook, notes


def take_in_all(folder: Path, names: Iterable[str], files: Iterable[str]) -> list[Note]:
    """`take_in` for each of an assignment's notebooks in one submission's folder."""
    return [note for name in names for note in take_in(folder, name, names, files)]
