"""Each thing that goes wrong on people's machines is made to go wrong, and must be found and told."""

import json
import os
import socket
import subprocess
import sys
from collections import namedtuple
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from course_utils import cli
from course_utils.machine import doctor

OURS = doctor.PACKAGE.parent


def told(check, *words, stops=False):
    """The check finds a fault, in one sentence that holds all words."""
    found = check()
    assert not found.fine and found.stops is stops, found
    assert found.says.endswith(".") and not [word for word in words if word not in found.says], found.says


def test_nothing_is_wrong_here(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr("course_utils.store.downloads.unreachable", lambda url: "there is no connection")
    result = CliRunner().invoke(cli.main, ["doctor"])
    assert result.exit_code == 0 and result.output.endswith("All is well.\n") and "MEND" not in result.output
    assert result.output.count("\n") == len(doctor.BEFORE) + len(doctor.WITH_TENSORFLOW) + 1


def test_a_fault_is_marked_and_what_needs_tensorflow_is_not_asked(monkeypatch):
    monkeypatch.setattr(doctor, "_has_avx", lambda: False)
    monkeypatch.setattr(doctor.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(doctor, "WITH_TENSORFLOW", (lambda: pytest.fail("asked"),))
    result = CliRunner().invoke(cli.main, ["doctor"])
    assert result.exit_code == 1 and "MEND  Processor" in result.output and "1 thing to mend" in result.output


def test_wrong_python(monkeypatch):
    monkeypatch.setattr(doctor.sys, "version_info", (3, 14, 0))
    told(doctor.check_python, "3.11, 3.12 or 3.13", stops=True)
    monkeypatch.undo()
    monkeypatch.setattr(doctor.sys, "maxsize", 2**31 - 1)
    told(doctor.check_python, "64 bits", stops=True)


def test_wrong_folder(monkeypatch, tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "course.py").touch()
    monkeypatch.chdir(tmp_path / "notebooks")
    told(doctor.check_folder, str(tmp_path), str(OURS), "another copy")


@pytest.mark.parametrize("place, words", [("C:/Zoë/course", ["ë"]), ("C:/" + 90 * "x", ["93 characters", "260"])])
def test_paths_on_windows(monkeypatch, place, words):
    monkeypatch.setattr(doctor, "PACKAGE", Path(place) / "course_utils")
    assert doctor.check_path().fine
    monkeypatch.setattr(doctor, "os", namedtuple("System", "name")("nt"))
    told(doctor.check_path, *words)
    monkeypatch.setattr(doctor, "PACKAGE", Path("C:/course/course_utils"))
    assert doctor.check_path().fine


@pytest.mark.parametrize("translated, words", [(True, ["arm64"]), (False, ["another machine"])])
def test_intels_python_on_a_mac(monkeypatch, translated, words):
    monkeypatch.setattr(doctor.sys, "platform", "darwin")
    monkeypatch.setattr(doctor.platform, "machine", lambda: "x86_64")
    monkeypatch.setattr(doctor, "_translated", lambda: translated)
    told(doctor.check_processor, *words, stops=True)
    monkeypatch.setattr(doctor.platform, "machine", lambda: "arm64")
    assert doctor.check_processor().fine


def test_avx_is_asked_of_the_processor(monkeypatch):
    flags = Path("/proc/cpuinfo")
    if not flags.is_file() or doctor.platform.machine() != "x86_64":
        pytest.skip("this system does not list the processor's abilities in /proc/cpuinfo")
    assert doctor._has_avx() is (" avx " in flags.read_text())
    monkeypatch.setattr("numpy._core._multiarray_umath.__cpu_features__", {"AVX": False})
    told(doctor.check_processor, "AVX", "Illegal instruction", stops=True)


def test_no_room(monkeypatch):
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: namedtuple("Usage", "free")(2**30))
    told(doctor.check_space, "1.0 GiB", "delete")
    assert psutil.disk_usage(str(OURS)).free > 0


def installed(folder, name):
    (folder / f"{name.replace('-', '_')}-9.dist-info").mkdir()
    (folder / f"{name.replace('-', '_')}-9.dist-info" / "METADATA").write_text(f"Name: {name}\nVersion: 9\n")


def test_a_left_over_folder_is_no_tensorflow(monkeypatch, tmp_path):
    from importlib.machinery import ModuleSpec

    left = ModuleSpec("tensorflow", None, is_package=True)
    left.submodule_search_locations = [str(tmp_path)]
    monkeypatch.setattr(doctor, "find_spec", lambda name: left)
    told(doctor.check_packages, str(tmp_path), stops=True)


def test_two_tensorflows(monkeypatch, tmp_path):
    installed(tmp_path, "tensorflow_cpu")  # as its metadata have it
    monkeypatch.syspath_prepend(str(tmp_path))
    told(doctor.check_packages, "tensorflow and tensorflow-cpu", ".venv", stops=True)


def test_a_folder_of_ones_own_called_tensorflow(tmp_path):
    (tmp_path / "tensorflow").mkdir()
    (tmp_path / "tensorflow" / "__init__.py").touch()
    code = (
        "from course_utils.machine.doctor import check_packages; found = check_packages(); "
        "print(found.fine, found.stops, found.says)"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), str(OURS)])}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert run.stdout.startswith("False True") and str(tmp_path) in run.stdout and "PYTHONPATH" in run.stdout


def test_no_tensorflow_at_all(monkeypatch):
    monkeypatch.setattr(doctor, "find_spec", lambda name: None)
    told(doctor.check_packages, "not installed", "course.py lab", stops=True)


def test_a_tensorflow_that_cannot_be_imported(monkeypatch, tmp_path):
    (tmp_path / "keras.py").write_text("raise ImportError('DLL load failed')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    told(doctor.check_starts, "DLL load failed", "Redistributable", stops=True)
    (tmp_path / "keras.py").write_text("import os\nos.abort()")
    told(doctor.check_starts, "ended with status", stops=True)


@pytest.mark.parametrize(
    "settings, variable, words",
    [
        ({}, "torch", ["torch", "KERAS_BACKEND"]),
        ({"image_data_format": "channels_first"}, "", ["channels_first", "keras.json"]),
        ({"floatx": "float16"}, "", ["float16", "float32", "keras.json"]),
    ],
)
def test_old_settings_of_keras(monkeypatch, tmp_path, settings, variable, words):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert doctor.check_keras_settings().fine
    for broken in ("{", "[1]", "7"):
        (tmp_path / "keras.json").write_text(broken)
        assert doctor.check_keras_settings().fine  # Keras ignores it, too
    (tmp_path / "keras.json").write_text(json.dumps(settings))
    if variable:
        monkeypatch.setenv("KERAS_BACKEND", variable)
    told(doctor.check_keras_settings, *words, stops=True)


def test_proxy(monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        monkeypatch.setenv("https_proxy", f"http://127.0.0.1:{port}")
        assert doctor.check_proxy().fine and doctor.check_proxy().says == "answers"
    told(doctor.check_proxy, f"127.0.0.1:{port}", "https_proxy")
    monkeypatch.setenv("https_proxy", "http://[nonsense")
    told(doctor.check_proxy, "https_proxy")


def test_kernel(monkeypatch, tmp_path):
    assert doctor.check_kernel().fine
    (tmp_path / "kernels" / "python3").mkdir(parents=True)
    spec = {"argv": ["/elsewhere/python", "-m", "ipykernel_launcher"], "display_name": "3", "language": "python"}
    (tmp_path / "kernels" / "python3" / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    told(doctor.check_kernel, "/elsewhere/python", "course lab")


def test_damaged_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "half.h5").write_bytes(b"")
    told(doctor.check_cache, "1 damaged", "half.h5")


@pytest.mark.parametrize("way", ["a file", "no right"])
def test_a_cache_that_cannot_be_written(monkeypatch, tmp_path, way):
    place = tmp_path / "home" / "keras"
    place.parent.mkdir()
    if way == "a file":
        place.write_text("")
    else:
        monkeypatch.setattr(doctor.os, "access", lambda folder, _: Path(folder) != place.parent)
    monkeypatch.setenv("KERAS_HOME", str(place))
    told(doctor.check_cache, f"cannot be written to {place if way == 'a file' else place.parent}", "KERAS_HOME")


def test_a_folder_of_data_that_is_not_there(monkeypatch, tmp_path):
    monkeypatch.setenv("COURSE_DATA", str(tmp_path / "gone"))
    told(doctor.check_data, f"COURSE_DATA names {tmp_path / 'gone'}")
    monkeypatch.setenv("COURSE_DATA", str(tmp_path))
    assert doctor.check_data().fine


def test_a_fault_that_nobody_thought_of_is_said_and_the_others_are_looked_at(monkeypatch):
    def fails(_):
        raise ValueError("no such device\nat all")

    monkeypatch.setattr(doctor.shutil, "disk_usage", fails)
    told(lambda: doctor._asked(doctor.check_space), "ValueError: no such device)")
    monkeypatch.setattr(doctor, "find_spec", fails)
    told(lambda: doctor._asked(doctor.check_packages), "ValueError", stops=True)


def test_a_password_of_the_proxy_is_not_told(monkeypatch):
    monkeypatch.setenv("https_proxy", "http://ada:secret@127.0.0.1:9")
    told(doctor.check_proxy, "127.0.0.1:9")
    assert "secret" not in doctor.check_proxy().says
