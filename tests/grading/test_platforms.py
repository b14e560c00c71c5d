"""Submissions as Canvas, Moodle and Brightspace give them, into nbgrader, and marks and feedback back to them."""

import csv
import shutil
import zipfile
from contextlib import nullcontext

import pytest
from click.testing import CliRunner
from grading_stub import grade, write_source
from helpers import complains
from platform_classes import (
    MISSING,
    NO_NOTEBOOK,
    NUMBERS,
    POINTS,
    STUDENTS,
    canvas,
    canvas_roster,
    moodle,
    moodle_roster,
    work,
    zipped,
)

from course_utils import cli
from course_utils.errors import GradingFailed
from course_utils.grading.batch import pipeline, worker
from course_utils.grading.course import instructor
from course_utils.grading.sandbox import available

pytestmark = pytest.mark.skipif(available.missing() is not None, reason=f"no isolation here: {available.missing()}")


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    return write_source(tmp_path_factory.mktemp("empty") / "class")


@pytest.fixture
def course(empty, tmp_path):
    shutil.copytree(empty, tmp_path / "class")
    return tmp_path / "class"


@pytest.fixture
def stubbed(monkeypatch, cluster):
    monkeypatch.setattr(worker, "grade", grade)
    monkeypatch.setattr(pipeline, "workers", lambda jobs, scheduler: nullcontext(cluster))


def rows(file):
    with file.open(newline="", encoding="utf-8") as opened:
        return list(csv.DictReader(opened))


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def collected(course, files, roster=None, **how):
    (course.parent / "download.zip").write_bytes(zipped(files, **how))
    if roster:
        (course.parent / "roster.csv").write_text(roster, "utf-8")
    return instructor.collect_download(
        course, "tiny", course.parent / "download.zip", course.parent / "roster.csv" if roster else None
    )


def submitted(course, student):
    return tree(course / "submitted" / student / "tiny")


def test_a_class_from_canvas_ends_with_everybodys_marks(course, stubbed, tmp_path, monkeypatch):
    stranger = {"guestgil_4242_60000_tiny.ipynb": b"{}", "notes.txt": b"mine"}
    done = collected(course, canvas(tmp_path) | stranger, canvas_roster(), says_utf_8=False)
    told = "\n".join(done.says)
    assert "the work of 19 students from Canvas (19 new)" in done.says[0]
    assert f"Nothing was handed in by {MISSING}." in done.says and "marks as late: late." in told
    for student, file in zip(NO_NOTEBOOK, ("answers.txt", "tiny.pdf", "text.html"), strict=True):
        assert f"{student} handed in no notebook, but '{file}'" in told
    assert "again handed in more than once" in told and "when anybody handed in" in told
    assert len(done.failed) == 2 and "'guestgil' could not be matched" in done.failed[0] and "4242" in done.failed[0]
    assert "notes.txt" in done.failed[1]
    kept = tree(course / "downloaded" / "tiny")
    assert {b"{}", b"mine", work(tmp_path, "again", 0)} <= set(kept.values())
    assert submitted(course, "again") == {"tiny.ipynb": work(tmp_path, "again")}
    assert set(submitted(course, "module")) == {"tiny.ipynb", "helpers.py"}

    before = tree(course)
    again = collected(course, canvas(tmp_path) | stranger, canvas_roster(), says_utf_8=False)
    assert "(19 as before)" in again.says[0] and again.failed == done.failed
    after = tree(course)
    assert {name for name in before | after if before.get(name) != after.get(name)} <= {"gradebook.db", "grading.log"}

    instructor.grade_class(course, "tiny", jobs=2)
    instructor.export_grades(course, "canvas", (), tmp_path / "c.csv", str(tmp_path / "roster.csv"))
    found = {row["ID"]: row["tiny"] for row in rows(tmp_path / "c.csv")}
    assert len(rows(tmp_path / "c.csv")) == 23  # two lines of Canvas's own, and its test student
    assert {login: found[str(NUMBERS[login])] for login in POINTS} == {k: str(v) for k, v in POINTS.items()}


def pages(course):
    """A page for each student, as nbgrader makes them, beside what the students handed in."""
    for folder in (course / "submitted").glob("*/tiny"):
        made = course / "feedback" / folder.parent.name / "tiny"
        shutil.copytree(folder, made)
        (made / "tiny.html").write_text(f"page of {folder.parent.name}")


def test_pages_for_canvas_have_its_own_names(course, tmp_path, monkeypatch):
    collected(course, canvas(tmp_path), canvas_roster())
    with complains(GradingFailed, "no feedback pages", "generate_feedback tiny"):
        instructor.return_feedback(course, "tiny", "canvas", tmp_path / "f.zip")
    with complains(GradingFailed, "came from Canvas, not from Moodle"):
        instructor.return_feedback(course, "tiny", "moodle", tmp_path / "f.zip")
    pages(course)
    shutil.rmtree(course / "feedback" / "li")
    monkeypatch.chdir(course)
    done = CliRunner().invoke(cli.main, ["return", "tiny", "canvas"])
    assert done.exit_code == 0 and "by hand: typed (" in done.output and "No page yet for li:" in done.output
    with zipfile.ZipFile("tiny-feedback-canvas.zip") as archive:
        found = {name: archive.read(name).decode() for name in archive.namelist()}
    begins = {name.rsplit("_", 1)[0]: name for name in canvas(tmp_path)}
    assert found["latelara_LATE_1010_50011_tiny.html"] == "page of late"
    assert found["againgil_1011_50013_tiny.html"] == "page of again"  # of the newer file
    assert len(found) == 17 and all(name.removesuffix("_tiny.html") in begins for name in found)


def test_a_class_from_moodle_ends_with_everybodys_marks(course, stubbed, tmp_path):
    done = collected(course, moodle(tmp_path, in_folders=True), moodle_roster())
    assert "the work of 19 students from Moodle (19 new)" in done.says[0] and not done.failed
    told = "\n".join(done.says)
    assert f"Nothing was handed in by {MISSING}@x.edu." in done.says
    for student, file in zip(NO_NOTEBOOK, ("answers.txt", "tiny.pdf", "onlinetext.html"), strict=True):
        assert f"{student}@x.edu handed in no notebook, but '{file}'" in told
    instructor.grade_class(course, "tiny", jobs=2)
    instructor.export_grades(course, "moodle", (), tmp_path / "m.csv", None)
    found = {row["Email address"].removesuffix("@x.edu"): row["tiny"] for row in rows(tmp_path / "m.csv")}
    assert found == {login: str(points) for login, points in POINTS.items()}


@pytest.mark.parametrize(("in_folders", "end"), [(True, "_"), (True, ""), (False, "")])
def test_moodles_names_are_read_and_its_pages_have_them(course, tmp_path, in_folders, end):
    collected(course, moodle(tmp_path, in_folders, end), moodle_roster())
    assert set(submitted(course, "module@x.edu")) == {"tiny.ipynb", "helpers.py", "timestamp.txt"}
    pages(course)
    told = instructor.return_feedback(course, "tiny", "moodle", tmp_path / "f.zip")
    assert "19 pages for Moodle" in told[0] and len(told) == 1
    with zipfile.ZipFile(tmp_path / "f.zip") as archive:
        found = {name: archive.read(name).decode() for name in archive.namelist()}
    between = f"file{end}/tiny.html" if in_folders else "file_tiny.html"
    assert all(name.endswith(f"_assignsubmission_{between}") for name in found)
    by_number = {name.split("_")[1]: page for name, page in found.items()}  # as Moodle reads them
    who = [login for login, *_ in STUDENTS if login != MISSING]
    assert by_number == {str(NUMBERS[login] + 7): f"page of {login}@x.edu" for login in who}
