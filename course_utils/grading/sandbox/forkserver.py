"""The process that every submission's kernel is forked from: it has imported what takes long, and done nothing else.

Run as `python -m course_utils.grading.sandbox.forkserver SOCKET`, within bubblewrap where that works. Each connection
to the socket is one kernel, and ends with it: see `provisioner`. TensorFlow works in a forked child as long as its
parent only imported it and has one thread, which is asserted before every fork.
"""

import gc
import importlib
import json
import os
import random
import select
import signal
import socket
import sys
import time
from contextlib import suppress
from pathlib import Path

from ...errors import NoSandbox
from . import kernel, syscalls
from .room import Limits, enter, leave_the_rest, let_leave

PRELOADED = (
    "numpy",
    "scipy.stats",
    "sklearn.linear_model",
    "matplotlib.pyplot",
    "matplotlib_inline.backend_inline",
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "tensorflow",
    "keras",
    "course_utils.lesson",
)
# Threads of libraries must not start before the fork; the children get theirs back where it matters.
SINGLE_THREADED = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
LONGEST_REQUEST = 16384  # bytes; a request comes in one piece, as Linux cuts up only what is longer than 32 KB


def serve(path: Path) -> None:
    """Import, listen on a Unix socket, and fork a kernel for each connection, until standard input is closed."""
    for name in PRELOADED:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # or the children's collector would touch, and so copy, every page
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for the children: the kernel takes them away
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen(64)
        while True:
            ready, _, _ = select.select([listening, sys.stdin], [], [])
            if sys.stdin in ready:  # its owner has gone
                return
            connection, _ = listening.accept()
            with connection:
                _start(connection, listening)


def _start(connection: socket.socket, listening: socket.socket) -> None:
    """Fork the process that watches over one kernel."""
    if syscalls.threads() != 1:
        connection.sendall(b'{"error": "the server has threads, so no kernel can be forked from it"}\n')
        return
    here, there = socket.socketpair()
    child = os.fork()
    if child:
        there.close()
        with here:
            let_leave(child, here)
        return
    status = 1
    try:
        listening.close()
        here.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        _watch(connection, there)
        status = 0
    except Exception as problem:
        with suppress(OSError):
            connection.sendall(json.dumps({"error": f"{type(problem).__name__}: {problem}"}).encode() + b"\n")
    finally:
        os._exit(status)


def _watch(connection: socket.socket, allow: socket.socket) -> None:
    """Start the kernel in its namespaces, pass signals on to it, and tell how it ended.

    The connection carries the request, in JSON and with the submission's open folder, and after it one byte for each
    signal; back come lines of JSON: that the kernel is ready, and how it ended.
    """
    told, (submission,), _, _ = socket.recv_fds(connection, LONGEST_REQUEST, 1)
    request = json.loads(told)
    limits = Limits(**request["limits"])
    leave_the_rest(allow)
    allow.close()
    child = os.fork()
    if not child:
        connection.close()
        _run_kernel(submission, Path(request["channel"]), limits)
    os.close(submission)
    ended = os.pidfd_open(child)
    _seal_when_ready(Path(request["channel"]), ended)
    connection.sendall(b'{"started": true}\n')
    deadline, killed, out_of_time = time.monotonic() + limits.wall_seconds, False, False
    while not killed:
        ready, _, _ = select.select([ended, connection], [], [], max(deadline - time.monotonic(), 0))
        if ended in ready:
            break
        out_of_time = connection not in ready
        asked = b"" if out_of_time else connection.recv(4096)  # one byte for each signal
        for number in asked or [signal.SIGKILL]:  # out of time, or nobody is there any more
            os.kill(child, number)
            killed = killed or number == signal.SIGKILL
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    with suppress(OSError):
        connection.sendall(json.dumps({"ended": code, "out of time": out_of_time}).encode() + b"\n")


def _seal_when_ready(channel: Path, ended: int) -> None:
    """Wait for the kernel's sockets, then let nothing more be written where they are: no student's code has run yet."""
    for _ in range(3000):
        if select.select([ended], [], [], 0.01)[0]:
            raise NoSandbox("the kernel ended before it was ready")
        with suppress(OSError):
            if sum(path.is_socket() for path in channel.iterdir()) == 5:
                return syscalls.seal(channel)
    raise NoSandbox("the kernel was not ready within 30 seconds")


def _run_kernel(submission: int, channel: Path, limits: Limits) -> None:
    """Become the student's kernel; never returns."""
    try:
        os.setsid()
        nowhere = os.open("/dev/null", os.O_RDWR)
        for handle in (0, 1, 2):
            os.dup2(nowhere, handle)
        enter(submission, channel, limits)
        random.seed()
        sys.modules["numpy"].random.seed()
        kernel.run_kernel(channel)
    finally:
        os._exit(0)


if __name__ == "__main__":
    serve(Path(sys.argv[1]))
