"""Results into the gradebook, by nbgrader's own steps: points, late penalties, comments, regrading are all its own."""

import json
import re
from pathlib import Path

import nbformat
from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbformat.v4 import new_notebook
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from nbgrader.converters import Autograde
from nbgrader.preprocessors import AssignLatePenalties, Execute, NbGraderPreprocessor
from nbgrader.utils import temp_attrs
from traitlets import Unicode

from ..judge.honest import HonestExecute
from ..states import KEY


class TakeResult(NbGraderPreprocessor):
    """Stands where `HonestExecute` does, once a submission has been run elsewhere."""

    file = Unicode(help="The result, as `results.Results` keeps it.").tag(config=True)
    key = Unicode(help="The content that was graded.").tag(config=True)

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> tuple[NotebookNode, ResourcesDict]:
        graded = json.loads(Path(self.file).read_text("utf-8"))[resources["nbgrader"]["notebook"]]
        result = nbformat.reads(graded, as_version=4)
        nb.cells = result.cells
        nb.metadata[KEY] = result.metadata[KEY] | {"key": self.key}
        return nb, resources


def enter_points(api: NbGraderAPI, assignment: str, student: str, file: Path, key: str) -> dict:
    """Write one result into the gradebook and into the folder `autograded`; returns what nbgrader says of it."""
    steps = Autograde(config=api.config).autograde_preprocessors
    taken = [TakeResult if step in (HonestExecute, Execute) else step for step in steps]
    # What comes before has been done where the submission was run.
    with temp_attrs(api.config.Autograde, sanitize_preprocessors=[], autograde_preprocessors=taken):
        api.config.TakeResult.file, api.config.TakeResult.key = str(file), key
        return api.autograde(assignment, student)


def renew_lateness(api: NbGraderAPI, assignment: str, student: str) -> None:
    """Work out anew, by nbgrader's own step, what being late costs: a due date, an extension, the plug-in may differ.

    The time of handing in is read again, too. Nothing is run.
    """
    course = api.coursedir
    try:
        time = course.get_existing_timestamp(course.format_path(course.submitted_directory, student, assignment))
    except Exception:  # a student can write anything there; the intake has said so
        time = None
    with api.gradebook as gradebook:
        if time:
            gradebook.update_or_create_submission(assignment, student, timestamp=time)
        names = [notebook.name for notebook in gradebook.find_submission(assignment, student).notebooks]
    steps = (
        step for step in Autograde(config=api.config).autograde_preprocessors if issubclass(step, AssignLatePenalties)
    )
    for step in steps:
        for name in names:
            about = {"notebook": name, "assignment": assignment, "student": student, "db_url": course.db_url}
            step(config=api.config, log=api.log).preprocess(new_notebook(), {"nbgrader": about})


def score(submission) -> float:
    """A submission's points less what being late costs, as nbgrader exports them."""
    return max(0.0, submission.score - (submission.late_submission_penalty or 0))


def graded_path(api: NbGraderAPI, assignment: str, student: str) -> Path:
    """The folder that a student's graded notebooks are in."""
    return Path(api.coursedir.format_path(api.coursedir.autograded_directory, student, assignment))


def entered(gradebook: Gradebook, folder: Path, assignment: str, student: str) -> str | None:
    """The key of the result that gradebook and graded notebooks in `folder` have of a student; None if not all do."""
    try:
        submission = gradebook.find_submission(assignment, student)
        keys = {
            nbformat.read(folder / f"{notebook.name}.ipynb", as_version=4).metadata[KEY].get("key")
            for notebook in submission.notebooks
        }
    except Exception:  # nothing there, or what a killed run has left: then it is written anew
        return None
    return keys.pop() if len(keys) == 1 else None


def reason(told: dict) -> str:
    """The exception behind a step that did not succeed. nbgrader logs it, then raises one that points to the log."""
    errors = re.findall(r"^\s*([A-Za-z_.]+: .+)$", told.get("log", ""), re.MULTILINE) or [told["error"].strip()]
    return errors[-1].rpartition("\n")[2].rstrip(".")
