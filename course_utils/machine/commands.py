"""The commands of everybody: `course lab`, `fetch` and `doctor`."""

import os
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import click

from ..errors import CourseError, lessons_only
from ..root import PACKAGE, course_root, with_tilde
from .programs import PASS_ON, become


@click.command(context_settings=PASS_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def lab(arguments):
    """Open the course in JupyterLab; arguments go to jupyter lab."""
    if not find_spec("jupyterlab"):
        raise lessons_only("jupyterlab")
    first = course_root() / "notebooks" / "00_start_here.ipynb"
    become(
        "-m",
        "jupyterlab",
        str(first),
        f"--ServerApp.root_dir={course_root()}",
        "--ServerApp.kernel_spec_manager_class=course_utils.machine.jupyter.CourseKernelSpecs",
        *arguments,
        # Settings of ours, with no question about news at the start; the user's own still count.
        env=os.environ
        | {"JUPYTER_CONFIG_PATH": os.pathsep.join([str(PACKAGE / "data" / "jupyter"), *_set("JUPYTER_CONFIG_PATH")])},
    )


def _set(variable: str) -> list[str]:
    return [os.environ[variable]] if os.environ.get(variable) else []


@click.command()
@click.option(
    "--models", default="", help="Names in keras.applications, as in VGG16,ResNet50; without any, MobileNetV2."
)
@click.option("--data", default="", help="Of flowers (218 MB) and news (2 MB), as in flowers,news.")
@click.option("--to", "folder", type=click.Path(path_type=Path, file_okay=False), help="Default: Keras's own cache.")
def fetch(models, data, folder):
    """Fetch weights and data ahead of time, for machines without a network. What was begun goes on."""
    if folder:
        os.environ["KERAS_HOME"] = str(folder.absolute())
    from ..lesson import start

    start()
    from ..models.zoo import ZOO
    from ..store import datasets, weights

    models = models or ("" if data else "MobileNetV2")
    chosen = [_listed(models, ZOO, "--models"), _listed(data, datasets.DATA, "--data")]
    tasks = [(datasets.fetch_file, file, name) for name in chosen[0] for file in ZOO[name].files()]
    tasks += [(datasets.fetch_data, datasets.DATA[name]) for name in chosen[1]]
    problems = []
    for act, *what in dict.fromkeys(tasks):
        try:
            click.echo(act(*what))
        except CourseError as problem:  # said at the end: it keeps nothing else from coming
            problems.append(str(problem))
    if problems:
        raise click.ClickException("\n       ".join(problems))
    place = weights.weights_folder().parent
    click.echo(f"All is in {with_tilde(place)}: copy this folder to other machines, and set KERAS_HOME to it there.")


def _listed(names: str, known: Iterable[str], option: str) -> list[str]:
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    for name in chosen:
        if name not in known:
            raise click.BadParameter(f"'{name}' is none of {', '.join(known)}.", param_hint=option)
    return chosen


@click.command()
def doctor():
    """Look for what goes wrong on people's machines, and say what to do; and which source the notebooks would take."""
    from .doctor import examine

    faults = 0
    for finding in examine():
        faults += not finding.fine
        click.echo(f"{'      ' if finding.fine else 'MEND  '}{finding.what:10} {finding.says}")
    if faults:
        raise click.ClickException(f"{faults} {'thing' if faults == 1 else 'things'} to mend, marked MEND above.")
    click.echo("All is well.")


COMMANDS = (lab, fetch, doctor)
