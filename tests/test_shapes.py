"""The renderer: what is asked for is what is drawn."""

from itertools import combinations

import numpy as np
import pytest
from helpers import wave

from course_utils.world import shapes

RED, GREEN, GREY = (0.9, 0.1, 0.1), (0.1, 0.9, 0.1), (0.2, 0.2, 0.2)
MIDDLE = np.arange(64) - 31.5


def plain(n=1, shape="disc", texture="solid", **factors):
    """n drawings without anything random in them: a red and green shape in the middle of a grey picture."""
    still = dict(x=0, y=0, size=20, angle=0, texture_angle=0, period=8, phase=0.2, clutter=0, light=0, blur=0, noise=0)
    colours = np.array([RED, GREEN, GREY, GREY])
    rng = np.random.default_rng(0)
    made = shapes.sample_factors(n, rng, (shape,), (texture,), **({"colours": colours} | still | factors))
    return shapes.render(made, rng).astype("float64")


def mask(pictures):
    """Which pixels are more than half covered: no longer like the corner, which is background."""
    return np.abs(pictures - pictures[:, :1, :1]).max(-1) > 255 * (RED[0] - GREY[0]) / 2


def centre(covered):
    """Centre of gravity of a mask: x and y in pixels from the middle."""
    return (covered * MIDDLE).sum() / covered.sum(), (covered * MIDDLE[:, None]).sum() / covered.sum()


def test_drawings_are_rgb_bytes():
    pictures, labels = shapes.render_source(5, seed=1)
    assert pictures.shape == (5, 64, 64, 3) and pictures.dtype == np.uint8
    assert labels.shape == (5,) and labels.dtype == np.int64


def test_a_seed_fixes_the_drawings():
    first, again, other = (shapes.render_source(6, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first[0], again[0])
    np.testing.assert_array_equal(first[1], again[1])
    assert not any((a == b).all() for a in first[0] for b in other[0])


def test_labels_name_the_shape_and_the_texture():
    factors = shapes.sample_factors(500, np.random.default_rng(0))
    labels, names = shapes.source_labels(factors), shapes.class_names()
    assert len(set(names)) == len(names) == 48
    expected = [f"{t} {s}" for t, s in zip(factors["texture_name"], factors["shape_name"], strict=True)]
    assert [names[k] for k in labels] == expected
    assert set(labels) == set(range(48))


def test_every_shape_looks_different():
    every = shapes.SOURCE_SHAPES + shapes.UNSEEN_SHAPES
    masks = {name: mask(plain(shape=name, angle=0.3))[0] for name in every}
    assert len(masks) == 20
    for a, b in combinations(every, 2):
        assert (masks[a] != masks[b]).mean() > 0.02, f"{a} and {b} look the same"
    for name, covered in masks.items():
        assert 0.05 < covered.mean() < 0.5, f"{name} covers {covered.mean():.0%} of its picture"


def test_every_texture_looks_different():
    every = shapes.SOURCE_TEXTURES + shapes.UNSEEN_TEXTURES
    drawn = {name: plain(shape="square", texture=name, texture_angle=0.4)[0] for name in every}
    assert len(drawn) == 7
    for a, b in combinations(every, 2):
        differs = np.abs(drawn[a] - drawn[b]).max(-1) > 60
        assert differs.mean() > 0.04, f"{a} and {b} look the same"


def test_position_moves_the_shape_and_every_drawing_has_its_own():
    rng = np.random.default_rng(5)
    x, y = rng.uniform(-0.35, 0.35, (2, 300))  # more than two of the renderer's batches
    found = np.array([centre(m) for m in mask(plain(300, x=x, y=y, size=15))])
    np.testing.assert_allclose(found, np.stack([x, y], 1) * 32, atol=0.5)


def test_size_is_the_radius():
    sizes = np.array([10, 15, 20, 25])
    cover = (plain(4, size=sizes)[..., 0] / 255 - GREY[0]) / (RED[0] - GREY[0])  # 0 … 1 in each pixel
    np.testing.assert_allclose(cover.sum((1, 2)), np.pi * (0.85 * sizes) ** 2, rtol=0.02)


def test_angle_turns_the_shape():
    angles = np.array([0, 0.5, 1.2, 2.0, 3.0])
    for angle, covered in zip(angles, mask(plain(5, "bar", angle=angles)), strict=True):
        xx, yy = (covered * MIDDLE**2).sum(), (covered * MIDDLE[:, None] ** 2).sum()
        xy = (covered * MIDDLE * MIDDLE[:, None]).sum()
        axis = np.arctan2(2 * xy, xx - yy) / 2
        assert np.sin(axis - angle) == pytest.approx(0, abs=0.03)


def test_texture_angle_and_period_are_those_of_the_stripes():
    angles, periods = np.array([0, 0.6, 1.3, 2.5]), np.array([5, 6, 7, 8])
    everywhere = plain(4, "square", "stripes", size=90, period=periods, texture_angle=angles)
    for angle, period, picture in zip(angles, periods, everywhere, strict=True):
        direction, length = wave(picture[..., 0])
        assert np.sin(direction - angle) == pytest.approx(0, abs=0.02)
        assert length == pytest.approx(period, rel=0.02)


def test_light_is_a_slope_of_the_brightness():
    light = np.array([[0.3, 0], [0, -0.2], [0.1, 0.25]])
    for slope, picture in zip(light, plain(3, colours=0.5, light=light), strict=True):
        down, right = np.gradient(picture.mean(-1) / 127.5)
        np.testing.assert_allclose([right.mean() * 32, down.mean() * 32], slope, atol=0.01)


def test_noise_is_the_standard_deviation():
    noise = np.array([0, 0.02, 0.06])
    spread = (plain(3, colours=0.5, noise=noise) / 255).std((1, 2, 3))
    np.testing.assert_allclose(spread, noise, rtol=0.05, atol=0.001)


def test_blur_softens_edges_and_clutter_moves_the_background():
    steepest = [np.abs(np.diff(p, axis=1)).max() for p in plain(2, "square", blur=np.array([0, 0.8]))]
    assert steepest[1] < 0.75 * steepest[0]
    colours = np.array([GREY, GREY, GREY, (0.8, 0.8, 0.8)])
    calm, lively = plain(2, colours=colours, clutter=np.array([0, 1.0])).std((1, 2, 3))
    assert calm == 0 and lively > 10


def test_colours_are_those_of_shape_texture_and_background():
    picture = plain(texture="stripes", colours=np.array([RED, GREEN, (0.2, 0.3, 0.8), GREY]))[0] / 255
    for colour in (RED, GREEN, (0.2, 0.3, 0.8)):
        assert np.abs(picture - colour).max(-1).min() < 0.01
    np.testing.assert_allclose(picture[0, 0], (0.2, 0.3, 0.8), atol=0.003)


def test_layers_add_shapes_to_the_same_picture():
    rng = np.random.default_rng(0)
    still = dict(y=0, size=9, clutter=0, light=0, blur=0, noise=0)
    both = [
        shapes.sample_factors(140, rng, ("disc",), ("solid",), x=x, colours=np.array(colours), **still)
        for x, colours in ((-0.5, [RED, RED, GREY, GREY]), (0.5, [GREEN, GREEN, RED, RED]))
    ]
    alone, together = (shapes.render(layers, np.random.default_rng(1)).astype(float) for layers in (both[0], both))
    np.testing.assert_array_equal(alone[:, :, :32], together[:, :, :32])
    np.testing.assert_allclose(together[:, 32, 48] / 255, np.tile(GREEN, (140, 1)), atol=0.003)
    np.testing.assert_allclose(mask(together).sum((1, 2)), 2 * mask(alone).sum((1, 2)), rtol=0.02)


def test_a_factor_can_be_fixed_for_all_or_for_each():
    each = np.arange(4) / 10
    factors = shapes.sample_factors(4, np.random.default_rng(0), x=each, size=17)
    np.testing.assert_allclose(factors["x"], each, rtol=1e-6)
    assert (factors["size"] == 17).all() and len(set(factors["y"])) == 4


def test_factors_are_drawn_independently():
    factors = shapes.sample_factors(4000, np.random.default_rng(0))
    single = [factors[k] for k in ("shape", "texture", "x", "y", "size", "angle", "period", "clutter", "blur", "noise")]
    related = np.corrcoef(single) - np.eye(len(single))
    assert np.abs(related).max() < 0.08  # five standard errors
