"""What holds for every file of the repository, for the lock, and for the notebooks as they are committed."""

import ast
import re
import subprocess
import sys
import tomllib

import nbformat
import pytest
import yaml
from conftest import ROOT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from course_utils.authoring import committed, execution, lock

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
LOCKS = {name: (ROOT / name).read_text("utf-8") for name in (lock.LOCK, lock.TEST_LOCK)}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]

MACHINE_PATH = r"(?<![\w.$}])/(?:work|root|tmp|home|Users)/\w+|[A-Z]:\\Users"
REGISTRY = r"\b(?:py[p]i\.org|files\.python[h]osted|registry\.npm[j]s|deb\.debia[n]\.org|conda\.anacond[a]\.org)"
INDEX = r"--(?:extra-)?index-url|--find-links|https?://"


@pytest.fixture(scope="module")
def files():
    """The files that are committed, or that would be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode:
        pytest.skip(f"this is no clone of the repository, so what is committed is not known: {listed.stderr.strip()}")
    return [path for path in (ROOT / name for name in listed.stdout.split("\0")[:-1]) if path.is_file()]


@pytest.mark.parametrize(("what", "pattern"), [("a path of one machine", MACHINE_PATH), ("a registry", REGISTRY)])
def test_no_file_names(files, what, pattern):
    found = []
    for path in files:
        try:
            text = path.read_text("utf-8")
        except UnicodeDecodeError:  # weights and pictures
            continue
        text = re.sub(r'"image/(png|jpeg)": "[^"]*"', "", text)
        found += [f"{path.relative_to(ROOT)}: {match[0]}" for match in re.finditer(pattern, text)]
    assert not found, f"{what} stands in: {found}"


def test_files_are_small(files):
    large = {str(path.relative_to(ROOT)): path.stat().st_size for path in files if path.stat().st_size > 2_000_000}
    assert not large


@pytest.mark.parametrize("check", [["check"], ["format", "--check"]])
def test_ruff_is_content(check):
    run = subprocess.run(
        [sys.executable, "-m", "ruff", *check, "--no-cache", "."], cwd=ROOT, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stdout


def locked(name):
    return [Requirement(line) for line in lock.pinned(LOCKS[name])]


@pytest.mark.parametrize("name", LOCKS)
def test_every_direct_dependency_is_locked_within_its_bounds(name):
    lines = [] if name == lock.TEST_LOCK else [*PROJECT["dependencies"]]
    for extra, wanted in PROJECT["optional-dependencies"].items():
        there = (extra in lock.TESTS) == (name == lock.TEST_LOCK) and extra not in lock.UNLOCKED
        lines += wanted if there else []
    for line in lines:
        wanted = Requirement(line)
        found = [r for r in locked(name) if canonicalize_name(r.name) == canonicalize_name(wanted.name)]
        assert found, f"{wanted.name} is not in {name}: run `course lock`"
        for requirement in found:
            (version,) = requirement.specifier
            assert version.operator == "==" and version.version in wanted.specifier, line


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_hashes(name):
    entries = re.split(r"^(?=\S)", LOCKS[name], flags=re.MULTILINE)
    entries = [entry for entry in entries if entry.strip() and not entry.startswith("#")]
    assert len(entries) == len(locked(name)) > 50
    assert not [entry.split("\n")[0] for entry in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}\b", entry)]


@pytest.mark.parametrize("name", LOCKS)
def test_what_is_in_no_lock_is_not_installed_by_it(name):
    lines = [line for extra in lock.UNLOCKED for line in PROJECT["optional-dependencies"][extra]]
    assert lines and not {Requirement(line).name for line in lines} & {r.name for r in locked(name)}


def test_tests_get_the_versions_that_everybody_has():
    versions = {r.name: r.specifier for r in locked(lock.LOCK)}
    both = [r for r in locked(lock.TEST_LOCK) if r.name in versions]
    assert both and not [str(r) for r in both if r.specifier != versions[r.name]]


def test_nobody_installs_what_only_tests_need():
    names = {r.name for r in locked(lock.LOCK)}
    assert not names & {"axe-playwright-python", "hypothesis", "mutmut", "nbval", "playwright", "pytest", "ruff"}


@pytest.mark.parametrize("name", [*LOCKS, "environment.yml", "pyproject.toml", "Makefile", "course.py"])
def test_no_index_address_is_set(name):
    assert not re.findall(INDEX, (ROOT / name).read_text("utf-8"))


def test_every_defect_of_the_list_fits_the_code():
    defects = tomllib.loads((ROOT / "benchmarks" / "defects.toml").read_text("utf-8"))
    counts = {name: (ROOT / one["file"]).read_text("utf-8").count(one["is"]) for name, one in defects.items()}
    assert {name: count for name, count in counts.items() if count != 1} == {}
    assert all((ROOT / test.partition("::")[0]).exists() for one in defects.values() for test in one["tests"])


def test_conda_gets_the_same_pins_as_pip():
    environment = yaml.safe_load((ROOT / "environment.yml").read_text("utf-8"))
    python, _, pip = environment["dependencies"]
    assert environment["channels"] == ["conda-forge"] and Requirement(python.replace("=", "==")).name == "python"
    assert python.removeprefix("python=") + ".0" in Requirement(f"python{PROJECT['requires-python']}").specifier
    *packages, course = pip["pip"]
    assert course == "-e ."
    assert {str(Requirement(line)) for line in packages} == {str(requirement) for requirement in locked(lock.LOCK)}


def test_the_notebooks_are_there_in_their_order():
    assert [path.name[:2] for path in NOTEBOOKS] == [f"{k:02d}" for k in range(12)]


@pytest.fixture(params=NOTEBOOKS, ids=lambda path: path.stem)
def notebook(request):
    return nbformat.read(request.param, as_version=4)


def shown(notebook):
    """(number of the code cell, output) for every output."""
    return [(n, output) for n, cell in enumerate(execution.code_cells(notebook), 1) for output in cell.outputs]


def test_a_notebook_begins_with_its_title_and_has_parameters(notebook):
    assert notebook.cells[0].source.startswith("# ")
    (cell,) = (cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", ()))
    names = [target.id for node in ast.parse(cell.source).body for target in node.targets]
    values = [ast.literal_eval(node.value) for node in ast.parse(cell.source).body]
    assert names[:3] == ["SOURCE", "SEED", "FAST"]
    assert isinstance(values[0], str) and values[1:3] == [0, False]
    assert all(value in (None, False) for value in values[3:])  # what a reader may put in or allow


def test_a_notebook_can_be_read_in_one_go(notebook):
    cells = [cell for cell in execution.code_cells(notebook) if execution.COLAB not in cell.metadata.get("tags", ())]
    lines = [sum(bool(line.strip()) for line in cell.source.splitlines()) for cell in cells]
    assert max(lines) <= 20 and sum(lines) <= 200, (max(lines), sum(lines))


def test_a_notebook_asks_for_the_kernel_that_everybody_has(notebook):
    assert notebook.metadata.kernelspec.name == "python3"


def test_committed_outputs_are_of_the_current_code_and_source(notebook):
    assert notebook.metadata.get("course") == committed.facts(notebook), "run `course notebooks`"
    counts = [cell.execution_count for cell in execution.code_cells(notebook)]
    assert counts == list(range(1, len(counts) + 1))


def test_committed_outputs_hold_no_error_no_stderr_and_no_widget(notebook):
    assert shown(notebook), "there are no outputs: run `course notebooks`"
    for number, output in shown(notebook):
        assert output.output_type != "error" and output.get("name") != "stderr", f"code cell {number}"
        assert not any("widget" in kind for kind in output.get("data", ())), f"code cell {number}"


def test_every_figure_says_what_it_shows(notebook):
    figures = [(n, output) for n, output in shown(notebook) if "image/png" in output.get("data", ())]
    assert figures, "there are no figures among the outputs"
    for number, output in figures:
        alt = output.metadata.get("image/png", {}).get("alt", "")
        assert len(alt.split()) >= 5, f"the figure of code cell {number} has no alt text: show it with figures.show"
    drawn = [n for n, output in shown(notebook) if any(k.startswith("image/") for k in output.get("data", ()))]
    assert len(drawn) == len(figures), "a figure is no PNG"


def test_every_claim_held_in_the_committed_run(notebook):
    claims = [
        output.metadata["course"]
        for _, output in shown(notebook)
        if "claim" in output.get("metadata", {}).get("course", {})
    ]
    assert all(claim["holds"] for claim in claims), claims
