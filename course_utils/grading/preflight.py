"""nbgrader's step before all others: a submission's notebook brought back into the form of the assignment."""

from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from nbgrader.api import Gradebook, Notebook
from nbgrader.preprocessors import NbGraderPreprocessor

from .packing import digest
from .repair import repair
from .states import read_notes, write_notes


def released(known: Notebook) -> NotebookNode:
    """The assignment's cells as the gradebook knows them: answers empty, tests whole."""
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
    return new_notebook(cells=cells)


class Repair(NbGraderPreprocessor):
    """Stands first among `Autograde.sanitize_preprocessors`."""

    def preprocess(self, nb: NotebookNode, resources: ResourcesDict) -> tuple[NotebookNode, ResourcesDict]:
        at = resources["nbgrader"]
        with Gradebook(at["db_url"]) as gradebook:
            notes = repair(nb, released(gradebook.find_notebook(at["notebook"], at["assignment"])))
        write_notes(nb, read_notes(nb) + notes)  # those of the intake first
        for note in notes:
            self.log.warning(note.says)
        return nb, resources
