"""The commands of those who write the course: `course build`, `test`, `notebooks`, `book` and what else they need."""

import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import click

from ..errors import CourseError, NotSetUp
from ..machine.programs import PASS_ON, become
from ..root import course_root, shown


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
            count += len(execution.code_cells(execution.read_notebook(path)))
        except CourseError:  # said when its turn comes
            pass
    return count


@click.command()
@click.option("--source", default="auto", show_default=True, help='Source model, such as "drawings" or a Keras name.')
@click.pass_context
def build(ctx, source):
    """Run every notebook, grade a demonstration class, and write it all as pages into build/."""
    from ..progress import bar
    from . import running, site

    paths, folder = _notebooks(), course_root() / "build"

    def write(pages, told):
        notebooks = {page.path.name: page.notebook for page in pages}
        return site.build_site(course_root(), folder, notebooks, told)

    first = write([running.stored(path) for path in paths], running.STORED)
    click.echo(f"Open {shown(first)} in a browser: it has the notebooks as they are stored, until they have run here.")
    with bar(total=_cells(paths), label="Notebooks", unit="cells") as progress:
        ran = running.run_pages(paths, source, progress.update)
    graded = running.demonstrate(ctx.obj(), folder)
    write(ran, running.report(ran, source, graded, folder))
    for page in ran:
        if not page.problem:
            click.echo(f"{page.seconds:4d} s  {page.title} ({page.path.stem})")
    if graded.made:
        click.echo(graded.made.summary)
        click.echo(f"Grades: {shown(graded.made.csv)}. Feedback: {len(graded.made.feedback)} pages.")
    click.echo(f"{shown(first)} now shows it all as it ran here. Work through it: `course lab` (`make lab`).")
    if problems := [part.problem for part in (*ran, graded) if part.problem]:
        raise click.ClickException("\n       ".join(problems))


@click.command()
@click.option("--hub", metavar="ADDRESS", default="", help="A JupyterHub with nbgitpuller, to link to from each page.")
def book(hub):
    """Write the course as a site, with search, into build/book/html; the notebooks as they are stored."""
    from . import colab, execution, site

    folder, address = course_root() / "build" / "book", colab.read_address(course_root())
    shutil.rmtree(folder, ignore_errors=True)  # no page stays of what is there no more
    stored = {path.name: execution.read_notebook(path) for path in _notebooks()}
    first = site.build_site(course_root(), folder / "html", stored, address=address, strict=True, hub=hub)
    click.echo(f"Open {shown(first)} in a browser, or put its folder on a web server.")
    if not address.startswith("https://github.com/"):
        click.echo("No page has a link to Colab or Binder: say where the course is on GitHub (`course address`).")


@click.command()
def slides():
    """Write a deck of slides for each lesson into build/slides, from the notebooks as they are stored."""
    from . import execution
    from .slides import write_slides

    stored = {path.name: execution.read_notebook(path) for path in _notebooks()}
    pages = write_slides(course_root(), course_root() / "build" / "slides", stored)
    click.echo(f"{len(pages)} decks are in {shown(pages[0].parent)}: open one in a browser (F: the whole screen).")


def _pytest(*arguments: str) -> None:
    if not find_spec("pytest"):
        raise NotSetUp(
            "pytest is not installed here: install what tests need (pip install --require-hashes -r "
            "requirements-test.lock)."
        )
    become("-m", "pytest", *arguments, cwd=course_root())


def _on_all_cores(which: str) -> tuple[str, ...]:
    """Options of pytest. The tests of a file stay together: they share what is dear, a cluster or a graded class.

    One worker more than cores: tests of the sandbox wait for half of their time.
    """
    workers = str(min((os.cpu_count() or 1) + 1, 4))
    return "-m", which, "-n", workers, "--dist", "loadfile", "--no-loadscope-reorder", "--durations", "25"


@click.command(context_settings=PASS_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(arguments):
    """Run all tests but the long ones; arguments go to pytest, paths as seen from the course's folder."""
    _pytest(*(arguments or _on_all_cores("not long")))


@click.command("test-rest", context_settings=PASS_ON)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test_rest(arguments):
    """Run the long tests, which `course test` leaves out; arguments go to pytest."""
    _pytest("-m", "long", *arguments) if arguments else _pytest(*_on_all_cores("long"))


@click.command()
@click.argument("names", nargs=-1)
def notebooks(names):
    """Run notebooks in full and write them back with their outputs, as they are committed."""
    from ..progress import bar
    from .committed import rewrite

    paths = _notebooks(names)
    with bar(total=_cells(paths), label="Notebooks", unit="cells") as progress:
        times = {path: rewrite(path, progress.update) for path in paths}
    for path, seconds in times.items():
        click.echo(f"{seconds:4.0f} s  {path.name}")


@click.command()
@click.argument("url")
def address(url):
    """For maintainers: write the repository's public address into the notebooks, for Colab and for links."""
    from . import colab

    click.echo(f"{colab.write_address(course_root(), url)} notebooks bring the course from there on Colab.")


@click.command()
def lock():
    """For maintainers: resolve the packages anew into both locks and environment.yml (needs uv)."""
    from .lock import update

    for name, packages in update(course_root()).items():
        click.echo(f"{packages} packages are in {name}.")


@click.command("train-embedded")
@click.option("--pictures", default=640_000, show_default=True, help="How many drawings to train on.")
@click.option("--seed", default=0, show_default=True)
@click.option("--to", "folder", type=click.Path(path_type=Path, file_okay=False), help="Another folder to write to.")
@click.option("--yes", is_flag=True, help="Replace the shipped weights without asking.")
def train_embedded(pictures, seed, folder, yes):
    """Train the embedded source again, from nothing but its renderer."""
    from ..lesson import start
    from ..progress import bar
    from ..world import embedded
    from .train_embedded import train

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

        card = train(pictures, seed, folder, step)
    click.echo(f"Names {card['accuracy']:.2%} of {card['tested_on']:,} fresh drawings rightly.")


COMMANDS = (build, book, slides, test, test_rest, notebooks, address, lock, train_embedded)
