"""Whether this machine can isolate submissions. Importable everywhere, as `sandbox` itself is not."""

import os
import sys

from ..errors import GradingFailed


class NoSandbox(GradingFailed):
    """This machine cannot isolate submissions; the message says what is missing."""


def missing() -> str | None:
    """What this machine lacks, in one sentence, or None where submissions can be isolated: tried, not guessed."""
    if sys.platform != "linux":
        return "Submissions can be isolated on Linux only: grade in a Linux container."
    if tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2]) < (5, 12):
        return "Isolation needs Linux 5.12 or later: update the system."
    from . import linux

    child = os.fork()
    if not child:
        try:
            linux.unshare(linux.ALL_NAMESPACES)
            os._exit(0)
        except OSError:
            os._exit(1)
    if os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]):
        return (
            "This machine does not let its users make namespaces: set the kernel's user.max_user_namespaces above 0, "
            "or start the container with the right to make them."
        )
    return None
