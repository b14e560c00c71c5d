"""nbgrader's settings for this course.

Every path is relative to this file, so that a copy of it is a course too.
"""

from pathlib import Path

from nbconvert.preprocessors import CSSHTMLHeaderPreprocessor
from nbgrader.preprocessors import (
    CheckCellMetadata,
    ClearOutput,
    DeduplicateIds,
    IgnorePattern,
    LimitOutput,
    OverwriteCells,
    OverwriteKernelspec,
    SaveAutoGrades,
)

from course_utils.grading.nbgrader import (
    BY_HAND,
    Explain,
    FeedbackPage,
    GetMarks,
    HonestExecute,
    LatePenalties,
    ReleaseFeedback,
    Repair,
    ShowDueDate,
)

c = get_config()  # noqa: F821 - nbgrader provides it

c.CourseDirectory.course_id = "transfer-learning"
c.CourseDirectory.root = str(Path(__file__).resolve().parent)
# Where marks are kept. PostgreSQL serves as well: "postgresql://user:password@host/name", see
# docs/grading.md.
c.CourseDirectory.db_url = (
    f"sqlite:///{Path(__file__).resolve().parent / 'gradebook.db'}?timeout=60"
)

c.ClearSolutions.code_stub = {
    "python": "# YOUR CODE HERE\n"
    'raise NotImplementedError("Write your code here, in place of this line.")'
}

# A submission out of form is repaired. A student's code runs in a sandbox, the tests in
# another, which never ran it.
c.Autograde.sanitize_preprocessors = [
    Repair,
    ClearOutput,
    DeduplicateIds,
    OverwriteKernelspec,
    OverwriteCells,
    CheckCellMetadata,
]
c.Autograde.autograde_preprocessors = [
    HonestExecute,
    IgnorePattern,
    LimitOutput,
    SaveAutoGrades,
    LatePenalties,
    CheckCellMetadata,
]
c.HonestExecute.timeout = 60  # seconds for one cell

# The zone in which due dates are typed and shown, and what being late costs; "" for nothing.
c.NbGraderAPI.timezone = "UTC"
c.LatePenalty.per_day = ""  # for each day begun: "10%" of the points got, or "2" points
c.LatePenalty.most = ""  # at most "50%", or "6" points; "" for all
c.LatePenalty.grace = 0  # minutes that cost nothing
c.GenerateAssignment.preprocessors.append(ShowDueDate)

# Assignments of which every student gets another variant (`course variants ps1`): ["ps1"].
c.Variants.assignments = []

# nbgrader gives 0 points to a test cell with anything on stderr. A warning is not a wrong
# answer: errors raise.
c.IgnorePattern.enabled = True
c.IgnorePattern.pattern = "."

# A feedback page says why each point was lost, holds nothing of hidden tests, and runs nothing.
c.GenerateFeedback.preprocessors = [GetMarks, Explain, CSSHTMLHeaderPreprocessor]
c.GenerateFeedback.exporter_class = FeedbackPage
# Students find it in the exchange whatever they have called their notebooks.
c.ExchangeFactory.release_feedback = ReleaseFeedback

# Formgrader offers the rubric's lines and earlier comments.
c.HTMLExporter.merge(BY_HAND)

# A second download of an assignment takes the place of the first.
c.ZipCollectApp.force = True
c.ExtractorPlugin.force = True
# How `nbgrader zip_collect` reads the names of files handed in elsewhere: ada_ps1.ipynb
c.FileNameCollectorPlugin.named_regexp = (
    r".*[\\/](?P<student_id>[^\\/]+)_(?P<file_id>[^\\/_]+)\.ipynb$"
)
