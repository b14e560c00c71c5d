"""Every student's own variant of an assignment, as archives that are handed out one by one."""

import csv
import zipfile
from pathlib import Path

import nbformat
from nbgrader.utils import compute_checksum

from ...errors import GradingFailed
from ...root import shown, written_whole
from ..batch import pipeline
from ..batch.submissions import check_name
from ..platforms.roster import keep_people, read_people
from ..seeds import SECRET, Seeds, check_seed_cells, has_variants, make_secret, put_seed, read_seeds, seed_cells

FOLDER = "variants"  # in the course's
LIST = "students.csv"
_COLUMNS = "student first_name last_name email archive seed".split()


def hand_out(course: Path, assignment: str, roster: Path | None = None) -> list[str]:
    """Write variants/<assignment>/<student>.zip for everybody in the gradebook and in a roster, and say what was done.

    An archive is what nbgrader releases, with another seed. Beside them students.csv lists the students, e-mail
    addresses, archives and seeds. Raises `GradingFailed`.
    """
    check_name(assignment)
    with pipeline.open_course(course, own_exchange=False) as api:
        course = Path(api.coursedir.root)
        if not has_variants(api.config, course, assignment):
            raise GradingFailed(
                f"All students share one {assignment} now: write c.Variants.assignments = ['{assignment}'] into "
                f"{course / 'nbgrader_config.py'}, beside others that stand there, and run this again."
            )
        released = Path(api.coursedir.format_path(api.coursedir.release_directory, ".", assignment))
        notebooks = {path.stem: nbformat.read(path, as_version=4) for path in sorted(released.glob("*.ipynb"))}
        if not notebooks:
            raise GradingFailed(f"{assignment} was not generated yet: run `course generate {assignment}` first.")
        check_seed_cells(notebooks, assignment)
        with api.gradebook as gradebook:
            new = keep_people(gradebook, [p for p in read_people(gradebook, roster) if not p.is_test]) if roster else []
            students = [
                {"student": s.id, "first_name": s.first_name, "last_name": s.last_name, "email": s.email}
                for s in sorted(gradebook.students, key=lambda student: student.id)
            ]
        if not students:
            raise GradingFailed(
                "The gradebook has no students yet: enter them (nbgrader db student import students.csv), or give a "
                "platform's list (--roster)."
            )
        made = make_secret(course)
        seeds = read_seeds(api.config, course, assignment, [one["student"] for one in students])
        folder = course / FOLDER / assignment
        try:
            _write(released, folder, students, seeds)
        except OSError as problem:
            raise GradingFailed(f"{folder} could not be written ({problem.strerror or problem}).") from None
    says = [f"{shown(folder)}: {len(students)} archives, one for each student, and {LIST}, which says whose is which."]
    says += [f"New in the gradebook: {', '.join(new)}."] if new else []
    if made:
        says.append(
            f"{shown(course / SECRET)} was made, from which the seeds derive: keep a copy, and show it to no student."
        )
    return says


def _write(released: Path, folder: Path, students: list[dict], seeds: Seeds) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    files = {path.relative_to(released).as_posix(): path for path in sorted(released.rglob("*")) if path.is_file()}
    for student in students:
        student["seed"] = seeds.of(student["student"])
        student["archive"] = f"{student['student']}.zip"
        with written_whole(folder / student["archive"]) as beside, zipfile.ZipFile(beside, "w") as archive:
            for name, path in files.items():
                content = _variant(path, student["seed"]) if path.suffix == ".ipynb" else path.read_bytes()
                archive.writestr(zipfile.ZipInfo(f"{released.name}/{name}"), content, zipfile.ZIP_DEFLATED)
    with written_whole(folder / LIST) as beside, beside.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.DictWriter(opened, _COLUMNS)
        writer.writeheader()
        writer.writerows(students)


def _variant(path: Path, seed: int) -> bytes:
    notebook = nbformat.read(path, as_version=4)
    put_seed(notebook, seed)
    for cell in seed_cells(notebook):
        cell.metadata.nbgrader["checksum"] = compute_checksum(cell)  # else `nbgrader validate` says that it was changed
    return nbformat.writes(notebook).encode()
