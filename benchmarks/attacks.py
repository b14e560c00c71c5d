"""What submissions can get away with: each graded by plain nbgrader and by this course's grader, side by side.

Prints a table in Markdown and writes it to build/bench/attacks.md. The attacks are those of the tests. Run it on a
machine of your own only: plain nbgrader runs them as you.
"""

import copy
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import nbformat
from classroom import BUILD
from nbformat import NotebookNode
from nbgrader.apps import NbGraderAPI
from peers import environment
from traitlets.config import Config

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "grading")]

import grading_helpers as tiny  # noqa: E402
import grading_stub  # noqa: E402
import test_attacks as attacks  # noqa: E402

from course_utils.grading.batch import pipeline  # noqa: E402
from course_utils.progress import bar  # noqa: E402

TIMEOUT = 5  # seconds for a cell
_NOTHING = {"double": attacks.WRONG, "value": attacks.WRONG_VALUE}
_LEAK = {"double": attacks.SPY, "value": "print(seen)\n" + tiny.RIGHT["value"]}
_GRADEBOOK = """
from pathlib import Path
if Path('../../../gradebook.db').is_file() and Path('../../../gradebook.db').read_bytes()[:6] == b'SQLite':
    print('GRADEBOOK READ')
"""
_SCRIPT = "from IPython.display import HTML, display\ndisplay(HTML('<script>attack()</script>'))\n"
_NOISE = "import sys\ndef double(x):\n    print('careful', file=sys.stderr)\n    return 2 * x"


def _text(notebook: NotebookNode) -> str:
    return nbformat.writes(notebook)


def _without_a_test(notebook: NotebookNode) -> str:
    notebook.cells.remove(notebook.cells[2])
    return _text(notebook)


def _with_a_test_twice(notebook: NotebookNode) -> str:
    notebook.cells.append(copy.deepcopy(notebook.cells[2]))
    return _text(notebook)


def _without_metadata(notebook: NotebookNode) -> str:
    del notebook.cells[2].metadata["nbgrader"]
    return _text(notebook)


def _cut_off(notebook: NotebookNode) -> str:
    return _text(notebook)[:300]


def _rows() -> dict[str, tuple[dict[str, str], Callable[[NotebookNode], str]]]:
    """What a submission does: its answers, and what is done to its notebook."""
    rows = {"right answers": ({}, _text), "wrong answers": (_NOTHING, _text)}
    for name, code in attacks.FORGERIES.items():
        double = code if "def double" in code else attacks.WRONG + code
        rows[f"nothing right: {name}"] = (_NOTHING | {"double": double}, _text)
    for name, (code, _) in attacks.ENDINGS.items():
        rows[f"all right but the last cell: {name}"] = ({"value": code}, _text)
    return rows | {
        "all right, text on stderr": ({"double": _NOISE}, _text),
        "all right, a test deleted": ({}, _without_a_test),
        "all right, a test's metadata removed": ({}, _without_metadata),
        "all right, a cell copied": ({}, _with_a_test_twice),
        "all right, format 3 of notebooks": ({}, lambda notebook: nbformat.writes(notebook, version=3)),
        "a file that is cut off": ({}, _cut_off),
        "an empty file": ({}, lambda notebook: ""),
        "all right, another file name": ({}, _text),
        "reads hidden tests in a hook": (_LEAK, _text),
        "opens the gradebook": ({"value": _GRADEBOOK + tiny.RIGHT["value"]}, _text),
        "shows a script": ({"value": _SCRIPT + tiny.RIGHT["value"]}, _text),
    }


def _hand_in(course: Path, release: NotebookNode) -> list[str]:
    names = []
    for number, (what, (answers, make)) in enumerate(_rows().items()):
        filled = copy.deepcopy(release)
        for cell in filled.cells:
            name = cell.metadata.get("nbgrader", {}).get("grade_id")
            if name in tiny.RIGHT:
                cell.source = (tiny.RIGHT | answers)[name]
        folder = course / "submitted" / f"s{number:02d}" / "tiny"
        folder.mkdir(parents=True)
        file = "tiny (1).ipynb" if "another file name" in what else "tiny.ipynb"
        (folder / file).write_text(make(filled), "utf-8")
        names.append(what)
    return names


def _outcome(api: NbGraderAPI, course: Path, student: str) -> str:
    """Points, what came out that should not, and whether there is a score at all."""
    with api.gradebook as gradebook:
        found = [s for s in gradebook.assignment_submissions("tiny") if s.student.id == student]
        grades = [grade.auto_score for s in found for notebook in s.notebooks for grade in notebook.grades]
        score = found[0].score if found else None
    pages = [page.read_text("utf-8") for page in (course / "feedback" / student).rglob("*.html")]
    told = ["not graded" if not grades else f"{score:g} of 5"]
    told += ["a test without a score"] if None in grades else []
    told += ["hidden test in feedback"] if any(tiny.HIDDEN in page for page in pages) else []
    told += ["gradebook read"] if any(">GRADEBOOK READ" in page or "\nGRADEBOOK READ" in page for page in pages) else []
    told += ["script in feedback"] if any("<script>attack()" in page for page in pages) else []
    return ", ".join(told)


def _plain(course: Path, names: list[str]) -> dict[str, str]:
    """By nbgrader's own settings, one submission at a time, so that none can end the others."""
    config = Config(
        CourseDirectory={"root": str(course), "course_id": "plain"},
        Execute={"timeout": TIMEOUT, "interrupt_on_timeout": True},
    )
    api, told = NbGraderAPI(config=config), {}
    api.log.setLevel("CRITICAL")
    api.generate_assignment("tiny")
    for number, what in enumerate(bar(names, label="plain nbgrader", unit="submissions")):
        student = f"s{number:02d}"
        api.autograde("tiny", student)
        api.generate_feedback("tiny", student)
        told[what] = _outcome(api, course, student)
    return told


def _ours(course: Path, names: list[str]) -> dict[str, str]:
    with pipeline.open_course(course) as api:
        api.config.HonestExecute.timeout = TIMEOUT
        batch = pipeline.autograde(api, "tiny")
        pipeline.feedback(api, "tiny")
        return {
            what: f"{_outcome(api, course, f's{number:02d}')}; {batch.state(f's{number:02d}')}"
            for number, what in enumerate(names)
        }


def main() -> None:
    os.environ |= environment()  # nbgrader starts a program of this virtual environment by its name
    folder = BUILD / "attacks"
    shutil.rmtree(folder, ignore_errors=True)
    ours = grading_stub.write_source(folder / "ours")
    release = nbformat.read(ours / "release" / "tiny" / "tiny.ipynb", as_version=4)
    names = _hand_in(ours, release)
    plain = folder / "plain"
    plain.mkdir()
    for part in ("source", "submitted"):
        shutil.copytree(ours / part, plain / part)
    told = _plain(plain, names), _ours(ours, names)
    lines = ["| a submission | plain nbgrader | this course |", "| --- | --- | --- |"]
    lines += [f"| {name} | {told[0][name]} | {told[1][name]} |" for name in names]
    (BUILD / "attacks.md").write_text("\n".join(lines) + "\n", "utf-8")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
