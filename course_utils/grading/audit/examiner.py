"""Known answers, graded as a class's submissions are, but for the gradebook."""

import json
import os
import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from dataclasses import replace
from pathlib import Path

import nbformat
from distributed import Client
from nbformat import NotebookNode
from nbgrader.utils import determine_grade

from ...errors import GradingFailed
from ..batch import pipeline, worker
from ..batch.cluster import workers
from ..batch.dispatch import ClusterLost, grade_all, short
from ..batch.results import Results
from ..batch.submissions import describe_assignment
from ..packing import digest, pack
from ..roles import is_test, read_plan
from ..sandbox.available import missing
from ..seeds import START
from . import variants
from .cases import AuditedAssignment, Case, Points
from .known_answers import build_submission

_TIMEOUT = 40  # seconds for a cell: some mutants never end, and a busy machine is no mistake

Step = Callable[[], None]


class AnswerGrader:
    """An assignment in a course folder of its own, generated with a seed of ours. A context manager.

    Raises `GradingFailed` where nbgrader cannot make the students' version.
    """

    def __init__(self, course: Path, assignment: AuditedAssignment, seed: int, results: Results):
        self._course, self._assignment, self._seed, self._results = course, assignment, seed, results
        self._name = assignment.name

    def __enter__(self) -> "AnswerGrader":
        self._folder = tempfile.TemporaryDirectory(prefix="audit-")
        folder, name = Path(self._folder.name), self._name
        pipeline.copy_course(self._course, folder, name)
        source = folder / "source" / name / f"{name}.ipynb"
        notebook = nbformat.read(source, as_version=4)
        setup = [cell for cell in notebook.cells if START.search(cell.source)]
        if len(setup) == 1:
            setup[0].source = START.sub(str(self._seed), setup[0].source)
        elif self._seed:
            raise GradingFailed(
                f"Other seeds cannot be tried: {name} must say start(seed=0) in one cell. Audit it with `--seeds 1`."
            )
        nbformat.write(notebook, source)
        with pipeline.open_course(folder, unsafe_no_sandbox=bool(missing()), own_exchange=False) as api:
            released = pipeline.generate(api, name) / f"{name}.ipynb"
            self._task = replace(describe_assignment(api, name), timeout=_TIMEOUT)
        self._release = nbformat.read(released, as_version=4)
        self._form = nbformat.reads(self._task.forms[name], as_version=4)  # with its hidden tests
        # What a result depends on besides the notebook: another text in the assignment changes no points.
        plan = read_plan(nbformat.read(source, as_version=4))
        others = [path for path in sorted(source.parent.rglob("*")) if path.is_file() and path != source]
        files = [(path.name, digest(path.read_bytes())) for path in others]
        self._about = [plan.own, plan.names, files, self._task.unsafe, self._task.grader]
        return self

    def __exit__(self, *_) -> None:
        self._folder.cleanup()

    def whole(self, cases: Sequence[Case], step: Step) -> list[Points]:
        """The points of submissions that have the cells of each case and no others."""
        written = [build_submission(self._release, case.cells) for case in cases]
        tests = [cell.source for cell in self._form.cells if is_test(cell)]  # the release has their visible parts only
        return self._graded(written, worker.grade, [*self._about, tests], step)

    def parts(self, cases: Sequence[Case], step: Step) -> list[Points]:
        """The points of each case by the tests that it is about; the rest of the submission is the reference's."""
        groups = list(variants.by_place(self._form, cases))
        reference, full = self._assignment.answers.reference, self._assignment.points
        notebooks = [variants.one_notebook(self._form, reference, group) for group in groups]
        done: dict[str, Points] = {}
        again = []
        for group, got in zip(groups, self._graded(notebooks, worker.grade_as_it_is, self._about, step), strict=True):
            found = variants.points_of_each(got, group, full)
            if found is None:
                again += group
            else:
                done |= {case.name: one for case, one in zip(group, found, strict=True)}
        alone = [replace(case, cells=reference | case.cells) for case in again]
        for case, got in zip(again, self.whole(alone, lambda: None), strict=True):
            done[case.name] = {test: got[test] for test in case.expected}
        return [done[case.name] for case in cases]

    def _graded(self, notebooks: Sequence[NotebookNode], how: Callable, about: list, step: Step) -> list[Points]:
        """Points by grade_id; what was graded before is not graded again. Raises `GradingFailed`.

        `about` is all that the points depend on besides the notebooks.
        """
        keys, left = [], {}
        for notebook in notebooks:
            text = nbformat.writes(notebook)
            keys.append(digest(text.encode(), json.dumps(about).encode()))
            if not self._results.has(keys[-1]):
                left[keys[-1]] = text
        for _ in range(len(notebooks) - len(left)):
            step()
        if left:
            sent = ((key, self._packed(text)) for key, text in left.items())
            try:
                with closing(grade_all(_open, len(left), self._task, sent, how)) as all_found:
                    for key, found in all_found:
                        if isinstance(found, BaseException):
                            raise GradingFailed(f"An answer could not be graded ({short(found)}).")
                        self._results.put(key, found)
                        step()
            except ClusterLost as problem:
                raise GradingFailed(f"The workers were lost ({problem}): run the command again.") from None
        return [_points(self._results.get(key)[self._name]) for key in keys]

    def _packed(self, text: str) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / f"{self._name}.ipynb").write_text(text, "utf-8")
            return pack(Path(folder))


def _open(most: int) -> AbstractContextManager[Client]:
    return workers(min(os.cpu_count(), most))


def _points(graded: str) -> Points:
    """The points of a graded notebook's tests, as nbgrader gives them; a warning costs nothing."""
    points = {}
    for cell in filter(is_test, nbformat.reads(graded, as_version=4).cells):
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        points[cell.metadata.nbgrader.grade_id] = float(determine_grade(cell)[0])
    return points
