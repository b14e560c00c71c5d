"""How late a submission was, and what that cost, as the gradebook has it: for the report, the export and the list."""

from collections.abc import Iterable
from datetime import timedelta
from typing import NamedTuple

from nbgrader.api import SubmittedAssignment
from nbgrader.apps import NbGraderAPI

from ..batch.bookkeeping import renew_lateness
from .penalty import in_points


class Lateness(NamedTuple):
    """`late` is the time after the due date, of which an `extension` is part already; `penalty` the points lost."""

    late: timedelta
    extension: timedelta
    penalty: float

    def says(self) -> str:
        """Words such as "1 day 3 hours late, extension of 2 days, 4 points less"; empty where nothing is to be said."""
        told = [f"{span(self.late)} late"] if self.late else []
        told += [f"extension of {span(self.extension)}"] if self.extension else []
        told += [f"{in_points(self.penalty)} less"] if self.penalty else []
        return ", ".join(told)


def lateness(submission: SubmittedAssignment) -> Lateness:
    """What the gradebook says of a submission; one of an assignment that is never due is not late."""
    late = submission.total_seconds_late if submission.assignment.duedate else 0
    cost = min(submission.late_submission_penalty or 0, max(submission.score, 0))
    return Lateness(timedelta(seconds=late), submission.extension or timedelta(0), cost)


def span(time: timedelta) -> str:
    """A time in words, its two largest units: "1 day 3 hours"; rounded down."""
    minutes, seconds = divmod(int(time.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    units = {"day": days, "hour": hours, "minute": minutes, "second": seconds}
    told = [f"{number} {name}{'' if number == 1 else 's'}" for name, number in units.items() if number]
    return " ".join(told[:2]) or "less than a second"


def renew(api: NbGraderAPI, assignment: str, students: Iterable[str]) -> list[str]:
    """Work out anew what being late costs those who are graded, and say for whom it is another than before."""
    says = []
    for student in sorted(set(students) & api.get_autograded_students(assignment)):
        before = _cost(api, assignment, student)
        renew_lateness(api, assignment, student)
        now = _cost(api, assignment, student)
        if now != before:
            says.append(f"{student} loses {in_points(now)} for being late, and not {before:g}.")
    if says:
        says.append(f"For feedback that was made before, run `nbgrader generate_feedback {assignment} --force` again.")
    return says


def renew_late(api: NbGraderAPI, assignment: str) -> list[str]:
    """Do so for those who were late, and not for an assignment that the gradebook does not have.

    A person may have given points since they were graded, of which a share is lost, too.
    """
    with api.gradebook as gradebook:
        there = {known.name: known for known in gradebook.assignments if known.duedate}
        late = (
            {s.student.id for s in there[assignment].submissions if s.total_seconds_late} if assignment in there else ()
        )
    return renew(api, assignment, late)


def _cost(api: NbGraderAPI, assignment: str, student: str) -> float:
    with api.gradebook as gradebook:
        return lateness(gradebook.find_submission(assignment, student)).penalty
