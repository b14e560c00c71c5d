"""Every student another variant: an assignment's seed derives from a secret of the course and the student's name.

Whoever knows the secret can derive it again; nobody else can tell another's. Opted in by `c.Variants.assignments`.
"""

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from nbformat import NotebookNode
from nbgrader.utils import is_locked
from traitlets import List, TraitError, Unicode
from traitlets.config import Config, Configurable

from ..errors import GradingFailed
from .states import Note, State, read_notes

SECRET = "variants.secret"  # in the course's folder, and for nobody else's eyes
KEY = "variant"  # where the metadata of a submission that was taken in say its seed
START = re.compile(r"(?<=\bstart\(seed=)\d+(?=\))")


class Variants(Configurable):
    """The setting of `nbgrader_config.py` that gives students seeds of their own."""

    assignments = List(Unicode(), help="The assignments of which every student gets another variant.").tag(config=True)


@dataclass(frozen=True)
class Variant:
    """One student's: the seed that was handed out, and of all others', in digits, whose they are."""

    seed: int
    others: Mapping[str, str]

    def note(self, notebook: NotebookNode, form: NotebookNode) -> list[Note]:
        """Write into a submission's metadata what its seed is, whatever it says, and tell where it says another.

        The student reads the note, so it names nobody: `notes_for_teachers` does. `form` is as for `repair`.
        """
        known = {cell.metadata.nbgrader.grade_id: _without(cell.source) for cell in seed_cells(form)}
        carried = {  # as text: a student can write any number of digits
            START.search(cell.source)[0]
            for cell in notebook.cells
            if START.search(cell.source) and (_name(cell) in known or _without(cell.source) in known.values())
        }
        strange = sorted(carried - {str(self.seed)})
        put_given(notebook, self.seed, (self.others[seed] for seed in strange if seed in self.others))
        if not strange:
            return []
        common = {START.search(cell.source)[0] for cell in seed_cells(form)}
        told = "the seed of the release for all" if set(strange) <= common else f"the seed {strange[0][:20]}"
        text = f"This notebook has {told}, and {self.seed} was handed out: what depends on it was judged by that one."
        return [Note(State.LOOK, text)]


class Seeds:
    """The seeds of an assignment; `students` are all who may have one."""

    def __init__(self, secret: bytes, assignment: str, students: Iterable[str]):
        self._secret, self._assignment = secret, assignment
        self._owners = {self.of(student): student for student in sorted(students)}

    def of(self, student: str) -> int:
        """A student's seed, from 1 to 2³¹: the same each time."""
        told = hmac.digest(self._secret, f"{self._assignment}\0{student}".encode(), hashlib.sha256)
        return 1 + int.from_bytes(told[:4]) // 2

    def variant(self, student: str) -> Variant:
        seed = self.of(student)
        return Variant(seed, {str(other): who for other, who in self._owners.items() if other != seed})


def has_variants(config: Config, course: Path, assignment: str) -> bool:
    """Whether every student has another variant of an assignment. Raises `GradingFailed` for a setting that is none."""
    try:
        chosen = Variants(config=config).assignments
    except TraitError as problem:
        raise GradingFailed(
            f"c.Variants.assignments in nbgrader_config.py cannot be read ({problem}): write a list such as ['ps1']."
        ) from None
    if strange := sorted(set(config.Variants) - set(Variants.class_trait_names(config=True))):
        raise GradingFailed(
            f"c.Variants.{strange[0]} in nbgrader_config.py is no setting: write c.Variants.assignments."
        )
    if strange := sorted(name for name in set(chosen) if not (course / "source" / name).is_dir()):
        raise GradingFailed(
            f"c.Variants.assignments in nbgrader_config.py has '{strange[0]}', and there is no such assignment in "
            f"{course / 'source'}: correct the name."
        )
    return assignment in chosen


def read_seeds(config: Config, course: Path, assignment: str, students: Iterable[str]) -> Seeds | None:
    """The seeds of an assignment; None where all students share the author's.

    Raises `GradingFailed` where the course's secret is not there or damaged: with another, everybody's seed is another.
    """
    if not has_variants(config, course, assignment):
        return None
    try:
        secret = (course / SECRET).read_text("ascii").strip()
    except FileNotFoundError:
        raise GradingFailed(
            f"{course / SECRET} is not there, from which the students' variants of {assignment} derive: restore it, or "
            f"run `course variants {assignment}` if none were handed out yet."
        ) from None
    except (OSError, UnicodeDecodeError):
        secret = ""
    if not re.fullmatch(r"[0-9a-f]{64}", secret):
        raise GradingFailed(f"{course / SECRET} is damaged or cannot be read: restore it from a copy.")
    return Seeds(bytes.fromhex(secret), assignment, students)


def make_secret(course: Path) -> bool:
    """Make the course's secret where there is none yet, and say whether it was made. Raises `GradingFailed`."""
    try:
        with open(course / SECRET, "x", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(secrets.token_hex(32) + "\n")
    except FileExistsError:
        return False
    except OSError as problem:
        raise GradingFailed(f"{course / SECRET} could not be written ({problem.strerror or problem}).") from None
    return True


def seed_cells(notebook: NotebookNode) -> list[NotebookNode]:
    """The assignment's own cells that say `start(seed=…)`."""
    return [
        cell for cell in notebook.cells if cell.cell_type == "code" and is_locked(cell) and START.search(cell.source)
    ]


def check_seed_cells(notebooks: Mapping[str, NotebookNode], assignment: str) -> None:
    """Raise `GradingFailed` where it is not plain which number of an assignment, form or source, the seed is."""
    counts = [len(START.findall(cell.source)) for nb in notebooks.values() for cell in seed_cells(nb)]
    if not counts or max(counts) > 1 or any(len(seed_cells(notebook)) > 1 for notebook in notebooks.values()):
        raise GradingFailed(
            f"{assignment} cannot have variants, as it must say start(seed=0), once in a notebook, in a read-only cell "
            f"that nbgrader knows: write that, and run `course generate {assignment}` again."
        )


def put_seed(notebook: NotebookNode, seed: int) -> None:
    """Put a seed into the assignment's own cells that say `start(seed=…)`, in place."""
    for cell in seed_cells(notebook):
        cell.source = START.sub(str(seed), cell.source)


def put_given(notebook: NotebookNode, seed: int, of: Iterable[str] = ()) -> None:
    """Write into a submission's metadata the seed that it is judged by, and the students whose it says."""
    notebook.metadata[KEY] = {"seed": seed, "of": list(of)}


def seed_of(notebook: NotebookNode) -> int | None:
    """The seed of a submission that was taken in; None where it is the author's."""
    return notebook.metadata[KEY]["seed"] if KEY in notebook.metadata else None


def notes_for_teachers(notebook: NotebookNode) -> list[Note]:
    """What was noticed of a submission, and whose variant it has, which its student does not read."""
    whose = notebook.metadata.get(KEY, {}).get("of", ())
    return read_notes(notebook) + [Note(State.LOOK, f"The seed is that of {student}.") for student in whose]


def _without(text: str) -> str:
    return " ".join(START.sub("", text).split())


def _name(cell: NotebookNode) -> str | None:
    known = cell.metadata.get("nbgrader")
    return known.get("grade_id") if isinstance(known, dict) else None
