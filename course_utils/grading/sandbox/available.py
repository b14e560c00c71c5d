"""Whether and how this machine can isolate submissions. Importable everywhere, as `sandbox` itself is not."""

import os
import sys
from functools import cache

from ...errors import NoSandbox

# The kernelspecs: forked from a server, and the one where this machine lets none but bubblewrap make namespaces.
SANDBOX, BUBBLEWRAP = "course-sandbox", "course-bubblewrap"


def way() -> str | None:
    """The kernelspec that isolates submissions here, or None where none does."""
    return next((kernel for kernel in (SANDBOX, BUBBLEWRAP) if lacks(kernel) is None), None)


def missing() -> str | None:
    """What this machine lacks, in one sentence, or None where submissions can be isolated in one way or the other."""
    lacking = lacks(SANDBOX)
    if not lacking or not lacks(BUBBLEWRAP):
        return None
    if sys.platform == "linux" and not _bubblewrap().program():
        return lacking.removesuffix(".") + ", or install bubblewrap, which may be allowed to."
    return lacking


def must_have(kernel: str) -> None:
    """Raise `NoSandbox` where one of the two kernelspecs cannot be used."""
    if lacking := lacks(kernel):
        raise NoSandbox(lacking)


@cache
def lacks(kernel: str) -> str | None:
    """What this machine lacks for one of the two kernelspecs, in one sentence, or None: tried once, not guessed."""
    if sys.platform != "linux":
        return "Submissions can be isolated on Linux only: grade in a Linux container, as docs/container.md says."
    if kernel == BUBBLEWRAP:
        if _bubblewrap().options() is None:
            return "bubblewrap is not installed or may not make namespaces: install it, or grade on another machine."
        return None
    if tuple(int(part) for part in os.uname().release.split("-")[0].split(".")[:2]) < (5, 12):
        return "Isolation needs Linux 5.12 or later: update the system."
    from . import trial

    if trial.try_sandbox([]) is None:
        return (
            "This machine does not let its users make namespaces: set the kernel's user.max_user_namespaces above 0, "
            "or start the container with the rights that docs/container.md names."
        )
    return None


def _bubblewrap():
    from . import bwrap

    return bwrap
