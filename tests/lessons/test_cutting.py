"""Lesson 04: what its figures draw of accuracy over depth, and what it claims of which data."""

import numpy as np
import pytest
from helpers import complains
from lesson_helpers import four_classes, tiny_source

from course_utils.charts import depth, widgets
from course_utils.errors import SourceUnavailable
from course_utils.lessons import cutting
from course_utils.pictures.labelled import Target
from course_utils.probing import cut_features

CUTS = ("a", "b", "c", "d")
NS = (5, 20, 50)
LUCK = np.array([-1.0, 0.0, 1.0])[:, None]  # of a draw, the same for every cut


def of(*tables, pixels=15.0):
    """A target's accuracies: for each n of NS the means at the cuts, or a whole table (draws, cuts)."""
    tables = [np.array(table, "float64") for table in tables]
    trained = {n: table if table.ndim == 2 else table + LUCK for n, table in zip(NS, tables, strict=False)}
    untrained = np.array([21.0, 22, 23, 24]) + LUCK
    return {"source": "net", "cuts": CUTS, "trained": trained, "untrained": untrained, "pixels": pixels + LUCK[:, 0]}


def at_20(*means, **settings):
    return of(means, means, **settings)


def hollow(ax):
    """Where the marks are hollow, a list for each line."""
    return [list(line.get_xdata()) for line in ax.lines if line.get_markerfacecolor() == "white"]


def test_the_flowers_come_with_the_course():
    table = cutting.flowers_table()
    assert list(table) == [f"flowers, {name} (beforehand)" for name in ("EfficientNetLite0", "MobileNetV2")]
    for part in table.values():
        assert set(part["trained"]) == {5, 20, 50}
        assert all(rows.shape == (10, len(part["cuts"])) for rows in part["trained"].values())
        assert part["untrained"].shape == (10, len(part["cuts"])) and part["pixels"].shape == (10,)
        assert 50 < part["trained"][50].max() <= 100


def test_flowers_that_were_not_measured_are_one_sentence(monkeypatch):
    monkeypatch.setattr(cutting, "FLOWERS", cutting.FLOWERS | {"pixels": 1})
    with complains(SourceUnavailable, "flowers", "benchmarks/flowers.py"):
        cutting.flowers_table()


def test_no_more_pictures_are_asked_for_than_the_smallest_class_has():
    many = four_classes(per_class=60)
    rare = np.concatenate([np.arange(40), np.flatnonzero(many.labels != 1)])
    few = Target("few", "?", many.pictures[rare], many.labels[rare], many.pictures, many.labels, many.class_names)
    assert cutting.amounts([many], fast=False) == ((5, 20, 50), 5)
    assert cutting.amounts([many, few], fast=True) == ((5, 10, 10), 2)


@pytest.mark.parametrize(
    ("best", "where"), [(0, "shallow"), (2, "shallow"), (3, "middle"), (5, "middle"), (6, "deep"), (7, "deep")]
)
def test_thirds_of_eight_cuts(best, where):
    others = np.full((2, 8), 40.0)
    others[:, 7 - best] = 60
    table = np.full((2, 8), 40.0)
    table[:, best] = [50, 45]
    table[0, 7 - best] = 51  # which is luck: the mean counts
    assert cutting.third({"cuts": range(8), "trained": {5: others, 20: table}}, 20) == where


def test_depths_are_drawn_with_what_loses_beyond_doubt(shown):
    lucky = np.array([50.0, 70, 69, 60]) + 15 * LUCK  # the draws differ, and the cuts do by the same in each
    lucky[:, 3] = [40, 90, 50]  # far behind in the mean, but not in each draw
    cutting.show_depths({"windows": of(np.zeros(4), lucky)}, 20)
    ((figure, alt),) = shown
    ax = figure.axes[0]
    assert hollow(ax) == [[0, 2]]
    assert "windows: 50 % at a, 70 % at b, 60 % at d." in alt
    assert ax.get_title(loc="left") == "windows (net): best at b"
    assert "20 pictures per class" in figure.get_suptitle() and "3 draws" in figure.get_suptitle()
    drawn = {line.get_linestyle(): line.get_ydata() for line in ax.lines if line.get_color() == "black"}
    np.testing.assert_allclose(drawn["--"], [21, 22, 23, 24])  # the untrained prefix
    np.testing.assert_allclose(drawn[":"], [15] * 4)  # raw pixels
    assert {text.get_text() for text in figure.legends[0].texts} == {"trained prefix", "untrained prefix", "raw pixels"}


def test_amounts_are_drawn_for_what_ran_and_what_did_not(shown):
    live, before = (
        of([10, 20, 30, 40], [30, 50, 40, 45], [60, 70, 80, 90]),
        of([5, 6, 7, 8], [1, 2, 3, 4], [9, 8, 7, 6]),
    )
    cutting.show_amounts({"windows": live}, {"flowers (beforehand)": before})
    ((figure, alt),) = shown
    assert "windows, n = 20: 30 % at a, 50 % at b, 45 % at d." in alt
    assert "flowers (beforehand), n = 50: 9 % at a, 9 % at a, 6 % at d." in alt
    assert [ax.get_title() or ax.get_title(loc="left") for ax in figure.axes[:2]] == ["windows", "flowers (beforehand)"]
    assert hollow(figure.axes[0]) == [[0, 1, 2], [0, 2, 3], [0, 1, 2]]


FOUND = {
    "windows": at_20(40, 60, 80, 70),
    "digits": at_20(60, 80, 90, 95),
    "stripe orientation": at_20(50, 90, 60, 30),
    "pose": at_20(70, 30, 20, 10),
}


def claims(told, evidence=False):
    return [text if evidence else facts["holds"] for text, facts in told]


def test_too_shallow_and_too_deep_are_claimed_of_what_was_measured(told, capsys):
    cutting.claim_too_shallow_and_too_deep(FOUND, 20)
    assert claims(told) == [True, True, True]
    first, last, cuts = claims(told, evidence=True)
    assert "for 3 targets" in first and "(windows by 40 points, digits by 35 points, stripe orientation by 40" in first
    assert "for 2 targets" in last and "(windows by 10 points, stripe orientation by 60 points, pose by 60" in last
    assert "stripe orientation b, pose a" in cuts
    assert capsys.readouterr().out == "Raw pixels alone do better than any cut for: none of the targets.\n"


def test_targets_that_pixels_tell_better_are_named(told, capsys):
    cutting.claim_too_shallow_and_too_deep(FOUND | {"pose": at_20(70, 30, 20, 10, pixels=75)}, 20)
    assert "than any cut for: pose\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("changed", "held"),
    [
        ({"digits": at_20(96, 80, 90, 95)}, [False, True, True]),
        ({"windows": at_20(40, 60, 80, 90), "pose": at_20(20, 30, 60, 70)}, [True, False, True]),
        ({"pose": at_20(60, 70, 20, 10)}, [True, True, False]),
    ],
)
def test_too_shallow_and_too_deep_are_not_claimed_of_other_data(told, changed, held):
    cutting.claim_too_shallow_and_too_deep(FOUND | changed, 20)
    assert claims(told) == held


@pytest.mark.parametrize(
    "table",
    [
        [[50, 60, 40, 45], [50, 40, 60, 45], [50, 60, 40, 45]],  # another cut leads in each draw
        [[60, 80, 90, 95], [60, 80, 90, 95], [96, 80, 90, 95]],  # in one draw the first cut is best
    ],
)
def test_a_lead_of_luck_is_none(told, table):
    cutting.claim_too_shallow_and_too_deep(FOUND | {"digits": of(table, table)}, 20)
    assert claims(told)[0] is False


LIVE = {
    "windows": of([29, 40, 60, 51], [40, 50, 72, 75], [45, 60, 85, 86]),
    "digits": of([20, 60, 50, 30], [30, 70, 60, 40], [35, 80, 70, 42]),
}


def test_the_cut_comes_before_the_data(told):
    cutting.claim_cut_before_data(LIVE, NS)
    assert claims(told) == [True, True]
    first, second = claims(told, evidence=True)
    assert "5 pictures per class at the best cut beat 50" in first
    assert "windows 60 against 45 %, digits 60 against 35 %" in first
    assert "best at 20" in second and "windows 9.0 points at most, of 31, digits 0.0 points at most, of 40" in second


@pytest.mark.parametrize(
    ("digits", "held"),
    [
        (of([20, 34, 30, 30], [30, 70, 60, 40], [35, 80, 70, 42]), [False, True]),
        (of([20, 60, 50, 30], [30, 70, 60, 40], [35, 60, 80, 42]), [True, False]),
        (of([90, 60, 50, 30], [30, 70, 60, 40], [35, 80, 70, 42]), [True, False]),
    ],
)
def test_one_target_that_does_otherwise_is_enough(told, digits, held):
    cutting.claim_cut_before_data(LIVE | {"digits": digits}, NS)
    assert claims(told) == held


def ways(*differences):
    delivered = np.array([58.0, 60, 62])
    names = ("one\nlook", "test")
    return {way: np.stack([delivered + d, delivered], 1) for way, d in zip(names, differences, strict=True)}


def test_what_a_choice_promises_is_held_against_what_it_delivers(told, shown):
    assert cutting.show_promises(ways(-1, 4)) == pytest.approx(4)
    assert claims(told) == [True] and "+4.0 points too much, against -1.0" in told[0][0]
    ((figure, alt),) = shown
    assert "one\nlook: promised 59.0 %, delivered 60.0 %. test: promised 64.0 %, delivered 60.0 %." in alt
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["one\nlook", "test"]


@pytest.mark.parametrize("differences", [(3, 2), (-5, -1), (0, 0)])
def test_a_promise_that_is_kept_is_not_blamed(told, shown, differences):
    cutting.show_promises(ways(*differences))
    assert claims(told) == [False]


def test_depth_is_told_from_width(told, shown):
    own = np.concatenate([np.array([20.0, 60, 50, 40]) + LUCK, np.full((2, 4), 99.0)])  # more draws than at one width
    found = {"windows": of(own, own), "digits": at_20(30, 40, 50, 35)}
    narrow = {"windows": np.array([20.0, 40, 30, 25]) + LUCK, "digits": np.array([30.0, 31, 35, 34]) + LUCK}
    assert cutting.show_widths(found, narrow, 20, 16) == pytest.approx(50)
    assert claims(told) == [True]
    assert "with 16 numbers" in told[0][0]
    assert "windows by 20 points, of 40 at its own width, digits by 5 points, of 20" in told[0][0]
    ((figure, alt),) = shown
    assert "windows, own width: 20 % at a, 60 % at b, 40 % at d. One width: 20 % at a, 40 % at b, 25 % at d." in alt
    heights = [bars.lines[0].get_ydata().tolist() for bars in figure.axes[0].containers]
    assert heights == [[20, 60, 50, 40], [20, 40, 30, 25]]
    assert ["own width", "16 numbers"] == [text.get_text() for text in figure.legends[0].texts][:2]


def test_width_is_not_called_depth(told, shown):
    found = {"windows": at_20(20, 60, 50, 40), "digits": at_20(30, 40, 50, 35)}
    narrow = {"windows": np.array([20.0, 40, 30, 25]) + LUCK, "digits": np.array([30.0, 25, 20, 10]) + LUCK}
    cutting.show_widths(found, narrow, 20, 16)
    assert claims(told) == [False]


@pytest.fixture
def slid(monkeypatch, shown):
    """The positions of the slider, as they were drawn (by cut), and what the slider got."""
    views, real = {}, depth.cut_view
    names = ("cuts", "k", "query", "maps", "neighbours", "right", "told", "scores", "ylabel")

    def view(*parts):
        made = dict(zip(names, parts, strict=True))
        views[made["cuts"][made["k"]]] = made
        return real(*parts)

    monkeypatch.setattr(depth, "cut_view", view)
    monkeypatch.setattr(widgets, "picture_slider", lambda *parts, **first: views.update({"slider": (*parts, first)}))
    source, target = tiny_source(("colours", "grey", "logits")), four_classes()
    features = cut_features(source, target.pictures)
    trained = {20: np.array([[50.0, 26, 25], [52, 24, 25]])}
    found = {"four": {"cuts": source.cuts, "trained": trained}, "other": {"cuts": CUTS, "trained": trained}}
    cutting.slide(source, target, features, found, 20)
    return source, target, views, shown


def test_the_slider_shows_every_cut_and_stands_in_the_middle_first(slid):
    source, _, views, shown = slid
    pictures, label, first = views["slider"]
    assert tuple(pictures) == source.cuts and all(page.startswith(b"\x89PNG") for page in pictures.values())
    assert len(set(pictures.values())) == 3 and first == {"first": "grey"} and label == "cut at"
    assert len(shown) == 1 and "cut at grey" in shown[0][1]


def test_a_position_shows_what_the_prefix_makes_of_a_picture(slid):
    source, target, views, _ = slid
    colours, logits = views["colours"], views["logits"]
    asked = int(np.flatnonzero(target.labels == 1)[0])
    np.testing.assert_array_equal(colours["query"], target.pictures[asked])
    blue = target.pictures[asked, ..., 2] / 255
    assert [m.shape for m in colours["maps"]] == [(8, 8)] * 3 and not len(logits["maps"])  # a vector has no map
    np.testing.assert_allclose(colours["maps"][0], blue, atol=1e-5)  # the channel that varies most comes first
    assert (
        len(colours["neighbours"]) == 4 and (colours["neighbours"][..., 1] > colours["neighbours"][..., 0]).mean() > 0.9
    )
    assert not any(np.array_equal(picture, target.pictures[asked]) for picture in colours["neighbours"])
    same = {}
    for cut in ("colours", "grey"):
        rows = [np.argmax((target.pictures == near).all((1, 2, 3))) for near in views[cut]["neighbours"]]
        same[cut] = [target.labels[row] == 1 for row in rows]
        assert list(views[cut]["right"]) == same[cut]
    assert not all(same["grey"])  # where anything is alike
    frozen = source.prefix("colours").count_params()
    assert f"frozen: {frozen:,} parameters" in colours["told"] and "linear head: 16" in colours["told"]
    assert "linear head: 12" in logits["told"]
    assert list(colours["scores"]) == ["four"] and colours["scores"]["four"][0].tolist() == [51, 25, 25]
