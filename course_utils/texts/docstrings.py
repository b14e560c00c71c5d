"""The docstrings of the installed packages: a corpus to make word vectors from, and a target of short texts.

Which package does a docstring come from? No text of the target is in the corpus.
"""

import ast
import importlib.util
import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from importlib import metadata
from pathlib import Path

import numpy as np

from ..errors import SourceUnavailable
from ..progress import bar
from ..store.cache import cached_arrays, fingerprint
from .tidy import WORD, split

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
RARE, VOCABULARY, BETWEEN = 5, 12_000, 5  # BETWEEN: places left free between two texts of the corpus

_NAMES = frozenset(
    "tensorflow tf keras numpy np scipy sp sklearn skimage matplotlib mpl pyplot plt networkx nx".split()
)
_NAMES |= {"sqlalchemy", "sa"}
_TWO_WORDS = re.compile(r"scikit[-_ ](learn|image)")


@lru_cache(maxsize=2)
def world(packages: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Corpus and target of the docstrings, kept under the packages' versions."""
    there = {name: importlib.util.find_spec(name) for name in packages}
    there = {name: spec for name, spec in there.items() if spec and spec.submodule_search_locations}
    recipe = [LENGTH, POOL, TEST, RARE, VOCABULARY, BETWEEN, sorted(_NAMES), CLASSES, "2"]
    made = cached_arrays(
        fingerprint("docstrings", recipe, [(name, _version(name)) for name in there]),
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
    with bar(total=len(folders), label="docstrings", unit="packages") as progress:
        owners: dict[str, set[str]] = {}  # each text once, with the packages that hold it
        for package, folder in folders.items():
            for text in docstrings(folder):
                owners.setdefault(without_names(text), set()).add(package)
            progress.update()
        classes, parts = _target(owners)
        texts = _source_texts(owners, {*parts[0], *parts[2]})
        words, ids = _numbered(texts)
    names = ("texts", "labels", "test_texts", "test_labels")
    return dict(zip(names, parts, strict=True)) | {
        "classes": np.array(classes),
        "words": np.array(words),
        "ids": ids,
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
    return " ".join(word for word in WORD.findall(text) if word not in _NAMES)


def _head(text: str) -> str:
    return " ".join(text.split(" ", LENGTH)[:LENGTH])


def _target(owners: dict[str, set[str]]):
    """The classes, and `tidy.split` of their texts: beginnings that only one package has."""
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
    return list(groups), split(groups.values(), POOL, TEST)


def _source_texts(owners, target: set[str]) -> list[str]:
    """The corpus: all texts but those that begin like one of the target's."""
    return [text for text in owners if _head(text) not in target]


def _numbered(texts: list[str]) -> tuple[list[str], np.ndarray]:
    """The vocabulary, most frequent first, and all texts as one array of its numbers; −1 elsewhere and between."""
    counts = Counter(word for text in texts for word in text.split(" "))
    ranked = sorted((-count, word) for word, count in counts.items() if count >= RARE and word)[:VOCABULARY]
    words = [word for _, word in ranked]
    number = {word: k for k, word in enumerate(words)}
    ids, between = [], [-1] * BETWEEN
    for text in texts:
        ids += [number.get(word, -1) for word in text.split(" ")]
        ids += between
    return words, np.array(ids, "int32")
