"""Where the answers are among the files that were handed in: under another name, in a folder, in an archive.

Nothing here writes, and nothing is raised for what a student can do.
"""

import copy
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from nbgrader.utils import is_solution

from ..states import Note, State
from .lenient import LARGEST, NoNotebook, read_notebook_bytes
from .matching import bare, grade_id, kinship, match_cells, strangers, untouched
from .opening import is_checkpoint, is_notebook, is_passed_over, open_archives, sayable

TIME = "timestamp.txt"  # nbgrader's: when it was handed in
_NO_WORK = re.compile(r"(.*/)?(timestamp\.txt|submission_secret\.txt|Thumbs\.db|desktop\.ini|\.[^/]*|__pycache__/.*)")
LARGEST_IN_ALL = 128 << 20  # bytes of all files of a submission, its notebooks aside, and of what archives hold
_MOST = 5_000  # files

Files = dict[str, bytes]  # by name, relative to the submission's folder, with "/"


def files_of(folder: Path) -> tuple[Files, list[str]]:
    """A submission's files, those in archives as if unpacked beside them, and what was left out."""
    paths = [path for path in sorted(folder.rglob("*")) if not is_passed_over(path.relative_to(folder))]
    notes = [
        f"The link '{sayable(path.name)}' was left out: a submission holds files only."
        for path in paths
        if path.is_symlink()
    ]
    files = [path for path in paths if path.is_file() and not path.is_symlink()]
    if len(files) > _MOST:
        notes.append(f"Of {len(files)} files, {_MOST} were taken: a submission needs no more.")
    found, left = {}, LARGEST_IN_ALL
    for path in sorted(files[:_MOST], key=lambda path: path.stat().st_size):
        size = path.stat().st_size
        if is_notebook(path.name) and size <= LARGEST:
            left += size  # its outputs are not copied
        if size > left:
            notes.append(
                f"The file '{sayable(path.name)}' was left out: a submission may have {LARGEST_IN_ALL >> 20} MB."
            )
            continue
        left -= size
        found[sayable(path.relative_to(folder).as_posix())] = path.read_bytes()
    return found, notes + open_archives(found, LARGEST_IN_ALL, _MOST)


def _holds_notebook(name: str, content: bytes) -> bool:
    """Whether a file is a notebook by its name, or by what is in it: browsers take endings away."""
    return is_notebook(name) or content[:99].lstrip()[:1] == b"{" and b'"cells"' in content and b'"nbformat"' in content


@dataclass
class _Candidate:
    """A notebook among the files; `answers` are those of its cells that the student changed, `rest` other texts."""

    name: str
    notebook: NotebookNode
    notes: list[str]
    answers: dict[str, str]
    rest: list[str]

    def goes_on_from(self, other: "_Candidate") -> bool:
        """Whether it has all the answers of another, and more, or where there is none at all, more texts."""
        more = len(self.answers) > len(other.answers) or not self.answers and len(self.rest) > len(other.rest)
        return more and not other.has_other_answers_than(self)

    def has_other_answers_than(self, other: "_Candidate") -> bool:
        return bool(self.answers) and any(other.answers.get(name) != text for name, text in self.answers.items())


def choose(
    files: Files, name: str, forms: Mapping[str, NotebookNode], own: Collection[str] = ()
) -> tuple[str, NotebookNode, list[Note]]:
    """The notebook among `files` that answers the assignment's `name`: where it stood, it, and what was noticed.

    Where two have answers that differ, the one that is named right is taken, or else the one with most answers, and a
    person is asked; so it is where none is answered and there are files which are not the assignment's `own`. Where
    nothing can be read, the notebook is empty.
    """
    wanted, candidates, earlier, why = f"{name}.ipynb", [], [], {}
    for file, content in files.items():
        if not _holds_notebook(file, content) or _belongs_to_another(file, name, forms):
            continue
        try:
            notebook, notes = read_notebook_bytes(content)
        except NoNotebook as problem:
            why[file] = str(problem)
        else:
            if len(forms) == 1 or file == wanted or _is_kin(notebook, name, forms):
                found = _Candidate(file, notebook, notes, *_answers(notebook, forms[name]))
                (earlier if is_checkpoint(PurePosixPath(file)) else candidates).append(found)
    if not candidates:
        return wanted, new_notebook(), [Note(State.UNREADABLE, _nothing(wanted, files, why))]
    named = next((c for c in candidates if c.name == wanted), None)
    best = max(candidates, key=lambda c: (len(c.answers), c is named, len(c.rest), -len(c.name)))
    chosen = best if named is None or best.goes_on_from(named) else named
    notes = [Note(State.REPAIRED, text) for text in chosen.notes]
    if chosen is not named:
        told = f"There is no '{wanted}'"
        if wanted in files:
            state = "unreadable" if wanted in why else "blank" if not named.answers else "less complete"
            told = f"'{wanted}' is {state}"
        notes.append(Note(State.REPAIRED, f"{told}: '{chosen.name}' was graded."))
    others = [c.name for c in candidates if c is not chosen and c.has_other_answers_than(chosen)]
    if others:
        listed = ", ".join(f"'{other}'" for other in others)
        notes.append(Note(State.LOOK, f"There are other answers in {listed}; '{chosen.name}' was graded."))
    if not kinship(chosen.notebook, forms[name]):
        notes.append(Note(State.LOOK, f"No cell of '{chosen.name}' is the assignment's: is it another notebook?"))
    elif not chosen.answers:
        others = [c.name for c in earlier if c.answers]
        others += [
            file
            for file in files
            if not _holds_notebook(file, files[file]) and file not in own and not _NO_WORK.fullmatch(file)
        ]
        if others:
            listed = ", ".join(f"'{other}'" for other in sorted(others)[:3])
            text = f"No answer stands in '{chosen.name}', and there is more ({listed}): is the work there?"
            notes.append(Note(State.LOOK, text))
    return chosen.name, chosen.notebook, notes


def _belongs_to_another(file: str, name: str, forms: Mapping[str, NotebookNode]) -> bool:
    stem = PurePosixPath(file).name.partition(".")[0]
    return stem != name and stem in forms


def _is_kin(notebook: NotebookNode, name: str, forms: Mapping[str, NotebookNode]) -> bool:
    own = kinship(notebook, forms[name])
    return own > 0 and own == max(kinship(notebook, form) for form in forms.values())


def _answers(notebook: NotebookNode, form: NotebookNode) -> tuple[dict[str, str], list[str]]:
    matched = copy.deepcopy(notebook)
    match_cells(matched, form)
    wanted = {grade_id(cell): cell for cell in form.cells if is_solution(cell)}
    answers = {
        grade_id(cell): bare(cell.source)
        for cell in matched.cells
        if grade_id(cell) in wanted and not untouched(cell, wanted[grade_id(cell)])
    }
    return answers, [bare(cell.source) for cell in strangers(matched, form)]


def _nothing(wanted: str, files: Files, why: dict[str, str]) -> str:
    """Why nothing could be graded, and what was there."""
    if why:
        told = "; ".join(f"'{file}' cannot be read: {reason}" for file, reason in sorted(why.items())[:3])
        return f"Nothing could be graded: {told}."
    there = ", ".join(f"'{file}'" for file in sorted(files)[:5] if not _NO_WORK.fullmatch(file))
    there += ", …" if len(files) > 5 else ""
    return f"Nothing could be graded: there is no notebook '{wanted}' in what was handed in ({there or 'no file'})."
