"""Submissions out of form: brought back by grade_id, with nothing of the student's lost and no mark won."""

import copy
import random

import pytest
from grading_helpers import RIGHT, notebook
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from course_utils.grading.intake.matching import ORDINARY, bare, grade_id
from course_utils.grading.intake.repair import repair
from course_utils.grading.states import Note, State, worst, write_notes

STUB = {"double": "def double(x):\n    raise NotImplementedError", "value": "answer = ..."}
IDS = ["setup", "double", "test-double", "test-parts", "value", "test-value"]


def names(nb):
    return [grade_id(cell) for cell in nb.cells if grade_id(cell)]


def named(nb):
    return [(grade_id(cell), cell.source) for cell in nb.cells]


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
    notes = repair(nb, source)
    told = " ".join(note.says for note in notes)
    assert name in told and "missing" in told and names(nb) == IDS
    assert nb.cells[at(nb, name)].source == source.cells[at(source, name)].source
    # The answer may be what stands in a cell that nobody asked for.
    assert worst(notes) is (State.LOOK if name in RIGHT else State.REPAIRED)


@pytest.mark.parametrize("name", IDS)
def test_a_cell_that_lost_its_metadata_is_known_by_its_text_or_by_what_it_defines(name):
    nb = submitted()
    del nb.cells[at(nb, name)].metadata["nbgrader"]
    told = repair(nb, notebook(STUB))
    assert named(nb) == named(submitted()) and worst(told) is (State.REPAIRED if name in RIGHT else State.GRADED)


def stripped(answers=RIGHT, **texts):
    """A submission that an editor robbed of all metadata, with an essay."""
    nb = essays(answers, **texts)
    for cell in nb.cells:
        cell.metadata = {}
    return nb


def essays(answers, essay="Your answer here"):
    """The small assignment with a question that a person marks, in front of the last answer."""
    nb = notebook(answers)
    role = {"grade_id": "essay", "grade": True, "solution": True, "task": False, "locked": False, "points": 3}
    nb.cells.insert(4, new_markdown_cell(essay, metadata={"nbgrader": role | {"schema_version": 3}}))
    return nb


NAMELESS = "# YOUR CODE HERE\nraise NotImplementedError()"


@pytest.mark.parametrize("stub", [STUB, dict.fromkeys(RIGHT, NAMELESS)], ids=["stubs with names", "stubs without"])
@pytest.mark.parametrize("solved", [("double", "value"), ("double",), ("value",), ()])
def test_without_any_metadata_each_answer_is_found_and_its_tests_come_after_it(stub, solved):
    form = essays(stub)
    answers = {name: RIGHT[name] if name in solved else stub[name] for name in RIGHT}
    nb = stripped(answers, essay="I think so.")
    notes = repair(nb, form)
    assert [grade_id(cell) for cell in nb.cells] == [grade_id(cell) for cell in form.cells]
    assert [cell.source for cell in nb.cells] == [cell.source for cell in essays(answers, "I think so.").cells]
    assert worst(notes) in (State.GRADED, State.REPAIRED)


@pytest.mark.parametrize("where", ["above", "below", "in place"])
def test_an_essay_in_a_cell_of_its_own_is_where_a_person_marks(where):
    form, nb = essays(STUB), essays(RIGHT)
    k = at(nb, "essay")
    mine = [new_markdown_cell("I think"), new_markdown_cell("so.")]
    nb.cells[k : k + 1] = (
        mine if where == "in place" else [nb.cells[k], *mine] if where == "below" else [*mine, nb.cells[k]]
    )
    notes = repair(nb, form)
    if where == "above":  # a remark of the student's may stand there
        assert nb.cells[at(nb, "essay")].source == "Your answer here" and worst(notes) is State.LOOK
    else:
        assert nb.cells[at(nb, "essay")].source == "I think\n\nso." and worst(notes) is State.REPAIRED


@pytest.mark.parametrize("place", [0, 99], ids=["first", "last"])
def test_a_text_that_may_be_the_essay_is_asked_about_wherever_it_stands(place):
    form, nb = essays(STUB), essays(RIGHT)
    nb.cells.insert(place, new_markdown_cell("My answer: I think that it is so."))
    form.metadata[ORDINARY] = ["# The assignment. Your name:"]
    nb.cells.insert(0, new_markdown_cell("# The assignment. Your name: Ann"))
    (note,) = repair(nb, form)
    assert note.state is State.LOOK and "'essay'" in note.says
    nb.cells = [cell for cell in nb.cells if not cell.source.startswith("My answer")]
    assert repair(nb, form) == []  # a name that was filled in is none


def test_an_essay_in_comments_of_code_is_where_a_person_marks():
    form, nb = essays(STUB), essays(RIGHT)
    nb.cells.insert(at(nb, "essay") + 1, new_code_cell("# I think so."))
    repair(nb, form)
    cell = nb.cells[at(nb, "essay")]
    assert (cell.cell_type, cell.source) == ("markdown", "# I think so.")


ALL = "\n\n".join(RIGHT.values())


@pytest.mark.parametrize("stub", [STUB, dict.fromkeys(RIGHT, NAMELESS)], ids=["stubs with names", "stubs without"])
@pytest.mark.parametrize("left", [True, False])
def test_of_several_answers_in_one_cell_none_is_taken_back_by_the_stub_that_is_left(stub, left):
    form, nb = notebook(stub), notebook(stub | {"double": ALL})
    if not left:
        del nb.cells[at(nb, "value")]
    notes = repair(nb, form)
    assert names(nb) == IDS and nb.cells[at(nb, "double")].source == ALL and nb.cells[at(nb, "value")].source == ""
    assert any("'value' stood in the cell 'double'" in note.says for note in notes)
    # One that was answered stays as it is.
    nb = notebook(RIGHT | {"double": ALL, "value": "answer = 4"})
    assert repair(nb, form) == [] and nb.cells[at(nb, "value")].source == "answer = 4"


def test_all_answers_in_one_cell_and_nothing_else():
    form, nb = notebook(STUB), new_notebook(cells=[new_code_cell(ALL)])
    repair(nb, form)
    assert names(nb) == IDS and [cell.source for cell in nb.cells if cell.source in (ALL, "")] == [ALL, ""]


@pytest.mark.parametrize("stub", [STUB, dict.fromkeys(RIGHT, NAMELESS)], ids=["stubs with names", "stubs without"])
@pytest.mark.parametrize("name, place", [("setup", "start"), ("test-double", "start"), ("test-double", "end")])
def test_an_answer_that_was_typed_into_a_read_only_cell_counts(stub, name, place):
    form, nb = notebook(stub), notebook(RIGHT | {"double": stub["double"]})
    cell, mine = nb.cells[at(nb, name)], f"{RIGHT['double']}\ndouble(2)"
    cell.source = bare(cell.source) if name == "test-double" else cell.source  # without what is hidden
    cell.source = f"{mine}\n{cell.source}" if place == "start" else f"{cell.source}\n{mine}"
    notes = repair(nb, form)
    assert names(nb) == IDS and nb.cells[at(nb, name)].source == form.cells[at(form, name)].source
    assert "".join(nb.cells[at(nb, "double")].source.split()).startswith("defdouble(x):return2*x")
    assert worst(notes) is State.REPAIRED


def test_what_else_was_changed_in_a_read_only_cell_counts_for_nothing():
    form = notebook(STUB)
    for name, text in (
        ("test-double", "assert True"),
        ("test-value", "import numpy as np\nanswer = 6\nassert type(answer) is np.ndarray and answer.sum() == 6"),
        ("setup", "import tabnanny\nlucky = 8"),
        ("setup", "import tabnanny\nlucky = 7\nnobody_asks = 3"),
    ):
        nb = notebook(RIGHT)
        nb.cells[at(nb, name)].source = text
        repair(nb, form)
        assert [c.source for c in nb.cells if c.source != text] == [c.source for c in notebook(RIGHT).cells]


@pytest.mark.parametrize("place", ["above", "below"])
def test_an_essay_that_was_typed_into_a_read_only_question_is_kept_and_asked_about(place):
    form, nb = essays(STUB), essays(RIGHT)
    role = {"grade_id": "question", "grade": False, "solution": False, "locked": True, "schema_version": 3}
    asked = "What do you think of it, and why?"
    for one in (form, nb):
        one.cells.insert(at(one, "essay"), new_markdown_cell(asked, metadata={"nbgrader": dict(role)}))
    mine = "I think that it is so."
    nb.cells[at(nb, "question")].source = f"{mine}\n\n{asked}" if place == "above" else f"{asked}\n\n{mine}"
    notes = repair(nb, form)
    assert mine in [cell.source for cell in nb.cells] and worst(notes) is State.LOOK
    assert nb.cells[at(nb, "question")].source == asked


@pytest.mark.parametrize(
    "added", ["import numpy as np", "from numpy import *", "%matplotlib inline\nimport numpy as np"]
)
def test_an_import_that_was_added_to_a_read_only_cell_is_there_for_the_answers(added):
    form, nb = notebook(STUB), notebook(RIGHT | {"value": "answer = np.arange(4)"})
    nb.cells[at(nb, "setup")].source += f"\n{added}"
    (note,) = repair(nb, form)
    assert "read-only cell 'setup'" in note.says and nb.cells[1].source == added.split("\n")[-1]


def test_what_the_release_says_between_the_questions_is_no_essay():
    form, nb = essays(STUB), essays(RIGHT)
    form.metadata[ORDINARY] = ["## Part two"]
    nb.cells.insert(at(nb, "essay") + 1, new_markdown_cell("## Part two"))
    assert repair(nb, form) == [] and nb.cells[at(nb, "essay")].source == "Your answer here"


@pytest.mark.parametrize("place", [0, 1, 3, 99], ids=["first", "above the stub", "below its test", "last"])
def test_an_answer_in_a_cell_of_its_own_takes_the_place_of_the_empty_one(place):
    nb, form = notebook(RIGHT | {"double": STUB["double"]}), notebook(STUB)
    nb.cells.insert(place, new_code_cell(RIGHT["double"]))
    notes = repair(nb, form)
    assert nb.cells[at(nb, "double")].source == RIGHT["double"] and STUB["double"] not in [c.source for c in nb.cells]
    assert at(nb, "test-parts") > at(nb, "test-double") > at(nb, "double")
    assert any("'double' stood in another cell" in note.says for note in notes)


def test_tests_of_answers_that_are_nowhere_to_be_seen_come_last_and_a_person_is_asked():
    form = notebook(dict.fromkeys(RIGHT, NAMELESS))
    nb = new_notebook(cells=[new_code_cell("import other"), new_code_cell("locals()['dou' + 'ble'] = lambda x: 2 * x")])
    notes = repair(nb, form)
    assert worst(notes) is State.LOOK and at(nb, "test-double") > max(
        k for k, cell in enumerate(nb.cells) if not grade_id(cell)
    )


def test_of_what_could_not_be_read_no_cell_is_said_to_be_missing():
    nb = new_notebook()
    write_notes(nb, [Note(State.UNREADABLE, "Nothing could be graded.")])
    assert repair(nb, notebook(STUB)) == [] and names(nb) == IDS


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


def test_a_changed_test_is_the_assignments_again():
    nb = submitted()
    nb.cells[at(nb, "test-double")].source = "assert double(3) == 6, 'Twice three is six.' or True"
    assert repair(nb, notebook(STUB)) == [] and named(nb) == named(submitted())


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
    had = {name for name in RIGHT if RIGHT[name] in [cell.source for cell in nb.cells]}
    repair(nb, source)
    assert sorted(names(nb)) == sorted(IDS)
    for test, answer in (("test-double", "double"), ("test-parts", "double"), ("test-value", "value")):
        assert at(nb, test) > at(nb, answer)
    assert at(nb, "setup") < min(at(nb, name) for name in IDS[1:] if name.startswith("test"))
    for name in RIGHT:  # nothing that was written is lost
        assert name not in had or RIGHT[name] in [cell.source for cell in nb.cells]
