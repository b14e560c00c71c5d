"""One page on how a class did with an assignment, in a file that needs nothing else. No script is in it."""

import base64
import io
from datetime import datetime
from pathlib import Path
from statistics import mean, median

import jinja2

from ... import figures
from ...errors import GradingFailed
from ...root import PACKAGE
from ..states import NEEDS_A_LOOK, State
from .item_analysis import ClassResults, doubts

_MISTAKES = 3  # kinds of mistakes shown for each test
_LEAST = 0.1  # discrimination below which a test deserves a look


def write_page(results: ClassResults, file: Path) -> None:
    """Write the page of a class's results, and make its folder where there is none. Raises `GradingFailed`."""
    handed = results.handed_in
    scores = [submission.score for submission in handed]
    seconds = {submission.student: submission.seconds for submission in handed if submission.seconds is not None}
    told = {
        "results": results,
        "when": datetime.now().strftime("%Y-%m-%d %H:%M"),
        "figures": _figures(results, scores),
        "doubts": doubts(results),
        "looks": sorted((s for s in handed if s.noticed), key=lambda s: list(State).index(s.state), reverse=True),
        "late": [submission for submission in handed if submission.late],
        "waiting": sum(submission.by_hand for submission in handed),
        "bad": NEEDS_A_LOOK,
        "least": _LEAST,
        "most": _MISTAKES,
    }
    if scores:
        told["distribution"] = _histogram(
            scores, (0, max(results.max_score, *scores)), f"points (of {results.max_score:g})"
        )
        told["distribution_alt"] = (
            f"Histogram of points: {len(scores)} students, from {min(scores):g} to {max(scores):g}, "
            f"median {median(scores):g}."
        )
    if seconds:
        times = list(seconds.values())
        told["times"] = _histogram(times, (0, max(times)), "seconds to grade a submission")
        told["times_alt"] = f"Histogram of seconds: median {median(times):.1f}, longest {max(times):.1f}."
        slowest = sorted(seconds, key=seconds.__getitem__, reverse=True)[:3]
        told["slowest"] = ", ".join(f"{student} {seconds[student]:.1f} s" for student in slowest)
    write_html("class_page.html.j2", told, file)


def write_html(template: str, told: dict, file: Path) -> None:
    """Fill in a template of this room, all that is told escaped, and write it to `file`. Raises `GradingFailed`."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([Path(__file__).parent, PACKAGE / "data"]), autoescape=True
    )
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        page = environment.get_template(template).render(told)
        file.write_bytes(page.encode(errors="replace"))  # a student's text may hold half of a pair of surrogates
    except OSError as problem:
        why = problem.strerror or problem
        raise GradingFailed(f"{file} could not be written ({why}): give another --to.") from None


def _figures(results: ClassResults, scores: list[float]) -> list[tuple[str, str]]:
    shown = [("graded", str(len(results.handed_in))), ("missing", str(len(results.missing)))]
    if results.ungraded:
        shown.insert(1, ("not graded yet", str(len(results.ungraded))))
    if scores:
        shown += [
            (f"median of {results.max_score:g} points", f"{median(scores):g}"),
            ("mean", f"{mean(scores):.1f}"),
        ]
    return shown


def _histogram(values: list[float], limits: tuple[float, float], label: str) -> str:
    """A PNG as base64."""
    import matplotlib.pyplot as plt

    figures.use_style()
    figure, ax = figures.new_figure(figsize=(figures.WIDTH, 2.6))
    ax.hist(values, bins=20, range=limits, color=figures.BLUE, edgecolor="white")
    ax.axvline(median(values), color=figures.VERMILION, lw=1.5, label="median")
    ax.set(xlabel=label, ylabel="students")
    ax.yaxis.get_major_locator().set_params(integer=True)
    ax.legend()
    page = io.BytesIO()
    figure.savefig(page, format="png")
    plt.close(figure)
    return base64.b64encode(page.getvalue()).decode()
