"""Presets of KerasHub (keras.io/keras_hub) as sources: networks of pictures, transformers among them.

The package is heavy and no lesson needs it, so it is imported only here, and only when a preset is asked for.
"""

import difflib
import inspect
from contextlib import suppress
from importlib import metadata
from pathlib import Path

from ...errors import BadInputSize, DamagedFile, SourceUnavailable, UnknownPreprocessing, UnknownSource, UnsuitableModel
from ...store import downloads
from .. import cuts, efficientnet_lite
from ..installed import imagenet_names
from ..network import Network, Scaling
from ..own_file import checked_network

PREFIX = "hub:"
INSTALL = "pip install keras-hub"
_HOST = "https://www.kaggle.com"  # where KerasHub has its own presets


def load_preset(
    preset: str, classifier: bool, input_size: tuple[int, int] | None, preprocess: Scaling | None
) -> Network:
    """A preset's network, by the name that KerasHub has for it, an address of a hub, or its folder.

    Scaling and size are those of the preset's own image converter, the scaling as a layer of the network; pictures are
    resized as for every source. The blocks of a transformer are cuts. Raises `SourceUnavailable`, `UnknownSource`,
    `DamagedFile`, `UnsuitableModel`, `BadInputSize` and `UnknownPreprocessing`.
    """
    hub = _keras_hub()
    folder = Path(preset).expanduser()
    here = preset != "" and folder.is_dir()
    if here and not (folder / "config.json").is_file():
        raise UnsuitableModel(
            f"{folder} is no preset of KerasHub, as it has no config.json: store one there with model.save_to_preset."
        )
    if not here:
        _check_name(hub, preset)
    whole, converter = _loaded(hub, str(folder) if here else preset, folder if here else None)
    shapes = [tensor.shape for tensor in whole.inputs]
    if len(shapes) != 1 or len(shapes[0]) != 4:
        raise UnsuitableModel(
            f"The preset '{preset}' takes {' and '.join(sorted(tensor.name for tensor in whole.inputs))}, and not one "
            "picture: give a preset of a network of pictures."
        )
    if converter is not None and preprocess is not None:
        raise UnknownPreprocessing(f"The preset '{preset}' says how to scale its pictures: leave out preprocess=.")
    size = tuple(shapes[0][1:3])
    if None in size:
        size = input_size or (converter.image_size if converter is not None else None)
        if size is None:
            raise BadInputSize(f"The preset '{preset}' takes any size: say which with input_size=(height, width).")
    model, names, remark = _unrolled(whole, converter, size), (), ""
    if isinstance(whole, hub.models.ImageClassifier):
        if not here and "imagenet" in preset and model.output_shape[-1] == efficientnet_lite.CLASSES:
            names, remark = imagenet_names()
    origin = (
        f"a preset of KerasHub {metadata.version('keras-hub')}, {folder if here else 'by name'}{remark.rstrip('.')}"
    )
    model.name = folder.name if here else preset
    return checked_network(model, model.name, origin, classifier, input_size, preprocess, names)


def _keras_hub():
    try:
        import keras_hub
    except ImportError as problem:
        if problem.name not in ("keras_hub", None):
            raise SourceUnavailable(
                f"KerasHub is installed, but cannot be imported ({problem}): `{INSTALL} --upgrade` brings it anew."
            ) from None
        raise SourceUnavailable(
            f"Presets of KerasHub need the package keras-hub, which is not installed here: `{INSTALL}` brings it."
        ) from None
    return keras_hub


def _check_name(hub, preset: str) -> None:
    """Raise where there is no such preset, or where it takes something else than pictures; nothing is fetched yet."""
    known = hub.models.Backbone.presets
    if preset not in known:
        if "://" in preset:
            raise UnknownSource(
                f"{preset} is an address: fetch the preset, and give '{PREFIX}' and the folder where it lies here."
            )
        if "/" in preset or preset.startswith((".", "~")):
            raise UnknownSource(f"There is no folder {preset}: check the path, seen from the folder {Path.cwd()}.")
        pictures = hub.layers.ImageConverter.presets
        close = difflib.get_close_matches(preset, pictures, n=3, cutoff=0.6)
        advice = f"did you mean {' or '.join(map(repr, close))}?" if close else "keras.io/keras_hub/presets lists them."
        raise UnknownSource(f"KerasHub has no preset '{preset}': {advice}")
    if preset not in hub.layers.ImageConverter.presets or preset in hub.tokenizers.Tokenizer.presets:
        raise UnsuitableModel(
            f"The preset '{preset}' takes text or sound, and not pictures alone: give a preset of a network of "
            "pictures, as 'vit_base_patch16_224_imagenet'."
        )


def _loaded(hub, preset: str, folder: Path | None):
    """The preset's classifier, or its backbone where it has none, and its image converter or None."""
    try:
        return _read(hub, preset, folder)
    except MemoryError:
        raise
    except Exception as problem:  # whatever Keras, h5py and the hubs' clients raise, of which there is no list
        told = str(problem).strip().partition("\n")[0].rstrip(".:") or type(problem).__name__
        if folder:
            raise DamagedFile(
                f"The preset in {preset} cannot be read ({type(problem).__name__}): store it again with "
                "model.save_to_preset, by a KerasHub that knows all of its classes."
            ) from None
        downloads.silent_hosts.clear()  # asked for by name: look again, the network may be back
        why = downloads.unreachable(_HOST) or told
        raise SourceUnavailable(
            f"The preset '{preset}' cannot be had: {why}; where there is a network, store it with "
            f"model.save_to_preset, and give '{PREFIX}' and its folder here."
        ) from None


def _read(hub, preset: str, folder: Path | None):
    lacking = (TypeError, ValueError, FileNotFoundError)  # as KerasHub says that a preset has no such part
    if folder:  # what is there must be whole
        task = folder / "task.json"
        classifies = task.is_file() and "ImageClassifier" in task.read_text("utf-8")
        whole = (hub.models.ImageClassifier if classifies else hub.models.Backbone).from_preset(preset)
        lacking = () if (folder / "image_converter.json").is_file() else lacking
    else:
        try:
            whole = hub.models.ImageClassifier.from_preset(preset)
        except lacking:
            whole = hub.models.Backbone.from_preset(preset)
    try:
        return whole, hub.layers.ImageConverter.from_preset(preset)
    except lacking:
        return whole, None


def _unrolled(model, converter, size: tuple[int, int], blocks: bool = True):
    """The model as one graph, from a picture 0 … 255 where it has a converter; it shares the layers.

    KerasHub keeps a transformer's blocks in one layer, and its backbone in one layer of the classifier. It trains
    classifiers on logits: here they end in a softmax. `blocks=False` leaves the blocks in their layer.
    """
    import keras

    last = model.outputs[0]._keras_history.operation
    if hasattr(model, "num_classes") and getattr(last, "activation", None) is keras.activations.linear:
        last.activation = keras.activations.softmax

    pictures = x = keras.Input((*size, model.inputs[0].shape[3]), name="pictures")
    if converter is not None:
        scale = 1.0 if converter.scale is None else converter.scale
        x = keras.layers.Rescaling(scale, converter.offset or 0.0, name="own_scaling")(x)

    def called(step, *given, **settings):
        if cuts.is_graph(step):
            return again(step, given[0])
        if blocks and any(_are_layers(value) for name, value in vars(step).items() if name[0] != "_"):
            with suppress(ValueError):  # a block that gives more than tensors cannot stand alone
                return step.call(*given, **settings)  # its layers one by one
        return step(*given, **settings)

    def again(graph, x):
        made = {id(old): new for old, new in zip(graph.inputs, keras.tree.flatten(x), strict=True)}
        for node in cuts.uses(graph):
            if not node.is_input:
                given, settings = node.arguments.fill_in(made)
                new = keras.tree.flatten(called(node.operation, *given, **settings))
                made.update(zip(map(id, node.outputs), new, strict=True))
        return keras.tree.pack_sequence_as(graph.output, [made[id(tensor)] for tensor in graph.outputs])

    x = again(model, x)
    if not hasattr(model, "num_classes"):  # its last layer is a cut, and no model's end is one
        x = keras.layers.Identity(name="features")(x)
    try:
        whole = keras.Model(pictures, x)
    except ValueError:  # blocks of two stages have the same names
        if not blocks:
            raise
        return _unrolled(model, converter, size, blocks=False)
    for step in whole.layers:
        _mend_config(step)
    return whole


def _mend_config(step) -> None:
    """Where a layer's class does not take back what it says of itself, let it say what its `__init__` takes.

    So it is with KerasHub 0.32's ViTPatchingAndEmbedding, without which no ViT could be copied, or stored and loaded.
    Raises `UnsuitableModel` where that does not help.
    """
    kind = type(step)
    told, taken = kind.get_config, set(inspect.signature(kind.__init__).parameters) - {"self", "kwargs"}

    def get_config(self) -> dict:
        config = {"name": self.name, "trainable": self.trainable, "dtype": self.dtype_policy.name}
        return config | {name: getattr(self, name) for name in taken if hasattr(self, name)}

    try:
        kind.from_config(step.get_config())
    except (TypeError, ValueError, AttributeError):
        try:
            kind.get_config = get_config
            kind.from_config(step.get_config())
        except (TypeError, ValueError, AttributeError):
            kind.get_config = told
            raise UnsuitableModel(
                f"The preset's layer '{step.name}' ({kind.__name__}) does not say how to build it anew, so nothing can "
                "be cut from this network: take another preset."
            ) from None


def _are_layers(value) -> bool:
    from keras import layers

    return isinstance(value, list) and bool(value) and all(isinstance(one, layers.Layer) for one in value)
