"""Figures of lesson 08, and what they show: words on a map, analogies, jobs, known words, and words that moved."""

from itertools import cycle

import numpy as np

from ..figures import BLUE, GREY, MARKS, WIDTH, bars, curves, heat_table, new_figure, show
from ..lesson import claim
from ..probing import interval


def with_intervals(values: dict[str, tuple], unit: str = "") -> str:
    """Numbers in a sentence: `values` maps a name to (mean, half width of its interval)."""
    return "; ".join(f"{name} {mean:.0f} ± {half:.0f}{unit}" for name, (mean, half) in values.items())


def show_map(name: str, rows: np.ndarray, kind: np.ndarray, kinds: tuple[str, ...]) -> None:
    """Words as dots, by the first two principal components of their vectors, brought to length 1.

    `rows` (words, dimensions) are the vectors of a source called `name`, `kind` (words,) each word's place in `kinds`.
    """
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    rows = rows - rows.mean(axis=0)
    _, strength, axes = np.linalg.svd(rows, full_matrices=False)
    share = 100 * strength[:2] ** 2 / np.sum(strength**2)
    figure, ax = new_figure(figsize=(WIDTH, 3.6))
    for k, (label, mark) in enumerate(zip(kinds, cycle(MARKS), strict=False)):
        ax.plot(*(rows[kind == k] @ axes[:2].T).T, mark, ms=6, alpha=0.8, ls="none", label=label)
    ax.set(
        xlabel=f"first principal component ({share[0]:.0f} % of the variance)",
        ylabel=f"second ({share[1]:.0f} %)",
        title=f"{name}: words of one kind lie together",
    )
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    show(figure, f"A map of {len(rows)} words in two dimensions, with a mark for each kind: {', '.join(kinds)}.")


def show_relations(table: np.ndarray, relations: list[str], ways: tuple[str, ...]) -> None:
    """How often each way answers right (%), a row for each relation: `table` (relations, ways)."""
    title = "How many of 100 analogies come out? (the best way of each row in bold)"
    figure = heat_table(table, relations, ways, "", title)
    mean = ", ".join(f"{way}: {value:.0f}" for way, value in zip(ways, table.mean(axis=0), strict=True))
    show(figure, f"A table of {len(relations)} relations and {len(ways)} ways to answer. Means in per cent: {mean}.")


def show_leaning(jobs: list[str], lean: np.ndarray, control: np.ndarray) -> None:
    """What a head that tells words for women from words for men says of jobs (%), the largest first.

    `lean` (jobs,) holds its probabilities of "women", `control` (heads, jobs) those of heads with shuffled labels.
    """
    order = np.argsort(-lean)
    figure, ax = new_figure(figsize=(WIDTH, 0.9 + 0.29 * len(jobs)))
    mean, half = interval(control[:, order].T)
    ax.barh([f"{jobs[k]}  {lean[k]:.0f}" for k in order], lean[order] - 50, left=50, color=BLUE, height=0.6)
    settings = {"color": GREY, "capsize": 2, "ms": 4, "label": "shuffled labels: mean, 95 % interval"}
    ax.errorbar(mean, np.arange(len(jobs)), xerr=half, fmt="o", **settings)
    ax.axvline(50, color=GREY, lw=1)
    ax.invert_yaxis()
    ax.set(
        xlim=(-6, 106),
        xticks=range(0, 101, 25),
        xlabel='probability of "women" (%); 50 is undecided',
        title="Which jobs does a head that has seen no job give to women, which to men?",
    )
    ax.legend(fontsize=9, loc="upper left")
    said = ", ".join(f"{jobs[k]} {lean[k]:.0f} %" for k in order)
    show(figure, f"Bars of the probability of 'women' for {len(jobs)} jobs: {said}. With shuffled labels, about 50 %.")


def show_accuracies(name: str, ns, scores: dict[str, np.ndarray], chance: float) -> None:
    """Test accuracy (%) over n with intervals over draws: `scores` maps a method to (n, draws)."""
    lines = {label: interval(table) for label, table in scores.items()}
    draws = min(table.shape[1] for table in scores.values())
    title = f"{name}: what are vectors worth? Mean and 95 % interval of {draws} draws"
    figure = curves(ns, lines, "training texts per class", "test accuracy (%)", title, chance=chance)
    figure.axes[0].set_ylim(0, None)  # room for the word under the line of guessing
    said = " ".join(f"{label}: {', '.join(f'{m:.0f}' for m in mean)} %." for label, (mean, _) in lines.items())
    show(figure, f"Test accuracy at {', '.join(map(str, ns))} training texts per class. {said}")


def show_known(ns, seen: np.ndarray, known: dict[str, np.ndarray], words: np.ndarray, vocabulary: list[str]) -> None:
    """Which of a new text's words are known (%), and some that are not.

    `seen` (n, draws) holds the share that stands in a training text. `words` are the numbers of the test texts' words
    in `vocabulary`, and `known` maps a table of vectors to a bool for each: has it a vector?
    """
    lines = {"in a training text": interval(seen)}
    lines |= {f"in {name}": (np.full(len(ns), 100 * has.mean()), np.zeros(len(ns))) for name, has in known.items()}
    title = "Of 100 words of a new text, how many are known?"
    figure = curves(ns, lines, "training texts per class", "share of the test texts' words (%)", title)
    said = ", ".join(f"{s:.0f} % at {n}" for n, s in zip(ns, seen.mean(axis=1), strict=True))
    vectors = ", ".join(f"{name} {100 * has.mean():.0f} %" for name, has in known.items())
    show(figure, f"Known from training texts: {said} texts per class. With a vector: {vectors}.")
    for name, has in known.items():
        numbers, counts = np.unique(words[~has], return_counts=True)
        often = ", ".join(vocabulary[k] for k in numbers[np.argsort(-counts, kind="stable")][:6])
        print(f"{name}: {100 * (1 - has.mean()):.1f} % lack a vector, most often {often}")
    claim(
        "With the fewest texts, more words of a new text have a vector than stand in a training text.",
        all(100 * has.mean() > seen[0].mean() for has in known.values()),
        f"{vectors} against {seen[0].mean():.0f} %",
    )


def show_tuning(scores: dict[str, list[float]]) -> float:
    """Bars of the test accuracy (%) of four ways to train, a list of draws each; returns what fine-tuning adds.

    In this order: from scratch, the far source's table fine-tuned, the near source's frozen, and fine-tuned.
    """
    _show_ways(scores, "test accuracy (%)", "Is it worth training the table?")
    scratch, other, frozen, tuned = map(np.array, scores.values())
    for sentence, lead in (
        ("The table that fits, frozen, beats the same network with a table trained from scratch.", frozen - scratch),
        ("Fine-tuning does not mend the other table: it stays behind the frozen one that fits.", frozen - other),
    ):
        mean, half = interval(lead)
        claim(sentence, mean > 0, f"by {mean:.1f} ± {half:.1f} points, draw by draw")
    mean, half = interval(tuned - frozen)
    clear = "clear of zero" if abs(mean) > half else "this run cannot tell that from nothing"
    print(f"Fine-tuning adds {mean:+.1f} ± {half:.1f} points, draw by draw: {clear}.")
    return float(mean)


def show_moved(before: np.ndarray, draws: list[tuple[np.ndarray, np.ndarray]]) -> float:
    """How far words moved, and the claim that words of no training text did not; returns how far these did (%).

    `before` (words, dimensions) is the table; `draws` holds for each draw the training texts' numbers, and the table
    afterwards. Words without a vector are left out.
    """
    length = np.linalg.norm(before, axis=1)
    there = length > 0
    groups: dict[str, list[float]] = {"in no training text": [], "there once": [], "2 or 3 times": [], "more often": []}
    least = np.inf
    for numbers, after in draws:
        far = 100 * np.linalg.norm(after - before, axis=1)[there] / length[there]
        which = np.digitize(np.bincount(numbers.ravel(), minlength=len(before))[there], (1, 2, 4))
        least = min(least, far[which > 0].min())
        for k, group in enumerate(groups.values()):
            group.append(float(far[which == k].mean()))
    _show_ways(groups, "moved (% of the vector's length)", "How far did fine-tuning move a word?")
    unseen = max(groups["in no training text"])
    claim(
        "Words that stand in no training text have not moved at all.",
        unseen == 0 < least,
        f"they are {100 * np.mean(which == 0):.0f} % of the words; each of the others moved by {least:.1f} % or more",
    )
    return unseen


def show_spoilt(right: dict[str, np.ndarray]) -> None:
    """Bars of the accuracy on test texts and on spoilt copies: `right` maps a way to spoil to bools (texts,)."""
    means = {n: (100 * hit.mean(), 196 * hit.std() / len(hit) ** 0.5) for n, hit in right.items()}
    title = "Which changes does the classifier notice? 95 % interval over the test texts"
    values = {name: mean for name, (mean, _) in means.items()}
    figure = bars(values, "test accuracy (%)", title, [half for _, half in means.values()])
    show(figure, f"Bars with 95 % intervals: {with_intervals(means)}.")
    first, mixed, typed = values.values()
    claim("Mixing up the words of a text changes nothing.", abs(first - mixed) < 0.5, f"{first:.1f} and {mixed:.1f} %")
    claim("Typing errors cost accuracy.", typed < first, f"{first:.1f} and {typed:.1f} %")


def _show_ways(scores: dict[str, list[float]], xlabel: str, title: str) -> None:
    means = {name: interval(values) for name, values in scores.items()}
    errors = np.array([half for _, half in means.values()])
    named = f"{title} 95 % interval over {len(next(iter(scores.values())))} draws"
    show(
        bars({name: mean for name, (mean, _) in means.items()}, xlabel, named, errors),
        f"Bars with 95 % intervals: {with_intervals(means)}.",
    )
