"""JupyterLab in a real browser: a server of its own for each test file, and what a person does with a notebook."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from conftest import ROOT
from playwright.sync_api import Browser, Locator, Page, expect

SCREENS = ROOT / "build" / "screens"
TOKEN = "for-the-tests"
FIRST = "notebooks/00_start_here.ipynb"
expect.set_options(timeout=120_000)  # two cores may be busy
_START, _RUN = 180, 600  # seconds: for a server to answer, for a notebook to run


def chromium() -> str:
    """The browser's path. Without one the test is skipped, but never in CI."""
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    reason = "there is no Chromium here: install Debian's package chromium, or Chrome"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


def copy_course(folder: Path) -> Path:
    """The course's notebooks in a folder where they may be changed, and what makes it a folder of the course."""
    for name in ("course.py", "pyproject.toml"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    return folder


def student(room: Path, course: Path) -> dict[str, str]:
    """Make `room`/student, a student's folder of the course, and return the environment in which nbgrader finds the
    exchange of the nbgrader course `course`."""
    config = room / "config"
    config.mkdir()
    (config / "nbgrader_config.py").write_text(
        f"c = get_config()\nc.CourseDirectory.course_id = 'transfer-learning'\n{exchange(course)}"
    )
    (room / "student").mkdir()
    copy_course(room / "student")
    return {"JUPYTER_CONFIG_DIR": str(config)}


def exchange(course: Path) -> str:
    """Lines for nbgrader's settings: the exchange that `pipeline.open_course` makes in a course's folder."""
    return f"c.Exchange.root = {str(course / 'exchange')!r}\nc.Exchange.cache = {str(course / 'cache')!r}\n"


def free_ports(number: int) -> list[int]:
    """Ports of this machine that nobody uses."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in range(number)]
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


@contextmanager
def lab(folder: Path, log: Path, **environment: str) -> Iterator[str]:
    """`course lab` in a folder of the course: its address on this machine."""
    (port,) = free_ports(1)
    command = [sys.executable, "-c", "from course_utils.cli import main; main()", "lab", f"--port={port}"]
    command += ["--no-browser", "--allow-root", f"--IdentityProvider.token={TOKEN}", "--ServerApp.port_retries=0"]
    with log.open("w") as out:
        server = subprocess.Popen(command, cwd=folder, env=os.environ | environment, stdout=out, stderr=out)
        try:
            url = f"http://127.0.0.1:{port}"
            wait_for_server(f"{url}/api?token={TOKEN}", server, log)
            yield url
        finally:
            server.terminate()
            server.wait(30)


def wait_for_server(url: str, server: subprocess.Popen, log: Path) -> None:
    """Wait until a server answers. Fails with the end of its log where it does not."""
    end = time.monotonic() + _START
    # Python keeps the proxy that was set when it first asked for something: another test's, perhaps.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            direct.open(url, timeout=2).close()
            return
        except OSError:
            if server.poll() is not None or time.monotonic() > end:
                pytest.fail(f"The server did not start: {log.read_text()[-2000:]}")
            time.sleep(0.2)


class Notebook:
    """A notebook that a person has opened in JupyterLab."""

    def __init__(self, page: Page, url: str, path: str):
        """Opens it; `path` as seen from the course's folder."""
        self.page = page
        page.goto(f"{url}/lab/tree/{path}?reset&token={TOKEN}")
        expect(page.locator(".jp-Notebook .jp-Cell").first).to_be_visible(timeout=_START * 1000)
        expect(page.locator(".jp-Toolbar-kernelName")).to_have_text(re.compile("Python 3"), timeout=_START * 1000)
        expect(page.locator(".jp-Notebook-ExecutionIndicator")).to_have_attribute("data-status", "idle")

    def menu(self, *names: str) -> None:
        """Choose in the menu bar, as in `menu("Run", "Run All Cells")`."""
        for name in names:
            self.page.get_by_role("menuitem", name=name, exact=True).click()

    def cell(self, text: str) -> Locator:
        """The code cell whose source holds a text."""
        return self.page.locator(".jp-Notebook .jp-CodeCell").filter(
            has=self.page.locator(".jp-InputArea-editor", has_text=text)
        )

    def replace(self, cell: Locator, old: str, new: str) -> None:
        """Change a cell's source: select it all, and write it anew."""
        editor = cell.locator(".cm-content")
        editor.scroll_into_view_if_needed()
        lines = editor.locator(".cm-line")
        expect(lines.filter(has_text=old)).to_be_visible()  # an editor out of sight is made when it comes into sight
        source = "\n".join(lines.all_text_contents())  # (what is read as shown is empty while the page moves)
        assert old in source, source
        editor.click()
        self.page.keyboard.press("Control+A")
        self.page.keyboard.insert_text(source.replace(old, new))

    def run(self, cell: Locator) -> Locator:
        """Run one cell with Ctrl+Enter; its outputs."""
        before = cell.locator(".jp-InputArea-prompt").inner_text()
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+Enter")
        expect(cell.locator(".jp-InputArea-prompt")).not_to_have_text(before)
        self.rest()
        return cell.locator(".jp-OutputArea")

    def run_above(self, cell: Locator) -> None:
        """Run every cell above this one."""
        cell.locator(".cm-content").scroll_into_view_if_needed()
        cell.locator(".cm-content").click()
        self.menu("Run", "Run All Above Selected Cell")
        expect(self.page.locator(".jp-InputArea-prompt", has_text="[*]").first).to_be_attached()
        self.rest()

    def run_all(self) -> int:
        """Run every cell, and return in how many looks a progress bar was to be seen."""
        self.menu("Run", "Run All Cells")
        expect(self.page.locator(".jp-InputArea-prompt", has_text="[*]").first).to_be_attached()
        seen, end = 0, time.monotonic() + _RUN
        while self.page.locator(".jp-InputArea-prompt", has_text="[*]").count():
            seen += self.page.locator(".jp-OutputArea", has_text=re.compile(r"\d+%\|")).count() > 0
            assert time.monotonic() < end, "the notebook did not come to its end"
            self.page.wait_for_timeout(100)
        self.rest()
        return seen

    def rest(self) -> None:
        """Wait until nothing runs."""
        expect(self.page.locator(".jp-InputArea-prompt", has_text="[*]")).to_have_count(0, timeout=_RUN * 1000)

    def assert_quiet(self) -> None:
        """No dialog asks anything, nothing is red, nothing failed."""
        expect(self.page.locator(".jp-Dialog")).to_have_count(0)
        expect(self.page.locator('[data-mime-type="application/vnd.jupyter.stderr"]')).to_have_count(0)
        expect(self.page.locator('[data-mime-type="application/vnd.jupyter.error"]')).to_have_count(0)


def picture(page: Page, name: str, of: Locator | None = None) -> None:
    """Keep what the browser shows under build/screens, with one part of it at the top of the view."""
    if of:
        of.evaluate("part => part.scrollIntoView({block: 'start'})")
        page.wait_for_timeout(300)
    SCREENS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENS / f"{name}.png")


def new_page(browser: Browser) -> Page:
    page = browser.new_page(viewport={"width": 1360, "height": 960})
    page.set_default_timeout(120_000)
    return page
