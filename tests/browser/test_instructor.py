"""An instructor: a graded class in Formgrader, an essay graded by hand, feedback released, and read by the student."""

import getpass

import nbformat
import pytest
from browser_helpers import FIRST, TOKEN, Notebook, copy_course, exchange, lab, picture, student
from playwright.sync_api import expect

from course_utils.grading import ASSIGNMENTS
from course_utils.grading.audit.known_answers import build_submission, read_answers
from course_utils.grading.batch import pipeline
from course_utils.grading.course import instructor
from course_utils.grading.reports.by_hand import FOLDER
from course_utils.grading.sandbox import available

UNSAFE = available.missing() is not None  # these submissions are our own
COMMENT = "Well measured. What would the loss have told you?"


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """An nbgrader course in a folder of the course, in which two students' ps1 was graded."""
    room = tmp_path_factory.mktemp("teacher")
    (room / "teacher").mkdir()
    course = copy_course(room / "teacher") / "assignments"
    pipeline.copy_course(ASSIGNMENTS, course, "ps1")
    answers = read_answers(ASSIGNMENTS, "ps1")
    with pipeline.open_course(course, UNSAFE) as api:
        released = nbformat.read(pipeline.generate(api, "ps1") / "ps1.ipynb", as_version=4)
        pipeline.put_into_exchange(api, "ps1")
        home, sent = room / "home" / "ps1", course / "submitted" / "zoe" / "ps1"
        for folder, like in ((home, "unscaled"), (sent, "perfect")):
            folder.mkdir(parents=True)
            nbformat.write(build_submission(released, answers.of(like)), folder / "ps1.ipynb")
        (sent / "timestamp.txt").write_text("2026-01-31 12:00:00 UTC")  # as `nbgrader submit` writes them
        (sent / "submission_secret.txt").write_text("zoe's")
        pipeline.submit(api, "ps1", getpass.getuser(), room / "home")
        pipeline.collect(api, "ps1")
        assert not pipeline.autograde(api, "ps1", progress=False).failed
    with (course / "nbgrader_config.py").open("a") as settings:
        settings.write("\n" + exchange(course))
    return course


def frame_of(page):
    """Formgrader within JupyterLab."""
    return page.frame_locator('iframe[src*="formgrader"]')


def test_grades_an_essay_by_hand_and_the_student_reads_it(page, course):
    room, me = course.parent.parent, getpass.getuser()
    with lab(course, room / "lab.log") as url:
        Notebook(page, url, FIRST).menu("Nbgrader", "Formgrader")
        grader = frame_of(page)
        expect(grader.locator("tbody")).to_contain_text("ps1")
        picture(page, "instructor_assignments")
        grader.get_by_role("link", name="Manual Grading").click()
        for _ in range(2):  # the assignment, then its one notebook
            grader.locator("tbody").get_by_role("link", name="ps1").click()
        picture(page, "instructor_submissions")
        with pipeline.open_course(course) as api, api.gradebook as gradebook:
            mine = gradebook.find_submission_notebook("ps1", "ps1", me).id
        # The page fills its fields with what is in the gradebook when that has come, over what was typed before.
        page.goto(f"{url}/formgrader/submissions/{mine}/", wait_until="networkidle")
        points, comment = page.locator("input#why-silent"), page.locator("textarea#why-silent-comment")
        points.scroll_into_view_if_needed()
        for field, text in ((points, "3.5"), (comment, COMMENT)):
            with page.expect_response(
                lambda got: got.request.method == "PUT" and "/formgrader/api/" in got.url
            ) as saved:
                field.fill(text)
                field.press("Tab")
            assert saved.value.ok
        picture(page, "instructor_essay")
        page.goto(f"{url}/formgrader/manage_assignments")
        for step in ("generate-feedback", "release-feedback"):
            page.locator(f"td.{step} a").click()
            dialog = page.locator(".modal-dialog")
            expect(dialog).to_contain_text("Success", timeout=120_000)
            dialog.get_by_role("button", name="Close").last.click()
            expect(dialog).to_have_count(0)
    with pipeline.open_course(course) as api, api.gradebook as gradebook:
        submission = gradebook.find_submission("ps1", me)
        by_tests = submission.score - 3.5
        assert not submission.needs_manual_grade and 0 < by_tests < 26

    environment = student(room, course)
    with lab(room / "student", room / "student.log", **environment) as url:
        Notebook(page, url, FIRST).menu("Nbgrader", "Assignment List")
        page.get_by_role("button", name="Fetch Feedback").click()
        expect(page.get_by_role("button", name="Fetch Feedback")).to_have_count(0, timeout=120_000)
        page.locator("#submitted_assignments_list").get_by_text("ps1").first.click()
        picture(page, "student_feedback_fetched")
        (feedback,) = (room / "student").rglob("feedback/*/ps1.html")
        page.goto(f"{url}/lab/tree/{feedback.relative_to(room / 'student').as_posix()}")  # in JupyterLab's viewer
        read = page.frame_locator(".jp-HTMLViewer iframe")
        expect(read.get_by_text(COMMENT)).to_be_attached(timeout=120_000)
        expect(read.get_by_text(f"Score: {submission.score:.1f} / 30.0").first).to_be_attached()
        picture(page, "student_feedback")


def test_marks_with_a_rubric_and_an_earlier_comment(page, course):
    def told(student):
        with pipeline.open_course(course) as api, api.gradebook as gradebook:
            grade = gradebook.find_grade("why-silent", "ps1", "ps1", student)
            written = gradebook.find_comment("why-silent", "ps1", "ps1", student)
            return grade.manual_score, written.manual_comment

    me, room = getpass.getuser(), course.parent.parent
    lines = ["Why it is silent: the shape <b>fits</b>.", "A check that would show it."]
    (course / FOLDER).mkdir()
    (course / FOLDER / "ps1.toml").write_text(f'why-silent = ["1.5: {lines[0]}", "1: {lines[1]}", "5: All of it."]')
    with pipeline.open_course(course) as api, api.gradebook as gradebook:
        gradebook.find_comment("why-silent", "ps1", "ps1", me).manual_comment = COMMENT
        gradebook.find_grade("why-silent", "ps1", "ps1", me).manual_score = 3.5
        gradebook.db.commit()
        zoe = gradebook.find_submission_notebook("ps1", "ps1", "zoe").id
    with lab(course, room / "marking.log") as url:
        page.goto(f"{url}/lab?token={TOKEN}")
        page.goto(f"{url}/formgrader/submissions/{zoe}/", wait_until="networkidle")
        offers = page.locator('.offers[data-cell="why-silent"]')
        points, comment = page.locator("input#why-silent"), page.locator("textarea#why-silent-comment")

        def choose(what, score, text):
            what.click()
            expect(points).to_have_value(score)
            expect(comment).to_have_value(text)
            page.wait_for_load_state("networkidle")
            expect(page.locator(".save-icon.glyphicon-refresh")).to_have_count(0)
            assert told("zoe") == (float(score), text)

        first, second, whole = (offers.get_by_role("checkbox").nth(k) for k in range(3))
        choose(first, "1.5", lines[0])
        choose(second, "2.5", "\n".join(lines))
        expect(first).to_be_checked()
        picture(page, "instructor_rubric", offers)
        choose(first, "1", lines[1])  # taken back
        choose(whole, "4", f"{lines[1]}\nAll of it.")  # never more than there are
        choose(whole, "1", lines[1])
        choose(second, "0", "")
        points.fill("")
        comment.click()  # leaves the field, which saves it
        offers.get_by_text("Earlier comments (1)").click()
        earlier = offers.get_by_role("button", name=COMMENT)
        expect(earlier).to_contain_text("3.5 of 4, 1 time")
        picture(page, "instructor_earlier_comments", offers)
        choose(earlier, "3.5", COMMENT)
        choose(second, "4", f"{COMMENT}\n{lines[1]}")  # a line more than what was given by hand
        page.reload(wait_until="networkidle")
        expect(second).to_be_checked()
        expect(first).not_to_be_checked()
    assert told(me) == (3.5, COMMENT)


def test_the_report_is_readable_in_a_browser_and_on_a_phone(page, course):
    written = instructor.write_report(course, "ps1")
    page.goto(written.as_uri())
    expect(page.get_by_role("heading", name="The commonest wrong answers")).to_be_attached()
    picture(page, "instructor_report")
    page.locator("summary").first.click()
    expect(page.locator("details pre").first).to_be_visible()
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.emulate_media(color_scheme="dark")
    picture(page, "instructor_report_phone_dark")
