"""Load the networks that are known by name: those of `keras.applications`, and the course's own."""

import os

import numpy as np

from ..errors import BadInputSize, CourseError, DamagedFile
from ..root import with_tilde
from ..store import downloads, weights
from ..world import embedded, shapes
from . import cuts
from .network import Network, numbered_classes
from .zoo import ZOO, ZooEntry


def load_drawings(classifier: bool, input_size: tuple[int, int] | None) -> Network:
    """The course's own small network. Raises `BadInputSize` for any other than its own."""
    import keras

    size = (shapes.SIZE, shapes.SIZE)
    if input_size not in (None, size):
        raise BadInputSize(f"The source 'drawings' takes {size[0]} x {size[1]} pixels: leave out input_size.")
    model = embedded.build()
    embedded.load_weights(model)
    names, points = shapes.class_names(), embedded.CUTS
    if not classifier:
        points = points[:-1]  # the last one, the logits, is the classifier
        names, model = (), keras.Model(model.input, cuts.output_of(model, points[-1]), name="drawings")
    told = (
        f"drawings: the course's own small network, {len(shapes.class_names())} classes of drawings, {size[0]} x "
        f"{size[1]} pixels, {embedded.read_card()['accuracy']:.1%} right on fresh drawings; weights from the course's "
        "own files."
    )
    return Network("drawings", model, points, names, size, told, embedded.preprocess)


def load_application(entry: ZooEntry, classifier: bool, input_size: tuple[int, int] | None) -> Network:
    """A model of `keras.applications` with its ImageNet weights.

    Raises `SourceUnavailable`, `DamagedFile` and `BadInputSize`.
    """
    trained = (entry.size, entry.size)
    size = input_size or trained
    what = f"{entry.name}'s ImageNet weights"
    own_size_only = BadInputSize(
        f"{entry.name} with its classifier takes {entry.size} x {entry.size} pixels: "
        "leave out input_size, or load it with classifier=False."
    )
    if size != trained:
        shapes_there = weights.weight_shapes(lambda: entry.build(None, classifier, size))
        if shapes_there is None:
            raise BadInputSize(
                f"{entry.name} cannot take pictures as small as {size[0]} x {size[1]}: give a larger input_size."
            )
        if classifier and shapes_there != weights.weight_shapes(lambda: entry.build(None, classifier)):
            raise own_size_only
    # Always the weights of the size of training: one file serves every size, whatever else is in the cache.
    file = weights.wanted(lambda: entry.build("imagenet", classifier))
    path, how = weights.obtain(file, what)
    try:
        with weights.answering(lambda _: str(path)):
            model = entry.build("imagenet", classifier, None if classifier else size)
        if classifier and size != trained:  # Keras gives pretrained classifiers at the size of training only
            model, pretrained = entry.build(None, classifier, size), model
            kinds = [type(layer) for layer in model.layers]
            pretrained_kinds = [type(layer) for layer in pretrained.layers]
            if kinds != pretrained_kinds:  # EfficientNet has one layer more where it comes with its weights
                raise own_size_only
            model.set_weights(pretrained.get_weights())
        whole = all(np.isfinite(np.asarray(weight)).all() for weight in model.weights)
    except (OSError, ValueError, KeyError, RuntimeError):
        whole = False
    if not whole:
        raise DamagedFile(
            f"The file of {what}, {with_tilde(path)}, does not hold them: delete it, and load the source again."
        )
    told = f"{entry.name}: ImageNet weights ({file.name}) {how}; {size[0]} x {size[1]} pixels"
    if size != trained:
        told += f" (trained at {entry.size} x {entry.size})"
    names, remark = _imagenet_names() if classifier else ((), "")
    told += (f", {len(names):,} classes." if names else ", no classifier.") + remark
    return Network(entry.name, model, entry.cuts(model), names, size, told, entry.preprocess)


def keras_may_load(name: str, fetch: bool) -> bool:
    """Whether Keras itself can load a network's ImageNet weights and class names without waiting for a server.

    They must be in Keras's cache; with `fetch` they are brought there, checked and with a bar. Else one sentence says
    that the cell is skipped, and why. No weights are loaded here.
    """
    whole, _, classes = ZOO[name].files()
    wanted, folder = (whole, classes), weights.weights_folder()
    try:
        if not all(file.path.is_file() for file in wanted) and not fetch:
            print(f"{name}'s weights are not in Keras's cache and FETCH is False: this cell is skipped.")
            return False
        downloads.silent_hosts.clear()  # asked for anew: the network may be back
        for file in wanted:
            weights.obtain(file, f"{name}'s ImageNet weights")
    except CourseError as problem:
        print(f"This cell is skipped. {problem}")
        return False
    if not os.access(folder.parent, os.W_OK):  # Keras would look elsewhere, and fetch
        print(f"{name}'s weights lie in a cache that Keras may not write to: this cell is skipped.")
        return False
    return True


def _imagenet_names() -> tuple[tuple[str, ...], str]:
    """The 1,000 class names in order, with a remark where they are only numbers because the list cannot be had."""
    from keras.applications import imagenet_utils

    ranked = np.linspace(1, 0, 1000)[None]  # decoded best first, this gives the names in their own order
    try:
        with weights.answering(lambda file: str(weights.obtain(file, "the ImageNet class names")[0])):
            decoded = imagenet_utils.decode_predictions(ranked, top=1000)
    except CourseError as problem:
        return numbered_classes(1000), f" They have numbers for names. {problem}"
    return tuple(name for _, name, _ in decoded[0]), ""
