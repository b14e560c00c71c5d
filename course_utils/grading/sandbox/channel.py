"""What all ways of starting a student's kernel share: its limits, and Unix sockets in a folder of its own."""

import shutil
import tempfile
from pathlib import Path

from jupyter_client.provisioning import KernelProvisionerBase
from traitlets import Dict

from . import kernel, room

PORTS = ("shell_port", "iopub_port", "stdin_port", "hb_port", "control_port")


class ChannelProvisioner(KernelProvisionerBase):
    """A kernel that is talked to over Unix sockets, as it has no network."""

    limits = Dict(help="What a submission may use: see sandbox.room.Limits.").tag(config=True)

    folder: Path | None = None  # goes with the kernel

    def open_channel(self, within: Path, mode: int) -> Path:
        """Make the folder of the kernel's sockets, and the connection file in it.

        `within` is closed to all other users of the machine, the folder is not: the student's user reads the file, or
        makes the sockets, too, as `mode` says.
        """
        manager = self.parent
        channel = Path(tempfile.mkdtemp(prefix="kernel-", dir=within))
        channel.chmod(mode)
        manager.transport = "ipc"
        manager.ip = str(channel / "s")
        manager.connection_file = str(channel / kernel.CONNECTION)
        for number, port in enumerate(PORTS, 1):
            setattr(manager, port, number)
        manager.write_connection_file()
        Path(manager.connection_file).chmod(0o644)
        self.connection_info = manager.get_connection_info()
        return channel

    def most(self) -> room.Limits:
        """The limits as configured."""
        return room.Limits(**self.limits)

    async def cleanup(self, restart: bool = False) -> None:
        if self.folder and not restart:
            shutil.rmtree(self.folder, ignore_errors=True)
