"""News as they were published, with GloVe's word vectors."""

import numpy as np
import pytest

from course_utils.probing import linear_probe
from course_utils.words import load_texts, load_vectors

pytestmark = pytest.mark.real


@pytest.fixture(autouse=True)
def course_data(data, monkeypatch):
    if not (data / "text" / "ag_news_test.csv").is_file():
        pytest.skip(f"there are no AG News texts in {data}")
    monkeypatch.setenv("COURSE_DATA", str(data))


def test_auto_takes_them():
    assert load_texts("auto").name == "news"


def test_news_are_whole_and_balanced():
    target = load_texts("news")
    assert np.bincount(target.labels).tolist() == [1000] * 4 and np.bincount(target.test_labels).tolist() == [200] * 4
    assert not {*target.texts} & {*target.test_texts}
    common = " ".join(target.texts).split()
    assert not {"quot", "fullquote", "nbsp", "href"} & set(common) and "the" in common


def test_few_texts_on_averaged_vectors_are_well_above_guessing():
    vectors = load_vectors()
    target = load_texts("news")

    def averaged(texts):
        known = [[vectors.row[word] for word in text.split() if word in vectors.row] for text in texts]
        return np.array([vectors.vectors[rows].mean(0) for rows in known])

    places, labels = target.draw(10, seed=0, places=True)
    test_x = averaged(target.test_texts)
    scores = [linear_probe(averaged(target.texts[places]), y, test_x, target.test_labels) for y in (labels, labels % 2)]
    assert scores[0] > 0.65 and scores[1] < 0.5  # with the wrong labels it learns the wrong thing
