"""The system calls behind the sandbox that Python does not have: mounts, namespaces, capabilities. Linux only."""

import ctypes
import os
from pathlib import Path

# <linux/sched.h>: mounts, host names, System V's messages, users, processes, network
ALL_NAMESPACES = 0x00020000 | 0x04000000 | 0x08000000 | 0x10000000 | 0x20000000 | 0x40000000
READ_ONLY, _MS_NOSUID, _MS_NODEV, _MS_NOEXEC = 1, 2, 4, 8  # <sys/mount.h>
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18
_MNT_DETACH = 2
_AT_FDCWD, _AT_RECURSIVE, _ATTR_RDONLY, _ATTR_NOSUID = -100, 0x8000, 1, 2
_SYS_PIVOT_ROOT, _SYS_CAPSET, _SYS_MOUNT_SETATTR = {
    "x86_64": (155, 126, 442),
    "aarch64": (41, 91, 442),
}.get(os.uname().machine, (None, None, None))
_PR_CAPBSET_DROP, _PR_SET_NO_NEW_PRIVS = 24, 38
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4

_libc = ctypes.CDLL(None, use_errno=True)


def _call(function, *arguments) -> int:
    """Call a function of the C library, and raise `OSError` where it returns -1."""
    result = function(*arguments)
    if result == -1:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), getattr(function, "__name__", "system call"))
    return result


def unshare(flags: int) -> None:
    """Move this process (its children, for process ids) into new namespaces: unshare(2)."""
    _call(_libc.unshare, flags)


def mount(source: str, target: Path, kind: str | None, flags: int = 0, options: str = "") -> None:
    """mount(2)."""
    kind = kind and kind.encode()
    _call(_libc.mount, source.encode(), os.fsencode(target), kind, ctypes.c_ulong(flags), options.encode())


def make_private() -> None:
    """Nothing that is mounted from here on shows outside this mount namespace."""
    mount("none", Path("/"), None, _MS_REC | _MS_PRIVATE)


def tmpfs(target: Path, megabytes: int, mode: str = "755") -> None:
    """Mount an empty file system in memory."""
    mount("tmpfs", target, "tmpfs", _MS_NOSUID | _MS_NODEV, f"size={megabytes}m,mode={mode}")


def terminals(target: Path) -> None:
    """Mount pseudo-terminals that nobody else has."""
    mount("devpts", target, "devpts", _MS_NOSUID | _MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0600")


def bind(source: Path, target: Path, read_only: bool = True) -> None:
    """Show a file or folder, and what is mounted below it, in a second place; mount_setattr(2) makes it read-only."""
    mount(os.fspath(source), target, None, _MS_BIND | _MS_REC)
    attributes = (ctypes.c_uint64 * 4)(_ATTR_NOSUID | (_ATTR_RDONLY if read_only else 0), 0, 0, 0)
    path = os.fsencode(target)
    _call(_libc.syscall, _SYS_MOUNT_SETATTR, _AT_FDCWD, path, _AT_RECURSIVE, attributes, ctypes.sizeof(attributes))


def seal(mounted: Path) -> None:
    """Make a mount read-only, and none of those below it. Sockets in it can still be connected to."""
    attributes = (ctypes.c_uint64 * 4)(_ATTR_RDONLY, 0, 0, 0)
    _call(_libc.syscall, _SYS_MOUNT_SETATTR, _AT_FDCWD, os.fsencode(mounted), 0, attributes, ctypes.sizeof(attributes))


def pivot_root(root: Path) -> None:
    """Make `root` this process's "/", and let go of the old one: pivot_root(2) with both in the same place."""
    os.chdir(root)
    _call(_libc.syscall, _SYS_PIVOT_ROOT, b".", b".")
    _call(_libc.umount2, b".", _MNT_DETACH)
    os.chdir("/")


def forbid_privileges() -> None:
    """No later program, and no change of user, can gain a capability again: prctl(2)."""
    for capability in range(64):
        if _libc.prctl(_PR_CAPBSET_DROP, capability, 0, 0, 0) == -1:
            break  # the kernel has no more of them
    _call(_libc.prctl, _PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    _call(_libc.prctl, _PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


def drop_capabilities() -> None:
    """Give up every capability that this process still has: capset(2)."""
    header, none = (ctypes.c_uint32 * 2)(0x20080522, 0), (ctypes.c_uint32 * 6)()  # version 3, this process
    _call(_libc.syscall, _SYS_CAPSET, header, none)


def threads() -> int:
    """How many threads this process has."""
    return len(os.listdir("/proc/self/task"))
