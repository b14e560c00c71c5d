"""A place of its own for one student's code: namespaces, a root file system of what it needs, limits, no privileges.

Linux 5.12 or later with user namespaces. The student's process sees read-only copies of the system's and Python's
folders, its own copy of the submission, and nothing else: no network, no other process, no other file. `bubblewrap`
puts together the same place where that program makes the namespaces.
"""

import os
import resource
import shutil
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ...errors import NoSandbox
from ...root import PACKAGE
from . import syscalls

HOME = Path("/student")
WORK = HOME / "work"  # the submission's copy, and where its code runs
IN_MEMORY = (Path("/tmp"), Path("/dev/shm"), HOME)  # all that a student can write to
USER = 1000  # the student's user and group inside
_NOBODY = 65534  # what that is outside, where root grades: no file of this machine belongs to it


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

    `allow` is a connection to a process outside, which calls `let_leave`.
    """
    if os.geteuid() == 0:
        with suppress(PermissionError):  # not allowed, and not needed, for root within a container without it
            os.setgroups([])
    syscalls.unshare(syscalls.ALL_NAMESPACES)
    allow.sendall(b"?")
    if allow.recv(1) != b"!":
        raise NoSandbox("The process outside did not give the sandbox a user of its own.")


def let_leave(process: int, asked: socket.socket) -> None:
    """Give a process that calls `leave_the_rest` its users; where that fails, it hears nothing and gives up."""
    with suppress(OSError):
        if asked.recv(1) == b"?":
            map_ids(process)
            asked.sendall(b"!")


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


def forbid_namespaces() -> None:
    """Let no process of this user namespace make another one: there is less of the kernel to attack.

    Where the machine's settings are read-only, as in some containers, nothing is changed.
    """
    with suppress(OSError):
        Path("/proc/sys/user/max_user_namespaces").write_text("0")


def student() -> int:
    """The number of the student's user in this namespace: root's, without its powers, where there is no other."""
    known = [int(line.split()[0]) for line in Path("/proc/self/uid_map").read_text().splitlines()]
    return USER if USER in known else os.geteuid()


_LINKED = tuple(Path("/", name) for name in ("bin", "sbin", "lib", "lib32", "lib64"))  # links into /usr, or folders
DEVICES = tuple(Path("/dev", name) for name in ("null", "zero", "full", "random", "urandom"))
_TERMINALS = Path("/dev/pts")  # where IPython runs the shell commands of a notebook
ETC = {  # the files of /etc that are made up
    "passwd": f"student:x:{USER}:{USER}::{HOME}:/bin/false\n",
    "group": f"student:x:{USER}:\n",
    "hosts": "127.0.0.1 localhost\n",
}


def real_etc() -> list[Path]:
    """The files of /etc that are shown as they are: the loader's list of libraries, and the time zone."""
    return [path for path in (Path("/etc/ld.so.cache"), Path("/etc/localtime")) if path.is_file()]


def links() -> dict[Path, str]:
    """The links of the root folder by where they stand, with where they lead."""
    return {path: os.readlink(path) for path in _LINKED if path.is_symlink()}


def folders_shown() -> list[Path]:
    """The folders that Python and its libraries need, none of them inside another."""
    folders = {Path("/usr"), Path(sys.base_prefix), Path(sys.prefix), PACKAGE}
    folders |= {path for path in _LINKED if path.is_dir() and not path.is_symlink()}
    return sorted(p for p in folders if not any(p != other and p.is_relative_to(other) for other in folders))


def _build(root: Path, submission: int, channel: Path, limits: Limits, user: int) -> None:
    """Put the student's file system together on a new file system in memory, mounted over `root`."""
    linked = links()
    etc = {path.name: path.read_bytes() for path in real_etc()} | {name: text.encode() for name, text in ETC.items()}
    # Opened first, as the new file system may hide them: these names still lead to what was opened.
    opened = {path: os.open(path, os.O_PATH) for path in (*folders_shown(), *DEVICES, channel)}
    real = {path: Path("/proc/self/fd", str(handle)) for path, handle in opened.items()}

    def place(path: Path) -> Path:
        there = root / path.relative_to("/")
        there.parent.mkdir(parents=True, exist_ok=True)
        return there

    syscalls.tmpfs(root, 16)
    for folder in IN_MEMORY:
        place(folder).mkdir(parents=True)
        syscalls.tmpfs(place(folder), limits.disk_mb, "1777")
    place(Path("/proc")).mkdir()
    for path, target in linked.items():
        place(path).symlink_to(target)
    for name, text in etc.items():
        place(Path("/etc", name)).write_bytes(text)
    for path in DEVICES:
        place(path).touch()
        syscalls.bind(real[path], place(path), read_only=False)
    with suppress(OSError):  # without, shell commands of a notebook say that they do not run
        place(_TERMINALS).mkdir()
        syscalls.terminals(place(_TERMINALS))
        place(Path("/dev/ptmx")).symlink_to("pts/ptmx")
    for path in (*folders_shown(), channel):
        place(path).mkdir(parents=True, exist_ok=True)
        syscalls.bind(real[path], place(path), read_only=path != channel)
    copy(submission, place(WORK), user)
    for handle in opened.values():
        os.close(handle)


def copy(submission: int, work: Path, user: int) -> None:
    """Copy the submission's folder, an open one, to the new folder `work` of a user, and close it.

    It may lie where this process sees nothing, and must not stay open: other folders can be reached from it.
    """
    shutil.copytree(Path("/proc/self/fd", str(submission)), work, symlinks=True, ignore=_not_copied)
    os.close(submission)
    for path in reversed([work, *work.rglob("*")]):  # a folder after what is in it, as it may be closed to others
        os.chown(path, user, user, follow_symlinks=False)


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
    """A list of this namespace's own processes; where the kernel allows none, as in some containers, it stays empty.

    Read-only, as the machine's settings are there, too, and root may write them.
    """
    for options in ("", "subset=pid"):
        with suppress(OSError):
            return syscalls.mount("proc", target, "proc", syscalls.READ_ONLY, options)


def enter(submission: int, channel: Path, limits: Limits) -> None:
    """Shut this process, the first of its namespaces, up for good: file system, limits, privileges.

    `submission` is its folder, an open one: it is copied, without its notebooks, to `WORK`, which becomes the working
    directory, and closed. `channel` is the folder of the kernel's sockets. Raises `OSError` where the kernel refuses
    something.
    """
    root, user = Path("/tmp"), student()  # any folder will do: outside, nothing changes
    forbid_namespaces()
    syscalls.make_private()
    _build(root, submission, channel, limits, user)
    _mount_proc(root / "proc")
    syscalls.pivot_root(root)
    syscalls.seal(Path("/"))
    settle(limits, user)


def settle(limits: Limits, user: int) -> None:
    """The last step, once the file system is there: limits, a user without privileges, and the environment."""
    for what, most in (
        (resource.RLIMIT_AS, limits.memory_mb << 20),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_FSIZE, limits.file_mb << 20),
        (resource.RLIMIT_NPROC, limits.processes),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    syscalls.forbid_privileges()
    if os.geteuid() != user:
        os.setresgid(user, user, user)
        os.setresuid(user, user, user)
    syscalls.drop_capabilities()
    os.environ.clear()
    os.environ.update(student_environment())
    os.chdir(WORK)


def student_environment() -> dict[str, str]:
    """All that a submission's process finds in its environment."""
    return {
        "HOME": str(HOME),
        "USER": "student",
        "LANG": "C.UTF-8",
        "PATH": os.pathsep.join((str(Path(sys.prefix) / "bin"), "/usr/local/bin", "/usr/bin", "/bin")),
        "TMPDIR": "/tmp",
        "PIP_NO_INDEX": "1",  # there is no network: it gives up at once
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "NBGRADER_EXECUTION": "autograde",
    }
