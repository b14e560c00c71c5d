"""The hidden parts of a test's source: which lines they are, what is left without them, and what runs before them."""

import ast
import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Parts:
    """`visible` is the source as a student may see it: the marks, and nothing between them; `hidden` are the numbers of
    the lines from mark to mark, counted from 1; `prints` says whether a hidden part prints."""

    source: str
    visible: str
    hidden: frozenset[int]
    prints: bool

    def before(self, line: int) -> bool:
        """Whether the statement at a line is over before the first hidden line runs; a loop around both is not."""
        if not self.hidden:
            return True
        try:
            statements = ast.parse(self.source).body
        except SyntaxError:  # IPython's magic commands, which may run anything
            return False
        ends = [part.end_lineno for part in statements if part.lineno <= line <= part.end_lineno]
        return bool(ends) and max(ends) < min(self.hidden)


def parts_of(source: str, begin: str, end: str) -> Parts:
    """The parts of a source; `begin` and `end` are nbgrader's marks.

    A hidden part without end goes to the last line. What else stands in the lines of the marks is hidden, too.
    """
    visible, hidden, behind, inside = [], set(), [], False
    for number, line in enumerate(source.split("\n"), 1):
        mark = next((mark for mark in (begin, end) if mark in line), None)
        if mark:
            visible.append(re.match(r"\s*", line)[0] + f"### {mark}")
        elif not inside:
            visible.append(line)
        if mark or inside:
            hidden.add(number)
            behind.append(line)
        inside = mark == begin or (inside and mark != end)
    prints = bool(re.search(r"\b(print|display)\b", "\n".join(behind)))
    return Parts(source, "\n".join(visible), frozenset(hidden), prints)


def sentences(source: str) -> set[str]:
    """All text of more than one word between quotes, with single spaces; of source that is no Python, none."""
    try:
        found = ast.walk(ast.parse(source))
    except SyntaxError:
        return set()
    texts = {" ".join(n.value.split()) for n in found if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return {text for text in texts if " " in text}
