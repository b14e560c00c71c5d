"""Word vectors and texts: what they are made of, what is kept out, and files that are not what they should be."""

import os
import textwrap

import numpy as np
import pytest
from helpers import complains

from course_utils import words
from course_utils.errors import BadTarget, CourseError, DamagedFile, SourceUnavailable, UnknownSource
from course_utils.words import TextTarget, WordVectors, load_texts, load_vectors


@pytest.fixture(autouse=True)
def no_files(tmp_path, monkeypatch):
    """Neither GloVe nor AG News of the user's own: an empty Keras cache, which is returned."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("COURSE_DATA", raising=False)
    (tmp_path / "keras" / "datasets").mkdir(parents=True)
    return tmp_path / "keras" / "datasets"


GLOVE = {"red": (1, 0.5, -2), "blue": (1, 0.4, -1.5), "one": (-3, 2e-2, 0), "\x85": (0, 0, 1)}


def glove_text(vectors=GLOVE):
    return "".join(f"{word} {' '.join(map(str, numbers))}\n" for word, numbers in vectors.items())


def news_text(per_class=8, header="label,title,description\n"):
    rows = [
        f'"{k}","Title {"abcd"[k - 1]}","{"xyz"[i % 3] * (i + 1)} \\it #39;s a quot;b &lt;b&gt;c"\n'
        for k in (1, 2, 3, 4)
        for i in range(per_class)
    ]
    return header + "".join(rows)


# Vectors


def test_tidy_keeps_the_letters_of_words():
    assert words.tidy("The 2-D x_train of Ada's\tBatchNorm, émigré") == "the d x train of ada s batchnorm migr"


def test_nearest_goes_by_the_angle_not_by_the_length():
    table = np.array([[1, 0], [9, 9], [0.1, 0.01], [-1, 0], [0, 0]], "float32")
    vectors = WordVectors("docstrings", tuple("abcde"), table, "")
    (first, cosine), (second, other) = vectors.nearest("a", 2)
    assert (first, second) == ("c", "b")
    assert cosine == pytest.approx(1 / np.hypot(1, 0.1)) and other == pytest.approx(0.5**0.5)
    assert [word for word, _ in vectors.nearest("a", 9)][:4] == ["c", "b", "e", "d"]  # and a itself comes last
    with complains(CourseError, "'aa'", "did you mean 'a'"):
        vectors.nearest("aa")
    with complains(CourseError, "'42'"):
        vectors.nearest("42")


def test_counts_go_as_far_as_the_window_and_never_from_text_to_text(monkeypatch):
    monkeypatch.setattr(words, "WINDOW", 2)
    monkeypatch.setattr(words, "RARE", 1)
    vocabulary, ids = words._numbered(["a b c d", "d a", "rare"])
    assert vocabulary == ["a", "d", "b", "c", "rare"]
    counts = words._counts(ids, len(vocabulary), words.bar(total=9)).toarray()
    expected = np.zeros((5, 5))
    for pair in ("ab", "ac", "bc", "bd", "cd", "da"):
        i, j = (vocabulary.index(word) for word in pair)
        expected[i, j] = expected[j, i] = 1
    np.testing.assert_array_equal(counts, expected)


def test_the_vocabulary_holds_frequent_words_and_no_more_than_it_may(monkeypatch):
    monkeypatch.setattr(words, "RARE", 2)
    monkeypatch.setattr(words, "VOCABULARY", 2)
    vocabulary, ids = words._numbered(["c b a", "a b c a", "x"])
    assert vocabulary == ["a", "b"]  # of equally frequent ones, the first of the alphabet
    assert ids[:3].tolist() == [-1, 1, 0]
    monkeypatch.setattr(words, "VOCABULARY", 99)
    assert words._numbered(["c b a", "a b c a", "x"])[0] == ["a", "b", "c"]  # and x is too rare


def test_ppmi_is_the_formula():
    counts = np.array([[0, 4, 1], [4, 0, 0], [1, 0, 2]], "float32")
    found = words.ppmi(counts).toarray()
    each = counts.sum(1)
    context = each**0.75 / (each**0.75).sum()
    with np.errstate(divide="ignore"):
        expected = np.maximum(0, np.log(counts / counts.sum() / np.outer(each / counts.sum(), context)))
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_svd_vectors_hold_the_strongest_directions(monkeypatch):
    monkeypatch.setattr(words, "DIMENSIONS", 2)
    rng = np.random.default_rng(0)
    left, right = np.linalg.qr(rng.normal(size=(9, 2)))[0], np.linalg.qr(rng.normal(size=(9, 2)))[0]
    vectors = words.svd_vectors(left * (9, 4) @ right.T)
    assert vectors.dtype == np.float32 and np.mean(vectors**2) == pytest.approx(1)
    expected = left * (3, 2)
    cosine = np.abs(np.sum(vectors * expected, 0)) / np.linalg.norm(vectors, axis=0) / np.linalg.norm(expected, axis=0)
    np.testing.assert_allclose(cosine, 1, rtol=1e-4)
    assert np.linalg.norm(vectors[:, 0]) / np.linalg.norm(vectors[:, 1]) == pytest.approx(1.5, rel=1e-4)
    noise = rng.normal(size=(60, 60))
    np.testing.assert_array_equal(words.svd_vectors(noise), words.svd_vectors(noise))


# Docstrings


def test_docstrings_are_read_without_importing_anything(tmp_path):
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests" / "test_a.py").write_text('"""Of a test."""')
    (tmp_path / "template.py").write_text("{% not python %}")
    (tmp_path / "binary.py").write_bytes(b"\0\xff")
    (tmp_path / "a.py").write_text(
        textwrap.dedent(
            '''
            """Of a module."""
            raise SystemExit
            x = """No docstring."""
            try:
                class A:
                    """Of a class."""
                    async def f(self):
                        r"""Of a method \\d."""
            except ImportError:
                if x:
                    f = lambda: """none"""
                    def g():
                        """Of g."""
                        """Not this."""
                else:
                    def h():
                        """Of h."""
            '''
        )
    )
    assert list(words.docstrings(tmp_path)) == ["Of a module.", "Of a class.", "Of a method \\d.", "Of g.", "Of h."]


def test_names_of_packages_are_taken_out():
    told = "Scikit-learn and scikit_image: np.array, tf.Tensor, plt, NumPy's nx and learn, image, sklearn.svm"
    assert words.without_names(told) == "and array tensor s and learn image svm"


ALPHABET = [f"w{chr(97 + i)}{chr(97 + j)}" for i in range(6) for j in range(6)]


@pytest.fixture
def small_world(tmp_path, monkeypatch):
    """Three packages of random docstrings: `made()` builds the world, `texts` holds them by package."""
    for name, value in dict(LENGTH=5, POOL=12, TEST=6, RARE=1, DIMENSIONS=4).items():
        monkeypatch.setattr(words, name, value)
    monkeypatch.setattr(words, "CLASSES", ("aaa", "bbb"))
    rng = np.random.default_rng(0)
    texts = {name: [" ".join(rng.choice(ALPHABET, 8)) for _ in range(30)] for name in ("aaa", "bbb", "ccc")}
    texts["aaa"][0] = "tf " + texts["bbb"][0]  # the same text in two packages
    texts["ccc"][1] = texts["aaa"][1].upper()  # and once outside the classes
    texts["bbb"].append("too short")
    monkeypatch.syspath_prepend(tmp_path)
    for name in texts:
        (tmp_path / name).mkdir()

    def made():
        for name, lines in texts.items():
            code = "".join(f'def f{k}():\n    """{line}"""\n' for k, line in enumerate(lines))
            (tmp_path / name / "__init__.py").write_text(code)
        return words._make_world({name: tmp_path / name for name in texts})

    made.texts = texts
    yield made
    words._docstring_world.cache_clear()


def heads(texts):
    return {" ".join(words.without_names(text).split()[: words.LENGTH]) for text in texts}


def test_a_target_text_is_the_beginning_of_one_packages_docstring(small_world):
    world = small_world()
    assert world["classes"].tolist() == ["aaa", "bbb"]
    for texts, labels, n in ((world["texts"], world["labels"], 12), (world["test_texts"], world["test_labels"], 6)):
        assert np.bincount(labels).tolist() == [n, n] and labels.dtype == np.int64
        for text, label in zip(texts, labels, strict=True):
            owners = [name for name, lines in small_world.texts.items() if text in heads(lines)]
            assert owners == [world["classes"][label]]
    assert len({*world["texts"], *world["test_texts"]}) == 36


def test_no_target_text_is_in_the_source_corpus(small_world, monkeypatch):
    texts = small_world.texts
    for name in ("aaa", "bbb"):  # each docstring once more with another ending, as inherited methods have them
        texts[name] += [f"{line.rsplit(' ', 2)[0]} another ending" for line in texts[name]]
    corpus = []
    numbered = words._numbered
    monkeypatch.setattr(words, "_numbered", lambda source: corpus.extend(source) or numbered(source))
    monkeypatch.setattr(words, "TEST", 3)
    monkeypatch.setattr(words, "POOL", 4)
    world = small_world()
    target = {*world["texts"], *world["test_texts"]}
    assert target and corpus and target.isdisjoint(heads(corpus))
    everything = {words.without_names(line) for lines in texts.values() for line in lines}
    assert {text for text in everything if heads([text]).isdisjoint(target)} == set(corpus)  # and nothing else is lost
    assert world["documents"] == len(corpus) and len(set(corpus)) == len(corpus)


def test_no_target_text_of_the_real_packages_is_in_their_corpus(monkeypatch):
    corpus = []
    monkeypatch.setattr(words, "_numbered", lambda source: corpus.extend(source) or (["a"], np.zeros(9, "int32")))
    monkeypatch.setattr(words, "_counts", lambda *_: None)
    monkeypatch.setattr(words, "ppmi", lambda _: None)
    monkeypatch.setattr(words, "svd_vectors", lambda _: np.zeros((1, 1), "float32"))
    packages = ("numpy", "skimage", "networkx")
    folders = {
        name: words.Path(words.importlib.util.find_spec(name).submodule_search_locations[0]) for name in packages
    }
    world = words._make_world(folders)
    target = [*world["texts"], *world["test_texts"]]
    assert world["classes"].tolist() == list(packages) and len(target) == 3 * (words.POOL + words.TEST)
    assert len(corpus) > 2000 and set(target).isdisjoint(heads(corpus))
    assert not {"numpy", "np", "skimage", "networkx", "nx"} & set(" ".join([*target, *corpus]).split())
    assert {len(text.split()) for text in target} == {25}


def test_vectors_and_target_come_from_one_world_and_are_kept(small_world, monkeypatch, capsys):
    small_world()
    packages = ("aaa", "bbb", "ccc", "no_such_package")
    vectors = load_vectors("docstrings", packages)
    told = capsys.readouterr().out
    assert told == vectors.provenance + "\n" and "3 installed packages" in told
    assert vectors.name == "docstrings" and vectors.vectors.shape == (len(vectors.words), 4)
    assert set(vectors.words) <= {*ALPHABET, "too", "short"} and not vectors.vectors.flags.writeable
    target = load_texts("docstrings", packages)
    assert target.class_names == ("aaa", "bbb") and len(target.texts) == 24 and len(target.test_texts) == 12
    words._docstring_world.cache_clear()
    monkeypatch.setattr(words, "_make_world", lambda _: pytest.fail("made again"))
    np.testing.assert_array_equal(load_vectors("docstrings", packages).vectors, vectors.vectors)
    words._docstring_world.cache_clear()
    monkeypatch.setattr(words, "_make_world", lambda folders: {"made": np.array(sorted(folders))})
    monkeypatch.setattr(words, "_version", lambda package: "another")
    assert words._docstring_world(packages)["made"].tolist() == ["aaa", "bbb", "ccc"]  # other versions, other texts


def test_packages_without_enough_docstrings_make_no_target(small_world):
    small_world.texts["bbb"] = small_world.texts["bbb"][:8]
    with complains(SourceUnavailable, "requirements.lock", "aaa, bbb"):
        small_world()


def test_every_class_is_a_package_that_is_read():
    assert set(words.FEWER) < set(words.CLASSES) < set(words.PACKAGES)
    assert {words.without_names(name) for name in words.CLASSES} == {""}
    assert "unknown" not in {words._version(name) for name in words.PACKAGES}


# GloVe


@pytest.mark.parametrize("place", ["", "glove.6B", "COURSE_DATA"])
def test_glove_is_found_where_it_may_lie(no_files, tmp_path, monkeypatch, place, capsys):
    folder = no_files / place
    if place == "COURSE_DATA":
        monkeypatch.setenv(place, str(tmp_path))
        folder = tmp_path / "text"
    folder.mkdir(exist_ok=True)
    (folder / "glove.6B.300d.txt").write_text("large 1 2 3\n")
    (folder / "glove.6B.50d.txt").write_text(glove_text(), "utf-8")
    vectors = load_vectors("glove")
    assert vectors.words == tuple(GLOVE) and vectors.name == "glove"
    np.testing.assert_allclose(vectors.vectors, list(GLOVE.values()), rtol=1e-6)
    assert vectors.vectors.dtype == np.float32
    told = capsys.readouterr().out
    assert told == vectors.provenance + "\n"
    assert all(word in told for word in ("glove.6B.50d.txt", "4 words", "3 dimensions", "asked for"))


def test_a_path_is_read(tmp_path):
    path = tmp_path / "mine.txt"
    path.write_text(glove_text(), "utf-8")
    assert load_vectors(path).words == load_vectors(str(path)).words == tuple(GLOVE)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (glove_text()[:-6], "within a line"),
        (glove_text()[:-1], "within a line"),
        (glove_text() + "last 1 2\n", "Line 5"),
        (glove_text() + "last 1 2 3 4\n", "Line 5"),
        (glove_text() + "last 1\n", "Line 5"),
        (glove_text() + "last 1 2 nan\n", "Line 5"),
        (glove_text() + "last 1 inf 3\n", "Line 5"),
        (glove_text() + "last 1 2 three\n", "Line 5"),
        (glove_text() + "\n", "Line 5"),
        (glove_text() + "red 1 2 3\n", "more than once"),
        ("4 3\n" + glove_text(), "no GloVe file"),
        ("", "no GloVe file"),
        ("<html>\n<p>Not here</p>\n", "no GloVe file"),
        ("<!DOCTYPE html public>\n", "Line 1"),
        (b"PK\x03\x04\xff\xfe", "UTF-8"),
    ],
)
def test_a_file_that_is_no_glove_file_is_told_in_one_sentence(tmp_path, text, said):
    path = tmp_path / "glove.6B.50d.txt"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with complains(DamagedFile, "glove.6B.50d.txt", said):
        load_vectors(path)


def test_what_is_not_there_is_told_and_not_fetched(no_files, tmp_path, monkeypatch):
    import socket

    monkeypatch.setattr(socket, "socket", lambda *_, **__: pytest.fail("went to the network"))
    with complains(SourceUnavailable, "822 MB", str(no_files), "KERAS_HOME"):
        load_vectors("glove")
    with complains(SourceUnavailable, "ag_news_test.csv", str(no_files)):
        load_texts("news")
    with complains(SourceUnavailable, "none.txt"):
        load_vectors(tmp_path / "none.txt")


def test_unknown_names_are_told():
    with complains(UnknownSource, "'MobileNetV2'", "'docstrings'"):
        load_vectors("MobileNetV2")
    with complains(BadTarget, "'digits'", "'news'"):
        load_texts("digits")


@pytest.mark.parametrize(("glove", "news"), [(True, True), (True, False), (False, True), (False, False)])
def test_auto_takes_glove_only_where_both_are_there(no_files, monkeypatch, capsys, glove, news):
    made = {"words": np.array(["a"]), "vectors": np.ones((1, 2)), "documents": np.array(3), "packages": np.array(1)}
    monkeypatch.setattr(words, "_docstring_world", lambda packages: made)
    if glove:
        (no_files / "glove.6B.50d.txt").write_text(glove_text(), "utf-8")
    if news:
        (no_files / "ag_news_test.csv").write_text(news_text())
    vectors = load_vectors("auto")
    assert vectors.name == ("glove" if glove and news else "docstrings")
    told = capsys.readouterr().out
    assert told.count("\n") == 1
    if vectors.name == "glove":
        assert "auto" in told
    else:
        assert "Why not GloVe?" in told and ("AG News texts" if not news else "822 MB") in told


# AG News


@pytest.mark.parametrize("name", ["ag_news_test.csv", "ag_news_csv/test.csv"])
@pytest.mark.parametrize("header", ["", "label,title,description\n"])
def test_news_are_split_alike_each_time(no_files, name, header, capsys):
    (no_files / name).parent.mkdir(exist_ok=True)
    (no_files / name).write_text(news_text(8, header) + "\n" + news_text(8, "").splitlines()[-1])
    target = load_texts("news")
    assert target.class_names == ("World", "Sports", "Business", "Sci/Tech")
    assert np.bincount(target.labels).tolist() == [6] * 4 and np.bincount(target.test_labels).tolist() == [2] * 4
    every = [*zip(target.texts, target.labels, strict=True), *zip(target.test_texts, target.test_labels, strict=True)]
    assert len(set(every)) == 32  # each text once
    assert all(text.split()[:2] == ["title", "abcd"[label]] for text, label in every)
    assert all(text.split()[3:] == ["it", "s", "a", "b", "c"] for text, _ in every)  # nothing left of the markup
    np.testing.assert_array_equal(load_texts("news").texts, target.texts)
    told = capsys.readouterr().out.splitlines()
    assert len(told) == 2 and "32 texts" in told[0] and os.path.basename(name) in told[0]


def test_news_are_cut_to_the_same_length_for_every_method(no_files, monkeypatch):
    monkeypatch.setattr(words, "NEWS_LENGTH", 4)
    (no_files / "ag_news_test.csv").write_text(news_text())
    assert {len(text.split()) for text in load_texts("news").texts} == {4}


@pytest.mark.parametrize("row", ["5,a,b", "1,a", "1,a,b,c", "World,a,b"])
def test_a_row_that_is_no_news_is_told(no_files, row):
    (no_files / "ag_news_test.csv").write_text(news_text() + row + "\n")
    with complains(DamagedFile, "Row 34", "ag_news_test.csv"):
        load_texts("news")


def test_news_without_a_class_are_told(no_files):
    (no_files / "ag_news_test.csv").write_text("".join(f"{k % 3 + 1},t,{'x' * k}\n" for k in range(30)))
    with complains(BadTarget, "Sci/Tech"):
        load_texts("news")


# Targets


@pytest.fixture
def target():
    texts = np.array([f"{'abc'[k % 3]} text {'x' * k}" for k in range(30)])
    return TextTarget("small", "?", texts, np.arange(30) % 3, texts[:3], np.arange(3), ("a", "b", "c"))


def test_a_draw_is_balanced_repeatable_and_without_repeats(target):
    texts, labels = target.draw(4, seed=[0, 1])
    assert np.bincount(labels).tolist() == [4] * 3 and len(set(texts)) == 12
    assert all(text[0] == "abc"[label] for text, label in zip(texts, labels, strict=True))
    np.testing.assert_array_equal(target.draw(4, seed=[0, 1])[0], texts)
    assert set(target.draw(4, seed=[0, 2])[0]) != set(texts)
    places, same = target.draw(4, seed=[0, 1], places=True)
    np.testing.assert_array_equal(target.texts[places], texts)
    np.testing.assert_array_equal(same, labels)
    assert set(target.draw(10, seed=0)[0]) == set(target.texts)
    assert labels.tolist() != sorted(labels)


@pytest.mark.parametrize("n", [0, 11])
def test_a_draw_that_the_pool_cannot_give_is_told(target, n):
    with complains(BadTarget, "'small'", f"{n} training texts", "between 1 and 10"):
        target.draw(n, seed=0)


@pytest.mark.parametrize(("part", "said"), [(1, "training"), (3, "test")])
def test_a_class_without_texts_is_told(target, part, said):
    parts = [target.texts, target.labels, target.test_texts, target.test_labels]
    parts[part] = np.zeros_like(parts[part])
    with complains(BadTarget, said, "'b'"):
        TextTarget("small", "?", *parts, target.class_names)
