"""A term on the JupyterHub that docs/hub.md sets up: ten students, three assignments, from release to grades elsewhere.

Late, extended, resubmitted, misnamed, damaged and copied work among it; `hub_term` says what must come of each.
"""

import csv
import io
import re
import subprocess
import zipfile
from datetime import UTC, datetime, timedelta

import hub_term as term
import nbformat
import pytest
from browser_helpers import picture
from conftest import ROOT
from hub_helpers import FIRST_ACCOUNT, TEACHER, Person, class_room, course_of, needs_a_hub, running_hub, wait_for
from nbgrader.api import Gradebook, MissingEntry
from playwright.sync_api import expect

pytestmark = needs_a_hub
COURSE = "course/assignments"
GRADING = ROOT / "docs" / "grading.md"
IN_GROUP = ("ada", "dora", "eli", "fay", "gus", "hana", "ivo")
SETTINGS = """
c.NbGraderAPI.timezone = "Europe/Berlin"
c.LatePenalty.per_day = "10%"
c.LatePenalty.most = "50%"
c.Variants.assignments = ["ps6"]
"""


class Class:
    """The hub, who works on it, and what the teacher's gradebook says."""

    def __init__(self, browser, hub, room):
        self.browser, self.hub, self.room, self.course = browser, hub, room, course_of(room)
        self.people = {}

    def __getitem__(self, name):
        """A person, who logs in when needed first."""
        if name not in self.people:
            self.people[name] = Person(self.browser, self.hub, self.room, name)
        return self.people[name]

    def gives(self, name, files):
        """Put files, by their paths in the home, where a person has them from elsewhere: a laptop, say."""
        number = FIRST_ACCOUNT + [TEACHER, *term.STUDENTS].index(name)
        home = self.room / "home" / name
        for path, content in files.items():
            (home / path).parent.mkdir(parents=True, exist_ok=True)
            (home / path).write_bytes(content if isinstance(content, bytes) else content.encode())
            made = [home / path, *(home / path).parents]
            subprocess.run(["chown", f"{number}:{number}", *made[: made.index(home)]], check=True)

    def work(self, assignment, student, and_makes=()):
        """A student's notebook, from the assignment that everybody gets or from the student's own variant."""
        of = term.TERM[assignment][student].like or student
        variant = self.course / "variants" / assignment / f"{of}.zip"
        if assignment == "ps6" and student != "bob":  # who took the common one
            with zipfile.ZipFile(variant) as archive:
                released = archive.read(f"{assignment}/{assignment}.ipynb").decode()
        else:
            released = (self.course / "release" / assignment / f"{assignment}.ipynb").read_text("utf-8")
        made = term.written(nbformat.reads(released, as_version=4), assignment, student, and_makes)
        return nbformat.writes(made).encode()

    def hands_in(self, student, assignment, *attempts, fetch=True):
        """Fetch an assignment and submit it once for each attempt, files by name, in the list of assignments."""
        person, sent = self[student], self.room / "srv" / "class" / "exchange" / "transfer-learning" / "inbound"
        person.opens_list()
        if fetch:
            person.presses_in_list("released", assignment, "Fetch")
            wait_for(person.page, (person.home / assignment / f"{assignment}.ipynb").exists)
        for files in attempts or [{f"{assignment}.ipynb": self.work(assignment, student)}]:
            self.gives(student, {f"{assignment}/{name}": content for name, content in files.items()})
            before = len(list(sent.glob(f"{student}+{assignment}+*")))
            person.presses_in_list("fetched", assignment, "Submit")
            wait_for(person.page, lambda before=before: len(list(sent.glob(f"{student}+{assignment}+*"))) > before)
        expect(person.page.locator("#submitted_assignments_list")).to_contain_text(assignment)

    def teaches(self, *commands):
        return self[TEACHER].types(" && ".join(commands), COURSE)

    def asks(self, found):
        with Gradebook(f"sqlite:///{self.course / 'gradebook.db'}?timeout=60") as gradebook:
            return found(gradebook)

    def score(self, assignment, student):
        """A student's points less the penalty; None where nothing was handed in."""

        def found(gradebook):
            try:
                one = gradebook.find_submission(assignment, student)
            except MissingEntry:
                return None
            return max(0, one.score - one.late_submission_penalty)

        return self.asks(found)

    def opens_marking(self, assignment, student):
        """Open the page on which a student's answers are marked, in Formgrader."""
        found = self.asks(lambda gradebook: gradebook.find_submission_notebook(assignment, assignment, student).id)
        self[TEACHER].formgrader(f"submissions/{found}/")
        return self[TEACHER].page

    def mark(self, assignment, student):
        """Give a student's answers their lines of the rubric by clicks, or 0 points where none is given."""
        page = self.opens_marking(assignment, student)
        for (answer, points), lines in zip(
            term.by_hand(assignment, student).items(), term.TERM[assignment][student].lines, strict=True
        ):
            offers = page.locator(f'.offers[data-cell="{answer}"]')
            expect(offers.get_by_role("checkbox").first).to_be_enabled()
            for line in lines:
                offers.get_by_role("checkbox").nth(line).click()
            if not lines:
                page.locator(f"input#{answer}").fill("0")
                page.locator(f"input#{answer}").press("Tab")
            expect(page.locator(f"input#{answer}")).to_have_value(f"{points:g}")
            wait_for(page, lambda answer=answer, points=points: self._saved(assignment, student, answer) == points)
        page.wait_for_load_state("networkidle")

    def _saved(self, assignment, student, answer):
        def found(gradebook):
            grade = gradebook.find_grade(answer, assignment, assignment, student)
            return None if grade.needs_manual_grade else grade.manual_score

        return self.asks(found)

    def reads_feedback(self, student, assignment, score, name=None):
        """Fetch feedback by the button of the list of assignments, and read it in JupyterLab."""
        person, page = self[student], self[student].page
        person.opens_list()
        person.presses_in_list("submitted", assignment, "Fetch Feedback")
        (file,) = wait_for(page, lambda: list((person.home / assignment).glob(f"feedback/*/{name or assignment}.html")))
        wait_for(page, lambda: f"Score: {score:.1f} / " in file.read_text("utf-8"))
        page.goto(f"{person.url}/lab/tree/{file.relative_to(person.home).as_posix()}")
        read = page.frame_locator(".jp-HTMLViewer iframe")
        expect(read.get_by_text(f"Score: {score:.1f} / ").first).to_be_attached()
        return page

    def assert_marks(self, assignment, but=None):
        """Every mark is what it must be; `but` are those that are not so yet."""
        wanted = {name: term.mark(assignment, name) for name in term.TERM[assignment]} | (but or {})
        assert {name: self.score(assignment, name) for name in wanted} == pytest.approx(wanted)

    def exports(self, assignment):
        """Export to both platforms; Canvas's and Moodle's points by student, and what was said."""
        said = self.teaches(
            f"course export canvas {assignment} --roster gradebook.csv --to canvas.csv",
            f"course export moodle {assignment} --to moodle.csv",
        )
        rows = {}
        for system, login in (("canvas", "SIS Login ID"), ("moodle", "username")):
            with (self.course / f"{system}.csv").open(newline="") as file:
                table = list(csv.DictReader(file))
            column = next(head for head in table[0] if head.startswith(assignment))
            rows[system] = {row[login]: row[column] for row in table if row[login] in term.STUDENTS}
        return rows["canvas"], rows["moodle"], said


@pytest.fixture(scope="module")
def room():
    with class_room(term.STUDENTS, term.TERM) as room:
        yield room


@pytest.fixture(scope="module")
def hub(room):
    with running_hub(room) as url:
        yield url


@pytest.fixture(scope="module")
def group(browser, hub, room):
    """The class, to which three assignments were released."""
    group = Class(browser, hub, room)
    sets_up(group)
    yield group
    for person in group.people.values():
        person.page.close()


def sets_up(group):
    settings = (group.course / "nbgrader_config.py").read_text("utf-8") + SETTINGS
    group.gives(
        TEACHER,
        {
            f"{COURSE}/nbgrader_config.py": settings,
            f"{COURSE}/students.csv": term.students_list(),
            f"{COURSE}/gradebook.csv": term.canvas_gradebook(),
            f"{COURSE}/groups.csv": term.canvas_groups("Excursion", IN_GROUP),
        },
    )
    now = datetime.now(UTC)
    tomorrow, yesterday = (f"{now + timedelta(hours=hours):%Y-%m-%d %H:%M} UTC" for hours in (24, -30))
    group.teaches(
        "nbgrader db student import students.csv",
        f'course due ps1 "{tomorrow}"',
        f'course due ps4 "{yesterday}"',
        f'course due ps6 "{tomorrow}"',
    )
    group.teaches(*(f"course generate {assignment}" for assignment in term.TERM))
    group[TEACHER].formgrader("manage_assignments")
    group[TEACHER].presses_in_table("release", "ps1")


def agrees(group, assignment, late):
    """Gradebook, exports and report say the same: every mark, and who was late."""
    group.assert_marks(assignment)
    canvas, moodle, said = group.exports(assignment)
    wanted = {name: f"{term.mark(assignment, name):g}" if name in term.TERM[assignment] else "" for name in canvas}
    assert canvas == moodle == wanted and len(wanted) == len(term.STUDENTS)
    (told,) = {line for line in said.splitlines() if line.startswith(f"Late or with an extension in {assignment}")}
    group.teaches(f"course report {assignment}")
    page = (group.course / "results" / f"{assignment}.html").read_text("utf-8")
    for who, says in late.items():
        assert f"{who} ({says})" in told, told
        assert f">{who}</td>" in page and says in page
    return said


def test_one_with_late_extended_damaged_misnamed_and_copied_work(group):
    teacher = group[TEACHER]
    for name in ("ada", "gus", "hana"):
        group.hands_in(name, "ps1")
    picture(group["ada"].page, "term_ada_submitted")
    first, second = group.work("ps1", "ivo", and_makes=("cut_one_early",)), group.work("ps1", "ivo")
    group.hands_in("ivo", "ps1", {"ps1.ipynb": first}, {"ps1.ipynb": second})
    group.hands_in("eli", "ps1", {"ps1-Copy1.ipynb": group.work("ps1", "eli")})  # beside the one that was fetched
    group.hands_in("fay", "ps1", {"ps1.ipynb": group.work("ps1", "fay")[:9000]})
    said = group.teaches(
        f'course due ps1 "{datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC"', "course extend ps1 dora --days 2"
    )
    assert "dora: 2 days more for ps1" in said
    for name in ("bob", "cem", "dora"):
        group.hands_in(name, "ps1")

    teacher.formgrader("manage_assignments")
    teacher.presses_in_table("collect", "ps1")
    teacher.formgrader("manage_submissions/ps1")
    teacher.presses_in_table("autograde", "Brown")
    assert group.score("ps1", "bob") == pytest.approx(24 * 0.9)
    page = group.opens_marking("ps1", "bob")
    expect(page.locator(".alert")).to_contain_text("late, 2.4 points less")
    picture(page, "term_bob_by_the_button")
    said = group.teaches("course grade ps1")
    assert "fay: unreadable" in said and "'ps1-Copy1.ipynb' was graded" in said and "cem: " in said, said
    for name in term.TERM["ps1"]:
        if name != "fay":
            group.mark("ps1", name)

    group.teaches("course extend ps1 fay --days 3")
    group.hands_in("fay", "ps1", fetch=False)
    said = group.teaches("nbgrader collect ps1 --update", "course grade ps1")
    assert "fay: unreadable" not in said
    group.mark("ps1", "fay")
    teacher.formgrader("manage_assignments")
    for step in ("generate-feedback", "release-feedback"):
        teacher.presses_in_table(step, "ps1")
    late = 25.5 * 0.9
    group.assert_marks("ps1", but={"bob": late})
    picture(group.reads_feedback("ada", "ps1", 30), "term_ada_feedback")
    group.reads_feedback("bob", "ps1", late)
    picture(group.reads_feedback("eli", "ps1", 28, "ps1-Copy1"), "term_eli_feedback")

    said = group.teaches(
        "course extend ps1 bob --days 1", "nbgrader generate_feedback ps1 --force", "nbgrader release_feedback ps1"
    )
    assert "bob loses 0 points for being late, and not 2.55." in said
    picture(group.reads_feedback("bob", "ps1", 25.5), "term_bob_feedback_after")
    page = group.opens_marking("ps1", "bob")
    expect(page.locator(".alert")).to_contain_text("Extension of 1 day.")
    picture(page, "term_bob_extended")
    said = agrees(group, "ps1", {"bob": "extension of 1 day", "dora": "extension of 2 days"})
    assert "2.5 points less" in said and "wait for points" not in said
    assert "\ngus and hana: 100 %" in group.teaches("course similar ps1")


def test_two_with_a_group_extended_an_archive_and_work_from_canvas(group):
    said = group.teaches(
        "nbgrader release_assignment ps4",
        "course extend ps4 --group Excursion --roster groups.csv --days 2",
        "course extend ps4 cem --hours 12",
    )
    assert f"{', '.join(IN_GROUP)}: 2 days more for ps4" in said
    for name in ("ada", "bob", "cem", "gus", "hana", "ivo"):
        group.hands_in(name, "ps4")
    group.hands_in("dora", "ps4", {"ps4.ipynb": group.work("ps4", "dora", and_makes=("no_return",))})
    archive = {"ps4.zip": zipped({"my work/ps4.ipynb": group.work("ps4", "eli")})}
    group.hands_in("eli", "ps4", archive)
    moved = nbformat.reads(group.work("ps4", "fay").decode(), as_version=4)
    moved.cells = [c for c in moved.cells if c.metadata.get("nbgrader", {}).get("grade_id") != "test-count"]
    moved.cells.append(moved.cells.pop(4))
    group.hands_in("fay", "ps4", {"ps4.ipynb": nbformat.writes(moved)})
    from_canvas = zipped({"jinjun_LATE_1009_50001_ps4.ipynb": group.work("ps4", "jun")})
    group.gives(TEACHER, {f"{COURSE}/submissions.zip": from_canvas})
    said = group.teaches(
        "nbgrader collect ps4", "course collect ps4 submissions.zip --roster gradebook.csv", "course grade ps4"
    )
    assert "fay: graded with repairs" in said and "eli: graded with repairs" in said, said
    for name in term.TERM["ps4"]:
        group.mark("ps4", name)
    assert group.score("ps4", "dora") == pytest.approx(term.mark("ps4", "dora") - 3)
    group.hands_in("dora", "ps4", fetch=False)
    said = group.teaches("nbgrader collect ps4 --update", "course grade ps4")
    assert "1 submissions wait for points by a person" in said  # those that dora has were for another answer
    group.mark("ps4", "dora")
    said = group.teaches("nbgrader generate_feedback ps4", "nbgrader release_feedback ps4", "course return ps4 canvas")
    assert "ps4-feedback-canvas.zip: 1 pages" in said and "Not from Canvas" in said, said
    agrees(group, "ps4", {"bob": "1 day 6 hours late", "ada": "extension of 2 days"})
    assert "The same code: gus, hana, ivo." in group.teaches("course similar ps4")


def test_three_with_a_variant_for_each(group, room):
    said = group.teaches("course variants ps6 --roster gradebook.csv", "nbgrader release_assignment ps6")
    assert f"{len(term.STUDENTS)} archives" in said
    (loop,) = re.findall(r"^for z in variants/ps1.*?^done$", GRADING.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    group.hub.as_root(loop.replace("ps1", "ps6"), group.course)
    for name in term.TERM["ps6"]:
        assert (room / "home" / name / "ps6" / "ps6.ipynb").is_file()
        group.hands_in(name, "ps6", fetch=False)
    said = group.teaches("nbgrader collect ps6 --update", "course grade ps6")
    assert "The seed is that of gus." in said and "the seed of the release for all" in said, said
    for name in term.TERM["ps6"]:
        group.mark("ps6", name)
    group.teaches("nbgrader generate_feedback ps6", "nbgrader release_feedback ps6")
    picture(group.reads_feedback("hana", "ps6", term.mark("ps6", "hana")), "term_hana_feedback")
    assert "gus" not in next((room / "home" / "hana" / "ps6").glob("feedback/*/ps6.html")).read_text("utf-8")
    agrees(group, "ps6", {})
    assert "\ngus and hana: 100 %" in group.teaches("course similar ps6")


def zipped(files):
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return made.getvalue()
