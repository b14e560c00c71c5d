"""Bubblewrap, around the server that kernels are forked from or around one kernel: the same marks, the same walls."""

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from functools import partial

import psutil
import pytest
from grading import test_attacks
from grading_helpers import NOTHING, POINTS, RIGHT, graded, moments
from jupyter_client import AsyncKernelManager
from traitlets.config import Config

from course_utils.errors import NoSandbox
from course_utils.grading.judge import honest
from course_utils.grading.sandbox import available
from course_utils.grading.sandbox.available import BUBBLEWRAP, SANDBOX

needs_bubblewrap = pytest.mark.skipif(available.lacks(BUBBLEWRAP) is not None, reason=f"{available.lacks(BUBBLEWRAP)}")
needs_sandbox = pytest.mark.skipif(available.lacks(SANDBOX) is not None, reason=f"{available.lacks(SANDBOX)}")


def walled() -> bool:
    """Whether the server of the kernels can be put into bubblewrap here."""
    from course_utils.grading.sandbox import bwrap

    return bwrap.surrounds()


needs_wall = pytest.mark.skipif(
    available.lacks(SANDBOX) is not None or not walled(), reason="no sandbox can be made within bubblewrap here"
)


def stop_server():
    """End the judging kernels, and the server that they were forked from: the next kernel starts a fresh one."""
    from course_utils.grading.sandbox import provisioner

    honest.stop()
    if provisioner._server:
        provisioner._server.stop()
    provisioner._server = None


WAYS = [
    pytest.param((SANDBOX, True), marks=needs_wall, id="sandbox within bubblewrap"),
    pytest.param((SANDBOX, False), marks=needs_sandbox, id="sandbox alone"),
    pytest.param((BUBBLEWRAP, None), marks=needs_bubblewrap, id="bubblewrap alone"),
    pytest.param(("python3", None), id="no isolation"),
]


@pytest.fixture(scope="module", params=WAYS)
def way(request):
    """A kernelspec; that of the sandbox with its server in bubblewrap, and without."""
    kernel, wall = request.param
    with pytest.MonkeyPatch.context() as patch:
        if wall is not None:
            from course_utils.grading.sandbox import bwrap

            stop_server()
            patch.setattr(bwrap, "surrounds", lambda: wall)
        yield kernel
        stop_server()


ANSWERS = {
    "right": ({}, POINTS),
    "wrong": ({"double": "def double(x): return 0", "value": "answer = None"}, NOTHING),
    "half": (
        {"double": "def double(x): return 6 if x == 3 else 2"},
        {"test-double": 0, "test-parts": 1, "test-value": 1},
    ),
    "a list": ({"value": "answer = [0, 1, 2, 3]"}, POINTS | {"test-value": 0}),
    "an error": ({"double": "def double(x): return x / 0"}, NOTHING | {"test-value": 1}),
    "an exit": ({"value": "import os; os._exit(0)"}, POINTS | {"test-value": 0}),
    "an endless loop": ({"value": "while True: pass"}, POINTS | {"test-value": 0}),
    "a flood": ({"value": "while True: print('x' * 10_000)"}, POINTS | {"test-value": 0}),
    "an endless function": ({"double": "def double(x):\n    while True: pass"}, NOTHING | {"test-value": 1}),
}


KINDS = ("right", "an exit")  # one that ends well and one that does not


@pytest.mark.parametrize("what", [what for what in ANSWERS if what in KINDS])
def test_all_ways_give_the_same_marks(way, tmp_path, what):
    answers, points = ANSWERS[what]
    assert graded(tmp_path, timeout=moments(20), kernel=way, **answers).points == points


@pytest.mark.long
@pytest.mark.parametrize("what", [what for what in ANSWERS if what not in KINDS])
def test_all_ways_give_the_same_marks_to_others(way, tmp_path, what):
    test_all_ways_give_the_same_marks(way, tmp_path, what)


def test_only_three_folders_can_be_written(way, tmp_path):
    if way == "python3":
        return  # the way without isolation
    look = (
        "print('writable', *[line.split()[1] for line in open('/proc/mounts') if 'rw' in line.split()[3].split(',')])"
    )
    told = next(line for line in graded(tmp_path, kernel=way, value=look).text.split("\n") if "writable" in line)
    ours = {path for path in told.split()[1:] if not path.startswith("/dev/")}
    assert ours - {"/proc"} == {"/tmp", "/student"}  # bubblewrap's own /proc says so, and nothing in it can be written


def test_the_submissions_files_are_there_and_can_be_written(way, tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "mine.py").write_text(RIGHT["double"])
    use = "open('deep/mine.py', 'a').write('\\nfour = 4'); from deep.mine import double, four"
    assert graded(tmp_path, kernel=way, double=use).points == POINTS
    if way != "python3":
        assert (tmp_path / "deep" / "mine.py").read_text() == RIGHT["double"]


@pytest.fixture
def server():
    """The process that kernels are forked from, in bubblewrap."""
    from course_utils.grading.sandbox import provisioner

    stop_server()
    serving = provisioner.serving()
    serving.connect().close()
    yield serving, psutil.Process(serving.process.pid).children(recursive=True)[-1].pid
    stop_server()


@needs_wall
def test_the_server_sees_and_can_do_what_it_must_and_no_more(server, tmp_path):
    serving, pid = server
    assert b"forkserver" in open(f"/proc/{pid}/cmdline", "rb").read()
    for kind in ("mnt", "pid", "net", "ipc", "uts"):
        assert os.readlink(f"/proc/{pid}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}"), kind
    (tmp_path / "gradebook.db").write_text("marks")
    root = f"/proc/{pid}/root"
    assert os.path.exists(root + sys.prefix) and os.path.exists(f"{root}{serving.folder}/server")
    assert not os.path.exists(f"{root}{tmp_path}") and not os.path.exists(root + os.path.abspath(__file__))
    read_only = {path: bool(os.statvfs(root + path).f_flag & os.ST_RDONLY) for path in ("/", "/usr", sys.prefix)}
    assert all(read_only.values()), read_only
    assert not os.statvfs(f"{root}{serving.folder}").f_flag & os.ST_RDONLY
    told = dict(line.split(":\t") for line in open(f"/proc/{pid}/status").read().splitlines() if ":\t" in line)
    allowed = 1 << 6 | 1 << 7 | 1 << 31 if os.geteuid() == 0 else 0  # set users, groups, and files' capabilities
    assert int(told["CapEff"], 16) & ~allowed == 0 and told["NoNewPrivs"] == "1"
    names = {entry.split(b"=")[0].decode() for entry in open(f"/proc/{pid}/environ", "rb").read().split(b"\0")[:-1]}
    threads = {f"{name}_NUM_THREADS" for name in ("OPENBLAS", "OMP", "MKL")}
    assert names <= {"PATH", "LANG", "HOME", "PWD", "TF_CPP_MIN_LOG_LEVEL"} | threads


@needs_wall
def test_the_server_ends_when_its_owner_lets_go_of_it(server):
    serving, pid = server
    serving.process.stdin.close()
    assert serving.process.wait(moments(150)) == 0 and not psutil.pid_exists(pid)


@pytest.fixture
def litter():
    """What a process may leave that is killed: its environment, with a folder for it that has a short name."""
    with tempfile.TemporaryDirectory() as folder:
        yield os.environ | {"TMPDIR": folder}


def python(code: str, environment: dict[str, str]) -> subprocess.Popen:
    """A process that runs `code`, and can be talked to."""
    words = [sys.executable, "-c", code]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment)


@needs_wall
def test_the_server_ends_when_its_owner_is_killed(litter):
    code = (
        "from course_utils.grading.sandbox import provisioner as p; print(p._Server().process.pid, flush=True); input()"
    )
    with python(code, litter) as owner:
        wall = psutil.Process(int(owner.stdout.readline()))
        everybody = [wall, *wall.children(recursive=True)]
        owner.kill()
    assert psutil.wait_procs(everybody, timeout=30)[1] == []


def test_a_bubblewrap_that_does_not_work_is_not_used(tmp_path, monkeypatch):
    """Tried, not guessed: this one is there, and may do nothing."""
    if sys.platform != "linux":
        pytest.skip("bubblewrap is for Linux only")
    from course_utils.grading.sandbox import bwrap

    refusing = tmp_path / "bwrap"
    refusing.write_text("#!/bin/sh\necho bwrap: No permissions to create new namespace >&2\nexit 1\n")
    refusing.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    assert bwrap.program() == str(refusing)
    assert bwrap.surrounds.__wrapped__() is False and bwrap.options.__wrapped__() is None


@pytest.fixture
def attacked(monkeypatch):
    """The attacks of the other file, on a kernel that bubblewrap alone isolates."""
    monkeypatch.setattr(test_attacks, "graded", partial(graded, kernel=BUBBLEWRAP))
    return test_attacks


@needs_bubblewrap
@pytest.mark.parametrize("what", test_attacks.REACHES)
def test_nothing_outside_is_reached(tmp_path, what, monkeypatch, attacked):
    from course_utils.grading.sandbox import bwrap

    if what == "namespaces" and os.geteuid() and "--disable-userns" not in bwrap.options():
        pytest.skip("this bubblewrap, setuid or older than 0.8, leaves it to the machine who may make namespaces")
    attacked.test_nothing_outside_is_reached(tmp_path, what, monkeypatch)


@needs_bubblewrap
def test_nothing_is_seen_or_left_behind(tmp_path, attacked):
    attacked.test_what_a_submission_leaves_behind_is_gone_for_the_next(tmp_path)
    attacked.test_no_hidden_test_is_ever_in_a_students_kernel(tmp_path)


@needs_bubblewrap
def test_what_a_submission_finds(tmp_path):
    """As in the sandbox; only that its list of processes, and nothing in it that matters, can be written."""
    look = """
import os, resource
status = dict(line.split(':', 1) for line in open('/proc/self/status'))
mounts = [line.split() for line in open('/proc/mounts')]
print('caps', *(status['Cap' + kind].strip() for kind in ('Inh', 'Prm', 'Eff', 'Amb')))
print('more', status['NoNewPrivs'].strip(), *status['Groups'].split())
print('writable', *(m[1] for m in mounts if 'rw' in m[3].split(',') and m[2] != 'devtmpfs'))
print('ids', os.getuid(), os.getpid(), *filter(str.isdigit, os.listdir('/proc')))
print('limits', *(resource.getrlimit(getattr(resource, 'RLIMIT_' + n))[1] for n in ('AS', 'CPU', 'FSIZE', 'NPROC')))
print('size', os.statvfs('/tmp').f_blocks * os.statvfs('/tmp').f_frsize)
try:
    print('secrets', *open('/proc/self/environ').read().split(chr(0)))
except PermissionError:  # where another user started it
    print('secrets')
"""
    from course_utils.grading.sandbox import bwrap, room

    told = {}
    for line in filter(str.strip, graded(tmp_path, kernel=BUBBLEWRAP, value=look).text.split("\n")):
        name, *words = line.split()
        told.setdefault(name, words)
    assert {int(word, 16) for word in told["caps"]} == {0} and told["more"][0] == "1"
    assert set(told["writable"]) == {"/tmp", "/dev/shm", "/dev/pts", "/student", "/proc"}
    assert told["ids"] == ["1000", "1", "1"]
    most = room.Limits()
    assert [int(word) for word in told["limits"]] == [
        most.memory_mb << 20,
        most.cpu_seconds,
        most.file_mb << 20,
        most.processes,
    ]
    assert {word.split("=")[0] for word in told["secrets"]} <= set(room.student_environment()) | {"PWD"}
    if "--size" in bwrap.options():
        assert int(told["size"][0]) == most.disk_mb << 20


isolating = pytest.mark.parametrize(
    "kernel", [pytest.param(SANDBOX, marks=needs_sandbox), pytest.param(BUBBLEWRAP, marks=needs_bubblewrap)]
)


@isolating
def test_a_kernel_ends_when_its_time_is_over(kernel, tmp_path):
    limits = {"limits": {"wall_seconds": 1}}

    async def ends() -> bool:
        config = Config(SandboxProvisioner=limits, BubblewrapProvisioner=limits)
        manager = AsyncKernelManager(kernel_name=kernel, config=config)
        await manager.start_kernel(cwd=str(tmp_path))
        deadline = time.monotonic() + moments(300)
        while (alive := await manager.is_alive()) and time.monotonic() < deadline:
            await asyncio.sleep(0.1)
        await manager.shutdown_kernel(now=True)
        return not alive

    assert asyncio.run(ends())


@isolating
def test_no_open_folder_leads_out(kernel, tmp_path):
    look = "import os\nopened = os.listdir('/proc/self/fd')\n"
    look += "print('open', len(opened) > 3, [n for n in opened if os.path.isdir(f'/proc/self/fd/{n}')])"
    assert "open True []" in graded(tmp_path, kernel=kernel, value=look).text


STAYS = ["sleep", str(10**5 + os.getpid())]  # what no other run of these tests leaves
STAY = f"""
import ctypes, subprocess
ctypes.CDLL(None).prctl(1, 0)  # no signal when the process ends that started this one
stays = subprocess.Popen({STAYS})
"""


def staying() -> list[psutil.Process]:
    """The processes that `STAY` started."""
    return [process for process in psutil.process_iter(["cmdline"]) if process.info["cmdline"] == STAYS]


@isolating
def test_nothing_outlives_a_submission(kernel, tmp_path):
    assert graded(tmp_path, kernel=kernel, value=STAY + RIGHT["value"]).points == POINTS
    assert not psutil.wait_procs(staying(), timeout=30)[1]


GRADER = """
import asyncio
from jupyter_client import AsyncKernelManager

async def main():
    manager = AsyncKernelManager(kernel_name={kernel!r})
    await manager.start_kernel(cwd={folder!r})
    client = manager.client()
    client.start_channels()
    await client.wait_for_ready(timeout=600)
    print((await client.execute_interactive({code!r}))["content"]["status"], flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
"""


@isolating
def test_nothing_outlives_a_grader_that_is_killed(kernel, tmp_path, litter):
    code = GRADER.format(kernel=kernel, folder=str(tmp_path), code=STAY)
    with python(code, litter) as grader:
        told, started = grader.stdout.readline(), staying()
        grader.kill()
    assert told == "ok\n" and started and not psutil.wait_procs(started, timeout=30)[1]


@pytest.mark.parametrize(
    "sandbox, bubblewrap, installed, kernel",
    [(True, True, True, SANDBOX), (True, False, False, SANDBOX), (False, True, True, BUBBLEWRAP)]
    + [(False, False, True, None), (False, False, False, None)],
)
def test_which_way_a_machine_goes(monkeypatch, sandbox, bubblewrap, installed, kernel):
    if sys.platform != "linux":
        pytest.skip("there is no way but on Linux")
    from course_utils.grading.sandbox import bwrap as tool
    from course_utils.grading.sandbox import trial

    monkeypatch.setattr(available, "lacks", available.lacks.__wrapped__)
    monkeypatch.setattr(trial, "try_sandbox", lambda before: "user 1000" if sandbox else None)
    monkeypatch.setattr(tool, "options", lambda: () if bubblewrap else None)
    monkeypatch.setattr(tool, "program", lambda: "bwrap" if installed else None)
    assert available.way() == kernel and (available.missing() is None) == (kernel is not None)
    if kernel is None:
        assert ("install bubblewrap" in available.missing()) == (not installed)
    for name, can in ((SANDBOX, sandbox), (BUBBLEWRAP, bubblewrap)):
        if can:
            available.must_have(name)
        else:
            with pytest.raises(NoSandbox):
                available.must_have(name)


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_elsewhere_it_can_be_asked_and_says_no(system):
    code = (
        f"import sys; from course_utils.grading.sandbox import available; sys.platform = '{system}'\n"
        "print(available.way(), available.missing()); assert 'course_utils.grading.sandbox.syscalls' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (
        done.stdout
        == "None Submissions can be isolated on Linux only: grade in a Linux container, as docs/container.md says.\n"
    )
