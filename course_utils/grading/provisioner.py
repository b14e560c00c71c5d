"""Jupyter's way of starting kernels, for submissions: each is forked from one server and shut up in a sandbox.

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

from jupyter_client.provisioning import KernelProvisionerBase
from traitlets import Dict

from ..errors import GradingFailed
from . import forkserver, isolation, sandbox

_START = 120  # seconds that a machine may take for the server's imports


class _Server:
    """One server for each process that grades, started when the first kernel is wanted."""

    def __init__(self):
        self.folder = Path(tempfile.mkdtemp(prefix="grading-"))
        self.socket = self.folder / "server"
        environment = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
        self.process = subprocess.Popen(
            [sys.executable, "-I", "-m", forkserver.__name__, str(self.socket)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=environment | forkserver.SINGLE_THREADED | {"TF_CPP_MIN_LOG_LEVEL": "3"},
            start_new_session=True,
        )

    def connect(self) -> socket.socket:
        """A connection for one kernel, once the server listens."""
        deadline = time.monotonic() + _START
        while time.monotonic() < deadline and self.process.poll() is None:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(str(self.socket))
                return connection
            except OSError:
                connection.close()
                time.sleep(0.05)
        raise GradingFailed("The server of the grading kernels did not start: run `course doctor`.")

    def stop(self) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


_server: _Server | None = None


def _serving() -> _Server:
    global _server
    if _server is None or _server.process.poll() is not None:
        lacking = isolation.missing()
        if lacking:
            raise isolation.NoSandbox(lacking)
        _server = _Server()
        atexit.register(_server.stop)
    return _server


class SandboxProvisioner(KernelProvisionerBase):
    """Starts a kernel in a sandbox of its own, with a copy of the working directory as all that it can write."""

    limits = Dict(help="What a submission may use: see sandbox.Limits.").tag(config=True)

    _connection: socket.socket | None = None
    _heard = b""
    ended: dict[str, Any] | None = None  # how the kernel ended, once it has

    @property
    def has_process(self) -> bool:
        return self._connection is not None

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        manager = self.parent
        self._folder = Path(tempfile.mkdtemp(prefix="kernel-"))  # closed to all other users of the machine
        self._channel = self._folder / "c"
        self._channel.mkdir()
        self._channel.chmod(0o777)  # the student's user makes the sockets
        manager.transport = "ipc"
        manager.ip = str(self._channel / "s")
        manager.connection_file = str(self._channel / "kernel.json")
        for number, port in enumerate(("shell_port", "iopub_port", "stdin_port", "hb_port", "control_port"), 1):
            setattr(manager, port, number)
        manager.write_connection_file()
        Path(manager.connection_file).chmod(0o644)
        self.connection_info = manager.get_connection_info()
        return await super().pre_launch(cmd=[], **kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        self.ended, self._heard = None, b""
        self._connection = await asyncio.to_thread(_serving().connect)
        request = {
            "submission": os.path.abspath(kwargs.get("cwd") or os.getcwd()),
            "channel": str(self._channel),
            "limits": asdict(sandbox.Limits(**self.limits)),
            "arguments": ["--HistoryManager.hist_file=:memory:", "--IPKernelApp.log_level=50"],
        }
        self._connection.sendall(json.dumps(request).encode() + b"\n")
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
        if self._connection:
            self._connection.close()
            self._connection = None
        return code

    async def send_signal(self, signum: int) -> None:
        if self._connection and await self.poll() is None:
            self._connection.sendall(bytes([signum]))

    async def kill(self, restart: bool = False) -> None:
        await self.send_signal(signal.SIGKILL)

    async def terminate(self, restart: bool = False) -> None:
        await self.send_signal(signal.SIGKILL)  # a student's code has nothing to save

    async def cleanup(self, restart: bool = False) -> None:
        if not restart:
            shutil.rmtree(self._folder, ignore_errors=True)
