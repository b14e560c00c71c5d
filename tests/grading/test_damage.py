"""Notebooks damaged at random, 1,000 of them, by Hypothesis: always a state, and never more points than undamaged."""

import ast
import copy
import json
import tempfile
from pathlib import Path

import nbformat
import pytest
from grading_helpers import POINTS, RIGHT, notebook
from grading_stub import write_source
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_output
from nbgrader.utils import determine_grade

from course_utils.grading.batch import pipeline, worker
from course_utils.grading.batch.bookkeeping import enter_points
from course_utils.grading.batch.results import Results
from course_utils.grading.intake.preflight import forms
from course_utils.grading.intake.take_in import take_in
from course_utils.grading.packing import pack
from course_utils.grading.roles import is_test
from course_utils.grading.sandbox import available
from course_utils.grading.states import KEY, State, read_notes, worst
from course_utils.grading.version import grader

WRONG = {"double": "def double(x):\n    return 0", "value": "answer = None"}
STUB = {"double": "def double(x):\n    raise NotImplementedError", "value": "answer = ..."}
HALF = {"double": "def double(x):\n    return 2", "value": RIGHT["value"]}
BASES = {  # notebooks, and the points that they get
    "right": (json.loads(nbformat.writes(notebook(RIGHT))), 5),
    "wrong": (json.loads(nbformat.writes(notebook(WRONG))), 0),
    "half": (json.loads(nbformat.writes(notebook(HALF))), 2),
}
CHARACTERS = st.one_of(st.characters(), st.characters(categories=["Cs"]))  # Hypothesis leaves half emojis out
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.text(CHARACTERS, max_size=8),
    st.just([]),
    st.just({}),
    st.just({"nbgrader": 7}),
)


def places(value, path=()):
    """Every place within a JSON value."""
    yield path
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        yield from places(part, (*path, key))


PLACES = [path for path in places(BASES["right"][0]) if path]
# What is done to one place: it is taken away, doubled, moved, or replaced by something else.
DAMAGE = st.lists(
    st.tuples(st.sampled_from(PLACES), st.sampled_from(["drop", "double", "first", "junk"]), JUNK),
    min_size=1,
    max_size=4,
)
BYTES = st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 40), st.binary(max_size=4)), max_size=2)


def damaged(which, changes, cuts) -> bytes:
    made = copy.deepcopy(BASES[which][0])
    for path, what, junk in changes:
        try:
            parent = made
            for key in path[:-1]:
                parent = parent[key]
            value = parent[path[-1]]
            if what == "drop":
                del parent[path[-1]]
            elif what == "junk":
                parent[path[-1]] = junk
            elif isinstance(parent, list):
                parent.insert(0 if what == "first" else len(parent), copy.deepcopy(value))
                if what == "first":
                    parent.remove(value)
        except (KeyError, IndexError, TypeError, ValueError):
            continue  # an earlier change took it away
    raw = json.dumps(made).encode()
    for at, length, new in cuts:
        at %= len(raw) + 1
        raw = raw[:at] + new + raw[at + length :]
    return raw


def run(source, names):
    """What a kernel puts out for a cell: nothing, the value of its last line, or an error."""
    try:
        *body, last = ast.parse(source).body or [ast.Pass()]
        exec(compile(ast.Module(body, []), "cell", "exec"), names)
        if not isinstance(last, ast.Expr):
            exec(compile(ast.Module([last], []), "cell", "exec"), names)
            return []
        value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
        return [] if value is None else [new_output("execute_result", {"text/plain": repr(value)})]
    except BaseException as problem:
        return [new_output("error", ename=type(problem).__name__, evalue=str(problem), traceback=[])]


def without_kernels(made, source, folder, timeout, kernel):
    """In place of `grade_notebook`: cells run here, one after the other."""
    names = {}
    for cell in made.cells:
        if cell.cell_type == "code":
            cell.outputs = run(cell.source, names)


def handed_in(folder, raw):
    """A submission's folder, taken in, and packed to be graded."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    (folder / "tiny.ipynb").write_bytes(raw)
    with tempfile.TemporaryDirectory() as into:
        take_in(folder, Path(into), {"tiny": notebook(STUB)})
        packed = pack(Path(into))
    assert [path.name for path in folder.iterdir()] == ["tiny.ipynb"]
    assert (folder / "tiny.ipynb").read_bytes() == raw  # what was handed in stays as it was
    return packed


def check(graded, most):
    """One of the states, every test there once with points between none and its own, and no more than undamaged."""
    made = nbformat.reads(graded["tiny"], as_version=4)
    assert State(made.metadata[KEY]["state"]) and worst(read_notes(made)) == made.metadata[KEY]["state"]
    points = [(c.metadata.nbgrader.grade_id, determine_grade(c)) for c in made.cells if is_test(c)]
    assert sorted(name for name, _ in points) == sorted(POINTS)
    assert all(most == POINTS[name] and 0 <= got <= most for name, (got, most) in points)
    assert sum(got for _, (got, _) in points) <= most
    return made


def task(course, unsafe=True):
    with pipeline.open_course(course) as api, api.gradebook as gradebook:
        form = nbformat.writes(forms(gradebook, api.coursedir, "tiny")["tiny"])
    source = pack(course / "source" / "tiny")
    return worker.Assignment(source, {"tiny": form}, 10, unsafe, grader())


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return write_source(tmp_path_factory.mktemp("course") / "class")


CASE = {"which": st.sampled_from(sorted(BASES)), "changes": DAMAGE, "cuts": BYTES}
LENIENT = settings(deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)


def test_undamaged(course, tmp_path, monkeypatch):
    monkeypatch.setattr(worker, "grade_notebook", without_kernels)
    for which, (_, most) in BASES.items():
        made = check(worker.grade(handed_in(tmp_path, damaged(which, [], [])), task(course)), most)
        assert made.metadata[KEY]["state"] == "graded"
        assert sum(determine_grade(c)[0] for c in made.cells if is_test(c)) == most


@pytest.mark.parametrize("many", [200, pytest.param(1000, marks=pytest.mark.long)])
def test_damaged_notebooks(course, tmp_path, monkeypatch, many):
    monkeypatch.setattr(worker, "grade_notebook", without_kernels)
    asked, states = task(course), set()

    @settings(LENIENT, max_examples=many)
    @given(**CASE)
    def check_one(which, changes, cuts):
        graded = worker.grade(handed_in(tmp_path, damaged(which, changes, cuts)), asked)
        states.add(check(graded, BASES[which][1]).metadata[KEY]["state"])

    check_one()
    assert states >= {"graded", "graded with repairs", "unreadable"}


def every_cell(made, act):
    for cell in made["cells"]:
        act(cell)


def to(cells, place):
    return place % max(len(cells), 1)


HARMLESS = {  # what takes away nothing that a student wrote, done to the cells i and j of a notebook
    "strip": lambda made, i, j: made["cells"][i]["metadata"].pop("nbgrader", None),
    "strip all": lambda made, i, j: every_cell(made, lambda cell: cell.update(metadata={})),
    "move": lambda made, i, j: made["cells"].insert(j, made["cells"].pop(i)),
    "copy": lambda made, i, j: made["cells"].insert(j, copy.deepcopy(made["cells"][i])),
    "rename": lambda made, i, j: made["cells"][i]["metadata"].get("nbgrader", {}).update(grade_id=f"x{j}"),
    "no points": lambda made, i, j: made["cells"][i]["metadata"].get("nbgrader", {}).update(points=0, grade=False),
    "remark": lambda made, i, j: made["cells"].insert(
        j, {"cell_type": "markdown", "metadata": {}, "source": "mine \ud83d"}
    ),
    "output": lambda made, i, j: made["cells"][i].update(outputs=[{"output_type": "\udc00", "text": j}, 3]),
    "ids": lambda made, i, j: every_cell(made, lambda cell: cell.update(id=f"same {j}")),
    "version": lambda made, i, j: made.update(nbformat_minor=j, metadata=None),
    "lines": lambda made, i, j: every_cell(
        made, lambda cell: isinstance(cell["source"], str) and cell.update(source=cell["source"].splitlines(j % 2 == 0))
    ),
    "no keys": lambda made, i, j: every_cell(
        made, lambda cell: [cell.pop(key, None) for key in ("id", "outputs", "execution_count")]
    ),
    "empty": lambda made, i, j: made["cells"].insert(
        j, {"cell_type": "code", "metadata": {}, "source": "", "outputs": []}
    ),
}
HARM = st.lists(
    st.tuples(st.sampled_from(sorted(HARMLESS)), st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=5
)


@pytest.mark.parametrize("many", [200, pytest.param(1000, marks=pytest.mark.long)])
def test_what_loses_nothing_of_the_students_costs_no_point(course, tmp_path, monkeypatch, many):
    monkeypatch.setattr(worker, "grade_notebook", without_kernels)
    asked = task(course)

    @settings(LENIENT, max_examples=many, phases=[Phase.generate])
    @given(HARM)
    def check_one(changes):
        made = copy.deepcopy(BASES["right"][0])
        every_cell(made, lambda cell: cell.update(source="".join(cell["source"])))
        for what, i, j in changes:
            HARMLESS[what](made, to(made["cells"], i), to(made["cells"], j))
        graded = check(worker.grade(handed_in(tmp_path, json.dumps(made).encode()), asked), 5)
        assert sum(determine_grade(c)[0] for c in graded.cells if is_test(c)) == 5, changes

    check_one()


@pytest.mark.parametrize("many", [25, pytest.param(100, marks=pytest.mark.long)])
def test_damaged_notebooks_in_the_gradebook(course, tmp_path, monkeypatch, many):
    """nbgrader's own steps take what comes out, and give the same points."""
    monkeypatch.setattr(worker, "grade_notebook", without_kernels)
    asked, results = task(course), Results(tmp_path / "results")
    with pipeline.open_course(course) as api:

        @settings(LENIENT, max_examples=many, phases=[Phase.generate])
        @given(**CASE)
        def check_one(which, changes, cuts):
            folder = course / "submitted" / "ann" / "tiny"
            graded = worker.grade(handed_in(folder, damaged(which, changes, cuts)), asked)
            made = check(graded, BASES[which][1])
            results.put("key", graded)
            told = enter_points(api, "tiny", "ann", results.file("key"), "key")
            assert told["success"], told["log"] + told["error"]
            with api.gradebook as gradebook:
                score = gradebook.find_submission("tiny", "ann").score
            assert score == sum(determine_grade(c)[0] for c in made.cells if is_test(c))

        check_one()


@pytest.mark.skipif(available.missing() is not None, reason=f"no isolation here: {available.missing()}")
@pytest.mark.parametrize("many", [8, pytest.param(25, marks=pytest.mark.long)])
def test_damaged_notebooks_in_kernels(course, tmp_path, many):
    asked = task(course, unsafe=False)

    @settings(LENIENT, max_examples=many)
    @given(**CASE)
    def check_one(which, changes, cuts):
        check(worker.grade(handed_in(tmp_path, damaged(which, changes, cuts)), asked), BASES[which][1])

    check_one()
