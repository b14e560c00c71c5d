"""Jupyter's way of starting kernels for submissions where only bubblewrap can isolate them.

Each is a fresh process: nothing is imported before, so what imports TensorFlow takes longer than with `provisioner`.
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
from contextlib import ExitStack, closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from jupyter_client.provisioning import KernelProvisionerBase, LocalProvisioner

from . import available, bwrap, bwrap_processes
from .channel import PORTS, ChannelProvisioner


class BubblewrapProvisioner(ChannelProvisioner, LocalProvisioner):
    """Starts a kernel in bubblewrap, with a copy of the working directory as all that it can write.

    The process that Jupyter knows is the one that watches over the kernel; interrupts are left to Jupyter's messages.
    """

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        available.must_have(available.BUBBLEWRAP)
        self.folder = Path(tempfile.mkdtemp(prefix="grading-"))
        self._channel = self.open_channel(self.folder, 0o755)
        return await KernelProvisionerBase.pre_launch(self, cmd=[], **kwargs)

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> dict[str, Any]:
        with ExitStack() as opened:
            submission = os.open(kwargs.get("cwd") or os.getcwd(), os.O_PATH)
            opened.callback(os.close, submission)
            listening = {}
            for number in range(1, len(PORTS) + 1):
                path = f"{self.connection_info['ip']}-{number}"
                made = opened.enter_context(closing(socket.socket(socket.AF_UNIX)))
                made.bind(path)
                made.listen()
                made.setblocking(False)  # as ZeroMQ's own
                listening[path] = made.fileno()
            request = {
                "submission": submission,
                "listening": listening,
                "channel": str(self._channel),
                "limits": asdict(self.most()),
                "options": bwrap.options(),
            }
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-I",
                    "-m",
                    bwrap_processes.__name__,
                    bwrap_processes.watch.__name__,
                    json.dumps(request),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                env={"PATH": os.environ["PATH"]},
                pass_fds=[submission, *listening.values()],
                start_new_session=True,
            )
        self.pid = self.pgid = self.process.pid
        return self.connection_info

    async def kill(self, restart: bool = False) -> None:
        if self.process:
            self.process.stdin.close()  # who watches then kills the kernel, which could outlive its watcher

    async def terminate(self, restart: bool = False) -> None:
        await self.kill(restart)  # a student's code has nothing to save
