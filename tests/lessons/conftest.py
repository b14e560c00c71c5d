"""What a lesson says and shows, caught for its tests."""

import sys

import pytest

from course_utils import figures, lesson


@pytest.fixture
def told(monkeypatch):
    """What exercises, claims and predictions say: (text, facts)."""
    said = []
    monkeypatch.setattr(lesson, "_tell", lambda mark, colour, text, facts: said.append((text, facts)))
    return said


@pytest.fixture
def ask(told):
    """Hand an answer to an exercise: whether it is right, and the judge's sentence without the task."""

    def asked(exercise, answer):
        exercise(answer)
        text, facts = told[-1]
        return facts["right"], text.removeprefix(exercise.task).strip()

    return asked


@pytest.fixture
def shown(monkeypatch):
    """The figures that any module shows, drawn whole: (figure, alt text)."""
    import matplotlib.pyplot as plt

    figures.use_style()
    pictures = []

    def keep(figure, alt):
        figure.canvas.draw()
        pictures.append((figure, alt))

    real = figures.show
    for name, module in list(sys.modules.items()):
        if name.startswith("course_utils") and getattr(module, "show", None) is real:
            monkeypatch.setattr(module, "show", keep)
    yield pictures
    plt.close("all")
