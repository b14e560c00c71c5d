"""A student's kernel, in a process that was shut up before: IPython's own, and nothing of a submission has run yet."""

import signal
import sys
from pathlib import Path

CONNECTION = "kernel.json"  # Jupyter's connection file, in the folder of the kernel's sockets


def run_kernel(channel: Path) -> None:
    """Be the kernel whose connection file lies in `channel`, until it is shut down."""
    from ipykernel.kernelapp import IPKernelApp  # where the server forks, it has imported this

    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.path.insert(0, "")  # modules that lie beside the notebook, as in any kernel
    app = IPKernelApp.instance()
    app.initialize(
        ["-f", str(channel / CONNECTION), "--HistoryManager.hist_file=:memory:", "--IPKernelApp.log_level=50"]
    )
    app.start()
