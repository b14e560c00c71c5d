"""A made-up class of ten and its term: what each hands in for three assignments, and the mark that must come of it."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from nbformat import NotebookNode

from course_utils.grading import ASSIGNMENTS
from course_utils.grading.audit.known_answers import Answers, build_submission, read_answers
from course_utils.grading.reports.by_hand import Line, read_rubric

STUDENTS = {
    "ada": "Alp",
    "bob": "Brown",
    "cem": "Can",
    "dora": "Dias",
    "eli": "Eder",
    "fay": "Fox",
    "gus": "Gray",
    "hana": "Horn",
    "ivo": "Ilic",
    "jun": "Jin",
}
BY_TESTS = 26  # points, in each of the three


@dataclass(frozen=True)
class Work:
    """What one student hands in at last, and what a person and the clock say of it.

    `makes` are mistakes of audit/…/answers.toml; `lines` the rubric's lines that are given, by their places in it, for
    each answer that a person marks; `off` the share that being late costs; `like` the student whose code it is; `why`
    the mark in words.
    """

    why: str
    makes: tuple[str, ...] = ()
    lines: tuple[tuple[int, ...], ...] = ((),)
    off: float = 0.0
    like: str = ""


TERM: dict[str, dict[str, Work]] = {
    "ps1": {
        "ada": Work("all of it right, in time", (), ((0, 1, 2, 3),)),
        "bob": Work("late by minutes; extended by a day after the feedback", ("forgot_to_scale",), ((0, 4),)),
        "cem": Work("late by minutes: a day begun, 10 %", ("smallest_last",), ((0,),), off=0.1),
        "dora": Work("late by minutes; extended by two days before", ("bias_forgotten",), ((0, 1),)),
        "eli": Work("named ps1-Copy1.ipynb, beside the blank one", ("mirrored",), ((0, 1, 2),)),
        "fay": Work("damaged at first; asked again, extended, handed in anew", ("cut_one_early",), ((2,),)),
        "gus": Work("copied from hana: found as alike", like="hana"),
        "hana": Work("her own", ("no_batch_axis", "not_one_picture"), ((0,),)),
        "ivo": Work("twice before the due date: the second counts", ("double_precision",), ((0, 1, 3),)),
    },
    "ps4": {
        "ada": Work("extended with her group", (), ((0, 1, 2), (0, 1, 2))),
        "bob": Work("30 hours late, not in the group: two days begun, 20 %", ("no_softmax",), ((0,), (0, 3)), off=0.2),
        "cem": Work("30 hours late, of which 12 are given: a day begun, 10 %", (), ((0, 1), (2,)), off=0.1),
        "dora": Work("in the group; handed in anew after grading", ("flattens",), ((1,), (1, 2))),
        "eli": Work("in the group; a zip archive beside the blank notebook", ("counts_arrays",), ((3,), (0,))),
        "fay": Work("in the group; tests deleted and cells moved", ("no_return",), ((0, 2), ())),
        "gus": Work("in the group; the same code as hana", like="hana", lines=((0,), ())),
        "hana": Work("in the group; her own", ("adam_in_both", "divides_evenly"), ((0,), (0, 1))),
        "ivo": Work("in the group; the same code as hana", like="hana", lines=((1,), ())),
        "jun": Work("on Canvas, no time known: not late", ("zero_by_zero",), ((0, 1, 2), (0,))),
    },
    "ps6": {
        "ada": Work("her own variant", (), ((0, 1, 2, 3),)),
        "bob": Work("the common release, not his variant: needs a look", ("not_centred",), ((0, 1),)),
        "cem": Work("his own variant", ("no_length", "two_steps"), ((1,),)),
        "dora": Work("her own variant", ("lowest_taken",), ((0, 4),)),
        "eli": Work("his own variant", ("head_trains_too",), ((0, 1, 5),)),
        "gus": Work("his own variant", ("at_random",), ((2,),)),
        "hana": Work("gus's notebook, code and seed: needs a look", like="gus"),
        "ivo": Work("his own variant", ("mean_for_sum",), ((3, 4),)),
    },
}


@cache
def _known(assignment: str) -> Answers:
    return read_answers(ASSIGNMENTS, assignment)


@cache
def rubric(assignment: str) -> Mapping[str, list[Line]]:
    """The rubric's lines for each answer that a person marks."""
    return read_rubric(ASSIGNMENTS, assignment)


def mistakes(assignment: str, student: str) -> tuple[str, ...]:
    work = TERM[assignment][student]
    return work.makes + (mistakes(assignment, work.like) if work.like else ())


def by_tests(assignment: str, student: str) -> float:
    """The points that the tests give to a student's work."""
    lost = sum(sum(_known(assignment).mistakes[name].loses.values()) for name in mistakes(assignment, student))
    return BY_TESTS - lost


def by_hand(assignment: str, student: str) -> dict[str, float]:
    """The points that a person gives, by answer."""
    lines = TERM[assignment][student].lines
    return {
        name: sum(offered[k].points for k in chosen)
        for (name, offered), chosen in zip(rubric(assignment).items(), lines, strict=True)
    }


def mark(assignment: str, student: str) -> float:
    """The mark of a student's work, less what being late costs."""
    whole = by_tests(assignment, student) + sum(by_hand(assignment, student).values())
    return whole * (1 - TERM[assignment][student].off)


def answers(assignment: str, student: str, and_makes: tuple[str, ...] = ()) -> dict[str, str]:
    """What a student writes, by grade_id: each in a mixture of two ways of their own, but who copies."""
    work, known = TERM[assignment][student], _known(assignment)
    rng = random.Random(f"{assignment} {work.like or student}")
    code = {cell: rng.choice((text, known.second[cell])) for cell, text in known.reference.items()}
    for name in mistakes(assignment, student) + and_makes:
        code |= known.mistakes[name].cells
    if work.like:
        code = {cell: f"# {student}'s own\n{text}" for cell, text in code.items()}
    return code | {name: f"What {student} thinks of {name}." for name in rubric(assignment)}


def written(release: NotebookNode, assignment: str, student: str, and_makes: tuple[str, ...] = ()) -> NotebookNode:
    """A released notebook, filled in by a student."""
    return build_submission(release, answers(assignment, student, and_makes))


def students_list() -> str:
    """The class as nbgrader takes it in."""
    lines = [f"{name},{name.title()},{last},{name}@x.edu" for name, last in STUDENTS.items()]
    return "\n".join(["id,first_name,last_name,email", *lines]) + "\n"


def canvas_gradebook() -> str:
    """The class as Canvas's gradebook exports it."""
    lines = ["Student,ID,SIS User ID,SIS Login ID,Section,ps1 (4711)", "    Points Possible,,,,,30"]
    lines += [
        f'"{last}, {name.title()}",{number},,{name},A,' for number, (name, last) in enumerate(STUDENTS.items(), 1000)
    ]
    return "\n".join([*lines, '"Student, Test",9999,,a8f1,A,']) + "\n"


def canvas_groups(group: str, students: tuple[str, ...]) -> str:
    """The class's groups as Canvas's roster of groups has them: one group."""
    lines = ["name,canvas_user_id,user_id,login_id,sections,group_name,canvas_group_id,group_id"]
    for number, (name, last) in enumerate(STUDENTS.items(), 1000):
        mine = f"{group},77," if name in students else ",,"
        lines.append(f'"{name.title()} {last}",{number},,{name},A,{mine}')
    return "\n".join(lines) + "\n"
