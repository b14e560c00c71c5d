"""The two processes of a kernel behind bubblewrap's wall, each run as `python -m` with its part and a request in JSON.

`watch` stands outside, with standard input held open, and ends the kernel when its time is over, or the grader lets go
of it or is gone. `be_kernel` is the first process inside: it shuts itself up for good, and becomes the student's
kernel. See `room` for what it finds there.
"""

import json
import os
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path

from . import bwrap, forkserver, kernel, room


def watch(told: str) -> int:
    """Start the kernel, wait, and return bubblewrap's exit status."""
    request = json.loads(told)
    limits = room.Limits(**request["limits"])
    handles = [request["submission"], *request["listening"].values()]
    command = [sys.executable, "-I", "-m", __spec__.name, be_kernel.__name__, told]
    process, inside = bwrap.start_walled(command, Path(request["channel"]), handles, limits, request["options"])
    for handle in handles:
        os.close(handle)
    with suppress(ProcessLookupError):
        ended = os.pidfd_open(inside)
        select.select([ended, sys.stdin], [], [], limits.wall_seconds)
        signal.pidfd_send_signal(ended, signal.SIGKILL)
    return process.wait()


def be_kernel(told: str) -> None:
    """Shut this process in, and be the kernel."""
    request = json.loads(told)
    shut_in(request["submission"], room.Limits(**request["limits"]))
    _use(request["listening"])
    kernel.run_kernel(Path(request["channel"]))


def shut_in(submission: int, limits: room.Limits) -> None:
    """Take the submission in, from its open folder, which is closed; then limits, user and environment.

    Raises `OSError` where the kernel refuses something.
    """
    user = room.student()
    room.forbid_namespaces()
    with suppress(PermissionError):  # only root may, and only root has to
        os.setgroups([])
    for folder in room.IN_MEMORY:
        folder.chmod(0o1777)
    room.copy(submission, room.WORK, user)
    os.environ |= forkserver.SINGLE_THREADED
    import numpy  # noqa: F401 - with as many threads as in the kernels that are forked

    room.settle(limits, user)


def _use(listening: dict[str, int]) -> None:
    """Have ZeroMQ take sockets that were opened outside, by their paths: nothing can be written where they are."""
    import zmq

    bind = zmq.Socket.bind

    def take(socket: zmq.Socket, address: str):
        handle = listening.pop(address.removeprefix("ipc://"), None)
        if handle is not None:
            socket.setsockopt(zmq.USE_FD, handle)
        return bind(socket, address)

    zmq.Socket.bind = take


if __name__ == "__main__":
    sys.exit({part.__name__: part for part in (watch, be_kernel)}[sys.argv[1]](sys.argv[2]))
