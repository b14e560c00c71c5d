"""The commands for deadlines: `course due`, `course extend`."""

from datetime import timedelta
from pathlib import Path

import click

from .. import chosen_course


@click.command()
@click.argument("assignment")
@click.argument("when", required=False)
def due(assignment, when):
    """Say when an assignment is due, or set it: "2030-05-01 23:59 Europe/Berlin", or none.

    Without a zone, that of the course is meant (c.NbGraderAPI.timezone). Who is graded already gets the penalty for
    being late worked out anew; nothing is run.
    """
    from ..batch.pipeline import open_course
    from ..deadlines.changes import set_due, told_due

    with open_course(chosen_course(), own_exchange=False) as api:
        click.echo("\n".join(set_due(api, assignment, when) if when else told_due(api, assignment)))


@click.command()
@click.argument("assignment")
@click.argument("students", nargs=-1)
@click.option("--days", type=click.FloatRange(0, 366), help="How many days more than the others; 0 takes it back.")
@click.option("--hours", type=click.FloatRange(0, 366 * 24), help="How many hours more, besides.")
@click.option("--group", help="All of this group, by the roster.")
@click.option("--roster", type=click.Path(path_type=Path, dir_okay=False), help="A CSV file that tells the groups.")
def extend(assignment, students, days, hours, group, roster):
    """Give students, or a group, more time for an assignment: before or after they hand in, also after grading.

    It takes the place of an earlier one. Who is graded already gets the penalty worked out anew; nothing is run.
    """
    from ..batch.pipeline import open_course
    from ..deadlines.changes import extend as extend_for
    from ..platforms.roster import group_members

    if (group is None) != (roster is None):
        raise click.UsageError("A group needs both: --group NAME, and --roster FILE that says who is in it.")
    if days is None and hours is None:
        raise click.UsageError("Say how much more time: --days 2, or --hours 12; --days 0 takes an extension back.")
    by = timedelta(days=days or 0, hours=hours or 0)
    with open_course(chosen_course(), own_exchange=False) as api:
        if group:
            with api.gradebook as gradebook:
                students += tuple(group_members(gradebook, roster, group))
        if not students:
            raise click.UsageError("Name at least one student, or a --group.")
        click.echo("\n".join(extend_for(api, assignment, students, by)))


COMMANDS = (due, extend)
