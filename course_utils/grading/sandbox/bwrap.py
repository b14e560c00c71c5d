"""Bubblewrap: a second wall around the server of the kernels, and the only one where it alone may make namespaces.

What stands behind either wall is the file system of `sandbox`, put together by the program `bwrap`.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Collection, Iterable
from functools import cache
from pathlib import Path

from ...errors import GradingFailed
from . import room, trial

# Of root's powers, those that the server needs to give a sandbox its users, and a kernel to become the student's.
_GIVES_IDS = ("CAP_SETUID", "CAP_SETGID", "CAP_SETFCAP")
_BECOMES_STUDENT = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP", "CAP_CHOWN", "CAP_SYS_RESOURCE")
_DISABLE, _SIZE = "--disable-userns", "--size"  # what `start` would use, and not every bubblewrap has


def program() -> str | None:
    """Where bubblewrap is, or None where it is not installed."""
    return shutil.which("bwrap")


def around_server(folder: Path) -> list[str]:
    """The words before a command that leave it Python, the system's libraries, a /tmp of its own, and `folder`.

    The last two are all that it can write. It can still make namespaces, as a sandbox must.
    """
    words = [*_world([Path("/tmp")], []), "--unshare-ipc", "--unshare-net", "--unshare-pid", "--unshare-uts"]
    words += _bind("--bind", folder)
    if os.geteuid() == 0:
        words += _powers(_GIVES_IDS)
        # Root may write the machine's settings even without powers, except those that count namespaces.
        words += ["--ro-bind", "/proc/sys", "/proc/sys", "--bind", "/proc/sys/user", "/proc/sys/user"]
        # A sandbox may list its processes only where another list can be seen whole; of the one that bubblewrap makes
        # for root, parts are covered. Nobody but root can enter the folder, and no sandbox shows it.
        words += ["--ro-bind", "/proc", str(folder / "proc")]
    return [*words, "--remount-ro", "/", "--"]


@cache
def surrounds() -> bool:
    """Whether a sandbox that is made within comes out just as one without: tried."""
    if not program():
        return False
    with tempfile.TemporaryDirectory(prefix="grading-") as folder:
        within = trial.try_sandbox(around_server(Path(folder)))
    return within is not None and within == trial.try_sandbox([])


def start_walled(
    command: list[str], channel: Path, handles: Collection[int], limits: room.Limits, options: Collection[str]
) -> tuple[subprocess.Popen, int]:
    """Start a command as the first process behind a wall of its own; it must begin with `bwrap_processes.shut_in`.

    It sees `channel`, which anybody may enter, read-only, and inherits the open files `handles`. `options` are those of
    `options()`. Returned are bubblewrap's process and the number of the other, which is the one to be killed: it can
    see to it that it outlives bubblewrap. Raises `GradingFailed`.
    """
    words = _world(room.IN_MEMORY, [_SIZE, str(limits.disk_mb << 20)] if _SIZE in options else [])
    words += ["--unshare-all", "--unshare-user", "--as-pid-1", *_bind("--ro-bind", channel)]
    for name, text in room.ETC.items():
        (channel / name).write_text(text)
        (channel / name).chmod(0o644)
        words += ["--ro-bind", str(channel / name), f"/etc/{name}"]
    words += ["--remount-ro", "/"]
    told, tell = os.pipe()
    hold, go = os.pipe()
    words += ["--info-fd", str(tell)]
    if os.geteuid() == 0:  # bubblewrap knows one user only, so it waits until it is given the student's, too
        words += ["--userns-block-fd", str(hold), *_powers(_BECOMES_STUDENT)]
    else:
        words += ["--uid", str(room.USER), "--gid", str(room.USER)]
        words += [_DISABLE] if _DISABLE in options else []
    process = _popen([*words, "--", *command], [*handles, tell, hold])
    os.close(tell)
    os.close(hold)
    with open(told) as information, open(go, "wb", buffering=0) as gate:
        try:
            child = json.load(information)["child-pid"]
            if os.geteuid() == 0:
                room.map_ids(child)
                gate.write(b"!")
        except (OSError, ValueError) as problem:
            process.kill()
            process.wait()
            raise GradingFailed(f"A kernel could not be started in bubblewrap ({problem}).") from None
    return process, child


@cache
def options() -> tuple[str, ...] | None:
    """What `start` can make use of here, or None where it does not work at all: tried."""
    if program():
        for some in ((_DISABLE, _SIZE), (_SIZE,), (_DISABLE,), ()):
            if _works(some):
                return some
    return None


def _works(some: tuple[str, ...]) -> bool:
    with tempfile.TemporaryDirectory(prefix="grading-") as name:
        Path(name).chmod(0o755)
        handle = os.open(name, os.O_PATH)
        # As the student's user, from Python's folders.
        code = "from course_utils.grading.sandbox import bwrap_processes, room; "
        code += f"bwrap_processes.shut_in({handle}, room.Limits()); import zmq"
        try:
            process, _ = start_walled([sys.executable, "-I", "-c", code], Path(name), [handle], room.Limits(), some)
            os.close(os.pidfd_open(process.pid))  # which who watches needs, and Linux has since 5.3
            return process.wait(trial.PATIENCE) == 0
        except (GradingFailed, OSError):
            return False
        except subprocess.TimeoutExpired:
            process.kill()
            return False
        finally:
            os.close(handle)


def _world(in_memory: Iterable[Path], size: list[str]) -> list[str]:
    """Bubblewrap with a sandbox's file system; `size` stands before each folder that lies in memory."""
    words = [program(), "--die-with-parent", "--new-session", "--dev", "/dev", "--remount-ro", "/dev"]
    for folder in in_memory:
        words += [*_way_to(folder), *size, "--tmpfs", str(folder)]
    for path in (*room.folders_shown(), *room.real_etc()):
        words += _bind("--ro-bind", path)
    for path, target in room.links().items():
        words += ["--symlink", target, str(path)]
    return [*words, "--proc", "/proc"]


def _bind(how: str, path: Path) -> list[str]:
    return [*_way_to(path), how, str(path), str(path)]


def _way_to(path: Path) -> list[str]:
    """Bubblewrap would close the folders on the way to all but their owner."""
    return [word for folder in reversed(path.parents[:-1]) for word in ("--dir", str(folder))]


def _powers(names: tuple[str, ...]) -> list[str]:
    return ["--cap-drop", "ALL", *(word for name in names for word in ("--cap-add", name))]


def _popen(words: list[str], handles: Collection[int]) -> subprocess.Popen:
    return subprocess.Popen(
        words,
        pass_fds=handles,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=room.student_environment(),
        start_new_session=True,
    )
