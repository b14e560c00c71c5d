"""Lesson 08: what its lists and figures are made of, and what its exercises say of right and of wrong answers."""

import numpy as np
import pytest
from helpers import complains

from course_utils import lesson
from course_utils.charts import wordmaps
from course_utils.errors import SourceUnavailable
from course_utils.lessons import sentences, vectors
from course_utils.words import TextTarget, WordVectors


def source(words, rows=None, seed=0):
    words = tuple(words)
    rows = np.random.default_rng(seed).normal(size=(len(words), 60)) if rows is None else rows
    return WordVectors("glove", words, np.asarray(rows, "float32"), "")


def everything():
    """All words of the lesson once, and others."""
    lines = [*vectors.KINDS.values(), *vectors.RELATIONS.values(), "king he", " ".join(vectors.WOMEN + vectors.MEN)]
    words = " ".join([*lines, *vectors.JOBS, "ant bee cat dog"]).replace(",", " ").split()
    return dict.fromkeys(words)


# Lists and claims


def test_a_word_stands_in_one_list_alone():
    words = " ".join(vectors.KINDS.values()).split()
    assert len(words) == len(set(words)) == 50
    for line in vectors.RELATIONS.values():
        assert all(len(pair) == 2 for pair in vectors.pairs_of(line))
    assert not set(vectors.WOMEN) & set(vectors.MEN)


def test_questions_ask_for_every_ordered_two_pairs_of_a_relation():
    some = source(["paris", "france", "rome", "italy", "king", "queen", "he"])
    quiz, relation = vectors.questions(some)
    assert [[some.words[k] for k in row] for row in quiz] == [
        ["paris", "france", "rome", "italy"],
        ["rome", "italy", "paris", "france"],
    ]
    assert relation.tolist() == [0, 0]


def test_a_word_that_is_not_frequent_is_left_out(monkeypatch):
    monkeypatch.setattr(vectors, "COMMON", 4)
    some = source(["paris", "france", "rome", "italy", "berlin", "germany"])
    assert len(vectors.questions(some)[0]) == 2
    with complains(SourceUnavailable, "everyday words"):
        vectors.questions(source(["one", "two"]))


def test_people_are_rows_of_the_table():
    some = source(["he", "nurse", "pilot", "she"])
    assert vectors.people(some) == ([3], [0], [1, 2])


def test_random_vectors_are_of_the_listed_words_and_differ_with_the_seed():
    some = source(["red", "two", "xyz"])
    one, other = (vectors.random_vectors(some, seed) for seed in (0, 1))
    assert one.words == ("two", "red") and one.vectors.shape == (2, 60)
    assert not np.allclose(one.vectors, other.vectors)


def test_the_claim_of_kinds_needs_the_control(told):
    some = source(everything())
    for share, control in ((90, [20, 22]), (50, [20, 22]), (70, [40, 41])):
        vectors.claim_kinds(some, share, control)
    assert [facts["holds"] for _, facts in told] == [True, False, False]
    assert told[0][1]["claim"].startswith("GloVe")


def target(name, classes=("numpy", "scipy")):
    texts = np.array([f"a b {k}" for k in "abcdefgh"])
    return TextTarget(name, "?", texts, np.arange(8) % 2, texts + " x", np.arange(8) % 2, classes)


def test_a_text_that_names_its_package_is_told(told):
    clean = target("docstrings")
    vectors.claim_kept_apart(clean, source(["a"]))
    assert all(facts["holds"] for _, facts in told) and len(told) == 2
    vectors.claim_kept_apart(clean, source(["numpy"]))
    assert not told[2][1]["holds"]
    both = TextTarget("news", "?", clean.texts, clean.labels, clean.texts, clean.labels, clean.class_names)
    vectors.claim_kept_apart(both, source(["numpy"]))
    assert len(told) == 5 and not told[4][1]["holds"]


def scores(near=60.0, far=40.0, bag=50.0, control=20.0, ns=4):
    jitter = np.linspace(-1, 1, 5)
    levels = {"own vectors": near, "GloVe": far, "bag of words": bag, "random vectors": control}
    made = {name: np.add.outer(level + 5.0 * np.arange(ns), jitter) for name, level in levels.items()}
    made["bag of words"] += 3.0 * np.arange(ns)[:, None]
    return made


def test_what_is_claimed_by_n(told, shown):
    ns = (3, 10, 50, 200)
    vectors.claim_by_n(target("docstrings"), ns, scores())
    assert [facts["holds"] for _, facts in told] == [True] * 4
    assert "3, 10, 50, 200" in shown[0][1] and "own vectors: 60, 65, 70, 75 %" in shown[0][1]
    told.clear()
    vectors.claim_by_n(target("docstrings"), ns, scores(near=38, control=35, bag=70))
    assert [facts["holds"] for _, facts in told] == [False, False, True, False]
    told.clear()
    vectors.claim_by_n(target("news"), ns, scores())  # where GloVe is at home
    assert not told[0][1]["holds"] and "GloVe, beats own vectors" in told[0][1]["claim"]
    told.clear()
    growing = scores()
    growing["own vectors"] += 9.0 * np.arange(4)[:, None]
    vectors.claim_by_n(target("docstrings"), ns, growing)
    assert [facts["holds"] for _, facts in told] == [True, True, False, True]
    told.clear()
    vectors.claim_by_n(target("docstrings"), ns[:2], scores(ns=2))
    assert len(told) == 3


def test_jobs_are_told_apart_further_than_by_shuffled_labels(told, shown):
    some, jobs = source(["nurse", "pilot"]), [0, 1]
    flat, wide = [np.array([49.0, 51.0])] * 3, [np.array([10.0, 90.0])] * 3
    vectors.show_jobs(some, jobs, np.array([70.0, 20.0]), flat)
    vectors.show_jobs(some, jobs, np.array([70.0, 20.0]), wide)
    assert [facts["holds"] for _, facts in told] == [True, False]
    assert "nurse 70 %, pilot 20 %" in shown[0][1]


# Figures


@pytest.mark.parametrize("classes", [8, 18])
def test_no_name_is_cut_off(shown, told, classes):
    jobs = [f"a job of some length {chr(97 + k)}" for k in range(classes)]
    wordmaps.show_leaning(jobs, np.linspace(1, 99, classes), np.full((5, classes), 50.0))
    ways = ("question's words left out", "nothing left out", "plain neighbour of c")
    wordmaps.show_relations(np.random.default_rng(0).uniform(0, 100, (classes, 3)), jobs, ways)
    wordmaps.show_map("GloVe", np.random.default_rng(0).normal(size=(50, 9)), np.arange(50) % 5, tuple("abcde"))
    assert len(shown) == 3
    for figure, alt in shown:
        figure.canvas.draw()
        area = figure.bbox
        for ax in figure.axes:
            names = [text for text in ax.get_yticklabels() if "job" in text.get_text()]
            for text in [*names, ax.xaxis.label, ax.title]:
                box = text.get_window_extent()
                assert not text.get_text() or (box.x0 >= area.x0 - 1 and box.x1 <= area.x1 + 1), text.get_text()
        assert len(alt.split()) > 8


def test_known_words_are_those_with_a_vector(shown, told, capsys):
    words = np.array([2, 2, 3, 4, 4, 4])
    known = {"own vectors": np.array([True, True, False, True, True, True]), "GloVe": np.arange(6) < 3}
    seen = np.array([[30.0, 32.0], [60.0, 62.0]])
    wordmaps.show_known((3, 50), seen, known, words, ["", "[UNK]", "the", "ndarray", "dtype"])
    assert "own vectors 83 %" in shown[0][1] and told[0][1]["holds"]
    assert capsys.readouterr().out.splitlines() == [
        "own vectors: 16.7 % lack a vector, most often ndarray",
        "GloVe: 50.0 % lack a vector, most often dtype",
    ]


def test_what_moved_goes_by_how_often_a_word_is_met(shown, told):
    before = np.ones((6, 4), "float32")
    before[0] = 0  # padding has no vector
    after = before.copy()
    after[2:] *= np.array([1.1, 1.2, 1.3, 1.3])[:, None]
    numbers = np.array([[2, 3, 3, 4], [4, 4, 4, 0], [5, 5, 5, 5]])
    assert wordmaps.show_moved(before, [(numbers, after), (numbers, after)]) == 0
    assert told[0][1]["holds"] and "in no training text 0 ± 0; there once 10 ± 0; 2 or 3 times 20" in shown[0][1]
    after[1] *= 1.01
    assert wordmaps.show_moved(before, [(numbers, after)]) == pytest.approx(1, abs=0.01)
    assert not told[1][1]["holds"]


def test_what_tuning_brings_is_taken_draw_by_draw(shown, told, capsys):
    ways = {"from scratch": [40, 50, 60], "far": [40, 60, 60], "frozen": [50, 60, 70.0], "tuned": [51, 61.1, 71]}
    assert wordmaps.show_tuning(ways) == pytest.approx(31 / 30)
    assert [facts["holds"] for _, facts in told] == [True, True] and "clear of zero" in capsys.readouterr().out
    wordmaps.show_tuning(ways | {"far": [60, 60, 70], "tuned": [40, 61, 80]})
    assert [facts["holds"] for _, facts in told[2:]] == [True, False]
    assert "cannot tell that from nothing" in capsys.readouterr().out


def test_spoilt_texts_are_compared(shown, told):
    good, worse = np.arange(100) < 80, np.arange(100) < 50
    wordmaps.show_spoilt({"as they were": good, "mixed": good, "typed": worse})
    assert [facts["holds"] for _, facts in told] == [True, True] and "80 ± 8" in shown[0][1]
    wordmaps.show_spoilt({"as they were": worse, "mixed": good, "typed": good})
    assert [facts["holds"] for _, facts in told[2:]] == [False, False]


# Texts that are spoilt


def test_mixed_up_keeps_the_words():
    texts = ["one two three four five six", "a"]
    mixed = sentences.mixed_up(texts, 0)
    assert mixed == sentences.mixed_up(texts, 0) != texts
    assert [sorted(text.split()) for text in mixed] == [sorted(text.split()) for text in texts]


def test_misspelt_words_have_their_letters():
    texts = [" ".join(["the array holds numbers"] * 20)]
    assert sentences.misspelt(texts, 0, 0) == texts
    (spoilt,) = sentences.misspelt(texts, 100, 0)
    pairs = list(zip(texts[0].split(), spoilt.split(), strict=True))
    assert all(sorted(one) == sorted(other) for one, other in pairs)
    assert all(one == other for one, other in pairs if one == "the")
    assert np.mean([one != other for one, other in pairs if one != "the"]) > 0.8


# Exercises


PAIRS = [(f"c{letter}", f"d{letter}") for letter in "abcdefg"]


def with_direction(step=1.0, spread=1.0):
    """Words c… and d… that differ by one direction, of length `step`, among words that point anywhere."""
    rng = np.random.default_rng(0)
    starts = spread * rng.normal(size=(len(PAIRS), 60)) / 60**0.5
    towards = rng.normal(size=60)
    ends = starts + step * towards / np.linalg.norm(towards)
    near = starts + 0.03 * rng.normal(size=starts.shape)  # a nearer neighbour of each c than its d is
    rest = rng.normal(size=(200, 60))
    words = [*(a for a, _ in PAIRS), *(b for _, b in PAIRS), *(f"e{k}" for k in range(len(PAIRS)))]
    return source([*words, *(f"r{k}" for k in range(200))], np.concatenate([starts, ends, near, rest]))


def test_a_relation_is_right_where_arithmetic_is_needed(ask):
    right, text = ask(sentences.relation_in(with_direction()), PAIRS)
    assert right is True and "of 42 questions" in text


@pytest.mark.parametrize(
    "pairs, words",
    [
        (PAIRS[:5], "six at least"),
        ([*PAIRS[:6], ("ca", "r1")], "each word once"),
        ([*PAIRS[:6], ("x", "y", "z")], "two words"),
        ([*PAIRS, ("nowhere", "r1")], "nowhere"),
        ([(f"r{2 * k}", f"r{2 * k + 1}") for k in range(8)], "the same relation"),
    ],
)
def test_what_is_wrong_with_pairs_is_told(ask, pairs, words):
    right, text = ask(sentences.relation_in(with_direction()), pairs)
    assert right is False and words in text


def test_pairs_of_the_lesson_and_plain_neighbours_are_no_discovery(ask):
    known = source(everything())
    old = [("big", "bigger"), *(pair for pair in zip(list(known.words)[:6], list(known.words)[6:12], strict=True))]
    right, text = ask(sentences.relation_in(known), old)
    assert right is False and "lesson's" in text
    right, text = ask(sentences.relation_in(with_direction(step=0.05)), PAIRS)
    assert right is False and "not needed" in text


def of_strings(answer):
    """A Keras model of raw strings that answers by a function from a tensor of strings (n, 1)."""
    import keras

    class Answer(keras.layers.Layer):
        def call(self, x):
            return answer(x)

        def compute_output_spec(self, x):
            return keras.KerasTensor((x.shape[0], 1), "float32")

    start = keras.Input((1,), dtype="string")
    return keras.Model(start, Answer()(start))


def matches(pattern):
    import tensorflow as tf

    return of_strings(lambda x: tf.cast(tf.strings.regex_full_match(x, pattern), "float32"))


IN_ORDER = TextTarget("numbers", "?", *2 * (np.array(["a b c d e f g h"] * 20), np.zeros(20, int)), ("one",))


def test_a_model_that_sees_the_order(ask):
    exercise = sentences.order_in(IN_ORDER)
    right, text = ask(exercise, matches("a b c.*"))
    assert right is True and "100 %" in text


@pytest.mark.parametrize(
    "pattern, words",
    [(".*a.*", "the same answer to every text"), ("[^a].*", "1 stands for"), (".*[abc] .*[defgh].*", "65 % are asked")],
)
def test_a_model_that_does_not_see_it(ask, pattern, words):
    right, text = ask(sentences.order_in(IN_ORDER), matches(pattern))
    assert right is False and words in text


def test_an_average_is_recognised(ask):
    import tensorflow as tf

    texts = TextTarget("n", "?", *2 * (np.array([f"a {'b ' * k}c" for k in range(9)]), np.zeros(9, int)), ("one",))
    lengths = of_strings(lambda x: tf.cast(tf.strings.length(x) > 9, "float32"))
    right, text = ask(sentences.order_in(texts), lengths)
    assert right is False and "averages" in text


def test_a_model_of_numbers_and_no_model_are_told_apart(ask):
    import keras

    numbers = keras.Sequential([keras.Input((4,)), keras.layers.Dense(1)])
    for answer, words in ((numbers, "takes numbers"), (3, "Keras model itself")):
        for exercise in (sentences.animal_or_thing, sentences.order_in(IN_ORDER)):
            right, text = ask(exercise, answer)
            assert right is False and words in text


@pytest.fixture
def names(monkeypatch):
    monkeypatch.setattr(lesson, "last_seed", 3)
    train, labels, test, test_labels = sentences._names(3)
    return train, labels, test, test_labels


def test_names_to_learn_from_are_not_those_to_test_on(names):
    train, labels, test, test_labels = names
    assert len(train) == 20 and labels.sum() == 10 and len(test) == len(test_labels) == 977
    assert "goldfish" in train + test and "scuba diver" not in train + test
    truth = dict(zip(train + test, [*labels, *test_labels], strict=True))
    assert truth["ostrich"] == 1 and truth["accordion"] == 0
    assert train != sentences._names(4)[0]


def one_of(some):
    return "|".join(some)


def test_who_sorts_new_names(names, ask):
    train, labels, test, test_labels = names
    animals = [name for name, y in zip(train + test, [*labels, *test_labels], strict=True) if y]
    right, text = ask(sentences.animal_or_thing, matches(one_of(animals)))
    assert right is True and "977 new names" in text
    known = [name for name, y in zip(train, labels, strict=True) if y]
    right, text = ask(sentences.animal_or_thing, matches(one_of(known)))
    assert right is False and "not the words of new ones" in text
    things = [name for name in train + test if name not in animals]
    right, text = ask(sentences.animal_or_thing, matches(one_of(things)))
    assert right is False and "1 stands for an animal" in text
    right, text = ask(sentences.animal_or_thing, matches(one_of(["tench", "hen"])))
    assert right is False and "training names yet" in text


def test_answers_to_every_text_alike_are_no_model(ask):
    right, text = ask(sentences.animal_or_thing, matches(".*"))
    assert right is False and "same answer" in text


# Sentence vectors


def test_heads_are_probed_on_the_lessons_own_draws():
    labels = np.arange(60) % 2
    strings = np.array([f"text {k}" for k in range(60)])
    target = TextTarget("halves", "?", strings[:40], labels[:40], strings[40:], labels[40:], ("one", "two"))
    plain, blind = labels[:, None] * np.ones((1, 3)), np.zeros((60, 3))
    for vectors_, right in ((plain, 100), (blind, 50)):
        scores = vectors.probed(target, (vectors_[:40], vectors_[40:]), (2, 5), 3, seed=0)
        assert scores.shape == (2, 3) and (scores == right).all()


@pytest.mark.parametrize("ahead, holds", [(5.0, True), (-5.0, False)])
def test_sentence_vectors_are_claimed_ahead_only_where_they_are(monkeypatch, ahead, holds):
    said, drawn = [], []
    monkeypatch.setattr(vectors, "claim", lambda sentence, good, told: said.append((bool(good), told)))
    monkeypatch.setattr(wordmaps, "show_accuracies", lambda name, ns, scores, chance: drawn.append(list(scores)))
    some = TextTarget("t", "?", np.array(["a", "b"]), np.arange(2), np.array(["c", "d"]), np.arange(2), ("x", "y"))
    scores = {name: np.full((2, 3), 40.0) for name in (*vectors.SENTENCES, "random vectors")}
    scores["sentence vectors"] = scores["GloVe"] + [[9.0] * 3, [ahead] * 3]
    assert vectors.claim_sentences(some, (3, 10), scores) == 9
    assert drawn == [list(vectors.SENTENCES)]
    assert [good for good, _ in said] == [holds, False]
    assert f"+9.0 ± 0.0 at n = 3, {ahead:+.1f} ± 0.0 at n = 10" in said[0][1]
