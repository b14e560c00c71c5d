"""Who is in a class: by nbgrader's gradebook, and by a table that a platform exports."""

import csv
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from nbgrader.api import Gradebook

from ...errors import GradingFailed
from .names import local_time

# By what it says: a column's names in Canvas's gradebook and its roster of groups, in Moodle's grading worksheet and
# its list of participants, in Brightspace's export of grades and its list of groups.
_COLUMNS = {
    "canvas": ("id", "canvas_user_id"),
    "moodle": ("identifier",),
    "login": ("sis login id", "login_id", "username"),
    "sis": ("sis user id", "user_id", "orgdefinedid", "id number"),
    "name": ("student", "name", "full name"),
    "first": ("first name", "firstname"),
    "last": ("last name", "surname", "lastname"),
    "email": ("email address", "email"),
    "group": ("group_name", "group", "groupname"),
    "time": ("last modified (submission)",),
}
WHERE = {
    "canvas": "in Canvas, choose Grades, Export",
    "moodle": "in Moodle, open the assignment, choose Submissions, Actions, Download grading worksheet",
    "brightspace": "in Brightspace, choose Grades, Enter Grades, Export, with both key fields and the users' names",
}
_TEST_STUDENT = "Student, Test"  # Canvas's, in each of its courses


@dataclass
class Person:
    """A student: `student` is nbgrader's name, `numbers` has a platform's own, `keys` names in the form of `plain`."""

    student: str
    name: str = ""
    numbers: dict[str, str] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    about: dict[str, str] = field(default_factory=dict)  # what the gradebook may keep
    group: str = ""
    time: datetime | None = None
    listed: bool = False
    by_name: bool = False  # known to be one of the gradebook's by the name alone
    is_test: bool = False


def plain(name: str) -> str:
    """A name's letters, digits and marks, in small letters: platforms leave out the rest."""
    told = unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())
    return "".join(character for character in told if unicodedata.category(character)[0] in "LNM")


def unaccented(key: str) -> str:
    """A name in the form of `plain`, without the marks on its letters."""
    told = unicodedata.normalize("NFD", key)
    return "".join(character for character in told if unicodedata.category(character)[0] != "M")


def read_table(file: Path) -> tuple[list[str], list[dict[str, str]]]:
    """The columns and rows of a CSV file; none where there is no such file, or it is something else."""
    try:
        with file.open(newline="", encoding="utf-8-sig") as opened:
            first = opened.readline()
            opened.seek(0)
            # Canvas writes semicolons for those who write decimal commas.
            read = csv.DictReader(opened, restval="", delimiter=max(",;\t", key=first.count))
            return list(read.fieldnames or []), list(read)
    except (OSError, UnicodeDecodeError, csv.Error):
        return [], []


def read_people(gradebook: Gradebook, roster: Path | None) -> list[Person]:
    """The students of the gradebook and of a roster, each once. Raises `GradingFailed` where it is no roster."""
    people = []
    for student in gradebook.students:
        first, last = student.first_name or "", student.last_name or ""
        person = Person(student.id, f"{first} {last}".strip(), keys=_keys("", first, last), listed=roster is None)
        if student.lms_user_id:
            person.numbers = {"canvas": student.lms_user_id, "brightspace": student.lms_user_id}
        person.about = {"email": student.email or ""}
        people.append(person)
    rows = list(_rows(roster)) if roster else []
    names = Counter(plain("".join(_first_and_last(told))) for told in rows)
    for told in rows:
        _enter(people, told, names[plain("".join(_first_and_last(told)))] == 1)
    return people


def _rows(roster: Path) -> Iterable[dict[str, str]]:
    columns, rows = read_table(roster)
    known = {(column or "").strip().casefold(): column for column in columns}
    found = {what: known[name] for what, names in _COLUMNS.items() for name in names[::-1] if name in known}
    if not ({"name"} <= found.keys() or {"first", "last"} <= found.keys()) or not found.keys() & {
        "canvas",
        "moodle",
        "login",
        "sis",
        "email",
    }:
        raise GradingFailed(
            f"{roster} is no roster that can be read, with a column of names and one of numbers, user names or e-mail "
            f"addresses in English: {'; '.join(WHERE.values())}."
        )
    for row in rows:
        told = {what: (row[column] or "").strip().lstrip("#") for what, column in found.items()}
        for system in ("canvas", "moodle"):
            told[system] = (re.search(r"\d+$", told.get(system, "")) or [""])[0]
        if any(told.get(what) for what in ("canvas", "moodle", "login", "sis", "email")):
            yield told


def _first_and_last(told: dict[str, str]) -> tuple[str, str]:
    last, _, first = told.get("name", "").partition(",")
    return (first.strip() or told.get("first", ""), last.strip() if first else told.get("last") or last.strip())


def _enter(people: list[Person], told: dict[str, str], named_alone: bool) -> None:
    """Add what a row of a roster says, to whom the gradebook has where that is beyond doubt."""
    login, sis, email, number = (told.get(what, "") for what in ("login", "sis", "email", "canvas"))
    first, last = _first_and_last(told)
    keys = _keys(told.get("name", ""), first, last)
    mine = [p for one in (login, sis, email) if one for p in people if p.student == one][:1]
    mine = mine or [p for p in people if number and p.numbers.get("canvas") == number]
    mine = mine or [p for p in people if email and p.about.get("email", "").casefold() == email.casefold()]
    by_name = not mine
    mine = mine or [p for p in people if named_alone and not p.listed and p.keys & keys]
    if len(mine) != 1:
        by_name = False
        student = login or sis or email or (f"canvas-{number}" if number else f"{first} {last}")
        student = re.sub(r"[/\\[\]*?\0]", "_", student).strip(". ") or "student"  # a folder's name, and no pattern
        mine = [Person(student)]
        people.extend(mine)
    (person,) = mine
    person.name, person.by_name = f"{first} {last}".strip() or person.name, by_name
    person.keys |= keys
    person.numbers |= {system: told[system] for system in ("canvas", "moodle") if told[system]}
    person.group, person.listed = told.get("group", ""), True
    person.is_test = told.get("name") == _TEST_STUDENT
    person.time = local_time(told.get("time", ""))
    person.about = {"first_name": first, "last_name": last, "email": email, "lms_user_id": number}


def _keys(name: str, first: str, last: str) -> set[str]:
    return {plain(told) for told in (name, f"{first}{last}", f"{last}{first}")} - {""}


def keep_people(gradebook: Gradebook, people: Iterable[Person]) -> list[str]:
    """Write into the gradebook what it lacks of these, and return those that are new; what it has stays."""
    known = {student.id: student for student in gradebook.students}
    for person in people:
        there = known.get(person.student)
        named = there and (there.first_name or there.last_name)
        fields = {what: text for what, text in person.about.items() if text and not getattr(there, what, None)}
        if named:  # a roster may have both names in one
            fields = {what: text for what, text in fields.items() if not what.endswith("_name")}
        if fields or not there:
            gradebook.update_or_create_student(person.student, **fields)
    return sorted({person.student for person in people} - known.keys())


def group_members(gradebook: Gradebook, roster: Path, group: str) -> list[str]:
    """The students of a group, by a roster that tells groups. Raises `GradingFailed` where it has no such group."""
    groups: dict[str, list[str]] = {}
    for person in read_people(gradebook, roster):
        if person.group:
            groups.setdefault(person.group, []).append(person.student)
    found = next((members for name, members in groups.items() if plain(name) == plain(group)), None)
    if not found:
        raise GradingFailed(f"{roster} has no group '{group}': there are {', '.join(sorted(groups)) or 'none in it'}.")
    return found
