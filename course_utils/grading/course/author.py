"""The author is told before a class is graded: an assignment's own solution must get all points, an empty one none."""

import copy
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbgrader.apps import NbGraderAPI
from nbgrader.utils import determine_grade, is_solution, rmtree

from ...errors import GradingFailed
from ..audit.known_answers import reference_answers
from ..batch import pipeline, worker
from ..batch.dispatch import ClusterLost, Workers, grade_all, short
from ..batch.results import Results
from ..batch.submissions import describe_assignment
from ..intake.matching import grade_id, is_own
from ..packing import digest, pack
from ..roles import is_test
from ..sandbox.available import missing
from ..seeds import check_seed_cells, has_variants, put_given

_SHOWN = 3  # tests that are named
_OTHER_SEED = 1_234_567  # no student's, but as good as theirs


def generate_checked(course: Path, assignment: str) -> Path:
    """Make the students' version of an assignment, and return its folder, once its tests are known to be right.

    Raises `GradingFailed`, and leaves no students' version, where `check_assignment` finds something.
    """
    with pipeline.open_course(course, unsafe_no_sandbox=bool(missing()), own_exchange=False) as api:
        released = pipeline.generate(api, assignment)
        try:
            check_assignment(api, assignment, lambda most: pipeline.open_workers(None, None, most))
        except GradingFailed:
            rmtree(released)
            raise
    return released


def check_assignment(api: NbGraderAPI, assignment: str, open_workers: Workers) -> None:
    """Grade an assignment's own solution and the empty notebook, once for each version of assignment and grader.

    Raises `GradingFailed`, with a sentence for the author, where the solution lacks points (where students have
    variants, with another seed, too), the empty notebook gets some, or the source is not what was released. An
    assignment without a solution in its source is not tried.
    """
    task = describe_assignment(api, assignment)
    forms = {name: nbformat.reads(form, as_version=4) for name, form in task.forms.items()}
    folder = Path(api.coursedir.format_path(api.coursedir.source_directory, ".", assignment))
    sources = {name: nbformat.read(folder / f"{name}.ipynb", as_version=4) for name in forms}
    if changed := [told for name in forms for told in _changed(sources[name], forms[name])]:
        raise GradingFailed(
            f"Nothing was graded: the source of {assignment} was changed after it was generated ({_few(changed)}). Run "
            f"`course generate {assignment}`, and give students the new version, or take the change back."
        )
    empty = {name: _filled(sources[name], _texts(forms[name])) for name in forms}
    whole = {name: _filled(sources[name], reference_answers(sources[name])) for name in forms}
    tried = {"empty": empty} if whole == empty else {"empty": empty, "whole": whole}
    if has_variants(api.config, Path(api.coursedir.root), assignment):
        check_seed_cells(forms, assignment)
        tried |= {"variant": _of_another_seed(whole)} if "whole" in tried else {}
    got = _graded(task, tried, Results(Path(api.coursedir.root) / "results" / assignment / "author"), open_workers)
    mend = f"Mend source/{assignment}, and run `course generate {assignment}`."
    if lost := _differing(got.get("whole", {}), lambda points, most: points < most):
        raise GradingFailed(
            f"Nothing was graded: the reference solution of {assignment} does not get all points, so no student would "
            f"({_few(lost)}). {mend}"
        )
    if lost := _differing(got.get("variant", {}), lambda points, most: points < most):
        raise GradingFailed(
            f"Nothing was graded: the reference solution of {assignment} gets all points with the source's seed, but "
            f"not with another, such as students have ({_few(lost)}). {mend}"
        )
    if given := _differing(got["empty"], lambda points, most: points > 0):
        raise GradingFailed(
            f"Nothing was graded: the empty notebook of {assignment} gets points, so everybody would ({_few(given)}). "
            f"{mend}"
        )


def _changed(source: NotebookNode, form: NotebookNode) -> list[str]:
    """What the gradebook knows otherwise than it stands in the source."""
    now, known = ({grade_id(cell): cell for cell in notebook.cells if grade_id(cell)} for notebook in (source, form))
    told = [f"'{name}' is new" for name in now if name not in known]
    told += [f"'{name}' is gone" for name in known if name not in now]
    for name in now.keys() & known.keys():
        if is_own(now[name]) and "AUTOTEST" not in now[name].source and _text(now[name]) != _text(known[name]):
            told.append(f"the text of '{name}'")
        if is_test(now[name]) and float(now[name].metadata.nbgrader.points) != known[name].metadata.nbgrader.points:
            told.append(f"the points of '{name}'")
    return sorted(told)


def _text(cell: NotebookNode) -> str:
    return cell.source.strip()


def _texts(form: NotebookNode) -> dict[str, str]:
    return {grade_id(cell): cell.source for cell in form.cells if is_solution(cell)}


def _filled(source: NotebookNode, texts: dict[str, str]) -> NotebookNode:
    made = copy.deepcopy(source)
    for cell in made.cells:
        cell.source = texts.get(grade_id(cell), cell.source)
    return made


def _of_another_seed(notebooks: dict[str, NotebookNode]) -> dict[str, NotebookNode]:
    made = copy.deepcopy(notebooks)
    for notebook in made.values():
        put_given(notebook, _OTHER_SEED)
    return made


def _graded(
    task: worker.Assignment, tried: dict[str, dict[str, NotebookNode]], kept: Results, open_workers: Workers
) -> dict[str, dict[str, tuple[float, float, str]]]:
    """The points of each by test, of how many, and what the test said."""
    packed = {name: _packed(notebooks) for name, notebooks in tried.items()}
    keys = {digest(content, task.key.encode()): content for content in packed.values()}
    left = {key: content for key, content in keys.items() if not kept.has(key)}
    try:
        if left:
            with closing(grade_all(open_workers, len(left), task, iter(left.items()), worker.grade)) as all_found:
                for key, found in all_found:
                    if isinstance(found, GradingFailed):
                        raise found
                    if isinstance(found, BaseException):
                        raise GradingFailed(
                            f"Nothing was graded: the assignment's own notebook could not be run ({short(found)})."
                        )
                    _keep(kept, key, found)
    except ClusterLost as problem:
        raise GradingFailed(f"The cluster was lost ({problem}): run the command again.") from None
    kept.drop_others(set(keys))
    return {name: _points(kept.get(digest(content, task.key.encode()))) for name, content in packed.items()}


def _keep(kept: Results, key: str, found: dict[str, str]) -> None:
    try:
        kept.put(key, found)
    except OSError as problem:
        raise GradingFailed(
            f"What the trial of the tests found could not be kept ({short(problem)}): make room, and run it again."
        ) from None


def _packed(notebooks: dict[str, NotebookNode]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        for name, notebook in notebooks.items():
            nbformat.write(notebook, Path(folder) / f"{name}.ipynb")
        return pack(Path(folder))


def _points(graded: dict[str, str]) -> dict[str, tuple[float, float, str]]:
    found = {}
    for text in graded.values():
        broken = ""  # the first of the author's own cells that failed: what comes after it often does for want of it
        for cell in nbformat.reads(text, as_version=4).cells:
            said = next((f"{o.ename}: {o.evalue}" for o in cell.get("outputs", ()) if o.output_type == "error"), "")
            said = said.split("\n")[0][:200]
            if not is_test(cell):
                broken = broken or (said and f"; before it, '{grade_id(cell) or cell.source[:20]}' ended with {said}")
                continue
            cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
            try:
                points, most = determine_grade(cell)
            except ValueError as problem:
                raise GradingFailed(
                    f"Nothing was graded: nbgrader refuses the points that '{grade_id(cell)}' gives ({problem}). Mend "
                    "that test in the source, and run `course generate` again."
                ) from None
            found[grade_id(cell)] = float(points), float(most), said and said + broken
    return found


def _differing(got: dict[str, tuple[float, float, str]], how: Callable[[float, float], bool]) -> list[str]:
    return [
        f"'{test}' gives {points:g} of {most:g}" + (f", {said}" if said else "")
        for test, (points, most, said) in got.items()
        if how(points, most)
    ]


def _few(told: list[str]) -> str:
    return "; ".join(told[:_SHOWN]) + (f"; and {len(told) - _SHOWN} more" if len(told) > _SHOWN else "")
