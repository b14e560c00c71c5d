"""Known answers, graded as a class's submissions are, but for the gradebook."""

import os
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import nbformat
from nbgrader.utils import determine_grade

from ..errors import GradingFailed
from . import pipeline
from .answers import build_submission
from .batch import describe
from .cases import Points
from .cluster import workers
from .isolation import missing
from .packing import digest, pack
from .plan import is_test
from .results import Results
from .running import ClusterLost, run

_TIMEOUT = 20  # seconds for a cell: some mutants never end
_SEED = re.compile(r"(?<=\bstart\(seed=)\d+(?=\))")  # in the assignment's cell "setup"


class AnswerGrader:
    """An assignment in a course folder of its own, generated with a seed of ours. A context manager.

    Raises `GradingFailed` where nbgrader cannot make the students' version.
    """

    def __init__(self, course: Path, name: str, seed: int, results: Results):
        self._course, self._name, self._seed, self._results = course, name, seed, results

    def __enter__(self) -> "AnswerGrader":
        self._folder = tempfile.TemporaryDirectory(prefix="audit-")
        folder, name = Path(self._folder.name), self._name
        pipeline.copy_course(self._course, folder, name)
        source = folder / "source" / name / f"{name}.ipynb"
        notebook = nbformat.read(source, as_version=4)
        setup = [cell for cell in notebook.cells if _SEED.search(cell.source)]
        if len(setup) != 1:
            raise GradingFailed(f"Other seeds cannot be tried: {name} must say start(seed=0) in one cell.")
        setup[0].source = _SEED.sub(str(self._seed), setup[0].source)
        nbformat.write(notebook, source)
        with pipeline.open_course(folder, unsafe_no_sandbox=bool(missing()), own_exchange=False) as api:
            released = pipeline.generate(api, name) / f"{name}.ipynb"
            self._task = replace(describe(api, name), timeout=_TIMEOUT)
        self._release = nbformat.read(released, as_version=4)
        return self

    def __exit__(self, *_) -> None:
        self._folder.cleanup()

    def grade(self, many: Sequence[Mapping[str, str]], step: Callable[[], None]) -> list[Points]:
        """The points of each of several answers, cells by grade_id; what was graded before is not graded again.

        `step` is called for each. Raises `GradingFailed` where one cannot be graded.
        """
        keys, texts = [], {}
        for cells in many:
            text = nbformat.writes(build_submission(self._release, cells))
            keys.append(digest(text.encode(), self._task.key.encode()))
            if not self._results.has(keys[-1]):
                texts[keys[-1]] = text
        for _ in range(len(many) - len(texts)):
            step()
        if texts:
            sent = ((key, self._packed(text)) for key, text in texts.items())
            try:
                for key, found in run(lambda most: workers(min(os.cpu_count(), most)), len(texts), self._task, sent):
                    if isinstance(found, BaseException):
                        raise GradingFailed(f"An answer could not be graded ({type(found).__name__}: {found}).")
                    self._results.put(key, found)
                    step()
            except ClusterLost as problem:
                raise GradingFailed(f"The workers were lost ({problem}): run the command again.") from None
        return [_points(self._results.get(key)[self._name]) for key in keys]

    def _packed(self, text: str) -> bytes:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / f"{self._name}.ipynb").write_text(text, "utf-8")
            return pack(Path(folder))


def _points(graded: str) -> Points:
    """The points of a graded notebook's tests, as nbgrader gives them; a warning costs nothing."""
    points = {}
    for cell in filter(is_test, nbformat.reads(graded, as_version=4).cells):
        cell.outputs = [output for output in cell.outputs if output.get("name") != "stderr"]
        points[cell.metadata.nbgrader.grade_id] = float(determine_grade(cell)[0])
    return points
