"""What students get: the notebooks, the assignments as nbgrader releases them, and the package without its grading."""

import re
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

from ...root import written_whole
from ..batch import pipeline
from ..seeds import has_variants

NAME = "transfer-learning-course"
_README = Path(__file__).with_name("student_readme.md")
_ALONE = ("course.py", "requirements.lock", "environment.yml", "LICENSE")
_BINDER = (".binder/requirements.txt", ".binder/runtime.txt")
# Of the package: the grader with the kernels that it starts and its page's style, and what writes the course.
_OURS = ("grading/", "data/kernels/", "data/style.css", "authoring/")
# Of pyproject.toml: what points to those, or to the tests.
_TABLES = ("project.entry-points", "tool.hatch.build.targets.wheel.shared-data", "tool.pytest", "tool.importlinter")


def write_bundle(root: Path, file: Path) -> list[str]:
    """Write the students' zip archive, and return the names of what is in it.

    `root` is the course's folder. Raises `GradingFailed` where nbgrader cannot make a students' version.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with written_whole(file) as beside, zipfile.ZipFile(beside, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in sorted(_contents(root)):
            archive.writestr(zipfile.ZipInfo(f"{NAME}/{name}"), content, zipfile.ZIP_DEFLATED)
        names = archive.namelist()
    return names


def _contents(root: Path) -> Iterator[tuple[str, bytes]]:
    yield "README.md", _README.read_bytes()
    yield "pyproject.toml", without_grading((root / "pyproject.toml").read_text("utf-8")).encode()
    for name in (*_ALONE, *_BINDER):
        yield name, (root / name).read_bytes()
    for path in (root / "notebooks").glob("*.ipynb"):
        yield f"notebooks/{path.name}", path.read_bytes()
    package = root / "course_utils"
    for path in package.rglob("*"):
        inside = path.relative_to(package).as_posix()
        if path.is_file() and "__pycache__" not in path.parts and not inside.startswith(_OURS):
            yield f"course_utils/{inside}", path.read_bytes()
    yield from _assignments(root / "assignments")


def _assignments(course: Path) -> Iterator[tuple[str, bytes]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        assignments = sorted(path.name for path in (course / "source").iterdir())
        for assignment in assignments:
            pipeline.copy_course(course, folder, assignment)
        with pipeline.open_course(folder, own_exchange=False) as api:
            for assignment in assignments:
                if has_variants(api.config, folder, assignment):  # each student gets another one
                    continue
                released = pipeline.generate(api, assignment)
                for path in released.rglob("*"):
                    if path.is_file():
                        yield f"assignments/{assignment}/{path.relative_to(released).as_posix()}", path.read_bytes()


def without_grading(pyproject: str) -> str:
    """pyproject.toml without the tables that need what students do not get."""
    tables = re.split(r"^(?=\[)", pyproject, flags=re.MULTILINE)
    return "".join(table for table in tables if not table.lstrip("[").startswith(_TABLES))
