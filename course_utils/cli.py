"""The `course` command. Each subcommand imports what it needs itself, so that `course --help` answers at once."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path

import click

from .errors import CourseError, NotSetUp
from .root import PACKAGE, course_root, shown

_GRADES = find_spec("course_utils.grading") is not None  # not in students' copies
_LAB = ("jupyterlab", "nbgrader", "papermill", "distributed")  # some of what lessons alone do not need
_PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}


def _lessons_only(missing: str) -> str:
    return (
        f"Only what the lessons need is installed here, and {missing} is missing: install the rest of the course "
        "(pip install -e '.[lab]')."
    )


class _Course(click.Group):
    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except CourseError as problem:
            raise click.ClickException(str(problem)) from None
        except ModuleNotFoundError as problem:
            if all(map(find_spec, _LAB)):  # a fault of ours
                raise
            raise click.ClickException(_lessons_only(problem.name)) from None


@click.group(cls=_Course, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="transfer-learning-course")
def main():
    """Transfer learning, a course in Jupyter."""


def _notebooks(names: tuple[str, ...] = ()) -> list[Path]:
    """The notebooks in order, or those that are named: by file, or by the start of the name ("02")."""
    every = sorted((course_root() / "notebooks").glob("*.ipynb"))
    if not every:
        raise NotSetUp(f"There are no notebooks in {course_root() / 'notebooks'}: restore them from the repository.")
    chosen = []
    for name in names:
        found = [path for path in every if path.name.startswith(Path(name).name)]
        if len(found) != 1:
            known = ", ".join(path.stem for path in every)
            raise NotSetUp(f"'{name}' names {len(found) or 'no'} notebooks: choose from {known}.")
        chosen += found
    return chosen or every


def _cells(paths: list[Path]) -> int:
    from . import execution

    count = 0
    for path in paths:
        try:
            count += len(execution.code_cells(execution.read(path)))
        except CourseError:  # said when its turn comes
            pass
    return count


@main.command()
@click.option("--source", default="embedded", show_default=True, help='Source model: "auto", or a Keras name.')
def build(source):
    """Run every notebook, grade a demonstration class, and write it all as pages into build/."""
    from . import publish
    from .progress import bar

    paths = _notebooks()
    with bar(total=_cells(paths), label="Notebooks", unit="cells") as progress:
        built = publish.run_all(paths, course_root() / "build", source, progress.update)
    if _GRADES:
        from .grading.demo import run_demo

        publish.grade(built, run_demo)
    publish.write_index(built)
    for entry in built.entries:
        if entry.page:
            click.echo(f"{entry.seconds:4d} s  {entry.title} ({entry.name})")
    if built.demo:
        click.echo(built.demo.summary)
        click.echo(f"Grades: {shown(built.demo.csv)}. Feedback: {len(built.demo.feedback)} pages.")
    click.echo(f"Open {shown(built.index)} in a browser to see it all, or work through it: `course lab` (`make lab`).")
    if built.problems:
        raise click.ClickException("\n       ".join(built.problems))


@main.command()
def book():
    """Write the course as a site, with search, into build/book/html; the notebooks as they are stored."""
    from . import book as site
    from . import colab

    first = site.build(course_root(), course_root() / "build" / "book")
    click.echo(f"Open {shown(first)} in a browser, or put its folder on a web server.")
    if not colab.read_address(course_root()).startswith("https://github.com/"):
        click.echo("No page has a link to Colab or Binder: say where the course is on GitHub (`course address`).")


def _become(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    """Go on as another program of this environment: its signals are its own, and so is its exit status."""
    os.chdir(cwd or Path.cwd())
    arguments = [sys.executable, *command]
    if os.name == "nt":  # there, exec returns to the shell at once
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.exit(subprocess.call(arguments, env=env))
    os.execve(sys.executable, arguments, env or dict(os.environ))


@main.command(context_settings=_PASS_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(arguments):
    """Run the tests, all on several cores; arguments go to pytest, paths as seen from the course's folder."""
    if not find_spec("pytest"):
        raise NotSetUp(
            "pytest is not installed here: install the course with its tests (pip install -e '.[lab,test]')."
        )
    # A file's tests share what is dear: a cluster, a graded class, a server.
    every = ("-n", str(min(os.cpu_count() or 1, 4)), "--dist", "loadfile", "--durations", "25")
    _become("-m", "pytest", *(arguments or every), cwd=course_root())


@main.command(context_settings=_PASS_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def lab(arguments):
    """Open the course in JupyterLab; arguments go to jupyter lab."""
    if not find_spec("jupyterlab"):
        raise NotSetUp(_lessons_only("jupyterlab"))
    first = course_root() / "notebooks" / "00_start_here.ipynb"
    _become(
        "-m",
        "jupyterlab",
        str(first),
        f"--ServerApp.root_dir={course_root()}",
        "--ServerApp.kernel_spec_manager_class=course_utils.kernels.CourseKernelSpecs",
        *arguments,
        # Settings of ours, with no question about news at the start; the user's own still count.
        env=os.environ
        | {"JUPYTER_CONFIG_PATH": os.pathsep.join([str(PACKAGE / "data" / "jupyter"), *_set("JUPYTER_CONFIG_PATH")])},
    )


def _set(variable: str) -> list[str]:
    return [os.environ[variable]] if os.environ.get(variable) else []


@main.command()
@click.argument("names", nargs=-1)
def notebooks(names):
    """Run notebooks in full and write them back with their outputs, as they are committed."""
    from .notebooks import rewrite
    from .progress import bar

    paths = _notebooks(names)
    with bar(total=_cells(paths), label="Notebooks", unit="cells") as progress:
        times = {path: rewrite(path, progress.update) for path in paths}
    for path, seconds in times.items():
        click.echo(f"{seconds:4.0f} s  {path.name}")


@main.command()
@click.argument("url")
def address(url):
    """For maintainers: write the repository's public address into the notebooks, for Colab and for links."""
    from . import colab

    click.echo(f"{colab.write_address(course_root(), url)} notebooks bring the course from there on Colab.")


@main.command()
def lock():
    """For maintainers: resolve the packages anew into requirements.lock and environment.yml (needs uv)."""
    from .lock import update

    click.echo(f"{update(course_root())} packages are in requirements.lock and environment.yml.")


@main.command("train-embedded")
@click.option("--pictures", default=640_000, show_default=True, help="How many drawings to train on.")
@click.option("--seed", default=0, show_default=True)
@click.option("--to", "folder", type=click.Path(path_type=Path, file_okay=False), help="Another folder to write to.")
@click.option("--yes", is_flag=True, help="Replace the shipped weights without asking.")
def train_embedded(pictures, seed, folder, yes):
    """Train the embedded source again, from nothing but its renderer."""
    from . import embedded
    from .lesson import start
    from .progress import bar

    files = [(folder or Path(str(embedded.DATA))) / name for name in (embedded.WEIGHTS, embedded.CARD)]
    minutes = max(1, round(pictures * 25 / 640_000))
    click.echo(
        f"Trains the network on {pictures:,} drawings, each seen once: up to {minutes} min on 2 cores, about 2 GB of "
        f"memory. Then writes {' and '.join(str(shown(file)) for file in files)}."
    )
    if not yes and any(file.exists() for file in files):
        click.confirm("They are there already. Replace them?", abort=True)
    start(seed)
    with bar(total=None, label="Training", unit="steps") as progress:

        def step(done, total, loss):
            progress.total = total
            progress.set_postfix(loss=f"{loss:.3f}", refresh=False)
            progress.update(done - progress.n)

        card = embedded.train(pictures, seed, folder, step)
    click.echo(f"Names {card['accuracy']:.2%} of {card['tested_on']:,} fresh drawings rightly.")


@main.command("train-halves")
def train_halves():
    """Repeat Yosinski's experiment in small, and replace the table that notebook 07 shows."""
    from . import halves
    from .cache import ship_table
    from .lesson import start
    from .progress import bar

    click.echo(
        f"Trains {halves.trainings()} small networks: about an hour on 2 cores. The table is replaced at the end."
    )
    start()
    with bar(total=halves.trainings(), label="Training", unit="networks") as progress:
        rows = halves.experiment(progress.update)
    click.echo(f"Wrote {shown(ship_table('halves', halves.SETTINGS, rows))}.")


@main.command()
@click.option(
    "--models", default="MobileNetV2", show_default=True, help='Names in keras.applications, as in "VGG16,ResNet50".'
)
@click.option("--data", default="", help="Of flowers (218 MB), news (2 MB) and glove (822 MB), as in flowers,news.")
@click.option("--to", "folder", type=click.Path(path_type=Path, file_okay=False), help="Default: Keras's own cache.")
def fetch(models, data, folder):
    """Fetch weights and data ahead of time, for machines without a network. What was begun goes on."""
    if folder:
        os.environ["KERAS_HOME"] = str(folder.absolute())
    from .lesson import start

    start()
    from . import downloads, fetching, weights
    from .zoo import ZOO

    chosen = [_listed(models, ZOO, "--models"), _listed(data, fetching.DATA, "--data")]
    tasks = [(fetching.fetch_file, file, name) for name in chosen[0] for file in fetching.model_files(name)]
    tasks += [(fetching.fetch_data, fetching.DATA[name]) for name in chosen[1]]
    problems = []
    for act, *what in dict.fromkeys(tasks):
        try:
            click.echo(act(*what))
        except CourseError as problem:  # said at the end: it keeps nothing else from coming
            problems.append(str(problem))
    if problems:
        raise click.ClickException("\n       ".join(problems))
    place = weights.cache_folder().parent
    click.echo(
        f"All is in {downloads.shown(place)}: copy this folder to other machines, and set KERAS_HOME to it there."
    )


def _listed(names: str, known: Iterable[str], option: str) -> list[str]:
    chosen = [name.strip() for name in names.split(",") if name.strip()]
    for name in chosen:
        if name not in known:
            raise click.BadParameter(f"'{name}' is none of {', '.join(known)}.", param_hint=option)
    return chosen


@main.command()
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


if _GRADES:
    from .grading.commands import audit, export, grade, release, report

    for command in (audit, export, grade, release, report):
        main.add_command(command)
