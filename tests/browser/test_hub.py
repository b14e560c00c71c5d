"""A class on the JupyterHub that docs/hub.md sets up: two students and a teacher, each with an account and a browser.

The accounts are in lists that only the hub sees: this machine keeps none.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import pytest
from browser_helpers import FIRST, Notebook, copy_course, free_ports, new_page, picture, wait_for_server
from conftest import ROOT
from helpers import let_in, page_files
from playwright.sync_api import expect

from course_utils.grading import ASSIGNMENTS
from course_utils.grading.batch import pipeline

PAGE = ROOT / "docs" / "hub.md"
USERS = {"ines": 60_001, "ada": 60_002, "bob": 60_003}
ANSWERS = {
    "ada": """import numpy as np
def black_and_white(source):
    pictures = np.stack([np.full((64, 64, 3), value, "uint8") for value in (0, 255)])
    made = source.preprocess(pictures)
    return float(made[0].mean()), float(made[1].mean())""",
    "bob": "def black_and_white(source):\n    return 0.0, 1.0",
}
ALSO = """
c.JupyterHub.bind_url = "http://127.0.0.1:{}"
c.JupyterHub.hub_port = {}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{}"
c.JupyterHub.authenticator_class = "dummy"
"""


def missing() -> str:
    """What there must be for a hub and is not, or nothing."""
    if os.name == "nt" or os.geteuid() or subprocess.run(["unshare", "-m", "true"], capture_output=True).returncode:
        return "only root on Linux, with the right to mount, can give each user of a hub an account for a while"
    if not find_spec("jupyterhub") or not find_spec("nbgitpuller") or not shutil.which("configurable-http-proxy"):
        return "there is no JupyterHub here: pip install jupyterhub nbgitpuller, npm install -g configurable-http-proxy"
    return ""


MISSING = missing()
pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)


@pytest.fixture(scope="module")
def room():
    """A folder that everybody may enter: the page's files, the exchange, and the homes of all."""
    room = Path(tempfile.mkdtemp(prefix="hub-"))
    room.chmod(0o755)
    for name, text in page_files(PAGE).items():
        (room / name).parent.mkdir(parents=True, exist_ok=True)
        (room / name).write_text(text.replace("/srv/class", str(room / "srv" / "class")), "utf-8")
    exchange = room / "srv" / "class" / "exchange"
    exchange.mkdir()
    exchange.chmod(0o777)
    pipeline.copy_course(ASSIGNMENTS, room / "home" / "ines" / "course" / "assignments", "ps1")
    accounts = {name: Path("/etc", name).read_text() for name in ("passwd", "group")}
    for name, number in USERS.items():
        home = room / "home" / name
        home.mkdir(parents=True, exist_ok=True)
        (home / ".gitconfig").write_text("[safe]\n\tdirectory = *\n")  # the repository is root's, on this disk
        subprocess.run(["chown", "-R", f"{number}:{number}", home], check=True)
        home.chmod(0o700)
        accounts["passwd"] += f"{name}:x:{number}:{number}::{home}:/bin/bash\n"
        accounts["group"] += f"{name}:x:{number}:\n"
    for name, text in accounts.items():
        (room / name).write_text(text)
    public = room / "public" / "course"
    public.mkdir(parents=True)
    copy_course(public)
    git = ["git", "-C", public, "-c", "user.name=ines", "-c", "user.email=ines@localhost"]
    for step in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "The course"]):
        subprocess.run([*git, *step], check=True)
    yield room
    shutil.rmtree(room)


@pytest.fixture(scope="module")
def hub(room):
    """The hub's address."""
    ports = free_ports(3)
    config = room / "etc" / "jupyterhub" / "jupyterhub_config.py"
    with config.open("a") as more:
        more.write(ALSO.format(*ports))
    steps = ["set -e", *(f"mount --bind {room / name} /etc/{name}" for name in ("passwd", "group"))]
    steps += [*let_in(Path(sys.base_prefix), room / "closed"), f"exec {sys.executable} -m jupyterhub -f {config}"]
    environment = {name: text for name, text in os.environ.items() if not name.startswith(("COURSE", "JUPYTER"))}
    environment["PATH"] += os.pathsep + str(Path(sys.executable).parent)
    steps = "\n".join(steps)
    command = ["unshare", "-m", "-p", "-f", "--mount-proc", "--kill-child", "sh", "-c", steps]  # ends all with itself
    log = room / "hub.log"
    with log.open("w") as out:
        started = subprocess.Popen(command, cwd=room / "etc", env=environment, stdout=out, stderr=out)
        try:
            url = f"http://127.0.0.1:{ports[0]}"
            wait_for_server(f"{url}/hub/api", started, log)
            yield url
        finally:
            started.kill()
            started.wait()


@pytest.fixture(scope="module")
def people(browser, hub):
    """Each one's browser, in which they have logged in."""
    pages = {name: new_page(browser) for name in USERS}
    for name, page in pages.items():
        page.goto(f"{hub}/hub/login")
        page.get_by_label("Username").fill(name)
        page.get_by_label("Password").fill("any")
        page.get_by_role("button", name="Sign in").click()
        page.wait_for_url(f"**/user/{name}/lab**", timeout=180_000)
    yield pages
    for page in pages.values():
        page.close()


def wait_for(page, found):
    """What `found` returns, once it is something."""
    end = time.monotonic() + 300
    while not (now := found()):
        assert time.monotonic() < end
        page.wait_for_timeout(200)
    return now


def in_terminal(page, url, command, told):
    """Type a command into a terminal of JupyterLab's; it must succeed."""
    page.goto(f"{url}/lab?reset")
    page.locator(".jp-LauncherCard", has_text="Terminal").click()
    page.locator(".jp-Terminal .xterm-screen").click()
    page.keyboard.type(f"cd ~/course/assignments && {Path(sys.executable).parent / command}; echo $? > {told}\n")
    assert wait_for(page, lambda: told.exists() and told.read_text()) == "0\n", command
    told.unlink()


def press(page, step):
    """Press one of Formgrader's buttons, and wait until it is done."""
    page.locator(f"td.{step} a").first.click()
    dialog = page.locator(".modal-dialog")
    expect(dialog).to_contain_text("Success", timeout=300_000)
    dialog.get_by_role("button", name="Close").last.click()
    expect(dialog).to_have_count(0)


def hand_in(page, url, answer, right):
    """Fetch, answer, validate and submit, as a student does."""
    Notebook(page, url, f"course/{FIRST}").menu("Nbgrader", "Assignment List")
    page.get_by_role("button", name="Fetch").click()
    expect(page.get_by_role("button", name="Submit")).to_be_visible()
    notebook = Notebook(page, url, "ps1/ps1.ipynb")
    notebook.cell("def black_and_white(").locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(answer)
    page.locator(".jp-Toolbar").get_by_role("button", name="Validate").click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("Validation Results", timeout=300_000)
    assert ("Checks black_and_white()" in dialog.inner_text()) is not right
    dialog.get_by_role("button").last.click()
    Notebook(page, url, f"course/{FIRST}").menu("Nbgrader", "Assignment List")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#submitted_assignments_list")).to_contain_text("ps1")


def test_a_class_hands_in_and_reads_its_feedback(people, hub, room):
    teacher, at = people["ines"], f"{hub}/user/ines"
    told = room / "home" / "ines" / "status"
    in_terminal(teacher, at, "course generate ps1", told)
    shown = teacher.goto(f"{hub}/hub/user-redirect/formgrader/manage_assignments")
    assert "frame-ancestors 'none'" in shown.headers["content-security-policy"]  # why it needs a tab of the browser
    press(teacher, "release")
    (link,) = re.findall(
        r"^https://hub\.example\.org(/hub/user-redirect/git-pull\S+)", PAGE.read_text("utf-8"), re.MULTILINE
    )
    link = link.replace(quote("https://github.com/you/course", ""), quote(f"file://{room}/public/course", ""))
    for name, answer in ANSWERS.items():
        page = people[name]
        page.goto(hub + link)
        page.wait_for_url(f"**/user/{name}/lab/tree/course/{FIRST}", timeout=120_000)
        hand_in(page, f"{hub}/user/{name}", answer, name == "ada")
        picture(page, f"hub_{name}_submitted")
    teacher.goto(f"{at}/formgrader/manage_assignments")
    press(teacher, "collect")
    teacher.goto(f"{at}/formgrader/manage_submissions/ps1")
    press(teacher, "autograde")  # the first one's, ada's
    picture(teacher, "hub_graded")
    in_terminal(teacher, at, "course grade ps1", told)
    picture(teacher, "hub_course_grade")
    teacher.goto(f"{at}/formgrader/manage_assignments")
    press(teacher, "generate-feedback")
    press(teacher, "release-feedback")
    for name, score in (("ada", 1.0), ("bob", 0.0)):
        page, home = people[name], room / "home" / name
        Notebook(page, f"{hub}/user/{name}", f"course/{FIRST}").menu("Nbgrader", "Assignment List")
        page.get_by_role("button", name="Fetch Feedback").click()
        (feedback,) = wait_for(page, lambda home=home: list(home.rglob("feedback/*/ps1.html")))
        page.goto(f"{hub}/user/{name}/lab/tree/{quote(feedback.relative_to(home).as_posix())}")
        read = page.frame_locator(".jp-HTMLViewer iframe")
        expect(read.get_by_text(f"Score: {score} / 30.0").first).to_be_attached()
        picture(page, f"hub_{name}_feedback")


def test_a_student_sees_no_work_of_others_and_no_formgrader(people, hub, room):
    sent = room / "srv" / "class" / "exchange" / "transfer-learning" / "inbound"
    assert {path.name.split("+")[0] for path in sent.iterdir()} == {"ada", "bob"}
    for closed in (sent, room / "home" / "ada", room / "home" / "ines"):
        look = ["setpriv", f"--reuid={USERS['bob']}", "--clear-groups", "ls", str(closed)]
        assert "Permission denied" in subprocess.run(look, capture_output=True, text=True).stderr
    page = people["bob"]
    assert page.goto(f"{hub}/user/bob/formgrader/manage_assignments").status == 404
    assert page.goto(f"{hub}/user/ines/lab").status == 403
    Notebook(page, f"{hub}/user/bob", f"course/{FIRST}").menu("Nbgrader")
    expect(page.get_by_role("menuitem", name="Assignment List")).to_be_visible()
    expect(page.get_by_role("menuitem", name="Formgrader")).to_have_count(0)
