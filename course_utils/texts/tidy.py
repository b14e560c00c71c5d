"""Texts brought into the form that all methods here see, and divided into a pool and a test set."""

import hashlib
import re

import numpy as np

WORD = re.compile("[a-z]+")


def tidy(text: str) -> str:
    """The text as lower-case words of the letters a … z with single blanks between: what all methods here see."""
    return " ".join(WORD.findall(text.lower()))


def split(groups, pool: int, test: int):
    """Texts of each class, shuffled alike everywhere, as (texts, labels, test texts, test labels).

    The order is that of the texts' SHA-256: no other text decides where one goes. Of few, a quarter is for the test.
    """
    pool_texts, pool_labels, test_texts, test_labels = [], [], [], []
    for label, group in enumerate(groups):
        order = sorted(group, key=lambda text: hashlib.sha256(text.encode()).digest())
        test_here = min(test, len(order) // 4)
        in_pool = order[test_here : test_here + pool]
        pool_texts += in_pool
        pool_labels += [label] * len(in_pool)
        test_texts += order[:test_here]
        test_labels += [label] * test_here
    return (
        np.array(pool_texts, str),
        np.array(pool_labels, "int64"),
        np.array(test_texts, str),
        np.array(test_labels, "int64"),
    )
