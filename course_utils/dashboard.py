"""Watch a network being fine-tuned: loss, accuracy, gradients and drift while it trains, until you stop it."""

import signal
import time

import numpy as np

from .training import gradient_norms
from .transfer import snapshot
from .widgets import drawn, show_widget

_PAUSE = 1.0  # seconds between two drawings at least: training is what the time is for


def dashboard(model, batch: tuple, held_out: tuple, blocks: dict[str, str], every: int = 5):
    """A Keras callback that draws how training goes, for `fit(..., callbacks=[dashboard(...)])`.

    `batch` and `held_out` are (x, y) with the model's own inputs and class indices: gradients are taken on the first,
    accuracy is measured on both. `blocks` maps each layer's name to its block's, shallow to deep. All is measured every
    `every` steps, and changes nothing of the training. Jupyter's button that interrupts the kernel ends the training
    after the step that runs, without an error; pressed again, it interrupts as ever.

    The callback's `history` maps "step", "loss", "batch" and "held out" (accuracies in per cent) to lists, and
    "gradient" and "drift" to lists by block: norms, and the change of a block's weights over their size before, in per
    cent. Where no widget runs, the picture of the end stands in its place.
    """
    import keras

    class Dashboard(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.history = {name: [] for name in ("step", "loss", "batch", "held out")}
            self.history |= {"gradient": {}, "drift": {}}
            self._step, self._drawn = 0, 0.0

        def on_train_begin(self, logs=None):
            self._start = snapshot(model)
            # A button of our own would not do: while the kernel trains, it does not hear of a widget's clicks.
            self._interrupt = signal.signal(signal.SIGINT, self.stop)
            self._measure(float("nan"))
            self._box, self._picture = self._shown()

        def on_train_batch_end(self, index, logs=None):
            self._step, self._loss = self._step + 1, float(logs["loss"])
            if self._step % every == 0:
                self._measure(self._loss)
                if time.monotonic() > self._drawn + _PAUSE:
                    self._picture.value = drawn(self._figure())
                    self._drawn = time.monotonic()

        def on_train_end(self, logs=None):
            from .figures import show

            signal.signal(signal.SIGINT, self._interrupt)
            if self._step > self.history["step"][-1]:
                self._measure(self._loss)
            self._box.layout.display = "none"
            last = {name: values[-1] for name, values in self.history.items() if isinstance(values, list)}
            show(
                self._figure(),
                f"Four panels over {self._step} steps: the loss ends at {last['loss']:.2f}, accuracy at "
                f"{last['batch']:.0f} % on a training batch and {last['held out']:.0f} % on pictures held out; "
                "gradient norm and drift of each block.",
            )

        def stop(self, signum, frame):
            """End the training after the step that runs. Where none runs, as `fit` has failed, interrupt as ever."""
            signal.signal(signal.SIGINT, self._interrupt)
            while frame and frame.f_locals.get("self") is not model:
                frame = frame.f_back
            if frame:
                model.stop_training = True
            else:
                signal.raise_signal(signum)

        def _measure(self, loss):
            history = self.history
            history["step"].append(self._step)
            history["loss"].append(loss)
            for name, (x, y) in (("batch", batch), ("held out", held_out)):
                guesses = np.argmax(model.predict_on_batch(x), axis=-1)
                history[name].append(100 * float(np.mean(guesses == y)))
            squares: dict[str, float] = dict.fromkeys(blocks.values(), 0.0)
            for layer, norm in gradient_norms(model, *batch).items():
                squares[blocks[layer]] += norm**2
            moved, size = dict.fromkeys(squares, 0.0), dict.fromkeys(squares, 0.0)
            for weight in model.weights:
                before, block = self._start[weight.path], blocks[weight.path.split("/")[-2]]
                moved[block] += float(np.sum((np.asarray(weight) - before) ** 2))
                size[block] += float(np.sum(before**2))
            for block, square in squares.items():
                history["gradient"].setdefault(block, []).append(square**0.5)
                drift = 100 * (moved[block] / size[block]) ** 0.5 if size[block] else 0.0
                history["drift"].setdefault(block, []).append(drift)

        def _figure(self):
            from .tuning_figures import training_panels

            return training_panels(self.history)

        def _shown(self):
            import ipywidgets

            how = ipywidgets.Label("To stop the training: ■ above (Kernel, Interrupt). What it learned stays.")
            start = drawn(self._figure())  # without it, a browser shows a broken picture until the first steps are done
            picture = ipywidgets.Image(value=start, format="png", layout=ipywidgets.Layout(max_width="100%"))
            box = ipywidgets.VBox([how, picture])
            show_widget(box, "In JupyterLab the training is drawn here while it goes on; below is how it ended.")
            return box, picture

    return Dashboard()
