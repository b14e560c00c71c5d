"""A place of its own for one student's code: namespaces, a root file system of what it needs, limits, no privileges.

Linux 5.12 or later with user namespaces. The student's process sees read-only copies of the system's and Python's
folders, its own copy of the submission, and nothing else: no network, no other process, no other file.
"""

import os
import resource
import shutil
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from . import linux
from .isolation import NoSandbox

HOME = Path("/student")
WORK = HOME / "work"  # the submission's copy, and where its code runs
USER = 1000  # the student's user and group inside
_NOBODY = 65534  # what that is outside, where root grades: no file of this machine belongs to it
_PACKAGE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True)
class Limits:
    """What one submission may use, all its processes together where the kernel counts so."""

    memory_mb: int = 6144  # of address space for each process: TensorFlow alone maps 3 GB and touches 0.5
    cpu_seconds: int = 600  # for each process
    wall_seconds: int = 900  # for the whole submission
    processes: int = 128 + 4 * (os.cpu_count() or 1)  # with threads: TensorFlow starts some for each core
    disk_mb: int = 512  # each of /tmp and the home folder; it is memory, too
    file_mb: int = 256


def leave_the_rest(allow: socket.socket) -> None:
    """Move this process into namespaces of its own; its next child will be the first process of its own ids.

    `allow` is a connection to a process outside, which answers `map_ids` to the one byte sent.
    """
    if os.geteuid() == 0:
        with suppress(PermissionError):  # not allowed, and not needed, for root within a container without it
            os.setgroups([])
    linux.unshare(linux.ALL_NAMESPACES)
    allow.sendall(b"?")
    if allow.recv(1) != b"!":
        raise NoSandbox("The process outside did not give the sandbox a user of its own.")


def map_ids(process: int) -> None:
    """Tell the kernel, from outside, who the users in another process's namespace are."""
    folder, user, group = Path(f"/proc/{process}"), os.geteuid(), os.getegid()
    if user:
        (folder / "setgroups").write_text("deny")
        users, groups = f"{USER} {user} 1\n", f"{USER} {group} 1\n"
    else:  # root as well, to build the sandbox; the student will be nobody
        users = groups = f"0 0 1\n{USER} {_NOBODY} 1\n"
    try:
        (folder / "uid_map").write_text(users)
    except OSError:  # a container's root that is the only user there is
        users = groups = "0 0 1\n"
        (folder / "uid_map").write_text(users)
    (folder / "gid_map").write_text(groups)


def _student() -> int:
    """The number of the student's user in this namespace: root's, without its powers, where there is no other."""
    known = [int(line.split()[0]) for line in Path("/proc/self/uid_map").read_text().splitlines()]
    return USER if USER in known else os.geteuid()


_LINKED = tuple(Path("/", name) for name in ("bin", "sbin", "lib", "lib32", "lib64"))  # links into /usr, or folders
_DEVICES = ("null", "zero", "full", "random", "urandom")


def _shown() -> list[Path]:
    """The folders that Python and its libraries need, none of them inside another."""
    folders = {Path("/usr"), Path(sys.base_prefix), Path(sys.prefix), _PACKAGE}
    folders |= {path for path in _LINKED if path.is_dir() and not path.is_symlink()}
    return sorted(p for p in folders if not any(p != other and p.is_relative_to(other) for other in folders))


def _etc() -> dict[str, bytes]:
    """The files of /etc: the loader's list of libraries and the time zone as they are, the others made up."""
    texts = {
        "passwd": f"student:x:{USER}:{USER}::{HOME}:/bin/false\n".encode(),
        "group": f"student:x:{USER}:\n".encode(),
        "hosts": b"127.0.0.1 localhost\n",
    }
    real = [Path("/etc", name) for name in ("ld.so.cache", "localtime") if Path("/etc", name).is_file()]
    return texts | {path.name: path.read_bytes() for path in real}


def _build(root: Path, submission: Path, channel: Path, limits: Limits) -> None:
    """Put the student's file system together on a new file system in memory, mounted over `root`."""
    devices = {Path("/dev", name) for name in _DEVICES}
    links = {path: os.readlink(path) for path in _LINKED if path.is_symlink()}
    etc, user = _etc(), _student()
    # Opened first, as the new file system may hide them: these names still lead to what was opened.
    opened = {path: os.open(path, os.O_PATH) for path in (*_shown(), *devices, submission, channel)}
    real = {path: Path("/proc/self/fd", str(handle)) for path, handle in opened.items()}

    def place(path: Path) -> Path:
        there = root / path.relative_to("/")
        there.parent.mkdir(parents=True, exist_ok=True)
        return there

    linux.tmpfs(root, 16)
    for folder in (Path("/tmp"), Path("/dev/shm"), HOME):
        place(folder).mkdir(parents=True)
        linux.tmpfs(place(folder), limits.disk_mb, "1777")
    place(Path("/proc")).mkdir()
    for path, target in links.items():
        place(path).symlink_to(target)
    for name, text in etc.items():
        place(Path("/etc", name)).write_bytes(text)
    for path in devices:
        place(path).touch()
        linux.bind(real[path], place(path), read_only=False)
    for path in (*_shown(), channel):
        place(path).mkdir(parents=True, exist_ok=True)
        linux.bind(real[path], place(path), read_only=path != channel)
    shutil.copytree(real[submission], place(WORK), symlinks=True, ignore=_not_copied)
    for path in (place(WORK), *place(WORK).rglob("*")):
        os.chown(path, user, user, follow_symlinks=False)
    for handle in opened.values():
        os.close(handle)


def _not_copied(folder: str, names: list[str]) -> list[str]:
    """Notebooks, as the one that is graded holds its hidden tests, and whatever is no file, folder or link."""
    entries = {entry.name: entry for entry in os.scandir(folder)}
    return [
        name
        for name in names
        if name.endswith(".ipynb")
        or name == ".ipynb_checkpoints"
        or not (entries[name].is_symlink() or entries[name].is_file() or entries[name].is_dir())
    ]


def _mount_proc(target: Path) -> None:
    """A list of this namespace's own processes; where the kernel allows none, as in some containers, it stays empty."""
    for options in ("", "subset=pid"):
        try:
            linux.mount("proc", target, "proc", options=options)
        except OSError:
            continue
        with suppress(OSError):  # no further namespaces: less of the kernel to attack
            (target / "sys/user/max_user_namespaces").write_text("0")
        for name in ("sys", "sysrq-trigger", "irq", "bus"):  # the machine's settings, which root may write
            with suppress(OSError):
                linux.bind(target / name, target / name)
        return


def enter(submission: Path, channel: Path, limits: Limits) -> None:
    """Shut this process, the first of its namespaces, up for good: file system, limits, privileges.

    `submission` is copied, without its notebooks, to `WORK`, which becomes the working directory; `channel` is the
    folder of the kernel's sockets. Raises `OSError` where the kernel refuses something.
    """
    root, user = Path("/tmp"), _student()  # any folder will do: outside, nothing changes
    linux.make_private()
    _build(root, submission, channel, limits)
    _mount_proc(root / "proc")
    linux.pivot_root(root)
    linux.seal(Path("/"))
    for what, most in (
        (resource.RLIMIT_AS, limits.memory_mb << 20),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_FSIZE, limits.file_mb << 20),
        (resource.RLIMIT_NPROC, limits.processes),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    linux.forbid_privileges()
    if os.geteuid() != user:
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    linux.drop_capabilities()
    os.environ.clear()
    os.environ.update(_environment())
    os.chdir(WORK)


def _environment() -> dict[str, str]:
    """All that a submission's process finds in its environment."""
    return {
        "HOME": str(HOME),
        "USER": "student",
        "LANG": "C.UTF-8",
        "PATH": os.pathsep.join((str(Path(sys.prefix) / "bin"), "/usr/local/bin", "/usr/bin", "/bin")),
        "TMPDIR": "/tmp",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "NBGRADER_EXECUTION": "autograde",
    }
