"""What being late costs, as nbgrader's kind of plug-in: nothing, all, or so much a day, after a grace, to a limit."""

import math
import re

from nbgrader.apps import NbGraderAPI
from nbgrader.converters import Autograde
from nbgrader.plugins import LateSubmissionPlugin
from nbgrader.preprocessors import AssignLatePenalties
from traitlets import Float, TraitError, Unicode, validate

from ...errors import GradingFailed

_DAY = 24 * 60 * 60


class LatePenalty(LateSubmissionPlugin):
    """What `LatePenalties` asks; where `per_day` is empty, `LateSubmissionPlugin.penalty_method` decides."""

    per_day = Unicode("", help='What each day begun costs: points ("2"), or a share of the points got ("10%").').tag(
        config=True
    )
    most = Unicode("", help="What it costs at most, in the same way; empty: all points, but no more.").tag(config=True)
    grace = Float(0.0, min=0.0, help="Minutes after the due date in which it costs nothing.").tag(config=True)

    @validate("per_day", "most")
    def _amount(self, proposal: dict) -> str:
        text = proposal["value"].strip()
        found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(%?)", text)
        if text and (not found or found[2] and float(found[1]) > 100):
            raise TraitError(f'{proposal["trait"].name} must be points such as "2", or a share such as "10%"')
        return text

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float | None:
        """The points that a notebook loses; those of an assignment's notebooks lose `per_day` together."""
        if total_seconds_late <= 60 * self.grace:
            return None
        if not self.per_day:
            return super().late_submission_penalty(student_id, score, total_seconds_late)
        whole = self._score_of_all(student_id, score)
        if whole <= 0:
            return None
        cost = _points(self.per_day, whole) * math.ceil(total_seconds_late / _DAY)
        return min(cost, _points(self.most, whole) if self.most else whole, whole) * score / whole

    def _score_of_all(self, student_id: str, score: float) -> float:
        step = self.parent
        if not isinstance(step, AssignLatePenalties):
            return score
        return sum(n.score for n in step.gradebook.find_submission(step.assignment_id, student_id).notebooks)

    def told(self) -> str:
        """A sentence for students; empty where being late costs nothing."""
        free = f", more than {self.grace:g} minutes late," if self.grace else ""
        if self.per_day:
            most = f", and at most {_said(self.most)}" if self.most else ""
            return f"Late work{free} loses {_said(self.per_day)} for each day begun{most}."
        return f"Late work{free} gets no points." if self.penalty_method == "zero" else ""


def _points(amount: str, whole: float) -> float:
    return whole * float(amount.rstrip(" %")) / 100 if amount.endswith("%") else float(amount)


def _said(amount: str) -> str:
    if amount.endswith("%"):
        return f"{float(amount.rstrip(' %')):g} % of its points"
    return in_points(float(amount))


def in_points(number: float) -> str:
    """A number of points in words: "1 point", "2.5 points"."""
    return f"{number:g} point{'' if number == 1 else 's'}"


def check_settings(api: NbGraderAPI, extensions: bool = False) -> None:
    """Raise `GradingFailed` where a setting of `LatePenalty` makes no sense, or it or `extensions` would do nothing."""
    try:
        penalty = LatePenalty(config=api.config)
    except TraitError as problem:
        raise GradingFailed(f"What being late costs cannot be read ({problem}): mend nbgrader_config.py.") from None
    known = LatePenalty.class_trait_names(config=True)
    if strange := sorted(set(api.config.LatePenalty) - set(known)):
        raise GradingFailed(
            f"c.LatePenalty.{strange[0]} in nbgrader_config.py is no setting: choose from {', '.join(sorted(known))}."
        )
    steps = [step.__name__ for step in Autograde(config=api.config).autograde_preprocessors]
    if (penalty.per_day or extensions) and "LatePenalties" not in steps:
        raise GradingFailed(
            "Penalties and extensions would not be worked out: put LatePenalties, of course_utils.grading.nbgrader, in "
            "the place of AssignLatePenalties among c.Autograde.autograde_preprocessors in nbgrader_config.py."
        )
