"""An assignment that takes no time to run, so that the grader itself is what is measured."""

from assignment import Assignment, given, solution, test

_DOUBLE = """\
def double(x):
    ### BEGIN SOLUTION
    return 2 * x
    ### END SOLUTION"""

_SQUARES = """\
import numpy as np

### BEGIN SOLUTION
squares = np.arange(10) ** 2
### END SOLUTION"""

_TEST_DOUBLE = """\
assert double(3) == 6, "Twice three is six."
### BEGIN HIDDEN TESTS
assert double(-21) == -42 and double("ab") == "abab"
### END HIDDEN TESTS"""

_TEST_SQUARES = """\
assert len(squares) == 10, "There are ten squares."
### BEGIN HIDDEN TESTS
assert list(squares) == [k * k for k in range(10)]
### END HIDDEN TESTS"""

LIGHT = Assignment(
    name="light",
    cells=(
        given("setup", "lucky = 7"),
        solution("double", _DOUBLE),
        test("test-double", 2, _TEST_DOUBLE),
        solution("squares", _SQUARES),
        test("test-squares", 1, _TEST_SQUARES),
    ),
    others={
        "double": {
            "added": "def double(x):\n    return x + x",
            "squared": "def double(x):\n    return x**2",
        },
        "squares": {
            "as a list": "squares = [k * k for k in range(10)]",
            "one too few": "squares = [k * k for k in range(1, 10)]",
        },
    },
)
