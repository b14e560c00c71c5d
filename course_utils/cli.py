"""The `course` command: what each room of the package offers, as far as it is installed.

A room's `commands.py` has its subcommands in `COMMANDS`. Each imports what it needs itself, so that `course --help`
answers at once. Students' copies lack the rooms of those who teach and write the course, and so their commands.
"""

from importlib import import_module
from importlib.util import find_spec

import click

from .errors import CourseError, lessons_only

ROOMS = ("machine", "authoring", "grading")
_LAB = ("jupyterlab", "nbgrader", "papermill", "distributed", "copydetect")  # some of what lessons alone do not need


class _Course(click.Group):
    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except CourseError as problem:
            raise click.ClickException(str(problem)) from None
        except ModuleNotFoundError as problem:
            if all(map(find_spec, _LAB)):  # a fault of ours
                raise
            raise click.ClickException(str(lessons_only(problem.name))) from None


@click.group(cls=_Course, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="transfer-learning-course")
@click.pass_context
def main(ctx):
    """Transfer learning, a course in Jupyter."""
    ctx.obj = _demonstration  # the one thing that a command of one room needs of another


def _demonstration():
    """What grades a class for demonstration, or None where there is no grading."""
    if find_spec("course_utils.grading"):
        return import_module("course_utils.grading.course.demo").run_demo
    return None


for room in ROOMS:
    if find_spec(f"course_utils.{room}"):
        for command in import_module(f"course_utils.{room}.commands").COMMANDS:
            main.add_command(command)
