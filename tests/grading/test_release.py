"""Feedback through nbgrader's exchange: every student finds it, whatever they have called their notebook."""

import pytest
from grading_stub import grade, hand_in, write_source
from nbgrader.utils import notebook_hash

from course_utils.grading.batch import pipeline, submissions
from course_utils.grading.course import author, instructor
from course_utils.grading.sandbox import available

pytestmark = [
    pytest.mark.skipif(available.missing() is not None, reason=f"no isolation here: {available.missing()}"),
    pytest.mark.skipif(not pipeline.has_exchange(), reason="nbgrader's exchange is not for Windows"),
]

# The files that each hands in, and the names under which a page must be there.
HANDED_IN = {
    "ann": (("tiny.ipynb",), {"tiny"}),
    "bob": (("tiny-Copy1.ipynb",), {"tiny", "tiny-Copy1"}),
    "cal": (("tiny.ipynb", "Untitled.ipynb"), {"tiny", "Untitled"}),
    "dan": (("tiny.ipynb.txt",), {"tiny"}),
}


def test_a_page_is_there_for_each_notebook_that_was_handed_in(tmp_path, monkeypatch):
    def graded(workers, most, task, sent, work=None):
        for key, packed in sent:
            yield key, grade(packed, task)

    monkeypatch.setattr(submissions, "grade_all", graded)
    monkeypatch.setattr(author, "grade_all", graded)
    course = write_source(tmp_path / "class")
    for student, (files, _) in HANDED_IN.items():
        hand_in(course, student, "# passes 2")
        sent = course / "submitted" / student / "tiny"
        content = (sent / "tiny.ipynb").read_bytes()
        (sent / "tiny.ipynb").unlink()
        for file in files:
            (sent / file).write_bytes(content)
        (sent / "timestamp.txt").write_text("2030-05-01 12:00:00 UTC")
        (sent / "submission_secret.txt").write_text(f"{student}'s")
    instructor.grade_class(course, "tiny")
    with pipeline.open_course(course) as api:
        pages = {student: page.read_bytes() for student, page in pipeline.feedback(api, "tiny", progress=False)}
        assert api.release_feedback("tiny")["success"]
        released = {file.name: file.read_bytes() for file in (course / "exchange").rglob("feedback/*")}
    wanted = {
        f"{notebook_hash(secret=f'''{student}'s''', notebook_id=name)}.html": pages[student]
        for student, (_, names) in HANDED_IN.items()
        for name in names
    }
    assert released == wanted
