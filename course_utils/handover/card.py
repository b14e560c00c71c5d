"""A model card: what a finished model is, what it was tested on, and what nobody knows of it.

After Mitchell et al. 2019, "Model cards for model reporting". Everything in a card is measured here or told by its
author; what was not told stands there as "not known", so that the gap is seen.
"""

import hashlib
import json
import platform
from datetime import date as Date
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from string import Template

import numpy as np

from ..errors import BadTarget, DamagedFile, UnknownCut
from ..pictures.labelled import Target
from ..sources import Source
from ..transfer import parameter_table

UNKNOWN = "not known"
_TEMPLATE = Path(__file__).with_name("card.md")


def wilson(right: int, n: int) -> tuple[float, float]:
    """Wilson's 95 % interval (low, high), 0 … 1, of a share of which `right` of `n` were seen.

    By scipy.stats.binomtest. Unlike mean ± 1.96 standard errors, it never leaves 0 … 1, and is no point at 0 or n.
    """
    from scipy.stats import binomtest

    low, high = binomtest(int(right), int(n)).proportion_ci(0.95, "wilson")
    return float(low), float(high)


def model_card(
    file: str | Path,
    source: Source,
    cut: str,
    model,
    target: Target,
    answers: np.ndarray,
    *,
    purpose: str = "",
    not_for: str = "",
    author: str = "",
    origin: str = "",
    licence: str = "",
    source_licence: str = "",
    split: str = "",
    recipe: str = "",
    seed: int | None = None,
    not_tested: tuple[str, ...] = (),
    date: str = "",
) -> str:
    """The card of a model as Markdown.

    `file` is the saved model that takes raw pictures (`handover.deploy.deployable`); `model` the one that it was made
    from, prefix and head, cut off `source` at `cut`; `answers` what the loaded file said of `target.test_pictures`:
    class indices (n,), or probabilities (n, classes). The author tells `purpose` and `not_for` (intended use, and what
    it is not meant for), `author`, `origin` and `licence` of the pictures, `source_licence`, how the `split` was made,
    the `recipe` and `seed` of the training, and what it was `not_tested` on. `date` is today where it is not given.

    Raises `DamagedFile` where the file is not there, `UnknownCut` where the model does not hold the cut, `BadTarget`
    where answers and test pictures do not fit.
    """
    from sklearn.metrics import confusion_matrix

    file, names, truth = Path(file), target.class_names, target.test_labels
    answers = np.asarray(answers)
    answers = answers.argmax(1) if answers.ndim == 2 else answers
    _check(file, source, cut, model, target, answers)
    rows = parameter_table(model)
    trained, frozen = sum(row.trained for row in rows), sum(row.frozen for row in rows)
    pairs = confusion_matrix(truth, answers, labels=range(len(names)))  # true class, answer
    height, width = source.input_size
    return Template(_TEMPLATE.read_text("utf-8")).substitute(
        title=_plain(file.stem),
        classes=len(names),
        width=width,
        height=height,
        class_names=", ".join(map(_plain, names)),
        purpose=purpose or UNKNOWN,
        not_for=not_for or UNKNOWN,
        author=author or UNKNOWN,
        date=date or Date.today().isoformat(),
        file=_plain(file.name),
        megabytes=f"{file.stat().st_size / 1e6:.2f}",
        sha256=_sha256(file),
        keras=_version("keras"),
        tensorflow=_version("tensorflow"),
        python=platform.python_version(),
        course=_version("transfer-learning-course"),
        provenance=_plain(source.provenance),
        source_licence=source_licence or UNKNOWN,
        cut=cut,
        parameters=f"{trained + frozen:,}",
        frozen=f"{frozen:,}",
        trained=f"{trained:,}",
        recipe=recipe or UNKNOWN,
        origin=origin or UNKNOWN,
        licence=licence or UNKNOWN,
        training_pictures=len(target.labels),
        test_pictures=len(truth),
        split=split or UNKNOWN,
        seed=UNKNOWN if seed is None else seed,
        accuracy=_share(pairs.trace(), len(truth)),
        commonest=f"{100 * pairs.sum(1).max() / len(truth):.0f}",
        class_rows="\n".join(_class_rows(names, target.labels, pairs)),
        mistakes="\n".join(_mistakes(names, pairs)),
        not_tested="; ".join(not_tested) or UNKNOWN,
        file_code=json.dumps(file.name, ensure_ascii=False),
        names_code=", ".join(json.dumps(name, ensure_ascii=False) for name in names),
    )


def _check(file: Path, source: Source, cut: str, model, target: Target, answers: np.ndarray) -> None:
    if not file.is_file():
        raise DamagedFile(f"{file} is not there: save the model before you write its card.")
    if cut not in [layer.name for layer in model.layers]:
        raise UnknownCut(f"The model has no layer '{cut}': name the cut at which it was cut off {source.name}.")
    if not target.class_names:
        raise BadTarget(
            f"Target '{target.name}' has values and no classes: a card here reports the accuracy of classes."
        )
    if answers.shape != target.test_labels.shape:
        raise BadTarget(
            f"There are {len(answers)} answers and {len(target.test_labels)} test pictures of target "
            f"'{target.name}': give one answer for each, in their order."
        )
    if not set(answers) <= set(range(len(target.class_names))):
        raise BadTarget(
            f"Some answers are none of the {len(target.class_names)} classes of target '{target.name}': give the "
            "answers of the model that was trained on it."
        )


def _class_rows(names: tuple[str, ...], training_labels: np.ndarray, pairs: np.ndarray) -> list[str]:
    """A row of the table for each class: its pictures, and how many of those tested were right."""
    rows = []
    for k, name in enumerate(names):
        tested = pairs[k].sum()
        right = _share(pairs[k, k], tested) if tested else UNKNOWN
        rows.append(f"| {_plain(name)} | {(training_labels == k).sum()} | {tested} | {right} |")
    return rows


def _mistakes(names: tuple[str, ...], pairs: np.ndarray) -> list[str]:
    """The five most frequent mistakes, a line each."""
    wrong = [(pairs[i, j], i, j) for i, j in np.argwhere(pairs) if i != j]
    lines = []
    for count, i, j in sorted(wrong, reverse=True)[:5]:
        lines.append(f"- {_plain(names[i])} taken for {_plain(names[j])}: {count} of {pairs[i].sum()}")
    return lines or ["- none in this test"]


def _sha256(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _share(right: int, n: int) -> str:
    low, high = wilson(right, n)
    return f"{100 * right / n:.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def _plain(text: str) -> str:
    """Text in one line that means nothing to Markdown, nor to Jupyter, which sets formulas between dollars."""
    return "".join(f"\\{mark}" if mark in "\\|*_`<[$~" else mark for mark in " ".join(str(text).splitlines()))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return UNKNOWN
