"""Submissions as Canvas, Moodle and Brightspace give them, into nbgrader, and marks and feedback back to them."""

import csv
import os
import shutil
import time
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
    brightspace,
    brightspace_roster,
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

isolated = pytest.mark.skipif(available.missing() is not None, reason=f"no isolation here: {available.missing()}")


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


@isolated
def test_a_class_from_canvas_ends_with_everybodys_marks(course, stubbed, tmp_path, monkeypatch):
    stranger = {"guestgil_4242_60000_tiny.ipynb": b"{}", "notes.txt": b"mine"}
    done = collected(course, canvas(tmp_path) | stranger, canvas_roster())
    told = "\n".join(done.says)
    assert done.says[0] == "tiny, students' work from Canvas: 19 new."
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
    again = collected(course, canvas(tmp_path) | stranger, canvas_roster())
    assert ": 19 as before." in again.says[0] and again.failed == done.failed
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
    assert "a8f1" not in "".join(collected(course, canvas(tmp_path), canvas_roster()).says)  # Canvas's test student
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


@isolated
def test_a_class_from_moodle_ends_with_everybodys_marks(course, stubbed, tmp_path):
    done = collected(course, moodle(tmp_path, in_folders=True), moodle_roster())
    assert done.says[0] == "tiny, students' work from Moodle: 19 new." and not done.failed
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


@pytest.fixture
def in_berlin(monkeypatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone cannot be changed here")
def test_brightspaces_newest_attempt_counts_with_its_time(course, tmp_path, in_berlin, monkeypatch):
    early, newer = "Nov 3, 2026 905 AM", "Nov 3, 2026 1105 PM"
    files = {"index.html": b"<html>", **brightspace(tmp_path, "li", early, 0), **brightspace(tmp_path, "li", newer)}
    files |= brightspace(tmp_path, "oneil", early) | brightspace(tmp_path, "smith1", early)
    done = collected(course, files, brightspace_roster())
    assert submitted(course, "li") == {
        "tiny.ipynb": work(tmp_path, "li"),
        "timestamp.txt": b"2026-11-03 22:05:00 UTC\n",  # it is an hour later in Berlin
    }
    told = "\n".join(done.says)
    assert "li handed in more than once" in told and "this machine's (CET)" in told
    assert tree(course / "downloaded/tiny/earlier/li") == {f"{early}/tiny.ipynb": work(tmp_path, "li", 0)}
    (failed,) = done.failed
    assert "smith1 and smith2 have that name" in failed and f"--lms-user-id {NUMBERS['smith1']}" in failed
    with pipeline.open_course(course) as api, api.gradebook as gradebook:
        gradebook.update_or_create_student("smith1", lms_user_id=str(NUMBERS["smith1"]))
    assert not collected(course, files, brightspace_roster()).failed
    assert not list((course / "downloaded/tiny/unmatched").iterdir())
    pages(course)
    instructor.return_feedback(course, "tiny", "brightspace", tmp_path / "f.zip")
    with zipfile.ZipFile(tmp_path / "f.zip") as archive:
        names = set(archive.namelist())
    kept = [name for name in files if name != "index.html" and not ("李" in name and early in name)]
    assert names == {name.replace(".ipynb", ".html") for name in kept}


def test_an_unpacked_download_is_read_and_so_are_files_in_place_of_folders(course, tmp_path, monkeypatch):
    folder = tmp_path / "unpacked" / "submissions"
    for name, content in brightspace(tmp_path, "li", "Nov 3, 2026 1105 PM").items():
        path = folder / name.replace("/", " - ")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    (tmp_path / "roster.csv").write_text(brightspace_roster())
    monkeypatch.chdir(course)
    command = ["collect", "tiny", str(tmp_path / "unpacked"), "--roster", str(tmp_path / "roster.csv")]
    done = CliRunner().invoke(cli.main, command)
    assert done.exit_code == 0 and ": 1 new." in done.output, done.output
    assert set(submitted(course, "li")) == {"tiny.ipynb", "timestamp.txt"}
    (folder / "worksheet.csv").write_text("")
    done = CliRunner().invoke(cli.main, command)
    assert (
        done.exit_code == 1
        and ": 1 as before." in done.output
        and "'submissions/worksheet.csv' could not" in done.output
    )


def test_a_newer_download_replaces_and_an_older_one_does_not_and_both_are_kept(course, tmp_path):
    first, second = ({f"liu_1005_{number}_tiny.ipynb": b"%d" % number} for number in (7, 8))
    roster = 'Student,ID,SIS Login ID,Section\n"Li, U",1005,li,A\n'
    collected(course, first, roster)
    time = course / "submitted" / "li" / "tiny" / "timestamp.txt"
    time.write_text("2030-05-01 12:00:00 UTC")
    assert ": 1 as before." in collected(course, first, roster).says[0] and time.exists()  # by the instructor's hand
    told = collected(course, second, roster).says
    assert ": 1 changed." in told[0] and "Replaced, and kept in" in told[1] and "STUDENT: the work of li." in told[1]
    assert submitted(course, "li") == {"tiny.ipynb": b"8"}
    told = collected(course, first, roster).says
    assert ": 1 older than here." in told[0] and submitted(course, "li") == {"tiny.ipynb": b"8"}
    kept = tree(course / "downloaded/tiny/earlier/li")
    assert kept["before/tiny.ipynb"] == kept["older-download/tiny.ipynb"] == b"7" and "before/timestamp.txt" in kept


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("name,canvas_user_id,user_id,login_id,sections,group_name\n{}", "teamä_1_900_tiny.ipynb"),
        ("Full name,Identifier,ID number,Username,Status,Group\n{}", "Team Ä_55_assignsubmission_file_/tiny.ipynb"),
    ],
)
def test_a_groups_work_is_everybodys_in_it(course, tmp_path, table, name):
    roster = table.format("Ann A,1,,ann,A,Team Ä\nBob B,2,,bob,A,Team Ä\nCal C,3,,cal,A,\n")
    assert not collected(course, {name: b"{}"}, roster).failed
    assert {path.parent.parent.name for path in (course / "submitted").glob("*/tiny/tiny.ipynb")} == {"ann", "bob"}
    pages(course)
    system = "moodle" if "assign" in name else "canvas"
    instructor.return_feedback(course, "tiny", system, tmp_path / "f.zip")
    with zipfile.ZipFile(tmp_path / "f.zip") as archive:
        names = archive.namelist()
    each = [f"{who}_assignsubmission_file_/tiny.html" for who in ("Ann A_1", "Bob B_2")]
    assert names == (each if system == "moodle" else ["teamä_1_900_tiny.html"])


def test_a_group_that_no_roster_tells_of_is_said(course):
    done = collected(course, {"teama_1_900_tiny.ipynb": b"{}"}, 'Student,ID,SIS Login ID\n"A, Ann",1,ann\n')
    assert "work of ann 'teama': if that is a group" in "\n".join(done.says) and not done.failed
    done = collected(course, {"Team A_1_assignsubmission_file_/tiny.ipynb": b"{}"}, "Identifier,Full name\nx 1,Ann A\n")
    assert "'Team A' could not be matched" in done.failed[0] and "column Group" in done.failed[0]


def test_numbers_of_another_assignment_make_nobodys_work_anothers(course):
    """Moodle counts participants anew in each assignment."""
    roster = "Identifier,Full name,Email address\nParticipant 1,Ann A,ann\nParticipant 2,Bob B,bob\n"
    files = {f"{name}_assignsubmission_file_/tiny.ipynb": name.encode() for name in ("Ann A_2", "Bob B_3", "Cal C_1")}
    done = collected(course, files, roster)
    assert submitted(course, "bob") == {"tiny.ipynb": b"Bob B_3"} and not (course / "submitted" / "ann").exists()
    assert "by its number it is bob's and by its name ann's" in done.failed[0] and "'Cal C'" in done.failed[1]


def test_hidden_names_are_said_and_moodles_numbers_tell_them(course):
    done = collected(course, {"LATE_anon_aB3dE_9_tiny.ipynb": b"{}"}, 'Student,ID,SIS Login ID\n"A, Ann",1,ann\n')
    assert "end its anonymous grading" in done.failed[0]
    roster = "Identifier,Full name,Email address\nParticipant 31,Ann A,ann\n"
    assert not collected(course, {"Participant_31_assignsubmission_file_/tiny.ipynb": b"{}"}, roster).failed


def test_the_gradebook_alone_matches_names_in_any_order(course, tmp_path):
    with complains(GradingFailed, "no students yet", "--roster", "Grades, Export"):
        collected(course, {"lia_1_2_tiny.ipynb": b"{}"})
    with pipeline.open_course(course) as api, api.gradebook as gradebook:
        gradebook.add_student("x1", first_name="Zoë", last_name="O’Hara-Nuñez")
        gradebook.add_student("x2", first_name="Bo", last_name="Bo", lms_user_id="77")
    for name in (
        "O'Hara Nuñez Zoë_5_assignsubmission_file_/tiny.ipynb",
        "Zoe O'Hara-Nunez_5_assignsubmission_file_/tiny.ipynb",
    ):
        shutil.rmtree(course / "submitted", ignore_errors=True)
        assert not collected(course, {name: b"{}"}).failed and submitted(course, "x1")
    done = collected(course, {"renamed_77_1_tiny.ipynb": b"{}"})
    assert not done.failed and submitted(course, "x2")


def test_a_roster_and_the_gradebook_are_one_class(course, tmp_path):
    """By login, institution's number, Canvas's number, e-mail, and a name that only one has; what is there stays."""
    known = {"ann": {"first_name": "Anna"}, "s2": {}, "cal": {"lms_user_id": "3"}, "dan": {"email": "D@x.edu"}}
    known |= {"eve": {"first_name": "Eve", "last_name": "E"}, "old": {"first_name": "Bob", "last_name": "Smith"}}
    with pipeline.open_course(course) as api, api.gradebook as gradebook:
        for student, about in known.items():
            gradebook.add_student(student, **about)
    roster = """Full name,ID number,Username,Email address,ID
Ann A,,ann,a@x.edu,1\nBo B,s2,bo,,2\nCal C,,c,,3\nDan D,,d,d@x.edu,4\nEve E,,e,,5
Bob Smith,,bob1,,6\nBob Smith,,bob2,,7\nFay F,,,,8\n"""
    done = collected(course, {f"x_{number}_{number}0_tiny.ipynb": b"{}" for number in range(1, 9)}, roster)
    names = {path.name for path in (course / "submitted").iterdir()}
    assert names == {"ann", "s2", "cal", "dan", "eve", "bob1", "bob2", "canvas-8"}
    assert "The gradebook's are taken for the roster's by their names alone: eve (Eve E)." in done.says
    assert "New in the gradebook: bob1, bob2, canvas-8." in done.says
    with pipeline.open_course(course) as api, api.gradebook as gradebook:
        ann, dan = gradebook.find_student("ann"), gradebook.find_student("dan")
        assert (ann.first_name, ann.last_name, ann.lms_user_id) == ("Anna", None, "1") and dan.email == "D@x.edu"


def test_a_page_that_is_older_than_its_grade_is_said(course, tmp_path):
    collected(course, {"aann_1_2_tiny.ipynb": b"{}"}, 'Student,ID,SIS Login ID\n"A, Ann",1,ann\n')
    pages(course)
    graded = course / "autograded" / "ann" / "tiny"
    graded.mkdir(parents=True)
    (graded / "tiny.ipynb").write_text("{}")
    os.utime(graded / "tiny.ipynb", (4e9, 4e9))
    (course / "submitted" / "bob" / "tiny").mkdir(parents=True)
    told = "\n".join(instructor.return_feedback(course, "tiny", "canvas", tmp_path / "f.zip"))
    assert "Graded after their pages were made: ann." in told and "not in the archive: bob." in told
    with complains(GradingFailed, "could not be written", "--to"):
        instructor.return_feedback(course, "tiny", "canvas", tmp_path / "nowhere" / "f.zip")


def test_canvas_numbers_files_and_does_not_say_that_names_are_utf_8(course, tmp_path):
    with pipeline.open_course(course) as api, api.gradebook as gradebook:
        gradebook.add_student("o", first_name="Ö", last_name="Ünal")
    files = {"ünalö_1_5_helpers-1.py": b"5", "ünalö_1_6_tiny-2.ipynb": b"6", "ünalö_1_7_other-1.ipynb": b"7"}
    assert not collected(course, files, says_utf_8=False).failed
    assert submitted(course, "o") == {
        "helpers-1.py": b"5",
        "helpers.py": b"5",
        "tiny.ipynb": b"6",
        "other-1.ipynb": b"7",
    }
    pages(course)
    instructor.return_feedback(course, "tiny", "canvas", tmp_path / "f.zip")
    with zipfile.ZipFile(tmp_path / "f.zip") as archive:
        assert archive.namelist() == ["ünalö_1_6_tiny.html"]


def test_a_students_file_leads_nowhere_and_sets_no_time(course, tmp_path):
    begin = "Ann A_1_assignsubmission_file_"
    files = {
        f"{begin}/timestamp.txt": b"2020-01-01",
        f"{begin}/../../../evil.py": b"1",
        f"{begin}/a\\tiny.ipynb": b"{}",
    }
    done = collected(course, files, "Identifier,Full name,Email address\nParticipant 1,Ann A,ann\n")
    assert set(submitted(course, "ann")) == {"handed-in-timestamp.txt", "evil.py", "a/tiny.ipynb"}
    assert "nbgrader's own" in "\n".join(done.says)
    assert not (tmp_path / "evil.py").exists() and not (course / "evil.py").exists()


def test_what_cannot_be_read_is_said(course, tmp_path):
    with complains(GradingFailed, "There is no", "nowhere.zip"):
        instructor.collect_download(course, "tiny", tmp_path / "nowhere.zip")
    (tmp_path / "cut.zip").write_bytes(zipped({"a_1_2_tiny.ipynb": b"{}"})[:40])
    with complains(GradingFailed, "cut.zip", "download it again"):
        instructor.collect_download(course, "tiny", tmp_path / "cut.zip")
    with complains(GradingFailed, "no file with a name of Canvas's, Moodle's or Brightspace's"):
        collected(course, {"tiny.ipynb": b"{}"})
    with complains(GradingFailed, "roster.csv is no roster", "Grades, Export", "worksheet"):
        collected(course, {"a_1_2_tiny.ipynb": b"{}"}, "Nachname,Vorname\nA,Ann\n")
    with complains(GradingFailed, "no 'ps9'", "course generate ps9"):
        instructor.collect_download(course, "ps9", tmp_path / "download.zip")
    with complains(GradingFailed, "came from no platform", "course collect tiny"):
        instructor.return_feedback(course, "tiny", "canvas", tmp_path / "f.zip")
    damaged = zipped({"aann_1_2_tiny.ipynb": b"{ }"}).replace(b"{ }", b"{x}")
    (tmp_path / "damaged.zip").write_bytes(damaged)
    (tmp_path / "roster.csv").write_text('Student,ID,SIS Login ID\n"A, Ann",1,ann\n')
    with complains(GradingFailed, "'aann_1_2_tiny.ipynb' cannot be read", "download it again"):
        instructor.collect_download(course, "tiny", tmp_path / "damaged.zip", tmp_path / "roster.csv")
    assert not (course / "submitted" / "ann").exists()
