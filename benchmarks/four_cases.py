"""The table `four_cases` of lesson 09: which recipe serves little and much data, near to the source and far from it?

Needs the folder that COURSE_DATA names, as recipes.py does: the near target is photographs of flowers, the far one
handwritten digits. Numbers alone go into the table.
"""

import click
import numpy as np
from recipes import DATA, ready

LATE, MIDDLE = 4, 8  # blocks before the last cut: from there fine-tuning begins, and new layers stand there
STEPS = {"head": 150, "new layers": 300, "fine-tuning": 150, "from scratch": 400}


def _trained(model, x, y, steps: int, rate: float, seed: int, mirror: bool = False) -> None:
    import keras

    rng = np.random.default_rng(seed)
    model.compile(keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(rate, steps)), _loss())
    for _ in range(steps):
        chosen = rng.integers(0, len(x), 32)
        batch = x[chosen]
        if mirror:
            flip = rng.random(len(batch)) < 0.5
            batch[flip] = batch[flip, :, ::-1]
        model.train_on_batch(batch, y[chosen])


def _loss():
    import keras

    return keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def _right(model, x, y) -> float:
    return 100 * float(np.mean(model.predict(x, batch_size=128, verbose=0).argmax(1) == y))


def _validated(x, y) -> float:
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    head = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500))
    return float(cross_val_score(head, x, y, cv=5).mean())


def _convolutions(shape, classes: int, channels: tuple[int, ...]):
    import keras
    from keras import layers

    parts = [layers.Conv2D(c, 3, 2 if k == 0 else 1, "same", activation="relu") for k, c in enumerate(channels)]
    return keras.Sequential(
        [keras.Input(shape), *parts, layers.GlobalAveragePooling2D(), layers.Dropout(0.5), layers.Dense(classes)]
    )


def _small_network(shape, classes: int):
    import keras
    from keras import layers

    stages = [
        layer
        for channels in (32, 64, 128, 128)
        for layer in (
            layers.Conv2D(channels, 3, strides=2, padding="same", use_bias=False),
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
        )
    ]
    head = [layers.GlobalAveragePooling2D(), layers.Dropout(0.3), layers.Dense(classes)]
    return keras.Sequential([keras.Input(shape), layers.Rescaling(1 / 127.5, -1), *stages, *head])


def _suffix(source, first: str, classes: int):
    """The layers behind the cut `first`, with weights of their own, BatchNorm frozen, and a head of zeros."""
    import keras
    from keras import layers

    inner = keras.Model(source.prefix(first).output, source.prefix(source.cuts[-1]).output)
    suffix = keras.models.clone_model(inner)
    suffix.set_weights(inner.get_weights())
    for layer in suffix.layers:
        layer.trainable = not isinstance(layer, layers.BatchNormalization)
    head = layers.Dense(classes, kernel_initializer="zeros")
    return keras.Sequential([suffix, layers.GlobalAveragePooling2D(), head])


def _one_draw(source, target, features, test_features, train, seed: int, mirror: bool) -> dict[str, float]:
    """Test accuracy (%) of each recipe on one draw of training pictures."""
    import keras

    from course_utils.probing import linear_probe, raw_pixels

    keras.utils.set_random_seed(seed)
    y, test_y, classes = target.labels[train], target.test_labels, len(target.class_names)
    x, test_x = target.pictures[train], target.test_pictures
    own = {cut: values[train] for cut, values in features.items()}
    cut, last = max(own, key=lambda c: _validated(own[c], y)), source.cuts[-1]
    found = {
        "raw pixels": 100 * linear_probe(raw_pixels(x), y, raw_pixels(test_x), test_y),
        "linear head, last cut": 100 * linear_probe(own[last], y, test_features[last], test_y),
        "linear head, chosen cut": 100 * linear_probe(own[cut], y, test_features[cut], test_y),
    }
    cuts = {"new layers": source.cuts[-1 - MIDDLE], "fine-tuning": source.cuts[-1 - LATE]}
    for recipe, first in cuts.items():
        prefix = source.prefix(first)
        maps, test_maps = (
            prefix.predict(source.preprocess(p), batch_size=64, verbose=0).astype("float32") for p in (x, test_x)
        )
        if recipe == "new layers":
            mean, spread = maps.mean((0, 1, 2)), maps.std((0, 1, 2)) + 1e-6
            maps, test_maps = (maps - mean) / spread, (test_maps - mean) / spread
            model = _convolutions(maps.shape[1:], classes, (64, 64))
            _trained(model, maps, y, STEPS[recipe], 2e-3, seed)
        else:
            model = _suffix(source, first, classes)
            model.layers[0].trainable = False
            _trained(model, maps, y, STEPS["head"], 1e-2, seed)
            for layer in model.layers[0].layers:
                layer.trainable = not isinstance(layer, keras.layers.BatchNormalization)
            _trained(model, maps, y, STEPS[recipe], 3e-4, seed)
        found[recipe] = _right(model, test_maps, test_y)
    scratch = _small_network(x.shape[1:], classes)
    _trained(scratch, x.astype("float32"), y, STEPS["from scratch"], 2e-3, seed, mirror)
    return found | {"from scratch": _right(scratch, test_x.astype("float32"), test_y)}


@click.command()
def main():
    """Measure the four cases, print the means and put the table among those that come with the course."""
    ready()
    from course_utils.charts.four_cases import SETTINGS
    from course_utils.pictures.folders import folder_target
    from course_utils.probing import cut_features
    from course_utils.progress import bar
    from course_utils.sources import load_source
    from course_utils.store.cache import ship_table
    from course_utils.targets import load_target

    source = load_source(SETTINGS["source"], pixels=SETTINGS["pixels"])
    near = folder_target(DATA / "flowers5", side=SETTINGS["pixels"])
    targets = {"near": near, "far": load_target("digits")}
    table = []
    with bar(total=2 * len(SETTINGS["ns"]) * SETTINGS["draws"], label="four cases", unit="draws") as progress:
        for name, target in targets.items():
            features, asked = (cut_features(source, p) for p in (target.pictures, target.test_pictures))
            for n in SETTINGS["ns"]:
                for draw in range(SETTINGS["draws"]):
                    train = target.choose(n, [0, draw])
                    found = _one_draw(source, target, features, asked, train, draw, name == "near")
                    table.append({"target": name, "n": n} | {k: round(v, 2) for k, v in found.items()})
                    progress.write(str(table[-1]))
                    progress.update(1)
    print(ship_table("four_cases", SETTINGS, table))


if __name__ == "__main__":
    main()
