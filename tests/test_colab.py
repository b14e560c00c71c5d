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
from importlib.metadata import Distribution, distribution
from pathlib import Path

import nbformat
import pytest
from conftest import ROOT
from helpers import complains
from jupyter_client.manager import KernelManager
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from course_utils import colab, execution, notebooks
from course_utils.errors import NotSetUp

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
LESSONS = PROJECT["project"]["dependencies"]
ON_COLAB = 'import sys, types; sys.modules["google.colab"] = types.ModuleType("google.colab")'


def needed(*requirements: str) -> dict[str, Distribution]:
    """The installed distributions that the requirements ask for, with what those ask for."""
    found, todo = {}, [Requirement(line) for line in requirements]
    while todo:
        wanted = todo.pop()
        extras = wanted.extras or {""}
        if wanted.marker and not wanted.marker.evaluate({"extra": ""}):
            continue
        name = canonicalize_name(wanted.name)
        if name in found and not wanted.extras:
            continue
        found[name] = distribution(wanted.name)
        for line in found[name].requires or ():
            asked = Requirement(line)
            if not asked.marker or any(asked.marker.evaluate({"extra": extra}) for extra in extras):
                asked.marker = None
                todo.append(asked)
    return found


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
    wheels.mkdir()
    for installed in needed("ipykernel", *LESSONS, "hatchling").values():
        pack(installed, wheels)
    venv.create(folder / "bare", with_pip=True)
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("PYTHON", "PIP", "COURSE"))}
    environment |= {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_NO_COMPILE": "1", "PIP_NO_CACHE_DIR": "1"}
    environment |= {"JUPYTER_PATH": "", "PIP_DISABLE_PIP_VERSION_CHECK": "1", "COURSE_CACHE": str(folder / "cache")}
    python = folder / "bare" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "-q", "ipykernel"], env=environment, check=True)
    yield python, environment
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


@pytest.fixture(scope="module")
def repository(tmp_path_factory):
    """The course as git has it here, with what is not committed yet, at an address that git can clone from."""
    folder = tmp_path_factory.mktemp("public") / "course"
    listed = ["git", "-C", ROOT, "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, capture_output=True, text=True, check=True).stdout.splitlines():
        if (ROOT / name).is_file() and not name.startswith(("tests/", "assignments/", "build/")):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git = ["git", "-C", folder, "-c", "user.name=ada", "-c", "user.email=ada@localhost"]
    for step in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "The course"]):
        subprocess.run([*git, *step], check=True)
    return f"file://{folder}"


def test_it_makes_a_bare_runtime_ready_for_every_notebook(runtime, repository, tmp_path):
    with Kernel(runtime, tmp_path) as kernel:
        with pytest.raises(AssertionError, match="ModuleNotFoundError"):
            kernel.run("import course_utils")
        kernel.run(colab.source(repository))
        assert kernel.run("print(os.getcwd())").strip() == str(tmp_path / "course" / "notebooks")
        assert kernel.run(colab.source(repository)) == ""  # once more does nothing
        for cell in execution.code_cells(execution.read(NOTEBOOKS[0])):
            if execution.COLAB not in cell.metadata.get("tags", ()):
                kernel.run(cell.source.replace("FAST = False", "FAST = True"))
        for path in NOTEBOOKS[1:]:
            cells = execution.code_cells(execution.read(path))
            start = next(k for k, cell in enumerate(cells) if "lesson import" in cell.source)
            for cell in cells[1 : start + 1]:  # parameters and imports
                kernel.run(cell.source.replace('SOURCE = "auto"', 'SOURCE = "embedded"'))
        where = kernel.run("import course_utils; print(course_utils.__file__)")
    assert where.startswith(str(runtime[0].parent.parent))
    with Kernel(runtime, tmp_path) as kernel:  # a runtime that was started again
        kernel.run(colab.source("file:///nowhere"))
        kernel.run("from course_utils.lesson import start; start(0)")
    command = [runtime[0].with_name("course"), "doctor"]
    told = subprocess.run(command, cwd=tmp_path / "course", env=runtime[1], capture_output=True, text=True)
    assert "Traceback" not in told.stderr
    told = subprocess.run(
        [command[0], "build"], cwd=tmp_path / "course", env=runtime[1], capture_output=True, text=True
    )
    assert told.returncode and "Traceback" not in told.stderr and ".[lab]" in told.stderr


def test_where_the_course_cannot_be_fetched_the_cell_says_so(runtime, tmp_path):
    python, environment = runtime
    subprocess.run(
        [python, "-m", "pip", "uninstall", "-q", "-y", "transfer-learning-course"], env=environment, check=True
    )
    with Kernel(runtime, tmp_path) as kernel:
        with pytest.raises(AssertionError, match="did not come from 'file:///nowhere'.*put its address(.|\n)*nowhere"):
            kernel.run(colab.source("file:///nowhere"))
    assert not list(tmp_path.iterdir())


def test_elsewhere_it_does_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code = re.sub(r"^    [!%].*\n?", "    raise SystemExit\n", colab.source(""), flags=re.MULTILINE)
    exec(code, {})
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    with pytest.raises(SystemExit):
        exec(code, {})


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_is_the_same_in_every_notebook_and_the_first(path):
    notebook = execution.read(path)
    cell = colab.cell_of(notebook)
    assert execution.code_cells(notebook)[0] is cell and not cell.outputs
    assert cell.source == colab.source(colab.address(ROOT))
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
    found, seen = set(), set()
    todo = []
    for path in NOTEBOOKS:
        for cell in execution.code_cells(execution.read(path)):
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
    assert names <= set(needed(*LESSONS))


def test_the_public_address_is_written_into_every_notebook(tmp_path):
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    for given in (
        "https://github.com/ada/course",
        "https://github.com/ada/course.git",
        "https://github.com/ada/course/",
    ):
        assert colab.set_address(tmp_path, given) == len(NOTEBOOKS)
        assert colab.address(tmp_path) == "https://github.com/ada/course"
    for path in (tmp_path / "notebooks").glob("*.ipynb"):
        notebook = execution.read(path)
        nbformat.validate(notebook)
        assert colab.cell_of(notebook).source == colab.source("https://github.com/ada/course")
        assert notebook.metadata.course.code == notebooks.facts(notebook)["code"]  # its outputs are still its own


@pytest.mark.parametrize(
    "given", ["", "git@github.com:ada/course", "http://ada.org/course", "https://a:b@ada.org/c", 'https://ada.org/"; x']
)
def test_an_address_that_not_everybody_can_read_is_refused(given, tmp_path):
    shutil.copytree(ROOT / "notebooks", tmp_path / "notebooks")
    with complains(NotSetUp, "public address", "https://github.com/you/course"):
        colab.set_address(tmp_path, given)
    assert colab.address(tmp_path) == colab.address(ROOT)
