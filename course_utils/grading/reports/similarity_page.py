"""The page of `course similar`: pairs side by side, what they have in common marked. No script is in it."""

import re
from pathlib import Path

from .class_page import write_html
from .similarity import ALIKE, Alike

_SHOWN = 40  # pairs


def write_similarity_page(found: Alike, file: Path) -> None:
    """Write the page, and make its folder where there is none. Raises `GradingFailed`."""
    pairs = [
        (
            pair.students,
            f"{100 * pair.share:.0f}",
            [[(_plain(text), both) for text, both in code] for code in pair.codes],
        )
        for pair in found.pairs[:_SHOWN]
    ]
    told = {"found": found, "pairs": pairs, "more": max(0, len(found.pairs) - _SHOWN), "alike": f"{100 * ALIKE:.0f}"}
    write_html("similarity_page.html.j2", told, file)


def _plain(text: str) -> str:
    """A text in which no invisible sign turns the order of what is read."""
    return re.sub(r"[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]", lambda sign: f"\\u{ord(sign[0]):04x}", text)
