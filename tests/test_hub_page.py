"""The page on a JupyterHub: what its files name is there. tests/browser/test_hub.py plays it, where there is a hub."""

import json
import re
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import ROOT
from helpers import page_files
from traitlets.config import PyFileConfigLoader

PAGE = ROOT / "docs" / "hub.md"
FILES = page_files(PAGE)
STUDENTS, TEACHERS = "srv/class/students/", "srv/class/teachers/"


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Reads one of the page's files, of settings, as Jupyter does, for somebody with the course in their home."""
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "course").symlink_to(ROOT, target_is_directory=True)

    def read(name):
        (tmp_path / "settings.py").write_text(FILES[name], "utf-8")
        return PyFileConfigLoader("settings.py", path=str(tmp_path)).load_config()

    return read


def test_everybody_has_settings_and_no_file_is_forgotten():
    assert set(FILES) == {
        "etc/jupyterhub/jupyterhub_config.py",
        *(f"{STUDENTS}{name}" for name in ("nbgrader_config.py", "jupyter_server_config.json")),
        f"{TEACHERS}nbgrader_config.py",
        *(f"{whose}labconfig/page_config.json" for whose in (STUDENTS, TEACHERS)),
    }


def test_each_gets_their_own_settings_and_the_courses_kernel(load):
    hub = load("etc/jupyterhub/jupyterhub_config.py")
    folder = hub.Spawner.environment["JUPYTER_CONFIG_PATH"]
    for name, whose in (("ines", TEACHERS), ("ada", STUDENTS), ("bob", STUDENTS)):
        assert f"{folder(SimpleNamespace(user=SimpleNamespace(name=name)))}/" == f"/{whose}"
        assert name in hub.Authenticator.allowed_users
    options = dict(argument.removeprefix("--").split("=") for argument in hub.Spawner.args)
    module, _, name = options["ServerApp.kernel_spec_manager_class"].rpartition(".")
    assert issubclass(
        getattr(import_module(module), name), import_module("jupyter_client.kernelspec").KernelSpecManager
    )
    assert options["KernelManager.transport_encryption"] == "auto"


@pytest.mark.skipif(sys.platform == "win32", reason="the exchange is not for Windows")
def test_teachers_and_students_meet_in_one_exchange(load):
    teachers, students = load(f"{TEACHERS}nbgrader_config.py"), load(f"{STUDENTS}nbgrader_config.py")
    assert teachers.Exchange.root == students.Exchange.root == "/srv/class/exchange"
    assert teachers.CourseDirectory.course_id == students.CourseDirectory.course_id
    assert Path(teachers.CourseDirectory.root) == ROOT / "assignments" and "HonestExecute" in teachers
    assert "CourseDirectory" in students and "root" not in students.CourseDirectory


def test_what_students_do_not_get_is_what_nbgrader_has():
    (server,) = json.loads(FILES[f"{STUDENTS}jupyter_server_config.json"])["ServerApp"].values()
    assert all(find_spec(name) and not wanted for name, wanted in server.items()) and server
    extension = Path(sys.prefix, "share", "jupyter", "labextensions", "@jupyter", "nbgrader")
    written = "".join(path.read_text("utf-8") for path in extension.rglob("*.js"))
    without = json.loads(FILES[f"{STUDENTS}labconfig/page_config.json"])["disabledExtensions"]
    ours = {name for name in without if name.startswith("@jupyter/nbgrader:")}
    assert len(ours) == 2 and all(f'"{name}"' in written for name in ours)
    assert (
        without.keys() - ours == json.loads(FILES[f"{TEACHERS}labconfig/page_config.json"])["disabledExtensions"].keys()
    )


def test_its_link_opens_a_notebook():
    (link,) = re.findall(r"^https://\S+/git-pull\S+", PAGE.read_text("utf-8"), re.MULTILINE)
    asked = {name: value for name, (value,) in parse_qs(urlsplit(link).query).items()}
    folder = asked["repo"].rpartition("/")[2]
    assert asked["branch"] == "main"
    assert (ROOT / asked["urlpath"].removeprefix(f"lab/tree/{folder}/")).is_file()
