"""Every figure: drawn without a warning, labelled, in the palette, with nothing running out of the page."""

import base64
import io
import warnings

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.text import Text
from PIL import Image

from course_utils import figures
from course_utils.charts import depth, layers, outcomes, scheme, tuning

RNG = np.random.default_rng(0)
PALETTE = {colour.upper() for colour in (*figures.CYCLE, "#B34700")}
PICTURES = RNG.integers(0, 256, (6, 20, 20, 3), "uint8")
CUTS = ("stem", "b1", "b2", "b3", "b4", "b5", "b6", "logits")
MANY_CUTS = ("Conv1_relu", *(f"block_{k}_expand_relu" for k in range(1, 19)), "out_relu")
N = (5, 20, 50, 100)
METHODS = ("frozen prefix", "scratch, augmented", "scratch", "frozen random prefix")


def measured(k, n):
    """Means and half widths of n results of method number k."""
    return 20 + 15 * k + np.linspace(0, 20, n), np.full(n, 3.0)


ANSWERS = [[(f"quite_a_long class name {k}", p) for k, p in enumerate((0.8, 0.1, 0.05, 0.04, 0.01))]] * 6
# Each draws one figure, with texts as long as the course's own.
DRAWN = {
    "picture_row": lambda: figures.picture_row(PICTURES, ["four-point star"] * 6),
    "curves": lambda: figures.curves(
        N, {m: measured(k, 4) for k, m in enumerate(METHODS)}, "training pictures per class", "test accuracy (%)",
        "unseen shapes and textures: mean and 95 % interval over 5 draws", chance=12.5,
    ),
    "bars": lambda: figures.bars(
        {"raw pixels": 31.2, "frozen prefix up to b6": 88.123}, "test accuracy (%)",
        "Ten pictures per class, the same linear head", errors=[6.0, 14.0], highlight="raw pixels",
    ),
    "predictions": lambda: outcomes.predictions(
        PICTURES, ANSWERS, ["stripes half disc"] * 6, "Pictures from the source's own world, and its five best answers"
    ),
    "convolution_steps": lambda: layers.convolution_steps(
        RNG.random((40, 40)), np.array([[-1, 0, 1]] * 3), RNG.normal(size=(38, 38)), (37, 0),
        "A convolution lays the same kernel on every window; each window becomes one number",
    ),
    "filters": lambda: layers.filters(
        {which: RNG.normal(size=(7, 7, 3, 24)) for which in ("trained", "never\ntrained")},
        "The first filters, sorted by their share of colour: training makes both kinds",
    ),
    "influence_panels": lambda: layers.influence_panels(
        PICTURES[0], {cut: np.pad(RNG.random((4, 4)), 8) for cut in (*CUTS[:5], "block_13_expand_relu")},
        "What one unit in the middle sees: all that is in the frame, the bright part most",
    ),
    "change_lines": lambda: layers.change_lines(
        dict(zip(("as it is", "shifted", "mirrored", "darkened", "turned", "another"), PICTURES, strict=True)), CUTS,
        {m: measured(k, 8) for k, m in enumerate(("shifted", "mirrored", "darkened", "turned", "another"))},
        "Deep maps take less notice of such changes (60 pictures, 95 % intervals)",
    ),
    "reading_table": lambda: layers.reading_table(
        RNG.random((8, 9)) * 100, ["class (48: texture and shape)", *"abcdefg"],
        ["raw\npixels", "not\ntrained", *CUTS[:7]], 2,
        "What can a linear head read at each cut? (0: nothing, 100: all; each row's best in bold)",
    ),
    "activation_maps": lambda: layers.activation_maps(
        PICTURES[0], {cut: RNG.random((8, 8, 32)) for cut in CUTS[:5]},
        "Each row a cut, deeper downwards: the picture, then the channels that vary most over it",
    ),
    "patch_rows": lambda: figures.patch_rows(
        {f"{cut}\nchannel 127": np.repeat(PICTURES[:1], 9, 0) for cut in CUTS[:4]},
        "What six channels at each depth like best: the picture that maximises their value before the ReLU",
    ),
    "heat_table": lambda: figures.heat_table(
        RNG.random((8, 8)) * 100, ["background colour", "position, left to right", *"abcdef"], CUTS,
        "cut, shallow to deep", "embedded: what a linear head reads (0 guessing, 100 perfect; mean of 3 draws)",
    ),
    "idea": scheme.idea,
    "depth_lines": lambda: figures.depth_lines(
        CUTS, {m: measured(k, 8) for k, m in enumerate(METHODS)}, "read by a linear head (0 guessing, 100 perfect)",
        "What the layers build, and what they let go",
    ),
    "agreement": lambda: outcomes.agreement(
        np.arange(9.0), np.arange(9.0)[::-1], "true angle (degrees)", "predicted angle (degrees)",
        "One dot is one picture",
    ),
    "cut_view": lambda: depth.cut_view(
        CUTS, 4, PICTURES[0], RNG.random((3, 8, 8)), PICTURES[:4], [True, False, True, True],
        "frozen: 171,944 parameters     trained: 520 (for 8 classes)",
        {m: measured(k, 8) for k, m in enumerate(METHODS)},
        "test accuracy (%), n = 20",
    ),
    "training_panels": lambda: tuning.training_panels(
        {
            "step": [0, 5, 10],
            "loss": [float("nan"), 1.2, 0.8],
            "batch": [20.0, 60.0, 100.0],
            "held out": [15.0, 50.0, 70.0],
            "gradient": {name: [3.0, 2.0, 1.0] for name in MANY_CUTS},
            "drift": {name: [0.0, 0.5, 1.0] for name in MANY_CUTS},
        }
    ),
}  # fmt: skip
PLOTS = ("curves", "bars", "heat_table", "depth_lines")  # with axes that measure something


@pytest.fixture(scope="module", autouse=True)
def _style():
    with plt.rc_context():
        figures.use_style()
        yield


@pytest.fixture(autouse=True)
def _closed(_style):
    before = set(plt.get_fignums())
    yield
    for number in set(plt.get_fignums()) - before:
        plt.close(number)


def test_names_in_other_letters_take_a_font_that_the_system_has(monkeypatch):
    from matplotlib.font_manager import fontManager

    monkeypatch.setattr(fontManager, "get_font_names", lambda: ["Arial", "Noto Sans Thai", "Yu Gothic"])
    with plt.rc_context():
        figures.use_style()
        assert plt.rcParams["font.family"] == ["DejaVu Sans", "Noto Sans Thai", "Yu Gothic"]


@pytest.fixture(params=DRAWN, scope="module")
def figure(request):
    """Each figure, drawn once."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn = DRAWN[request.param]()
        drawn.canvas.draw()
        yield drawn
    plt.close(drawn)


def texts(figure):
    """Every text that is drawn, but for the ticks'."""
    found = [figure._suptitle] if figure._suptitle else []
    for ax in figure.axes:
        found += [*ax.texts, ax.title, ax._left_title, ax._right_title]
        found += [ax.xaxis.label, ax.yaxis.label] if ax.axison else []
        found += ax.get_legend().get_texts() if ax.get_legend() else []
    return [text for text in found if text.get_text().strip()]


def test_every_figure_that_several_lessons_draw_is_drawn_here():
    public = {
        name
        for module in (figures, layers, scheme)
        for name, value in vars(module).items()
        if callable(value) and not name.startswith("_") and value.__module__ == module.__name__
    }
    assert public - set(DRAWN) == {"show", "use_style", "new_figure", "name_depths", "room_for"}


@pytest.mark.parametrize(
    "draw",
    [
        lambda cuts, line: figures.depth_lines(cuts, {"a": line, "b": line}, "accuracy (%)", "t", {"raw pixels": 30}),
    ],
)
def test_names_of_many_cuts_leave_the_axes_their_height(draw):
    heights = []
    for cuts in (CUTS, MANY_CUTS):
        drawn = draw(cuts, (np.linspace(20, 90, len(cuts)), np.full(len(cuts), 3.0)))
        drawn.canvas.draw()
        heights.append(drawn.axes[0].get_window_extent().height)
        named = [text for text in drawn.axes[0].get_xticklabels() if text.get_text()]
        assert named[0].get_text() == cuts[0] and named[-1].get_text() == cuts[-1]
        plt.close(drawn)
    assert heights[1] > 0.8 * heights[0]


def test_no_text_runs_out_of_the_page(figure):
    renderer, page = figure.canvas.get_renderer(), figure.bbox
    assert figure.get_figwidth() == figures.WIDTH
    outside = []
    for text in texts(figure):
        box = text.get_window_extent(renderer)
        assert box.width > 0, f"{text.get_text()!r} is not drawn"
        if box.x0 < -1 or box.y0 < -1 or box.x1 > page.x1 + 1 or box.y1 > page.y1 + 1:
            outside.append(f"{text.get_text()!r} at {box.extents.round()}")
    assert not outside
    for ax in figure.axes:  # with its ticks
        box = ax.get_tightbbox(renderer)
        assert box is None or (box.x0 > -2 and box.x1 < page.x1 + 2 and box.y0 > -2 and box.y1 < page.y1 + 2)


def test_no_ink_touches_the_edge(figure):
    page = np.asarray(figure.canvas.buffer_rgba())[..., :3]
    edge = np.concatenate([page[0], page[-1], page[:, 0], page[:, -1]])
    assert (edge == 255).all()


@pytest.mark.parametrize("figure", PLOTS, indirect=True)
def test_axes_are_named(figure):
    (ax,) = figure.axes
    assert ax.get_xlabel() and (ax.get_title("left") or ax.get_title())
    assert ax.get_ylabel() or len(ax.get_yticklabels()) > 1  # rows that are named one by one need no label


def colours(figure):
    """Every colour that lines, bars, marks and texts are drawn in, of those that are not black, white or grey."""
    from matplotlib.collections import Collection
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    used = set()
    for artist in figure.findobj():
        if isinstance(artist, Line2D):
            used.add(artist.get_color())
        elif isinstance(artist, Text):
            used.add(artist.get_color())
        elif isinstance(artist, Patch) and artist.get_visible():
            used |= {artist.get_facecolor(), artist.get_edgecolor()}
        elif isinstance(artist, Collection):
            used |= set(map(tuple, artist.get_edgecolor()))
    hexes = {to_hex(colour).upper() for colour in used}
    return {h for h in hexes if len({h[1:3], h[3:5], h[5:]}) > 1}


def test_colours_are_of_the_palette(figure):
    assert colours(figure) <= PALETTE


@pytest.mark.parametrize("name", ["curves", "bars", "depth_lines"])
def test_there_is_colour(name):
    assert len(colours(DRAWN[name]())) >= 2


def test_the_palette_holds_for_colour_blind_readers():
    from skimage.color import deltaE_ciede2000, rgb2lab

    # Viénot, Brettel & Mollon 1999: linear RGB as protanopes and deuteranopes see it.
    seen_as = {
        "protanope": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
        "deuteranope": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
    }
    rgb = np.array([[int(c[k : k + 2], 16) / 255 for k in (1, 3, 5)] for c in figures.CYCLE[:4]])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    for who, matrix in seen_as.items():
        light = np.clip(linear @ np.array(matrix).T, 0, 1)
        lab = rgb2lab(np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055))
        apart = deltaE_ciede2000(lab[:, None], lab[None]) + 99 * np.eye(4)
        assert apart.min() > 10, who


def test_show_describes_the_figure_and_closes_it(monkeypatch):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, raw, metadata: shown.append((data, raw, metadata)))
    figure = DRAWN["bars"]()
    before = set(plt.get_fignums())
    figures.show(figure, "Two bars: 31 and 88.")
    ((data, raw, metadata),) = shown
    assert raw and set(data) == {"image/png", "text/plain"}
    assert metadata == {"image/png": {"alt": "Two bars: 31 and 88."}} and data["text/plain"] == "Two bars: 31 and 88."
    assert before - set(plt.get_fignums()) == {figure.number}
    png = data["image/png"]
    picture = Image.open(io.BytesIO(png if isinstance(png, bytes) else base64.b64decode(png)))
    assert picture.format == "PNG" and picture.width == 100 * figures.WIDTH
    assert np.asarray(picture.convert("L")).std() > 10  # not blank


@pytest.mark.parametrize("name", ["from $1 to $\\frac", "$_$"])
def test_dollars_in_names_are_dollars(monkeypatch, name):
    shown = []
    monkeypatch.setattr("IPython.display.display", lambda data, **_: shown.append(data["image/png"]))
    figure, ax = figures.new_figure()
    ax.plot([1, 1000], [0, 1], label=name)
    ax.set_yticks([0, 1], ["no", name])
    ax.set_xscale("log")
    ax.set_title(name)
    ax.legend()
    figures.show(figure, name)
    assert shown and not any(text.get_parse_math() for text in figure.findobj(Text) if text.get_text() == name)
    powers = [text for text in ax.get_xticklabels() if "10" in text.get_text()]
    assert powers and all(text.get_parse_math() for text in powers)


def test_curves_show_every_line_even_more_than_there_are_marks():
    lines = {f"method {k}": measured(k / 3, 4) for k in range(9)}
    for figure in (figures.curves(N, lines, "n", "%", "t"), figures.depth_lines(N, lines, "%", "t")):
        ax = figure.axes[0]
        drawn = [container[0].get_ydata() for container in ax.containers]
        assert len(drawn) == 9
        for (mean, _), y in zip(lines.values(), drawn, strict=True):
            np.testing.assert_allclose(y, mean)


def marks(line):
    """Where the marks of an interval's line stand, (n,)."""
    return line.lines[0].get_xdata()


def test_lines_of_curves_stand_beside_each_other_around_their_number():
    lines = {name: ([50, 60, 70, 80], [9, 9, 9, 9]) for name in "abcd"}
    drawn = figures.curves(N, lines, "n", "%", "t")
    places = np.array([marks(line) for line in drawn.axes[0].containers])
    pixels = drawn.axes[0].transData.transform(np.stack([places.ravel(), np.ones(places.size)], -1))[:, 0]
    apart = np.diff(pixels.reshape(places.shape), axis=0)
    assert (apart > 4).all() and (apart < 12).all()
    np.testing.assert_allclose(np.exp(np.log(places).mean(0)), N)
    np.testing.assert_allclose(marks(figures.curves(N, {"a": lines["a"]}, "n", "%", "t").axes[0].containers[0]), N)


def test_long_names_of_bars_take_two_lines_and_stay_apart():
    names = ["EfficientNetLite0", "EfficientNetLite0, random weights", "another source of one's own, random"]
    drawn = figures.bars(dict.fromkeys(names, 1.0), "%", "t")
    drawn.canvas.draw()
    labels = drawn.axes[0].get_yticklabels()
    assert [label.get_text().replace("\n", " ") for label in labels] == names
    boxes = [label.get_window_extent() for label in labels]
    assert all(a.y0 > b.y1 for a, b in zip(boxes, boxes[1:], strict=False)) and max(box.width for box in boxes) < 220


LONG_NAME = (
    "my folder of photographs of mushrooms from the forest behind our house: which cut suits them best, and why that is"
)


@pytest.mark.parametrize("how", ["axes", "panels", "figure"])
def test_titles_that_are_too_long_are_broken_and_lose_nothing(monkeypatch, how):
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: None)
    drawn, axes = figures.new_figure(1, 1 if how == "axes" else 2, squeeze=False)
    if how == "figure":
        drawn.suptitle(LONG_NAME + LONG_NAME, x=0.01, ha="left")
    else:
        for ax in axes[0]:
            ax.set_title(LONG_NAME)
    figures.show(drawn, "")
    drawn.draw_without_rendering()
    shown = [drawn._suptitle] if how == "figure" else [ax._left_title for ax in axes[0]]
    ends = [*(text.get_window_extent().x0 for text in shown[1:]), drawn.bbox.x1]
    for text, end in zip(shown, ends, strict=True):
        box = text.get_window_extent()
        assert "\n" in text.get_text() and box.x1 <= end and box.y1 <= drawn.bbox.y1
        assert text.get_text().replace("\n", " ") == LONG_NAME * (1 + (how == "figure"))


def test_titles_that_fit_are_left_alone(monkeypatch):
    monkeypatch.setattr("IPython.display.display", lambda *_, **__: None)
    drawn = figures.bars({"a": 1.0}, "%", "Short enough")
    height = drawn.get_figheight()
    figures.show(drawn, "")
    assert drawn.axes[0].get_title("left") == "Short enough" and drawn.get_figheight() == height


def test_names_of_heads_stand_below_all_points_and_above_the_ticks():
    panel = {"parameters": [410, 6538, 3_701_602], "lines": {"n = 5": (np.array([1, 2, 3]), np.zeros(3))}}
    drawn = depth.worth_of_parameters(
        {f"cut at {k}": panel | {"controls": {"raw pixels": (30, 3)}} for k in range(3)},
        ("linear", "hidden", "new layers"), "t",
    )  # fmt: skip
    drawn.canvas.draw()
    for ax in drawn.axes:
        zero, ground = (ax.transData.transform((1, y))[1] for y in (0, ax.get_ylim()[0]))
        boxes = [text.get_window_extent() for text in ax.texts]
        assert len(boxes) == 3 and all(ground < box.y0 and box.y1 < zero for box in boxes)


@pytest.mark.parametrize("kind", ["blocks", "damage", "depth"])
def test_levels_that_coincide_are_all_to_be_seen(kind):
    levels = ("frozen at its best cut", "untrained prefix", "raw pixels")
    if kind == "blocks":
        panel = {"tuned": (np.array([60.0, 70]), np.ones(2)), "controls": dict.fromkeys(levels, (90.0, 0.0))}
        drawn = tuning.block_counts([0, 1], {"digits": panel}, "t")
    elif kind == "depth":
        low = {"probe": (np.array([60.0, 70]), np.ones(2))}
        drawn = figures.depth_lines(("stem", "b1"), low, "%", "t", dict.fromkeys(levels, 90.0))
    else:
        points = {"frozen": (np.array([80.0]), np.array([100.0])), "tuned": (np.array([85.0]), np.array([50.0]))}
        drawn = tuning.gain_and_damage(points, dict.fromkeys(levels, 90.0), "digits (%)", "source (%)", "t")
    drawn.canvas.draw()
    page = np.asarray(drawn.canvas.buffer_rgba())[..., :3]
    ax = drawn.axes[0]
    x, y = ax.transData.transform((90, 20) if kind == "damage" else (0.5, 90)).round().astype(int)
    (x0, y0), (x1, y1) = ax.bbox.min.astype(int), ax.bbox.max.astype(int)
    height = len(page)
    line = page[height - y1 : height - y0, x] if kind == "damage" else page[height - y, x0:x1]
    seen = {to_hex(colour / 255).upper() for colour in line}
    assert {to_hex(style["color"]).upper() for style in figures.LEVELS} <= seen


def test_panels_of_the_same_lines_share_one_legend():
    same, other = ({label: np.ones((2, 3)) for label in names} for names in (("a", "b"), ("c",)))
    for lines, legends in ((same, [0, 0]), (other, [1, 1])):
        panels = [{"title": "t", "x": (1, 2, 3), "lines": one, "xlabel": "x", "ylabel": "y"} for one in (same, lines)]
        drawn = depth.beside_published(panels[0], panels[1:], "t")
        assert [int(ax.get_legend() is not None) for ax in drawn.axes] == legends
        assert len(drawn.legends) == 1 - legends[0]


def test_curves_label_their_ends_without_overlap():
    close = {m: (np.array([10, 20, 30, 50 + k / 10]), np.ones(4)) for k, m in enumerate(METHODS)}
    figure = figures.curves(N, close, "n", "%", "t")
    figure.canvas.draw()
    ax, renderer = figure.axes[0], figure.canvas.get_renderer()
    labels = sorted((t for t in ax.texts if t.get_text() in METHODS), key=lambda t: t.xy[1])
    assert [t.get_text() for t in labels] == list(METHODS)  # in the order of their heights
    boxes = [t.get_window_extent(renderer) for t in labels]
    for below, above in zip(boxes, boxes[1:], strict=False):
        assert below.y1 <= above.y0 + 1
    lines = {container.get_label(): container[0].get_color() for container in ax.containers}
    assert len({t.get_color() for t in labels}) == 4 == len(lines)
    assert ax.get_xscale() == "log" and [t.get_text() for t in ax.get_xticklabels()] == [str(n) for n in N]


def test_bars_show_their_values_also_negative_ones():
    figure = figures.bars({"good": 0.9, "bad": -0.4}, "R²", "t")
    figure.canvas.draw()
    ax = figure.axes[0]
    assert [patch.get_width() for patch in ax.patches] == [0.9, -0.4]
    assert ax.get_xlim()[0] < -0.4 and ax.get_xlim()[1] > 0.9
    assert [t.get_text() for t in ax.texts] == ["0.9", "-0.4"]
    assert ax.yaxis_inverted()  # the first on top


def test_one_bar_is_highlighted():
    patches = DRAWN["bars"]().axes[0].patches
    assert [to_hex(p.get_facecolor()).upper() for p in patches] == [figures.ORANGE, figures.BLUE]


def test_values_at_bars_stand_beyond_their_intervals():
    figure = DRAWN["bars"]()
    figure.canvas.draw()
    ax, renderer = figure.axes[0], figure.canvas.get_renderer()
    for text, reach in zip(ax.texts, (31.2 + 6, 88.123 + 14), strict=True):
        assert text.get_window_extent(renderer).x0 >= ax.transData.transform((reach, 0))[0]


def test_heat_table_writes_every_value_readably():
    values = np.arange(12.0).reshape(3, 4)[:, ::-1]
    figure = figures.heat_table(values, "abc", CUTS[:4], "cut", "t")
    cells = figure.axes[0].texts
    assert [t.get_text() for t in cells] == [f"{v:.0f}" for v in values.ravel()]
    assert [t.get_text() for t in cells if t.get_fontweight() == "bold"] == ["3", "7", "11"]
    shade = figure.axes[0].images[0]
    for text, value in zip(cells, values.ravel(), strict=True):
        behind = np.array(shade.cmap(shade.norm(value))[:3]) @ (0.2126, 0.7152, 0.0722)
        assert text.get_color() == ("white" if behind < 0.5 else "black")


def test_predictions_name_the_best_answer_first_and_draw_it_as_long_as_it_is_probable():
    figure = DRAWN["predictions"]()
    right = [ax for ax in figure.axes if ax.patches][0]
    assert [p.get_width() for p in right.patches] == [p for _, p in ANSWERS[0]]
    assert [text.get_text() for text in right.texts[:2]] == ["quite a long class name 0", "0.80"]
    assert right.yaxis_inverted()


def test_filters_are_stretched_around_grey():
    kernels = RNG.normal(size=(5, 5, 3, 70)) * np.linspace(0.01, 10, 70)
    figure = layers.filters({"trained": kernels}, "t")
    shown = [ax.images[0].get_array() for ax in figure.axes if ax.images]
    assert len(shown) == 36
    for k, picture in enumerate(shown):
        assert np.abs(picture - 0.5).max() == pytest.approx(0.5)
        assert ((picture > 0.5) == (kernels[..., k] > 0)).all()


def test_activation_maps_show_the_channels_that_vary_most():
    values = np.zeros((4, 4, 9))
    values[0, 0] = np.arange(9)
    figure = layers.activation_maps(PICTURES[0], {"b1": values}, "t", channels=3)
    assert [ax.get_title("center") for ax in figure.axes] == ["", "channel 8", "channel 7", "channel 6"]
    np.testing.assert_array_equal(figure.axes[1].images[0].get_array(), values[..., 8])
    assert figure.axes[0].get_ylabel() == "b1\n4×4×9"


def test_picture_rows_show_every_picture_under_its_title():
    figure = figures.picture_row(np.repeat(PICTURES, 2, 0)[:11], [str(k) for k in range(11)], columns=4)
    shown = [ax for ax in figure.axes if ax.images]
    assert [ax.get_title("center") for ax in shown] == [str(k) for k in range(11)]
    for k, ax in enumerate(shown):
        np.testing.assert_array_equal(ax.images[0].get_array(), PICTURES[k // 2])
