"""Other programs of this environment, started in place of the `course` command."""

import os
import signal
import subprocess
import sys
from pathlib import Path

PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True, "help_option_names": []}  # a command's settings


def become(*command: str, cwd: Path | None = None, env: dict[str, str] | None = None) -> None:
    """Go on as another program of this environment: its signals are its own, and so is its exit status."""
    os.chdir(cwd or Path.cwd())
    arguments = [sys.executable, *command]
    if os.name == "nt":  # there, exec returns to the shell at once
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        sys.exit(subprocess.call(arguments, env=env))
    os.execve(sys.executable, arguments, env or dict(os.environ))
