"""A student in JupyterLab: notebooks, exercises, the slider, an assignment from the fetch to the hand-in."""

import re

import pytest
from browser_helpers import FIRST, Notebook, lab, picture, student
from PIL import Image
from playwright.sync_api import expect

from course_utils.grading import ASSIGNMENTS
from course_utils.grading.batch import pipeline


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """An nbgrader course that has released ps1."""
    course = tmp_path_factory.mktemp("room") / "class"
    pipeline.copy_course(ASSIGNMENTS, course, "ps1")
    with pipeline.open_course(course) as api:
        pipeline.generate(api, "ps1")
        pipeline.put_into_exchange(api, "ps1")
    return course


@pytest.fixture(scope="module")
def url(course):
    room = course.parent
    environment = student(room, course)
    with lab(room / "student", room / "lab.log", **environment) as address:
        yield address


def test_runs_the_first_notebook_and_does_an_exercise_wrong_and_then_right(page, url):
    notebook = Notebook(page, url, FIRST)
    notebook.assert_quiet()
    notebook.run_all()
    notebook.assert_quiet()
    expect(page.locator(".jp-OutputArea", has_text="Measured:").first).to_be_attached()
    expect(page.locator(".jp-OutputArea", has_text="Not so in this run:")).to_have_count(0)
    exercise = notebook.cell("tasks.count(count)")
    expect(exercise.locator(".jp-OutputArea")).to_contain_text("To do:")
    notebook.replace(exercise, "count = ...", "count = 25")
    expect(notebook.run(exercise)).to_contain_text("Not yet:")
    picture(page, "student_exercise_wrong")
    notebook.replace(exercise, "count = 25", "count = (base.output_shape[-1] + 1) * classes")
    expect(notebook.run(exercise)).to_contain_text("Right:")
    notebook.assert_quiet()
    picture(page, "student_exercise_right")


def test_moves_the_slider(page, url):
    notebook = Notebook(page, url, "notebooks/04_choosing_the_cut.ipynb")
    assert notebook.run_all(), "no progress bar was seen"
    notebook.assert_quiet()
    box = page.locator(".jp-OutputArea", has=page.locator(".widget-hslider")).first
    box.scroll_into_view_if_needed()
    shown = box.locator("img").first
    handle = box.locator(".noUi-handle").first
    handle.focus()
    seen, places = {shown.get_attribute("src")}, {box.locator(".widget-readout").first.inner_text()}
    for _ in range(3):
        page.keyboard.press("ArrowRight")
        page.wait_for_timeout(700)
        seen.add(shown.get_attribute("src"))
        places.add(box.locator(".widget-readout").first.inner_text())
    assert len(seen) == len(places) == 4
    picture(page, "student_slider")


def test_looks_at_a_picture_of_ones_own_with_the_explorer(page, url, tmp_path):
    Image.new("RGB", (80, 60), (250, 120, 30)).save(tmp_path / "mine.png")
    notebook = Notebook(page, url, "notebooks/03_layer_features.ipynb")
    cell = notebook.cell("widgets.explorer(")
    notebook.run_above(cell)
    notebook.run(cell)
    notebook.assert_quiet()
    shown, seen = cell.locator(".jupyter-widgets img").first, set()

    def new_picture():
        page.wait_for_timeout(1500)
        assert shown.get_attribute("src") not in seen
        seen.add(shown.get_attribute("src"))

    new_picture()
    cell.locator(".widget-dropdown select").select_option(index=2)
    new_picture()
    cell.locator(".noUi-handle").focus()
    page.keyboard.press("ArrowRight")
    new_picture()
    with page.expect_file_chooser() as chooser:
        cell.get_by_role("button", name=re.compile("My own picture")).click()
    chooser.value.set_files(tmp_path / "mine.png")
    expect(cell.locator(".widget-dropdown select")).to_have_value("mine.png")
    new_picture()
    picture(page, "student_explorer", cell.locator(".jp-OutputArea"))


def test_stops_a_training_at_the_dashboard(page, url):
    notebook = Notebook(page, url, "notebooks/06_fine_tuning.ipynb")
    cell = notebook.cell("watch = dashboard(")
    notebook.replace(cell, "epochs, draws = (3, 2) if FAST else (5, 3)", "epochs, draws = 10_000, 3")
    cell = notebook.cell("watch = dashboard(")
    notebook.run_above(cell)
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+Enter")
    how = cell.get_by_text("To stop the training")
    expect(how).to_be_visible(timeout=120_000)
    expect(cell.locator(".jupyter-widgets img").first).to_have_attribute("src", re.compile("blob:|data:"))
    first = cell.locator(".jupyter-widgets img").first
    assert first.evaluate("img => img.decode().then(() => img.naturalWidth)") > 0  # no broken picture at any time
    page.wait_for_timeout(4000)  # some drawings
    picture(page, "student_dashboard", how)
    page.locator(
        '.jp-Toolbar [data-command="notebook:interrupt-kernel"], .jp-Toolbar [title^="Interrupt"]'
    ).first.click()
    expect(cell.locator(".jp-InputArea-prompt")).not_to_have_text("[*]:", timeout=120_000)  # all epochs take hours
    expect(how).to_be_hidden()
    expect(cell.locator(".jp-RenderedImage img")).to_have_count(1)  # how it ended
    notebook.assert_quiet()


WRONG = "def black_and_white(source):\n    return 0.0, 1.0"
RIGHT = """import numpy as np
def black_and_white(source):
    pictures = np.stack([np.full((64, 64, 3), value, "uint8") for value in (0, 255)])
    made = source.preprocess(pictures)
    return float(made[0].mean()), float(made[1].mean())"""


def test_fetches_an_assignment_validates_and_submits_it(page, url, course):
    start = Notebook(page, url, FIRST)
    start.menu("Nbgrader", "Assignment List")
    page.get_by_role("button", name="Fetch").click()
    expect(page.get_by_role("button", name="Submit")).to_be_visible()
    picture(page, "student_assignments")
    notebook = Notebook(page, url, "ps1/ps1.ipynb")
    answer = notebook.cell("def black_and_white(")
    for code, right in ((WRONG, False), (RIGHT, True)):
        answer.locator(".cm-content").click()
        page.keyboard.press("Control+A")
        page.keyboard.insert_text(code)
        answer = notebook.cell("def black_and_white(")
        page.locator(".jp-Toolbar").get_by_role("button", name="Validate").click()
        dialog = page.locator(".jp-Dialog")
        expect(dialog).to_contain_text("Validation Results", timeout=120_000)
        told = dialog.inner_text()
        assert ("Checks black_and_white()" in told) is not right, told
        assert right or re.search(
            "No picture is darker than black .*✗ No picture is darker than black", told, re.DOTALL
        )
        picture(page, f"student_validate_{'right' if right else 'wrong'}")
        dialog.get_by_role("button").last.click()
    start = Notebook(page, url, FIRST)
    start.menu("Nbgrader", "Assignment List")
    page.get_by_role("button", name="Submit").click()
    expect(page.locator("#submitted_assignments_list")).to_contain_text("ps1")
    with pipeline.open_course(course) as api:
        pipeline.collect(api, "ps1")
        (who,) = api.get_submitted_students("ps1")
        handed_in = course / "submitted" / who / "ps1" / "ps1.ipynb"
    assert "made[1].mean()" in handed_in.read_text("utf-8")
    picture(page, "student_submitted")
