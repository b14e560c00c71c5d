"""Students whose code is alike: a made-up class of honest ones and copiers, and code that was written to do harm."""

import json
import random
import shutil
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner
from grading_helpers import notebook
from grading_stub import write_source
from helpers import complains
from nbformat.v4 import new_code_cell
from similar_class import GIVEN, STUBS, made_up_class, renamed

from course_utils import cli
from course_utils.errors import GradingFailed
from course_utils.grading.batch import pipeline
from course_utils.grading.batch.submissions import Batch
from course_utils.grading.course import instructor
from course_utils.grading.reports.similarity import ALIKE, Alike, Pair, alike, alike_groups, alike_pairs
from course_utils.grading.reports.similarity_page import write_similarity_page

ASSIGNMENT = "\n\n".join([*GIVEN, *STUBS.values()])


def found(cells):
    """The share of each pair by students, in a class whose notebooks hold the assignment's own cells, too."""
    codes = {student: "\n\n".join([*GIVEN, *mine]) for student, mine in cells.items()}
    return {frozenset(pair.students): pair.share for pair in alike_pairs(codes, ASSIGNMENT)}


@pytest.fixture(scope="module")
def classes():
    """Two classes of 42, of whom 12 copied: what is found, and how they did."""
    made = [made_up_class(seed) for seed in range(2)]
    return [(found(cells), copied) for cells, copied in made]


def test_who_copied_is_found_and_few_others(classes):
    right = sum(len(pairs.keys() & copied.keys()) for pairs, copied in classes)
    precision = right / sum(len(pairs) for pairs, _ in classes)
    recall = right / sum(len(copied) for _, copied in classes)
    assert precision > 0.75 and recall > 0.85, (precision, recall)


def test_whole_copies_come_first_whatever_names_comments_and_order_they_have(classes):
    for pairs, copied in classes:
        whole = [pairs.get(pair, 0) for pair, how in copied.items() if how != "three of five"]
        honest = [share for pair, share in pairs.items() if pair not in copied]
        assert len(whole) == 9 and min(whole) > max([0.95, *honest])


def test_the_assignments_own_code_and_what_many_have_count_for_nobody():
    rng = random.Random(0)
    cells, _ = made_up_class(0, honest=12)
    first, second = (list(cells[f"honest{k:02d}"]) for k in (0, 1))
    assert found({"ann": first, "bob": second}) == {}
    assert not list(alike_pairs({"ann": "\n\n".join(GIVEN), "bob": "\n\n".join(GIVEN)}, ASSIGNMENT))
    assert list(alike_pairs({"ann": "\n\n".join(GIVEN), "bob": "\n\n".join(GIVEN)}))  # without being given
    one = "\n\n".join(first)
    few = {f"s{k}": renamed(first[1], rng) + "\n" + renamed(first[3], rng) for k in range(3)}
    assert len(list(alike_pairs(few))) == 3
    many = {f"s{k}": one for k in range(11)} | {"ann": one + "\nprint(1)"}
    assert not list(alike_pairs(many))  # each passage is had by more than ten, so the task asks for it
    assert len(list(alike_pairs({f"s{k}": one for k in range(10)}))) == 45


def test_a_solution_that_went_round_is_told_however_many_have_it():
    rng, (cells, _) = random.Random(0), made_up_class(0, honest=12)
    one = cells["honest00"]
    many = {f"s{k:02d}": "\n\n".join(renamed(c, rng) for c in one) for k in range(14)}
    honest = {f"h{k}": "\n\n".join(cells[f"honest{k:02d}"]) for k in range(1, 9)}
    assert alike_groups(many | honest, ASSIGNMENT) == (tuple(sorted(many)),)
    assert alike_groups(dict.fromkeys("abc", ASSIGNMENT), ASSIGNMENT) == ()


def test_what_is_marked_is_what_both_have():
    own = "title = 'of my own'\nfor epoch in range(7):\n    print(epoch ** 3, title)\n"
    same = "def area(width, height):\n    total = width * height + 4 * (width - height) ** 2\n    return [total, 3]\n"
    same += "sides = {'short': [2, 4, 8], 'long': [16, 32]}\n"
    more = "scores = sorted(same_scores, key=lambda one: -one[1])[:3]\nassert scores and min(scores)[0] >= 2\n"
    codes = {"ann": own + same + more, "bob": same.replace("width", "w").replace("total", "t") + more}
    (pair,) = alike_pairs(codes)
    assert pair.students == ("ann", "bob") and pair.share > 0.95
    for student, pieces in zip(pair.students, pair.codes, strict=True):
        assert "".join(text for text, _ in pieces) == codes[student]
    marked = "".join(text for text, both in pair.codes[0] if both)
    assert "def area" in marked and "min(scores)" in marked and "epoch" not in marked


HOSTILE = [
    "</pre><script>alert(1)</script>",
    "</mark><img src=x onerror=alert(1)>",
    "{{ 7 * 7 }} {% raw %}",
    "&lt;b&gt; <b onclick='x()'>",
    "\u202egnp.exe \x00\x1b[31m",
    "\ud800 half of a pair",
]


class Tags(HTMLParser):
    def __init__(self, page):
        super().__init__()
        self.found, self.words = set(), []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.found.add(tag)
        assert not [name for name, _ in attrs if name.startswith("on") or name in ("src", "href")], attrs

    def handle_data(self, data):
        self.words.append(data)


@pytest.mark.parametrize("code", HOSTILE)
def test_no_html_of_students_gets_through(tmp_path, code):
    harmful = Pair(("<b>ann", "bob"), 0.9, ([(code, True), (code, False)], [(code, True)]))
    page = tmp_path / "there" / "page.html"
    write_similarity_page(Alike("ps<i>", 2, (harmful,), (("<b>a", "b", "c"),), {"<u>zoe": "<s>why"}), page)
    tags = Tags(page.read_text("utf-8"))
    own = {"html", "head", "meta", "title", "style", "body", "header", "main", "section", "h1", "h2", "h3", "p", "b"}
    own |= {"details", "summary", "div", "pre", "mark", "ul", "li"}
    assert tags.found <= own
    words = "".join(tags.words)
    assert "<b>ann" in words and "<u>zoe" in words and "\u202e" not in words
    assert words.count(code[:5].replace("\u202e", "\\u202e")[:4].replace("\ud800", "?")) >= 3


def test_many_pairs_are_counted_and_none_are_said(tmp_path):
    pair = Pair(("ann", "bob"), 0.9, ([("a", True)], [("b", True)]))
    write_similarity_page(Alike("ps", 50, (pair,) * 45, (), {}), tmp_path / "p.html")
    page = (tmp_path / "p.html").read_text()
    assert page.count("<details") == 40 and "And 5 more pairs" in page
    write_similarity_page(Alike("ps", 50, (), (), {}), tmp_path / "p.html")
    page = " ".join((tmp_path / "p.html").read_text().split())
    assert "No pairs had at least 70 %" in page and "What this proves, and what not" in page and ALIKE == 0.7


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    return write_source(tmp_path_factory.mktemp("similar") / "class")


@pytest.fixture
def hand_in(course):
    def handed_in(student, *cells, **answers):
        folder = course / "submitted" / student / "tiny"
        folder.mkdir(parents=True)
        made = notebook({"double": "pass", "value": "pass"} | answers)
        made.cells += map(new_code_cell, cells)
        (folder / "tiny.ipynb").write_text(json.dumps(made))  # whatever stands in a text
        return folder / "tiny.ipynb"

    yield handed_in
    shutil.rmtree(course / "submitted")


def test_a_collected_class_is_compared_by_the_command_before_it_is_graded(course, hand_in, monkeypatch):
    rng = random.Random(3)
    cells, _ = made_up_class(2)
    hand_in("ann", *cells["honest00"])
    hand_in("bob", *reversed([renamed(cell.partition("\n")[2], rng) for cell in cells["honest00"]]))
    hand_in("cal", *cells["honest01"])
    hand_in("dan", *cells["honest02"], "</pre><script>alert(1)</script>\n'\ud83d'")
    hand_in("eve", "x = 1\n" * 50_000)
    hand_in("fay").write_text("no notebook")
    monkeypatch.chdir(course)
    done = CliRunner().invoke(cli.main, ["similar", "tiny"])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert lines[0] == "4 students compared; pairs alike: 1."
    assert lines[1].startswith("ann and bob: 9") or lines[1] == "ann and bob: 100 %"
    assert [line for line in lines if line.startswith("Not compared: eve. More than 200,000")]
    assert [line for line in lines if line.startswith("Not compared: fay. Nothing could be graded:")]
    page = (course / "results" / "tiny-similar.html").read_text("utf-8")
    assert "<script" not in page and page.count("<details") == 1
    assert "lucky = 7" not in page  # what is the assignment's is not even shown
    assert not (course / "autograded").exists()


def test_where_nobody_can_be_compared_it_is_said(course, hand_in, tmp_path):
    hand_in("ann", "print('a')")
    with complains(GradingFailed, "fewer than two students", "tiny"):
        instructor.write_similarity(course, "tiny")
    hand_in("bob", "print('b')")
    (tmp_path / "file").write_text("")
    with complains(GradingFailed, "could not be written", "--to"):
        instructor.write_similarity(course, "tiny", tmp_path / "file" / "page.html")
    damaged = course / "submitted" / "bob" / "tiny" / "tiny.ipynb"
    damaged.write_text(json.dumps({"cells": [], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}))
    hand_in("cal", "print('c')")
    with pipeline.open_course(course) as api:
        assert list(alike(Batch(api, "tiny")).left_out) == ["bob"]
