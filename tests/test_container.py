"""The image to grade in: what its file and the devcontainer's say holds here, and the rights that it asks for suffice.

No image is built: its system is Debian's, and so the steps are looked at on Linux, with what can be tried of them.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT
from hatchling import build
from helpers import let_in

import course

TEXT = (ROOT / "Containerfile").read_text("utf-8")
STEPS = [line.split(maxsplit=1) for line in TEXT.splitlines() if line and line[0] != "#"]
PAGE = (ROOT / "docs" / "container.md").read_text("utf-8")
RIGHTS = {f"--security-opt={name}=unconfined" for name in ("seccomp", "apparmor", "systempaths")} | {"--cap-drop=ALL"}
linux = pytest.mark.skipif(sys.platform != "linux", reason="what isolates submissions is Linux's")


def arguments(instruction):
    return [text for name, text in STEPS if name == instruction]


def commands():
    """Each command of the RUN steps, in words."""
    return [shlex.split(command) for text in arguments("RUN") for command in text.split("&&")]


def installed():
    (install,) = (words for words in commands() if words[:2] == ["apt-get", "install"])
    return {word for word in install[2:] if not word.startswith("-")}


def test_its_instructions_are_those_that_every_builder_knows():
    assert {name for name, _ in STEPS} == {"FROM", "RUN", "USER", "WORKDIR", "COPY", "ENTRYPOINT", "CMD"}
    assert all(isinstance(json.loads(text), list) for text in arguments("ENTRYPOINT") + arguments("CMD"))


@pytest.mark.skipif(not shutil.which("apt-get"), reason="this is no Debian, which the image is")
def test_its_commands_are_debians():
    known = {program for words in commands() if (program := shutil.which(words[0]))}
    assert len(known) == len({words[0] for words in commands()})


def test_its_packages_are_those_that_the_course_asks_for():
    assert installed() == {"bubblewrap", "python3", "python3-venv"}
    assert "bubblewrap" in (ROOT / ".ci" / "run").read_text("utf-8")
    assert "`bubblewrap`" in (ROOT / "docs" / "grading.md").read_text("utf-8")
    assert "python3-venv" in (ROOT / "course.py").read_text("utf-8")


def test_the_course_runs_on_its_python():
    (base,) = arguments("FROM")
    assert {"debian:bookworm-slim": (3, 11), "debian:trixie-slim": (3, 13)}[base] in course.SUPPORTED


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    """What the image gets of the repository, in a folder."""
    folder = tmp_path_factory.mktemp("image")
    for text in arguments("COPY"):
        *sources, target = (word for word in text.split() if not word.startswith("--"))
        for name in sources:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, folder / target, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(ROOT / name, folder / target)
    return folder


def test_it_has_all_that_the_course_is_installed_from(image, tmp_path, monkeypatch):
    monkeypatch.chdir(image)
    assert (tmp_path / build.build_editable(str(tmp_path))).is_file()
    steps = [words for words in commands() if words[0] == "python3"]
    assert steps == [["python3", "course.py", "--version"]] and (image / "course.py").is_file()


def test_it_has_nothing_of_an_assignment_or_a_class(image):
    assert not [path for path in image.rglob("*.ipynb")] and not (image / "assignments").exists()


def test_its_command_grades_the_mounted_folder(image, tmp_path):
    (tmp_path / "class").mkdir()
    shutil.copy(ROOT / "assignments" / "nbgrader_config.py", tmp_path / "class")
    (entry,) = map(json.loads, arguments("ENTRYPOINT"))
    assert entry == ["/course/.venv/bin/course"] and arguments("WORKDIR") == ["/course", "/class"]
    done = subprocess.run(
        [sys.executable, "-c", "from course_utils.cli import main, __file__ as f; print(f); main()", "grade", "ps1"],
        cwd=tmp_path / "class", env=os.environ | {"PYTHONPATH": str(image)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.startswith(str(image)) and done.returncode == 1, done.stderr
    assert re.fullmatch(r"Error: .*'ps1'.*\n", done.stderr), done.stderr  # of this folder, which has none
    assert (tmp_path / "class" / "grading.log").exists()


def test_the_page_and_the_devcontainer_start_it_with_the_same_rights():
    (command,) = re.findall("^docker run .*", PAGE, re.MULTILINE)
    words = command.replace("--security-opt ", "--security-opt=").replace("--cap-drop ", "--cap-drop=").split()
    assert {word for word in words if word.startswith(("--security", "--cap", "--priv"))} == RIGHTS
    devcontainer = ROOT / ".devcontainer" / "devcontainer.json"
    told = json.loads(devcontainer.read_text("utf-8"))
    assert set(told["runArgs"]) == RIGHTS and told["remoteUser"] == arguments("USER")[0]
    assert (devcontainer.parent / told["build"]["dockerfile"]).resolve() == ROOT / "Containerfile"
    assert (devcontainer.parent / told["build"]["context"]).resolve() == ROOT
    for right in RIGHTS:
        assert right.removeprefix("--security-opt=").replace("=ALL", " ALL") in PAGE


ASK = "from course_utils.grading.sandbox import available, bwrap; "
COVER = ["mount -t tmpfs -o ro none /proc/driver", "mount --bind /proc/sys /proc/sys"]
COVER += ["mount -o remount,ro,bind /proc/sys"]


@linux
@pytest.mark.skipif(os.name == "nt" or os.geteuid(), reason="only root can make what a container is made of")
@pytest.mark.parametrize(("covered", "walls"), [([], "None True"), (COVER, "None False")], ids=["as asked", "covered"])
def test_an_ordinary_user_without_any_capability_can_isolate(covered, walls, tmp_path):
    user = "setpriv --no-new-privs --reuid 60001 --regid 60001 --clear-groups --bounding-set -all --inh-caps -all"
    code = f"{ASK}print(available.lacks(available.SANDBOX), bwrap.surrounds())"
    steps = [
        "set -e",
        *covered,
        *let_in(Path(sys.base_prefix), tmp_path / "closed"),
        f"cd / && {user} {sys.executable} -c '{code}'",
    ]
    if any(not folder.stat().st_mode & 1 for place in (ROOT, Path(sys.prefix)) for folder in place.parents):
        pytest.skip("this environment lies where other users cannot read it")
    command = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--net", "sh", "-c", "\n".join(steps)]
    done = subprocess.run(command, env={"PATH": os.environ["PATH"]}, capture_output=True, text=True)
    assert done.stdout.strip() == walls, done.stderr


@linux
def test_where_namespaces_are_forbidden_it_says_which_rights_are_missing():
    inside = ["unshare", "--user", "--map-root-user", "sh", "-c"]
    if subprocess.run([*inside, "true"], capture_output=True).returncode:
        pytest.skip("here they are forbidden indeed")
    steps = f"echo 0 > /proc/sys/user/max_user_namespaces && {sys.executable} -c '{ASK}print(available.missing())'"
    done = subprocess.run([*inside, steps], capture_output=True, text=True)
    assert "the rights that docs/container.md names" in done.stdout, done.stderr
