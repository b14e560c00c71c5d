"""Lesson 09: what is drawn, claimed and asked about a project's candidates, its recipe and its model."""

import re
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np

from .. import figures
from ..charts import outcomes
from ..handover.candidates import RAW, Validated, splits, untrained
from ..handover.card import model_card, wilson
from ..handover.recipe import LATE, Heads, views
from ..lesson import Exercise, claim, exercise
from ..marking import require
from ..models.zoo import time_per_picture, zoo_table
from ..pictures.labelled import Target
from ..probing import cut_features, interval, linear_probe, raw_pixels
from ..progress import bar
from ..sources import Source
from ..targets import load_target


def show_classes(target: Target) -> None:
    """Rows of training pictures, a row for each class (eight at most)."""
    rows = {name: target.pictures[target.labels == k][:9] for k, name in enumerate(target.class_names[:8])}
    title = f"{target.name}: which classes would you confuse yourself?"
    alt = f"Rows of training pictures, one row for each class: {', '.join(rows)}."
    figures.show(figures.patch_rows(rows, title), alt)


def show_fitting(budget_mb: int, budget_ms: int, fast: bool) -> None:
    """The most accurate and the smallest network of those that fit, timed on untrained copies."""
    fitting = sorted((e for e in zoo_table() if e.megabytes <= budget_mb), key=lambda entry: -entry.top1)
    smallest = min(fitting, key=lambda entry: entry.megabytes)
    print(f"{len(fitting)} of {len(zoo_table())} networks fit into {budget_mb} MB.")
    print("network              ImageNet top-1      MB   ms for a picture, here")
    for entry in bar([smallest] if fast else [fitting[0], smallest], label="timing", unit="networks"):
        ms = 1000 * time_per_picture(entry.name)
        verdict = "fits" if ms <= budget_ms else "too slow"
        print(f"{entry.name:20s} {entry.top1:12.1f} % {entry.megabytes:7d} {ms:12.0f}   {verdict}")


def show_candidates(results: dict[str, Validated], target: Target) -> None:
    """A table and bars of all candidates, best first."""
    order = sorted(results, key=lambda name: -results[name].mean)
    room = max(map(len, order))
    print(f"{'':{room}s} right (%)   MB to the cut   ms a picture   cuts chosen")
    for name in order:
        one, (mean, half) = results[name], interval(results[name].scores)
        cuts = ", ".join(dict.fromkeys(one.cuts))
        print(f"{name:{room}s} {mean:4.0f} ± {half:2.0f} {one.megabytes:14.2f} {one.milliseconds:14.1f}     {cuts}")
    means = {name: results[name].mean for name in order}
    halves = [float(interval(results[name].scores)[1]) for name in order]
    guess = 100 / len(target.class_names)
    xlabel = f"right on validation pictures (%), 95 % intervals; guessing: {guess:.0f}"
    figure = figures.bars(means, xlabel, f"{target.name}: {order[0]} is ahead", halves, highlight=order[0])
    told = ", ".join(
        f"{name} {mean:.0f} ± {half:.0f} %" for (name, mean), half in zip(means.items(), halves, strict=True)
    )
    figures.show(figure, f"Validation accuracy of each candidate: {told}.")


def claim_candidates(results: dict[str, Validated], name: str) -> None:
    """What these draws tell of the source called `name`, its control, raw pixels, and who is as good as the best."""
    control = untrained(name)
    trained = sorted((r for r in results if r not in (control, RAW)), key=lambda r: -results[r].mean)
    best = trained[0]
    ahead, half = results[best].lead(results[RAW])
    sentence = "The best trained network is ahead of raw pixels, beyond the 95 % interval of its lead."
    claim(sentence, ahead > half, f"{best}: {ahead:+.0f} ± {half:.0f} points")
    ahead, half = results[name].lead(results[control])
    sentence = f"What {name} learned helps: in the mean of these draws, random weights stay behind it."
    claim(sentence, ahead > 0, f"{ahead:+.0f} ± {half:.0f} points")
    tied = [r for r in trained if r == best or np.less(*results[best].lead(results[r]))]
    print(f"Not to be told apart from the best by these draws: {', '.join(tied[1:]) or 'none'}.")
    print(f"The smallest of these up to its cut: {min(tied, key=lambda r: results[r].megabytes)}.")
    no_better = [r for r in trained if np.less(*results[r].lead(results[control]))]
    print(f"Not shown to be better than random weights: {', '.join(no_better) or 'none'}.")


def ensemble_gain(source: Source, target: Target, choose_cut: Callable, seed: int, n: int, draws: int) -> Validated:
    """How many points `CutEnsemble` is ahead of the cut that `choose_cut` names, as `scores`; n pictures a class."""
    single = cut_features(source, target.pictures)
    looks = [cut_features(source, view, source.cuts[-LATE:]) for view in views(target.pictures)]
    gains = []
    for train, rest in bar(splits(target, seed, draws, n), label="several cuts and views", unit="draws"):
        y, y_rest = target.labels[train], target.labels[rest]
        x = single[choose_cut({cut: x[train] for cut, x in single.items()}, y)]
        heads = Heads().fit([{cut: x[train] for cut, x in look.items()} for look in looks], y)
        answers = heads.probabilities([{cut: x[rest] for cut, x in look.items()} for look in looks]).argmax(1)
        right = np.mean(heads.classes[answers] == y_rest)
        gains.append(100 * float(right) - 100 * linear_probe(x[train], y, x[rest], y_rest))
    return Validated(tuple(gains))


def claim_gain(gain: Validated, name: str) -> None:
    """That several cuts and views are worth something on the source called `name`."""
    mean, half = interval(gain.scores)
    evidence = f"{name}: {mean:+.1f} ± {half:.1f} points, mean and 95 % interval over {len(gain.scores)} draws"
    claim("Several cuts and views together are not behind the one chosen cut.", mean >= -half, evidence)


def claim_test(answers: np.ndarray, file_in_memory: np.ndarray, target: Target) -> None:
    """What the test says of the finished file, and that it answers as the model in memory does."""
    right, n = int((answers.argmax(1) == target.test_labels).sum()), len(answers)
    low, high = wilson(right, n)
    told = f"{100 * right / n:.0f} %, 95 % interval {100 * low:.0f} to {100 * high:.0f} %"
    print(f"Right answers to {right} of {n} test pictures: {told}.")
    off = float(np.abs(answers - file_in_memory).max())
    sentence = "The file answers raw pictures as the model in memory answers preprocessed ones."
    claim(sentence, off < 1e-3, f"largest difference of a probability {off:.0e}")
    pixels = linear_probe(
        raw_pixels(target.pictures), target.labels, raw_pixels(target.test_pictures), target.test_labels
    )
    sentence = "The test accuracy's whole interval lies above guessing, and above a head on raw pixels."
    commonest = np.bincount(target.test_labels).max() / n
    claim(sentence, low > max(commonest, pixels), f"{told}; raw pixels {100 * pixels:.0f} %")


def show_mistakes(answers: np.ndarray, target: Target) -> None:
    """Up to six of the mistakes, then right answers, beside the three most probable classes."""
    names, best = target.class_names, answers.argmax(1)
    wrong, rightly = np.flatnonzero(best != target.test_labels), np.flatnonzero(best == target.test_labels)
    some = wrong[:: len(wrong) // 6 + 1]
    shown = np.concatenate([some, rightly[:: len(rightly) // 8 + 1]])[:8]
    three = [[(names[k], float(row[k])) for k in np.argsort(-row)[:3]] for row in answers[shown]]
    true = [names[k] for k in target.test_labels[shown]]
    title = f"Test pictures: {len(some)} of the {len(wrong)} mistakes, then right answers"
    told = "; ".join(f"a picture of {name}: {names[best[k]]}" for name, k in zip(true, shown, strict=True))
    figure = outcomes.predictions(target.test_pictures[shown], three, true, title)
    figures.show(figure, f"Test pictures beside the three most probable classes. {told}.")


def show_card(file: Path, source: Source, cut: str, model, target: Target, answers: np.ndarray, told: dict) -> None:
    """Write the model card beside the file, show it, and say what is not known."""
    from IPython.display import display

    card = model_card(file, source, cut, model, target, answers, **told)
    file.with_suffix(".card.md").write_text(card, encoding="utf-8")
    smaller = re.sub("^#", "###", card, flags=re.MULTILINE)  # headings that fit into the page
    display({"text/markdown": smaller, "text/plain": card}, raw=True)
    gaps = [line.lstrip("- ").split(":")[0] for line in card.splitlines() if "not known" in line]
    beside = sorted(path.name for path in file.parent.iterdir())
    print("Written:", ", ".join(name for name in beside if name.startswith(f"{file.stem}.")))
    print(f"{len(gaps)} things are not known: {'; '.join(gaps)}.")


def leaky_arrays(target: Target, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Training and test pictures, two of the test pictures copied from the training pictures."""
    rng = np.random.default_rng(seed)
    train, test = target.pictures.copy(), target.test_pictures.copy()
    test[rng.choice(len(test), 2, replace=False)] = train[rng.choice(len(train), 2, replace=False)]
    leaked.asked = train, test
    return train, test


@exercise(
    "The test pictures that stand among the training pictures.",
    "Two pictures are the same where all their numbers are. You need not compare each with each.",
    "picture.tobytes() can be kept in a set: is the test picture's in the training pictures' set?",
)
def leaked(answer) -> str:
    """Positions in the test pictures that `leaky_arrays` gave last."""
    train, test = leaked.asked
    known = {picture.tobytes() for picture in train}
    right = {k for k, picture in enumerate(test) if picture.tobytes() in known}
    given = {int(k) for k in answer}
    require(given - right == set(), f"Test picture {min(given - right, default=0)} is not among the training pictures.")
    require(given == right, f"These {len(given)} are right, and there are more.")
    return f"{len(right)} of {len(test)} test pictures are copies."


@exercise(
    "The smallest multiple of 100 that will do.",
    "The interval of 80 % right out of n: wilson(0.8 * n, n). How wide is it for n = 100, and for 1,000?",
    "Go up in steps of 100 until 100 * (high - low) is at most 6.",
)
def enough_pictures(answer) -> str:
    """How many test pictures make the interval at 80 % at most 6 points wide."""

    def width(n: int) -> float:
        low, high = wilson(round(0.8 * n), n)
        return 100 * (high - low)

    require(answer % 100 == 0, "A multiple of 100 is asked for.")
    require(width(answer) <= 6, f"With {answer} the interval is {width(answer):.1f} points wide: more are needed.")
    require(width(answer - 100) > 6, f"With {answer} it is {width(answer):.1f} points wide, but fewer will do.")
    return f"The interval is {width(answer):.1f} points wide."


def few_digits(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Five training pictures of each digit, what they are, and 300 new ones."""
    target = load_target("digits", seed)
    return *target.draw(5, [seed, 5]), target.test_pictures[:300]


def digits_bar(source: Source, seed: int) -> Exercise:
    """The exercise that asks for more than the deepest cut of the source reaches on `few_digits`, by 3 points."""
    hints = (
        "Lesson 04 found the best cut for digits far from the deepest one. What finds it without the test?",
        "CutEnsemble(source, mirror=False).fit(…) chooses among the late cuts; a shallower cut may do as well.",
    )
    return Exercise("Three points above the deepest cut.", hints, partial(_judge_digits, source, seed))


def _judge_digits(source: Source, seed: int, answer) -> str:
    target, (pictures, labels, asked) = load_target("digits", seed), few_digits(seed)
    truth, deepest = target.test_labels[:300], source.cuts[-1]
    answer = np.asarray(answer, "float64")
    require(answer.shape == (300, 10), f"Its shape is {answer.shape}, and (300, 10) is asked for.")
    require(np.allclose(answer.sum(1), 1, atol=1e-3), "The probabilities of a picture do not add up to 1.")
    known, new = (cut_features(source, x, (deepest,))[deepest] for x in (pictures, asked))
    bar_to_beat = 100 * linear_probe(known, labels, new, truth) + 3
    reached = 100 * float((answer.argmax(1) == truth).mean())
    told = f"{reached:.1f} % of the new digits are right, the bar is {bar_to_beat:.1f} %."
    require(reached >= bar_to_beat, told)
    return told
