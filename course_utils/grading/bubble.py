"""The first process behind a wall that bubblewrap made: it shuts itself up for good, and becomes a student's kernel.

Run by `warden` as `python -m course_utils.grading.bubble REQUEST`. See `sandbox` for what it finds there.
"""

import json
import os
import sys
from contextlib import suppress
from pathlib import Path

from . import forkserver, kernel, sandbox


def shut_in(submission: int, limits: sandbox.Limits) -> None:
    """Take the submission in, from its open folder, which is closed; then limits, user and environment.

    Raises `OSError` where the kernel refuses something.
    """
    user = sandbox.student()
    sandbox.forbid_namespaces()
    with suppress(PermissionError):  # only root may, and only root has to
        os.setgroups([])
    for folder in sandbox.IN_MEMORY:
        folder.chmod(0o1777)
    sandbox.copy(submission, sandbox.WORK, user)
    os.environ |= forkserver.SINGLE_THREADED
    import numpy  # noqa: F401 - with as many threads as in the kernels that are forked

    sandbox.settle(limits, user)


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


def main() -> None:
    request = json.loads(sys.argv[1])
    shut_in(request["submission"], sandbox.Limits(**request["limits"]))
    _use(request["listening"])
    kernel.run(Path(request["channel"]))


if __name__ == "__main__":
    main()
