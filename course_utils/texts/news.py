"""AG News (Zhang et al. 2015): four sections of the news, a title and a description each."""

import csv
import re
from pathlib import Path

from ..errors import DamagedFile, SourceUnavailable
from ..root import with_tilde
from . import user_files
from .tidy import split, tidy

CLASSES = ("World", "Sports", "Business", "Sci/Tech")
POOL, TEST, LENGTH = 1000, 200, 40  # texts per class to draw from and to test on, words of a text
MARKUP = re.compile(r"&lt;.*?&gt;|&?(?:quot|amp|lt|gt|#\d+);|\\")  # what is left over from web pages


def news_file() -> Path | None:
    """The user's file of AG News; None where there is none."""
    return user_files.found("ag_news_test.csv", "ag_news*/ag_news_test.csv", "ag_news*/test.csv")


def read_news():
    """Texts, labels, test texts and test labels of the user's file, as `tidy.split` gives them.

    Raises `DamagedFile` and `SourceUnavailable`.
    """
    path = news_file()
    if path is None:
        raise SourceUnavailable(
            "The AG News texts are not there, and the course does not fetch them unasked: `course fetch --data news` "
            f"does, or put their file test.csv, under the name ag_news_test.csv, in {user_files.place()}."
        )
    groups = [set() for _ in CLASSES]
    for number, row in enumerate(csv.reader(user_files.lines(path)), 1):
        if number == 1 and row and not row[0].isdigit():  # a header, which the original has not
            continue
        if not row:
            continue
        if len(row) != 3 or row[0] not in ("1", "2", "3", "4"):
            raise DamagedFile(
                f"Row {number:,} of {path} is not a class from 1 to 4, a title and a description: "
                "put a fresh copy in its place."
            )
        words = tidy(MARKUP.sub(" ", f"{row[1]} {row[2]}")).split()[:LENGTH]
        if words:
            groups[int(row[0]) - 1].add(" ".join(words))
    print(f"news: {sum(map(len, groups)):,} texts of AG News, from {with_tilde(path)}.")
    return split(groups, POOL, TEST)
