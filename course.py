#!/usr/bin/env python3
"""Set the course up and run it, with Python and nothing else: `python course.py build`, `test`, `lab`, ...

Makes the virtual environment `.venv` beside this file, installs what `requirements.lock` pins, and for tests what
`requirements-test.lock` does, and hands its arguments to the `course` command in there. Standard library only; written
so that an old Python can say that it is too old.
"""

import hashlib
import os
import platform
import shutil
import signal
import subprocess
import sys

ROOT = os.path.dirname(os.path.abspath(__file__))
VENV = os.path.join(ROOT, ".venv")
STAMP = os.path.join(VENV, "course-stamp")  # what was installed, a line for each lock; "not finished" until it is
LOCK, TEST_LOCK = "requirements.lock", "requirements-test.lock"
TESTING = ("test", "test-rest", "audit")  # the commands that need the second lock, too
SUPPORTED = ((3, 12), (3, 13), (3, 11))  # the best first; as `requires-python` in pyproject.toml


class SetupError(Exception):
    """What stands in the way, in one sentence with what to do."""


def fitting(implementation, version):
    """Whether the lock has packages for this Python."""
    return implementation == "CPython" and tuple(version[:2]) in SUPPORTED


def _asked(command):
    """The path of the interpreter that `command` starts, or None where it is none that fits."""
    question = "import platform, sys; print(platform.python_implementation(), *sys.version_info[:2], sys.executable)"
    try:
        answer = subprocess.run(command + ["-c", question], capture_output=True, text=True, timeout=60)
        implementation, major, minor, path = answer.stdout.strip().split(" ", 3)
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return None
    return path if fitting(implementation, (int(major), int(minor))) else None


def find_python():
    """The interpreter to make the environment with: the running one, or else one from the PATH or Windows's `py`."""
    running = getattr(sys, "_base_executable", None) or sys.executable  # outside .venv, also when run from there
    if fitting(platform.python_implementation(), sys.version_info):
        return running
    for version in SUPPORTED:
        number = "%d.%d" % version
        for command in (["python" + number], ["py", "-" + number]):
            if shutil.which(command[0]):
                path = _asked(command)
                if path:
                    return path
    raise SetupError(
        "The course needs CPython 3.11, 3.12 or 3.13, and this is %s %s: install one of them, and run the command "
        "again with it." % (platform.python_implementation(), platform.python_version())
    )


def venv_file(name):
    """The path of a program in the virtual environment."""
    folder, ending = ("Scripts", ".exe") if os.name == "nt" else ("bin", "")
    return os.path.join(VENV, folder, name + ending)


def wanted_line(*names):
    """A line of the stamp: it tells the files that an installation follows, and the place."""
    told = hashlib.sha256(VENV.encode())  # an environment that was moved does not work
    for name in names:
        with open(os.path.join(ROOT, name), "rb") as file:
            told.update(file.read())
    return told.hexdigest() + " " + VENV


def read_stamp():
    """The stamp's lines, none where this program made no environment."""
    try:
        with open(STAMP, encoding="utf-8") as file:
            return file.read().splitlines()
    except OSError:
        return []


def _write_stamp(*lines):
    with open(STAMP, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))


def usable():
    """Whether the environment stands where it was made, with a Python that fits and with pip."""
    if not all(line.endswith(" " + VENV) for line in read_stamp()):  # the folder was moved: programs point elsewhere
        return False
    python = venv_file("python")
    return bool(_asked([python])) and subprocess.call([python, "-c", "import pip"], stderr=subprocess.DEVNULL) == 0


def make_environment():
    """Make `.venv`, or make it anew where an earlier one of this program's does not work."""
    if os.path.exists(VENV):
        if not read_stamp():
            raise SetupError(
                "The folder %s is there but holds no Python that the course can use, and was not made by course.py: "
                "move it away or delete it, and run the command again." % VENV
            )
        shutil.rmtree(VENV)
    python = find_python()
    print("Making the virtual environment .venv with %s ..." % python, flush=True)
    os.makedirs(VENV)
    _write_stamp("not finished " + VENV)
    if subprocess.call([python, "-m", "venv", VENV]):
        shutil.rmtree(VENV)
        raise SetupError(
            "Python could not make a virtual environment, for the reason above: on Debian and Ubuntu, install the "
            "package python3-venv, and run the command again."
        )


def install(course, tests=""):
    """Install what the stamp lacks of two lines: of the course, and of what its tests need.

    What an interrupted run installed already is kept.
    """
    pip = [venv_file("python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-compile"]
    if course not in read_stamp() or not os.path.exists(venv_file("course")):
        _write_stamp("not finished " + VENV)
        print("Installing the packages of %s, about 3 GB on the disk ..." % LOCK, flush=True)
        _install_lock(pip, LOCK)
        _run_pip(pip + ["-q", "--no-deps", "--no-build-isolation", "-e", ROOT])
        _compile()
        _write_stamp(course)
    if tests not in read_stamp() + [""]:
        print("Installing what only tests need, of %s ..." % TEST_LOCK, flush=True)
        _install_lock(pip, TEST_LOCK)
        _compile()
        _write_stamp(course, tests)


def _compile():
    """Compile what is installed, once and on all cores, where pip would use one.

    Else each of the course's many processes does so for itself (TensorFlow: 4 s become 10).
    """
    packages = "compileall.compile_dir(sysconfig.get_path('purelib'), quiet=2, workers=0)"
    subprocess.call([venv_file("python"), "-c", "import compileall, sysconfig; " + packages])


def _install_lock(pip, name):
    lock = os.path.join(ROOT, name)
    with open(lock, encoding="utf-8") as file:
        total = sum("==" in line for line in file)
    _run_pip(pip + ["--require-hashes", "-r", lock], total)


def _run_pip(command, total=0):
    """Run pip, with one line that tells how far it is in place of pip's thousand; its warnings and errors stay."""
    pip = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8", errors="replace")
    width, seen = shutil.get_terminal_size().columns - 1, 0
    try:
        for line in pip.stdout:
            line = line.strip()
            total -= line.startswith("Ignoring ")  # meant for other systems
            seen += line.startswith(("Collecting ", "Processing ", "Requirement already satisfied: "))
            if sys.stdout.isatty():
                shown = "%4d of %d  %s" % (seen, total, line)
                print("\r" + shown[:width].ljust(width), end="", flush=True)
            elif line.startswith("Installing collected packages"):
                print("  %d packages are here, and are unpacked now ..." % seen, flush=True)
        if sys.stdout.isatty():
            print("\r" + " " * width, end="\r", flush=True)
        failed = pip.wait()
    finally:
        if pip.poll() is None:
            pip.terminate()
    if failed:
        raise SetupError(
            "pip could not install the course, for the reason above: mend it (often the network or a full disk), and "
            "run the command again, which goes on where this one stopped."
        )


def main(arguments):
    """Set up what is missing, then run `course` with the arguments. Returns its exit status."""
    try:
        # Students' copies have no tests.
        testing = arguments[:1] and arguments[0] in TESTING and os.path.exists(os.path.join(ROOT, TEST_LOCK))
        wanted = [wanted_line(LOCK, "pyproject.toml")] + ([wanted_line(TEST_LOCK)] if testing else [])
        if not set(wanted) <= set(read_stamp()) or not os.path.exists(venv_file("course")):
            if not usable():
                make_environment()
            install(*wanted)
        command = [venv_file("course")] + arguments
        if os.name == "nt":  # there, exec returns to the shell at once
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # Control-C is for the program that we wait for
            return subprocess.call(command)
        sys.stdout.flush()
        os.execv(command[0], command)
    except (SetupError, OSError) as problem:
        print("Error: %s" % problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The next run goes on from here.", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
