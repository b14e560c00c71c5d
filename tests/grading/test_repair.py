"""Submissions out of form: brought back by grade_id, with nothing of the student's lost and no mark won."""

import copy
import random

import pytest
from grading_helpers import RIGHT, notebook
from nbformat.v4 import new_code_cell, new_markdown_cell

from course_utils.grading.repair import grade_id, repair

STUB = {"double": "def double(x):\n    raise NotImplementedError", "value": "answer = ..."}
IDS = ["setup", "double", "test-double", "test-parts", "value", "test-value"]


def names(nb):
    return [grade_id(cell) for cell in nb.cells if grade_id(cell)]


def at(nb, name):
    return next(k for k, cell in enumerate(nb.cells) if grade_id(cell) == name)


def submitted():
    nb = notebook(RIGHT)
    nb.cells.insert(2, new_code_cell("double(2)  # my own try"))
    nb.cells.append(new_markdown_cell("my own remark"))
    return nb


def test_a_notebook_in_order_is_left_alone():
    nb = submitted()
    before = copy.deepcopy(nb)
    assert repair(nb, notebook(STUB)) == [] and nb == before


@pytest.mark.parametrize("name", IDS)
def test_a_deleted_cell_comes_back_in_its_place(name):
    nb, source = submitted(), notebook(STUB)
    del nb.cells[at(nb, name)]
    (note,) = repair(nb, source)
    assert name in note.says and "missing" in note.says and names(nb) == IDS
    assert nb.cells[at(nb, name)].source == source.cells[at(source, name)].source


@pytest.mark.parametrize("name", IDS)
def test_lost_metadata_is_as_a_deleted_cell_and_the_cell_itself_stays(name):
    nb = submitted()
    cell = nb.cells[at(nb, name)]
    del cell.metadata["nbgrader"]
    assert len(repair(nb, notebook(STUB))) == 1 and names(nb) == IDS
    place = next(k for k, other in enumerate(nb.cells) if other is cell)
    assert at(nb, name) != place and len(nb.cells) == len(submitted().cells) + 1
    if name in RIGHT:  # the answer without a name comes after the empty one, and so it counts
        assert place > at(nb, name)


def test_a_copied_test_counts_once():
    nb = submitted()
    nb.cells.append(copy.deepcopy(nb.cells[at(nb, "test-double")]))
    (note,) = repair(nb, notebook(STUB))
    assert "2 times" in note.says and names(nb) == IDS and len(nb.cells) == len(submitted().cells) + 1


def test_of_a_copied_answer_the_last_that_was_changed_counts():
    nb, source = submitted(), notebook(STUB)
    k = at(nb, "double")
    nb.cells.insert(k, copy.deepcopy(source.cells[at(source, "double")]))
    nb.cells.insert(k + 2, copy.deepcopy(source.cells[at(source, "double")]))
    assert len(repair(nb, source)) == 1
    assert names(nb) == IDS and nb.cells[at(nb, "double")].source == RIGHT["double"]


def test_a_moved_test_is_put_back_and_a_moved_answer_takes_its_test_along():
    nb = submitted()
    nb.cells.insert(0, nb.cells.pop(at(nb, "test-double")))
    (note,) = repair(nb, notebook(STUB))
    assert "moved" in note.says and names(nb) == IDS
    nb = submitted()
    nb.cells.append(nb.cells.pop(at(nb, "double")))
    repair(nb, notebook(STUB))
    assert at(nb, "double") < at(nb, "test-double") and sorted(names(nb)) == sorted(IDS)


def test_an_unknown_name_is_taken_away():
    nb = submitted()
    nb.cells[2].metadata["nbgrader"] = {"grade_id": "bonus", "grade": True, "points": 100}
    (note,) = repair(nb, notebook(STUB))
    assert "bonus" in note.says and names(nb) == IDS
    nb.cells[2].metadata["nbgrader"] = "x"
    assert repair(nb, notebook(STUB))


def test_changed_points_and_roles_are_the_assignments_again():
    nb = submitted()
    nb.cells[at(nb, "test-double")].metadata.nbgrader.update(points=100, grade=False, locked=False)
    assert len(repair(nb, notebook(STUB))) == 1
    role = nb.cells[at(nb, "test-double")].metadata.nbgrader
    assert (role.points, role.grade, role.locked) == (2, True, True)


@pytest.mark.parametrize("seed", range(300))
def test_whatever_happened_every_cell_stands_there_once_and_tests_after_their_answers(seed):
    rng, nb, source = random.Random(seed), submitted(), notebook(STUB)
    for _ in range(rng.randint(1, 6)):
        k = rng.randrange(len(nb.cells))
        what = rng.choice(("delete", "copy", "move", "strip", "rename"))
        if what == "delete" and len(nb.cells) > 1:
            del nb.cells[k]
        elif what == "copy":
            nb.cells.insert(rng.randrange(len(nb.cells)), copy.deepcopy(nb.cells[k]))
        elif what == "move":
            nb.cells.insert(rng.randrange(len(nb.cells)), nb.cells.pop(k))
        elif what == "strip":
            nb.cells[k].metadata.pop("nbgrader", None)
        elif grade_id(nb.cells[k]):
            nb.cells[k].metadata.nbgrader.grade_id = rng.choice([*IDS, "x"])
    repair(nb, source)
    assert sorted(names(nb)) == sorted(IDS)
    for test, answer in (("test-double", "double"), ("test-parts", "double"), ("test-value", "value")):
        assert at(nb, test) > at(nb, answer)
    assert at(nb, "setup") < min(at(nb, name) for name in IDS[1:] if name.startswith("test"))
    before = copy.deepcopy(nb)
    repair(nb, source)  # answers in another order stay so, and are told again
    assert nb == before
