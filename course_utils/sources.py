"""Source models: pretrained networks with their cut points, their preprocessing and their class names.

`load_source` says in one line what it loaded, from where and why. Random weights never stand in for pretrained ones.
"""

import difflib
import re
from pathlib import Path

import numpy as np

from .errors import (
    BadInputSize,
    NoClassifier,
    UnknownCut,
    UnknownPreprocessing,
    UnknownSource,
    UnsuitableModel,
)
from .models import cuts
from .models.hub.presets import PREFIX, load_preset
from .models.installed import INSTALLED, load_installed
from .models.loading import load_application, load_drawings
from .models.network import Network, Scaling, ending
from .models.own_file import load_file
from .models.stored import ENDINGS
from .models.zoo import ZOO
from .pictures.arrays import CHUNK, checked, resized
from .store import downloads

AUTO = "EfficientNetLite0"
DRAWINGS = ("drawings", "embedded")  # the second is what it was called before


class Source(Network):
    """A source model, as `load_source` gives it, with the fields of `models.network.Network`."""

    def preprocess(self, pictures: np.ndarray) -> np.ndarray:
        """Pictures (n, h, w, 3), RGB, uint8 or float 0 … 255, as the model wants them: float32, `(n, *input_size, 3)`.

        Resized (bilinear, antialiased where they shrink; the whole picture, so its aspect ratio may change), then
        scaled as in the source's training. Raises `BadPictures`.
        """
        return self.scaled(checked(pictures))

    def scaled(self, pictures: np.ndarray) -> np.ndarray:
        """`preprocess` for a part of pictures that were `checked` together."""
        x = resized(pictures, self.input_size)
        return np.asarray(self.scaling(x) if self.scaling else x, "float32")

    def predict(self, pictures: np.ndarray) -> np.ndarray:
        """Probabilities of the source classes, float32 (n, classes), for pictures as in `preprocess`.

        Raises `BadPictures`, and `NoClassifier` where the source has none.
        """
        if not self.class_names:
            raise NoClassifier(self._why_no_classifier())
        pictures = checked(pictures)
        parts = range(0, len(pictures), CHUNK)
        return np.concatenate(
            [self.model.predict_on_batch(self.scaled(pictures[i : i + CHUNK])) for i in parts]
        ).astype("float32")

    def _why_no_classifier(self) -> str:
        width, how = self.model.output_shape[-1], ending(self.model)
        if how == "sigmoid" and width == 1:
            return (
                f"{self.name} ends in one sigmoid, the probability of one of two classes, and so has no probability "
                "for each class: ask source.model itself, or give it two outputs with a softmax."
            )
        if how == "sigmoid":
            return (
                f"{self.name} ends in {width} sigmoids, each a yes or no by itself, and so not in probabilities of "
                "classes of which one is right: ask source.model itself."
            )
        if how == "numbers":
            return (
                f"{self.name} ends in {width} numbers that are no probabilities, as there is no softmax at its end: if "
                "they are logits, save keras.Model(model.input, keras.layers.Softmax()(model.output)), and load that."
            )
        if how == "a softmax of one number":
            return (
                f"{self.name} ends in a softmax of one number, which is always 1, so it tells no classes apart: give "
                "it one output for each class, or a sigmoid in its place, and train that."
            )
        return (
            f"{self.name} as it is loaded ends in {how}, and has no classifier: put a head of your own on it, or load "
            "a source that has one with classifier=True."
        )

    def top(self, pictures: np.ndarray, k: int = 5) -> list[list[tuple[str, float]]]:
        """The k most probable classes of each picture, best first, as (class name, probability)."""
        best = []
        for row in self.predict(pictures):
            order = np.argsort(-row, kind="stable")[:k]
            best.append([(self.class_names[i], float(row[i])) for i in order])
        return best

    def prefix(self, cut: str):
        """The network from its input up to the cut, as a Keras model that shares the source's layers.

        Raises `UnknownCut` with the names that there are.
        """
        import keras

        if cut not in self.cuts:
            close = difflib.get_close_matches(str(cut), self.cuts, n=3, cutoff=0.6)
            advice = f"did you mean {_either(close)}? All of them" if close else "choose one of these"
            raise UnknownCut(f"{self.name} has no cut point '{cut}': {advice}: {', '.join(self.cuts)}.")
        return keras.Model(self.model.input, cuts.output_of(self.model, cut), name=f"{self.name}_to_{cut}")

    def map_cuts(self) -> tuple[str, ...]:
        """The cuts that hold maps, (height, width, channels), and no tokens or vectors; shallow to deep.

        Raises `UnsuitableModel` where there is none, as in a transformer.
        """
        found = tuple(cut for cut in self.cuts if len(cuts.output_of(self.model, cut).shape) == 4)
        if not found:
            raise UnsuitableModel(
                f"{self.name} has no maps at its cuts, but tokens or vectors, as a transformer has them: take a source "
                "of convolutions where maps are looked at or pooled; cut_features, add_head and all that they serve "
                "take this one too."
            )
        return found


def load_source(
    name: str | Path = "auto",
    *,
    classifier: bool = True,
    input_size: tuple[int, int] | None = None,
    pixels: int | None = None,
    preprocess: Scaling | None = None,
) -> Source:
    """Load a source model with its pretrained weights, and print in one line what it is and where it came from.

    `name` is "EfficientNetLite0", which "auto" takes, "EfficientNetLite1" or "EfficientNetLite2" (ImageNet networks
    that come with the course's packages, so that no network is asked), "drawings" (the course's own small network), the
    name of a model in `keras.applications` with its ImageNet weights, or the path of a `.keras` file, or of an `.h5`
    file that holds a whole model (a model within that model counts as one layer). "hub:" before the name of a preset of
    KerasHub, or before the folder of one, takes that; the package keras-hub must be installed (`models.hub.presets`).

    `classifier=False` leaves the classifier out; from Keras that is a smaller file. `input_size`, height and width in
    pixels, may then differ from the size of the source's training, and with a classifier where it takes averages over
    the picture (not VGG's); the weights are those of the size of training all the same.
    `pixels` is a wish: a smaller side saves time, and a source that has one size only ("drawings", a file, a preset)
    keeps it.
    `preprocess` is for a file whose model does not scale its pictures itself: a function from float32 pictures
    0 … 255 (n, h, w, 3) to what the model was trained on. Where that model remembers that its training was on
    pictures of another scale, the line says so (`models.scaling.doubt`).

    Raises `UnknownSource`, `SourceUnavailable`, `DamagedFile`, `BadInputSize`, `UnknownPreprocessing` and
    `UnsuitableModel`.
    """
    if hasattr(name, "layers"):
        raise UnknownSource(
            "load_source takes a name or a path, and this is a model: store it with model.save('name.keras'), and give "
            "'name.keras'."
        )
    name = str(name)
    if re.match(r"\w+://", name):
        raise UnknownSource(f"{name} is an address: fetch the file, and give the path where it lies here.")
    known = name == "auto" or name in DRAWINGS or name in INSTALLED or name in ZOO
    of_hub = name.startswith(PREFIX)
    is_file = not (known or of_hub) and (name.lower().endswith(ENDINGS) or (name and Path(name).expanduser().is_dir()))
    if preprocess is not None and known:
        raise UnknownPreprocessing(f"'{name}' knows how to scale its pictures: leave out preprocess=.")
    if input_size is not None:
        input_size = _checked_size(input_size)
    elif pixels is not None and not is_file and not of_hub and name not in DRAWINGS:
        input_size = _checked_size((pixels, pixels))
    if name == "auto":
        name = AUTO
    if name in DRAWINGS:
        loaded = load_drawings(classifier, input_size)
    elif name in INSTALLED:
        loaded = load_installed(INSTALLED[name], classifier, input_size)
    elif name in ZOO:
        downloads.silent_hosts.clear()  # asked for by name: look again, the network may be back
        loaded = load_application(ZOO[name], classifier, input_size)
    elif of_hub:
        loaded = load_preset(name.removeprefix(PREFIX), classifier, input_size, preprocess)
    elif is_file:
        loaded = load_file(Path(name).expanduser(), classifier, input_size, preprocess)
    else:
        raise UnknownSource(_unknown(name))
    print(loaded.provenance)
    return Source(**vars(loaded))


def _checked_size(size) -> tuple[int, int]:
    try:
        height, width = (int(side) for side in size)
    except (TypeError, ValueError):
        height = width = 0
    if height < 1 or width < 1:
        raise BadInputSize(f"input_size={size!r} is no picture size: give (height, width) in pixels, as in (160, 160).")
    return height, width


def _either(names: list[str]) -> str:
    return " or ".join(f"'{name}'" for name in names)


def _unknown(name: str) -> str:
    if Path(name).suffix.lower() in (".pb", ".pt", ".pth", ".onnx", ".tflite", ".npz"):
        return f"'{name}' is no .keras file: load the model in Keras and store it with model.save('name.keras')."
    known = ["auto", *DRAWINGS[:1], *INSTALLED, *ZOO]
    lower = {known_name.lower(): known_name for known_name in known}
    close = [lower[match] for match in difflib.get_close_matches(name.lower(), lower, n=3, cutoff=0.6)]
    if close:
        return f"There is no source '{name}': did you mean {_either(close)}?"
    return (
        f"There is no source '{name}': use 'auto', 'drawings', a .keras file, 'hub:' and the name of a preset of "
        f"KerasHub, or one of {', '.join(known[2:])}."
    )
