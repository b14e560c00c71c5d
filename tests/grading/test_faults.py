"""Faults at random moments, 200 seeded runs: after each the same command goes on, and no mark is lost or doubled."""

import contextlib
import csv
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time

import pytest
from grading_helpers import moments
from grading_stub import grade, hand_in, marks, points, write_source
from helpers import long_but

from course_utils.errors import GradingFailed
from course_utils.grading.batch import pipeline
from course_utils.grading.batch import worker as work
from course_utils.grading.batch.results import Results
from course_utils.grading.course import instructor
from course_utils.grading.sandbox import available

pytestmark = pytest.mark.skipif(available.missing() is not None, reason=f"no isolation here: {available.missing()}")
STUDENTS = ("ann", "bob", "cal", "dan")
LONGEST_LOCK = 10  # seconds


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return write_source(tmp_path_factory.mktemp("template") / "class")


@contextlib.contextmanager
def later(rng, act):
    """Does something in another thread at a random moment of the first second."""
    timer = threading.Timer(rng.random(), act)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def worker_killed(rng, course, client, patch):
    def kill():
        with contextlib.suppress(ProcessLookupError, ValueError):  # it has been replaced, or there is none
            os.kill(rng.choice(sorted(client.run(os.getpid).values())), signal.SIGKILL)

    return later(rng, kill)


def disk_full(rng, course, client, patch):
    """From some result on nothing can be kept; what was written of it is there."""
    put, left = Results.put, [rng.randrange(len(STUDENTS))]

    def full(self, key, graded):
        left[0] -= 1
        if left[0] < 0:
            (self.file(key).parent / ".x.1.json").write_text("{")
            raise OSError(28, "No space left on device")
        put(self, key, graded)

    patch.setattr(Results, "put", full)
    return contextlib.nullcontext()


def gradebook_locked(rng, course, client, patch):
    seconds = LONGEST_LOCK if rng.random() < 0.05 else rng.random()

    def hold():
        with contextlib.suppress(sqlite3.OperationalError):  # somebody writes just now, for longer than we wait
            lock = sqlite3.connect(course / "gradebook.db", isolation_level=None)
            lock.execute("BEGIN EXCLUSIVE")
            time.sleep(seconds)
            lock.execute("ROLLBACK")
            lock.close()

    return later(rng, hold)


def gradebook_fails(rng, course, client, patch):
    """One of nbgrader's steps raises, somewhere between two writes to the gradebook."""
    from nbgrader.preprocessors import SaveAutoGrades

    save, left = SaveAutoGrades.preprocess_cell, [rng.randrange(10)]

    def broken(self, *arguments):
        left[0] -= 1
        if left[0] == 0:
            raise RuntimeError("a fault between two writes")
        return save(self, *arguments)

    patch.setattr(SaveAutoGrades, "preprocess_cell", broken)
    return contextlib.nullcontext()


FAULTS = (worker_killed, disk_full, gradebook_locked, gradebook_fails)


def run(course):
    """What is to be done again, as the instructor is told."""
    try:
        return instructor.grade_class(course, "tiny", jobs=2).failed
    except GradingFailed as problem:
        return [str(problem)]


def class_of_four(rng, template, folder):
    """A course folder with submissions, and the marks that they must get."""
    course = folder / "class"
    shutil.copytree(template, course)
    passes = {student: rng.randrange(4) for student in STUDENTS}
    for student, passed in passes.items():
        hand_in(course, student, f"# passes {passed} # takes {rng.random() / 10}")
    return course, {student: points(passed) for student, passed in passes.items()}


def has_right_marks(course, wanted):
    with (course / "results" / "tiny.csv").open(newline="") as file:
        exported = [(row["student"], float(row["score"])) for row in csv.DictReader(file)]
    return marks(course) == wanted and sorted(exported) == sorted(wanted.items())


def no_workers(jobs, scheduler):
    raise AssertionError("something was to be graded again")


@pytest.mark.parametrize("seed", long_but(range(180), *range(8)))
def test_a_fault_loses_and_doubles_nothing(seed, template, cluster, tmp_path, monkeypatch):
    rng = random.Random(seed)
    course, wanted = class_of_four(rng, template, tmp_path)
    monkeypatch.setattr(work, "grade", grade)
    monkeypatch.setattr(pipeline, "workers", lambda jobs, scheduler: contextlib.nullcontext(cluster))
    fault = FAULTS[seed % len(FAULTS)]
    with monkeypatch.context() as patch, fault(rng, course, cluster, patch):
        failed = run(course)
    between = marks(course)
    assert all(between[student] in (wanted[student], 0, None) for student in between)
    if fault in (worker_killed, gradebook_locked):  # nobody has to do anything
        assert failed == []
    if failed:
        assert run(course) == []
    monkeypatch.setattr(pipeline, "workers", no_workers)
    assert run(course) == []  # nothing is left to do
    assert has_right_marks(course, wanted)
    assert not list((course / "results").rglob(".*.json"))


# Loaded by each Python process at its start, before anything has taken `time.time` from its module.
CLOCK = """
import os, time
real = time.time
def fake():
    with open(os.environ["FAKE_CLOCK"]) as file:
        return real() + float(file.read() or 0)
time.time = fake
"""
SAID = ("the clock of this machine was set back", "The workers could not be started")
SCRIPT = """
import sys
from pathlib import Path
from grading_stub import grade
from course_utils.errors import GradingFailed
from course_utils.grading.batch import worker
from course_utils.grading.course import instructor
worker.grade = grade
if __name__ == "__main__":
    try:
        print(instructor.grade_class(Path(sys.argv[1]), "tiny", jobs=1).failed)
    except GradingFailed as problem:
        sys.exit(str(problem))
"""


@pytest.mark.parametrize("seed", long_but(range(10), 0))
def test_a_clock_set_back_loses_and_doubles_nothing(seed, template, cluster, tmp_path, monkeypatch):
    """By a day, for the run and all its workers: Dask may wait for a day then, which the run has to see."""
    rng = random.Random(2000 + seed)
    course, wanted = class_of_four(rng, template, tmp_path)
    clock, script = tmp_path / "clock", tmp_path / "run.py"
    clock.write_text("0")
    script.write_text(SCRIPT)
    (tmp_path / "sitecustomize.py").write_text(CLOCK)
    running = subprocess.Popen(
        [sys.executable, str(script), str(course)],
        env=os.environ | {"FAKE_CLOCK": str(clock), "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    time.sleep(2 + 6 * rng.random())
    clock.write_text("-86400")
    told, problem = running.communicate(timeout=100)
    assert (running.returncode == 0 and told == "[]\n") or any(word in problem for word in SAID), problem
    monkeypatch.setattr(work, "grade", grade)
    monkeypatch.setattr(pipeline, "workers", lambda jobs, scheduler: contextlib.nullcontext(cluster))
    assert run(course) == [] and has_right_marks(course, wanted)


SERVER = "from distributed.cli.dask_{0} import main; main({1!r})"


def start(kind, *arguments):
    return subprocess.Popen(
        [sys.executable, "-c", SERVER.format(kind, arguments)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


@pytest.mark.parametrize("seed", long_but(range(10), 0))
def test_a_lost_scheduler_loses_and_doubles_nothing(seed, template, cluster, tmp_path, monkeypatch):
    rng = random.Random(1000 + seed)
    course, wanted = class_of_four(rng, template, tmp_path)
    monkeypatch.setattr(work, "grade", grade)
    file = tmp_path / "scheduler.json"
    scheduler = start(
        "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(file)
    )
    worker = start("worker", "--scheduler-file", str(file), "--host", "127.0.0.1", "--no-dashboard", "--nthreads", "1")
    try:
        deadline = time.monotonic() + moments(150)
        while not file.exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        address = json.loads(file.read_text())["address"]
        with later(rng, lambda: (time.sleep(1), scheduler.kill())):
            try:
                failed = instructor.grade_class(course, "tiny", scheduler=address).failed
            except GradingFailed as problem:
                failed = [str(problem)]
    finally:
        for process in (worker, scheduler):
            process.kill()
            process.wait()
    assert not failed or "The cluster was lost" in failed[0] or "scheduler" in failed[0]
    monkeypatch.setattr(pipeline, "workers", lambda jobs, scheduler: contextlib.nullcontext(cluster))
    assert run(course) == [] and has_right_marks(course, wanted)
