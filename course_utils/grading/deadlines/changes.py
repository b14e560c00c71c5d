"""What an instructor changes of deadlines, before and after grading: the due date, and extensions of it."""

from collections.abc import Collection
from datetime import timedelta
from pathlib import Path

from nbgrader.api import MissingEntry
from nbgrader.apps import NbGraderAPI

from ...errors import GradingFailed
from ..batch.submissions import check_name
from .due import course_zone, due_date, due_text, parse_due
from .extensions import granted, keep_waiting, read_waiting
from .lateness import renew, span
from .penalty import check_settings


def set_due(api: NbGraderAPI, assignment: str, when: str) -> list[str]:
    """Give an assignment a due date, or none for "none", work out anew what being late costs, and say all that.

    Raises `GradingFailed` where the date cannot be read, or is taken away while students have extensions of it.
    """
    check_name(assignment)
    check_settings(api)
    new = Path(api.coursedir.format_path(api.coursedir.source_directory, ".", assignment)).is_dir()
    there = due_date(api, assignment, may_be_new=new)
    given = None if when.strip().casefold() == "none" else parse_due(when, course_zone(api.config))
    if there and given is None and (who := " ".join(granted(api, assignment))):
        raise GradingFailed(
            f"{assignment} keeps its due date, as some have an extension of it: take these back first (course extend "
            f"{assignment} {who} --days 0)."
        )
    with api.gradebook as gradebook:
        gradebook.update_or_create_assignment(assignment, duedate=given)
    says = told_due(api, assignment)
    if given != there:
        says += renew(api, assignment, api.get_autograded_students(assignment))
        if Path(api.coursedir.format_path(api.coursedir.release_directory, ".", assignment)).is_dir():
            says.append(f"Students read it in the next release: run `course generate {assignment}`.")
    return says


def told_due(api: NbGraderAPI, assignment: str) -> list[str]:
    """When an assignment is due, and who has how much more time. Raises `GradingFailed`."""
    due = due_date(api, assignment)
    if not due:
        return [f"{assignment} has no due date."]
    says = [f"{assignment} is due {due_text(due, course_zone(api.config))}."]
    return says + [f"{student} has {span(by)} more." for student, by in granted(api, assignment).items()]


def extend(api: NbGraderAPI, assignment: str, students: Collection[str], by: timedelta) -> list[str]:
    """Give students an extension in place of any they had (none at all where `by` is zero), and say what became of it.

    Those who are graded get their penalty worked out anew; for those who handed nothing in it waits. Raises
    `GradingFailed`, and changes nothing, where somebody is not known or the assignment has no due date.
    """
    check_name(assignment)
    check_settings(api, extensions=bool(by))
    course, due = Path(api.coursedir.root), due_date(api, assignment)
    if not due and by:
        raise GradingFailed(
            f"{assignment} has no due date, so there is nothing to extend: give it one first (course due {assignment} "
            "…)."
        )
    with api.gradebook as gradebook:
        known = {student.id for student in gradebook.students} | api.get_submitted_students(assignment)
    if strange := sorted(set(students) - known):
        raise GradingFailed(
            f"Nobody got an extension, as the gradebook does not have {', '.join(strange)}: check the names (nbgrader "
            "db student list), or enter who is new (nbgrader db student import students.csv)."
        )
    try:
        until = due + by if due else None
    except OverflowError:
        raise GradingFailed(f"The calendar ends before that: give {assignment} less time.") from None
    waiting = read_waiting(course, assignment)
    with api.gradebook as gradebook:
        for student in students:
            waiting.pop(student, None)
            try:
                gradebook.find_submission(assignment, student).extension = by or None
            except MissingEntry:
                if by:
                    waiting[student] = by
        gradebook.db.commit()
    keep_waiting(course, assignment, waiting)
    who = ", ".join(dict.fromkeys(students))
    if not by:
        says = [f"{who}: no extension of {assignment}."]
    else:
        says = [f"{who}: {span(by)} more for {assignment}, until {due_text(until, course_zone(api.config))}."]
    return says + renew(api, assignment, students)


def check_deadlines(api: NbGraderAPI, assignment: str) -> None:
    """Raise `GradingFailed` where what being late costs could not be worked out, before anything is graded."""
    check_settings(api, extensions=bool(read_waiting(Path(api.coursedir.root), assignment)))
    if not due_date(api, assignment) and (who := ", ".join(granted(api, assignment))):
        raise GradingFailed(
            f"{assignment} has no due date, but {who} an extension of it: give it one (course due {assignment} …), or "
            "take the extensions back (course extend … --days 0)."
        )
