"""Probes: features of every cut in one pass, kept safely, and what a linear head reads from them."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import complains

from course_utils import probing
from course_utils.errors import BadPictures, UnknownCut
from course_utils.probing import cut_features, features, interval, linear_probe, random_features
from course_utils.sources import Source
from course_utils.store.cache import results_folder
from course_utils.world import shapes

PICTURES = shapes.render_source(20, seed=5)[0]


@pytest.fixture
def empty(tmp_path, monkeypatch):
    """A cache of this test alone."""
    monkeypatch.setenv("COURSE_CACHE", str(tmp_path))
    return tmp_path


@pytest.fixture
def computed(monkeypatch):
    """Counts how often features are computed and not loaded."""
    count, cached = [], probing.cached_arrays
    monkeypatch.setattr(
        probing, "cached_arrays", lambda key, compute: cached(key, lambda: (count.append(key), compute())[1])
    )
    return count


def small_model(seed=0):
    """Pictures (8, 8, 3) to two maps."""
    import keras

    keras.utils.set_random_seed(seed)
    inputs = keras.Input((8, 8, 3), name="picture")
    a = keras.layers.Conv2D(4, 3, name="a", activation="relu")(inputs)
    return keras.Model(inputs, {"a": a, "b": keras.layers.Conv2D(5, 3, name="b")(a)})


INPUTS = np.random.default_rng(0).normal(size=(70, 8, 8, 3)).astype("float32")


def test_every_cut_in_one_pass_equals_each_prefix_alone(source, empty, monkeypatch):
    monkeypatch.setattr(probing, "BATCH", 8)  # several batches, the last one not full
    together = cut_features(source, PICTURES)
    assert tuple(together) == source.cuts
    x = source.preprocess(PICTURES)
    for cut, values in together.items():
        alone = source.prefix(cut).predict_on_batch(x)
        alone = alone.mean((1, 2)) if alone.ndim == 4 else alone
        assert values.shape == (20, alone.shape[-1])
        np.testing.assert_allclose(values, alone, rtol=1e-3, atol=1e-4)


def test_pictures_are_prepared_a_batch_at_a_time(source, empty, monkeypatch):
    sizes, scaled = [], type(source).scaled
    monkeypatch.setattr(type(source), "scaled", lambda self, x: sizes.append(len(x)) or scaled(self, x))
    cut_features(source, np.concatenate([PICTURES] * 4), ("b1",))
    assert sorted(sizes)[-3:] == [16, 32, 32]  # and single ones, which tell how pictures are scaled


def test_another_way_of_scaling_is_another_result(source, empty):
    first = cut_features(source, PICTURES, ("b1",))["b1"]
    other = replace(source, scaling=lambda x: source.scaling(255 - x))
    assert not np.allclose(cut_features(other, PICTURES, ("b1",))["b1"], first)


def test_a_dark_batch_of_floats_is_no_mistake(source, empty, monkeypatch):
    monkeypatch.setattr(probing, "BATCH", 8)
    pictures = PICTURES.astype("float32")
    pictures[:8] /= 255
    assert len(cut_features(source, pictures, ("b1",))["b1"]) == 20


def test_a_grid_keeps_the_cells_apart(source, empty):
    values = cut_features(source, PICTURES, ("b1", "logits"), grid=2)
    alone = source.prefix("b1").predict_on_batch(source.preprocess(PICTURES))
    cells = alone.reshape(20, 2, 8, 2, 8, 32).mean((2, 4))
    np.testing.assert_allclose(values["b1"], cells.reshape(20, -1), rtol=1e-3, atol=1e-4)
    assert values["logits"].shape == (20, 48)  # nothing to pool there


def test_the_second_time_nothing_is_computed(source, empty, computed):
    first = cut_features(source, PICTURES, ("stem", "b1"))
    again = cut_features(source, PICTURES, ("stem", "b1"))
    assert len(computed) == 1
    for cut in first:
        np.testing.assert_array_equal(first[cut], again[cut])


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16", "bfloat16"])
def test_features_of_half_precision_come_back_from_the_cache(empty, computed, policy):
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = small_model()
        first, again = features(model, INPUTS), features(model, INPUTS)
    finally:
        keras.config.set_dtype_policy(before)
    assert len(computed) == len(list(empty.glob("*.npz"))) == 1
    for name, values in first.items():
        assert values.dtype == again[name].dtype == np.float32
        np.testing.assert_array_equal(values, again[name])
    exact = small_model()
    exact.set_weights([np.asarray(weight, "float32") for weight in model.get_weights()])
    expected = features(exact, INPUTS)["b"]
    np.testing.assert_allclose(first["b"], expected, atol=0.05 * np.abs(expected).max())


def test_what_is_kept_needs_no_model_call(empty, monkeypatch):
    import tensorflow as tf

    model = small_model()
    first = features(model, INPUTS)
    monkeypatch.setattr(tf, "function", None)  # and so nothing can run it
    monkeypatch.setattr(type(model), "__call__", None)
    np.testing.assert_array_equal(features(model, INPUTS)["b"], first["b"])


def test_everything_that_matters_is_in_the_key(empty, computed):
    import keras

    model, kept = small_model(), []

    def distinct(*args, **settings):
        """The features, after checking that they were computed now."""
        before = len(computed)
        kept.append(features(*args, **settings))
        assert len(computed) == before + 1
        return kept[-1]

    first = distinct(model, INPUTS)
    distinct(model, INPUTS, grid=2)
    altered = INPUTS.copy()
    altered[3, 4, 5, 1] += 0.5
    assert (distinct(model, altered)["a"] != first["a"]).any(1).nonzero()[0].tolist() == [3]
    distinct(model, INPUTS[:69])
    distinct(keras.Model(model.input, {"a": model.output["a"]}), INPUTS)
    weights = model.get_layer("b").get_weights()
    weights[0][0, 0, 0, 0] += 0.5
    model.get_layer("b").set_weights(weights)
    changed = distinct(model, INPUTS)
    assert (changed["b"] != first["b"]).any() and (changed["a"] == first["a"]).all()
    assert len(list(empty.glob("*.npz"))) == len(computed) == 6


def test_the_same_layers_in_other_roles_are_other_features(empty):
    import keras

    model = small_model()
    a, b = model.output["a"], model.output["b"]
    straight = features(model, INPUTS)
    swapped = features(keras.Model(model.input, {"a": b, "b": a}), INPUTS)
    np.testing.assert_array_equal(swapped["a"], straight["b"])
    np.testing.assert_array_equal(swapped["b"], straight["a"])


def test_a_model_within_the_model_is_a_cut_of_its_control_too(empty):
    import keras

    keras.utils.set_random_seed(0)
    pictures = keras.Input((8, 8, 3))
    convolutions = [keras.layers.Conv2D(4, 3), keras.layers.Conv2D(5, 3)]
    base = keras.Sequential([keras.Input((8, 8, 3)), *convolutions], name="base")
    last = keras.layers.Conv2D(6, 3, name="last")(base(pictures))
    source = Source("nested", keras.Model(pictures, last), ("base", "last"), (), (8, 8), "nested.")
    found, control = cut_features(source, PICTURES), random_features(source, PICTURES, seed=1)
    for cut, width in (("base", 5), ("last", 6)):
        assert found[cut].shape == control[cut].shape == (20, width)
        assert not np.allclose(found[cut], control[cut], rtol=0.1)


def test_the_settings_of_layers_without_weights_matter(empty):
    import keras

    inputs = keras.Input((8, 8, 3), name="picture")
    low, high = (
        keras.Model(inputs, {"x": keras.layers.ReLU(threshold=threshold, name="relu")(inputs)})
        for threshold in (0.0, 1.0)
    )
    assert (features(low, INPUTS)["x"] > features(high, INPUTS)["x"]).all()


def test_a_damaged_file_is_made_anew(empty, computed):
    model = small_model()
    first = features(model, INPUTS)
    (file,) = empty.glob("*.npz")
    whole = file.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"PK" + whole[2:][::-1], b"nonsense", whole[:-1]):
        file.write_bytes(damaged)
        np.testing.assert_array_equal(features(model, INPUTS)["a"], first["a"])
        assert file.read_bytes() != damaged
    assert len(computed) == 6
    features(model, INPUTS)
    assert len(computed) == 6


def test_features_go_to_the_courses_cache(empty):
    features(small_model(), INPUTS)
    assert results_folder() == empty and len(list(empty.iterdir())) == 1


def test_wrong_cuts_and_pictures_are_refused(source, empty):
    with complains(UnknownCut, "'b9'", "b6"):
        cut_features(source, PICTURES, ("b9",))
    with complains(BadPictures, "(64, 64, 3)"):
        cut_features(source, PICTURES[0])
    assert not list(empty.iterdir())


def clouds(n, distance, classes=3, seed=0):
    """n points per class around centres that lie about `distance` standard deviations apart in ten dimensions."""
    centres = np.random.default_rng(99).normal(size=(classes, 10)) * distance / np.sqrt(20)
    y = np.repeat(np.arange(classes), n)
    return (centres[y] + np.random.default_rng(seed).normal(size=(len(y), 10))).astype("float32"), y


@pytest.mark.parametrize("n", [1, 2, 30])
def test_a_probe_tells_apart_what_is_separate(n):
    assert linear_probe(*clouds(n, 30), *clouds(50, 30, seed=1)) > 0.98


def test_a_probe_is_at_chance_where_labels_say_nothing():
    x, y = clouds(100, 8)
    test_x, test_y = clouds(300, 8, seed=1)
    shuffled = np.random.default_rng(0).permutation(y)
    assert abs(linear_probe(x, shuffled, test_x, np.random.default_rng(1).permutation(test_y)) - 1 / 3) < 0.07
    assert linear_probe(x, y, test_x, test_y) > 0.95


def test_a_probe_standardises_its_features():
    x, y = clouds(30, 6)
    test_x, test_y = clouds(100, 6, seed=1)
    scale, shift = np.float32(10.0) ** np.arange(-5, 5), np.float32(3)
    plain = linear_probe(x, y, test_x, test_y)
    moved = linear_probe((x + shift) * scale, y, (test_x + shift) * scale, test_y)
    assert moved == pytest.approx(plain, abs=0.02)


def test_a_probe_of_values_gives_r_squared():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(600, 5)).astype("float32")
    signal = x @ np.array([1, -2, 0.5, 0, 0])
    noisy = (signal + rng.normal(size=600) * signal.std()).astype("float32")
    exact = signal.astype("float32")
    assert linear_probe(x[:300], exact[:300], x[300:], exact[300:]) > 0.999
    assert linear_probe(x[:300], noisy[:300], x[300:], noisy[300:]) == pytest.approx(0.5, abs=0.1)
    noise = rng.normal(size=600).astype("float32")
    assert linear_probe(x[:300], noise[:300], x[300:], noise[300:]) < 0.05


def test_a_probe_is_repeatable_and_takes_classes_that_lack_numbers():
    x, y = clouds(10, 1.5)
    test_x, test_y = clouds(50, 1.5, seed=1)
    score = linear_probe(x, y, test_x, test_y)
    assert score == linear_probe(x, y, test_x, test_y)
    assert linear_probe(x, y * 5, test_x, test_y * 5) == score  # classes 0, 5 and 10


def test_a_grid_keeps_position_that_one_average_loses(source):
    rng = np.random.default_rng(0)
    factors = shapes.sample_factors(260, rng)
    pictures, y = shapes.render(factors, rng), factors["x"]
    scores = []
    for grid in (1, 2):
        x = cut_features(source, pictures, ("b5",), grid=grid)["b5"]
        scores.append(linear_probe(x[:200], y[:200], x[200:], y[200:]))
    assert scores[1] > scores[0] + 0.05 and scores[1] > 0.5


@pytest.fixture
def cheap_target():
    """Eight classes of nothing but features: the pool's and the test's."""
    from course_utils.pictures.labelled import Target

    labels, test_labels = np.repeat(np.arange(4), 12), np.repeat(np.arange(4), 10)
    pictures = np.zeros((48, 2, 2, 3), "uint8"), np.zeros((40, 2, 2, 3), "uint8")
    target = Target("cheap", "Which?", pictures[0], labels, pictures[1], test_labels, tuple("abcd"))
    rng = np.random.default_rng(0)
    centres = {"vague": 0.0, "clear": 6.0}
    pool, test = (
        {cut: far * np.eye(4)[y] + rng.normal(size=(len(y), 4)) for cut, far in centres.items()}
        for y in (labels, test_labels)
    )
    return target, pool, test


def test_a_sweep_probes_every_cut_with_the_draws_of_the_target(cheap_target):
    target, pool, test = cheap_target
    scores = probing.sweep(target, pool, test, (3, 9), draws=3, seed=5)
    assert set(scores) == {3, 9} and scores[3].shape == (3, 2)
    for n, table in scores.items():
        for draw, row in enumerate(table):
            chosen = target.choose(n, [5, draw])
            alone = [
                100 * linear_probe(pool[cut][chosen], target.labels[chosen], test[cut], target.test_labels)
                for cut in pool
            ]
            assert list(row) == pytest.approx(alone)
    assert scores[9][:, 1].min() > 95 and scores[9][:, 0].max() < 60


def test_an_interval_is_students():
    # Mean 3, standard deviation 1.5811, and 2.776 is Student's t at 97.5 % for 4 degrees of freedom.
    mean, half = interval([1, 2, 3, 4, 5])
    assert mean == 3 and half == pytest.approx(2.7764 * 1.58114 / np.sqrt(5), rel=1e-4)


def test_an_interval_goes_along_its_axis():
    scores = np.random.default_rng(0).normal(size=(2, 3, 6))
    mean, half = interval(scores)
    assert mean.shape == half.shape == (2, 3)
    for k in np.ndindex(2, 3):
        assert (mean[k], half[k]) == pytest.approx(tuple(map(float, interval(scores[k]))))
    np.testing.assert_allclose(interval(np.moveaxis(scores, -1, 0), axis=0)[1], half)


def test_an_interval_holds_the_truth_in_95_percent():
    draws = np.random.default_rng(0).normal(7, 2, (4000, 5))
    mean, half = interval(draws)
    assert abs((np.abs(mean - 7) < half).mean() - 0.95) < 0.014  # four standard errors


def test_one_draw_has_no_interval():
    mean, half = interval([[4.0], [5.0]])
    assert mean.tolist() == [4, 5] and np.isnan(half).all() and half.shape == (2,)


def test_raw_pixels_are_every_fourth_one_of_a_drawing():
    np.testing.assert_allclose(probing.raw_pixels(PICTURES), PICTURES[:, ::4, ::4].reshape(20, 768) / 255)
    assert probing.raw_pixels(np.zeros((2, 224, 160, 3), "uint8")).shape == (2, 768)
