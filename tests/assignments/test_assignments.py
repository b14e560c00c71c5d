"""Every assignment: its form, its release, and its known answers, each of which gets exactly the points it should."""

import os
import re
import subprocess
import sys

import nbformat
import pytest
from nbclient import NotebookClient
from nbgrader.utils import is_grade, is_locked, is_solution, is_task

from course_utils.grading import ASSIGNMENTS
from course_utils.grading.audit.cases import read_assignment, whole_cases
from course_utils.grading.audit.examiner import AnswerGrader
from course_utils.grading.audit.known_answers import build_submission, read_answers
from course_utils.grading.audit.proof import audit_assignment, figures
from course_utils.grading.batch import pipeline
from course_utils.grading.batch.results import Results
from course_utils.grading.roles import is_test

NAMES = sorted(folder.name for folder in (ASSIGNMENTS / "source").iterdir())
every = pytest.mark.parametrize("name", NAMES)


def read(name):
    return nbformat.read(ASSIGNMENTS / "source" / name / f"{name}.ipynb", as_version=4)


def points_of(cells, which):
    return {c.metadata.nbgrader.grade_id: c.metadata.nbgrader.points for c in cells if which(c)}


def test_they_are_all_there():
    assert NAMES == ["project", "ps1", "ps2", "ps3", "ps4", "ps5", "ps6"]
    assert sorted(folder.name for folder in (ASSIGNMENTS / "audit").iterdir()) == NAMES


@pytest.mark.long
@every
def test_known_answers_get_the_points_that_they_should(name, tmp_path):
    """With one seed; `course audit --all --mutants` takes more, and small changes of the right solutions."""
    found = audit_assignment(ASSIGNMENTS, name, tmp_path, range(1), False)
    assert found.problems == [], figures(found)


@pytest.mark.parametrize("name", ["ps5", "project"])  # the known answers hold the halves of all
def test_half_a_right_submission_gets_the_points_of_its_half(name, tmp_path):
    """Every second part of one, by which most of what a change can break is seen; the long tests take the others."""
    assignment = read_assignment(ASSIGNMENTS, name)
    (half,) = (case for case in whole_cases(assignment) if case.name == "odd")
    with AnswerGrader(ASSIGNMENTS, assignment, 0, Results(tmp_path)) as grader:
        (got,) = grader.whole([half], lambda: None)
    assert got == half.expected and 0 < sum(got.values()) < sum(assignment.points.values())


@every
def test_the_form(name):
    cells = read(name).cells
    tests, by_hand = points_of(cells, is_test), points_of(cells, is_task)
    assert 8 <= len(tests) <= 15 and 1 <= len(by_hand) <= 3
    assert all(not c.get("outputs") and not c.get("execution_count") for c in cells)
    assert all(is_locked(c) for c in cells if is_test(c))
    for cell in filter(is_task, cells):
        assert re.search(r"### BEGIN MARK SCHEME\n(.+\n){4,}### END MARK SCHEME", cell.source), "a rubric in the source"
    for cell in filter(is_test, cells):
        assert re.match(r"# Checks .*point", cell.source), cell.source.split("\n")[0]
    assert sum("### BEGIN HIDDEN TESTS" in c.source for c in filter(is_test, cells)) >= len(tests) / 2


@every
def test_points_in_the_text_are_those_of_the_tests(name):
    section, stated, counted = None, {}, {}
    cells = read(name).cells
    for cell in cells:
        heading = re.match(r"## (\d+)\. .*\((\d+) points?", cell.source) if cell.cell_type == "markdown" else None
        if heading:
            section = heading[1]
            stated[section] = int(heading[2])
        counted[section] = counted.get(section, 0) + cell.metadata.get("nbgrader", {}).get("points", 0)
    assert stated and counted == stated | {None: 0}
    by_hand, total = sum(points_of(cells, is_task).values()), sum(stated.values())
    assert f"**{total} points**: {total - by_hand} are given by tests, {by_hand} by a person" in cells[0].source


@every
def test_the_release_holds_nothing_of_the_answers(name, tmp_path):
    pipeline.copy_course(ASSIGNMENTS, tmp_path, name)
    with pipeline.open_course(tmp_path, own_exchange=False) as api:
        release = nbformat.read(pipeline.generate(api, name) / f"{name}.ipynb", as_version=4)
    released = "\n".join(cell.source for cell in release.cells)
    visible, hidden, inside = set(), set(), False
    for line in (line.strip() for cell in read(name).cells for line in cell.source.split("\n")):
        if line.startswith("### BEGIN"):
            inside = True
        elif line.startswith("### END"):
            inside = False
        else:
            (hidden if inside else visible).add(line)
    assert len(hidden) > 40
    assert not {line.strip() for line in released.split("\n")} & (hidden - visible)
    assert not re.search("BEGIN|END (SOLUTION|HIDDEN|MARK)", released)
    assert released.count("# YOUR CODE HERE\n") == sum(is_solution(cell) for cell in read(name).cells)


def run(source, tmp_path, **environment):
    """Run a notebook as nbgrader does, on after errors, and return what each test cell displayed last, or its error."""
    client = NotebookClient(
        source, timeout=300, kernel_name="python3", allow_errors=True, resources={"metadata": {"path": str(tmp_path)}}
    )
    client.execute(env=os.environ | environment)
    outcome = {}
    for cell in filter(is_test, source.cells):
        ends = [o for o in cell.outputs if o.output_type in ("error", "execute_result")]
        points = cell.metadata.nbgrader.points
        outcome[cell.metadata.nbgrader.grade_id] = (
            points if not ends else ends[-1].get("ename") or float(ends[-1].data["text/plain"])
        )
    return outcome


def stderr(source):
    return [o.text for c in source.cells if c.cell_type == "code" for o in c.outputs if o.get("name") == "stderr"]


@pytest.mark.long
@every
def test_the_reference_runs_in_the_source_without_stderr(name, tmp_path):
    source = read(name)
    assert run(source, tmp_path) == points_of(source.cells, is_test)
    assert stderr(source) == []


@pytest.mark.long
@every
def test_right_answers_pass_what_students_see(name, tmp_path):
    """The release, filled in, by the command of the student's README; warnings of right answers are no failures."""
    pipeline.copy_course(ASSIGNMENTS, tmp_path / "course", name)
    with pipeline.open_course(tmp_path / "course", own_exchange=False) as api:
        release = nbformat.read(pipeline.generate(api, name) / f"{name}.ipynb", as_version=4)
    nbformat.write(build_submission(release, read_answers(ASSIGNMENTS, name).second), tmp_path / "a.ipynb")
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", "validate", "a.ipynb"], cwd=tmp_path, capture_output=True, text=True
    )
    assert "Success! Your notebook passes all the tests." in done.stdout, done.stdout


PRETENDER = """
class Pretender:
    __eq__ = __le__ = __ge__ = __lt__ = __gt__ = lambda self, other: True
    __hash__ = None
    __len__ = lambda self: 3
    __iter__ = lambda self: iter([self] * 3)
    __getattr__ = __getitem__ = __call__ = __add__ = __sub__ = __radd__ = lambda self, *_, **__: self

"""


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.long] * (n != "ps2")) for n in NAMES])
def test_an_object_that_equals_everything_earns_nothing(name, tmp_path):
    """In the student's own kernel, where the object itself meets the test; the grader would not even let it out."""
    source = read(name)
    for cell in filter(is_solution, source.cells):
        if cell.cell_type == "code":
            definitions = re.findall(r"^def .*?:$", cell.source, re.MULTILINE | re.DOTALL)
            cell.source = PRETENDER + "\n".join(f"{line}\n    return Pretender()\n" for line in definitions)
    assert run(source, tmp_path) == dict.fromkeys(points_of(source.cells, is_test), "NotYet")


@pytest.mark.real
@every
def test_the_reference_on_mobilenet(name, tmp_path, data):
    weights = "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224.h5"
    if not (data / "keras" / "models" / weights).is_file():
        pytest.skip(f"no {weights} under {data}: set COURSE_DATA to a folder that has keras/models")
    (tmp_path / "models").symlink_to(data / "keras" / "models")
    source = read(name)
    loading = [cell for cell in source.cells if 'load_source("auto")' in cell.source]
    for cell in loading:
        cell.source = cell.source.replace('load_source("auto")', 'load_source("MobileNetV2")')
    assert run(source, tmp_path, KERAS_HOME=str(tmp_path)) == points_of(source.cells, is_test)
    assert stderr(source) == []
    shown = [o.get("text", "") for c in source.cells if c.cell_type == "code" for o in c.outputs]
    assert not loading or any("MobileNetV2" in text for text in shown)


@every
def test_cells_that_nbgrader_knows_have_a_role_and_a_name_of_their_own(name):
    known = [cell for cell in read(name).cells if "nbgrader" in cell.metadata]
    assert len({cell.metadata.nbgrader.grade_id for cell in known}) == len(known)
    assert all(is_grade(cell) or is_locked(cell) or is_solution(cell) for cell in known)
