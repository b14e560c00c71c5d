"""What commands cost together with every process that they start: time, processor time and memory.

Processor time comes from a control group (Linux, version 2), where this user may make one. It holds whatever was
started in it, waited for or not, and so misses nothing. Elsewhere the process tree is looked at every 50 ms, which
misses what a process used after the last look, and processes that were not there at any look or lost their parent:
`counted` says which it was. What children report to `wait` is no use, as a fork server may not wait for its own.

Memory is the sum over the process tree of each process's proportional share (PSS: a page that n processes share counts
1/n in each), looked at every second. It misses peaks between two looks. A sandboxed process may not show its share to a
user who is not root: its resident size then counts instead, which is more than its share.
"""

import subprocess
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

_LOOK = 0.05  # seconds between two looks at whether a command has ended
_LOOK_AT_MEMORY = 1.0
_ENDING = 20  # seconds that processes may take to end after the command that started them


@dataclass(frozen=True)
class Cost:
    """`wall` and `cpu` in seconds, `memory` at its peak in bytes, `counted` is "control group" or "looks".

    `others` are the processor seconds that all else on this machine used in the meantime: they should be few.
    """

    wall: float
    cpu: float
    others: float
    memory: int
    counted: str


class _Looks:
    """Processor time of a process tree by looking at it again and again."""

    counted = "looks"

    def __init__(self):
        self._seen: dict[tuple[int, float], float] = {}

    def enter(self) -> None:
        pass

    def look(self, root: psutil.Process) -> None:
        for process in tree_of(root):
            with suppress(psutil.Error):
                times = process.cpu_times()
                self._seen[process.pid, process.create_time()] = times.user + times.system

    def cpu(self) -> float:
        return sum(self._seen.values())


class _Group:
    """Processor time of a control group."""

    counted = "control group"

    def __init__(self, folder: Path):
        self._folder = folder

    def enter(self) -> None:
        (self._folder / "cgroup.procs").write_text("0")

    def look(self, root: psutil.Process) -> None:
        pass

    def cpu(self) -> float:
        deadline = time.monotonic() + _ENDING
        while left := (self._folder / "cgroup.procs").read_text().split():
            if time.monotonic() > deadline:
                raise RuntimeError(f"processes were left behind: {', '.join(left)}")
            time.sleep(_LOOK)
        told = dict(line.split() for line in (self._folder / "cpu.stat").read_text().splitlines())
        return int(told["usage_usec"]) / 1e6


def _own_group() -> Path:
    """The folder of the control group that this process is in. Raises `OSError` where there is none."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, kind = line.partition(" - ")
        if kind.startswith("cgroup2 "):
            inside = next(
                line[3:] for line in Path("/proc/self/cgroup").read_text().splitlines() if line.startswith("0::")
            )
            return Path(mount.split()[4]) / inside.lstrip("/")
    raise FileNotFoundError("no control groups of version 2")


@contextmanager
def _counter() -> Iterator[_Group | _Looks]:
    try:
        folder = Path(tempfile.mkdtemp(prefix="bench-", dir=_own_group()))
    except OSError:
        yield _Looks()
        return
    try:
        yield _Group(folder)
    finally:
        with suppress(OSError):  # after an error there may still be processes in it
            folder.rmdir()


def tree_of(root: psutil.Process) -> list[psutil.Process]:
    """A process and all below it; empty where it has ended."""
    with suppress(psutil.Error):
        return [root, *root.children(recursive=True)]
    return []


def memory_of(tree: list[psutil.Process]) -> int:
    """Bytes that processes use together, shared pages counted once (PSS)."""
    total = 0
    for process in tree:
        with suppress(psutil.NoSuchProcess):
            try:
                total += process.memory_full_info().pss
            except psutil.AccessDenied:
                total += process.memory_info().rss
    return total


def _busy() -> float:
    """Processor seconds of the whole machine since it was started."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - times.iowait - times.guest - times.guest_nice  # guests are in user and nice, too


def measure(commands: Iterable[list[str]], folder: Path, environment: Mapping[str, str], log: Path) -> Cost:
    """Run commands one after the other in `folder`; what they print goes to the file `log`.

    Raises `subprocess.CalledProcessError` where one fails.
    """
    wall, memory, last_look, before = 0.0, 0, 0.0, _busy()
    with _counter() as counter, open(log, "w") as file:
        for command in commands:
            start = time.monotonic()
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdout=file, stderr=file, preexec_fn=counter.enter
            )
            root = psutil.Process(process.pid)
            while process.poll() is None:
                counter.look(root)
                if time.monotonic() - last_look > _LOOK_AT_MEMORY:
                    memory, last_look = max(memory, memory_of(tree_of(root))), time.monotonic()
                time.sleep(_LOOK)
            wall += time.monotonic() - start
            if process.returncode:
                raise subprocess.CalledProcessError(process.returncode, command)
        cpu = counter.cpu()
        return Cost(wall, cpu, max(_busy() - before - cpu, 0.0), memory, counter.counted)
