"""Marking by hand in Formgrader: answers offer the lines of a rubric, and the comments that they got before.

On top stands what being late costs, which Formgrader does not tell.

Formgrader's page is an nbconvert template; `by_hand.html.j2` adds to it, and fills the page's own fields.
"""

import re
import tomllib
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from pathlib import Path

from nbconvert.exporters.exporter import ResourcesDict
from nbconvert.preprocessors import Preprocessor
from nbformat import NotebookNode
from nbgrader.api import BaseCell, Comment, Grade, Gradebook, SubmittedNotebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.utils import is_grade, is_solution, is_task

from ...errors import GradingFailed
from ..deadlines.lateness import lateness

FOLDER = "rubrics"  # in the course's: ps1.toml and others
_MOST = 20  # earlier comments that are offered for one answer
_LINE = re.compile(r"\s*([+-]?\d+(?:\.\d+)?)\s*:\s*(\S.*?)\s*", re.DOTALL)


@dataclass(frozen=True)
class Line:
    """Points and a sentence: of a rubric, or of an earlier comment with the points given then, which `times` had."""

    points: float | None
    text: str
    times: int = 0


@dataclass
class Offers:
    """What is offered for an answer of at most `most` points; `most` is None where its points are given by tests."""

    most: float | None
    rubric: list[Line] = field(default_factory=list)
    earlier: list[Line] = field(default_factory=list)


def read_rubric(course: Path, assignment: str) -> dict[str, list[Line]]:
    """The lines of an assignment's rubric by grade_id; none without a file. Raises `GradingFailed`."""
    file = course / FOLDER / f"{assignment}.toml"
    try:
        told = tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as problem:
        raise GradingFailed(f"The rubric {file} cannot be read ({str(problem).splitlines()[0]}): mend it.") from None
    found: dict[str, list[Line]] = {}
    for cell, lines in told.items():
        for line in lines if isinstance(lines, list) else [lines]:
            read = _LINE.fullmatch(line) if isinstance(line, str) else None
            if not read:
                raise GradingFailed(
                    f"The rubric {file} has for '{cell}' a line that is not points, a colon and a sentence "
                    f"({str(line)[:60]!r}): mend it."
                )
            found.setdefault(cell, []).append(Line(float(read[1]), " ".join(read[2].split())))
    return found


def earlier_comments(gradebook: Gradebook, assignment: str, notebook: str, but: str = "") -> dict[str, list[Line]]:
    """Comments by hand on a notebook's answers, by grade_id, the commonest first, with the points given with each.

    The submission with the id `but` is left out.
    """
    known = gradebook.find_notebook(notebook, assignment)

    def of_all(kind: type, *columns) -> list:
        query = gradebook.db.query(kind.notebook_id, BaseCell.name, *columns).join(
            BaseCell, kind.cell_id == BaseCell.id
        )
        query = query.join(SubmittedNotebook, kind.notebook_id == SubmittedNotebook.id)
        return query.filter(SubmittedNotebook.notebook_id == known.id, SubmittedNotebook.id != but).all()

    points = {(submission, name): score for submission, name, score in of_all(Grade, Grade.manual_score)}
    counted: dict[str, Counter] = defaultdict(Counter)
    for submission, name, text in of_all(Comment, Comment.manual_comment):
        if text and text.strip():
            counted[name][text.strip(), points.get((submission, name))] += 1
    return {
        name: [Line(score, text, times) for (text, score), times in sorted(some.items(), key=_commonest)[:_MOST]]
        for name, some in counted.items()
    }


def _commonest(counted: tuple[tuple[str, float | None], int]) -> tuple:
    (text, score), times = counted
    return -times, text, -(score or 0)


class OfferComments(Preprocessor):
    """Tells Formgrader's page what is offered for each answer; does nothing for other pages."""

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> tuple[NotebookNode, ResourcesDict]:
        if "submission_id" not in resources:
            return nb, resources
        course, assignment = CourseDirectory(config=self.config), resources["assignment_id"]
        rubric, resources["offers_problem"] = {}, ""
        with Gradebook(course.db_url, course.course_id) as gradebook:
            earlier = earlier_comments(gradebook, assignment, resources["notebook_id"], resources["submission_id"])
            submission = gradebook.find_submission_notebook_by_id(resources["submission_id"]).assignment
            resources["lateness"] = lateness(submission).says()
            notebooks = gradebook.find_assignment(assignment).notebooks
            answers = {cell.name for known in notebooks for cell in (*known.solution_cells, *known.task_cells)}
        try:
            rubric = read_rubric(Path(course.root), assignment)
            if strange := sorted(rubric.keys() - answers):
                raise GradingFailed(
                    f"The rubric {FOLDER}/{assignment}.toml has lines for '{strange[0]}', which is no answer of "
                    f"{assignment}: correct the name."
                )
        except GradingFailed as problem:  # the rest of the page is as good without
            resources["offers_problem"] = str(problem)
        resources["offers"] = {}
        for cell in nb.cells:
            if is_solution(cell) or is_task(cell):
                about = cell.metadata.nbgrader
                by_hand = is_task(cell) or is_grade(cell)
                offers = Offers(float(about.points) if by_hand else None)
                offers.rubric, offers.earlier = rubric.get(about.grade_id, []), earlier.get(about.grade_id, [])
                resources["offers"][about.grade_id] = offers
        return nb, resources


# What `nbgrader_config.py` merges into `c.HTMLExporter`: with it Formgrader makes its page, but no feedback is made.
BY_HAND = {
    "template_file": "by_hand.html.j2",
    "extra_template_paths": [str(Path(__file__).parent)],
    "preprocessors": [OfferComments],
}
