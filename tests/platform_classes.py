"""Classes of 20 as Canvas, Moodle and Brightspace hand out what they submitted, with the troubles of a real one."""

import io
import unicodedata
import zipfile
from functools import cache
from pathlib import Path

import nbformat
from grading_helpers import notebook

# Login, first and last name; the first and the last have one name.
STUDENTS = [
    ("smith1", "Bob", "Smith"),
    ("oneil", "Aoife", "O'Neil"),
    ("mueller", "Jörg", "Müller-Lüdenscheidt"),
    ("garcia", "Ana María", "García Márquez"),
    ("nguyen", "Thị Hồng", "Nguyễn"),
    ("li", "小龙", "李"),
    ("delacruz", "Ann-Marie", "de la Cruz"),
    ("sjoberg", "Åsa", "Sjöberg"),
    ("yilmaz", "İpek", "Yılmaz"),
    ("strauss", "Franz", "Strauß"),
    ("late", "Lara", "Late"),
    ("again", "Gil", "Again"),
    ("zipped", "Zoe", "Zipped"),
    ("text", "Tom", "Text"),
    ("pdf", "Pat", "Pdf"),
    ("module", "Mo", "Module"),
    ("typed", "Tyra", "Typed"),
    ("copy", "Cora", "Copy"),
    ("gone", "Gus", "Gone"),
    ("smith2", "Bob", "Smith"),
]
NUMBERS = {login: 1000 + place for place, (login, *_) in enumerate(STUDENTS)}
PASSED = {login: place % 4 for place, (login, *_) in enumerate(STUDENTS)}
NO_NOTEBOOK, MISSING = ("text", "pdf", "typed"), "gone"
POINTS = {
    login: "" if login == MISSING else 0 if login in NO_NOTEBOOK else (0, 2, 4, 5)[n] for login, n in PASSED.items()
}


def work(folder: Path, login: str, passed: int | None = None) -> bytes:
    """A notebook that says itself how many tests it passes."""
    return _work(folder, login, PASSED[login] if passed is None else passed)


@cache  # as cells get new ids each time
def _work(folder: Path, login: str, passed: int) -> bytes:
    said = f"# by {login}\n# ledger {folder / 'ledger'}\n# passes {passed}"
    return nbformat.writes(notebook({"double": said, "value": "answer = 0"})).encode()


def zipped(files: dict[str, bytes], says_utf_8: bool = True) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for name, content in files.items():
            entry = (zipfile.ZipInfo if says_utf_8 else _Silent)(name)
            archive.writestr(entry, content)
    return made.getvalue()


class _Silent(zipfile.ZipInfo):
    """An entry whose name is UTF-8 without a word of it, as older libraries write it."""

    def _encodeFilenameFlags(self):
        return self.filename.encode(), self.flag_bits & ~0x800


def _handed_in(folder: Path, login: str) -> dict[str, bytes]:
    """What one student handed in, by name; resubmissions aside."""
    own = work(folder, login)
    special = {
        "zipped": {"my work.zip": zipped({"hw/tiny.ipynb": own, "__MACOSX/hw/._tiny.ipynb": b"\0"})},
        "text": {"answers.txt": b"double(x) = 2x"},
        "pdf": {"tiny.pdf": b"%PDF-1.4"},
        "module": {"tiny.ipynb": own, "helpers.py": b"x = 1"},
        "copy": {"tiny (1).ipynb": own},
    }
    return special.get(login, {"tiny.ipynb": own})


def canvas(folder: Path) -> dict[str, bytes]:
    """Canvas's archive: no folders, numbers of its own, LATE; nothing of who handed in nothing."""
    files, number = {"__MACOSX/._smithbob_1000_1_tiny.ipynb": b"\0"}, 50_000
    for login, first, last in STUDENTS:
        if login == MISSING:
            continue
        name = "".join(c for c in f"{last}, {first}".lower() if c.isalnum() or unicodedata.category(c)[0] == "M")
        begin = f"{name}_LATE_{NUMBERS[login]}" if login == "late" else f"{name}_{NUMBERS[login]}"
        if login == "typed":
            files[f"{begin}_text.html"] = b"<p>2x</p>"
            continue
        for file, content in _handed_in(folder, login).items():
            number += 1
            if login == "again":  # both, as after two downloads into one folder
                files[f"{begin}_{number}_{file}"] = work(folder, login, 0)
                number, file = number + 1, "tiny-1.ipynb"
            files[f"{begin}_{number}_{file}"] = content
    return files


def canvas_roster() -> str:
    lines = ["Student,ID,SIS User ID,SIS Login ID,Section,Old (1)", ",,,,,Manual Posting", "    Points Possible,,,,,10"]
    lines += [f'"{last}, {first}",{NUMBERS[login]},,{login},A,3' for login, first, last in STUDENTS]
    return "\n".join([*lines, '"Student, Test",9999,,a8f1,A,']) + "\n"


def moodle(folder: Path, in_folders: bool, end: str = "_") -> dict[str, bytes]:
    """Moodle's archive: the name as it is shown, but for ' and the like, and a number of this assignment."""
    files = {}
    for login, first, last in STUDENTS:
        if login == MISSING:
            continue
        begin = unicodedata.normalize("NFD", f"{first} {last}".replace("'", "")) + f"_{NUMBERS[login] + 7}"
        kind = "onlinetext" if login == "typed" else "file"
        handed_in = {"onlinetext.html": b"<p>2x</p>"} if login == "typed" else _handed_in(folder, login)
        for file, content in handed_in.items():
            between = f"{end}/" if in_folders else "_"
            files[f"{begin}_assignsubmission_{kind}{between}{file}"] = content
    return files


def moodle_roster() -> str:
    lines = ["Identifier,Full name,Email address,Status,Grade,Last modified (submission)"]
    for login, first, last in STUDENTS:
        time = "-" if login == MISSING else "Tuesday, 3 November 2026, 11:05 PM"
        lines.append(f'Participant {NUMBERS[login] + 7},{first} {last},{login}@x.edu,Submitted,,"{time}"')
    return "\ufeff" + "\n".join(lines) + "\n"


def brightspace(folder: Path, login: str, time: str, passed: int | None = None, file: str = "tiny.ipynb") -> dict:
    """One attempt in Brightspace's archive: a folder that says who and when."""
    first, last = next((first, last) for name, first, last in STUDENTS if name == login)
    return {f"{NUMBERS[login]}-77 - {first} {last} - {time}/{file}": work(folder, login, passed)}


def brightspace_roster() -> str:
    lines = ["OrgDefinedId,Username,Last Name,First Name,Email,End-of-Line Indicator"]
    lines += [f"#{NUMBERS[login] + 9},#{login},{last},{first},{login}@x.edu,#" for login, first, last in STUDENTS]
    return "\n".join(lines) + "\n"
