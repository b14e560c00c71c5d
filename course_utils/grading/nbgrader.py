"""What nbgrader's configurations name: the grader's steps, exporters, and the hook. Its other modules may move."""

from .batch.worker import dask_setup, dask_teardown
from .deadlines.due import ShowDueDate
from .deadlines.extensions import LatePenalties
from .deadlines.penalty import LatePenalty
from .deadlines.with_penalty import GetMarks
from .intake import converting
from .intake import hook as take_in
from .intake.preflight import Repair
from .judge.honest import HonestExecute
from .platforms.export import CanvasExport, MoodleExport
from .reports.by_hand import BY_HAND
from .reports.explain import Explain
from .reports.feedback_page import FeedbackPage
from .reports.release import ReleaseFeedback

__all__ = [
    "BY_HAND",
    "CanvasExport",
    "Explain",
    "FeedbackPage",
    "GetMarks",
    "HonestExecute",
    "LatePenalties",
    "LatePenalty",
    "MoodleExport",
    "ReleaseFeedback",
    "Repair",
    "ShowDueDate",
    "dask_setup",  # these two make this module a Dask worker's preload
    "dask_teardown",
    "take_in",
]

converting.stand_in()
