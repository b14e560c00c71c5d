"""Features of every cut: in one pass against a pass for each cut, and against the arithmetic limit of this machine.

Run by `make bench`; needs the folder that COURSE_DATA names, as recipes.py does. Prints two tables and writes
build/bench/sweep.json. Each figure is the median of several runs, which take turns.
"""

import json
import os
import tempfile
from statistics import median
from time import perf_counter

import click
from classroom import BUILD
from recipes import DATA, ready

N = 100  # pictures per class
REPEATS = 3


def _seconds(act) -> float:
    begin = perf_counter()
    act()
    return perf_counter() - begin


def _peak(size: int = 3000) -> float:
    """Floating-point operations a second of TensorFlow's own product of matrices, the best of several."""
    import tensorflow as tf

    a = tf.random.normal((size, size))
    tf.matmul(a, a)
    return max(2 * size**3 / _seconds(lambda: tf.matmul(a, a).numpy()) for _ in range(5))


def _operations(model) -> int:
    """Floating-point operations for one picture: two for each multiplication of a convolution, and its addition."""
    total = 0
    for layer in model.layers:
        kind = type(layer).__name__
        if kind in ("Conv2D", "DepthwiseConv2D"):
            height, width = layer.output.shape[1:3]
            total += 2 * height * width * int(layer.weights[0].shape.num_elements())
    return total


@click.command()
def main():
    """Time both ways on flowers with MobileNetV2."""
    ready()
    import keras

    from course_utils.pictures.folders import folder_target
    from course_utils.probing import cut_features
    from course_utils.sources import load_source

    target = folder_target(DATA / "flowers5", side=160)
    source = load_source("MobileNetV2", classifier=False, input_size=(160, 160))
    pictures = target.pictures[target.choose(N, 0)]

    def together():
        with tempfile.TemporaryDirectory() as cache:
            os.environ["COURSE_CACHE"] = cache
            cut_features(source, pictures)

    def one_by_one():
        for cut in source.cuts:
            with tempfile.TemporaryDirectory() as cache:
                os.environ["COURSE_CACHE"] = cache
                cut_features(source, pictures, (cut,))

    def predict_last():  # a new model each time: what is built and traced for the first call counts, here as there
        pooled = keras.layers.GlobalAveragePooling2D()(source.model.output)
        keras.Model(source.model.input, pooled).predict(source.preprocess(pictures), verbose=0)

    def ours_last():
        with tempfile.TemporaryDirectory() as cache:
            os.environ["COURSE_CACHE"] = cache
            cut_features(source, pictures, (source.cuts[-1],))

    ways = {
        "every cut, one pass": together,
        "every cut, a pass for each": one_by_one,
        "last cut": ours_last,
        "last cut, model.predict": predict_last,
    }
    times = {name: [] for name in ways}
    predict_last()
    for _ in range(REPEATS):
        for name, act in ways.items():
            times[name].append(_seconds(act))
    peak, operations = _peak(), _operations(source.model)
    result = {
        "pictures": len(pictures),
        "cuts": len(source.cuts),
        "seconds": times,
        "peak_gflops": peak / 1e9,
        "mflop_per_picture": operations / 1e6,
        "limit_pictures_per_second": peak / operations,
    }
    BUILD.mkdir(parents=True, exist_ok=True)
    (BUILD / "sweep.json").write_text(json.dumps(result, indent=1))
    one = median(times["every cut, one pass"])
    print(f"{len(pictures)} pictures of 160 x 160, {len(source.cuts)} cuts of MobileNetV2, median of {REPEATS}")
    for name, seconds in times.items():
        rate = len(pictures) / median(seconds)
        print(
            f"{name:36} {median(seconds):7.2f} s ({min(seconds):.2f} to {max(seconds):.2f})  {rate:6.0f} pictures/s  "
            f"{median(seconds) / one:5.1f} times one pass"
        )
    print(
        f"limit: {peak / operations:.0f} pictures/s ({operations / 1e6:.0f} MFLOP each, and {peak / 1e9:.0f} GFLOP/s "
        "in the best product of matrices here)"
    )


if __name__ == "__main__":
    main()
