"""A class on the JupyterHub that docs/hub.md sets up: two students and a teacher, from the link to the feedback."""

import re
import subprocess
from urllib.parse import quote

import pytest
from browser_helpers import FIRST, Notebook, copy_course, picture
from hub_helpers import FIRST_ACCOUNT, PAGE, TEACHER, Person, class_room, needs_a_hub, running_hub, wait_for
from playwright.sync_api import expect

pytestmark = needs_a_hub
ANSWERS = {
    "ada": """import numpy as np
def black_and_white(source):
    pictures = np.stack([np.full((64, 64, 3), value, "uint8") for value in (0, 255)])
    made = source.preprocess(pictures)
    return float(made[0].mean()), float(made[1].mean())""",
    "bob": "def black_and_white(source):\n    return 0.0, 1.0",
}


@pytest.fixture(scope="module")
def room():
    """The class room, with the course as a public repository."""
    with class_room(ANSWERS, ["ps1"]) as room:
        public = room / "public" / "course"
        public.mkdir(parents=True)
        copy_course(public)
        git = ["git", "-C", public, "-c", "user.name=ines", "-c", "user.email=ines@localhost"]
        for step in (["init", "-q", "-b", "main"], ["add", "."], ["commit", "-q", "-m", "The course"]):
            subprocess.run([*git, *step], check=True)
        yield room


@pytest.fixture(scope="module")
def hub(room):
    with running_hub(room) as hub:
        yield hub


@pytest.fixture(scope="module")
def people(browser, hub, room):
    """Each one in their own browser."""
    people = {name: Person(browser, hub, room, name) for name in (TEACHER, *ANSWERS)}
    yield people
    for person in people.values():
        person.page.close()


def hand_in(person, answer, right):
    """Fetch, answer, validate and submit, as a student does."""
    page = person.page
    person.opens_list()
    person.presses_in_list("released", "ps1", "Fetch")
    expect(page.get_by_role("button", name="Submit")).to_be_visible()
    notebook = Notebook(page, person.url, "ps1/ps1.ipynb")
    notebook.cell("def black_and_white(").locator(".cm-content").click()
    page.keyboard.press("Control+A")
    page.keyboard.insert_text(answer)
    page.locator(".jp-Toolbar").get_by_role("button", name="Validate").click()
    dialog = page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("Validation Results", timeout=300_000)
    assert ("Checks black_and_white()" in dialog.inner_text()) is not right
    dialog.get_by_role("button").last.click()
    person.opens_list()
    person.presses_in_list("fetched", "ps1", "Submit")
    expect(page.locator("#submitted_assignments_list")).to_contain_text("ps1")


def test_a_class_hands_in_and_reads_its_feedback(people, hub, room):
    teacher, folder = people[TEACHER], "course/assignments"
    teacher.types("course generate ps1", folder)
    shown = teacher.page.goto(f"{hub.url}/hub/user-redirect/formgrader/manage_assignments")
    assert "frame-ancestors 'none'" in shown.headers["content-security-policy"]  # why it needs a tab of the browser
    teacher.presses_in_table("release")
    (link,) = re.findall(
        r"^https://hub\.example\.org(/hub/user-redirect/git-pull\S+)", PAGE.read_text("utf-8"), re.MULTILINE
    )
    link = link.replace(quote("https://github.com/you/course", ""), quote(f"file://{room}/public/course", ""))
    for name, answer in ANSWERS.items():
        page = people[name].page
        page.goto(hub.url + link)
        page.wait_for_url(f"**/user/{name}/lab/tree/course/{FIRST}", timeout=120_000)
        hand_in(people[name], answer, name == "ada")
        picture(page, f"hub_{name}_submitted")
    teacher.formgrader("manage_assignments")
    teacher.presses_in_table("collect")
    teacher.formgrader("manage_submissions/ps1")
    teacher.presses_in_table("autograde", "ada")
    picture(teacher.page, "hub_graded")
    teacher.types("course grade ps1", folder)
    picture(teacher.page, "hub_course_grade")
    teacher.formgrader("manage_assignments")
    teacher.presses_in_table("generate-feedback")
    teacher.presses_in_table("release-feedback")
    for name, score in (("ada", 1.0), ("bob", 0.0)):
        page, home = people[name].page, people[name].home
        people[name].opens_list()
        people[name].presses_in_list("submitted", "ps1", "Fetch Feedback")
        (feedback,) = wait_for(page, lambda home=home: list(home.rglob("feedback/*/ps1.html")))
        page.goto(f"{hub.url}/user/{name}/lab/tree/{quote(feedback.relative_to(home).as_posix())}")
        read = page.frame_locator(".jp-HTMLViewer iframe")
        expect(read.get_by_text(f"Score: {score} / 30.0").first).to_be_attached()
        picture(page, f"hub_{name}_feedback")


def test_a_student_sees_no_work_of_others_and_no_formgrader(people, hub, room):
    sent = room / "srv" / "class" / "exchange" / "transfer-learning" / "inbound"
    assert {path.name.split("+")[0] for path in sent.iterdir()} == {"ada", "bob"}
    number = FIRST_ACCOUNT + len(ANSWERS)  # bob's, the last one
    for closed in (sent, people["ada"].home, people[TEACHER].home):
        look = ["setpriv", f"--reuid={number}", "--clear-groups", "ls", str(closed)]
        assert "Permission denied" in subprocess.run(look, capture_output=True, text=True).stderr
    page = people["bob"].page
    assert page.goto(f"{hub.url}/user/bob/formgrader/manage_assignments").status == 404
    assert page.goto(f"{hub.url}/user/ines/lab").status == 403
    Notebook(page, f"{hub.url}/user/bob", f"course/{FIRST}").menu("Nbgrader")
    expect(page.get_by_role("menuitem", name="Assignment List")).to_be_visible()
    expect(page.get_by_role("menuitem", name="Formgrader")).to_have_count(0)
