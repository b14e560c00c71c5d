"""More time for some: nbgrader's own extensions, which may be given before anything is handed in, and after grading.

nbgrader keeps an extension with a submission. Until there is one it waits in the course's extensions.json.
"""

import json
from datetime import timedelta
from pathlib import Path

from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.coursedir import CourseDirectory
from nbgrader.plugins import BasePlugin
from nbgrader.preprocessors import AssignLatePenalties
from traitlets import Type

from ...errors import GradingFailed
from ...root import written_whole
from .penalty import LatePenalty

FILE = "extensions.json"


def read_waiting(course: Path, assignment: str) -> dict[str, timedelta]:
    """The extensions of students who have not handed the assignment in. Raises `GradingFailed`."""
    return _read(course).get(assignment, {})


def _read(course: Path) -> dict[str, dict[str, timedelta]]:
    file = course / FILE
    try:
        told = json.loads(file.read_text("utf-8"))
        return {name: {who: timedelta(seconds=seconds) for who, seconds in some.items()} for name, some in told.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, TypeError, AttributeError, OverflowError):
        raise GradingFailed(f"{file} is damaged: mend it, or delete it and give the extensions once more.") from None


def keep_waiting(course: Path, assignment: str, waiting: dict[str, timedelta]) -> None:
    """Keep the extensions of those who have not handed the assignment in, all of them. Raises `GradingFailed`."""
    there = _read(course)
    if waiting == there.get(assignment, {}):
        return
    told = {
        name: {who: by.total_seconds() for who, by in sorted(some.items())}
        for name, some in sorted((there | {assignment: waiting}).items())
        if some
    }
    try:
        with written_whole(course / FILE) as beside:
            beside.write_text(json.dumps(told, indent=1, ensure_ascii=False), "utf-8")
    except OSError as problem:
        raise GradingFailed(f"{course / FILE} could not be written ({problem.strerror or problem}).") from None


def granted(api: NbGraderAPI, assignment: str) -> dict[str, timedelta]:
    """Every extension of an assignment by student, those that wait for a submission, too. Raises `GradingFailed`."""
    with api.gradebook as gradebook:
        there = {s.student.id: s.extension for s in gradebook.assignment_submissions(assignment) if s.extension}
    return dict(sorted((read_waiting(Path(api.coursedir.root), assignment) | there).items()))


class LatePenalties(AssignLatePenalties):
    """Takes the place of `AssignLatePenalties`: an extension that waited counts, and a submission's notebooks together.

    `plugin_class` is `LatePenalty` where the course sets no other.
    """

    plugin_class = Type(LatePenalty, klass=BasePlugin, help="What works out the penalty.").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> tuple[NotebookNode, ResourcesDict]:
        about = resources["nbgrader"]
        assignment, student = about["assignment"], about["student"]
        course = Path(CourseDirectory(config=self.config).root)
        waiting = read_waiting(course, assignment)
        with Gradebook(about["db_url"]) as gradebook:
            submission = gradebook.find_submission(assignment, student)
            names = sorted(notebook.name for notebook in submission.notebooks)
            if student in waiting:
                submission.extension = waiting.pop(student)
                gradebook.db.commit()
                keep_waiting(course, assignment, waiting)
        for name in names:  # what one loses depends on the points of all
            super().preprocess(nb, {"nbgrader": about | {"notebook": name}})
        return nb, resources
