"""What goes wrong on people's machines, looked for one by one, and told in plain words.

The checks come in an order in which none needs what an earlier one may have found missing: TensorFlow ends the whole
program where the processor cannot run it, so it is asked only where it can.
"""

import json
import os
import platform
import re
import shutil
import socket
import subprocess
import sys
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import distributions, version
from importlib.util import find_spec
from pathlib import Path

from ..errors import CourseError
from ..root import PACKAGE, course_root, with_tilde

PYTHONS = ((3, 11), (3, 12), (3, 13))
ROOM = 3  # GiB that packages, results and a few models take
_LONGEST = 80  # characters of the course's folder on Windows: what is installed below adds up to 170
_TENSORFLOWS = ("tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tensorflow-intel", "tensorflow-macos", "tf-nightly")


@dataclass(frozen=True)
class Finding:
    """What one check found: its subject, one sentence, and whether all is well. The sentence of a fault says what to
    do; `stops` says that nothing that needs TensorFlow can be asked then."""

    what: str
    says: str
    fine: bool = True
    stops: bool = False


def check_python() -> Finding:
    """Whether this Python is one that the course's packages are made for."""
    found = f"{platform.python_version()} ({sys.executable})"
    if sys.version_info[:2] not in PYTHONS or sys.maxsize < 2**32 or platform.python_implementation() != "CPython":
        return Finding(
            "Python",
            f"This is {platform.python_implementation()} {found}, and the course needs CPython 3.11, 3.12 or 3.13 of "
            "64 bits: install one, and run `python course.py lab` with it.",
            fine=False,
            stops=True,
        )
    return Finding("Python", found)


def check_folder() -> Finding:
    """Whether we stand in the course that this program belongs to."""
    try:
        root = course_root()
    except CourseError as problem:
        return Finding("Folder", str(problem), fine=False)
    if PACKAGE.parent.name in ("site-packages", "dist-packages"):  # installed with pip, as on Colab
        return Finding("Folder", f"{root}, with its package in {PACKAGE.parent}")
    if root != PACKAGE.parent:
        return Finding(
            "Folder",
            f"You stand in the course in {root}, and this program belongs to another copy, in {PACKAGE.parent}: run "
            "`python course.py lab` here, which takes the copy that you stand in.",
            fine=False,
        )
    return Finding("Folder", str(root))


def check_path() -> Finding:
    """Whether programs can deal with the course's path: Windows knows limits that others do not."""
    root = str(PACKAGE.parent)
    if os.name != "nt":
        return Finding("Path", "nothing to mind on this system")
    if not root.isascii():
        strange = "".join(sorted({letter for letter in root if not letter.isascii()}))
        return Finding(
            "Path",
            f"The course's folder, {root}, has letters in its path that some libraries on Windows cannot open "
            rf"({strange}): move it to a path such as C:\course, and run `python course.py lab` there.",
            fine=False,
        )
    if len(root) > _LONGEST:
        return Finding(
            "Path",
            f"The course's folder has a path of {len(root)} characters, and with what is installed below it Windows's "
            r"limit of 260 is passed: move it to a short one such as C:\course.",
            fine=False,
        )
    return Finding("Path", root)


def check_processor() -> Finding:
    """Whether TensorFlow's programs can run here: an Apple chip asked as what it is, any other one with AVX."""
    machine = platform.machine()
    if sys.platform == "darwin" and machine == "x86_64":
        if _translated():
            advice = (
                "This Mac has an Apple chip, but this Python was made for Intel's: install the Python for Apple "
                'silicon (called "universal2" or "arm64"), delete the folder .venv, and run `python3 course.py lab` '
                "with it."
            )
        else:
            advice = (
                "TensorFlow has no version for Macs with Intel chips any more: open the course in Binder, or on "
                "another machine."
            )
        return Finding("Processor", advice, fine=False, stops=True)
    if machine.lower() in ("x86_64", "amd64") and not _has_avx():
        return Finding(
            "Processor",
            "This processor, or the virtual machine around it, does not offer AVX, without which TensorFlow ends with "
            '"Illegal instruction": use another machine, or switch AVX on in the virtual machine\'s settings.',
            fine=False,
            stops=True,
        )
    return Finding("Processor", f"{machine}, {os.cpu_count()} cores")


def _translated() -> bool:
    asked = ["sysctl", "-in", "sysctl.proc_translated"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip() == "1"


def _has_avx() -> bool:
    from numpy._core._multiarray_umath import __cpu_features__  # NumPy asks the processor, on every system

    return __cpu_features__.get("AVX", True)


def check_space() -> Finding:
    """Whether there is room on the disk, and how much memory."""
    import psutil

    gib = 2**30
    memory, free = psutil.virtual_memory(), shutil.disk_usage(PACKAGE).free / gib
    if free < ROOM:
        return Finding(
            "Room",
            f"Only {free:.1f} GiB are free on the disk of {PACKAGE.parent}, and the course wants {ROOM}: delete "
            "what you do not need.",
            fine=False,
        )
    return Finding(
        "Room", f"{free:.1f} GiB of disk, {memory.available / gib:.1f} of {memory.total / gib:.1f} GiB of memory free"
    )


def check_packages() -> Finding:
    """Whether there is one TensorFlow, of this environment, and not a second one that gets in its way."""
    named = {re.sub("[-_.]+", "-", found.metadata["Name"] or "").lower() for found in distributions()}
    there, spec = sorted(named & set(_TENSORFLOWS)), find_spec("tensorflow")
    names, lab = ("tensorflow", "keras", "numpy"), ("jupyterlab", "nbgrader")
    if not there or spec is None or not set(names[1:]) <= named:
        return Finding(
            "Packages",
            "TensorFlow, or another package, is not installed in this Python: run `python course.py lab`, which "
            "installs what is missing.",
            fine=False,
            stops=True,
        )
    if len(there) > 1:
        return Finding(
            "Packages",
            f"There are {len(there)} TensorFlows here, {' and '.join(there)}, and each overwrites parts of the other: "
            "delete the folder .venv, and run `python course.py lab`, which makes it anew.",
            fine=False,
            stops=True,
        )
    folders = spec.submodule_search_locations or ["."]
    place = Path(spec.origin).resolve().parent if spec.origin else Path(next(iter(folders))).resolve()
    if not place.is_relative_to(Path(sys.prefix).resolve()):
        return Finding(
            "Packages",
            f"TensorFlow comes from {place}, outside of this Python's own folder {sys.prefix}: unset "
            "PYTHONPATH, or rename a file or folder of yours that is called tensorflow.",
            fine=False,
            stops=True,
        )
    known = ", ".join(f"{name} {version(name)}" for name in (there[0], *names[1:], *lab) if name in named)
    if not set(lab) <= named:
        known += "; for lessons alone: JupyterLab and assignments want `python course.py lab`"
    return Finding("Packages", known)


def check_keras_settings() -> Finding:
    """Whether Keras will calculate with TensorFlow, channels last, in float32. Keras is not imported."""
    backend = os.environ["KERAS_BACKEND"]  # the course itself sets it where nobody has
    if backend != "tensorflow":
        advice = "unset the variable KERAS_BACKEND"
        return Finding("Keras", f"Keras is set to {backend}, and the course needs tensorflow: {advice}.", False, True)
    file = Path(os.environ.get("KERAS_HOME") or "~/.keras").expanduser() / "keras.json"
    try:
        settings = dict(json.loads(file.read_text("utf-8")))
    except (OSError, ValueError, TypeError):  # Keras, too, then takes what it comes with
        settings = {}
    for name, needed in (("image_data_format", "channels_last"), ("floatx", "float32")):
        if (found := settings.get(name, needed)) != needed:
            told = f"Keras is set to {found}, and the course needs {needed}: delete the file {file}."
            return Finding("Keras", told, False, True)
    return Finding("Keras", "calculates with tensorflow, channels last")


def check_starts() -> Finding:
    """Whether TensorFlow can be imported. Another process tries it first, as a broken TensorFlow may crash it."""
    tried = subprocess.run([sys.executable, "-c", "import keras"], capture_output=True, text=True, check=False)
    if tried.returncode:
        lines = tried.stderr.strip().splitlines() or [f"it ended with status {tried.returncode}"]
        return Finding(
            "TensorFlow",
            f"TensorFlow cannot be imported ({lines[-1].rstrip('.')}): delete the folder .venv, and run `python "
            "course.py lab`; on Windows, install Microsoft's Visual C++ Redistributable first.",
            fine=False,
            stops=True,
        )
    from ..lesson import start

    start()  # without its banners
    return Finding("TensorFlow", "starts")


def check_proxy() -> Finding:
    """Whether the proxy that the environment names answers, where it names one."""
    named = {kind: address for kind, address in urllib.request.getproxies().items() if kind in ("http", "https")}
    for kind, address in sorted(named.items()):
        try:
            parts = urllib.parse.urlsplit(address if "//" in address else f"//{address}")
            with socket.create_connection((parts.hostname or "", parts.port or 80), timeout=3):
                continue
        except (OSError, ValueError):  # a ValueError of an address that is none
            told = address.rpartition("@")[2]  # without a password that stands in it
            return Finding(
                "Proxy",
                f"Your settings send {kind} through the proxy {told}, which does not "
                f"answer: correct or unset the variable {kind}_proxy, or nothing can be fetched.",
                fine=False,
            )
    return Finding("Proxy", "answers" if named else "none is set")


def check_kernel() -> Finding:
    """Whether Jupyter's kernel "python3" is this Python, also where somebody starts JupyterLab without `course lab`."""
    from jupyter_client.kernelspec import KernelSpecManager, NoSuchKernel

    advice = "open the course with `course lab`, which always takes the right one."
    try:
        started = KernelSpecManager().get_kernel_spec("python3").argv[0]
    except NoSuchKernel:
        return Finding("Kernel", f'Jupyter knows no kernel "python3" here: {advice}', fine=False)
    found = shutil.which(started) or started
    if Path(found).absolute() != Path(sys.executable).absolute() and Path(started).name != started:
        return Finding("Kernel", f'Jupyter\'s kernel "python3" is another Python, {found}: {advice}', fine=False)
    return Finding("Kernel", "python3 is this Python")


def check_cache() -> Finding:
    """Whether Keras's cache of weights is whole."""
    from ..store import downloads, weights

    place = weights.weights_folder()
    there = next(folder for folder in (place, *place.parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        told = f"Models that are fetched cannot be written to {with_tilde(there)}"
        return Finding("Weights", f"{told}: set the variable KERAS_HOME to a folder of your own.", fine=False)
    files = sorted(place.glob("*.h5"))
    damaged = [file.name for file in files if not downloads.intact(file)]
    if damaged:
        return Finding(
            "Weights",
            f"{len(files)} files in {with_tilde(place)}, {len(damaged)} damaged: delete {', '.join(damaged)}; "
            "they are fetched again when they are needed.",
            fine=False,
        )
    return Finding(
        "Weights",
        f"{len(files)} files in {with_tilde(place)}" + (", all whole, as far as can be known" if files else ""),
    )


def check_source() -> Finding:
    """Which source "auto" takes, and whether its file is whole."""
    from ..models.installed import INSTALLED, weights_file
    from ..sources import AUTO

    try:
        weights_file(INSTALLED[AUTO])
    except CourseError as problem:
        return Finding("Source", f"'auto' takes {AUTO}, and cannot: {problem}", fine=False)
    return Finding("Source", f"'auto' takes {AUTO}: its weights are whole, in the package {INSTALLED[AUTO].package}")


def check_data() -> Finding:
    """Which data are there that do not come with the course."""
    from ..store import datasets, weights

    if (own := os.environ.get("COURSE_DATA")) and not Path(own).is_dir():
        told = f"The variable COURSE_DATA names {own}, where no folder is: correct or unset it."
        return Finding("Data", told, fine=False)
    have = "; ".join(f"{name}: {'there' if datasets.there(d) else 'not there'}" for name, d in datasets.DATA.items())
    return Finding("Data", f"{have} (`course fetch --data` brings them, in {with_tilde(weights.data_folder())})")


def check_results() -> Finding:
    """What the course itself keeps, so that nothing is computed twice."""
    from ..store.cache import results_folder

    kept = sum(file.stat().st_size for file in results_folder().rglob("*") if file.is_file())
    return Finding("Results", f"{kept / 2**20:,.0f} MB kept in {with_tilde(results_folder())}")


BEFORE = (
    check_python,
    check_folder,
    check_path,
    check_processor,
    check_space,
    check_packages,
    check_proxy,
    check_kernel,
    check_keras_settings,
)
WITH_TENSORFLOW = (check_starts, check_cache, check_source, check_data, check_results)


def examine() -> Iterator[Finding]:
    """Every check's finding; those that need TensorFlow only where it can be had."""
    stopped = False
    for check in BEFORE:
        finding = _asked(check)
        stopped = stopped or finding.stops
        yield finding
    for check in WITH_TENSORFLOW:
        if stopped:
            return
        finding = _asked(check)
        stopped = finding.stops
        yield finding


def _asked(check: Callable[[], Finding]) -> Finding:
    try:
        return check()
    except Exception as problem:  # one that nobody thought of: the other checks still say what they see
        told = str(problem).partition("\n")[0]
        says = f"could not be looked at ({type(problem).__name__}: {told.rstrip('.')}): look at it yourself."
        name = check.__name__.removeprefix("check_").replace("_", " ").capitalize()
        return Finding(name, says, fine=False, stops=check in (check_packages, check_starts))
