"""Grades for learning management systems, as nbgrader's own kind of plugin (`nbgrader export --exporter=…`).

A student who handed nothing in gets an empty field, not 0: late, ill or lazy is not for a file to decide.
"""

import csv
from collections.abc import Iterable, Iterator
from pathlib import Path

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.plugins import ExportPlugin
from traitlets import Unicode

from ...errors import GradingFailed
from ..batch.bookkeeping import score
from ..deadlines.lateness import lateness
from .roster import read_table


class _Export(ExportPlugin):
    """What both have in common: which assignments, and the points of each student."""

    def __init__(self, **settings):
        super().__init__(**settings)
        self.remarks: list[str] = []

    def _chosen(self, gradebook: Gradebook) -> dict[str, float]:
        """Assignments to export, in order, with the points that they give at most. Raises `GradingFailed`."""
        there = {assignment.name: assignment.max_score for assignment in gradebook.assignments}
        for name in self.assignment:
            if name not in there:
                raise GradingFailed(
                    f"The gradebook has no '{name}': choose from {', '.join(there) or 'none, as it is empty'}."
                )
        if not there or not gradebook.students:
            raise GradingFailed("The gradebook has no assignments or no students yet: there is nothing to export.")
        return {name: there[name] for name in map(str, self.assignment or there)}

    def _points(self, gradebook: Gradebook, assignment: str, student: str) -> str:
        try:
            return f"{score(gradebook.find_submission(assignment, student)):g}"
        except MissingEntry:
            return ""

    def _late(self, gradebook: Gradebook, assignment: str, student: str) -> str:
        try:
            return lateness(gradebook.find_submission(assignment, student)).says()
        except MissingEntry:
            return ""

    def _tell_late(self, gradebook: Gradebook, assignments: Iterable[str]) -> None:
        for name in assignments:
            told = {student.id: self._late(gradebook, name, student.id) for student in self._students(gradebook)}
            if late := "; ".join(f"{student} ({says})" for student, says in told.items() if says):
                self.remarks.append(f"Late or with an extension in {name}, which its points allow for: {late}.")

    def _students(self, gradebook: Gradebook) -> Iterator:
        wanted = set(map(str, self.student))
        return (student for student in gradebook.students if not wanted or student.id in wanted)

    def _write(self, rows: list[list[str]], default: str) -> None:
        path = Path(self.to or default)
        try:
            with path.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows(rows)
        except OSError as problem:
            why = problem.strerror or problem
            raise GradingFailed(
                f"{path} could not be written ({why}): close it elsewhere, or give another --to."
            ) from None


class MoodleExport(_Export):
    """For Moodle's "Grades, Import, CSV file": map `username` (or the e-mail address) to the user, and each
    assignment to its grade item."""

    def export(self, gradebook: Gradebook) -> None:
        """Write `to`, by default moodle.csv. Raises `GradingFailed` where the gradebook lacks an assignment."""
        assignments = self._chosen(gradebook)
        rows = [["username", "Email address", "First name", "Last name", *assignments]]
        for student in self._students(gradebook):
            points = [self._points(gradebook, assignment, student.id) for assignment in assignments]
            who = [student.id, student.email, student.first_name, student.last_name]
            rows.append([text or "" for text in who] + points)
        self._tell_late(gradebook, assignments)
        self._write(rows, "moodle.csv")


# The columns by which Canvas knows a student, in its own file's order.
_STUDENT, _ID, _SIS, _LOGIN, _SECTION = "Student", "ID", "SIS User ID", "SIS Login ID", "Section"
_POSSIBLE = "Points Possible"


class CanvasExport(_Export):
    """For "Import" in Canvas's gradebook.

    Canvas knows students by numbers and sections of its own, so the file that its gradebook exports is filled in where
    `roster` names one: students are found by their login, their SIS number, or Canvas's number (nbgrader's
    `lms_user_id`), assignments by the name of their column. An assignment without a column gets a new one, of which
    Canvas makes a new assignment.
    """

    roster = Unicode("", help="The CSV file that Canvas's gradebook exported.").tag(config=True)

    def export(self, gradebook: Gradebook) -> None:
        """Write `to`, by default canvas.csv; `remarks` then says what is odd. Raises `GradingFailed` where the
        gradebook lacks an assignment or students, or where `roster` is no such file or has none of the students."""
        assignments = self._chosen(gradebook)
        columns, rows = self._filed() if self.roster else self._listed(gradebook)
        places = {name: _column(columns, name) or name for name in assignments}
        everybody = list(self._students(gradebook))
        logins = {student.id: student.id for student in everybody}
        numbers = {student.lms_user_id: student.id for student in everybody if student.lms_user_id}
        found = set()
        for row in rows:
            if row[_STUDENT].strip() == _POSSIBLE:
                for name, most in assignments.items():
                    row[places[name]] = there = row.get(places[name]) or f"{most:g}"
                    if not _is(there, most):
                        self.remarks.append(f"In Canvas, {name} gives {there} points at most, and here {most:g}.")
                continue
            student = logins.get(row.get(_LOGIN)) or logins.get(row.get(_SIS)) or numbers.get(row.get(_ID))
            if student:
                found.add(student)
                for name, column in places.items():  # what was entered in Canvas stays where there is nothing here
                    row[column] = self._points(gradebook, name, student) or row.get(column)
        if not found:
            raise GradingFailed(
                f"None of the gradebook's students is in {self.roster}: nbgrader's student names must be Canvas's "
                "login names or SIS numbers, or Canvas's numbers stand as lms_user_id."
            )
        if lost := sorted(set(logins) - found):
            self.remarks.append(f"Not in {self.roster}, and so without a grade in Canvas: {', '.join(lost)}.")
        self._tell_late(gradebook, assignments)
        heads = [*(c for c in columns if c in (_STUDENT, _ID, _SIS, _LOGIN, _SECTION)), *places.values()]
        self._write([heads, *([row.get(head) or "" for head in heads] for row in rows)], "canvas.csv")

    def _filed(self) -> tuple[list[str], list[dict[str, str]]]:
        columns, rows = read_table(Path(self.roster))
        if not {_STUDENT, _ID, _SECTION} <= set(columns):
            raise GradingFailed(
                f"{self.roster} is no file that Canvas's gradebook exported: in Canvas, choose Grades, Export, and "
                "give the CSV file that comes."
            )
        return columns, rows

    def _listed(self, gradebook: Gradebook) -> tuple[list[str], list[dict[str, str]]]:
        rows = [{_STUDENT: f"    {_POSSIBLE}"}]
        for student in gradebook.students:
            name = ", ".join(part for part in (student.last_name, student.first_name) if part) or student.id
            rows.append({_STUDENT: name, _ID: student.lms_user_id or "", _LOGIN: student.id})
        return [_STUDENT, _ID, _SIS, _LOGIN, _SECTION], rows


def _is(text: str, number: float) -> bool:
    """Whether a field, "5.0" or "5,0", holds this number."""
    try:
        return float(text.replace(",", ".")) == number
    except ValueError:
        return False


def _column(columns: list[str], assignment: str) -> str | None:
    """The column of an assignment: Canvas puts its number behind the name, as in "ps1 (4711)"."""
    return next((c for c in columns if c == assignment or c.rpartition(" (")[0] == assignment), None)


FORMATS = {"canvas": CanvasExport, "moodle": MoodleExport}
