"""Word vectors that somebody else trained, and short texts to classify with them.

GloVe (Pennington et al. 2014) and AG News where their files are there. Else vectors made in seconds from the
docstrings of the installed packages, with the texts' package as the target. Nothing here is fetched.
"""

import ast
import csv
import hashlib
import importlib.util
import os
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property, lru_cache
from importlib import metadata
from pathlib import Path

import numpy as np

from . import downloads, weights
from .cache import cached_arrays, fingerprint
from .errors import BadTarget, CourseError, DamagedFile, SourceUnavailable, UnknownSource
from .progress import bar

# Packages whose docstrings are read, with the names under which pip knows them. One that is missing is left out.
PACKAGES = {
    "tensorflow": "tensorflow",
    "keras": "keras",
    "numpy": "numpy",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "skimage": "scikit-image",
    "matplotlib": "matplotlib",
    "networkx": "networkx",
    "sqlalchemy": "sqlalchemy",
    "IPython": "ipython",
    "PIL": "pillow",
    "h5py": "h5py",
    "imageio": "imageio",
    "joblib": "joblib",
}
# The classes of the target. Not Keras: TensorFlow holds copies of its docstrings.
CLASSES = ("tensorflow", "numpy", "scipy", "sklearn", "skimage", "matplotlib", "networkx", "sqlalchemy")
FEWER = CLASSES[1:]  # for a quick look: half the text, without the package that takes longest to read

LENGTH = 25  # words of a docstring that make a text of the target
POOL, TEST = 300, 60  # texts per class to draw from, and to test on
NEWS_POOL, NEWS_TEST, NEWS_LENGTH = 1000, 200, 40
DIMENSIONS, WINDOW, RARE, VOCABULARY = 50, 5, 5, 12_000

_NAMES = frozenset(
    "tensorflow tf keras numpy np scipy sp sklearn skimage matplotlib mpl pyplot plt networkx nx".split()
)
_NAMES |= {"sqlalchemy", "sa"}
_TWO_WORDS = re.compile(r"scikit[-_ ](learn|image)")
_WORD = re.compile("[a-z]+")
_MARKUP = re.compile(r"&lt;.*?&gt;|&?(?:quot|amp|lt|gt|#\d+);|\\")  # what AG News has left over from web pages


def tidy(text: str) -> str:
    """The text as lower-case words of the letters a … z with single blanks between: what all methods here see."""
    return " ".join(_WORD.findall(text.lower()))


@dataclass(frozen=True)
class WordVectors:
    """Word vectors: `vectors` float32 (words, dimensions), a row for each of `words`; `provenance` says whence.

    `name` is "glove" or "docstrings".
    """

    name: str
    words: tuple[str, ...]
    vectors: np.ndarray
    provenance: str

    @cached_property
    def row(self) -> dict[str, int]:
        """The row of each word."""
        return {word: k for k, word in enumerate(self.words)}

    def nearest(self, word: str, k: int = 6) -> list[tuple[str, float]]:
        """The k other words with the largest cosine to this one's vector, best first, with their cosines, −1 … 1.

        Raises `CourseError` where the word has no vector.
        """
        if word not in self.row:
            close = get_close_matches(word, self.words, 1)
            advice = f"did you mean '{close[0]}'?" if close else "choose one of .words."
            raise CourseError(f"There is no vector for the word '{word}': {advice}")
        length = np.maximum(np.linalg.norm(self.vectors, axis=1), 1e-12)
        cosine = self.vectors @ self.vectors[self.row[word]] / length / length[self.row[word]]
        cosine[self.row[word]] = -np.inf
        return [(self.words[i], float(cosine[i])) for i in np.argsort(-cosine, kind="stable")[:k]]


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
        rng = np.random.default_rng(seed)
        groups = [np.flatnonzero(self.labels == k) for k in range(len(self.class_names))]
        smallest = min(map(len, groups))
        if not 1 <= n <= smallest:
            raise BadTarget(
                f"Target '{self.name}' cannot give {n} training texts per class: choose between 1 and {smallest}."
            )
        chosen = rng.permutation(np.concatenate([rng.choice(group, n, replace=False) for group in groups]))
        return chosen if places else self.texts[chosen], self.labels[chosen]


def load_vectors(name: str | Path = "auto", packages=tuple(PACKAGES)) -> WordVectors:
    """Load word vectors, and print in one line what they are, where they came from and why.

    `name` is "docstrings" (made from the docstrings of `packages`, about 20 s the first time), "glove" (a file
    `glove.6B.*.txt` in Keras's cache of data sets or in the folder `text` of `COURSE_DATA`; of several, that with
    the fewest dimensions), the path of such a file, or "auto": GloVe where the AG News texts are there too, else
    docstrings. Raises `UnknownSource`, `SourceUnavailable` and `DamagedFile`.
    """
    if str(name).endswith(".txt"):
        vectors = _read_glove(Path(name), "the file that was asked for")
    elif name == "glove":
        vectors = _read_glove(_glove_file(), "taken because it was asked for")
    elif name == "docstrings":
        vectors = _from_docstrings(packages)
    elif name == "auto":
        try:
            _news_file()
            vectors = _read_glove(_glove_file(), "taken because 'auto' prefers it where AG News is there too")
        except SourceUnavailable as problem:
            vectors = _from_docstrings(packages, f" Why not GloVe? {problem}")
    else:
        raise UnknownSource(
            f"There are no word vectors named '{name}': use 'auto', 'docstrings', 'glove' or the path of a .txt file."
        )
    print(vectors.provenance)
    return vectors


def load_texts(name: str, packages=tuple(PACKAGES)) -> TextTarget:
    """A target of texts by its name.

    "docstrings": which of the packages (those of `CLASSES` among `packages`) do a docstring's first 25 words come
    from? The names of packages are taken out of all texts. No text that begins with these 25 words is in the source
    corpus of the vectors. "news": the four classes of AG News (Zhang et al. 2015), from `ag_news_test.csv`, or
    `test.csv` in a folder `ag_news*`, in the places where `load_vectors` looks. Raises `BadTarget`,
    `SourceUnavailable` and `DamagedFile`.
    """
    if name == "docstrings":
        made = _docstring_world(tuple(packages))
        parts = (made[part] for part in ("texts", "labels", "test_texts", "test_labels"))
        question = f"Which package do these {LENGTH} words come from?"
        return TextTarget("docstrings", question, *parts, tuple(map(str, made["classes"])))
    if name == "news":
        return _read_news(_news_file())
    raise BadTarget(f"There is no target of texts named '{name}': choose 'docstrings' or 'news'.")


# Files that a user may have


def _found(*patterns: str) -> Path | None:
    folders = [weights.data_folder()]
    if os.environ.get("COURSE_DATA"):
        folders.insert(0, Path(os.environ["COURSE_DATA"]) / "text")
    files = (path for folder in folders for pattern in patterns for path in sorted(folder.glob(pattern)))
    return next((path for path in files if path.is_file()), None)


def _place() -> str:
    return f"{downloads.shown(weights.data_folder())} (the variable KERAS_HOME sets another place)"


def _glove_file() -> Path:
    sizes = [f"{folder}glove.6B.{d}d*.txt" for d in (50, 100, 200, 300) for folder in ("", "*/")]
    path = _found(*sizes, "glove.6B.*.txt", "*/glove.6B.*.txt")
    if path is None:
        raise SourceUnavailable(
            "No file glove.6B.*.txt is there, and the course does not fetch its 822 MB unasked: `course fetch --data "
            f"glove` does, or unpack glove.6B.zip, from nlp.stanford.edu/projects/glove, in {_place()}."
        )
    return path


def _news_file() -> Path:
    path = _found("ag_news_test.csv", "ag_news*/ag_news_test.csv", "ag_news*/test.csv")
    if path is None:
        raise SourceUnavailable(
            "The AG News texts are not there, and the course does not fetch them unasked: `course fetch --data news` "
            f"does, or put their file test.csv, under the name ag_news_test.csv, in {_place()}."
        )
    return path


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text("utf-8").split("\n")  # not splitlines: some of GloVe's words hold odd line separators
    except UnicodeDecodeError:
        raise DamagedFile(f"{path} is no text in UTF-8: put a fresh copy in its place.") from None
    except OSError as problem:
        raise SourceUnavailable(f"{path} cannot be read ({problem.strerror}): check the path.") from None


def _read_glove(path: Path, why: str) -> WordVectors:
    *lines, last = _lines(path)
    columns = len((lines or [last])[0].split(" "))
    if columns < 3:
        raise DamagedFile(f"{path} is no GloVe file: each line must hold a word and its numbers, with blanks between.")
    if last:
        raise DamagedFile(f"{path} ends within a line, so it is cut short: put a whole copy in its place.")
    words, vectors = [], np.empty((len(lines), columns - 1), "float32")
    for k, line in enumerate(bar(lines, label="GloVe", unit="words")):
        word, *numbers = line.split(" ")
        words.append(word)
        try:
            vectors[k] = numbers
            whole = len(numbers) == columns - 1 and np.isfinite(vectors[k]).all()
        except ValueError:  # not numbers, or not so many
            whole = False
        if not whole:
            raise DamagedFile(
                f"Line {k + 1:,} of {path} is not a word and {columns - 1} finite numbers: "
                "put a whole copy in its place."
            )
    if len(set(words)) < len(words):
        raise DamagedFile(f"{path} holds a word more than once: put a whole copy in its place.")
    vectors.flags.writeable = False
    told = (
        f"glove: {len(words):,} words in {columns - 1} dimensions, GloVe by Stanford NLP, from "
        f"{downloads.shown(path)}; {why}."
    )
    return WordVectors("glove", tuple(words), vectors, told)


def _read_news(path: Path) -> TextTarget:
    names = ("World", "Sports", "Business", "Sci/Tech")
    groups = [set() for _ in names]
    for number, row in enumerate(csv.reader(_lines(path)), 1):
        if number == 1 and row and not row[0].isdigit():  # a header, which the original has not
            continue
        if not row:
            continue
        if len(row) != 3 or row[0] not in ("1", "2", "3", "4"):
            raise DamagedFile(
                f"Row {number:,} of {path} is not a class from 1 to 4, a title and a description: "
                "put a fresh copy in its place."
            )
        words = tidy(_MARKUP.sub(" ", f"{row[1]} {row[2]}")).split()[:NEWS_LENGTH]
        if words:
            groups[int(row[0]) - 1].add(" ".join(words))
    print(f"news: {sum(map(len, groups)):,} texts of AG News, from {downloads.shown(path)}.")
    parts = _split(groups, NEWS_POOL, NEWS_TEST)
    return TextTarget("news", "Which section of the news is it?", *parts, names)


def _split(groups, pool: int, test: int):
    """Texts of each class, shuffled alike everywhere, as (texts, labels, test texts, test labels).

    The order is that of the texts' SHA-256: no other text decides where one goes. Of few, a quarter is for the test.
    """
    kept = ([], []), ([], [])
    for label, group in enumerate(groups):
        order = sorted(group, key=lambda text: hashlib.sha256(text.encode()).digest())
        test_here = min(test, len(order) // 4)
        for (texts, labels), part in zip(kept, (order[test_here:][:pool], order[:test_here]), strict=True):
            texts += part
            labels += [label] * len(part)
    return tuple(np.array(x, kind) for part in kept for x, kind in zip(part, (str, "int64"), strict=True))


# Vectors from docstrings


def _from_docstrings(packages, why: str = "") -> WordVectors:
    made = _docstring_world(tuple(packages))
    words, vectors = tuple(map(str, made["words"])), made["vectors"]
    told = (
        f"docstrings: {len(words):,} words in {vectors.shape[1]} dimensions, made on this machine from "
        f"{int(made['documents']):,} docstrings of {int(made['packages'])} installed packages, those of the target "
        f"left out.{why}"
    )
    return WordVectors("docstrings", words, vectors, told)


@lru_cache(maxsize=2)
def _docstring_world(packages: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Vectors and target of the docstrings, kept under the packages' versions."""
    there = {name: importlib.util.find_spec(name) for name in packages}
    there = {name: spec for name, spec in there.items() if spec and spec.submodule_search_locations}
    recipe = [LENGTH, POOL, TEST, DIMENSIONS, WINDOW, RARE, VOCABULARY, sorted(_NAMES), CLASSES, "1"]
    made = cached_arrays(
        fingerprint("words", recipe, [(name, _version(name)) for name in there]),
        lambda: _make_world({name: Path(spec.submodule_search_locations[0]) for name, spec in there.items()}),
    )
    for array in made.values():
        array.flags.writeable = False  # one copy serves a whole session
    return made


def _version(package: str) -> str:
    try:
        return metadata.version(PACKAGES.get(package, package))
    except metadata.PackageNotFoundError:
        return "unknown"


def _make_world(folders: dict[str, Path]) -> dict[str, np.ndarray]:
    with bar(total=len(folders) + WINDOW + 3, label="word vectors", unit="steps") as progress:
        owners: dict[str, set[str]] = {}  # each text once, with the packages that hold it
        for package, folder in folders.items():
            for text in docstrings(folder):
                owners.setdefault(without_names(text), set()).add(package)
            progress.update()
        classes, parts = _target(owners)
        texts = _source_texts(owners, {*parts[0], *parts[2]})
        words, ids = _numbered(texts)
        progress.update()
        vectors = svd_vectors(ppmi(_counts(ids, len(words), progress)))
        progress.update(2)
    names = ("texts", "labels", "test_texts", "test_labels")
    return dict(zip(names, parts, strict=True)) | {
        "classes": np.array(classes),
        "words": np.array(words),
        "vectors": vectors,
        "documents": np.array(len(texts)),
        "packages": np.array(len(folders)),
    }


def docstrings(folder: Path) -> Iterator[str]:
    """The docstrings in a package's sources, its tests left out. Nothing is imported: the sources are parsed."""
    import gc
    import warnings

    def bodies(node):
        """Modules, classes and functions, also those within `if` and `try`."""
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node
        for field in ("body", "orelse", "handlers", "finalbody"):
            for child in getattr(node, field, ()):
                yield from bodies(child)

    for path in sorted(folder.rglob("*.py"), key=Path.as_posix):
        if "tests" in path.relative_to(folder).parts:
            continue
        collects = gc.isenabled()
        gc.disable()  # a syntax tree has no cycles, and looking for them takes a third of the time
        try:
            with warnings.catch_warnings(action="ignore"):  # of odd escapes in others' code
                tree = ast.parse(path.read_bytes())
        except (SyntaxError, ValueError, OSError):  # a template, or code for another Python
            continue
        finally:
            if collects:
                gc.enable()
        yield from filter(None, (ast.get_docstring(node, clean=False) for node in bodies(tree)))


def without_names(text: str) -> str:
    """`tidy`, and without the names and usual abbreviations of the packages that are the target's classes."""
    text = _TWO_WORDS.sub(" ", text.lower())
    return " ".join(word for word in _WORD.findall(text) if word not in _NAMES)


def _head(text: str) -> str:
    return " ".join(text.split(" ", LENGTH)[:LENGTH])


def _target(owners: dict[str, set[str]]):
    """The classes, and `_split` of their texts: beginnings that only one package has."""
    heads: dict[str, set[str]] = {}
    for text, packages in owners.items():
        heads.setdefault(_head(text), set()).update(packages)
    groups: dict[str, list[str]] = {name: [] for name in CLASSES}
    for head, packages in heads.items():
        if len(packages) == 1 and head.count(" ") == LENGTH - 1 and not packages.isdisjoint(groups):
            groups[min(packages)].append(head)
    groups = {name: group for name, group in groups.items() if len(group) >= 2 * TEST}
    if len(groups) < 2:
        raise SourceUnavailable(
            "The sources of the installed packages hold too few docstrings to learn from: "
            f"install the packages of requirements.lock, of which at least two of {', '.join(CLASSES)} are needed."
        )
    return list(groups), _split(groups.values(), POOL, TEST)


def _source_texts(owners, target: set[str]) -> list[str]:
    """What the vectors are made from: all texts but those that begin like one of the target's."""
    return [text for text in owners if _head(text) not in target]


def _numbered(texts: list[str]) -> tuple[list[str], np.ndarray]:
    """The vocabulary, most frequent first, and all texts as one array of its numbers; −1 elsewhere and between."""
    counts = Counter(word for text in texts for word in text.split(" "))
    ranked = sorted((-count, word) for word, count in counts.items() if count >= RARE and word)[:VOCABULARY]
    words = [word for _, word in ranked]
    number = {word: k for k, word in enumerate(words)}
    ids, between = [], [-1] * WINDOW
    for text in texts:
        ids += [number.get(word, -1) for word in text.split(" ")]
        ids += between
    return words, np.array(ids, "int32")


def _counts(ids: np.ndarray, words: int, progress):
    """How often two words stand at most WINDOW words apart: a symmetric sparse matrix (words, words)."""
    from scipy.sparse import coo_array, csr_array

    counts = csr_array((words, words), dtype="float32")
    for distance in range(1, WINDOW + 1):
        left, right = ids[:-distance], ids[distance:]
        known = (left >= 0) & (right >= 0)
        ones = np.ones(known.sum(), "float32")
        counts += coo_array((ones, (left[known], right[known])), (words, words)).tocsr()
        progress.update()
    return counts + counts.T


def ppmi(counts):
    """Positive pointwise mutual information: max(0, log(p(w, c) / (p(w) p(c)))), sparse, of co-occurrence counts.

    Bullinaria & Levy 2007; the context's p(c) is smoothed with the power 0.75 of Levy, Goldberg & Dagan 2015, so
    that rare contexts do not win.
    """
    from scipy.sparse import coo_array

    counts = coo_array(counts)
    each = np.asarray(counts.sum(1), "float64")
    context = each**0.75
    left, right = counts.coords
    expected = each[left] * context[right] / context.sum()
    value = np.log(counts.data / expected)
    keep = value > 0
    return coo_array((value[keep].astype("float32"), (left[keep], right[keep])), counts.shape).tocsr()


def svd_vectors(matrix) -> np.ndarray:
    """Word vectors float32 (words, DIMENSIONS) by a truncated SVD: U √S (Levy & Goldberg 2014), mean square 1."""
    from sklearn.utils.extmath import randomized_svd

    left, strength, _ = randomized_svd(matrix, DIMENSIONS, n_iter=4, random_state=0)
    vectors = left * np.sqrt(strength)
    return (vectors / np.sqrt(np.mean(vectors**2))).astype("float32")
