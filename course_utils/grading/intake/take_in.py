"""What was handed in, looked at as files before anything is run: each submission becomes a notebook that can be graded.

What was handed in is only read. What the grader makes of it lies in a folder of its own.
"""

import errno
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath

import nbformat
from nbformat import NotebookNode
from nbgrader.utils import parse_utc

from ..seeds import KEY as VARIANT
from ..seeds import Variant
from ..states import Note, State, write_notes
from .finding import TIME, Files, choose, files_of
from .opening import is_notebook


def take_in(
    submitted: Path,
    into: Path,
    forms: Mapping[str, NotebookNode],
    own: Collection[str] = (),
    variant: Variant | None = None,
) -> list[Note]:
    """Write into the folder `into` what nbgrader can grade of the folder `submitted`, and return what was noticed.

    `forms` are the assignment's notebooks by name, each with the cells that it must have; each will be there. `own` are
    the files that the assignment brings, relative to its folder: what stands in their way is left out. `variant` is the
    student's, where each has another. The notes also go into the notebooks' metadata. Nothing is raised for what a
    student can do. Raises `OSError` where files cannot be read or written.
    """
    files, told = files_of(submitted)
    own_time = files.get(TIME) if (submitted / TIME).is_file() else None
    told += _without_others(files, own_time) + _time(files)
    notes = {name: [Note(State.REPAIRED, text) for text in told] for name in forms}
    into.mkdir(parents=True, exist_ok=True)
    notebooks = {}
    for name in forms:
        place, notebooks[name], noticed = choose(files, name, forms, own)
        notes[name] += noticed
        notebooks[name].metadata.pop(VARIANT, None)  # which the student wrote
        if variant:
            notes[name] += variant.note(notebooks[name], forms[name])
        _bring_along(files, place)
    _without_others(files, own_time)
    told = _write({name: content for name, content in files.items() if not is_notebook(name)}, into, own)
    for name, notebook in notebooks.items():
        notes[name] += [Note(State.REPAIRED, text) for text in told]
        write_notes(notebook, notes[name])
        (into / f"{name}.ipynb").write_text(nbformat.writes(notebook), "utf-8")
    return [note for some in notes.values() for note in some]


def _without_others(files: Files, own: bytes | None) -> list[str]:
    """A time out of an archive or a folder is the student's word: it says nothing of when it was handed in."""
    if TIME in files and own is None:
        del files[TIME]
        return [f"A file '{TIME}' that was handed in was left out: it says nothing of the time of handing in."]
    return []


def _time(files: Files) -> list[str]:
    """A time of handing in that nbgrader cannot read would leave a submission without marks."""
    try:
        if TIME in files:
            parse_utc(files[TIME].decode().strip() or None)
    except Exception as problem:  # a student can write anything, and dateutil raises what it happens to meet
        del files[TIME]
        return [f"The time of handing in cannot be read ({type(problem).__name__}): nobody knows whether it was late."]
    return []


def _bring_along(files: Files, notebook: str) -> None:
    """What lies beside a notebook that was found in a folder is expected beside it."""
    folder = PurePosixPath(notebook).parent
    if folder != PurePosixPath("."):
        for name in [name for name in files if PurePosixPath(name).is_relative_to(folder) and not is_notebook(name)]:
            files.setdefault(PurePosixPath(name).relative_to(folder).as_posix(), files[name])


def _write(files: Files, into: Path, own: Collection[str]) -> list[str]:
    """Write files, except where the assignment has a folder, and in folders where it has a file."""
    notes, folders = [], {parent for name in own for parent in PurePosixPath(name).parents}
    for name, content in sorted(files.items()):
        path = PurePosixPath(name)
        if path in folders or not set(map(str, path.parents)).isdisjoint(own):
            notes.append(f"'{name}' was left out: the assignment has its own.")
            continue
        try:
            (into / path).parent.mkdir(parents=True, exist_ok=True)
            (into / path).write_bytes(content)
        except OSError as problem:  # of an archive: a file where a folder is, or a name that this system does not take
            if problem.errno not in (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL):
                raise
            notes.append(f"'{name[:100]}' was left out: there can be no file with this name.")
    return notes
