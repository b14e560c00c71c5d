"""A class on Dask: nothing is graded twice or not at all, whatever ends a run. What workers do is a stub here."""

import csv
import os
import signal
import subprocess
import sys
import time
from contextlib import nullcontext

import nbformat
import pytest
from click.testing import CliRunner
from distributed import Client
from grading_helpers import moments
from grading_stub import grade, hand_in, ledger, marks, points, write_source
from helpers import long_but

from course_utils import cli
from course_utils.errors import GradingFailed, NoSandbox
from course_utils.grading.batch import cluster as cluster_module
from course_utils.grading.batch import dispatch, pipeline, submissions, worker
from course_utils.grading.batch.cluster import workers
from course_utils.grading.batch.results import Results
from course_utils.grading.course import instructor
from course_utils.grading.judge import honest
from course_utils.grading.packing import digest, pack, unpack
from course_utils.grading.sandbox import available
from course_utils.grading.states import State

pytestmark = pytest.mark.skipif(available.missing() is not None, reason=f"no isolation here: {available.missing()}")
PASSES = {f"s{k:02d}": k % 4 for k in range(8)}
REAL_GRADE = worker.grade
WANTED = {student: points(passed) for student, passed in PASSES.items()}


@pytest.fixture
def course(tmp_path, monkeypatch, cluster):
    """A course folder with the submissions of a class, which are graded on one cluster for all tests."""
    monkeypatch.setattr(worker, "grade", grade)
    monkeypatch.setattr(pipeline, "workers", lambda jobs, scheduler: nullcontext(cluster))
    made = write_source(tmp_path / "class")
    for student, passed in PASSES.items():
        hand_in(made, student, f"# passes {passed}")
    return made


def run(course, **options):
    return instructor.grade_class(course, "tiny", **({"jobs": 2} | options))


def test_everybody_is_graded_once_and_the_report_says_so(course):
    done = run(course)
    assert marks(course) == WANTED and ledger(course) == dict.fromkeys(PASSES, 1)
    assert done.failed == [] and "8 graded" in done.text
    with (course / "results" / "tiny.csv").open(newline="") as file:
        assert {r["student"]: (r["state"], float(r["score"])) for r in csv.DictReader(file)} == {
            student: ("graded", score) for student, score in WANTED.items()
        }


def test_a_second_run_grades_nothing_and_what_has_changed_is_graded(course):
    run(course)
    assert "8 graded" in run(course).text and ledger(course).total() == 8
    hand_in(course, "s00", "# passes 3")
    run(course)
    assert ledger(course)["s00"] == 2 and ledger(course).total() == 9 and marks(course)["s00"] == points(3)
    assert len(list((course / "results" / "tiny").glob("*.json"))) == 8  # what was replaced is gone


def test_another_test_timeout_or_grader_grades_anew(course, monkeypatch):
    run(course, students=("s01",))
    source = course / "source" / "tiny" / "tiny.ipynb"
    source.write_text(source.read_text().replace("Twice three is six.", "Two threes are six."))
    with pipeline.open_course(course) as api:
        pipeline.generate(api, "tiny")
    run(course, students=("s01",))
    assert ledger(course)["s01"] == 2
    file = course / "nbgrader_config.py"
    file.write_text(file.read_text() + "\nc.HonestExecute.timeout = 61\n")
    run(course, students=("s01",))
    assert ledger(course)["s01"] == 3
    monkeypatch.setattr(submissions, "grader", lambda: "another")
    run(course, students=("s01",))
    assert ledger(course)["s01"] == 4 and set(ledger(course)) == {"s01"}


def test_the_same_files_are_graded_once_for_all_who_handed_them_in(course):
    for student in ("s00", "s01", "s02"):
        hand_in(course, student, "# passes 3")
        file = course / "submitted" / student / "tiny" / "tiny.ipynb"
        file.write_bytes((course / "submitted" / "s00" / "tiny" / "tiny.ipynb").read_bytes())
    run(course, students=("s00", "s01", "s02"))
    assert ledger(course).total() == 1 and [marks(course)[s] for s in ("s00", "s01", "s02")] == [points(3)] * 3


def test_some_students_only_and_nobody_unknown(course):
    run(course, students=("s03", "s01"))
    assert set(marks(course)) == {"s01", "s03"}
    with pytest.raises(GradingFailed, match="Nothing was handed in for tiny by zoe: check the names."):
        run(course, students=("s01", "zoe"))


def test_an_assignment_that_is_not_there_is_named(course):
    with pytest.raises(GradingFailed, match="The gradebook has no 'other': check the name"):
        instructor.grade_class(course, "other")
    (course / "gradebook.db").unlink()
    with pytest.raises(GradingFailed, match="course generate tiny"):
        run(course)


def test_a_lost_gradebook_is_filled_again_without_grading(course):
    run(course)
    (course / "gradebook.db").unlink()
    with pipeline.open_course(course) as api:
        pipeline.generate(api, "tiny")
    run(course)
    assert marks(course) == WANTED and ledger(course).total() == 8


def test_half_a_graded_notebook_is_written_again(course):
    run(course)
    file = course / "autograded" / "s03" / "tiny" / "tiny.ipynb"
    file.chmod(0o644)
    file.write_text(file.read_text()[:100])
    run(course)
    assert nbformat.read(file, as_version=4).metadata.grading.state == "graded" and ledger(course).total() == 8


def test_a_submission_that_cannot_be_run_ends_as_crashed_and_is_tried_again(course):
    hand_in(course, "s01", "# passes 3 # kills")
    hand_in(course, "s02", "# passes 3 # fails")
    done = run(course)
    assert len(done.failed) == 2 and "6 graded, 2 crashed" in done.text
    assert "ended its worker" in done.failed[0] + done.failed[1] and "a fault of the grader" in " ".join(done.failed)
    assert marks(course) == WANTED | {"s01": 0, "s02": 0}
    before = ledger(course)
    hand_in(course, "s01", "# passes 3")
    run(course)
    assert marks(course) == WANTED | {"s01": points(3), "s02": 0}
    assert ledger(course) - before == {"s01": 1}


def test_where_nothing_can_be_run_the_machine_is_at_fault_and_the_run_stops(course):
    for student in PASSES:
        hand_in(course, student, "# passes 3 # fails")
    with pytest.raises(GradingFailed, match="Nothing can be graded here"):
        run(course)


def test_one_run_at_a_time(course):
    with pipeline.open_course(course) as api:
        made = submissions.Batch(api, "tiny")
        with submissions._one_writer(course / "results" / "tiny"), pytest.raises(GradingFailed, match="Another run"):
            made.run(None)


def test_points_that_the_gradebook_does_not_take_are_said_and_stop_nobody(course, monkeypatch):
    enter = submissions.enter_points
    broken = {"success": False, "error": "Traceback\nboom", "log": "ValueError: no such thing."}
    monkeypatch.setattr(submissions, "enter_points", lambda *a: broken if a[2] == "s01" else enter(*a))
    (failed,) = run(course).failed
    assert "s01" in failed and "no such thing" in failed and "\n" not in failed
    assert "boom" in (course / pipeline.LOG).read_text("utf-8") and set(marks(course)) == set(PASSES) - {"s01"}
    monkeypatch.setattr(submissions, "enter_points", enter)
    assert run(course).failed == [] and marks(course) == WANTED and ledger(course).total() == 8


def test_a_full_disk_stops_with_a_sentence_and_loses_nothing(course, monkeypatch):
    put, count = Results.put, iter(range(100))

    def full(self, key, graded):
        if next(count) >= 5:  # two are the author's
            raise OSError(28, "No space left on device")
        put(self, key, graded)

    monkeypatch.setattr(Results, "put", full)
    with pytest.raises(GradingFailed, match=r"No space left.*3 of 8 are graded and safe"):
        run(course)
    monkeypatch.setattr(Results, "put", put)
    run(course)
    assert marks(course) == WANTED


def test_files_that_cannot_be_read_are_said_and_stop_nobody(course, monkeypatch):
    taken = submissions.take_in

    def broken(folder, *rest):
        if folder.parent.name == "s01":
            raise PermissionError(13, "Permission denied")
        return taken(folder, *rest)

    monkeypatch.setattr(submissions, "take_in", broken)
    (failed,) = run(course).failed
    assert failed.startswith("The files of s01 could not be read (PermissionError") and "\n" not in failed
    assert marks(course) == {student: score for student, score in WANTED.items() if student != "s01"}


def test_nobody_answers_at_the_address(course, monkeypatch):
    monkeypatch.setattr(pipeline, "workers", workers)
    monkeypatch.setattr(cluster_module, "_ANSWER", 1)
    with pytest.raises(GradingFailed, match="No Dask scheduler answers at 'tcp://127.0.0.1:1'"):
        run(course, jobs=None, scheduler="tcp://127.0.0.1:1")


def test_the_command(course, monkeypatch):
    monkeypatch.chdir(course)
    done = CliRunner().invoke(cli.main, ["grade", "tiny", "--student", "s01", "--student", "s02"])
    assert done.exit_code == 0 and "tiny: 2 graded." in done.output and set(marks(course)) == {"s01", "s02"}
    hand_in(course, "s02", "# passes 3 # fails")
    done = CliRunner().invoke(cli.main, ["grade", "tiny"])
    assert done.exit_code == 1 and "7 graded, 1 crashed" in done.output
    assert done.output.splitlines()[-1].startswith("Error: The submission of s02 could not be run")
    assert CliRunner().invoke(cli.main, ["grade", "tiny", "--jobs", "0"]).exit_code == 2
    both = CliRunner().invoke(cli.main, ["grade", "tiny", "--jobs", "2", "--scheduler", "tcp://127.0.0.1:1"])
    assert both.exit_code == 2 and "give one of them" in both.output


def test_without_isolation_every_notebook_and_the_report_say_so(course, monkeypatch):
    monkeypatch.setattr(worker, "grade", REAL_GRADE)
    monkeypatch.setattr(available, "lacks", lambda kernel: "This machine lacks it.")
    with pytest.raises(GradingFailed, match="Nothing was graded. This machine lacks it."):
        run(course, students=("s00",))
    with Client(processes=False, n_workers=1, threads_per_worker=1, dashboard_address=None) as client:
        monkeypatch.setattr(pipeline, "workers", lambda jobs, scheduler: nullcontext(client))
        done = run(course, students=("s00",), unsafe_no_sandbox=True)
    assert "s00: graded. This submission was run without isolation." in done.text
    assert "without isolation" in (course / "results" / "tiny.csv").read_text()
    honest.stop()


SCRIPT = """
import signal, sys
from pathlib import Path
signal.signal(signal.SIGINT, signal.default_int_handler)  # as in a terminal, also where tests run in the background
sys.path.insert(0, {tests!r})
import grading_stub
from course_utils.grading.batch import worker
from course_utils.grading.course import instructor
worker.grade = grading_stub.grade
if __name__ == "__main__":
    try:
        print(instructor.grade_class(Path({course!r}), "tiny", jobs=2).text)
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.mark.parametrize("number", long_but([signal.SIGINT, signal.SIGKILL], signal.SIGKILL))
def test_ended_at_any_moment_the_next_run_goes_on(course, number, tmp_path):
    for student, passed in PASSES.items():
        hand_in(course, student, f"# passes {passed} # takes 0.5")
    script = tmp_path / "run.py"
    script.write_text(SCRIPT.format(tests=os.path.dirname(os.path.dirname(__file__)), course=str(course)))
    process = subprocess.Popen([sys.executable, str(script)], start_new_session=True, stderr=subprocess.DEVNULL)
    patience = moments(600)
    deadline = time.monotonic() + patience
    while ledger(course).total() < 3 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.killpg(process.pid, number) if number == signal.SIGINT else process.kill()
    assert process.wait(patience) == (130 if number == signal.SIGINT else -signal.SIGKILL)
    kept = len(list((course / "results" / "tiny").glob("[!.]*.json")))
    done, before = marks(course), ledger(course)
    if number == signal.SIGINT:
        assert None not in done.values() and done.items() <= WANTED.items()
    else:  # one may be half written
        assert all(done[student] in (WANTED[student], 0, None) for student in done)
    run(course)
    assert marks(course) == WANTED and 0 < kept < 8
    assert ledger(course).total() <= 8 + 2 * dispatch.AHEAD + 8 - kept  # what was kept was not graded again
    assert all(ledger(course)[student] == before[student] for student in done)


def test_packing_is_the_same_for_the_same_files_and_takes_no_links(tmp_path):
    for name in ("a", "b"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "x").write_bytes(b"\0x")
        (tmp_path / name / "y").write_text("y")
        (tmp_path / name / "link").symlink_to("/etc/passwd")
    os.utime(tmp_path / "b" / "y", (1, 1))
    packed = pack(tmp_path / "a")
    assert packed == pack(tmp_path / "b")
    unpack(packed, tmp_path / "c")
    assert sorted(p.name for p in (tmp_path / "c").rglob("*")) == ["deep", "x", "y"]
    (tmp_path / "b" / "y").write_text("z")
    assert packed != pack(tmp_path / "b") and digest(b"a", b"b") != digest(b"ab")


def test_a_worker_with_another_version_refuses(monkeypatch):
    asked = worker.Assignment(b"", {}, 1, False, "another version")
    with pytest.raises(NoSandbox, match="another version of the course"):
        worker.grade(b"", asked)


def test_states_are_ordered_and_told():
    assert [str(state) for state in State] == [
        "graded",
        "graded with repairs",
        "needs a look",
        "timeout",
        "crashed",
        "tampered",
        "unreadable",
    ]
