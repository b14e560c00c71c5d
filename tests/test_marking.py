"""What tests of assignments are made of: each failure ends in one sentence."""

import numpy as np
import pytest
from IPython.core.interactiveshell import InteractiveShell

from course_utils import marking
from course_utils.marking import NotYet, ask, close, points, require


@pytest.fixture
def shell(monkeypatch):
    """A notebook's shell; its names are those of a student."""
    made = InteractiveShell()
    monkeypatch.setattr("IPython.get_ipython", lambda: made)
    return made


def test_what_is_required_is_said_where_it_is_not_so():
    require(True, "Never said.")
    with pytest.raises(NotYet, match="^Look again[.]$"):
        require(np.array([]).size, "Look again.")


def test_a_failure_shows_its_sentence_and_nothing_of_the_test():
    shown = NotYet("word " * 60)._render_traceback_()[0]
    assert shown.startswith("✗ word") and max(map(len, shown.split("\n"))) <= 100
    assert all(line.startswith("  word") for line in shown.split("\n")[1:])


def test_a_function_is_called_by_its_name(shell):
    shell.run_cell("def add(a, b):\n    return a + b")
    assert ask("add", 2, 3) == 5


@pytest.mark.parametrize(
    "code, says",
    [
        ("", r"There is no function f\(\): run its cell above, and look there for an error."),
        ("f = 3", r"There is no function f\(\)"),
        ("def f(x):\n    raise NotImplementedError('x')", r"f\(\) is not written yet: put your code in place of"),
        ("def f(x):\n    y = x\n    return y / 0", r"f\(\) stopped in line 3 of its cell, with ZeroDivisionError: \w+"),
        ("def f():\n    pass", r"f\(\) stopped, with TypeError: .*argument.*\."),
    ],
)  # fmt: skip
def test_whatever_goes_wrong_in_it_is_told_in_a_sentence(shell, code, says):
    shell.run_cell(code)
    with pytest.raises(NotYet, match=says) as problem:
        ask("f", 1)
    assert "\n" not in str(problem.value)


def test_tensorflows_inner_names_are_left_out(shell):
    shell.run_cell("import tensorflow as tf\ndef f(x):\n    return tf.zeros((1, 2))[:, 6]")
    with pytest.raises(NotYet, match="slice index 6 of dimension 1 out of bounds") as problem:
        ask("f", 1)
    assert "{{" not in str(problem.value) and "[Op" not in str(problem.value) and str(problem.value).endswith("bounds.")


def test_in_the_grader_an_exception_says_its_line_itself(shell):
    error = ValueError("no such thing.\nmore")
    error.line = 7

    def f():
        raise error

    shell.user_ns["f"] = type("StandIn", (), {"__call__": lambda self: f()})()
    with pytest.raises(NotYet, match=r"f\(\) stopped in line 7 of its cell, with ValueError: no such thing\.$"):
        ask("f")


@pytest.mark.parametrize(
    "one, other, tolerance, equal",
    [
        ([1, 2], [1, 2.00005], 1e-4, True),
        ([1, 2], [1, 2.0005], 1e-4, False),
        ([1, 2], [[1, 2]], 1e-4, False),
        (1, [1], 1e-4, False),
        ([np.nan], [np.nan], 1e-4, False),
        ([np.inf], [np.inf], 1e-4, False),
        (3, 3.4, 0.5, True),
    ],
)
def test_close_is_of_one_shape_and_within_the_tolerance(one, other, tolerance, equal):
    assert close(one, other, tolerance) is equal


def test_points_are_counted_and_what_is_missing_has_a_hint(capsys):
    earned = points(
        (True, "The first.", "hint one"), (np.bool_(False), "The second.", "hint two " * 20), (1, "Third.", "")
    )
    told = capsys.readouterr().out
    assert earned == 2 and type(earned) is int
    assert told.count("✓") == 2 and "✗ The second.\n    Hint: hint two" in told and "hint one" not in told
    assert max(map(len, told.split("\n"))) <= 100


def test_numbers_are_plain_ones():
    assert type(np.float32(1)) in marking.NUMBER and type(np.int64(1)) in marking.WHOLE
    assert bool not in marking.NUMBER and float not in marking.WHOLE
