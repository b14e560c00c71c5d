"""Due dates with zones, extensions before and after grading, and what being late costs. No kernel runs here."""

import csv
import json
import shutil
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import nbformat
import pytest
from click.testing import CliRunner
from grading_stub import grade, hand_in, write_source
from helpers import complains
from nbformat.v4 import new_markdown_cell
from traitlets.config import Config

from course_utils import cli
from course_utils.errors import GradingFailed
from course_utils.grading.batch import pipeline, submissions
from course_utils.grading.batch.bookkeeping import renew_lateness
from course_utils.grading.course import author, instructor
from course_utils.grading.deadlines import changes, due, penalty
from course_utils.grading.deadlines.extensions import FILE, read_waiting
from course_utils.grading.deadlines.lateness import span
from course_utils.grading.intake.matching import bare
from course_utils.grading.sandbox import available

pytestmark = pytest.mark.skipif(available.missing() is not None, reason=f"no isolation here: {available.missing()}")
BERLIN = ZoneInfo("Europe/Berlin")
DUE = datetime(2030, 5, 1, 12)
SETTINGS = "\nc.NbGraderAPI.timezone = 'Europe/Berlin'\nc.LatePenalty.per_day = '1'\nc.LatePenalty.grace = 15\n"


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    return write_source(tmp_path_factory.mktemp("template") / "class", SETTINGS)


@pytest.fixture
def course(template, tmp_path, monkeypatch):
    """A course whose students can get 5 points, and whose submissions are graded here and now."""

    def graded(workers, most, task, sent, work=None):
        for key, packed in sent:
            yield key, grade(packed, task)

    monkeypatch.setattr(submissions, "grade_all", graded)
    monkeypatch.setattr(author, "grade_all", graded)
    shutil.copytree(template, tmp_path / "class")
    return tmp_path / "class"


def opened(course):
    return pipeline.open_course(course, own_exchange=False)


def settings(course, lines):
    with (course / "nbgrader_config.py").open("a", encoding="utf-8") as file:
        file.write(f"\n{lines}\n")


def arrives(course, student, late, passes=3):
    hand_in(course, student, f"# passes {passes}")
    (course / "submitted" / student / "tiny" / "timestamp.txt").write_text(f"{DUE + late} UTC")


def set_due(course, when="2030-05-01 12:00 UTC"):
    with opened(course) as api:
        return changes.set_due(api, "tiny", when)


def extend(course, *students, **time):
    with opened(course) as api:
        return changes.extend(api, "tiny", students, timedelta(**time))


def rows(course):
    with (course / "results" / "tiny.csv").open(newline="") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


def score(course, student):
    with opened(course) as api, api.gradebook as gradebook:
        found = gradebook.find_submission("tiny", student)
        return found.score - found.late_submission_penalty


READ = {
    "2030-05-01 23:59": "2030-05-01 21:59",  # the course's own zone
    "2030-05-01 23:59 UTC": "2030-05-01 23:59",
    "2030-05-01 23:59 America/New_York": "2030-05-02 03:59",
    "2030-05-01T23:59:30+05:30": "2030-05-01 18:29:30",
    "2030-01-01 00:00": "2029-12-31 23:00",
    "2030-10-27 02:30": "2030-10-27 01:30",  # comes twice: the later one
}


@pytest.mark.parametrize("text", READ)
def test_a_due_date_is_read_in_its_zone(text):
    assert due.parse_due(text, BERLIN) == datetime.fromisoformat(READ[text])


REFUSED = {
    "2030-05-01 23:59 Europe/Berln": "Europe/Berln",
    "2030-05-01 23:59 PST": "PST",  # nbgrader takes it for UTC
    "2030-05-01 23:59 Europe": "Europe",
    "2030-05-01 23:59 ../UTC": "no date",
    "2030-05-01": "no date",  # its beginning, or its end?
    "05/01/2030 23:59": "no date",
    "tomorrow 12:00": "no date",
    "2030-02-30 12:00": "no date",
    "0001-01-01 00:00": "no date",
    "": "no date",
    "2030-03-31 02:30": "clocks are set forward",
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_due_date_that_nobody_can_mean_is_refused(text):
    with complains(GradingFailed, REFUSED[text]):
        due.parse_due(text, BERLIN)


def test_a_due_date_is_told_in_the_courses_zone_and_in_utc():
    told = due.due_text(datetime(2030, 5, 1, 22, 30), BERLIN)
    assert told == "Thursday, 2 May 2030, 00:30 (Europe/Berlin, UTC+02:00), that is 2030-05-01 22:30 UTC"
    assert due.due_text(datetime(2030, 5, 1, 22, 30, 5), ZoneInfo("UTC")) == "Wednesday, 1 May 2030, 22:30:05 UTC"
    with complains(GradingFailed, "Mars/Base", "c.NbGraderAPI.timezone"):
        due.course_zone(Config(NbGraderAPI={"timezone": "Mars/Base"}))


def test_students_read_the_due_date_and_the_penalty_and_grading_does_not(course):
    assert any("course generate tiny" in told for told in set_due(course))
    for _ in range(2):  # a second release has it once, too
        with opened(course) as api:
            released = pipeline.generate(api, "tiny")
    first, *others = nbformat.read(released / "tiny.ipynb", as_version=4).cells
    assert first.source == (
        "**Due:** Wednesday, 1 May 2030, 14:00 (Europe/Berlin, UTC+02:00), that is 2030-05-01 12:00 UTC. Late work, "
        "more than 15 minutes late, loses 1 point for each day begun."
    )
    assert not [cell for cell in others if "**Due:**" in cell.source] and "nbgrader" not in first.metadata
    assert bare(first.source) == "" and bare(f"a\n{first.source}\nb") == "a b"
    assert bare("**Due:** to its size it fails.") != ""
    arrives(course, "ann", timedelta(0))
    file = course / "submitted" / "ann" / "tiny" / "tiny.ipynb"
    theirs = nbformat.read(file, as_version=4)
    theirs.cells.insert(1, new_markdown_cell(first.source.replace("14:00", "16:00")))  # of an earlier release
    nbformat.write(theirs, file)
    instructor.grade_class(course, "tiny")
    assert rows(course)["ann"]["state"] == "graded" and rows(course)["ann"]["noticed"] == ""


def test_without_a_due_date_the_release_is_as_it_was(template):
    cells = nbformat.read(template / "release" / "tiny" / "tiny.ipynb", as_version=4).cells
    assert cells and not [cell for cell in cells if "Due" in cell.source]


# The settings, hours late, points, and how many of them are lost.
COSTS = [
    ({}, 30, 5, 0),
    ({"per_day": "2"}, 0.2, 5, 2),
    ({"per_day": "2"}, 24, 5, 2),
    ({"per_day": "2"}, 24.1, 5, 4),
    ({"per_day": "2"}, 99, 5, 5),
    ({"per_day": "2", "most": "3"}, 99, 5, 3),
    ({"per_day": "10%"}, 25, 5, 1),
    ({"per_day": "10 %", "most": "15%"}, 25, 5, 0.75),
    ({"per_day": "2", "most": "50%"}, 99, 5, 2.5),
    ({"per_day": "2", "grace": 60}, 1, 5, 0),
    ({"per_day": "2", "grace": 60}, 1.1, 5, 2),
    ({"penalty_method": "zero"}, 1, 5, 5),
    ({"penalty_method": "zero", "grace": 60}, 1, 5, 0),
    ({"per_day": "2"}, 30, 0, 0),
]


@pytest.mark.parametrize(("given", "hours", "points", "lost"), COSTS)
def test_what_being_late_costs(given, hours, points, lost):
    plugin = penalty.LatePenalty(**given)
    assert (plugin.late_submission_penalty("ann", points, hours * 3600) or 0) == pytest.approx(lost)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("c.LatePenalty.per_day = 'ten'", ("per_day", '"10%"')),
        ("c.LatePenalty.most = '150%'", ("most",)),
        ("c.LatePenalty.grace = -5", ("grace",)),
        ("c.LatePenalty.perday = '2'", ("c.LatePenalty.perday", "per_day")),
        (
            "from nbgrader.preprocessors import AssignLatePenalties as Old\n"
            "c.Autograde.autograde_preprocessors = [Old if step is LatePenalties else step for step in "
            "c.Autograde.autograde_preprocessors]",
            ("LatePenalties",),
        ),
    ],
)
def test_settings_that_make_no_sense_are_told_before_anything_is_graded(course, line, words):
    set_due(course)
    arrives(course, "ann", timedelta(hours=1))
    settings(course, line)
    with complains(GradingFailed, "nbgrader_config.py", *words):
        instructor.grade_class(course, "tiny")
    assert not (course / "autograded").exists()


def test_two_notebooks_lose_the_points_of_a_day_together(course):
    """Whatever their order is, and what the second gave before it was graded."""
    for name in ("alpha", "zeta"):
        shutil.copy(course / "source" / "tiny" / "tiny.ipynb", course / "source" / "tiny" / f"{name}.ipynb")
    settings(course, "c.LatePenalty.per_day = '2'")
    with opened(course) as api:
        pipeline.generate(api, "tiny")
        changes.set_due(api, "tiny", "2030-05-01 12:00 UTC")
        with api.gradebook as gradebook:
            gradebook.add_student("ann")
            gradebook.update_or_create_submission("tiny", "ann", timestamp=DUE + timedelta(hours=1))
            for notebook, points in {"alpha": 4, "tiny": 0, "zeta": 6}.items():
                for grade, given in zip(
                    gradebook.find_submission_notebook(notebook, "tiny", "ann").grades, (points, 0, 0), strict=True
                ):
                    grade.auto_score, grade.needs_manual_grade = given, False
            gradebook.db.commit()
        renew_lateness(api, "tiny", "ann")
        with api.gradebook as gradebook:
            lost = {n.name: n.late_submission_penalty for n in gradebook.find_submission("tiny", "ann").notebooks}
    assert {name: points or 0 for name, points in lost.items()} == pytest.approx({"alpha": 0.8, "tiny": 0, "zeta": 1.2})


def test_an_extension_counts_before_and_after_grading_and_runs_nothing(course, monkeypatch):
    set_due(course)
    with opened(course) as api, api.gradebook as gradebook:
        gradebook.add_student("ada")
        gradebook.add_student("zoe")
    assert extend(course, "ada", "zoe", days=1) == [
        "ada, zoe: 1 day more for tiny, until Thursday, 2 May 2030, 14:00 (Europe/Berlin, UTC+02:00), that is "
        "2030-05-02 12:00 UTC."
    ]
    arrives(course, "ada", timedelta(hours=20))  # in time, by the extension that waited
    arrives(course, "bob", timedelta(hours=30))  # two days begun
    arrives(course, "cal", timedelta(minutes=10))  # in the grace
    told = instructor.grade_class(course, "tiny").text
    assert (score(course, "ada"), score(course, "bob"), score(course, "cal")) == (5, 3, 5)
    assert "  ada: extension of 1 day.\n  bob: 1 day 6 hours late, 2 points less.\n  cal: 10 minutes late." in told
    assert "Nothing was handed in by zoe (extension of 1 day)." in told
    assert (
        rows(course)["bob"] | {"late_hours": "30.0", "extension_hours": "0.0", "penalty": "2.0", "score": "3.0"}
        == (rows(course)["bob"])
    )
    assert json.loads((course / FILE).read_text()) == {"tiny": {"zoe": 86400}}

    monkeypatch.setattr(submissions, "grade_all", None)  # from here on nothing runs
    before = "bob loses 0 points for being late, and not 2."
    assert before in extend(course, "bob", days=2)
    assert score(course, "bob") == 5
    assert "bob loses 1 point for being late, and not 0." in extend(course, "bob", days=1)  # in place of the other
    extend(course, "bob", days=0)
    assert score(course, "bob") == 3
    assert before in set_due(course, "2030-05-03 12:00 UTC")  # for all
    assert before not in instructor.grade_class(course, "tiny").text and score(course, "bob") == 5


def test_the_report_and_the_export_name_late_work_extensions_and_penalties(course, tmp_path):
    set_due(course)
    for student, late in {"ann": -5, "bob": 30, "cal": 40, "<i>dan": 1}.items():
        arrives(course, student, timedelta(hours=late))
    instructor.grade_class(course, "tiny")
    with opened(course) as api, api.gradebook as gradebook:
        gradebook.add_student("zoe")
    extend(course, "cal", "zoe", hours=36)
    page = instructor.write_report(course, "tiny").read_text("utf-8")
    assert "Due Wednesday, 1 May 2030, 14:00 (Europe/Berlin" in page and "&lt;i&gt;dan" in page and "<i>" not in page
    assert (
        '<td>cal</td><td class="number">4</td><td>4 hours late, extension of 1 day 12 hours, 1 point less</td>' in page
    )
    assert "zoe (extension of 1 day 12 hours)" in page and "<td>ann</td>" not in page
    for system in ("moodle", "canvas"):
        told = instructor.export_grades(course, system, (), tmp_path / f"{system}.csv", None)
        (late,) = [line for line in told if line.startswith("Late or with an extension in tiny")]
        assert "bob (1 day 6 hours late, 2 points less); cal (4 hours late, extension of 1 day 12 hours, 1 p" in late
        assert "ann" not in late and "zoe" not in late
    with (tmp_path / "moodle.csv").open(newline="") as file:
        points = {row["username"]: row["tiny"] for row in csv.DictReader(file)}
    assert points == {"<i>dan": "4", "ann": "5", "bob": "3", "cal": "4", "zoe": ""}  # an extension is no 0


def test_of_points_that_a_person_gives_later_a_share_is_lost_too(course, tmp_path):
    settings(course, "c.LatePenalty.per_day = '10%'")
    set_due(course)
    arrives(course, "ann", timedelta(hours=-1), passes=2)
    arrives(course, "bob", timedelta(hours=1), passes=2)
    instructor.grade_class(course, "tiny")
    assert (score(course, "ann"), score(course, "bob")) == pytest.approx((4, 3.6))

    def by_hand(points):
        with opened(course) as api, api.gradebook as gradebook:
            for student in ("ann", "bob"):
                gradebook.find_grade("test-value", "tiny", "tiny", student).manual_score = points
            gradebook.db.commit()

    def exported():
        told = instructor.export_grades(course, "moodle", (), tmp_path / "moodle.csv", None)
        with (tmp_path / "moodle.csv").open(newline="") as file:
            return {row["username"]: row["tiny"] for row in csv.DictReader(file)}, told

    by_hand(1)
    points, told = exported()
    assert points == {"ann": "5", "bob": "4.5"}
    assert "bob loses 0.5 points for being late, and not 0.4." in told
    by_hand(0.5)
    assert '<td>bob</td><td class="number">4.05</td>' in instructor.write_report(course, "tiny").read_text("utf-8")
    by_hand(1)
    with opened(course) as api:
        pages = dict(pipeline.feedback(api, "tiny", progress=False))
    assert "Score: 4.5 / 5.0" in pages["bob"].read_text("utf-8")
    assert "Score: 5.0 / 5.0" in pages["ann"].read_text("utf-8")
    assert not [line for line in exported()[1] if "loses" in line]


def test_what_cannot_be_is_told_and_changes_nothing(course):
    with opened(course) as api, api.gradebook as gradebook:
        gradebook.add_student("ada")
    with complains(GradingFailed, "no due date", "course due tiny"):
        extend(course, "ada", days=1)
    set_due(course)
    with complains(GradingFailed, "adda", "db student list", "db student import"):
        extend(course, "ada", "adda", days=1)
    with opened(course) as api, complains(GradingFailed, "ps9", "course generate ps9"):
        changes.set_due(api, "ps9", "none")
    assert not (course / FILE).exists()
    extend(course, "ada", days=1)
    with complains(GradingFailed, "course extend tiny ada --days 0"):
        set_due(course, "none")
    with opened(course) as api, api.gradebook as gradebook:  # as `nbgrader db assignment add tiny` does
        gradebook.update_or_create_assignment("tiny", duedate=None)
    arrives(course, "ada", timedelta(0))
    with complains(GradingFailed, "no due date, but ada an extension", "course due tiny"):
        instructor.grade_class(course, "tiny")
    extend(course, "ada", days=0)
    assert set_due(course, "none")[0] == "tiny has no due date."
    set_due(course, "9999-12-31 12:00 UTC")
    with complains(GradingFailed, "calendar ends"):
        extend(course, "ada", days=300)
    for damaged in ("{", "[]", '{"tiny": {"ada": "x"}}', '{"tiny": {"ada": 1e99}}'):
        (course / FILE).write_text(damaged)
        with complains(GradingFailed, FILE, "damaged"):
            read_waiting(course, "tiny")


def test_a_due_date_may_come_before_the_first_release(course):
    shutil.copytree(course / "source" / "tiny", course / "source" / "new")
    with opened(course) as api:
        assert changes.set_due(api, "new", "2030-05-01 23:59")[0].startswith("new is due Wednesday")
    for student in ("ann", "bob"):
        shutil.copytree(course / "source" / "tiny", course / "submitted" / student / "new")
    with complains(GradingFailed, "'new'", "course generate new"):
        instructor.grade_class(course, "new")
    with opened(course) as api:
        cells = nbformat.read(pipeline.generate(api, "new") / "tiny.ipynb", as_version=4).cells
    assert "23:59 (Europe/Berlin" in cells[0].source


def test_the_commands_and_a_group_by_its_roster(course, monkeypatch):
    monkeypatch.chdir(course)

    def says(*arguments):
        done = CliRunner().invoke(cli.main, arguments)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
        return done.exit_code, done.output

    assert "tiny is due Wednesday, 1 May 2030, 23:59 (Europe/Berlin" in says("due", "tiny", "2030-05-01 23:59")[1]
    (course / "groups.csv").write_text(
        "name,user_id,login_id,group_name\nAda A,1,ada,Red 1\nBo B,2,bo,Red 1\nCy C,3,cy,Blue\n"
    )
    with opened(course) as api, api.gradebook as gradebook:
        for student in ("ada", "bo", "cy"):
            gradebook.add_student(student)
    group = ("--roster", "groups.csv", "--group")
    assert says("extend", "tiny", *group, "red 1", "--days", "2", "--hours", "12")[0] == 0
    code, told = says("due", "tiny")
    assert told.splitlines()[1:] == ["ada has 2 days 12 hours more.", "bo has 2 days 12 hours more."]
    for arguments, word in {
        ("extend", "tiny", "cy"): "--days 0",
        ("extend", "tiny", "--days", "1"): "student",
        ("extend", "tiny", "--group", "Red 1", "--days", "1"): "--roster",
        ("extend", "tiny", *group, "Green", "--days", "1"): "Blue, Red 1",
        ("extend", "tiny", "cy", "--days", "-1"): "--days",
        ("due", "tiny", "soon"): "no date",
    }.items():
        code, told = says(*arguments)
        assert code and word in told, told


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0.5, "less than a second"),
        (1, "1 second"),
        (61, "1 minute 1 second"),
        (90061, "1 day 1 hour"),
        (172800, "2 days"),
    ],
)
def test_a_time_in_words(seconds, told):
    assert span(timedelta(seconds=seconds)) == told


def test_a_date_told_is_the_date_read():
    """Every hour around both changes of the clocks comes back as what it was."""
    for month, day in ((3, 31), (10, 27)):
        for hour in range(30):
            when = datetime(2030, month, day, tzinfo=UTC) + timedelta(hours=hour - 3)
            told = due.due_text(when.replace(tzinfo=None), BERLIN)
            assert due.parse_due(told.rpartition("that is ")[2], BERLIN) == when.replace(tzinfo=None)
