"""How the grading of a submission ended, and what a person should know of it."""

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple

from nbformat import NotebookNode

KEY = "grading"  # where the metadata of a graded notebook keep it


class State(StrEnum):
    """Every submission ends in one of these; the further down, the more it asks for a look."""

    GRADED = "graded"
    REPAIRED = "graded with repairs"
    LOOK = "needs a look"
    TIMEOUT = "timeout"
    CRASHED = "crashed"
    TAMPERED = "tampered"
    UNREADABLE = "unreadable"


NEEDS_A_LOOK = (State.LOOK, State.TIMEOUT, State.CRASHED, State.TAMPERED, State.UNREADABLE)


class Note(NamedTuple):
    """One thing that the grader noticed: the state that it leads to, and a sentence."""

    state: State
    says: str


def worst(notes: Iterable[Note]) -> State:
    """The state of a submission of which this was noticed."""
    order = list(State)
    return max((note.state for note in notes), key=order.index, default=State.GRADED)


def read_notes(notebook: NotebookNode) -> list[Note]:
    """What was noticed of a notebook so far. Whatever else its metadata hold there, a student wrote: it is nothing."""
    told = notebook.metadata.get(KEY)
    notes = told.get("notes") if isinstance(told, dict) else None
    found = []
    for note in notes if isinstance(notes, list) else []:
        try:
            state, says = note
            found.append(Note(State(state), str(says)))
        except (TypeError, ValueError):
            continue
    return found


def write_notes(notebook: NotebookNode, notes: Iterable[Note]) -> None:
    """Keep notes, each once, and the state that they lead to."""
    notes = list(dict.fromkeys(notes))
    notebook.metadata[KEY] = {"state": str(worst(notes)), "notes": [[str(state), says] for state, says in notes]}
