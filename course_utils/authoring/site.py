"""The course as a site: the notebooks with their outputs, the instructors' pages and a reference, built by Sphinx."""

import base64
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from html import escape
from importlib.util import find_spec
from pathlib import Path

import nbformat
from nbformat.v4 import new_output

from ..errors import NotSetUp
from ..root import PACKAGE
from . import execution

PAGE = "which-recipe"  # our tag of the cells that make a page of their own, besides the lesson's


def build_site(
    root: Path,
    made: Path,
    notebooks: Mapping[str, nbformat.NotebookNode],
    told: str = "",
    address: str = "",
    strict: bool = False,
    hub: str = "",
) -> Path:
    """Build the site of the course in `root` into the folder `made`; its first page.

    `notebooks` are those to show, each by the name of its file, and `told` is Markdown for the first page. Links to the
    repository, and on GitHub those that launch a notebook in Colab or Binder, need `address`, the course's public one;
    on the JupyterHub at `hub` too. Changes `notebooks`. Raises `NotSetUp` where Sphinx is missing or fails, if `strict`
    where it warns of anything, and for a hub's address that is none, or without a public one on GitHub.
    """
    if not find_spec("sphinx") or not find_spec("myst_nb"):
        raise NotSetUp("Sphinx is not installed here: install the course with its book (pip install -e '.[lab,book]').")
    if not (root / "docs" / "book").is_dir():
        raise NotSetUp(f"There is no docs/book in {root}: take the course's repository, as students' copies lack it.")
    if hub and not re.fullmatch(r"https?://[\w.-]+(:\d+)?(/[\w.~-]+)*/?", hub, re.ASCII):
        raise NotSetUp(f"'{hub}' is no address of a JupyterHub: give one such as https://hub.example.org.")
    if hub and not address.startswith("https://github.com/"):
        raise NotSetUp("A JupyterHub gets the notebooks from GitHub: say where they are there (`course address`).")
    environment = os.environ | {
        "COURSE_REPOSITORY": address,
        "COURSE_HUB": hub.rstrip("/"),
        "TF_CPP_MIN_LOG_LEVEL": "3",
    }
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-q", *(["-W", "--keep-going"] if strict else [])]
    with tempfile.TemporaryDirectory() as name:  # MyST-NB writes beside the folder that it is given, too
        source, pages, trees = (Path(name) / "site" / part for part in ("source", "pages", "trees"))
        write_source(root, source, notebooks, told)
        command += ["-d", str(trees), str(source), str(pages)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            raise NotSetUp(f"The site could not be built, as Sphinx says: {done.stderr.strip()}")
        shutil.rmtree(made / "notebooks", ignore_errors=True)  # no page of an earlier run stands in for another
        shutil.copytree(pages, made, dirs_exist_ok=True)
    return made / "index.html"


def write_source(root: Path, folder: Path, notebooks: Mapping[str, nbformat.NotebookNode], told: str) -> None:
    """Everything that Sphinx reads, in one folder."""
    shutil.copytree(root / "docs" / "book", folder, ignore=shutil.ignore_patterns("*.css", "__pycache__"))
    static = folder / "_static"
    (static / "pictures").mkdir(parents=True)
    (folder / "notebooks").mkdir()
    shutil.copy(root / "docs" / "book" / "course.css", static)
    for name in ("picture.png", "assignments.md", "grading.md", "hub.md", "container.md"):
        shutil.copy(root / "docs" / name, folder)
    for name, notebook in notebooks.items():
        execution.drop_widgets(notebook)
        _place_pictures(notebook, static / "pictures", Path(name).stem)
        nbformat.write(notebook, folder / "notebooks" / name)
    (folder / "told.txt").write_text(told, "utf-8")
    (folder / f"{PAGE}.md").write_text(_excerpt(notebooks.values()), "utf-8")
    (folder / "reference.md").write_text(_reference(), "utf-8")


def _excerpt(notebooks: Iterable[nbformat.NotebookNode]) -> str:
    """The tagged cells as a page in Markdown: texts as they are, and of code what it put out."""
    parts = []
    for cell in (cell for notebook in notebooks for cell in notebook.cells if PAGE in cell.metadata.get("tags", ())):
        if cell.cell_type == "markdown":
            text = re.sub(r"\]\((\d\d_\w+\.ipynb)", r"](notebooks/\1", cell.source)
            parts.append(re.sub("^## ", "# ", text) if not parts else text)
        else:
            pages = (output.get("data", {}).get("text/html", "") for output in cell.outputs)
            parts += [page.replace('src="../_static', 'src="_static') for page in pages if page]
    nothing = "# Which recipe when?\n\nThe lesson that this page is taken from is not there."
    return "\n\n".join(parts or [nothing]) + "\n"


def _place_pictures(notebook: nbformat.NotebookNode, folder: Path, name: str) -> None:
    """Put each output's picture into a file, and an `img` with its description in its place."""
    count = 0
    for cell in execution.code_cells(notebook):
        for k, output in enumerate(cell.outputs):
            if "image/png" not in output.get("data", ()):
                continue
            data, count = base64.b64decode(output.data["image/png"]), count + 1
            file = folder / f"{name}_{count:02}.png"
            file.write_bytes(data)
            width, height = (int.from_bytes(data[start : start + 4], "big") for start in (16, 20))  # PNG's header
            alt = escape(output.metadata.get("image/png", {}).get("alt", ""))
            size = f'width="{width}" height="{height}" loading="lazy"'
            page = f'<img src="../_static/pictures/{file.name}" alt="{alt}" {size}>'
            cell.outputs[k] = new_output("display_data", {"text/html": page})


def _modules() -> list[str]:
    """The package's modules that say what they are, those of grading last."""
    files = sorted(PACKAGE.glob("*.py")) + sorted((PACKAGE / "grading").glob("*.py"))
    names = (".".join(f.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__") for f in files)
    return [name for name, file in zip(names, files, strict=True) if file.read_text("utf-8").startswith('"""')]


def _reference() -> str:
    parts = ["# Reference\n\nThe helpers of the notebooks, and the grading, as their docstrings tell.\n"]
    for name in _modules():
        parts.append(f"## {name}\n\n```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n```\n")
    return "\n".join(parts)
