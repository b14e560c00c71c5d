"""What authors write works, or they are told before a class is graded."""

import copy
import json
import shutil
import subprocess
import sys
from contextlib import nullcontext
from types import SimpleNamespace

import nbformat
import pytest
from click.testing import CliRunner
from helpers import long_but
from nbformat.v4 import new_code_cell, new_notebook
from nbgrader.utils import determine_grade

from course_utils import cli
from course_utils.errors import GradingFailed
from course_utils.grading import ASSIGNMENTS
from course_utils.grading.batch import bookkeeping, pipeline
from course_utils.grading.course import author, instructor
from course_utils.grading.judge import honest
from course_utils.grading.roles import is_test
from course_utils.grading.sandbox import available
from course_utils.grading.states import State, read_notes, worst

pytestmark = pytest.mark.skipif(available.missing() is not None, reason=f"no isolation here: {available.missing()}")
SOLUTION, TEST, READ_ONLY = {"solution": True}, {"grade": True, "locked": True, "points": 2}, {"locked": True}


def cell(name, source, **role):
    role = {"grade": False, "solution": False, "task": False, "locked": False, "schema_version": 3} | role
    return new_code_cell(source, metadata={"nbgrader": {"grade_id": name} | role})


def assignment(solution, test, *before):
    """Cells of the author's, one answer, one test."""
    language = {"name": "python3", "display_name": "3", "language": "python"}
    return new_notebook(
        metadata={"kernelspec": language},
        cells=[*before, cell("answer", solution, **SOLUTION), cell("test", test, **TEST)],
    )


def graded(folder, source, submission=None, kernel=available.SANDBOX):
    """Points by the last test, and the notebook; the submission is the author's own where none is given."""
    folder.mkdir(exist_ok=True)
    nbformat.write(source, folder / "ps.ipynb")
    made = nbformat.from_dict(submission or source)
    honest.grade_notebook(made, folder / "ps.ipynb", folder, 20, kernel)
    for test in filter(is_test, made.cells):
        test.outputs = [output for output in test.outputs if output.get("name") != "stderr"]
    return determine_grade(test)[0], made


IMPORT = new_code_cell("import math\nfrom collections import Counter")
WORKS = {
    "if": ("if True:\n    answer = 3", "assert answer == 3"),
    "with": ("with open('f', 'w') as file:\n    answer = file.write('abc')", "assert answer == 3"),
    "for": ("for answer in range(4):\n    pass", "assert answer == 3"),
    "try": ("try:\n    answer = 3\nexcept ValueError:\n    pass", "assert answer == 3"),
    "import": ("import math as m\nanswer = m.pi", "assert answer == m.pi"),
    "walrus": ("(answer := 3)", "assert answer == 3"),
    "def in if": ("if True:\n    def f():\n        return 3", "assert f() == 3"),
    "import in try": ("try:\n    from math import tau\nexcept ImportError:\n    tau = 6\nx = tau", "assert x == tau"),
    "global": ("def make():\n    global answer\n    answer = 3\nmake()", "assert answer == 3"),
    "star": ("first, *rest = 1, 2, 3", "assert rest == [2, 3]"),
    "line magic": ("%matplotlib inline\nanswer = 3", "assert answer == 3"),
    "cell magic": ("%%time\nanswer = 3", "assert answer == 3"),
    "shell": ("!echo 3 > made.txt\nanswer = open('made.txt').read().strip()", "assert answer == '3'"),
    "shell output": ("answer = !echo 3", "assert list(answer) == ['3']"),
    "print": (
        "def f():\n    print('three')",
        "import io\nfrom contextlib import redirect_stdout\nout = io.StringIO()\n"
        "with redirect_stdout(out):\n    f()\nassert out.getvalue() == 'three\\n'",
    ),
    "input": (
        "def f():\n    return int(input('a? ')) + int(input('b? '))",
        "from unittest.mock import patch\nwith patch('builtins.input', side_effect=['1', '2']):\n    assert f() == 3",
    ),
    "date": ("from datetime import date\nanswer = date(2030, 5, 1)", "assert answer.year == 2030"),
    "Fraction": ("from fractions import Fraction\nanswer = [Fraction(1, 3)]", "assert answer[0] * 3 == 1"),
    "Decimal": ("from decimal import Decimal\nanswer = Decimal('0.1')", "assert answer + answer == Decimal('0.2')"),
    "Counter": (
        "from collections import Counter\nanswer = Counter('aab')",
        "assert answer.most_common(1) == [('a', 2)]",
    ),
    "defaultdict": (
        "from collections import defaultdict\nanswer = defaultdict(list)\nanswer['a'].append(1)",
        "assert answer['a'] == [1] and answer['b'] == []",
    ),
    "namedtuple": (
        "from collections import namedtuple\nPoint = namedtuple('Point', 'x y')\ndef f():\n    return Point(1, 2)",
        "assert f().x == 1 and f() == (1, 2)",
    ),
    "range": ("answer = range(3)", "assert answer == range(3)"),
    "deque": ("from collections import deque\nanswer = deque([1], 3)", "assert answer.maxlen == 3"),
    "complex": ("answer = 1 + 2j", "assert answer.imag == 2"),
    "timedelta": ("from datetime import timedelta\nanswer = timedelta(1)", "assert answer.days == 1"),
    "a large number": ("answer = 2 ** 20_000", "assert answer == 1 << 20_000"),
    "dates of NumPy": (
        "import numpy as np\nanswer = np.array(['2030-01-01'], 'M8[D]')",
        "assert answer[0].item().year == 2030",
    ),
}


def test_what_authors_write_works(tmp_path):
    """All of it in one assignment; with nothing in place of the answers, no test gives a point."""
    pairs = [(cell(f"answer-{k}", code, **SOLUTION), k, test) for k, (code, test) in enumerate(WORKS.values())]
    source = assignment("pass", "pass")
    source.cells = [one for code, k, test in pairs for one in (code, cell(f"test-{k}", test, **TEST))]
    assert points_of_all(tmp_path / "ps", source, source) == dict.fromkeys(WORKS, 2)
    empty = nbformat.from_dict(source)
    for one in empty.cells[::2]:
        one.source = "pass"
    assert points_of_all(tmp_path / "ps", source, empty) == dict.fromkeys(WORKS, 0)


def points_of_all(folder, source, submission):
    made = graded(folder, source, submission)[1]
    return {what: determine_grade(test)[0] for what, test in zip(WORKS, filter(is_test, made.cells), strict=True)}


def test_imports_and_values_of_ordinary_cells_are_there_for_tests(tmp_path):
    limit = new_code_cell("limit = 3")
    source = assignment("answer = 3", "assert answer == math.floor(3.5) == limit", IMPORT, limit)
    assert graded(tmp_path / "ps", source)[0] == 2
    # A student may change an ordinary cell, and theirs counts, as with nbgrader; else the author's.
    theirs = assignment("answer = 3", "assert answer == math.floor(3.5) == limit", IMPORT, new_code_cell("limit = 4"))
    assert graded(tmp_path / "ps", source, theirs)[0] == 0
    theirs.cells[1].source = "limit = object()"
    assert graded(tmp_path / "ps", source, theirs)[0] == 2


ENDS = {
    "exit()": "exit()",
    "quit()": "y = 1\nquit()\nz = 2",
    "sys.exit()": "import sys\nsys.exit(1)",
    "a signal": "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)",
    "os._exit": "import os\nos._exit(0)",
    "later": "import os, threading\nthreading.Timer(0.1, os._exit, [1]).start()",
    "asked to": "get_ipython().kernel.do_shutdown(False)",
}


@pytest.mark.parametrize(("how", "place"), [*((how, 0) for how in ENDS), ("exit()", 1), ("later", 1)])
def test_a_cell_that_ends_the_kernel_costs_nothing_that_does_not_depend_on_it(tmp_path, how, place):
    source = assignment("import time\nanswer = 3\ntime.sleep(0.3)", "assert answer == 3")
    theirs = nbformat.from_dict(source)
    theirs.cells.insert(place, new_code_cell(ENDS[how]))
    points, made = graded(tmp_path / "ps", source, theirs)
    assert points == 2 and worst(read_notes(made)) is not State.TAMPERED, read_notes(made)


@pytest.mark.parametrize("call", ["exit()", "quit()", "import sys; sys.exit(2)", "raise SystemExit"])
def test_exit_on_one_path_of_a_function_costs_that_path_and_is_no_tampering(tmp_path, call):
    source = assignment("def f(x):\n    return x", "int(f(1) == 1) + int(f(2) == 2)")
    source.cells[
        -1
    ].source = (
        "got = 0\nfor x in (1, 2):\n    try:\n        got += f(x) == x\n    except Exception:\n        pass\nint(got)"
    )
    theirs = nbformat.from_dict(source)
    theirs.cells[0].source = f"def f(x):\n    if x == 2:\n        {call}\n    return x"
    points, made = graded(tmp_path / "ps", source, theirs)
    assert points == 1 and worst(read_notes(made)) is State.GRADED


@pytest.mark.parametrize("kernel", [available.SANDBOX, available.BUBBLEWRAP])
def test_shell_commands_run_in_the_sandbox_and_take_nothing_along(tmp_path, kernel):
    if available.lacks(kernel):
        pytest.skip(available.lacks(kernel))
    source = assignment("answer = 3", "assert answer == 3")
    theirs = nbformat.from_dict(source)
    theirs.cells[0].source = "!ls\n%ls\n!pip install nothing-of-this-name\n!exit 3\nanswer = 3\n!touch /dev/x /etc/x"
    points, made = graded(tmp_path / "ps", source, theirs, kernel)
    shown = "".join(output.get("text", "") for output in made.cells[0].outputs)
    assert points == 2 and shown.count("Read-only file system") == 2, shown


def course_of(folder, notebook, name="ps"):
    (folder / "source" / name).mkdir(parents=True)
    nbformat.write(notebook, folder / "source" / name / f"{name}.ipynb")
    (folder / "nbgrader_config.py").write_text((ASSIGNMENTS / "nbgrader_config.py").read_text("utf-8"), "utf-8")
    return folder


def hand_in(course, student, notebook, name="ps"):
    (course / "submitted" / student / name).mkdir(parents=True)
    nbformat.write(notebook, course / "submitted" / student / name / f"{name}.ipynb")


MARKED = "### BEGIN SOLUTION\n{}\n### END SOLUTION"
RIGHT = assignment(MARKED.format("answer = 3"), "assert answer == 3")
SLIPS = {
    "a value that cannot travel": (
        MARKED.format("answer = object()"),
        "assert hasattr(answer, '__class__') and answer.x",
    ),
    "a class of the student's": (MARKED.format("class A:\n    x = 1\ndef f():\n    return A()"), "assert f().x == 1"),
    "a name misspelt": (MARKED.format("answer = 3"), "assert anwser == 3"),
    "points for nothing": (MARKED.format("answer = 3"), "assert True"),
}


@pytest.fixture
def inline(monkeypatch, cluster):
    monkeypatch.setattr(pipeline, "workers", lambda jobs, scheduler=None: nullcontext(cluster))


@pytest.mark.parametrize("slip", SLIPS)
def test_an_authors_slip_is_told_before_the_release_and_before_the_class(tmp_path, inline, slip):
    course = course_of(tmp_path, assignment(*SLIPS[slip]))
    about = "the empty notebook of ps gets points" if slip == "points for nothing" else "the reference solution of ps"
    with pytest.raises(GradingFailed, match=rf"{about}.*'test' gives [02] of 2.*course generate ps"):
        author.generate_checked(course, "ps")
    assert not (course / "release" / "ps").exists()
    hand_in(course, "ann", RIGHT)
    with pytest.raises(GradingFailed, match=about):
        instructor.grade_class(course, "ps", jobs=1)
    assert not (course / "autograded").exists()


TOLD = {
    "too many points": (MARKED.format("answer = 3"), "5 if answer == 3 else 0", "nbgrader refuses the points .*'test'"),
    "no Python": (MARKED.format("answer = = 3"), "assert answer == 3", "The solution 'answer' is no Python .*line 2"),
    "a package": (
        MARKED.format("import no_such_package as p\nanswer = p.three"),
        "assert answer == 3",
        "NameError.*; before it, 'answer' ended with ModuleNotFoundError: No module named 'no_such_package'",
    ),
}


@pytest.mark.parametrize("slip", TOLD)
def test_what_the_author_is_told_says_where_the_slip_is(tmp_path, inline, slip):
    solution, test, told = TOLD[slip]
    with pytest.raises(GradingFailed, match=told):
        author.generate_checked(course_of(tmp_path, assignment(solution, test)), "ps")


@pytest.mark.parametrize("settings", ["c.x = = 1", "import no_such_package", "c.CourseDirectory.root = 1 / 0", None])
def test_settings_that_cannot_be_read_are_told_in_one_sentence(tmp_path, settings):
    course = course_of(tmp_path, RIGHT)
    file = course / "nbgrader_config.py"
    file.write_text(settings) if settings else file.unlink()
    for step in (author.generate_checked, instructor.grade_class, instructor.write_report):
        with pytest.raises(GradingFailed, match=r"nbgrader_config.py cannot be read \(.+\): mend that file"):
            step(course, "ps")


OWN = {
    "plain": ("class Refused(Exception):\n    pass", "Refused('no')"),
    "a ValueError": ("class Refused(ValueError):\n    code = 7", "Refused('no')"),
    "of two parts": (
        "class Refused(Exception):\n    def __init__(self, a, b):\n        super().__init__(a + b)",
        "Refused('n', 'o')",
    ),
}


@pytest.mark.parametrize("kind", OWN)
def test_an_exception_of_the_assignments_own_is_the_one_that_its_tests_expect(tmp_path, kind):
    given, raised = OWN[kind]
    source = assignment(
        f"def f():\n    raise {raised}",
        "told = ''\ntry:\n    f()\nexcept Refused as problem:\n    told = str(problem)\nassert told == 'no'",
        cell("given", given, **READ_ONLY),
    )
    assert graded(tmp_path / "ps", source)[0] == 2


def test_a_right_assignment_is_tried_once_and_a_changed_source_is_noticed(tmp_path, inline, monkeypatch):
    course = course_of(tmp_path, RIGHT)
    monkeypatch.chdir(course)
    done = CliRunner().invoke(cli.main, ["generate", "ps"])
    assert done.exit_code == 0 and "its tests were tried" in done.output, done.output
    assert (course / "release" / "ps" / "ps.ipynb").is_file()
    monkeypatch.setattr(author, "grade_all", None)  # what was tried is kept
    for student in ("ann", "bob"):
        hand_in(course, student, RIGHT)
    hand_in(course, "cal", assignment("raise NotImplementedError", "assert answer == 3"))
    assert "ps: 3 graded." in instructor.grade_class(course, "ps", jobs=1).text
    file = course / "source" / "ps" / "ps.ipynb"
    for old, new, told in (
        ("assert answer == 3", "assert answer == 4", "the text of 'test'"),
        ('"points": 2', '"points": 3', "the points of 'test'"),
        ('"grade_id": "answer"', '"grade_id": "other"', "'answer' is gone; 'other' is new"),
    ):
        before = file.read_text()
        file.write_text(before.replace(old, new))
        with pytest.raises(GradingFailed, match=f"changed after it was generated \\({told}\\).*course generate ps"):
            instructor.grade_class(course, "ps", jobs=1)
        file.write_text(before)


@pytest.mark.parametrize("content", [None, "{"])
def test_a_source_that_is_gone_or_cut_short_is_told_in_one_sentence(tmp_path, inline, content):
    course = course_of(tmp_path, RIGHT)
    author.generate_checked(course, "ps")
    file = course / "source" / "ps" / "ps.ipynb"
    file.unlink() if content is None else file.write_text(content)
    with pytest.raises(GradingFailed, match="A source notebook of ps cannot be read .*: restore it"):
        instructor.grade_class(course, "ps", jobs=1)


def test_a_test_that_nobody_passes_and_who_is_missing_are_told_first(tmp_path, inline):
    course = course_of(tmp_path, RIGHT)
    author.generate_checked(course, "ps")
    with pipeline.open_course(course) as api, api.gradebook as gradebook:
        gradebook.add_student("zoe")
    for student in ("ann", "bob", "cal"):
        hand_in(course, student, assignment("anwser = 3", "assert answer == 3"))
    told = instructor.grade_class(course, "ps", jobs=1).text.splitlines()
    assert told[0].startswith("All 3 who handed in are at 0 points")
    assert "Nobody of 3 got a point by 'test', all for the same reason (NameError: name 'answer'" in told[1]
    assert "Nothing was handed in by zoe." in told
    page = instructor.write_report(course, "ps").read_text()
    assert "The assignment needs a look" in page and "Nobody: everything was handed in" not in page


@pytest.mark.parametrize(("points", "late", "left"), [(2, None, 2), (2, 0.5, 1.5), (1, 2, 0)])
def test_being_late_never_makes_a_debt(points, late, left):
    """Points may be taken back by hand after nbgrader has worked the penalty out."""
    assert bookkeeping.score(SimpleNamespace(score=points, late_submission_penalty=late)) == left


def test_a_changed_due_date_changes_what_being_late_costs_and_runs_nothing(tmp_path, inline, monkeypatch):
    course = course_of(tmp_path, RIGHT)
    (course / "late.py").write_text(
        "from nbgrader.plugins import BasePlugin\nclass Half(BasePlugin):\n"
        "    def late_submission_penalty(self, student_id, score, seconds):\n        return score / 2\n"
    )
    monkeypatch.syspath_prepend(course)
    with (course / "nbgrader_config.py").open("a") as file:
        file.write("\nc.AssignLatePenalties.plugin_class = 'late.Half'\n")
    author.generate_checked(course, "ps")
    hand_in(course, "ann", RIGHT)
    time = course / "submitted" / "ann" / "ps" / "timestamp.txt"
    time.write_text("2030-05-02 12:00:00 UTC")

    def score():
        assert "ps: 1 graded." in instructor.grade_class(course, "ps", jobs=1).text
        return float((course / "results" / "ps.csv").read_text().splitlines()[1].split(",")[2])

    assert score() == 2
    monkeypatch.setattr("course_utils.grading.batch.submissions.grade_all", None)  # from here on nothing runs
    with pipeline.open_course(course) as api, api.gradebook as gradebook:
        gradebook.update_or_create_assignment("ps", duedate="2030-05-01 12:00:00 UTC")
    assert score() == 1
    with pipeline.open_course(course) as api, api.gradebook as gradebook:
        gradebook.grant_extension("ps", "ann", days=2)
    assert score() == 2
    time.write_text("2030-05-09 12:00:00 UTC")
    assert score() == 1


def test_an_object_that_cannot_leave_the_kernel_is_for_a_person_to_judge(tmp_path):
    source = assignment("def f():\n    return [1, 2]", "assert f() == [1, 2]")
    theirs = nbformat.from_dict(source)
    theirs.cells[0].source = "class Mine(list):\n    pass\ndef f():\n    return Mine([1, 2])"
    points, made = graded(tmp_path / "ps", source, theirs)
    (note,) = read_notes(made)
    assert points == 0 and note.state is State.LOOK and "'test' failed on an object" in note.says
    assert "Mine" not in note.says  # the student reads it, and may have named it after what a hidden test asks
    theirs.cells[0].source = "def f():\n    return [2]"
    assert read_notes(graded(tmp_path / "ps", source, theirs)[1]) == []


OVERWRITTEN = ["str", "print", "repr", "len", "type", "list", "int", "object", "Exception"]


@pytest.mark.parametrize("name", long_but(OVERWRITTEN, "str", "repr", "type", "Exception"))
def test_a_name_of_pythons_that_was_overwritten_is_no_tampering(tmp_path, name):
    source = assignment("answer = 3", "assert answer == 3")
    theirs = nbformat.from_dict(source)
    theirs.cells[0].source = f"answer = 3\n{name} = 5"
    points, made = graded(tmp_path / "ps", source, theirs)
    assert points == 2 and read_notes(made) == []


LACKS = {
    "a package": "import package_of_the_students as p\nanswer = p.three",
    "a file": "answer = len(open('C:\\\\Users\\\\ann\\\\three.txt').read())",
    "`input`": "name = input('Your name?')\nanswer = 3",
    "the network": "from urllib.request import urlopen\nanswer = urlopen('https://example.org').status",
}


@pytest.mark.parametrize("what", long_but(LACKS, "a file", "`input`"))
def test_an_answer_that_ends_for_want_of_something_is_for_a_person_to_judge(tmp_path, what):
    source = assignment("answer = 3", "assert answer == 3")
    theirs = nbformat.from_dict(source)
    theirs.cells[0].source = LACKS[what]
    (note,) = read_notes(graded(tmp_path / "a", source, theirs)[1])
    assert note.state is State.LOOK and "'test'" in note.says and what in note.says
    # Through another cell, or in a function.
    theirs.cells[0].source = "value = start\nanswer = value"
    theirs.cells.insert(0, new_code_cell(LACKS[what].replace("answer", "start")))
    assert [note.state for note in read_notes(graded(tmp_path / "b", source, theirs)[1])] == [State.LOOK]
    source = assignment("def f():\n    return 3", "assert f() == 3")
    theirs = assignment("def f():\n    " + LACKS[what].replace("\n", "\n    "), "assert f() == 3")
    assert [note.state for note in read_notes(graded(tmp_path / "c", source, theirs)[1])] == [State.LOOK]
    # Where the test does not need it, or fails for another reason, nothing is open.
    source = assignment("answer = 3", "assert answer == 3")
    theirs.cells = [new_code_cell(LACKS[what].replace("answer", "other")), *copy.deepcopy(source.cells)]
    for right in (True, False):
        theirs.cells[1].source = "answer = 3" if right else "answer = 4"
        assert read_notes(graded(tmp_path / "d", source, theirs)[1]) == []


def test_an_answer_that_is_given_once_more_below_its_test_is_for_a_person_to_judge(tmp_path):
    source = assignment("answer = 3", "assert answer == 3")
    source.cells += [cell("more", "answer = 4", **SOLUTION), cell("test-more", "assert answer == 4", **TEST)]
    theirs = nbformat.from_dict(source)
    theirs.cells[0].source = "answer = 2"
    assert read_notes(graded(tmp_path / "a", source, theirs)[1]) == []  # the assignment itself goes on with the name
    for place in (2, 4):
        mended = nbformat.from_dict(theirs)
        mended.cells.insert(place, new_code_cell("import math\nanswer = math.floor(3.2)"))
        (note,) = read_notes(graded(tmp_path / "b", source, mended)[1])
        assert note.state is State.LOOK and "'test' failed, and 'answer' is given below it once more" in note.says
    theirs.cells[0].source = "answer = 3"
    theirs.cells.append(new_code_cell("answer = 2"))
    assert read_notes(graded(tmp_path / "c", source, theirs)[1]) == []


def files_of(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.long
def test_nbgraders_own_way_reads_the_same_and_changes_nothing_either(tmp_path, inline):
    course = course_of(tmp_path / "class", RIGHT)
    author.generate_checked(course, "ps")
    answered = nbformat.writes(assignment("answer = 3", "assert answer == 3"))
    blank = nbformat.writes(assignment("raise NotImplementedError()", "assert answer == 3"))
    half = json.dumps(json.loads(answered) | {"metadata": {"half": "\ud83d"}})
    handed = {
        "copy": {"ps.ipynb": blank, "ps-Copy1.ipynb": answered},
        "emoji": {"ps.ipynb": half.replace("answer = 3", "answer = 3  # \\ud83d")},
        "folder": {"ps1/ps.ipynb": answered},
        "nothing": {"answers.docx": "x"},
        "wrong": {"ps.ipynb": blank},
    }
    for student, files in handed.items():
        for name, content in files.items():
            file = course / "submitted" / student / "ps" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content, "utf-8")
    wanted, before = {"copy": 2, "emoji": 2, "folder": 2, "nothing": 0, "wrong": 0}, files_of(course / "submitted")
    with pipeline.open_course(course, own_exchange=False) as api:  # as Formgrader's button
        for student in handed:
            told = api.autograde("ps", student)
            assert told["success"], told["log"]
        assert points_in(api) == wanted
    again = shutil.copytree(course, tmp_path / "again", ignore=lambda *_: {"autograded", "gradebook.db"})
    author.generate_checked(again, "ps")
    instructor.grade_class(again, "ps", jobs=1)
    with pipeline.open_course(again, own_exchange=False) as api:
        assert points_in(api) == wanted
    assert files_of(course / "submitted") == before and not list(course.glob(".taken-in-*"))
    assert files_of(again / "submitted").keys() == {again / path.relative_to(course) for path in before}
    rows = (again / "results" / "ps.csv").read_text().splitlines()
    states = {row.split(",")[0]: row.split(",")[1] for row in rows[1:]}
    assert states == dict.fromkeys(("copy", "emoji", "folder"), "graded with repairs") | {
        "nothing": "unreadable",
        "wrong": "graded",
    }
    assert "'answers.docx'" in rows[4] and "missing" not in rows[4]


def points_in(api):
    with api.gradebook as gradebook:
        return {one.student.id: one.score for one in gradebook.assignment_submissions("ps")}


@pytest.mark.parametrize("name", ["ps[1]", "ps*", "a?"])
def test_a_name_that_nbgrader_takes_for_a_pattern_is_refused(tmp_path, name):
    course = course_of(tmp_path, RIGHT, name)
    with pytest.raises(GradingFailed, match="for a pattern: rename the folder"):
        author.generate_checked(course, name)
    with pytest.raises(GradingFailed, match="for a pattern: rename the folder"):
        instructor.grade_class(course, name)


def test_a_second_download_takes_the_place_of_the_first(tmp_path, inline):
    course = course_of(tmp_path, RIGHT)
    author.generate_checked(course, "ps")
    with pipeline.open_course(course, own_exchange=False) as api:
        folder = pipeline.archive(api, "ps")
        folder.mkdir(parents=True)
        for answer in (1, 3):
            nbformat.write(assignment(f"answer = {answer}", "assert answer == 3"), folder / "ann_ps.ipynb")
            done = subprocess.run(
                [sys.executable, "-m", "nbgrader", "zip_collect", "ps"], cwd=course, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
    assert "answer = 3" in (course / "submitted" / "ann" / "ps" / "ps.ipynb").read_text()


def test_a_name_that_was_deleted_is_not_there_for_the_next_test(tmp_path):
    source = assignment("answer = 3", "assert answer == 3")
    source.cells.append(cell("again", "assert answer == 3", **TEST))
    theirs = nbformat.from_dict(source)
    theirs.cells.insert(2, new_code_cell("del answer"))
    made = graded(tmp_path / "ps", source, theirs)[1]
    assert [determine_grade(test)[0] for test in filter(is_test, made.cells)] == [2, 0]
