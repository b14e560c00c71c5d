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

import numpy as np

from .errors import BadTarget, DamagedFile, UnknownCut
from .sources import Source
from .targets import Target
from .transfer import parameter_table

UNKNOWN = "not known"


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

    `file` is the saved model that takes raw pictures (`deploy.deployable`); `model` the one that it was made from,
    prefix and head, cut off `source` at `cut`; `answers` what the loaded file said of `target.test_pictures`: class
    indices (n,), or probabilities (n, classes). The author tells `purpose` and `not_for` (intended use, and what it
    is not meant for), `author`, `origin` and `licence` of the pictures, `source_licence`, how the `split` was made,
    the `recipe` and `seed` of the training, and what it was `not_tested` on. `date` is today where it is not given.

    Raises `DamagedFile` where the file is not there, `UnknownCut` where the model does not hold the cut, `BadTarget`
    where answers and test pictures do not fit.
    """
    file, names, truth = Path(file), target.class_names, target.test_labels
    answers = np.asarray(answers)
    answers = answers.argmax(1) if answers.ndim == 2 else answers
    if not file.is_file():
        raise DamagedFile(f"{file} is not there: save the model before you write its card.")
    if cut not in [layer.name for layer in model.layers]:
        raise UnknownCut(f"The model has no layer '{cut}': name the cut at which it was cut off {source.name}.")
    if not names:
        raise BadTarget(
            f"Target '{target.name}' has values and no classes: a card here reports the accuracy of classes."
        )
    if answers.shape != truth.shape:
        raise BadTarget(
            f"There are {len(answers)} answers and {len(truth)} test pictures of target '{target.name}': give one "
            "answer for each, in their order."
        )
    rows = parameter_table(model)
    trained, frozen = sum(row.trained for row in rows), sum(row.frozen for row in rows)
    with file.open("rb") as content:
        digest = hashlib.file_digest(content, "sha256").hexdigest()
    right = answers == truth
    pairs = np.zeros((len(names), len(names)), int)  # true class, answer
    np.add.at(pairs, (truth, answers), 1)
    of_each = np.bincount(truth, minlength=len(names))
    wrong = sorted(((pairs[i, j], i, j) for i, j in np.argwhere(pairs) if i != j), reverse=True)[:5]
    confused = [
        f"- {_plain(names[i])} taken for {_plain(names[j])}: {count} of {of_each[i]}" for count, i, j in wrong
    ] or ["- none in this test"]
    per_class = [
        f"| {_plain(name)} | {(target.labels == k).sum()} | {of_each[k]} | "
        + (_share(pairs[k, k], of_each[k]) if of_each[k] else UNKNOWN)
        + " |"
        for k, name in enumerate(names)
    ]
    limits = [
        "It answers every picture with one of its classes, also where none of them fits.",
        "The intervals count the luck of the draw of these test pictures, and not that other pictures look different.",
    ]
    height, width = source.input_size
    listed = ", ".join(json.dumps(name, ensure_ascii=False) for name in names)
    return "\n".join(
        [
            f"# Model card: {_plain(file.stem)}",
            "",
            "## What it is",
            "",
            f"- What it does: tells apart {len(names)} classes in pictures of {width} x {height} pixels: "
            f"{', '.join(map(_plain, names))}.",
            f"- Intended use: {purpose or UNKNOWN}",
            f"- Not meant for: {not_for or UNKNOWN}",
            f"- Author: {author or UNKNOWN}",
            f"- Date: {date or Date.today().isoformat()}",
            f"- File: {_plain(file.name)}, {file.stat().st_size / 1e6:.2f} MB, SHA-256 `{digest}`",
            f"- Made with: Keras {_version('keras')}, TensorFlow {_version('tensorflow')}, Python "
            f"{platform.python_version()}, transfer-learning-course {_version('transfer-learning-course')}",
            "",
            "## Where it comes from",
            "",
            f"- Source model: {_plain(source.provenance)}",
            f"- Licence of the source's weights, and of the pictures behind them: {source_licence or UNKNOWN}",
            f"- Cut: after `{cut}`, with a new head.",
            f"- Parameters: {trained + frozen:,}, of which {frozen:,} stayed frozen and {trained:,} were trained.",
            f"- Training: {recipe or UNKNOWN}",
            "",
            "## The pictures",
            "",
            f"- Where from: {origin or UNKNOWN}",
            f"- Licence, and consent of the people in them: {licence or UNKNOWN}",
            f"- Number: {len(target.labels)} to train, {len(truth)} to test; for each class see below.",
            f"- Split: {split or UNKNOWN}",
            f"- Seed: {UNKNOWN if seed is None else seed}",
            "",
            "## What was measured",
            "",
            f"Right on the test pictures: **{_share(right.sum(), len(truth))}** (95 % interval, Wilson). Always naming "
            f"the commonest class would be right {100 * of_each.max() / len(truth):.0f} % of the time.",
            "",
            "| class | training pictures | test pictures | right of the test pictures |",
            "| --- | --- | --- | --- |",
            *per_class,
            "",
            "Most frequent mistakes:",
            "",
            *confused,
            "",
            "## Limits",
            "",
            *(f"- {limit}" for limit in limits),
            f"- Not tested on: {'; '.join(not_tested) or UNKNOWN}",
            "",
            "## How to use it",
            "",
            "```python",
            "import keras",
            "import numpy as np",
            "from PIL import Image, ImageOps",
            "",
            f"model = keras.saving.load_model({json.dumps(file.name, ensure_ascii=False)})",
            f"names = [{listed}]",
            'picture = ImageOps.exif_transpose(Image.open("picture.jpg")).convert("RGB")',
            f"picture = ImageOps.fit(picture, ({width}, {height}))  # the largest part of this shape, resized",
            "print(names[model.predict(np.asarray(picture)[None], verbose=0)[0].argmax()])",
            "```",
            "",
        ]
    )


def _share(right: int, n: int) -> str:
    low, high = wilson(right, n)
    return f"{100 * right / n:.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def _plain(text: str) -> str:
    """Text that means nothing to Markdown."""
    return "".join(f"\\{mark}" if mark in "\\|*_`<[" else mark for mark in str(text))


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return UNKNOWN
