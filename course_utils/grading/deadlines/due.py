"""When an assignment is due: typed and shown in the course's time zone, kept in nbgrader's gradebook as UTC."""

import re
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps import NbGraderAPI
from nbgrader.preprocessors import NbGraderPreprocessor
from traitlets.config import Config

from ...errors import GradingFailed
from ..intake.matching import DUE
from ..packing import digest
from .penalty import LatePenalty

_EXAMPLE = '"2030-05-01 23:59" or "2030-05-01 23:59 Europe/Berlin"'


def due_date(api: NbGraderAPI, assignment: str, may_be_new: bool = False) -> datetime | None:
    """The due date in the gradebook, as UTC without a zone; one that `may_be_new` has none. Raises `GradingFailed`."""
    try:
        with api.gradebook as gradebook:
            return gradebook.find_assignment(assignment).duedate
    except MissingEntry:
        if may_be_new:
            return None
        raise GradingFailed(
            f"The gradebook has no '{assignment}': check the name, or run `course generate {assignment}` first."
        ) from None


def course_zone(config: Config) -> tzinfo:
    """The zone of nbgrader's setting `NbGraderAPI.timezone`. Raises `GradingFailed` where there is no such zone."""
    name = config.NbGraderAPI.get("timezone", NbGraderAPI.timezone.default_value)
    return _zone(name, "Mend c.NbGraderAPI.timezone in nbgrader_config.py")


def _zone(name: str, mend: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no such name, no name at all, a folder of names
        raise GradingFailed(f"There is no time zone '{name}' ({mend}: one such as Europe/Berlin or UTC).") from None


def parse_due(text: str, zone: tzinfo) -> datetime:
    """A date and time, of `zone` where none is said, as UTC without a zone. Raises `GradingFailed`.

    An hour that comes twice, when clocks are set back, is the later one.
    """
    parts = text.split()
    try:
        if len(parts) > 1 and parts[-1][0].isalpha():
            zone = _zone(parts.pop(), f"Write {_EXAMPLE}")
        when = datetime.fromisoformat(" ".join(parts))
        if ":" not in text:
            raise ValueError
        if when.tzinfo is None:
            local = when.replace(tzinfo=zone, fold=1)
            if local.astimezone(UTC).astimezone(zone).replace(tzinfo=None, fold=0) != when:
                raise GradingFailed(
                    f"There is no {when:%H:%M} on that day in {zone}, as clocks are set forward: take another hour."
                )
            when = local
        return when.astimezone(UTC).replace(tzinfo=None)
    except (ValueError, OverflowError):
        raise GradingFailed(f"'{text}' is no date with a time of day: write it as {_EXAMPLE}.") from None


def due_text(due: datetime, zone: tzinfo) -> str:
    """A due date, UTC without a zone, for readers in `zone`: "Wednesday, 1 May 2030, 23:59 (Europe/Berlin …)"."""
    utc = due.replace(tzinfo=UTC)
    local = utc.astimezone(zone)
    clock = "%H:%M:%S" if due.second else "%H:%M"
    told = f"{local:%A}, {local.day} {local:%B %Y}, {local.strftime(clock)}"
    if str(zone) == "UTC":
        return f"{told} UTC"
    offset = re.sub(r"(\d\d)(\d\d)$", r"\1:\2", f"{local:%z}")
    return f"{told} ({zone}, UTC{offset}), that is {utc.strftime(f'%Y-%m-%d {clock}')} UTC"


class ShowDueDate(NbGraderPreprocessor):
    """Stands last among `GenerateAssignment.preprocessors`: students read when it is due, and what being late costs.

    It is a cell of its own, the second one, that grading does not look at: an old date in it harms nobody.
    """

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> tuple[NotebookNode, ResourcesDict]:
        about = resources["nbgrader"]
        with Gradebook(about["db_url"]) as gradebook:
            due = gradebook.find_assignment(about["assignment"]).duedate
        if due:
            told = f"{DUE} {due_text(due, course_zone(self.config))}. {LatePenalty(config=self.config).told()}".rstrip()
            name = digest(about["notebook"].encode())[:16]  # one and the same with each release
            place = 1 if nb.cells and nb.cells[0].cell_type == "markdown" else 0
            nb.cells.insert(place, new_markdown_cell(told, id=name))
        return nb, resources
