"""Whose a file of a download is: by the platform's number, by the name, by the group."""

from dataclasses import dataclass

from .names import Piece
from .roster import WHERE, Person, plain, unaccented

_GROUP = (
    "Canvas calls the work of {} '{}': if that is a group, the others in it got nothing, so collect again with the "
    "group's table as --roster (People, the set of groups, Import, Download Course Roster CSV)."
)


@dataclass(frozen=True)
class Owners:
    """The students of a file, with a sentence where that needs a look; without students, the end of one: why, and what
    to do."""

    people: tuple[Person, ...]
    says: str = ""


def owners(people: list[Person], piece: Piece, system: str) -> Owners:
    """Whose a file is. A number counts, unless the name is another student's; a name, where only one has it."""
    if not piece.name and not piece.number:
        return Owners((), "Canvas hides the names, so end its anonymous grading of this assignment, and download again")
    key = plain(piece.name)
    if group := [person for person in people if person.group and plain(person.group) == key]:
        return Owners(tuple(group))
    named = [person for person in people if key in person.keys]
    named = named or [person for person in people if unaccented(key) in map(unaccented, person.keys)]
    numbered = [person for person in people if piece.number and person.numbers.get(system) == piece.number]
    both = [person for person in numbered if person in named]
    if len(both) == 1 or (len(named) == 1 and not numbered):
        return Owners(tuple(both or named))
    if len(numbered) == 1 and not named and _is_number_enough(numbered[0], piece, system):
        (person,) = numbered
        return Owners((person,), _GROUP.format(person.student, piece.name) if system == "canvas" else "")
    return Owners((), _why_not(named, numbered, piece, system))


def _is_number_enough(person: Person, piece: Piece, system: str) -> bool:
    """Moodle's numbers are those of one assignment, and groups have numbers of the same kind, so names must agree;
    where it hides them, all are called alike."""
    return system != "moodle" or not person.keys or plain(piece.name) == "participant"


def _why_not(named: list[Person], numbered: list[Person], piece: Piece, system: str) -> str:
    if named and numbered:
        return (
            f"by its number it is {_listed(numbered)}'s and by its name {_listed(named)}'s: give the --roster of this "
            f"very assignment ({WHERE[system]})"
        )
    worksheet = f"give as --roster the worksheet of this assignment ({WHERE['moodle']})"
    told = f"say whose it is with `nbgrader db student add STUDENT --lms-user-id {piece.number}`, and collect again"
    if len(named) > 1:
        return f"{_listed(named)} have that name: {worksheet if system == 'moodle' else told}"
    if system == "moodle" and numbered:
        return f"that number is {_listed(numbered)}'s, or a group's: {worksheet}, with its column Group"
    nobody = f"nobody in the roster or the gradebook has that name: give a newer --roster ({WHERE[system]})"
    return nobody if system == "moodle" else f"{nobody}, or {told}"


def _listed(people: list[Person]) -> str:
    return " and ".join(sorted(person.student for person in people))
