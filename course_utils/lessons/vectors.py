"""Lesson 08, words: its lists of words, and what it claims of them and of its texts."""

import numpy as np

from ..charts import wordmaps
from ..errors import SourceUnavailable
from ..lesson import claim
from ..probing import interval, linear_probe
from ..texts.docstrings import FEWER, PACKAGES
from ..texts.sentence_vectors import load_encoder as load_encoder
from ..words import TextTarget, WordVectors

KINDS = {
    "numbers": "two three four five six seven eight nine ten",
    "colours": "red green blue yellow black white orange purple gray brown",
    "times": "seconds minutes hour hours day days week weeks month months year years",
    "places": "left right top bottom upper lower above below",
    "months": "january february march april june july august september october november december",
}
RELATIONS = {
    "capital": "paris france, rome italy, berlin germany, madrid spain, tokyo japan, athens greece, cairo egypt",
    "people": "france french, italy italian, spain spanish, china chinese, russia russian, greece greek",
    "family": "king queen, brother sister, father mother, son daughter, uncle aunt, boy girl, husband wife",
    "more": "big bigger, small smaller, fast faster, slow slower, strong stronger, warm warmer, cheap cheaper",
    "several": "car cars, house houses, dog dogs, river rivers, bird birds, book books, tree trees",
    "-ing": "walk walking, play playing, call calling, work working, look looking, ask asking, help helping",
    "past": "walk walked, play played, call called, work worked, look looked, ask asked, help helped",
    "opposite": "good bad, hot cold, up down, left right, old new, black white, early late",
}
WOMEN = "woman girl mother daughter sister aunt wife queen she her actress lady".split()
MEN = "man boy father son brother uncle husband king he his actor gentleman".split()
JOBS = "nurse dancer librarian teacher doctor chef pilot farmer lawyer scientist engineer architect".split()
COMMON = 30_000  # words, the frequent ones first, among which answers are looked for


def packages_to_read(fast: bool) -> tuple[str, ...]:
    """The packages whose docstrings are read: with `fast`, half of the text."""
    return FEWER if fast else tuple(PACKAGES)


def print_neighbours(source: WordVectors, words: str) -> None:
    """Print the five words nearest to each of `words` that has a vector."""
    for word in filter(source.row.get, words.split()):
        print(f"{word:8s}", ", ".join(other for other, _ in source.nearest(word, 5)))


def listed(source: WordVectors) -> tuple[list[str], np.ndarray]:
    """The words of `KINDS` that have a vector, and the number of each one's kind, (words,)."""
    found = [(w, k) for k, line in enumerate(KINDS.values()) for w in line.split() if w in source.row]
    return [word for word, _ in found], np.array([kind for _, kind in found])


def random_vectors(source: WordVectors, seed: int) -> WordVectors:
    """The control: normally distributed numbers in place of the vectors of the words of `KINDS`, as many for each."""
    words, _ = listed(source)
    numbers = np.random.default_rng([seed, 8]).normal(size=(len(words), source.vectors.shape[1]))
    return WordVectors("random vectors", tuple(words), numbers.astype("float32"), "drawn, never trained")


def _called(source: WordVectors) -> str:
    return {"glove": "GloVe"}.get(source.name, source.name)


def show_kinds(source: WordVectors) -> None:
    """A map of the words of `KINDS`."""
    words, kind = listed(source)
    rows = source.vectors[[source.row[word] for word in words]]
    wordmaps.show_map(_called(source), rows, kind, tuple(KINDS))


def claim_kinds(source: WordVectors, share: float, at_random: list[float]) -> None:
    """Claim that a word's nearest neighbour is mostly of its own kind (`share`, %), and by chance it is not."""
    mean, half = interval(at_random)
    claim(
        f"{_called(source)}: a word's nearest neighbour is mostly of the word's own kind. Random vectors' is not.",
        share > 60 and share > 2 * mean,
        f"{share:.0f} % of {len(listed(source)[0])} words; random vectors {mean:.0f} ± {half:.0f} %, "
        f"mean of {len(at_random)} tables",
    )


def pairs_of(line: str) -> list[list[str]]:
    """The pairs in a line of `RELATIONS`."""
    return [pair.split() for pair in line.split(", ")]


def questions(source: WordVectors) -> tuple[np.ndarray, np.ndarray]:
    """Questions "a is to b as c is to what?" with their answers d, from `RELATIONS`.

    The rows of a, b, c and d among the source's first `COMMON` words, (questions, 4), and the number of each
    question's relation, (questions,). A pair is left out where one of its words is missing there. Raises
    `SourceUnavailable` where nothing is left.
    """
    rows, relation = [], []
    for k, line in enumerate(RELATIONS.values()):
        pairs = [[source.row.get(word, COMMON) for word in pair] for pair in pairs_of(line)]
        pairs = [pair for pair in pairs if max(pair) < COMMON]
        rows += [one + other for one in pairs for other in pairs if one != other]
        relation += [k] * (len(pairs) * (len(pairs) - 1))
    if not rows:
        raise SourceUnavailable("These vectors lack the words of all analogies: take a file with everyday words.")
    return np.array(rows), np.array(relation)


def show_analogies(ways: dict[str, np.ndarray], relation: np.ndarray) -> None:
    """A table of how often each way is right, and a claim: `ways` maps a way to bools (questions,).

    The first way leaves the question's words out, the second does not, the third does no arithmetic.
    """
    there = np.unique(relation)
    table = np.array([[100 * right[relation == k].mean() for right in ways.values()] for k in there])
    lines = list(RELATIONS.items())
    names = [f"{lines[k][0]}: {' → '.join(pairs_of(lines[k][1])[0])}" for k in there]
    wordmaps.show_relations(table, names, tuple(ways))
    fine_print, half = interval(table[:, 0] - table[:, 1])
    claim(
        "Leaving the question's own words out is a large part of the success.",
        fine_print > half,
        f"it adds {fine_print:.0f} ± {half:.0f} points, mean over {len(there)} relations",
    )


def people(source: WordVectors) -> tuple[list[int], list[int], list[int]]:
    """The rows of `WOMEN`, `MEN` and `JOBS` among the first `COMMON` words, those that are there."""
    return tuple(
        [source.row[word] for word in words if source.row.get(word, COMMON) < COMMON] for words in (WOMEN, MEN, JOBS)
    )


def show_jobs(source: WordVectors, jobs: list[int], lean: np.ndarray, shuffled: list[np.ndarray]) -> None:
    """What a head says of jobs (%), and the claim that it tells them apart further than heads with `shuffled` labels.

    `jobs` are rows of the source, `lean` (jobs,) the probabilities.
    """
    wordmaps.show_leaning([source.words[row] for row in jobs], lean, np.array(shuffled))
    mean, half = interval([np.ptp(other) for other in shuffled])
    claim(
        "A head that has seen no job gives some to women, others to men, and more firmly than with shuffled labels.",
        np.ptp(lean) > mean + half,
        f"from {lean.min():.0f} to {lean.max():.0f} %, a range of {np.ptp(lean):.0f} points; with shuffled labels "
        f"{mean:.0f} ± {half:.0f} points, mean of {len(shuffled)}",
    )


def claim_kept_apart(texts: TextTarget, own: WordVectors) -> None:
    """Claim that nothing of the target's test texts was there to learn from, and that no text names its class."""
    if texts.name == "docstrings":
        print("Texts that begin like one of the target's were taken out of the corpus of your own vectors.")
        names = {*texts.class_names, "tf", "np", "plt", "nx"}
        everything = " ".join([*texts.texts, *texts.test_texts, *own.words]).split()
        claim("No text names its package.", names.isdisjoint(everything), f"{len(everything):,} words looked through")
    both = len({*texts.texts} & {*texts.test_texts})
    claim("No text is both in the pool and in the test set.", both == 0, f"{both} texts are in both")


def near_and_far(texts: TextTarget) -> tuple[str, str]:
    """Which of the two tables has read texts like these, and which has not."""
    return ("own vectors", "GloVe") if texts.name == "docstrings" else ("GloVe", "own vectors")


def claim_by_n(texts: TextTarget, ns, scores: dict[str, np.ndarray]) -> None:
    """A figure of the accuracies (%) of each method, (n, draws), and what they show of the near source's vectors."""
    wordmaps.show_accuracies(texts.name, ns, scores, 100 / len(texts.class_names))
    near, far = near_and_far(texts)

    def lead(other: str, which, name: str = near) -> tuple[np.ndarray, str]:
        mean, half = interval(scores[name] - scores[other])
        told = ", ".join(f"{mean[k]:+.1f} ± {half[k]:.1f} at n = {ns[k]}" for k in which)
        return mean[list(which)], f"points, draw by draw: {told}"

    every, few = range(len(ns)), [k for k, n in enumerate(ns) if n <= 10]
    over, told = lead(far, every)
    claim(f"The source that has read texts like these, {near}, beats {far} at every n.", np.all(over > 0), told)
    over, told = lead("bag of words", few)
    claim(f"With 10 texts per class or fewer, {near} beat the bag of words.", np.all(over > 0), told)
    if len(ns) > 2:  # needs the larger n
        over, told = lead("bag of words", every)
        claim(f"That lead is smaller at n = {ns[-1]} than at n = {ns[0]}.", over[-1] < over[0], told)
    over, told = lead("random vectors", every)
    claim("What the vectors know is what helps: random ones are far behind at every n.", np.all(over > 10), told)
    print(f"{far} over the bag of words:", lead("bag of words", every, far)[1].partition(": ")[2])


def probed(texts: TextTarget, averages, ns, draws: int, seed: int) -> np.ndarray:
    """Test accuracies (%) of heads on one vector for each text, (n, draws), in draws of `ns` texts per class.

    `averages` are the vectors of the pool's texts, (texts, numbers), and those of the test texts.
    """
    pool, test = averages
    scores = np.zeros((len(ns), draws))
    for k, draw in np.ndindex(scores.shape):
        chosen, y = texts.draw(ns[k], seed=[seed, draw], places=True)
        scores[k, draw] = 100 * linear_probe(pool[chosen], y, test, texts.test_labels)
    return scores


SENTENCES = ("own vectors", "GloVe", "bag of words", "sentence vectors", "their first 50")


def claim_sentences(texts: TextTarget, ns, scores: dict[str, np.ndarray]) -> float:
    """A figure of sentence vectors beside what came before, what it shows, and their lead (points) at the least n.

    `scores` are accuracies (%), (n, draws), of each of `SENTENCES`, and of others.
    """
    wordmaps.show_accuracies(texts.name, ns, {name: scores[name] for name in SENTENCES}, 100 / len(texts.class_names))
    for sentence, name in (
        ("Sentence vectors beat the averages of GloVe's at every n.", "sentence vectors"),
        ("So do their first 50 numbers alone, as many as GloVe has.", "their first 50"),
    ):
        lead, half = interval(scores[name] - scores["GloVe"])
        told = ", ".join(f"{m:+.1f} ± {h:.1f} at n = {n}" for m, h, n in zip(lead, half, ns, strict=True))
        claim(sentence, np.all(lead > 0), f"points, draw by draw: {told}")
    return float(np.mean(scores["sentence vectors"][0] - scores["GloVe"][0]))
