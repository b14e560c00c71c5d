"""The first cell, which makes a bare Colab runtime ready: run in an empty virtual environment, without a network.

pip finds packages in a folder of wheels, packed from what is installed here.
"""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib.metadata import Distribution
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT
from helpers import complains, needed
from jupyter_client.manager import KernelManager

from course_utils.authoring import colab, committed, execution
from course_utils.errors import NotebookFailed, NotSetUp
from course_utils.grading.course import bundle
from course_utils.texts import docstrings

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LESSONS = PROJECT["project"]["dependencies"]
posix = pytest.mark.skipif(os.name == "nt", reason="Colab is Linux, and so are the commands of its cell")
ON_COLAB = 'import sys, types; sys.modules["google.colab"] = types.ModuleType("google.colab")'


def pack(installed: Distribution, folder: Path) -> None:
    """Write the wheel that an installed distribution came from."""
    tags = [tag.split("-") for tag in re.findall(r"^Tag: (.*)$", installed.read_text("WHEEL"), re.MULTILINE)]
    tag = "-".join(".".join(dict.fromkeys(parts)) for parts in zip(*tags, strict=True))
    name = re.sub(r"[-_.]+", "_", installed.metadata["Name"])
    info = f"{name}-{installed.version}.dist-info"
    record = []
    with zipfile.ZipFile(folder / f"{name}-{installed.version}-{tag}.whl", "w") as wheel:
        for file in installed.files:
            place = file.as_posix()
            if place.startswith("../../../bin/") or "__pycache__" in place:  # what pip makes itself
                continue
            if place.startswith("../../../"):
                place = f"{name}-{installed.version}.data/data/{place.removeprefix('../../../')}"
            elif file.parts[0].endswith(".dist-info"):
                if file.name in ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json"):
                    continue
                place = f"{info}/{'/'.join(file.parts[1:])}"
            wheel.write(file.locate(), place)
            record.append(f"{place},,\n")
        wheel.writestr(f"{info}/RECORD", "".join([*record, f"{info}/RECORD,,\n"]))


@pytest.fixture(scope="module")
def runtime(tmp_path_factory):
    """A bare runtime, where nothing but a kernel is: its Python, and the settings under which pip finds packages."""
    folder = tmp_path_factory.mktemp("colab")
    wheels = folder / "wheels"
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("PYTHON", "PIP", "COURSE"))}
    environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_NO_COMPILE": "1", "PIP_NO_CACHE_DIR": "1"}
    environment |= {"JUPYTER_PATH": "", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "COURSE_CACHE": str(folder / "cache")}
    python = folder / "bare" / "bin" / "python"
    try:
        wheels.mkdir()
        for installed in needed("ipykernel", *LESSONS, "hatchling").values():
            pack(installed, wheels)
        venv.create(folder / "bare", with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "-q", "ipykernel"], env=environment, check=True)
        yield python, environment
    finally:
        shutil.rmtree(folder)  # 4 GB


class Kernel:
    """A kernel of the bare runtime, in a folder of its own, as on Colab."""

    def __init__(self, runtime, folder):
        python, environment = runtime
        self._manager = KernelManager()
        self._manager.kernel_spec.argv[0] = str(python)
        self._manager.start_kernel(cwd=str(folder), env=environment)
        self._client = self._manager.blocking_client()
        self._client.start_channels()
        self._client.wait_for_ready(60)

    def __enter__(self):
        self.run(ON_COLAB)
        return self

    def run(self, code: str) -> str:
        """Run a cell; what it wrote. Fails where it fails."""
        written = []

        def keep(message):
            written.append(message["content"].get("text", ""))

        reply = self._client.execute_interactive(code, output_hook=keep, timeout=300)["content"]
        if reply["status"] == "error":
            raise AssertionError(f"{reply['ename']}: {reply['evalue']}\n{''.join(written)}")
        return "".join(written)

    def __exit__(self, *_):
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


def publish(folder: Path) -> str:
    """Make a repository of a folder; the address that git can clone it from."""
    git = ["git", "-C", folder, "-c", "user.name=ada", "-c", "user.email=ada@localhost"]
    for step in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "The course"]):
        subprocess.run([*git, *step], check=True)
    return f"file://{folder}"


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """The address of what students get, as it is to be published."""
    folder = tmp_path_factory.mktemp("public")
    bundle.write_bundle(ROOT, folder / "students.zip")
    with zipfile.ZipFile(folder / "students.zip") as archive:
        archive.extractall(folder)
    return publish(folder / bundle.NAME)


@pytest.mark.long
@posix
def test_where_no_course_can_be_fetched_it_says_so_and_goes_on_with_the_right_address(runtime, repository, tmp_path):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "README.md").write_text("Something else.", "utf-8")
    (tmp_path / "content").mkdir()
    no_packages = f"import os; os.environ['PIP_FIND_LINKS'] = {str(tmp_path)!r}"
    with Kernel(runtime, tmp_path / "content") as kernel:
        for address in ("file:///nowhere", publish(tmp_path / "other")):
            with pytest.raises(AssertionError, match=f"The course is not at '{address}'.*put its public address into"):
                kernel.run(colab.cell_source(address))
            assert not list((tmp_path / "content").iterdir())
        kernel.run(no_packages)
        with pytest.raises(AssertionError, match="pip could not install the course.*begin with a new runtime"):
            kernel.run(colab.cell_source(repository))


@pytest.mark.long
@posix
def test_it_makes_a_bare_runtime_ready_for_every_notebook(runtime, repository, tmp_path):
    with Kernel(runtime, tmp_path) as kernel:
        with pytest.raises(AssertionError, match="ModuleNotFoundError"):
            kernel.run("import course_utils")
        kernel.run(colab.cell_source(repository))
        assert kernel.run("print(os.getcwd())").strip() == str(tmp_path / "course" / "notebooks")
        assert kernel.run(colab.cell_source(repository)) == ""  # once more does nothing
        for cell in execution.code_cells(execution.read_notebook(NOTEBOOKS[0]))[1:]:
            kernel.run(cell.source.replace("FAST = False", "FAST = True"))
        for path in NOTEBOOKS[1:]:
            cells = execution.code_cells(execution.read_notebook(path))
            start = next(k for k, cell in enumerate(cells) if "lesson import" in cell.source)
            for cell in cells[1 : start + 1]:  # parameters and imports
                kernel.run(cell.source.replace('SOURCE = "auto"', 'SOURCE = "embedded"'))
        where = kernel.run("import course_utils; print(course_utils.__file__)")
        kernel.run("os.chdir('/')")
        assert kernel.run(colab.cell_source(repository)) == ""  # also where a lesson has gone elsewhere
    assert where.startswith(str(runtime[0].parent.parent))
    with Kernel(runtime, tmp_path) as kernel:  # a runtime that was started again
        assert kernel.run(colab.cell_source("file:///nowhere")) == ""
        kernel.run("from course_utils.lesson import start; start(0)")

    def course(*arguments):
        command = [runtime[0].with_name("course"), *arguments]
        return subprocess.run(command, cwd=tmp_path / "course", env=runtime[1], capture_output=True, text=True)

    told = course("doctor").stdout
    assert "for lessons alone" in told and "with its package in" in told and "python course.py lab`, which" not in told
    told = course("lab")
    assert told.returncode and "Traceback" not in told.stderr and ".[lab]" in told.stderr


def test_elsewhere_it_does_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = re.sub(r"^( +)[!%].*\n?", r"\1raise SystemExit\n", colab.cell_source(""), flags=re.MULTILINE)
    monkeypatch.delitem(sys.modules, "course_utils")
    exec(code, {})
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    with pytest.raises(SystemExit):
        exec(code, {})


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_the_same_in_every_notebook_and_the_first(path):
    notebook = execution.read_notebook(path)
    cell = colab.cell_of(path, notebook)
    assert execution.code_cells(notebook)[0] is cell and not cell.outputs
    assert cell.source == colab.cell_source(colab.read_address(ROOT))
    assert cell.metadata.cellView == "form" and cell.metadata.jupyter.source_hidden


def imported(tree: ast.AST, package: str):
    """The modules that a source imports, each with its whole name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = f"{package}.{node.module or ''}".rstrip(".") if node.level else node.module
            yield from [module, *(f"{module}.{name.name}" for name in node.names)]


def test_lessons_need_no_package_that_it_does_not_install():
    installed = {"PIL": "pillow", "skimage": "scikit-image", "sklearn": "scikit-learn", "IPython": "ipython"}
    installed["arro3"] = "arro3-io"
    found, seen = set(), set()
    todo = []
    for path in NOTEBOOKS:
        for cell in execution.code_cells(execution.read_notebook(path)):
            if execution.COLAB not in cell.metadata.get("tags", ()):
                todo += imported(ast.parse(cell.source), "")
    while todo:
        name = todo.pop()
        file = ROOT / f"{name.replace('.', '/')}.py"
        if name.partition(".")[0] != "course_utils":
            found.add(name.partition(".")[0])
        elif file.is_file() and name not in seen:
            seen.add(name)
            todo += imported(ast.parse(file.read_text("utf-8")), name.rpartition(".")[0])
    assert len(seen) > 20
    names = {installed.get(name, name) for name in found if name not in sys.stdlib_module_names}
    optional = {"keras_hub"}  # imported when somebody asks for "hub:…", by a sentence without it
    assert names - optional <= set(needed(*LESSONS)) and optional <= names


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    return tmp_path


def test_notebook_08_reads_no_package_that_it_does_not_install():
    installed = {"skimage": "scikit-image", "sklearn": "scikit-learn"}
    assert {installed.get(name, name) for name in docstrings.CLASSES} <= set(needed(*LESSONS))


def test_the_public_address_is_written_into_every_notebook(copy):
    here = "https://github.com/ada/course"
    for given in (here, f"{here}.git", f"{here}/"):
        assert colab.write_address(copy, given) == len(NOTEBOOKS)
        assert colab.read_address(copy) == here
    for path in (copy / "notebooks").glob("*.ipynb"):
        notebook = execution.read_notebook(path)
        nbformat.validate(notebook)
        assert colab.cell_of(path, notebook).source == colab.cell_source(here)
        assert notebook.metadata.course.code == committed.facts(notebook)["code"]  # its outputs are still its own


@pytest.mark.parametrize(
    "given",
    [
        "",
        "git@github.com:ada/course",
        "http://ada.org/course",
        "https://ada:secret@ada.org/course",
        'https://ada.org/"; x',
        "https://github.com/ada",
        "https://github.com/ada/course/tree/main",
    ],
)
def test_an_address_that_not_everybody_can_read_is_refused(given, copy):
    with complains(NotSetUp, "public address", "https://github.com/you/course"):
        colab.write_address(copy, given)
    assert colab.read_address(copy) == colab.read_address(ROOT)


def test_a_notebook_that_lost_its_cell_is_named_and_no_other_is_changed(copy):
    path = copy / "notebooks" / NOTEBOOKS[5].name
    notebook = execution.read_notebook(path)
    notebook.cells.remove(colab.cell_of(path, notebook))
    committed.store(path, notebook)
    with complains(NotSetUp, path.name, "no cells tagged `colab`"):
        colab.write_address(copy, "https://github.com/ada/course")
    assert colab.read_address(copy) == colab.read_address(ROOT)


def test_an_address_written_by_hand_is_read_with_the_same_care(copy):
    path = copy / "notebooks" / NOTEBOOKS[0].name
    before = path.read_text("utf-8")
    for line, told in (("https://ada:secret@ada.org/c", ("public address",)), (None, (path.name, "course address"))):
        old, new = ('REPOSITORY = \\"', f'REPOSITORY = \\"{line}') if line else ("REPOSITORY = ", "WHERE = ")
        path.write_text(before.replace(old, new), "utf-8")
        with complains(NotSetUp, *told):
            colab.read_address(copy)
    shutil.rmtree(copy / "notebooks")
    with complains(NotebookFailed, "00_start_here.ipynb"):
        colab.read_address(copy)
