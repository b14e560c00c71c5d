"""The gradebook in PostgreSQL: the same marks by the same steps. The server is started here, on loopback."""

import glob
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from contextlib import nullcontext
from pathlib import Path

import pytest
from grading_stub import grade, hand_in, ledger, marks, points, write_source

from course_utils.grading.batch import pipeline, worker
from course_utils.grading.batch.cluster import workers
from course_utils.grading.course import instructor
from course_utils.grading.sandbox import available

PROGRAMS = next(iter(sorted(glob.glob("/usr/lib/postgresql/*/bin"), reverse=True)), None)
pytestmark = [
    pytest.mark.skipif(not PROGRAMS, reason="PostgreSQL (Debian's package postgresql) is not installed"),
    pytest.mark.skipif(available.missing() is not None, reason=f"no isolation here: {available.missing()}"),
]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


@pytest.fixture(scope="module")
def database():
    """The address of an empty database. The server does not run as root, nor listens on anything but 127.0.0.1."""
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    folder, port = Path(tempfile.mkdtemp()), free_port()
    if os.geteuid() == 0:
        shutil.chown(folder, user, user)

    def call(program, *arguments):
        subprocess.run(
            [f"{PROGRAMS}/{program}", *arguments],
            check=True,
            user=user if os.geteuid() == 0 else None,
            cwd=folder,
            stdout=subprocess.DEVNULL,
        )

    data = str(folder / "data")
    call("initdb", "-D", data, "-A", "trust", "-U", "grader", "--no-sync")
    options = f"-c listen_addresses=127.0.0.1 -c unix_socket_directories= -c fsync=off -p {port}"
    call("pg_ctl", "-D", data, "-o", options, "-l", str(folder / "log"), "-w", "start")
    try:
        call("createdb", "-h", "127.0.0.1", "-p", str(port), "-U", "grader", "marks")
        yield f"postgresql://grader@127.0.0.1:{port}/marks"
    finally:
        call("pg_ctl", "-D", data, "-m", "immediate", "stop")
        shutil.rmtree(folder)


@pytest.mark.long
def test_a_class_is_graded_into_postgresql(database, tmp_path, monkeypatch):
    course = tmp_path / "class"
    write_source(course, f"c.CourseDirectory.db_url = {database!r}\n")
    assert not (course / "gradebook.db").exists()
    passes = {"ann": 3, "bob": 1, "cal": 0}
    for student, passed in passes.items():
        hand_in(course, student, f"# passes {passed}")
    monkeypatch.setattr(worker, "grade", grade)
    with workers(1) as client:
        monkeypatch.setattr(pipeline, "workers", lambda jobs, scheduler: nullcontext(client))
        for _ in range(2):
            assert instructor.grade_class(course, "tiny").failed == []
            assert marks(course) == {student: points(passed) for student, passed in passes.items()}
        assert ledger(course) == dict.fromkeys(passes, 1)
        hand_in(course, "cal", "# passes 2")
        assert instructor.grade_class(course, "tiny").failed == [] and marks(course)["cal"] == points(2)
    with pipeline.open_course(course) as api:
        pipeline.export_csv(api, tmp_path / "grades.csv")
    assert "ann" in (tmp_path / "grades.csv").read_text() and not (course / "gradebook.db").exists()
