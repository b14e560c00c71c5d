"""nbgrader's steps, on a small assignment that needs no TensorFlow."""

import copy
import csv
import os
import subprocess
import sys

import nbformat
import pytest
from grading_helpers import moments
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.errors import GradingFailed
from course_utils.grading import ASSIGNMENTS
from course_utils.grading.audit.known_answers import build_submission, read_answers, reference_answers
from course_utils.grading.batch import pipeline
from course_utils.grading.judge import honest
from course_utils.grading.sandbox import available
from course_utils.grading.states import State, read_notes

TINY = "tiny"
UNSAFE = available.missing() is not None  # these submissions are our own


def cell(kind, grade_id, source, **role):
    role = {"grade": False, "solution": False, "task": False, "locked": False, "schema_version": 3} | role
    make = new_markdown_cell if kind == "text" else new_code_cell
    return make(source, metadata={"nbgrader": {"grade_id": grade_id} | role})


def tiny_notebook(*more):
    cells = [
        cell("code", "double", "### BEGIN SOLUTION\ndef double(x):\n    return 2 * x\n### END SOLUTION", solution=True),
        cell("code", "test", "assert double(3) == 6, 'Twice three is six.'", grade=True, locked=True, points=2),
        cell("code", "part", "(double(1) == 2) + (double(2) == 4)", grade=True, locked=True, points=2),
        cell(
            "text",
            "why",
            "Why?\n### BEGIN MARK SCHEME\nBecause.\n### END MARK SCHEME",
            task=True,
            points=1,
            locked=True,
        ),
        new_markdown_cell("Answer here."),
        *more,
    ]
    return new_notebook(
        cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "3", "language": "python"}}
    )


def write_course(course, notebook):
    folder = course / "source" / TINY
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, folder / f"{TINY}.ipynb")
    (course / "nbgrader_config.py").write_text((ASSIGNMENTS / "nbgrader_config.py").read_text("utf-8"), "utf-8")
    return course


NOISY = """
import sys, warnings
def double(x):
    print("careful", file=sys.stderr)
    warnings.warn("old")
    return 2 * x
"""
WRITTEN = {
    "ann": {"double": "def double(x):\n    return 2 * x", "why": "So it is."},
    "bob": {"double": "def double(x):\n    return x + 1"},
    "cal": {},
    "dan": {"double": "broken"},
    "eve": {"double": NOISY},
    "fay": {"double": "def double(x):\n    return 2 * x"},  # and deletes the first test
    "gil": {"double": "def double(x):\n    return 2 * x"},  # and copies the first test
    "hal": {"double": "import os\nos._exit(0)"},
    "ida": {"double": "def double(x):\n    while True: pass"},
}


def out_of_form(student, notebook):
    """What two students did to the tests of their notebooks."""
    place = next(k for k, c in enumerate(notebook.cells) if c.metadata.get("nbgrader", {}).get("grade_id") == "test")
    if student == "fay":
        del notebook.cells[place]
    if student == "gil":
        notebook.cells.append(copy.deepcopy(notebook.cells[place]))
    return notebook


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A class of five through every step, with only the system's own folders on the path."""
    root = tmp_path_factory.mktemp("class")
    pipeline.copy_course(write_course(root / "course", tiny_notebook()), root / "class", TINY)
    with pytest.MonkeyPatch.context() as patch, pipeline.open_course(root / "class", UNSAFE) as api:
        patch.setenv("PATH", os.environ["PATH"])
        released = nbformat.read(pipeline.generate(api, TINY) / f"{TINY}.ipynb", as_version=4)
        pipeline.put_into_exchange(api, TINY)
        for student, answers in WRITTEN.items():
            home = root / "homes" / student
            (home / TINY).mkdir(parents=True)
            made = out_of_form(student, build_submission(released, answers))
            nbformat.write(made, home / TINY / f"{TINY}.ipynb")
            if student == "dan":
                (home / TINY / f"{TINY}.ipynb").write_text('{"cells": [')
            pipeline.submit(api, TINY, student, home)
        pipeline.collect(api, TINY)
        api.config.HonestExecute.timeout = moments(20)
        batch = pipeline.autograde(api, TINY, progress=False)
        pages = pipeline.feedback(api, TINY, progress=False)
        pipeline.export_csv(api, root / "grades.csv")
    return root, batch, pages


def scores(root):
    with (root / "grades.csv").open(newline="") as file:
        return {row["student_id"]: float(row["score"]) for row in csv.DictReader(file)}


def test_scores(graded):
    assert {s: scores(graded[0])[s] for s in ("ann", "bob", "cal")} == {"ann": 4, "bob": 1, "cal": 0}


def test_a_warning_costs_no_points(graded):
    assert scores(graded[0])["eve"] == scores(graded[0])["ann"]


def test_everybody_is_graded_and_has_a_page(graded):
    root, batch, pages = graded
    assert batch.failed == {} and [student for student, _ in pages] == sorted(WRITTEN) == sorted(scores(root))


def test_submissions_out_of_form_or_that_end_badly_are_graded_and_say_so(graded):
    root, _, _ = graded
    assert scores(root)["dan"] == 0
    assert {s: scores(root)[s] for s in ("fay", "gil", "hal", "ida")} == {"fay": 4, "gil": 4, "hal": 0, "ida": 0}
    words = {"ann": "", "fay": "missing", "gil": "2 times", "hal": "ended the kernel", "ida": "longer than"} | {
        "dan": "Nothing could be graded"
    }
    for student, word in words.items():
        file = root / "class" / "autograded" / student / TINY / f"{TINY}.ipynb"
        told = " ".join(note.says for note in read_notes(nbformat.read(file, as_version=4)))
        assert word in told and bool(told) == bool(word)
    assert graded[1].states == {
        State.GRADED: 4,
        State.REPAIRED: 2,
        State.CRASHED: 1,
        State.TIMEOUT: 1,
        State.UNREADABLE: 1,
    }


def test_how_long_each_took_is_kept(graded):
    took = {}
    for student in WRITTEN:
        file = graded[0] / "class" / "autograded" / student / TINY / f"{TINY}.ipynb"
        took[student] = nbformat.read(file, as_version=4).metadata.grading["seconds"]
    assert took["ida"] >= 4 > took["ann"] > 0  # the one ran into the limit of 4 s


def test_feedback_tells_the_score_and_the_rubric(graded):
    page = dict(graded[2])["bob"].read_text("utf-8")
    assert "Twice three is six." in page and "Score: 1.0 / 5.0" in page and "Because." in page


def test_nothing_reaches_the_terminal(tmp_path, capfd, recwarn):
    pipeline.copy_course(write_course(tmp_path / "course", tiny_notebook()), tmp_path / "class", TINY)
    with pipeline.open_course(tmp_path / "class", UNSAFE) as api:
        released = pipeline.generate(api, TINY)
        pipeline.archive(api, TINY).mkdir(parents=True)
        (pipeline.archive(api, TINY) / f"ann_lee_{TINY}.ipynb").write_bytes((released / f"{TINY}.ipynb").read_bytes())
        pipeline.zip_collect(api, TINY)
        assert api.get_submitted_students(TINY) == {"ann_lee"}
        assert pipeline.autograde(api, TINY, progress=False).failed == {}
    assert capfd.readouterr() == ("", "")
    assert not list(recwarn)


def test_works_in_an_environment_that_is_not_activated(tmp_path, monkeypatch):
    scripts = os.path.dirname(sys.executable)
    path = os.pathsep.join(part for part in os.environ["PATH"].split(os.pathsep) if part != scripts)
    monkeypatch.setenv("PATH", path)
    pipeline.copy_course(write_course(tmp_path / "course", tiny_notebook()), tmp_path / "class", TINY)
    with pipeline.open_course(tmp_path / "class") as api:
        assert (pipeline.generate(api, TINY) / f"{TINY}.ipynb").is_file()
    assert os.environ["PATH"] == path


def test_changed_assignment_is_refused_once_there_are_submissions(graded):
    folder = graded[0] / "class"
    write_course(folder, tiny_notebook(cell("code", "new", "1", grade=True, locked=True, points=1)))
    with pipeline.open_course(folder) as api, pytest.raises(GradingFailed, match="submissions associated"):
        pipeline.generate(api, TINY)


def test_unknown_assignment(tmp_path):
    with pytest.raises(GradingFailed, match="no assignment 'ps99'"):
        pipeline.copy_course(ASSIGNMENTS, tmp_path, "ps99")
    assert not list(tmp_path.iterdir())


def test_reference_answers_have_no_marks():
    assert reference_answers(tiny_notebook()) == {"double": "def double(x):\n    return 2 * x"}


def test_build_submission_answers_cells_and_tasks():
    release = tiny_notebook()
    built = build_submission(release, {"double": "pass", "why": "Because I say so."})
    assert [c.source for c in built.cells if c.source in ("pass", "Because I say so.")] == ["pass", "Because I say so."]
    assert built.cells[3].source == release.cells[3].source
    with pytest.raises(GradingFailed, match="treble"):
        build_submission(release, {"treble": "pass"})
    with pytest.raises(GradingFailed, match="test"):
        build_submission(release, {"test": "pass"})


@pytest.mark.parametrize(
    "text, named",
    [
        ("[students]\nzoe = { solves = ['treble'] }\n[wrong]", "treble"),
        ("[students]\nzoe = { solves = 'all', makes = ['sloth'] }\n[wrong]", "sloth"),
        ("[students]\n[wrong.sloth]\nsays = ''\nloses = {}\ncells = { treble = '' }", "treble"),
    ],
)
def test_audit_names_only_what_there_is(tmp_path, text, named):
    write_course(tmp_path, tiny_notebook())
    (tmp_path / "audit" / TINY).mkdir(parents=True)
    (tmp_path / "audit" / TINY / "answers.toml").write_text("[second.cells]\n" + text)
    with pytest.raises(GradingFailed, match=named):
        read_answers(tmp_path, TINY)


def test_grading_does_not_know_the_learning_side():
    code = "import sys, course_utils.grading.course.demo; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "nbgrader" in loaded
    learning = {f"course_utils.{name}" for name in ("sources", "targets", "shapes", "transfer", "training", "probing")}
    assert not {"tensorflow", "keras"} & set(loaded) and not learning & set(loaded)


def test_where_nothing_can_be_isolated_grading_stops_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(honest, "missing", lambda: "This machine lacks it.")
    pipeline.copy_course(write_course(tmp_path / "course", tiny_notebook()), tmp_path / "class", TINY)
    with pipeline.open_course(tmp_path / "class") as api:
        released = pipeline.generate(api, TINY)
        folder = tmp_path / "class" / "submitted" / "ann" / TINY
        folder.mkdir(parents=True)
        (folder / f"{TINY}.ipynb").write_bytes((released / f"{TINY}.ipynb").read_bytes())
        with pytest.raises(GradingFailed, match="Nothing was graded. This machine lacks it."):
            pipeline.autograde(api, TINY)
