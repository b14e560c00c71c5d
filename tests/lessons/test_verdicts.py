"""Lesson 09: what is drawn and claimed of a project's candidates and its model, and what its exercises say."""

from types import SimpleNamespace

import numpy as np
import pytest
from lesson_helpers import FOUR, NAMES, four_classes, model_on, tiny_source
from scipy.stats import binomtest

from course_utils import figures
from course_utils.charts import outcomes
from course_utils.handover.candidates import RAW, Validated
from course_utils.lessons import verdicts
from course_utils.pictures.labelled import Target
from course_utils.probing import cut_features, linear_probe, raw_pixels


@pytest.fixture
def source():
    return tiny_source()


def many_classes(classes=10, each=12):
    labels = np.repeat(np.arange(classes), each)[::-1].copy()
    pictures = np.broadcast_to(labels.astype("uint8")[:, None, None, None], (len(labels), 4, 4, 3)).copy()
    return Target("many", "?", pictures, labels, pictures, labels, tuple(f"class {k}" for k in range(classes)))


def test_each_class_has_a_row_of_its_own_pictures(shown, monkeypatch):
    seen = {}
    monkeypatch.setattr(figures, "patch_rows", lambda rows, title: (seen.update(rows), figures.new_figure()[0])[1])
    verdicts.show_classes(many_classes())
    assert list(seen) == [f"class {k}" for k in range(8)]
    assert all(rows.shape == (9, 4, 4, 3) and (rows == k).all() for k, rows in enumerate(seen.values()))
    assert "class 0, class 1" in shown[0][1] and "class 7" in shown[0][1] and "class 8" not in shown[0][1]


NETWORKS = [("large", 31, 90.0), ("good", 30, 80.0), ("smaller", 10, 75.0), ("smallest", 5, 70.0)]


@pytest.fixture
def timed(monkeypatch):
    """The networks that were timed; one needs 0.1 s for a picture, another 0.101."""
    names = []
    zoo = [SimpleNamespace(name=name, megabytes=size, top1=top1) for name, size, top1 in NETWORKS]
    monkeypatch.setattr(verdicts, "zoo_table", lambda: zoo)
    seconds = {"good": 0.1, "smallest": 0.101}
    monkeypatch.setattr(verdicts, "time_per_picture", lambda name: names.append(name) or seconds[name])
    return names


def test_the_best_and_the_smallest_network_that_fit_are_timed(timed, capsys):
    verdicts.show_fitting(30, 100, fast=False)
    told, _, good, smallest = capsys.readouterr().out.strip().splitlines()
    assert timed == ["good", "smallest"] and told == "3 of 4 networks fit into 30 MB."
    assert good.split() == ["good", "80.0", "%", "30", "100", "fits"]
    assert smallest.split() == ["smallest", "70.0", "%", "5", "101", "too", "slow"]


def test_a_quick_look_times_the_smallest_alone(timed, capsys):
    verdicts.show_fitting(30, 200, fast=True)
    assert timed == ["smallest"] and capsys.readouterr().out.strip().endswith("fits")


def scores(mean, *luck):
    return tuple(mean + np.array(luck or (-1.0, 0.0, 1.0)))


def results(**changed):
    """Candidates whose scores differ by the same in each draw, unless they are `changed`."""
    found = {
        "net": Validated(scores(80), ("b1", "b2", "b1"), 4.0, 3.0),
        "twin": Validated(scores(80, -2, 0, 1.5), ("b3",) * 3, 2.0, 5.0),
        "poor": Validated(scores(50), ("b1",) * 3, 1.0, 1.0),
        "net, random weights": Validated(scores(60), ("b1",) * 3, 4.0, 3.0),
        RAW: Validated(scores(40), (RAW,) * 3),
    }
    return found | {name.replace("_", " "): value for name, value in changed.items()}


def test_a_long_name_keeps_the_columns(shown, capsys):
    long = "a_network_with_quite_a_long_name,_random_weights"
    verdicts.show_candidates(results(**{long: Validated(scores(70), ("b1",) * 3)}), four_classes())
    lines = capsys.readouterr().out.splitlines()[1:]
    assert len(lines) == 6 and len({line.index("±") for line in lines}) == 1


def test_candidates_are_listed_best_first(shown, capsys):
    verdicts.show_candidates(results(twin=Validated(scores(83), ("b3",) * 3, 2.0, 5.0)), four_classes())
    lines = capsys.readouterr().out.splitlines()[1:]
    assert [line[:20].strip() for line in lines] == ["twin", "net", "net, random weights", "poor", RAW]
    assert lines[1].split() == ["net", "80", "±", "2", "4.00", "3.0", "b1,", "b2"]
    ((figure, alt),) = shown
    assert "twin 83 ± 2 %, net 80 ± 2 %, net, random weights 60 ± 2 %, poor 50 ± 2 %, raw pixels 40 ± 2 %." in alt
    ax = figure.axes[0]
    assert ax.get_title(loc="left") == "four: twin is ahead" and ax.get_xlabel().endswith("guessing: 25")
    assert [bar.get_width() for bar in ax.patches] == [83, 80, 60, 50, 40]
    others = [bar.get_facecolor() for bar in ax.patches[1:]]
    assert ax.patches[0].get_facecolor() not in others and len(set(others)) == 1


def claims(told):
    return [facts["holds"] for _, facts in told]


def test_what_the_draws_tell_of_the_candidates(told, capsys):
    verdicts.claim_candidates(results(), "net")
    assert claims(told) == [True, True]
    assert "net: +40 ± 0 points" in told[0][0] and "What net learned helps" in told[1][0] and "+20 ± 0" in told[1][0]
    assert capsys.readouterr().out.splitlines() == [
        "Not to be told apart from the best by these draws: twin.",
        "The smallest of these up to its cut: twin.",
        "Not shown to be better than random weights: poor.",
    ]


def test_a_clear_best_stands_alone(told, capsys):
    verdicts.claim_candidates(results(twin=Validated(scores(75)), poor=Validated(scores(70))), "net")
    told_of = capsys.readouterr().out.splitlines()
    assert told_of[0].endswith("draws: none.") and told_of[1].endswith("cut: net.") and told_of[2].endswith(": none.")


@pytest.mark.parametrize(
    ("changed", "held"),
    [
        ({"raw_pixels": Validated(scores(75, -20, 0, 20))}, [False, True]),  # ahead of them, but not beyond doubt
        ({"net,_random_weights": Validated(scores(75, -20, 0, 20))}, [True, True]),  # here the mean is enough
        ({"raw_pixels": Validated(scores(90))}, [False, True]),
        ({"net,_random_weights": Validated(scores(95))}, [True, False]),
    ],
)
def test_a_lead_within_doubt_is_not_claimed(told, changed, held):
    verdicts.claim_candidates(results(**changed), "net")
    assert claims(told) == held


def test_a_control_is_no_candidate(told):
    verdicts.claim_candidates(results(net=Validated(scores(30)), poor=Validated(scores(35))), "net")
    assert "twin: +40" in told[0][0] and claims(told) == [True, False]
    told.clear()
    found = results(twin=Validated(scores(20)), net=Validated(scores(30)), poor=Validated(scores(25)))
    verdicts.claim_candidates(found, "net")  # the control and raw pixels are best, and none of the trained networks
    assert "net: -10" in told[0][0] and claims(told) == [False, False]


def test_an_ensemble_gains_on_a_bad_cut_and_little_on_a_good_one(source):
    asked, target = [], four_classes()

    def choose(cut):
        return lambda x, y: asked.append((set(x), len(y))) or cut

    bad, good = (verdicts.ensemble_gain(source, target, choose(cut), 0, 10, 2) for cut in ("grey", "colours"))
    assert len(bad.scores) == 2 and asked == [({"colours", "grey"}, 40)] * 4
    assert bad.mean > 12 and abs(good.mean) < 12
    assert bad.mean > good.mean + 12


@pytest.mark.parametrize(
    ("values", "holds"), [((1, 2, 3), True), ((-3, -1, 1), True), ((-3, -2.5, -2), False), ((-1, -1, -1), False)]
)
def test_an_ensemble_is_behind_only_beyond_doubt(told, values, holds):
    verdicts.claim_gain(Validated(values), "net")
    assert claims(told) == [holds]
    assert f"net: {np.mean(values):+.1f} ± " in told[0][0] and "over 3 draws" in told[0][0]


def said(labels, classes=4, sure=0.7):
    """Probabilities (n, classes) of a model that names these classes."""
    rest = (1 - sure) / (classes - 1)
    return np.where(np.eye(classes)[labels] == 1, sure, rest)


def noise(tests=100, test_labels=None):
    """Pictures that tell nothing."""
    rng = np.random.default_rng(0)
    labels = np.arange(tests) % 4 if test_labels is None else np.asarray(test_labels)
    pictures, test_pictures = (rng.integers(0, 256, (n, 8, 8, 3)).astype("uint8") for n in (40, len(labels)))
    return Target("noise", "?", pictures, np.arange(40) % 4, test_pictures, labels, NAMES)


def partly(target, right):
    """Answers of which the first so many are right."""
    first = np.arange(len(target.test_labels)) < right
    return said(np.where(first, target.test_labels, (target.test_labels + 1) % 4))


def test_a_test_is_told_with_its_interval(told, capsys):
    target = noise()
    answers = partly(target, 80)
    verdicts.claim_test(answers, answers + 1e-6, target)
    assert claims(told) == [True, True] and "1e-06" in told[0][0]
    interval = binomtest(80, 100).proportion_ci(0.95, "wilson")
    expected = f"80 %, 95 % interval {100 * interval.low:.0f} to {100 * interval.high:.0f} %"
    assert capsys.readouterr().out == f"Right answers to 80 of 100 test pictures: {expected}.\n"
    x, test = (raw_pixels(part) for part in (target.pictures, target.test_pictures))
    share = 100 * linear_probe(x, target.labels, test, target.test_labels)
    assert expected in told[1][0] and f"; raw pixels {share:.0f} %" in told[1][0]


def test_a_file_that_answers_otherwise_is_found(told):
    target = noise()
    answers = partly(target, 80)
    other = answers.copy()
    other[57, 2] += 0.002
    verdicts.claim_test(answers, other, target)
    assert claims(told) == [False, True] and "2e-03" in told[0][0]


@pytest.mark.parametrize(
    ("target", "right"),
    [
        (noise(), 30),  # guessing lies within the interval
        (noise(test_labels=[0] * 90 + [1] * 10), 92),  # the commonest class would do nearly as well
        (four_classes(), 395),  # raw pixels tell these, too
    ],
)
def test_no_more_than_guessing_or_pixels_is_not_claimed(told, target, right):
    verdicts.claim_test(partly(target, right), partly(target, right), target)
    assert claims(told) == [True, False]


@pytest.fixture
def pictured(monkeypatch):
    """What stands beside pictures: (pictures, three best of each, true names, title)."""
    seen = []
    monkeypatch.setattr(outcomes, "predictions", lambda *parts: seen.append(parts) or figures.new_figure()[0])
    return seen


@pytest.mark.parametrize(("wrong", "mistakes"), [(0, 0), (1, 1), (5, 5), (6, 3), (11, 6), (12, 4), (40, 6)])
def test_mistakes_come_before_right_answers(pictured, shown, wrong, mistakes):
    target = noise(40)
    answers = partly(target, 40 - wrong)
    verdicts.show_mistakes(answers, target)
    ((pictures, three, true, title),) = pictured
    assert title == f"Test pictures: {mistakes} of the {wrong} mistakes, then right answers"
    found = [int(np.argmax((target.test_pictures == picture).all((1, 2, 3)))) for picture in pictures]
    assert len(found) == len(set(found)) <= 8 and len(found) >= min(6, 40 - wrong)
    assert [k >= 40 - wrong for k in found] == [True] * mistakes + [False] * (len(found) - mistakes)
    assert true == [NAMES[target.test_labels[k]] for k in found]
    named = [row[0] for row in three]
    assert [name for name, _ in named] == [NAMES[answers[k].argmax()] for k in found]
    assert all(len(row) == 3 and share == pytest.approx(0.7) for row, (_, share) in zip(three, named, strict=True))
    ((_, alt),) = shown
    assert f"a picture of {true[0]}: {named[0][0]}; a picture of {true[1]}" in alt


@pytest.fixture
def displayed(monkeypatch):
    pages = []
    monkeypatch.setattr("IPython.display.display", lambda page, raw: pages.append(page))
    return pages


def test_a_card_is_written_shown_and_says_its_gaps(source, displayed, tmp_path, capsys):
    target, model = four_classes(), model_on(source, FOUR)
    file = tmp_path / "four.keras"
    model.save(file)
    (tmp_path / "four.classes.json").write_text("[]")
    (tmp_path / "fourteen.txt").write_text("another's")
    answers = model.predict(target.test_pictures, verbose=0)
    verdicts.show_card(file, source, "colours", model, target, answers, {"purpose": "a well-known test", "seed": 3})
    card = (tmp_path / "four.card.md").read_text("utf-8")
    assert card.startswith("# Model card: four") and "a well-known test" in card and "**100 %" in card
    (page,) = displayed
    assert page["text/plain"] == card
    assert page["text/markdown"].startswith("### Model card: four") and "\n#### What it is" in page["text/markdown"]
    written, gaps = capsys.readouterr().out.splitlines()
    assert written == "Written: four.card.md, four.classes.json, four.keras"
    names = gaps.split("known: ")[1].rstrip(".").split("; ")
    assert gaps.startswith(f"{len(names)} things are not known: ")
    assert {"Author", "Not meant for", "Where from", "Split", "Not tested on"} <= set(names)
    assert not {"Intended use", "Seed"} & set(names) and len(names) == card.count("not known")


def test_a_name_with_brackets_is_found_again(source, displayed, tmp_path, capsys):
    target, model = four_classes(), model_on(source, FOUR)
    file = tmp_path / "my [own].keras"
    model.save(file)
    verdicts.show_card(file, source, "colours", model, target, target.test_labels, {})
    assert "Written: my [own].card.md, my [own].keras" in capsys.readouterr().out


def test_two_test_pictures_are_copies(ask):
    target = noise()
    train, test = verdicts.leaky_arrays(target, 3)
    known = {picture.tobytes() for picture in target.pictures}
    copies = [k for k, picture in enumerate(test) if picture.tobytes() in known]
    assert len(copies) == 2
    np.testing.assert_array_equal(train, target.pictures)
    others = np.setdiff1d(np.arange(len(test)), copies)
    np.testing.assert_array_equal(test[others], target.test_pictures[others])
    right, text = ask(verdicts.leaked, np.array(copies[::-1]))
    assert right is True and text == "2 of 100 test pictures are copies."
    strangers = [int(others[5]), int(others[9])]
    for answer, words in (
        (copies[:1], "These 1 are right, and there are more."),
        ([], "These 0 are right, and there are more."),
        ([*copies, *strangers], f"Test picture {min(strangers)} is not among the training pictures."),
        (strangers[:1], f"Test picture {strangers[0]} is not among"),
    ):
        right, text = ask(verdicts.leaked, answer)
        assert right is False and words in text
    verdicts.leaky_arrays(target, 4)
    assert ask(verdicts.leaked, copies)[0] is False


def test_as_many_test_pictures_as_are_needed(ask):
    def width(n):
        interval = binomtest(round(0.8 * n), n).proportion_ci(0.95, "wilson")
        return 100 * (interval.high - interval.low)

    enough = next(n for n in range(100, 2000, 100) if width(n) <= 6)
    right, text = ask(verdicts.enough_pictures, enough)
    assert right is True and text == f"The interval is {width(enough):.1f} points wide."
    for answer, words in (
        (enough - 100, f"With {enough - 100} the interval is {width(enough - 100):.1f} points wide: more are needed"),
        (enough + 100, f"With {enough + 100} it is {width(enough + 100):.1f} points wide, but fewer will do"),
        (enough - 50, "A multiple of 100"),
        (0, "could not be used"),
    ):
        right, text = ask(verdicts.enough_pictures, answer)
        assert right is False and words in text


def test_few_digits_are_five_of_each_and_new_ones():
    pictures, labels, new = verdicts.few_digits(1)
    assert np.bincount(labels).tolist() == [5] * 10 and len(pictures) == 50 and len(new) == 300
    known = {picture.tobytes() for picture in pictures}
    assert not any(picture.tobytes() in known for picture in new)
    np.testing.assert_array_equal(pictures, verdicts.few_digits(1)[0])
    assert not np.array_equal(pictures, verdicts.few_digits(2)[0])


def test_digits_are_judged_by_the_deepest_cut_and_three_points(source, ask):
    source.model.get_layer("grey").set_weights([np.zeros((1, 1, 3, 3)), np.zeros(3)])  # so the deepest cut knows least
    exercise = verdicts.digits_bar(source, 1)
    truth = verdicts.load_target("digits", 1).test_labels[:300]
    pictures, labels, new = verdicts.few_digits(1)
    known, asked = (cut_features(source, some, ("grey",))["grey"] for some in (pictures, new))
    expected = 100 * linear_probe(known, labels, asked, truth) + 3
    right, text = ask(exercise, said(truth, 10))
    assert right is True and text.startswith("100.0 % of the new digits are right, the bar is ")
    assert f"the bar is {expected:.1f} %." in text
    few = int(np.ceil(3 * expected)) - 1  # one right answer less than the bar asks for
    for k, good in ((few, False), (few + 1, True)):
        right, text = ask(exercise, said(np.where(np.arange(300) < k, truth, (truth + 1) % 10), 10))
        assert right is good and f"{100 * k / 300:.1f} % of the new digits are right" in text


def test_answers_that_are_no_probabilities_are_told(source, ask):
    exercise = verdicts.digits_bar(source, 1)
    good = said(np.zeros(300, int), 10)
    for answer, words in (
        (good[:299], "(299, 10), and (300, 10) is asked for"),
        (np.zeros(300, int), "Its shape is (300,)"),
        (np.log(good), "do not add up to 1"),
        (good * np.nan, "do not add up to 1"),
        ("none", "could not be used"),
    ):
        right, text = ask(exercise, answer)
        assert right is False and words in text


def test_exercises_wait_and_hint(source, told):
    for exercise in (verdicts.leaked, verdicts.enough_pictures, verdicts.digits_bar(source, 0)):
        exercise()
        exercise.hint(1)
        exercise.hint(2)
    assert [facts.get("hint", facts.get("right")) for _, facts in told] == [None, 1, 2] * 3
    assert len({text for text, _ in told}) == 9
