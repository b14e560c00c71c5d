"""The audit of an assignment's tests finds what is wrong with them; mutants, grouping, and the table."""

import shutil
from contextlib import nullcontext

import nbformat
import pytest
from click.testing import CliRunner
from grading_helpers import RIGHT, notebook

from course_utils import cli
from course_utils.errors import GradingFailed
from course_utils.grading import ASSIGNMENTS
from course_utils.grading.audit import examiner
from course_utils.grading.audit import proof as audit_module
from course_utils.grading.audit.cases import read_assignment, whole_cases, wrong_cases
from course_utils.grading.audit.mutants import mutants
from course_utils.grading.audit.proof import audit_assignment, table
from course_utils.grading.sandbox import available

pytestmark = pytest.mark.skipif(available.missing() is not None, reason=f"no isolation here: {available.missing()}")

ANSWERS = '''
[second]
says = "Adds, and counts by hand."
[second.cells]
double = """
def double(x):
    return x + x
"""
value = """
import numpy as np
answer = np.array([3, 2, 1])
"""

[wrong.squares]
says = "Takes the square."
loses = { test-double = 2, test-parts = 2 }
[wrong.squares.cells]
double = """
def double(x):
    return x ** 3
"""

[wrong.knows_one]
says = "Writes down the number of the visible test."
loses = { test-double = 2, test-parts = 2 }
[wrong.knows_one.cells]
double = """
def double(x):
    return 6
"""

[wrong.a_list]
says = "A list in place of an array."
loses = { test-value = 1 }
[wrong.a_list.cells]
value = """
answer = [1, 2, 3]
"""
'''


@pytest.fixture
def course(tmp_path, monkeypatch, cluster):
    """A course folder with a tiny assignment and its known answers, which are graded on one cluster for all tests."""
    monkeypatch.setattr(audit_module, "LEAST", 1)
    monkeypatch.setattr(examiner, "workers", lambda jobs: nullcontext(cluster))
    made = tmp_path / "course"
    (made / "source" / "tiny").mkdir(parents=True)
    (made / "audit" / "tiny").mkdir(parents=True)
    source = notebook({name: f"### BEGIN SOLUTION\n{code}\n### END SOLUTION" for name, code in RIGHT.items()})
    source.cells[0].source += "\nfrom course_utils.lesson import start\n\nstart(seed=0)"
    source.metadata.kernelspec = {"name": "python3", "display_name": "3", "language": "python"}
    nbformat.write(source, made / "source" / "tiny" / "tiny.ipynb")
    shutil.copy(ASSIGNMENTS / "nbgrader_config.py", made)
    (made / "audit" / "tiny" / "answers.toml").write_text(ANSWERS)
    return made


ANSWERS_FILE = "audit/tiny/answers.toml"


def run(course, seeds=1, with_mutants=False):
    return audit_assignment(course, "tiny", course / "kept", range(seeds), with_mutants)


def change(course, old, new, file=ANSWERS_FILE):
    text = (course / file).read_text()
    assert old in text
    (course / file).write_text(text.replace(old, new, 1))


def test_what_is_right_has_no_problems_and_a_table(course):
    found = run(course, seeds=2)
    assert found.problems == []
    told = table(found)
    assert "wrong answers caught: 3 of 3" in told and "right solutions marked down: 0 of 4" in told
    assert "marks that change with the seed: 0 of 8" in told and "knows_one  loses   4  Writes down" in told


@pytest.mark.long
def test_nothing_is_graded_twice(course, monkeypatch):
    run(course)
    monkeypatch.setattr(examiner, "grade_all", None)
    assert run(course).problems == []


@pytest.mark.long
def test_another_hidden_test_grades_anew(course):
    run(course)
    change(course, "double(21) == 42", "double(21) == 43", "source/tiny/tiny.ipynb")
    problems = "\n".join(run(course).problems)
    assert "reference gets, with seed 0, test-double 0 (not 2)." in problems and "second gets" in problems


def test_a_wrong_answer_that_loses_other_points_than_it_should_is_named(course):
    change(course, "loses = { test-value = 1 }", "loses = { test-value = 0 }")
    problems = "\n".join(run(course).problems)
    assert "a_list gets, with seed 0, test-value 0 (not 1)." in problems and "knows_one" not in problems


def test_a_wrong_answer_that_no_test_sees_is_named(course):
    change(course, "return x ** 3", "return 2 * x")
    found = run(course)
    (problem,) = found.problems
    assert problem == "squares gets, with seed 0, test-double 2 (not 0), test-parts 2 (not 0)."
    assert "wrong answers caught: 2 of 3 (not squares)" in table(found)


def test_a_right_solution_that_is_marked_down_is_named(course):
    change(course, "return x + x", "return x + x + (x == 21)")
    found = run(course)
    assert found.problems == ["second gets, with seed 0, test-double 0 (not 2)."]
    assert "right solutions marked down: 1 of 2" in table(found)


def test_marks_that_depend_on_the_seed_are_named(course):
    change(course, "x ** 3", "x ** 3 if __import__('course_utils.lesson').lesson.last_seed else 2 * x")
    found = run(course, seeds=2)
    assert "marks that change with the seed: 1 of 8" in table(found)
    assert any("squares gets, with seed 0" in problem for problem in found.problems)
    assert not any("squares gets, with seed 1" in problem for problem in found.problems)


@pytest.mark.long
def test_too_few_known_answers_are_named(course, monkeypatch):
    monkeypatch.setattr(audit_module, "LEAST", 2)
    change(course, "answer = np.array([3, 2, 1])", "answer = 1")
    problems = run(course).problems
    assert "test-value has 1 wrong answers: write at least 2." in problems


def test_mutants_that_no_test_sees_have_to_be_explained(course):
    source = "source/tiny/tiny.ipynb"
    change(course, "return 2 * x", "seen = 3\\n    return 2 * x", source)
    found = run(course, with_mutants=True)
    assert found.mutants > 5 and {m.change for m, _ in found.survivors} == {
        "- seen = 3\n+ seen = 4",
        "- seen = 3\n+ seen = None",
    }
    assert len(found.problems) == 2 and "nobody says why:\n- seen = 3" in found.problems[0]
    reason = "\n[[survives]]\ncell = 'double'\nchange = '''\n- seen = 3\n+ seen = {}\n'''\nwhy = 'Nobody reads it.'\n"
    file = course / "audit" / "tiny" / "answers.toml"
    file.write_text(file.read_text() + reason.format(4) + reason.format(None))
    found = run(course, with_mutants=True)
    assert found.problems == [] and "2 survive, 2 explained" in table(found)
    file.write_text(file.read_text() + reason.format(7))
    (problem,) = run(course, with_mutants=True).problems
    assert problem.startswith("A change of double that is said to survive does not")


def test_mutants_are_small_changes_of_the_code():
    made = mutants("c", "def f(x, n):\n    return g(x[:n], axis=1) + 2\n")
    changes = {m.change.split("\n")[1] for m in made}
    assert "+ return g(x[:n], axis=2) + 2" in changes and "+ return g(x[:n], axis=1) - 2" in changes
    assert all(m.code.startswith("def f(x, n):") and m.cell == "c" for m in made)


def test_cases_are_the_reference_the_second_the_blank_and_each_wrong_one(course):
    assignment = read_assignment(course, "tiny")
    whole, wrong = whole_cases(assignment), wrong_cases(assignment)
    assert [case.name for case in whole] == ["reference", "second", "blank", "odd", "even"]
    assert whole[3].expected == {"test-double": 2, "test-parts": 2, "test-value": 0} and set(whole[4].cells) == {
        "value"
    }
    assert [case.name for case in wrong] == ["squares", "knows_one", "a_list"]
    assert wrong[2].expected == {"test-value": 0} and set(wrong[1].expected) == {"test-double", "test-parts"}


@pytest.mark.long
def test_a_wrong_answer_that_harms_those_after_it_is_graded_by_itself(course):
    """It changes what the assignment gave, so that the reference fails after it, and the next wrong answer, too."""
    change(course, "return x ** 3", "global lucky\n    lucky = 0\n    return x ** 3")
    for code in ("return 2 * x", "return x + x"):
        change(course, code, f"{code} if lucky else 0", "source/tiny/tiny.ipynb" if "2" in code else ANSWERS_FILE)
    found = run(course)
    assert found.problems == [] and "wrong answers caught: 3 of 3" in table(found)


@pytest.mark.parametrize(
    "old, new, why",
    [
        ("[wrong.squares.cells]\ndouble", "[wrong.squares.cells]\ndoubble", "names what tiny does not have"),
        ("says = \"Takes", "says = Takes", "cannot be read (TOMLDecodeError"),
        ("[second.cells]", "[another.cells]", "cannot be read (KeyError: 'cells')"),
    ],
)  # fmt: skip
def test_answers_that_do_not_fit_are_said_in_a_sentence(course, old, new, why):
    change(course, old, new)
    with pytest.raises(GradingFailed) as problem:
        run(course)
    assert why in str(problem.value) and "\n" not in str(problem.value)


@pytest.mark.long
def test_without_a_seed_in_the_assignment_no_other_one_is_tried(course, tmp_path):
    change(course, "start(seed=0)", "start()", "source/tiny/tiny.ipynb")
    assert audit_assignment(course, "tiny", tmp_path / "kept", [0], False).problems == []
    with pytest.raises(GradingFailed, match="tiny must say start.*--seeds 1"):
        audit_assignment(course, "tiny", tmp_path / "kept", [1], False)


@pytest.mark.long
def test_any_course_folder_is_audited_also_without_known_answers(course, monkeypatch):
    shutil.rmtree(course / "audit")
    monkeypatch.chdir(course)
    done = CliRunner().invoke(cli.main, ["audit", "--all", "--seeds", "1"])
    assert done.exit_code == 0 and "right solutions marked down: 0 of 1" in done.output, done.output
    assert list((course / "results" / "tiny" / "audit").glob("*.json"))


@pytest.mark.long
def test_the_command(course, monkeypatch):
    monkeypatch.setattr("course_utils.grading.ASSIGNMENTS", course)
    done = CliRunner().invoke(cli.main, ["audit", "tiny", "--seeds", "1"])
    assert done.exit_code == 0 and "wrong answers caught: 3 of 3" in done.output
    change(course, "return x + x", "return None")
    done = CliRunner().invoke(cli.main, ["audit", "--all", "--seeds", "1"])
    assert done.exit_code == 1 and "Error: tiny: second gets, with seed 0" in done.output
    assert "Name an assignment" in CliRunner().invoke(cli.main, ["audit"]).output
    assert "There is no assignment 'ps9'" in CliRunner().invoke(cli.main, ["audit", "ps9"]).output
