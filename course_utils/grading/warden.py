"""Stands outside the wall around one kernel, and ends it when its time is over, or the grader lets go of it or is gone.

Run by `bubble_provisioner` as `python -m course_utils.grading.warden REQUEST`, with standard input held open.
"""

import json
import os
import select
import signal
import sys
from contextlib import suppress
from pathlib import Path

from . import bubble, bubblewrap, sandbox


def main() -> int:
    """Start the kernel, wait, and return bubblewrap's exit status."""
    request = json.loads(sys.argv[1])
    limits = sandbox.Limits(**request["limits"])
    handles = [request["submission"], *request["listening"].values()]
    command = [sys.executable, "-I", "-m", bubble.__name__, sys.argv[1]]
    process, kernel = bubblewrap.start(command, Path(request["channel"]), handles, limits, request["options"])
    for handle in handles:
        os.close(handle)
    with suppress(ProcessLookupError):
        ended = os.pidfd_open(kernel)
        select.select([ended, sys.stdin], [], [], limits.wall_seconds)
        signal.pidfd_send_signal(ended, signal.SIGKILL)
    return process.wait()


if __name__ == "__main__":
    sys.exit(main())
