"""Every student another variant: seeds that nobody can guess, judged by the right one, whatever a notebook says."""

import csv
import shutil
import zipfile
from contextlib import nullcontext

import nbformat
import numpy as np
import pytest
from click.testing import CliRunner
from conftest import ROOT
from helpers import complains
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.utils import compute_checksum
from traitlets.config import Config

from course_utils import cli
from course_utils.errors import GradingFailed
from course_utils.grading import ASSIGNMENTS, seeds
from course_utils.grading.audit.known_answers import build_submission
from course_utils.grading.batch import pipeline, submissions
from course_utils.grading.course import author, bundle, instructor
from course_utils.grading.course.handing_out import hand_out
from course_utils.grading.packing import unpack
from course_utils.grading.sandbox import available
from course_utils.grading.states import State, read_notes

pytestmark = pytest.mark.skipif(available.missing() is not None, reason=f"no isolation here: {available.missing()}")

SETUP = """import numpy as np
from course_utils.lesson import start

start(seed=0)
numbers = np.random.randint(10**8, 10**9, 5)"""
TOTAL, DOUBLE = "total = numbers.sum()", "def double(x):\n    return 2 * x"
ON = "\nc.Variants.assignments = ['tiny']\n"


def total(seed):
    """The right number of a variant."""
    return int(np.random.RandomState(seed).randint(10**8, 10**9, 5).sum())


def cell(grade_id, source, **role):
    role = {"grade": False, "solution": False, "task": False, "locked": False, "schema_version": 3} | role
    return new_code_cell(source, metadata={"nbgrader": {"grade_id": grade_id} | role})


def write_course(folder, setup=SETUP, settings=ON, solution=TOTAL):
    made = new_notebook(
        cells=[
            cell("setup", setup, locked=True),
            cell("total", f"### BEGIN SOLUTION\n{solution}\n### END SOLUTION", solution=True),
            cell("test-total", "assert total == numbers.sum()", grade=True, locked=True, points=2),
            cell("double", f"### BEGIN SOLUTION\n{DOUBLE}\n### END SOLUTION", solution=True),
            cell("test-double", "assert double(3) == 6", grade=True, locked=True, points=3),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "3", "language": "python"}},
    )
    (folder / "source" / "tiny").mkdir(parents=True)
    nbformat.write(made, folder / "source" / "tiny" / "tiny.ipynb")
    shutil.copy(ASSIGNMENTS / "nbgrader_config.py", folder)
    configure(folder, settings)
    with opened(folder) as api:
        pipeline.generate(api, "tiny")
        with api.gradebook as gradebook:
            for student in ("ada", "bob", "carl"):
                gradebook.update_or_create_student(student, email=f"{student}@example.org")
    return folder


def opened(course):
    return pipeline.open_course(course, own_exchange=False)


def configure(course, settings):
    with (course / "nbgrader_config.py").open("a") as file:
        file.write(settings)


def handed_out(course, student):
    """The notebook in a student's archive, and its seed."""
    with zipfile.ZipFile(course / "variants" / "tiny" / f"{student}.zip") as archive:
        assert archive.namelist() == ["tiny/tiny.ipynb"]
        notebook = nbformat.reads(archive.read("tiny/tiny.ipynb").decode(), as_version=4)
    return notebook, int(seeds.START.search(notebook.cells[0].source)[0])


def hand_in(course, student, notebook, answer):
    folder = course / "submitted" / student / "tiny"
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(build_submission(notebook, {"total": answer, "double": DOUBLE}), folder / "tiny.ipynb")


def rows(course):
    with (course / "results" / "tiny.csv").open(newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """A course in which three students were given variants of their own."""
    course = write_course(tmp_path_factory.mktemp("template") / "class")
    hand_out(course, "tiny")
    return course


@pytest.fixture
def course(template, tmp_path, monkeypatch, cluster):
    monkeypatch.setattr(pipeline, "workers", lambda jobs, scheduler: nullcontext(cluster))
    shutil.copytree(template, tmp_path / "class")
    return tmp_path / "class"


def test_each_gets_another_seed_and_the_same_again(course, monkeypatch):
    notebooks, numbers = zip(*(handed_out(course, student) for student in ("ada", "bob", "carl")), strict=True)
    assert len(set(numbers)) == 3 and 0 not in numbers and max(numbers) <= 2**31
    before = {path.name: path.read_bytes() for path in (course / "variants" / "tiny").iterdir()}
    for notebook in notebooks:  # `nbgrader validate` finds no cell changed
        first = notebook.cells[0]
        assert first.metadata.nbgrader.checksum == compute_checksum(first)
        assert "SOLUTION" not in nbformat.writes(notebook)
    with opened(course) as api, api.gradebook as gradebook:
        gradebook.add_student("dora")
    monkeypatch.chdir(course)
    done = CliRunner().invoke(cli.main, ["variants", "tiny"])
    assert done.exit_code == 0 and "4 archives" in done.output and seeds.SECRET not in done.output
    after = {path.name: path.read_bytes() for path in (course / "variants" / "tiny").iterdir()}
    assert after.keys() - before.keys() == {"dora.zip"}
    assert all(after[name] == content for name, content in before.items() if name.endswith(".zip"))
    with (course / "variants" / "tiny" / "students.csv").open(newline="") as file:
        listed = {row["student"]: row for row in csv.DictReader(file)}
    assert listed["bob"] | {"first_name": "", "last_name": ""} == {
        "student": "bob", "first_name": "", "last_name": "", "email": "bob@example.org", "archive": "bob.zip",
        "seed": str(numbers[1]),
    }  # fmt: skip


def test_seeds_depend_on_secret_assignment_and_student():
    def of(secret, assignment, student):
        return seeds.Seeds(secret, assignment, [student]).of(student)

    told = {
        of(*what) for what in ((b"a", "ps1", "ada"), (b"b", "ps1", "ada"), (b"a", "ps2", "ada"), (b"a", "ps1", "bob"))
    }
    assert len(told) == 4


def test_everybody_is_judged_by_the_seed_that_was_handed_out(course):
    (ada, first), (bob, second) = (handed_out(course, student) for student in ("ada", "bob"))
    release = nbformat.read(course / "release" / "tiny" / "tiny.ipynb", as_version=4)
    assert total(first) != total(second) != total(0) != total(first)
    hand_in(course, "ada", ada, f"total = {total(first)}")
    hand_in(course, "bob", bob, f"total = {total(second)}")
    hand_in(course, "carl", ada, f"total = {total(first)}")  # ada's notebook, numbers and all
    hand_in(course, "dora", ada, TOTAL)  # hers, too, but it calculates
    hand_in(course, "erin", release, f"total = {total(0)}")  # not her variant
    own = seeds.read_seeds(Config({"Variants": {"assignments": ["tiny"]}}), course, "tiny", ()).of("finn")
    seeds.put_seed(changed := nbformat.from_dict(bob), own)
    hand_in(course, "finn", changed, f"total = {total(second)}")  # bob's number in his own notebook
    done = instructor.grade_class(course, "tiny")
    assert done.failed == []
    found = {student: (row["state"], float(row["score"])) for student, row in rows(course).items()}
    assert found == {
        "ada": (State.GRADED, 5), "bob": (State.GRADED, 5), "carl": (State.LOOK, 3), "dora": (State.LOOK, 5),
        "erin": (State.LOOK, 3), "finn": (State.GRADED, 3),
    }  # fmt: skip
    assert "The seed is that of ada." in done.text and done.text.count("The seed is that of") == 2
    assert rows(course)["carl"]["noticed"].startswith(f"This notebook has the seed {first}, and ")
    assert "the seed of the release for all" in rows(course)["erin"]["noticed"]
    page = instructor.write_report(course, "tiny").read_text()
    assert "The seed is that of ada." in page
    with opened(course) as api:
        (shown,) = (page for student, page in pipeline.feedback(api, "tiny", False) if student == "carl")
    assert f"This notebook has the seed {first}" in shown.read_text() and "that of ada" not in shown.read_text()


def test_handed_in_again_and_nbgraders_own_way_give_the_same(course):
    ada, seed = handed_out(course, "ada")
    hand_in(course, "ada", ada, "total = 0")
    instructor.grade_class(course, "tiny")
    assert float(rows(course)["ada"]["score"]) == 3
    hand_in(course, "ada", ada, f"total = {total(seed)}")
    with opened(course) as api:  # as Formgrader's button
        told = api.autograde("tiny", "ada")
        assert told["success"], told
        with api.gradebook as gradebook:
            assert gradebook.find_submission("tiny", "ada").score == 5


def keys(course, student="ada"):
    with opened(course) as api:
        return submissions.Batch(api, "tiny").take_in(student)[0]


def test_another_seed_is_another_result_and_without_variants_nothing_is_known_of_seeds(course):
    ada, _ = handed_out(course, "ada")
    for student in ("ada", "bob"):
        hand_in(course, student, ada, TOTAL)
    assert keys(course) == keys(course) != keys(course, "bob")
    before = keys(course)
    (course / seeds.SECRET).write_text("0" * 64)
    assert keys(course) != before
    configure(course, "\nc.Variants.assignments = []\n")
    assert keys(course) == keys(course, "bob")  # the same file, graded once
    taken = taken_in(course, "ada", course / "taken")
    assert seeds.KEY not in taken.metadata and seeds.seed_of(taken) is None


def test_whoever_shares_the_release_gets_the_marks_as_ever(course):
    configure(course, "\nc.Variants.assignments = []\n")
    release = nbformat.read(course / "release" / "tiny" / "tiny.ipynb", as_version=4)
    hand_in(course, "ada", release, f"total = {total(0)}")
    release.metadata[seeds.KEY] = {"seed": 5, "of": ["bob"]}  # a student's word
    release.cells[0].source = release.cells[0].source.replace("seed=0", "seed=7")
    hand_in(course, "bob", release, f"total = {total(0)}")
    instructor.grade_class(course, "tiny")
    found = {student: (float(row["score"]), row["noticed"]) for student, row in rows(course).items()}
    assert found == {"ada": (5, ""), "bob": (5, "")}


def taken_in(course, student, folder):
    """What the intake makes of a student's notebook."""
    with opened(course) as api:
        unpack(submissions.Batch(api, "tiny").take_in(student)[1], folder)
    return nbformat.read(folder / "tiny.ipynb", as_version=4)


@pytest.mark.parametrize("what", ["digits", "pasted", "without names", "none", "own"])
def test_a_seed_that_is_not_the_own_is_told_wherever_it_stands(course, what, tmp_path):
    ada, seed = handed_out(course, "ada")
    bob, other = handed_out(course, "bob")
    first, expected = ada.cells[0], None
    if what == "digits":
        first.source = first.source.replace(str(seed), "9" * 5000)
        expected = "the seed 99999999999999999999, and"
    elif what == "pasted":
        ada.cells.append(new_code_cell(bob.cells[0].source))
        expected = f"the seed {other}, and {seed} was handed out"
    elif what == "without names":
        first.source, first.metadata = bob.cells[0].source, {}
        expected = f"the seed {other}, and {seed} was handed out"
    elif what == "none":
        first.source = first.source.replace(f"start(seed={seed})", "start()")
    hand_in(course, "ada", ada, TOTAL)
    taken = taken_in(course, "ada", tmp_path / "taken")
    notes = read_notes(taken)
    assert seeds.seed_of(taken) == seed
    if expected:
        assert [note.state for note in notes] == [State.LOOK] and expected in notes[0].says
        assert ("The seed is that of bob." in [n.says for n in seeds.notes_for_teachers(taken)]) == (what != "digits")
    else:
        assert notes == []


def test_the_secret_is_for_nobody_else_and_is_made_once(course, tmp_path):
    assert (course / seeds.SECRET).stat().st_mode & 0o077 == 0
    assert not seeds.make_secret(course)
    secret = (course / seeds.SECRET).read_text()
    assert seeds.make_secret(tmp_path) and (tmp_path / seeds.SECRET).read_text() != secret


COMPLAINTS = {
    "damaged": (lambda course: (course / seeds.SECRET).write_text("abc"), "damaged"),
    "lost": (lambda course: (course / seeds.SECRET).unlink(), "restore it"),
    "no list": (lambda course: configure(course, "\nc.Variants.assignments = 5\n"), "write a list"),
    "misspelt": (lambda course: configure(course, "\nc.Variants.asignments = ['tiny']\n"), "no setting"),
    "no such": (lambda course: configure(course, "\nc.Variants.assignments = ['tini']\n"), "no such assignment"),
}


def test_one_name_in_place_of_a_list_is_taken_as_it_is_meant(course):
    configure(course, "\nc.Variants.assignments = 'tiny'\n")
    assert "3 archives" in hand_out(course, "tiny")[0]


@pytest.mark.parametrize("what", COMPLAINTS)
def test_what_is_wrong_with_the_setting_or_the_secret_is_said_before_anything_is_graded(course, what, monkeypatch):
    ada, _ = handed_out(course, "ada")
    hand_in(course, "ada", ada, TOTAL)
    spoil, says = COMPLAINTS[what]
    spoil(course)
    monkeypatch.setattr(instructor, "check_assignment", lambda *_: None)
    with complains(GradingFailed, says):
        instructor.grade_class(course, "tiny")
    with opened(course) as api:
        told = api.autograde("tiny", "ada")
    assert not told["success"] and says in told["log"]


@pytest.mark.parametrize("setup", ["start()", "start(seed=0)\nstart(seed=1)", "from course_utils.lesson import start"])
def test_an_assignment_without_one_seed_cannot_have_variants(setup, tmp_path):
    course = write_course(tmp_path / "class", setup)
    with complains(GradingFailed, "must say start(seed=0), once"):
        hand_out(course, "tiny")


def test_variants_are_for_those_who_opted_in_generated_and_have_students(tmp_path):
    course = write_course(tmp_path / "class", settings="")
    with complains(GradingFailed, "c.Variants.assignments = ['tiny']"):
        hand_out(course, "tiny")
    assert not (course / seeds.SECRET).exists()
    configure(course, ON)
    with opened(course) as api, api.gradebook as gradebook:
        for student in list(gradebook.students):
            gradebook.remove_student(student.id)
    with complains(GradingFailed, "no students yet"):
        hand_out(course, "tiny")
    (tmp_path / "grades.csv").write_text('Student,ID,SIS Login ID\n"Lovelace, Ada",17,ada\n')
    assert "New in the gradebook: ada." in hand_out(course, "tiny", tmp_path / "grades.csv")
    shutil.rmtree(course / "release")
    with complains(GradingFailed, "course generate tiny"):
        hand_out(course, "tiny")


def test_the_archive_for_all_students_leaves_it_out_and_says_so(tmp_path, monkeypatch):
    for name in (*bundle._ALONE, "pyproject.toml", ".binder", "notebooks", "course_utils"):
        (tmp_path / name).symlink_to(ROOT / name)
    write_course(tmp_path / "assignments")
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli.main, ["release"])
    assert done.exit_code == 0 and "tiny is not in it" in done.output
    with zipfile.ZipFile(tmp_path / "build" / f"{bundle.NAME}.zip") as archive:
        assert not [name for name in archive.namelist() if "tiny" in name or seeds.SECRET in name]


def test_a_solution_that_is_right_for_one_seed_only_is_found_before_the_class_is_graded(tmp_path, monkeypatch, cluster):
    monkeypatch.setattr(pipeline, "workers", lambda jobs, scheduler: nullcontext(cluster))
    course = write_course(tmp_path / "class", solution=f"total = {total(0)}")
    with pytest.raises(GradingFailed, match="but not with another, such as students have .'test-total' gives 0 of 2"):
        author.generate_checked(course, "tiny")
    configure(course, "\nc.Variants.assignments = []\n")
    assert author.generate_checked(course, "tiny").is_dir()
