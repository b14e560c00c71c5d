"""Grading: Jupyter and nbgrader, and nothing of what the course teaches. TensorFlow is never imported here."""

from ..root import PACKAGE
from . import forwards

ASSIGNMENTS = PACKAGE.parent / "assignments"  # the course root of nbgrader, beside the package

forwards.install()
