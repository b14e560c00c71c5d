"""Watch a network being fine-tuned: loss, accuracy, gradients and drift while it trains, until you stop it."""

import signal
import time
import traceback

from ..figures import show
from ..training import accuracy, drift, gradient_norms
from ..transfer import every_layer, named_layers, snapshot
from .tuning import training_panels
from .widgets import drawn, show_widget

_PAUSE = 1.0  # seconds between two drawings at least: training is what the time is for


def dashboard(model, batch: tuple, held_out: tuple, blocks: dict[str, str], every: int = 5):
    """A Keras callback that draws how training goes, for `fit(..., callbacks=[dashboard(...)])`.

    `batch` and `held_out` are (x, y) with the model's own inputs and class indices: gradients are taken on the first,
    accuracy is measured on both. `blocks` maps each layer's name to its block's, shallow to deep; that of a model
    within the model stands for all its layers, and layers without one are passed over. All is measured every `every`
    steps, and changes nothing of the training. Jupyter's button that interrupts the kernel ends the training after the
    step that runs, without an error; pressed again, it interrupts as usual.

    The callback's `history` maps "step", "loss", "batch" and "held out" (accuracies in per cent) to lists, and
    "gradient" and "drift" to lists by block: norms, and the change of a block's weights over their size before, in per
    cent. Where no widget runs, the picture of the end stands in its place.
    """
    import keras

    watch = _Dashboard(model, _Measurements(model, batch, held_out, blocks), every)
    callback = keras.callbacks.LambdaCallback(
        on_train_begin=lambda logs: watch.begin(),
        on_train_batch_end=lambda batch, logs: watch.step_done(float(logs["loss"])),
        on_train_end=lambda logs: watch.end(),
    )
    callback.history = watch.measured.history
    return callback


def _of_every_layer(model, blocks: dict[str, str]) -> dict[str, str]:
    within = [layer for layer in model.layers if layer.name in blocks and hasattr(layer, "layers")]
    outer = {id(one): blocks[layer.name] for layer in within for one in every_layer(layer)}
    found = {name: blocks.get(one.name, outer.get(id(one))) for name, one in named_layers(model).items()}
    return {name: block for name, block in found.items() if block is not None}


class _Measurements:
    """What is measured of a model while it trains, as `history`."""

    def __init__(self, model, batch: tuple, held_out: tuple, blocks: dict[str, str]):
        self._model, self._batch, self._blocks = model, batch, _of_every_layer(model, blocks)
        self._sets = {"batch": batch, "held out": held_out}
        self.history: dict = {name: [] for name in ("step", "loss", *self._sets)} | {"gradient": {}, "drift": {}}

    def start(self) -> None:
        """Remember the weights, from which drift is measured."""
        self._start = snapshot(self._model)

    def add(self, step: int, loss: float) -> None:
        history = self.history
        history["step"].append(step)
        history["loss"].append(loss)
        for name, (x, y) in self._sets.items():
            history[name].append(100 * accuracy(self._model, x, y))
        squares: dict[str, float] = dict.fromkeys(self._blocks.values(), 0.0)
        for layer, norm in gradient_norms(self._model, *self._batch).items():
            if layer in self._blocks:
                squares[self._blocks[layer]] += norm**2
        drifted = drift(self._model, self._start, self._blocks)
        for block, square in squares.items():
            history["gradient"].setdefault(block, []).append(square**0.5)
            history["drift"].setdefault(block, []).append(100 * drifted[block])


class _Dashboard:
    """Measures, draws, and hears the interrupt, at the moments of which Keras's callback tells it."""

    def __init__(self, model, measured: _Measurements, every: int):
        self._model, self.measured, self._every = model, measured, every
        self._step, self._drawn = 0, 0.0

    def begin(self) -> None:
        self.measured.start()
        # A button of our own would not do: while the kernel trains, it does not hear of a widget's clicks.
        self._usual = signal.signal(signal.SIGINT, self._interrupted)
        self.measured.add(self._step, float("nan"))
        self._show()

    def step_done(self, loss: float) -> None:
        self._step, self._loss = self._step + 1, loss
        if self._step % self._every == 0:
            self.measured.add(self._step, loss)
            if time.monotonic() > self._drawn + _PAUSE:
                self._picture.value = drawn(self._figure())
                self._drawn = time.monotonic()

    def end(self) -> None:
        signal.signal(signal.SIGINT, self._usual)
        history = self.measured.history
        if self._step > history["step"][-1]:
            self.measured.add(self._step, self._loss)
        self._box.layout.display = "none"
        show(
            self._figure(),
            f"Four panels over {self._step} steps: the loss ends at {history['loss'][-1]:.2f}, accuracy at "
            f"{history['batch'][-1]:.0f} % on a training batch and {history['held out'][-1]:.0f} % on pictures held "
            "out; gradient norm and drift of each block.",
        )

    def _interrupted(self, signum, frame) -> None:
        """End the training after the step that runs. Where none runs, as `fit` has failed, interrupt as usual."""
        signal.signal(signal.SIGINT, self._usual)
        if _in_fit(self._model, frame):
            self._model.stop_training = True
        else:
            signal.raise_signal(signum)

    def _figure(self):
        return training_panels(self.measured.history)

    def _show(self) -> None:
        import ipywidgets

        how = ipywidgets.Label("To stop the training: ■ above (Kernel, Interrupt). What it learned stays.")
        start = drawn(self._figure())  # without it, a browser shows a broken picture until the first steps are done
        self._picture = ipywidgets.Image(value=start, format="png", layout=ipywidgets.Layout(max_width="100%"))
        self._box = ipywidgets.VBox([how, self._picture])
        show_widget(self._box, "In JupyterLab the training is drawn here while it goes on; below is how it ended.")


def _in_fit(model, frame) -> bool:
    """Whether the model's `fit` runs. No flag could say so: when `fit` fails, Keras calls no callback to clear it."""
    calls = (caller for caller, _ in traceback.walk_stack(frame))
    return any(call.f_code.co_name == "fit" and call.f_locals.get("self") is model for call in calls)
