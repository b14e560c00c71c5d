"""nbgrader's step before all others: a submission's notebook brought back into the form of the assignment."""

from pathlib import Path

import nbformat
from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.api import Gradebook, Notebook
from nbgrader.coursedir import CourseDirectory
from nbgrader.preprocessors import NbGraderPreprocessor

from ..packing import digest
from ..states import read_notes, write_notes
from .matching import ORDINARY, grade_id
from .repair import repair


def released(known: Notebook, source: Path) -> NotebookNode:
    """The assignment's cells as the gradebook knows them: answers empty, tests whole.

    `source` is the assignment's source notebook; the texts of its other cells go into the metadata.
    """
    graded = {cell.name: cell for cell in (*known.grade_cells, *known.task_cells)}
    answered, tasks = ({cell.name for cell in cells} for cells in (known.solution_cells, known.task_cells))
    cells = []
    for cell in known.source_cells:
        role = {
            "grade_id": cell.name,
            "grade": cell.name in graded and cell.name not in tasks,
            "solution": cell.name in answered,
            "task": cell.name in tasks,
            "locked": cell.locked,
            "checksum": cell.checksum,
            "cell_type": cell.cell_type,
            "schema_version": 3,
        }
        if cell.name in graded:
            role["points"] = graded[cell.name].max_score
        make = new_code_cell if cell.cell_type == "code" else new_markdown_cell
        name = digest(cell.name.encode())[:16]  # one and the same each time: results are known by their content
        cells.append(make(cell.source, metadata={"nbgrader": role}, id=name))
    others = [cell.source for cell in nbformat.read(source, as_version=4).cells if not grade_id(cell)]
    return new_notebook(cells=cells, metadata={ORDINARY: others})


def forms(gradebook: Gradebook, course: CourseDirectory, assignment: str) -> dict[str, NotebookNode]:
    """The form of each of an assignment's notebooks, by name. Raises nbgrader's `MissingEntry`."""
    source = Path(course.format_path(course.source_directory, ".", assignment)).resolve()
    return {
        notebook.name: released(notebook, source / f"{notebook.name}.ipynb")
        for notebook in gradebook.find_assignment(assignment).notebooks
    }


class Repair(NbGraderPreprocessor):
    """Stands first among `Autograde.sanitize_preprocessors`."""

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> tuple[NotebookNode, ResourcesDict]:
        at = resources["nbgrader"]
        with Gradebook(at["db_url"]) as gradebook:
            notes = repair(nb, forms(gradebook, self.parent.parent.coursedir, at["assignment"])[at["notebook"]])
        write_notes(nb, read_notes(nb) + notes)  # those of the intake first
        for note in notes:
            self.log.warning(note.says)
        return nb, resources
