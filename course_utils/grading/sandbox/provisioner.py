"""Jupyter's way of starting kernels, for submissions: each is forked from one server and shut up in a sandbox.

The server itself runs in bubblewrap where that is installed: what breaks out of a sandbox finds itself in another one.

Named in a kernelspec, so whatever starts that kernel takes this way: `nbgrader autograde`, Formgrader and `course`.
"""

import asyncio
import atexit
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ...errors import GradingFailed
from . import available, bwrap, forkserver
from .channel import ChannelProvisioner

_START = 120  # seconds that a machine may take for the server's imports


SHARED = "COURSE_KERNEL_SERVER"  # in the environment of a worker: the folder of the server that it may use


class _Shared:
    """A server that another process has started, for all its workers, and will end."""

    def __init__(self, folder: Path):
        self.folder, self.socket = folder, folder / "server"

    def is_alive(self) -> bool:
        return self.folder.is_dir()

    def connect(self) -> socket.socket:
        """A connection for one kernel, once the server listens."""
        deadline = time.monotonic() + _START
        while time.monotonic() < deadline and self.is_alive():
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(self.socket))
                return connection
            except OSError:
                connection.close()
                time.sleep(0.05)
        raise GradingFailed("The server of the grading kernels did not start: run `course doctor`.")


class _Server(_Shared):
    """One server for each process that grades, and for its workers."""

    def __init__(self):
        super().__init__(Path(tempfile.mkdtemp(prefix="grading-")))  # closed to all other users of the machine
        # Bubblewrap, and with it the server, ends with the thread that starts it: with one that lasts, then.
        wall = bwrap.around_server(self.folder) if bwrap.surrounds() else []
        environment = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
        self.process = subprocess.Popen(
            [*wall, sys.executable, "-I", "-m", forkserver.__name__, str(self.socket)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=environment | forkserver.SINGLE_THREADED | {"TF_CPP_MIN_LOG_LEVEL": "3"},
            start_new_session=True,
        )

    def is_alive(self) -> bool:
        return self.process.poll() is None

    def stop(self) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


_server: _Shared | None = None


def serving() -> _Shared:
    """The server of this process: started here, unless another process shares its own."""
    global _server
    if _server is None and SHARED in os.environ:
        _server = _Shared(Path(os.environ[SHARED]))
    if _server is None or not _server.is_alive():
        available.must_have(available.SANDBOX)
        _server = _Server()
        atexit.register(_server.stop)
    return _server


class SandboxProvisioner(ChannelProvisioner):
    """Starts a kernel in a sandbox of its own, with a copy of the working directory as all that it can write."""

    _connection: socket.socket | None = None
    _heard = b""
    ended: dict[str, Any] | None = None  # how the kernel ended, once it has

    @property
    def has_process(self) -> bool:
        return self._connection is not None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        self._server = serving()
        self.folder = self.open_channel(self._server.folder, 0o777)
        return await super().pre_launch(cmd=[], **kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        self.ended, self._heard = None, b""
        self._connection = await asyncio.to_thread(self._server.connect)
        request = json.dumps({"channel": str(self.folder), "limits": asdict(self.most())}).encode()
        submission = os.open(kwargs.get("cwd") or os.getcwd(), os.O_PATH)  # the server itself sees no such folder
        try:
            socket.send_fds(self._connection, [request], [submission])
        finally:
            os.close(submission)
        told = await asyncio.to_thread(self._hear)
        if "started" not in told:
            raise GradingFailed(f"A kernel could not be started ({told.get('error', 'no reason given')}).")
        self._connection.setblocking(False)
        return self.connection_info

    def _hear(self) -> dict[str, Any]:
        """The next thing that the kernel's watcher says; it has gone where that is nothing."""
        while b"\n" not in self._heard:
            part = self._connection.recv(4096)
            if not part:
                return {"ended": -signal.SIGKILL}
            self._heard += part
        line, _, self._heard = self._heard.partition(b"\n")
        return json.loads(line)

    async def poll(self) -> int | None:
        if self._connection is None:
            return 0
        if self.ended is None:
            try:
                self.ended = self._hear()
            except BlockingIOError:
                return None
            except OSError:
                self.ended = {"ended": -signal.SIGKILL}
        return self.ended.get("ended", 1)

    async def wait(self) -> int | None:
        while (code := await self.poll()) is None:
            await asyncio.sleep(0.02)
        self._let_go()
        return code

    def _let_go(self) -> None:
        if self._connection:
            self._connection.close()
            self._connection = None

    async def cleanup(self, restart: bool = False) -> None:
        self._let_go()  # also where the kernel ended by itself, and nobody waited for it
        await super().cleanup(restart)

    async def send_signal(self, signum: int) -> None:
        if self._connection and await self.poll() is None:
            self._connection.sendall(bytes([signum]))

    async def kill(self, restart: bool = False) -> None:
        await self.send_signal(signal.SIGKILL)

    async def terminate(self, restart: bool = False) -> None:
        await self.send_signal(signal.SIGKILL)  # a student's code has nothing to save
