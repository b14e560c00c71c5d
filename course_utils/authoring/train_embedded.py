"""Train the embedded source again, from nothing but its renderer: `course train-embedded`."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ..training import accuracy
from ..world import embedded, shapes


def train(
    pictures: int = 640_000,
    seed: int = 0,
    folder: Path | None = None,
    progress: Callable[[int, int, float], None] | None = None,
    batch: int = 128,
) -> dict:
    """Train the network on freshly rendered drawings, write weights and card to `folder`, return the card.

    No picture is seen twice. SGD with Nesterov momentum, one cycle of the learning rate (up to 0.15
    and back to 0 along a cosine), L2 4e-4; mirrored pictures and permuted colour channels make the network
    indifferent to colour. `progress(done, total, loss)` is called once a step. Takes about 20 minutes on 2 cores.
    """
    import keras

    keras.utils.set_random_seed(seed)
    model = embedded.build(l2=4e-4, seed=seed)
    steps = max(2, pictures // batch)
    rate = keras.optimizers.schedules.CosineDecay(
        1e-3, steps - steps // 5, warmup_target=0.15, warmup_steps=max(1, steps // 5)
    )
    model.compile(
        keras.optimizers.SGD(rate, momentum=0.9, nesterov=True), "sparse_categorical_crossentropy", metrics=["accuracy"]
    )

    class Drawings(keras.utils.PyDataset):
        def __len__(self):
            return steps

        def __getitem__(self, step):
            rng = np.random.default_rng([seed, step])
            factors = shapes.sample_factors(batch, rng)
            x = shapes.render(factors, rng)[..., rng.permutation(3)]
            x = x[:, :: rng.choice((-1, 1)), :: rng.choice((-1, 1))]
            return embedded.preprocess(x), shapes.source_labels(factors)

    losses = []

    class Report(keras.callbacks.Callback):
        def on_train_batch_end(self, step, logs):
            losses.append(float(logs["loss"]))
            self.model.reset_metrics()  # or the next figure is an average over all steps so far
            if progress:
                progress(step + 1, steps, losses[-1])

    model.fit(Drawings(workers=1), epochs=1, shuffle=False, verbose=0, callbacks=[Report()])
    return _ship(model, Path(folder or str(embedded.DATA)), {"pictures": steps * batch, "seed": seed}, losses)


def _ship(model, folder: Path, facts: dict, losses: list[float]) -> dict:
    stored = {v.path.removeprefix(f"{model.name}/"): np.asarray(v).astype("float16") for v in model.variables}
    for variable in model.variables:  # what is measured is what is shipped: the rounded weights
        variable.assign(stored[variable.path.removeprefix(f"{model.name}/")].astype("float32"))
    drawings, labels = shapes.render_source(5000, seed=1_000_003)
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / embedded.WEIGHTS, **stored)
    card = facts | {
        "accuracy": accuracy(model, embedded.preprocess(drawings), labels),
        "tested_on": 5000,
        "loss_first": losses[0],
        "loss_last": float(np.mean(losses[-20:])),
        "sha256": hashlib.sha256((folder / embedded.WEIGHTS).read_bytes()).hexdigest(),
    }
    (folder / embedded.CARD).write_text(json.dumps(card, indent=1) + "\n", "utf-8")
    return card
