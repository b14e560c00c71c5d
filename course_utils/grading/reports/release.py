"""Feedback into nbgrader's exchange, where students find it for notebooks that they have named otherwise, too."""

import glob
import re
import shutil
from pathlib import Path

from nbgrader.exchange.default import ExchangeReleaseFeedback
from nbgrader.utils import notebook_hash


class ReleaseFeedback(ExchangeReleaseFeedback):
    """nbgrader's step, as `ExchangeFactory.release_feedback`, with a page for each notebook that was handed in.

    Whoever fetches looks for a page of each of these, by its name; *Assignment List* links to none where one is
    missing. A notebook with a name that the assignment does not have gets a copy of the assignment's page.
    """

    def copy_files(self) -> None:
        super().copy_files()
        course, assignment = self.coursedir, self.coursedir.assignment_id
        pattern = course.format_path(course.feedback_directory, "(?P<student>.*)", assignment, escape=True)
        left_out = course.student_id_exclude.split(",") if course.student_id_exclude else []
        for folder in glob.glob(self.src_path):
            student = re.fullmatch(pattern, folder)["student"]
            pages = {page.stem: page for page in sorted(Path(folder).glob("*.html"))}
            if pages and student not in left_out:
                secret = (Path(folder) / "submission_secret.txt").read_text("utf-8")
                handed_in = Path(course.format_path(course.submitted_directory, student, assignment))
                for name in sorted({path.stem for path in handed_in.glob("*.ipynb")} - pages.keys()):
                    like = next((known for known in pages if name.startswith(known)), min(pages))
                    self._put(pages[like], notebook_hash(secret=secret, notebook_id=name))

    def _put(self, page: Path, name: str) -> None:
        """Copy a page into the exchange, whole or not at all."""
        beside = Path(self.dest_path) / f"{name}-tmp.html"
        shutil.copy(page, beside)
        beside.replace(beside.with_name(f"{name}.html"))
