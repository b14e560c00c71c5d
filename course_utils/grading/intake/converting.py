"""nbgrader's own way, `nbgrader autograde` and Formgrader's button: it, too, reads what the intake has made."""

import glob
import re
import tempfile
from pathlib import Path

import nbgrader.apps.api
import nbgrader.apps.autogradeapp
from nbgrader import converters
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.utils import find_all_files, temp_attrs

from ...errors import GradingFailed
from ..seeds import check_seed_cells, read_seeds
from .preflight import forms
from .take_in import take_in


class Autograde(converters.Autograde):
    """nbgrader's step, which reads submissions where `take_in` has put them; what was handed in stays as it is.

    It has the name of nbgrader's class, and so its settings.
    """

    _taken: str | None = None  # a folder in the course's, as nbgrader knows its steps

    @property
    def _input_directory(self) -> str:
        return self._taken if self._taken and self._sanitizing else super()._input_directory

    def start(self) -> None:
        root = Path(self.coursedir.root)
        with tempfile.TemporaryDirectory(prefix=".taken-in-", dir=root) as folder:
            self._take_in(Path(folder).name)
            super().start()

    def init_assignment(self, assignment_id: str, student_id: str) -> None:
        # It gives 0 points by hand to a notebook that is not in the folder of the step before.
        with temp_attrs(self.coursedir, submitted_directory=self._taken or self.coursedir.submitted_directory):
            super().init_assignment(assignment_id, student_id)

    def _take_in(self, step: str) -> None:
        course = self.coursedir
        try:
            with Gradebook(course.db_url, course.course_id) as gradebook:
                wanted = forms(gradebook, course, course.assignment_id)
                known = {student.id for student in gradebook.students}
        except MissingEntry:
            return  # which nbgrader says in its own words
        source = course.format_path(course.source_directory, ".", course.assignment_id)
        own = [str(Path(file).relative_to(source)) for file in find_all_files(source, [*course.ignore, "*.ipynb"])]
        pattern = course.format_path(course.submitted_directory, "(?P<student>.*)", course.assignment_id, escape=True)
        handed_in = glob.glob(course.format_path(course.submitted_directory, course.student_id, course.assignment_id))
        folders = {re.fullmatch(pattern, folder)["student"]: folder for folder in handed_in}
        try:
            if seeds := read_seeds(self.config, Path(course.root), course.assignment_id, known | folders.keys()):
                check_seed_cells(wanted, course.assignment_id)
        except GradingFailed as problem:
            self.log.error("%s", problem)
            raise converters.NbGraderException(str(problem)) from None
        for student, folder in folders.items():
            into = Path(course.format_path(step, student, course.assignment_id))
            try:
                take_in(Path(folder), into, wanted, own, seeds.variant(student) if seeds else None)
            except Exception as problem:  # of one submission; the others go on
                self.log.error("The files of %s could not be taken in: %r", student, problem)
        self._taken = step


def stand_in() -> None:
    """Have nbgrader take this class for its own: it has no setting for that."""
    nbgrader.apps.api.Autograde = nbgrader.apps.autogradeapp.Autograde = Autograde
