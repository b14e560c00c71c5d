"""The JupyterHub that docs/hub.md sets up, and what its users do there: each has an account, a home and a browser.

The accounts are in lists that only the hub sees: this machine keeps none.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from secrets import token_hex
from typing import NamedTuple

import pytest
from browser_helpers import free_ports, new_page, wait_for_server
from conftest import ROOT
from helpers import let_in, page_files
from playwright.sync_api import Browser, Page, expect

from course_utils.grading import ASSIGNMENTS
from course_utils.grading.batch import pipeline

PAGE = ROOT / "docs" / "hub.md"
TEACHER = "ines"
BIN = Path(sys.executable).parent
FIRST_ACCOUNT = 60_001
_ON_THE_PAGE = '{"ada", "bob"}'
_ALSO = """
c.JupyterHub.bind_url = "http://127.0.0.1:{}"
c.JupyterHub.hub_port = {}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{}"
c.JupyterHub.authenticator_class = "dummy"
"""


def _missing() -> str:
    """What there must be for a hub and is not, or nothing."""
    if os.name == "nt" or os.geteuid() or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        return "only root on Linux, with the right to mount, can give each user of a hub an account for a while"
    if not find_spec("jupyterhub") or not find_spec("nbgitpuller") or not shutil.which("configurable-http-proxy"):
        return "there is no JupyterHub here: pip install jupyterhub nbgitpuller, npm install -g configurable-http-proxy"
    return ""


_WHY = _missing()
needs_a_hub = pytest.mark.skipif(bool(_WHY), reason=_WHY)


@contextmanager
def class_room(students: Iterable[str], assignments: Iterable[str]) -> Iterator[Path]:
    """A folder that everybody may enter: the page's files, the exchange, and the homes of all.

    The teacher's home has the course with these assignments.
    """
    room = Path(tempfile.mkdtemp(prefix="hub-"))
    try:
        room.chmod(0o755)
        listed = "{" + ", ".join(f'"{name}"' for name in students) + "}"
        for name, text in page_files(PAGE).items():
            (room / name).parent.mkdir(parents=True, exist_ok=True)
            text = text.replace("/srv/class", str(room / "srv" / "class")).replace(_ON_THE_PAGE, listed)
            (room / name).write_text(text, "utf-8")
        exchange = room / "srv" / "class" / "exchange"
        exchange.mkdir()
        exchange.chmod(0o777)
        for assignment in assignments:
            pipeline.copy_course(ASSIGNMENTS, course_of(room), assignment)
        shutil.copytree(ASSIGNMENTS / "rubrics", course_of(room) / "rubrics")
        accounts = {name: Path("/etc", name).read_text() for name in ("passwd", "group")}
        for number, name in enumerate((TEACHER, *students), FIRST_ACCOUNT):
            home = room / "home" / name
            home.mkdir(parents=True, exist_ok=True)
            (home / ".gitconfig").write_text("[safe]\n\tdirectory = *\n")  # the repository is root's, on this disk
            subprocess.run(["chown", "-R", f"{number}:{number}", home], check=True)
            home.chmod(0o700)
            accounts["passwd"] += f"{name}:x:{number}:{number}::{home}:/bin/bash\n"
            accounts["group"] += f"{name}:x:{number}:\n"
        for name, text in accounts.items():
            (room / name).write_text(text)
        yield room
    finally:
        shutil.rmtree(room)


def course_of(room: Path) -> Path:
    """The teacher's course folder."""
    return room / "home" / TEACHER / "course" / "assignments"


class Hub(NamedTuple):
    """A running hub: its address, and the process that sees its users' accounts."""

    url: str
    process: int

    def as_root(self, script: str, folder: Path) -> None:
        """Run a shell's script in a folder, as root of the hub's machine would. It must succeed."""
        command = ["nsenter", f"--mount=/proc/{self.process}/ns/mnt", f"--wd={folder}", "sh", "-e", "-c", script]
        subprocess.run(command, check=True)


@contextmanager
def running_hub(room: Path) -> Iterator[Hub]:
    """The hub of a class room."""
    ports = free_ports(3)
    config = room / "etc" / "jupyterhub" / "jupyterhub_config.py"
    with config.open("a") as more:
        more.write(_ALSO.format(*ports))
    steps = ["set -e", *(f"mount --bind {room / name} /etc/{name}" for name in ("passwd", "group"))]
    steps += [*let_in(Path(sys.base_prefix), room / "closed"), f"exec {sys.executable} -m jupyterhub -f {config}"]
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("COURSE", "JUPYTER"))}
    environment["PATH"] += os.pathsep + str(BIN)
    steps = "\n".join(steps)
    command = ["unshare", "-m", "-p", "-f", "--mount-proc", "--kill-child", "sh", "-c", steps]  # ends all with itself
    log = room / "hub.log"
    with log.open("w") as out:
        started = subprocess.Popen(command, cwd=room / "etc", env=environment, stdout=out, stderr=out)
        try:
            url = f"http://127.0.0.1:{ports[0]}"
            wait_for_server(f"{url}/hub/api", started, log)
            yield Hub(url, started.pid)
        finally:
            started.kill()
            started.wait()


class Person:
    """One of the hub's users, logged in, with a browser of their own: `url` is their server's address."""

    def __init__(self, browser: Browser, hub: Hub, room: Path, name: str):
        self.name, self.home, self.url = name, room / "home" / name, f"{hub.url}/user/{name}"
        self.page = new_page(browser)
        self.page.goto(f"{hub.url}/hub/login")
        self.page.get_by_label("Username").fill(name)
        self.page.get_by_label("Password").fill("any")
        self.page.get_by_role("button", name="Sign in").click()
        self.page.wait_for_url(f"**/user/{name}/lab**", timeout=180_000)

    def begins(self, command: str, folder: str = ".") -> Callable[[], str]:
        """Type a command into a terminal of JupyterLab's, in a folder of the home.

        What is returned waits for its end, and says what it said. It must succeed.
        """
        said, status = (self.home / f".{what}-{token_hex(4)}" for what in ("said", "status"))
        self.page.goto(f"{self.url}/lab?reset")
        self.page.locator(".jp-LauncherCard", has_text="Terminal").click()
        self.page.locator(".jp-Terminal .xterm-screen").click()
        self.page.keyboard.type(f"export PATH={BIN}:$PATH; set -o pipefail; cd ~/{folder}\n")
        self.page.keyboard.type(f"({command}) 2>&1 | tee {said}; echo $? > {status}\n")

        def ends() -> str:
            code = wait_for(self.page, lambda: status.exists() and status.read_text())
            text = said.read_text("utf-8", "replace")
            assert code == "0\n", f"{self.name}: {command}\n{text}"
            return text

        return ends

    def types(self, command: str, folder: str = ".") -> str:
        """Type a command, and wait for its end; what it says. It must succeed."""
        return self.begins(command, folder)()

    def opens_list(self) -> None:
        """Open nbgrader's list of assignments."""
        self.page.goto(f"{self.url}/lab?reset")
        for name in ("Nbgrader", "Assignment List"):
            self.page.get_by_role("menuitem", name=name, exact=True).click()
        expect(self.page.locator("#submitted_assignments_list")).to_be_visible()

    def presses_in_list(self, part: str, assignment: str, button: str) -> None:
        """Press an assignment's button in a part of the open list: "released", "fetched" or "submitted"."""
        rows = self.page.locator(f"#{part}_assignments_list > .list_item").filter(has_text=assignment)
        rows.get_by_role("button", name=button, exact=True).click()

    def formgrader(self, place: str) -> None:
        """Open one of Formgrader's pages, once all of it is there."""
        self.page.goto(f"{self.url}/formgrader/{place}", wait_until="networkidle")

    def presses_in_table(self, step: str, row: str = "") -> None:
        """Press one of the buttons in Formgrader's table, in the row with a text, and wait until it is done."""
        rows = self.page.locator("tbody tr").filter(has_text=row)
        rows.locator(f"td.{step} a").first.click()
        dialog = self.page.locator(".modal-dialog")
        expect(dialog).to_contain_text("Success", timeout=600_000)
        dialog.get_by_role("button", name="Close").last.click()
        expect(dialog).to_have_count(0)


def wait_for(page: Page, found):
    """What `found` returns, once it is something."""
    end = time.monotonic() + 1800
    while not (now := found()):
        assert time.monotonic() < end
        page.wait_for_timeout(200)
    return now
