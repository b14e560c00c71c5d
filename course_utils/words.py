"""Word vectors that somebody else trained, a corpus to train some of one's own, and short texts to classify.

The vectors are GloVe's (Pennington et al. 2014), or those of a file of the user's own. Corpus and target are the
docstrings of the installed packages; AG News is a target where its file is there. Nothing here is fetched.
"""

from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from itertools import islice
from pathlib import Path

import numpy as np

from .errors import BadTarget, CourseError, UnknownSource
from .pictures.labelled import balanced_draw
from .root import with_tilde
from .texts import docstrings, glove, news, vector_files
from .texts.docstrings import PACKAGES

VECTOR_FILES = vector_files.ENDINGS


class Rows(dict):
    """The row of each word in a table of vectors. Raises `CourseError` for a word that has none."""

    def __missing__(self, word):
        close = get_close_matches(str(word), islice(self, 20_000), 1)  # of all of GloVe's it would take many seconds
        advice = f"did you mean '{close[0]}'?" if close else "choose one of .words."
        raise CourseError(f"There is no vector for the word '{word}': {advice}")


@dataclass(frozen=True)
class WordVectors:
    """Word vectors: `vectors` float32 (words, dimensions), a row for each of `words`.

    `provenance` says where they come from; `name` says in a word whose they are.
    """

    name: str
    words: tuple[str, ...]
    vectors: np.ndarray
    provenance: str

    @cached_property
    def row(self) -> Rows:
        """The row of each word."""
        return Rows((word, k) for k, word in enumerate(self.words))

    def nearest(self, word: str, k: int = 6) -> list[tuple[str, float]]:
        """The k other words with the largest cosine to this one's vector, best first, with their cosines, −1 … 1.

        Where there are fewer, all of them. Raises `CourseError` where the word has no vector.
        """
        place = self.row[word]
        length = np.sqrt(np.einsum("ij,ij->i", self.vectors, self.vectors))  # norm() would copy the table
        length = np.maximum(length, 1e-12)
        cosine = self.vectors @ self.vectors[place] / length / length[place]
        cosine[place] = -np.inf
        return [
            (self.words[i], float(cosine[i])) for i in np.argsort(-cosine, kind="stable")[: min(k, len(cosine) - 1)]
        ]


@dataclass(frozen=True)
class Corpus:
    """Texts to train word vectors on, as numbers.

    `words` is the vocabulary, most frequent first. `ids`, int32 (places,), holds all texts one after another: a word's
    place in `words`, and −1 for one that is not among them; `docstrings.BETWEEN` times −1 between two texts.
    """

    words: tuple[str, ...]
    ids: np.ndarray


@dataclass(frozen=True)
class TextTarget:
    """A target task of short texts, with a pool of training texts and a test set that no draw touches.

    Texts are arrays of strings (n,) as `tidy` gives them, labels int64 class indices (n,). Raises `BadTarget` where
    a class has no text in the pool or in the test set.
    """

    name: str
    question: str
    texts: np.ndarray
    labels: np.ndarray
    test_texts: np.ndarray
    test_labels: np.ndarray
    class_names: tuple[str, ...]

    def __post_init__(self):
        for part, labels in (("training", self.labels), ("test", self.test_labels)):
            for k, name in enumerate(self.class_names):
                if k not in labels:
                    raise BadTarget(
                        f"Target '{self.name}' has no {part} text of its class '{name}': "
                        "add some, or leave the class out."
                    )

    def draw(self, n: int, seed, places: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """A random training set: n texts per class, or with `places` their places in `texts`, and their labels.

        Raises `BadTarget` where the pool does not hold so many.
        """
        chosen = balanced_draw(self.name, "texts", self.labels, len(self.class_names), n, seed)
        return chosen if places else self.texts[chosen], self.labels[chosen]


def load_vectors(name: str | Path = "auto") -> WordVectors:
    """Load word vectors, and print in one line what they are and where they came from.

    `name` is "glove", or "auto", which takes the same: GloVe 6B in 50 dimensions, mapped from its installed package. Or
    it is the path of a file of your own with one of `VECTOR_FILES` as its ending, in GloVe's, word2vec's or fastText's
    form (`texts.vector_files`). Raises `UnknownSource`, `SourceUnavailable` and `DamagedFile`.
    """
    path = Path(name)
    if path.name.lower().endswith(VECTOR_FILES):
        words, vectors = vector_files.read_vectors(path)
        name, origin = path.name.split(".")[0], f"from {with_tilde(path)}"
    elif name in ("auto", "glove"):
        words, vectors = glove.installed_vectors()
        name, origin = "glove", f"GloVe by Stanford NLP, from the package {glove.PACKAGE}"
    else:
        raise UnknownSource(
            f"There are no word vectors named '{name}': use 'auto', 'glove' or the path of a file that ends in "
            f"{', '.join(VECTOR_FILES)}."
        )
    told = f"{name}: {len(words):,} words in {vectors.shape[1]} dimensions, {origin}."
    print(told)
    return WordVectors(name, words, vectors, told)


def load_corpus(packages=tuple(PACKAGES)) -> Corpus:
    """The docstrings of the installed `packages`, and a printed line that says how many there are.

    No text that begins like one of the target "docstrings" is among them. About 15 s the first time. Raises
    `SourceUnavailable`.
    """
    made = docstrings.world(tuple(packages))
    words, ids = tuple(map(str, made["words"])), made["ids"]
    print(
        f"corpus: {int(made['documents']):,} docstrings of {int(made['packages'])} installed packages, those of the "
        f"target left out, with {np.sum(ids >= 0):,} words, {len(words):,} of them different."
    )
    return Corpus(words, ids)


def load_texts(name: str = "auto", packages=tuple(PACKAGES)) -> TextTarget:
    """A target of texts by its name.

    "docstrings": which of the packages (those of `CLASSES` among `packages`) do a docstring's first 25 words come
    from? The names of packages are taken out of all texts. "news": the four classes of AG News (Zhang et al. 2015),
    from `ag_news_test.csv`, or `test.csv` in a folder `ag_news*`, in Keras's cache of data sets or in the folder `text`
    of `COURSE_DATA`. "auto": AG News where its file is there, else docstrings. Raises `BadTarget`,
    `SourceUnavailable` and `DamagedFile`.
    """
    if name == "auto":
        name = "news" if news.news_file() else "docstrings"
    if name == "docstrings":
        made = docstrings.world(tuple(packages))
        parts = (made[part] for part in ("texts", "labels", "test_texts", "test_labels"))
        question = f"Which package do these {docstrings.LENGTH} words come from?"
        return TextTarget("docstrings", question, *parts, tuple(map(str, made["classes"])))
    if name == "news":
        return TextTarget("news", "Which section of the news is it?", *news.read_news(), news.CLASSES)
    raise BadTarget(f"There is no target of texts named '{name}': choose 'auto', 'docstrings' or 'news'.")
