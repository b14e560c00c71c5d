"""The commands of those who teach: `course generate`, `collect`, `grade`, `report`, `return`, `export`, `audit`,
`release`, `similar`, `variants`, and those for deadlines."""

from pathlib import Path

import click

from ..root import course_root, shown
from . import chosen_course
from .course.commands import COMMANDS as DEADLINES


@click.command()
@click.argument("assignment")
def generate(assignment):
    """Make the students' version of an assignment, once its own solution gets all points and an empty one none.

    Works on the nbgrader course in this folder, or on the one of this project where there is none. It is `nbgrader
    generate_assignment` with a trial of the tests.
    """
    from .course.author import generate_checked

    click.echo(f"{shown(generate_checked(chosen_course(), assignment))}: for students; its tests were tried.")


@click.command()
@click.argument("assignment")
@click.argument("download", type=click.Path(path_type=Path))
@click.option(
    "--roster",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A CSV file of the class: Canvas's gradebook, Moodle's grading worksheet, Brightspace's grades.",
)
def collect(assignment, download, roster):
    """Take in submissions as Canvas, Moodle or Brightspace give them, an archive or a folder.

    Each file goes to its student by the roster and the gradebook. What cannot be matched, and what was there before, is
    kept in downloaded/ASSIGNMENT and named. The same command again changes nothing.
    """
    from .course import instructor

    done = instructor.collect_download(chosen_course(), assignment, download, roster)
    click.echo("\n".join(done.says))
    if done.failed:
        raise click.ClickException("\n       ".join(done.failed))


@click.command("return")
@click.argument("assignment")
@click.argument("system", type=click.Choice(["canvas", "moodle", "brightspace"]))
@click.option(
    "--to",
    "file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Default: ASSIGNMENT-feedback-SYSTEM.zip in this folder.",
)
def give_back(assignment, system, file):
    """Write an archive of the feedback pages, as Canvas, Moodle or Brightspace takes it for a whole class."""
    from .course import instructor

    file = file or Path(f"{assignment}-feedback-{system}.zip")
    click.echo("\n".join(instructor.return_feedback(chosen_course(), assignment, system, file)))


@click.command()
@click.argument("assignment")
@click.option("--jobs", type=click.IntRange(1), help="Submissions at once on this machine.  [default: one per core]")
@click.option("--scheduler", metavar="ADDRESS", help="A Dask cluster to grade on, such as tcp://10.0.0.5:8786.")
@click.option("--student", "students", multiple=True, help="Grade this student's submission only; can be repeated.")
@click.option("--unsafe-no-sandbox", is_flag=True, help="Run submissions without isolation; the report says so.")
def grade(assignment, jobs, scheduler, students, unsafe_no_sandbox):
    """Grade what was collected for an assignment.

    Works on the nbgrader course in this folder, or on the one of this project where there is none. What is graded
    already is not graded again; after Ctrl-C, or whatever else ends it, the same command goes on.
    """
    from .course import instructor

    if jobs and scheduler:
        raise click.UsageError("--jobs is for this machine and --scheduler for a cluster: give one of them.")
    done = instructor.grade_class(chosen_course(), assignment, jobs, scheduler, students, unsafe_no_sandbox)
    click.echo(done.text)
    if done.failed:
        raise click.ClickException("\n       ".join(done.failed))


@click.command()
@click.argument("assignment")
@click.option("--to", "file", type=click.Path(path_type=Path, dir_okay=False), help="Default: results/ASSIGNMENT.html.")
def report(assignment, file):
    """Write a page on how the class did: points, each test, the commonest mistakes, who needs a look."""
    from .course import instructor as graded

    written = graded.write_report(chosen_course(), assignment, file)
    click.echo(f"{shown(written)}: open it in a browser. It names students, so keep it among those who teach.")


@click.command()
@click.argument("assignment")
@click.option(
    "--to", "file", type=click.Path(path_type=Path, dir_okay=False), help="Default: results/ASSIGNMENT-similar.html."
)
def similar(assignment, file):
    """Write a page of students whose code is alike, side by side: reasons to ask, and no proof.

    Names, comments and the order of cells do not count, nor does the assignment's own code. Nothing is run.
    """
    from .course import instructor

    written, says = instructor.write_similarity(chosen_course(), assignment, file)
    click.echo("\n".join(says))
    click.echo(f"{shown(written)}: open it in a browser. It names students, so keep it among those who teach.")


@click.command()
@click.argument("system", type=click.Choice(["canvas", "moodle"]))
@click.argument("assignments", nargs=-1)
@click.option("--roster", type=click.Path(dir_okay=False), help="For Canvas: the CSV file that its gradebook exported.")
@click.option(
    "--to", "file", type=click.Path(path_type=Path, dir_okay=False), help="Default: SYSTEM.csv in this folder."
)
def export(system, assignments, roster, file):
    """Write grades as Canvas or Moodle imports them: all assignments, or those that are named."""
    from .course import instructor as graded

    if roster and system != "canvas":
        raise click.UsageError("--roster is for Canvas only: Moodle finds students by their names.")
    file = file or Path(f"{system}.csv")
    for sentence in graded.export_grades(chosen_course(), system, assignments, file, roster):
        click.echo(sentence)


@click.command()
@click.argument("assignments", nargs=-1)
@click.option("--all", "every", is_flag=True, help="Every assignment.")
@click.option("--seeds", default=5, show_default=True, type=click.IntRange(1), help="How many seeds to grade with.")
@click.option("--mutants", is_flag=True, help="Grade small changes of the right solutions, too.")
def audit(assignments, every, seeds, mutants):
    """Grade known answers to assignments, right and wrong, and say whether each gets the points that it should.

    Works on the nbgrader course in this folder, or on the one of this project where there is none. Known answers stand
    in audit/ASSIGNMENT/answers.toml; without, the source's own solution is graded, in whole and in parts.
    """
    from ..progress import bar
    from .audit.proof import audit_assignment as audited
    from .audit.proof import table

    course = chosen_course()
    names = sorted(folder.name for folder in (course / "source").iterdir() if folder.is_dir()) if every else assignments
    if not names:
        raise click.UsageError("Name an assignment, such as ps1, or say --all.")
    problems = []
    for name in names:
        with bar(label=name, unit="notebooks") as progress:
            kept = course / "results" / name / "audit"
            found = audited(course, name, kept, range(seeds), mutants, progress.update)
        click.echo(table(found))
        problems += [f"{name}: {problem}" for problem in found.problems]
    if problems:
        raise click.ClickException("\n".join(problems))


@click.command()
def release():
    """Write a zip archive for students: notebooks, released assignments, and nothing of the grading."""
    from .course.bundle import NAME, write_bundle

    file = course_root() / "build" / f"{NAME}.zip"
    names = write_bundle(course_root(), file)
    click.echo(f"{shown(file)}: {len(names)} files, {file.stat().st_size / 2**20:.1f} MB. Give it to your students.")
    for path in sorted((course_root() / "assignments" / "source").iterdir()):
        if not any(name.startswith(f"{NAME}/assignments/{path.name}/") for name in names):
            click.echo(f"{path.name} is not in it, as each student gets another one: see `course variants`.")


@click.command()
@click.argument("assignment")
@click.option(
    "--roster",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A CSV file of the class, as for `course collect`: who is in it and not in the gradebook is entered.",
)
def variants(assignment, roster):
    """Write an archive for each student with an assignment whose numbers are that student's alone.

    The assignment stands among c.Variants.assignments in nbgrader_config.py, and was generated. The same command again
    writes the same variants, and those of students who are new.
    """
    from .course.handing_out import hand_out

    click.echo("\n".join(hand_out(chosen_course(), assignment, roster)))


COMMANDS = (audit, collect, *DEADLINES, export, generate, give_back, grade, release, report, similar, variants)
