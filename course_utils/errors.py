"""What can go wrong by a user's hand. Each message is one sentence: what was wrong, and what to do."""


class CourseError(Exception):
    """Base of all of them: catch this one to catch any."""

    def _render_traceback_(self) -> list[str]:
        """What IPython shows in place of a stack trace."""
        return [f"{type(self).__name__}: {self}"]


class UnknownSource(CourseError):
    """No source model has this name."""


class SourceUnavailable(CourseError):
    """The pretrained weights are neither in the cache nor can they be fetched."""


class DamagedFile(CourseError):
    """A file is cut short, altered, or not what its name says."""


class UnsuitableModel(CourseError):
    """A model file that Keras may read, but that cannot serve as a source."""


class UnknownPreprocessing(CourseError):
    """How a model wants its pictures scaled was not said, or was said where it is known."""


class NoClassifier(CourseError):
    """The source has no classifier to predict with."""


class BadInputSize(CourseError):
    """The source cannot take pictures of this size."""


class UnknownCut(CourseError):
    """The source has no such cut point."""


class BadPictures(CourseError):
    """Pictures of the wrong shape, type or range."""


class BadTarget(CourseError):
    """A target data set that nothing can be learned from, or a name that no target has."""


class GradingFailed(CourseError):
    """A step of grading could not be done, or an assignment's files do not fit together."""


class NoSandbox(GradingFailed):
    """This machine cannot isolate submissions; the message says what is missing."""


class NotebookFailed(CourseError):
    """A notebook that cannot be read, or that did not run to its end as it should."""


class NotSetUp(CourseError):
    """A file or a program that the command needs is not there."""


def lessons_only(missing: str) -> NotSetUp:
    """What a user is told where a package is missing that lessons alone do not need."""
    return NotSetUp(
        f"Only what the lessons need is installed here, and {missing} is missing: install the rest of the course "
        "(pip install -e '.[lab]')."
    )
