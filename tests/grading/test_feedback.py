"""Feedback pages: each lost point has its reason, nothing of a hidden test shows, and nothing of a student's runs."""

import base64
import re
import sys
from html.parser import HTMLParser

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from nbgrader.api import Gradebook

from course_utils.grading import ASSIGNMENTS
from course_utils.grading.audit.known_answers import build_submission
from course_utils.grading.batch import pipeline
from course_utils.grading.reports.feedback_page import clean, parts_of_page
from course_utils.grading.reports.hidden import parts_of
from course_utils.grading.sandbox import available
from course_utils.grading.states import KEY

AT = "tale"
UNSAFE = available.missing() is not None  # these submissions are our own
DATA = ("7919", "15838", "swordfish", "Ada Lovelace")  # of the hidden tests
SEEN = "SE" + "EN"  # what students put before the data that they got: it stands in no source as one word

TOOLS = """
class NotYet(AssertionError):
    def _render_traceback_(self):
        return [f"no: {self}"]

def ask(name, *values):
    try:
        return globals()[name](*values)
    except Exception as error:
        line, text = getattr(error, "line", None), str(error).strip().partition(chr(10))[0].rstrip(".")
    raise NotYet(f"{name}() stopped in line {line}: {text}.")
"""
FIRST = """
def same(x):
    assert double(x) == 2 * x, f"double({x}) gave {double(x)}."
same(3)
assert double(5) == 10
"""
HIDDEN = """
assert double(4) == 8, "Twice four is eight."
### BEGIN HIDDEN TESTS 7919
assert double(7919) == 15838, "Large numbers count, not only 11."
assert double("swordfish") == "swordfish" * 2
assert double(11) == 22
given = double("Ada Lovelace")
assert given == "Ada Lovelace" * 2, f"Not every word was doubled, but {given}."
print("swordfish")
### END HIDDEN TESTS
assert double(0) == 0, "Twice nothing is nothing."
"""
ASKED = """
### BEGIN HIDDEN TESTS
ask("double", 7919)
ask("double", "swordfish")
### END HIDDEN TESTS
print("Asked with", double(1))
(double(1) == 2) + (double(2) == 4)
"""
AFTER = """
assert double(1) == 2, f"Now double(1) gave {double(1)!r}, and late is {late!r}."
assert late
"""


def cell(grade_id, source, kind=new_code_cell, **role):
    role = {"grade": False, "solution": False, "task": False, "locked": False, "schema_version": 3} | role
    return kind(source.rstrip("\n"), metadata={"nbgrader": {"grade_id": grade_id} | role})


def test(grade_id, source, points):
    return cell(grade_id, source, grade=True, locked=True, points=points)


test.__test__ = False  # a cell's maker, and none of pytest's


def assignment():
    mark = "Why?\n### BEGIN MARK SCHEME\nBecause of the rubric.\n### END MARK SCHEME"
    return new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "3", "language": "python"}},
        cells=[
            cell("tools", TOOLS, locked=True),
            cell("early", "### BEGIN SOLUTION\nearly = 1\n### END SOLUTION", solution=True),
            cell("double", "### BEGIN SOLUTION\ndef double(x):\n    return 2 * x\n### END SOLUTION", solution=True),
            test("first", FIRST, 1),
            test("hidden", HIDDEN, 1),
            cell("late", "### BEGIN SOLUTION\nlate = 'late'\n### END SOLUTION", solution=True),
            test("asked", ASKED, 2),
            test("after", AFTER, 1),
            cell("why", mark, new_markdown_cell, task=True, locked=True, points=1),
            new_markdown_cell("Answer here."),
        ],
    )


RIGHT = "def double(x):\n    return 2 * x"
TELLS = """
def double(x):
    if type(x) is str or x > 7000:
        raise ValueError('SE' f'EN {x}')
    return 2 * x
"""
CLASS = """
def double(x):
    if type(x) is str or x > 7000:
        raise type('SE' f'EN{x}', (Exception,), {})('SE' f'EN {x}')
    return 2 * x
"""
KEEPS = """
seen = []
def double(x):
    seen.append(x)
    print('SE' 'EN', x)
    if type(x) is str and ' ' in x:
        return 'SE' f'EN {x}'
    if len(seen) > 13 and x == 1:
        return 'SE' f'EN {seen}'
    return 2 * x
"""
KEEPS_FROM_LARGE = KEEPS.replace("' ' in x", "x == ''")
SHOWS = """
from IPython.display import HTML, SVG, Markdown, Javascript, display
text = 'SE' 'EN ' + ' '.join(map(str, seen))
late = text
print(text)
for kind in (HTML, Markdown, Javascript):
    display(kind(text))
display(SVG(f'<svg xmlns="http://www.w3.org/2000/svg"><text>{text}</text></svg>'))
display({'image/png': 'iVBORw0KGgo=', 'text/plain': text}, raw=True, metadata={'image/png': {'alt': text}})
earlier.update(HTML(text))
get_ipython().execution_count = max(x for x in seen if type(x) is int)
raise type('SE' 'EN' + seen[-1].replace(' ', ''), (Exception,), {})(text)
"""
FORGES = """
from course_utils.grading.judge import in_student_kernel as answering
heard = answering._tell
answering._tell = lambda told: heard(told | {'line': told['text']} if 'error' in told else told)
def double(x):
    if type(x) is str or x > 7000:
        raise ValueError('SE' f'EN {x}')
    return 2 * x
"""
REFUSES = """
from course_utils.grading.judge import in_student_kernel as answering
heard = answering._tell
def double(x):
    if type(x) is str or x > 7000:
        answering._tell = lambda _: heard({'error': 'SE' f'EN{x}', 'text': 'SE' f'EN {x}'})
    return 2 * x
"""
BREAKS = """
import os
def broken(x):
    return x / 0
open(os.path.join(os.path.dirname(os.__file__), 'site-packages', 'none.txt'))
"""
WRITTEN = {
    "ann": {"double": RIGHT, "why": "So it is."},
    "bob": {"double": "def double(x):\n    return x + 1"},
    "cal": {"double": "def double(x):\n    # odd\n    raise ValueError(f'too odd: {x} <b>')", "early": BREAKS},
    "dan": {"double": "def double(x):\n    return 0 if x == 5 else 0 if x == 11 else 2 * x"},
    "eve": {"double": "def double(x):\n    return 0 if x == 11 else 2 * x"},
    "fay": {"double": "def double(x):\n    return 11 if type(x) is int and x > 7000 else 2 * x"},
    "gil": {"double": TELLS},
    "hal": {"double": CLASS},
    "ida": {"double": KEEPS, "early": "earlier = display('earlier', display_id=True)", "late": SHOWS},
    "jon": {"double": KEEPS_FROM_LARGE, "late": "late = 'SE' f'EN {seen}'\nraise KeyError(late)"},
    "kim": {"double": FORGES},
    "pia": {"double": REFUSES},  # and writes into the metadata of its tests
    "lea": {"double": RIGHT, "early": "early = (\n1 1)", "late": "pass"},
    "max": {},
    "nat": {"double": "def double(x):\n    raise ValueError('\\ud800')"},
    "oli": {"double": "def double(x):\n    return '\\ud800'"},
}


@pytest.fixture(scope="module")
def graded(tmp_path_factory):
    """A class through every step, in a folder whose name no page may tell; (the course's folder, pages by student)."""
    root = tmp_path_factory.mktemp("graders-own")
    source = root / "course" / "source" / AT
    source.mkdir(parents=True)
    nbformat.write(assignment(), source / f"{AT}.ipynb")
    (root / "course" / "nbgrader_config.py").write_text((ASSIGNMENTS / "nbgrader_config.py").read_text("utf-8"))
    pipeline.copy_course(root / "course", root / "class", AT)
    with pipeline.open_course(root / "class", UNSAFE) as api:
        released = nbformat.read(pipeline.generate(api, AT) / f"{AT}.ipynb", as_version=4)
        for student, answers in WRITTEN.items():
            answers = {"early": "early = 1", "late": "late = 'late'"} | answers if answers else {}
            folder = root / "class" / "submitted" / student / AT
            folder.mkdir(parents=True)
            answers = {name: code.strip("\n") for name, code in answers.items()}
            made = build_submission(released, answers)
            for one in made.cells if student == "pia" else ():
                one.metadata[KEY] = {"kind": "assert", "line": 1, "quoted": []}
            nbformat.write(made, folder / f"{AT}.ipynb")
        pipeline.autograde(api, AT, progress=False)
        with Gradebook(f"sqlite:///{root / 'class' / 'gradebook.db'}", "transfer-learning") as gradebook:
            comment = gradebook.find_comment("double", AT, AT, "ann")
            comment.manual_comment = "Well *done* <img src=x onerror=alert(1)>[here](javascript:alert(1))"
            gradebook.db.commit()
        pages = pipeline.feedback(api, AT, progress=False)
    return root / "class", {student: page.read_text("utf-8") for student, page in pages}


class Page(HTMLParser):
    """What a page consists of: elements with their attributes, and its text with single spaces."""

    def __init__(self, page):
        super().__init__()
        self.elements, self._words, self._inside = [], [], None
        self.feed(page)
        self.text = " ".join("".join(self._words).split())

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data):
        if self._inside != "style":
            self._words.append(data)

    def handle_endtag(self, tag):
        self._inside = None


def autograded(root, student):
    return root / "autograded" / student / AT / f"{AT}.ipynb"


REASONS = {
    "bob": ["✗ double(3) gave 4.", "✗ Twice four is eight."],
    "cal": [
        "✗ Your function raised ValueError: too odd: 3 <b> (line 3 of its cell).",
        "✗ Your function raised ValueError (line 3 of its cell); run this test yourself to read more.",
        "✗ double() stopped in line 3: ….",
        "FileNotFoundError: [Errno 2] No such file or directory: '…/none.txt' (line 4 of this cell)",
    ],
    "dan": ["✗ An assert in the visible part of this test failed. Its author gave no reason."],
    "eve": ["✗ An assert in the hidden part of this test failed. Its author gave no reason."],
    "fay": ["✗ Large numbers count, not only 11."],
    "gil": [
        "✗ In the hidden part of this test, your function raised ValueError (line 3 of its cell).",
        "✗ double() stopped in line 3: ….",
    ],
    "hal": ["✗ In the hidden part of this test, your function raised an exception of its own (line 3 of its cell)."],
    "ida": ["✗ Not every word was doubled, but ….", "Outputs made after hidden tests are not shown."],
    "jon": ["✗ Now double(1) gave …, and late is …", "This cell ended with KeyError."],
    "kim": [
        "✗ In the hidden part of this test, your function raised ValueError.",
        "✗ double() stopped in line None: ….",
    ],
    "pia": [
        "✗ In the hidden part of this test, your function raised an exception of its own.",
        "✗ The answers could not be read.",
    ],
    "lea": ["✗ late is not defined.", "SyntaxError: invalid syntax. Perhaps you forgot a comma? (line 2 of this cell)"],
    "nat": ["tale (Score: 0.0 / 6.0)", "✗ Your function raised ValueError: ? (line 2 of its cell)."],
    "oli": ["tale (Score: 0.0 / 6.0)", "✗ The test failed, with a message that is no text."],
    "max": [
        "NotImplementedError: Write your code here, in place of this line. (line 2 of this cell)",
        "✗ double is not d",
    ],
}


@pytest.mark.parametrize("student", REASONS)
def test_each_lost_point_has_its_reason(graded, student):
    text = Page(graded[1][student]).text
    assert [reason for reason in REASONS[student] if reason not in text] == []


@pytest.mark.parametrize("student", WRITTEN)
def test_every_test_that_was_lost_whole_says_so_and_no_other_does(graded, student):
    notebook = nbformat.read(autograded(graded[0], student), as_version=4)
    errors = [o for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade") for o in c.outputs]
    assert Page(graded[1][student]).text.count("✗") == sum(o.output_type == "error" for o in errors)


@pytest.mark.parametrize("student", WRITTEN)
def test_no_page_holds_anything_of_a_hidden_test_or_of_the_graders_machine(graded, student):
    page = graded[1][student]
    for word in (*DATA, SEEN, "graders-own", sys.prefix, "ipykernel"):
        assert word not in page, word
    text = Page(page).text
    assert not re.search(r"Traceback|Cell In|In \[|Out\[", text)
    assert text.count("### BEGIN HIDDEN TESTS") == text.count("### END HIDDEN TESTS") == 2


def test_the_instructors_notebook_keeps_it_all(graded):
    words = autograded(graded[0], "gil").read_text("utf-8")
    assert all(word in words for word in DATA) and f"{SEEN} 7919" in words
    failed = next(
        c for c in nbformat.reads(words, as_version=4).cells if KEY in c.metadata and c.metadata[KEY].get("at")
    )
    (error,) = (o for o in failed.outputs if o.output_type == "error")
    assert len(error.traceback) > 2 and failed.source.split("\n")[failed.metadata[KEY]["line"] - 1].startswith("assert")


def test_scores_comments_rubric_and_partial_credit_are_shown_as_nbgrader_shows_them(graded):
    text = Page(graded[1]["ann"]).text
    for words in ("tale (Score: 5.0 / 6.0)", "Score: 2.0 / 2.0", "Score: 1.0 / 1.0", "Because of the rubric."):
        assert words in text
    assert "Asked with 2 2 " in text and "So it is." in text and "Comments: Well done here" in text


def test_a_page_opens_with_its_parts_and_says_what_nobody_has_marked(graded):
    waits = "Before the first heading (Score: 5.0 / 6.0) , not all marked by a person yet"
    assert waits.replace(" ,", ",") in Page(graded[1]["ann"]).text.replace(" ,", ",")


def test_parts_are_those_of_the_headings_and_the_most_lost_comes_first():
    def one(grade_id, score, points, **more):
        return cell(grade_id, "1", grade=True, locked=True, points=points, score=score, **more)

    parts = parts_of_page(
        [
            new_markdown_cell("# Title\n\nText."),
            one("early", 1, 1),
            new_markdown_cell("## 1. Freeze it (4 points, by tests)\n\nMore text."),
            one("a", 2, 2),
            cell("answer", "2", solution=True),
            one("b", 1, 2),
            new_markdown_cell("### Smaller\n\n## not at the beginning"),
            new_markdown_cell("## 2. Why? (1 point)"),
            one("c", 0, 3),
            new_markdown_cell("## 3. An essay"),
            cell("d", "?", new_markdown_cell, task=True, points=4, score=0, waits=True),
        ]
    )
    told = [(part.title, part.first, part.score, part.points, part.waits) for part in parts]
    assert told == [
        ("2. Why?", "c", 0, 3, False),
        ("1. Freeze it", "a", 3, 4, False),
        ("Before the first heading", "early", 1, 1, False),
        ("3. An essay", "d", 0, 4, True),
    ]


MARKS = ("BEGIN HIDDEN TESTS", "END HIDDEN TESTS")
SOURCES = [  # a test's source, what is left of it, and for some of its lines whether nothing hidden can have run before
    ("a\nb", "a\nb", {1: True, 2: True}),
    ("a\n### BEGIN HIDDEN TESTS 5\nb\n### END HIDDEN TESTS\nc", "a\n### {}\n### {}\nc", {1: True, 3: False, 5: False}),
    ("a\n### BEGIN HIDDEN TESTS\nb", "a\n### {}", {1: True, 3: False}),
    ("b\n### END HIDDEN TESTS\nc", "b\n### {1}\nc", {1: True, 3: False}),
    (
        "for a in b:\n    a\n    ### BEGIN HIDDEN TESTS\n    b\n    ### END HIDDEN TESTS",
        "for a in b:\n    a\n    ### {}\n    ### {}",
        {1: False, 2: False},
    ),
    ("a(\n1,\n# BEGIN HIDDEN TESTS\n2,\n# END HIDDEN TESTS\n)", "a(\n1,\n### {}\n### {}\n)", {1: False, 2: False}),
    ("%%time\na\n# BEGIN HIDDEN TESTS\nb\n# END HIDDEN TESTS", "%%time\na\n### {}\n### {}", {1: False, 2: False}),
    ("%%time\na", "%%time\na", {1: True}),
]


@pytest.mark.parametrize("source, visible, before", SOURCES)
def test_hidden_parts_of_a_source(source, visible, before):
    parts = parts_of(source, *MARKS)
    assert parts.visible == visible.format(*MARKS)
    assert {line: parts.before(line) for line in before} == before


@pytest.fixture
def remade(graded):
    """Change one graded notebook by hand, and make its page again."""
    file = autograded(graded[0], "ann")
    before = file.read_bytes()

    def make(change):
        notebook = nbformat.reads(before.decode(), as_version=4)
        change(notebook)
        file.chmod(0o644)
        nbformat.write(notebook, file)
        with pipeline.open_course(graded[0], UNSAFE) as api:
            result = api.generate_feedback(AT, "ann")
        assert result["success"], result
        return (graded[0] / "feedback" / "ann" / AT / f"{AT}.html").read_text("utf-8")

    yield make
    file.write_bytes(before)


HARMFUL = {
    "script": "<script>alert(1)</script>",
    "script in capitals": "<ScRiPt src=//evil.example/x.js></sCrIpT>",
    "script without end": "<script>alert(1)",
    "script in a script": "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "event": "<img src=x onerror=alert(1)>",
    "event without space": "<img/src='x'/onerror=alert(1)>",
    "event on a link": "<a href='https://a.example' onclick=alert(1) onmouseover='alert(1)'>a</a>",
    "animation": "<details open ontoggle=alert(1)>a</details><marquee onstart=alert(1)>b</marquee>",
    "javascript link": "<a href='javascript:alert(1)'>a</a>",
    "disguised link": "<a href=' jav&#x09;ascript&colon;alert(1)'>a</a><a href='&#14;javascript:alert(1)'>b</a>",
    "javascript link behind files": "<a href='files/javascript:alert(1)'>a</a><a href=/files/javascript:alert(1)>b</a>",
    "data link": "<a href='data:text/html;base64,PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg=='>a</a>",
    "vbscript": "<a href='vbscript:msgbox(1)'>a</a>",
    "frames": "<iframe src='javascript:alert(1)'></iframe><iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "objects": "<object data='x.swf'></object><embed src='x.swf'><applet code=x></applet>",
    "refresh": "<meta http-equiv=refresh content='0;url=//evil.example'>",
    "base": "<base href='//evil.example/'>",
    "link": "<link rel=stylesheet href='//evil.example/x.css'>",
    "form": "<form action='//evil.example'><input name=a><button formaction='javascript:alert(1)'>a</button></form>",
    "tracker": "<img src='https://evil.example/t.png'><img srcset='https://evil.example/t.png 1x'>",
    "svg image": "<img src='data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+'>",
    "svg": "<svg onload=alert(1)><script>alert(1)</script><a xlink:href='javascript:alert(1)'>a</a></svg>",
    "svg use": "<svg><use href='data:image/svg+xml,<svg id=x onload=alert(1)>#x'/><animate onbegin=alert(1)></svg>",
    "math": "<math href='javascript:alert(1)'><mtext><table><mglyph><style><img src=x onerror=alert(1)>",
    "mutation": "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "mutation in a style": "<svg></p><style><a id='</style><img src=1 onerror=alert(1)>'>",
    "mutation in a form": "<form><math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "comment": "<!--><img src=x onerror=alert(1)>--><!-- --!><img src=x onerror=alert(1)>-->",
    "conditional": "<!--[if gte IE 4]><script>alert(1)</script><![endif]-->",
    "cdata": "<![CDATA[<script>alert(1)</script>]]><?xml version='1.0'?><!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc'>]>",
    "raw text": "<textarea><script>alert(1)</script></textarea><title><img src=x onerror=alert(1)></title><xmp><b>",
    "template": "<template><script>alert(1)</script></template><slot name=x></slot>",
    "media": "<video src='//evil.example' onerror=alert(1)></video><audio src=x></audio><source src='//evil.example'>",
    "cover": "<div style='position:fixed;top:0;left:0;width:100%;height:100%;background:url(//evil.example)'>a</div>",
    "cover by class": "<div class='modal in navbar-fixed-top'>a</div><div class=affix id=top>b</div>",
    "tracker in a style": "<p style='cursor:url(//evil.example);list-style:url(//evil.example);color:red'>a</p>",
    "moved text": "<p style='margin-top:-900px;text-indent:-900px;line-height:0;font-size:0;display:none'>a</p>",
    "address in a colour": r"<p style='background-color:url(//evil.example);color:\75rl(//evil.example)'>a</p>",
    "style": "<style>@import '//evil.example'; body { display: none }</style>",
    "broken out": "</pre></div></div></div></body></html><script>alert(1)</script><body onload=alert(1)>",
    "quotes": "\"'><img src=x onerror=alert(1)>\"' onmouseover=alert(1) x='",
    "nul": "<scr\0ipt>alert(1)</scr\0ipt><a href='java\0script:alert(1)'>a</a>",
    "deep": "<b>" * 5000 + "<script>alert(1)</script>",
    "long": "<script>alert(1)</script>" * 20_000,
}
MARKDOWN = {
    "link": "[a](javascript:alert(1)) [b](<javascript:alert(1)>) [c][d]\n\n[d]: javascript:alert(1)",
    "files": "[a](files/javascript:alert(1)) ![b](/files/javascript:alert(1))",
    "autolink": "<javascript:alert(1)>",
    "image": "![a](https://evil.example/t.png) ![b](x \"' onerror=alert(1) '\")",
    "attachment": "![a](attachment:none.png) <script>alert(1)</script>",
    "code": "```html' onclick=alert(1)\n<script>alert(1)</script>\n```\n```mermaid\nx\n```",
    "heading": "# <img src=x onerror=alert(1)>\n\n# [a](javascript:alert(1))",
    "math": "$<script>alert(1)</script>$ $$\\href{javascript:alert(1)}{a}$$\\begin{a}<img onerror=alert(1)>\\end{a}",
    "table": "|a|\n|-|\n|<script>alert(1)</script>|",
}
ELEMENTS = set(
    """section a abbr b blockquote br caption code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img kbd li ol p
    pre s small span strong sub summary sup table tbody td tfoot th thead tr u ul""".split()
)


def harms(page, own=()):
    """Whatever an element or attribute of a page could do beyond showing text and pictures, but for `own` elements."""
    found = []
    for tag, attributes in (element for element in Page(page).elements if element not in own):
        if tag not in ELEMENTS:
            found.append(tag)
        for name, value in attributes.items():
            value = value or ""
            if name == "href" and not re.match(r"https?://|mailto:|#[\w-]+$", value):
                found.append(f"{name}={value}")
            elif name == "src" and not re.fullmatch(r"data:image/(png|jpeg);base64,[\w+/=\n]+", value):
                found.append(f"{name}={value}")
            elif name == "style" and not re.fullmatch(r"(((background-)?color|text-align): ?[\w(), ]+;?)?", value):
                found.append(f"{name}={value}")
            elif name == "class" and re.search(r"modal|navbar|affix|mermaid", value):
                found.append(f"{name}={value}")
            elif name not in ("href", "src", "style", "class", "alt", "title", "name", "id", "colspan", "rowspan"):
                found.append(name)
            elif name in ("name", "id") and not own:
                found.append(name)
    return found


@pytest.mark.parametrize("what", HARMFUL)
def test_harmful_html_is_harmless_when_clean(what):
    assert harms(clean(HARMFUL[what])) == []


def test_a_cleaned_piece_of_html_is_the_same_when_cleaned_again():
    """Else a browser might read it in another way than nh3 has written it."""
    for harmful in HARMFUL.values():
        once = clean(harmful)
        assert len(once) > 50_000 or clean(once) == once


def test_half_a_character_is_no_reason_to_raise():
    assert clean("<b>a\ud800") == "<pre>&lt;b&gt;a?</pre>"


def test_harmless_html_stays():
    table = (
        '<table class="dataframe"><tr><th style="text-align: right;">a</th><td colspan="2">1 &lt; 2</td></tr></table>'
    )
    styled = f"<style scoped>.dataframe {{ color: red }}</style>{table}"
    assert clean(styled).replace("<tbody>", "").replace("</tbody>", "") == table.replace(": right;", ":right")
    picture = f'<img alt="a dot" src="data:image/png;base64,{base64.b64encode(b"png").decode()}">'
    assert {name for name in re.findall(r'(\w+)="', clean(picture))} == {"alt", "src"}
    assert clean('<a href="https://a.example/?b=1">a</a>') == '<a href="https://a.example/?b=1">a</a>'


KINDS = """text/html text/markdown text/plain text/latex image/svg+xml application/javascript image/png image/jpeg
application/pdf text/vnd.mermaid application/x-made-up""".split()


def outputs_of_every_kind(harm):
    data = [{kind: harm} for kind in KINDS] + [{"image/png": harm, "text/plain": "a"}]
    odd = {"isolated": True, "image/png": {"alt": harm, "width": harm}, "text/html": {"isolated": True}}
    made = [new_output("display_data", one, metadata=odd | {"filenames": {"image/png": harm}}) for one in data]
    made += [new_output("execute_result", one, execution_count=7919, metadata={"image/png": harm}) for one in data]
    made += [new_output("stream", name=n, text=f"\x1b[31m{harm}\x1b[38;5;{harm}m") for n in ("stdout", "stderr", harm)]
    made += [new_output("error", ename=harm, evalue=harm, traceback=[harm, f"\x1b[0;31m{harm}"])]
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": harm, "version_major": 2}}
    return [*made, new_output("display_data", view | {"text/html": harm})]


def test_whatever_a_notebook_holds_its_page_is_as_harmless_as_another(graded, remade):
    own = [e for e in Page(graded[1]["ann"]).elements if e[0] not in ("a", "img", "p", "div", "span")]
    quotes = HARMFUL["quotes"]

    def fill(notebook):
        for harm in (*(h[:3000] for h in HARMFUL.values()), *MARKDOWN.values()):
            tag = harm.replace(",", "").replace("\n", "")[:500]
            odd = {"tags": [tag], "raw_mimetype": harm, "transient": {"remove_source": 0}, "alt": harm}
            picture = {"a.png": {"image/svg+xml": harm, "image/png": harm}, harm: {}}
            notebook.cells[2:2] = [
                new_code_cell(harm, outputs=outputs_of_every_kind(harm), metadata=odd, execution_count=7919),
                new_markdown_cell(f"{harm}\n\n![a](attachment:a.png)", metadata=odd, attachments=picture),
                nbformat.v4.new_raw_cell(harm, metadata={"tags": [tag]}),
                new_markdown_cell(harm, metadata=odd),
            ]
        test = next(c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == "first")
        test.outputs = outputs_of_every_kind(HARMFUL["event"])
        test.metadata[KEY] = {"line": 1, "kind": "other", "at": HARMFUL["event"], "quoted": []}
        notebook.metadata |= {"title": quotes, "widgets": {"application/vnd.jupyter.widget-state+json": 1}}
        notebook.metadata |= {"language_info": {"name": quotes, "pygments_lexer": quotes}}
        notebook.metadata[KEY] = {"notes": [["crashed", quotes], ["made up", "no"], 5, "x", ["crashed"]]}

    page = remade(fill)
    assert harms(page, own) == []
    text = Page(page).text
    assert "What the grader noticed" in text and text.count(" ".join(quotes.split())) > 1
    assert "7919" not in page and "ansi-" not in page and "\x1b" not in page


def test_what_is_too_much_is_shown_as_it_was_written_or_in_another_way(remade):
    assert clean(HARMFUL["deep"]).startswith("<pre>&lt;b&gt;&lt;b&gt;")
    assert clean(HARMFUL["long"]).startswith("<pre>&lt;script&gt;")

    def fill(notebook):
        data = {"text/html": "<b>b</b>" * 10_000, "text/plain": "a large table"}
        notebook.cells.insert(1, new_code_cell("x = 1  #" * 10_000, outputs=[new_output("display_data", data)]))
        notebook.cells.insert(1, new_markdown_cell("*a* " * 10_000))

    page = remade(fill)
    assert "a large table" in Page(page).text and "bb" not in Page(page).text
    assert "<pre>x = 1  #" in page and "<pre>*a* *a*" in page


@pytest.mark.parametrize("notes", [None, 5, "x", [], {}, {"notes": 5}, {"notes": [5, [], ["crashed"], ["x", "y"]]}])
def test_notes_of_another_form_show_nothing(remade, notes):
    def note(notebook):
        notebook.metadata[KEY] = notes

    assert "noticed" not in Page(remade(note)).text


def test_notes_are_shown_as_they_are(remade):
    def note(notebook):
        notebook.metadata[KEY] = {"state": "timeout", "notes": [["timeout", "The <b>cell</b> *ran* long."]]}

    assert "What the grader noticed The <b>cell</b> *ran* long." in Page(remade(note)).text


def test_pictures_that_are_base64_stay_with_what_they_show(remade):
    dot = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()

    def draw(notebook):
        data, about = (
            {"image/png": dot[:8] + "\n" + dot[8:], "text/plain": "<Figure>"},
            {"image/png": {"alt": 'A "dot"'}},
        )
        notebook.cells.insert(1, new_code_cell("draw()", outputs=[new_output("display_data", data, metadata=about)]))
        pasted = {"a.png": {"image/png": dot}}
        notebook.cells.insert(1, new_markdown_cell("![pasted](attachment:a.png)", attachments=pasted))

    pictures = [attributes for tag, attributes in Page(remade(draw)).elements if tag == "img"]
    assert {p["alt"] for p in pictures} == {'A "dot"', "pasted"}
    assert {"".join(p["src"].split()) for p in pictures} == {f"data:image/png;base64,{dot}"}


def test_a_page_needs_nothing_from_outside(graded):
    for page in graded[1].values():
        loads = [
            (t, a) for t, a in Page(page).elements if {"src", "srcset", "data"} & set(a) or t in ("script", "link")
        ]
        assert loads == [] and "@import" not in page
        (policy,) = (a["content"] for t, a in Page(page).elements if a.get("http-equiv") == "Content-Security-Policy")
        assert policy.startswith("default-src 'none'") and "script" not in policy and "http" not in policy
