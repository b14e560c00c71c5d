"""Read a Keras model from any kind of file that Keras writes or wrote."""

import json
import re
import shutil
import tempfile
import zipfile
from pathlib import Path

from ..errors import CourseError, DamagedFile, UnknownSource, UnsuitableModel

_UNKNOWN = re.compile(  # how Keras names what it does not know
    r"(?:locate (?:class|function) '|Unknown [a-z ]+: '|object of type `|identifier: (?:\{.*?'class_name': )?')([^'`]+)"
)
ENDINGS = (".keras", ".h5", ".hdf5")


def read_model(path: Path):
    """The model in a `.keras` file, unpacked or not, or in an `.h5` file that holds a whole one; it is not compiled.

    What a file holds counts, and not how its name ends. Raises `UnknownSource`, `DamagedFile` and `UnsuitableModel`.
    """
    import h5py

    if path.is_dir() and (path / "config.json").is_file() and (path / "model.weights.h5").is_file():
        return _loaded(path, "")  # an unpacked .keras file
    if path.is_dir():
        raise UnsuitableModel(_no_file(path))
    if not path.is_file():
        raise UnknownSource(f"There is no file {path}: check the path, seen from the folder {Path.cwd()}.")
    if zipfile.is_zipfile(path):
        return _loaded(path, ".keras")
    if not h5py.is_hdf5(path):
        raise DamagedFile(f"{path} is cut short, or no .keras file at all: save the model again with model.save.")
    try:
        with h5py.File(path) as file:
            whole = "model_config" in file.attrs
    except (OSError, KeyError, ValueError, RuntimeError):
        raise DamagedFile(_damaged(path)) from None
    if not whole:
        raise UnsuitableModel(
            f"{path} holds weights without the network that they belong to: build the network, fill it with "
            "model.load_weights, and store both with model.save('name.keras')."
        )
    return _loaded(path, ".h5")


def _loaded(path: Path, ending: str):
    """The model of a file that is a whole one of its kind."""
    import keras

    known = {"DepthwiseConv2D": _Depthwise, "Functional": keras.Model}  # as Keras 2 wrote them
    with tempfile.TemporaryDirectory() as folder:
        named = path
        if path.suffix != ending:  # by which alone Keras tells its files apart
            copy = shutil.copytree if path.is_dir() else shutil.copyfile
            named = copy(path, Path(folder) / f"model{ending}")
        try:
            return keras.saving.load_model(named, custom_objects=known, compile=False, safe_mode=True)
        except MemoryError:
            raise
        except (ValueError, TypeError, NotImplementedError, AttributeError, RuntimeError) as problem:
            raise _unreadable(path, str(problem)) from None
        except Exception:  # of a damaged file: there is nearly no class of error that does not come
            raise DamagedFile(_damaged(path)) from None


class _Depthwise:
    """Stands in for the layer where an `.h5` file of Keras 2 gives it groups, which it never had more than one of."""

    @classmethod
    def from_config(cls, config: dict):
        import keras

        if config.get("groups") == 1:
            config = {name: value for name, value in config.items() if name != "groups"}
        return keras.layers.DepthwiseConv2D.from_config(config)


def _no_file(path: Path) -> str:
    if (path / "saved_model.pb").is_file():
        return (
            f"{path} is a SavedModel, which Keras can only run as a whole (keras.layers.TFSMLayer), without layers "
            "to cut at: where the model was made, store it with model.save('name.keras')."
        )
    return f"{path} is a folder: give the path of one .keras file."


def _damaged(path: Path) -> str:
    return f"{path} is damaged: save the model again with model.save."


def _unreadable(path: Path, problem: str) -> CourseError:
    """What Keras means when it cannot make a model from a file."""
    if "OpLambda" in problem:
        return UnsuitableModel(
            f"{path} holds arithmetic as Keras 2 recorded it (TFOpLambda), which Keras 3 cannot read: in Keras 2, put "
            "a Rescaling layer in its place, or store the model behind it and say with preprocess= how it is scaled."
        )
    # A lambda as an activation is code, too: Keras finds it in the place of a name.
    if "ambda" in problem or "identifier: {'value': [" in problem:
        return UnsuitableModel(
            f"{path} holds a Lambda layer or a lambda function, which can run any code when it is loaded: "
            "save the model with layers of Keras in its place."
        )
    if (version := _version(path)).startswith("2."):
        return UnsuitableModel(
            f"{path} was written by Keras {version}, whose .keras files Keras 3 cannot read in full: "
            "store it there with model.save('name.h5'), and load that file."
        )
    if (name := _UNKNOWN.search(problem)) or "custom" in problem:
        what = f"{name[1]}, which" if name else "a class that"
        return UnsuitableModel(
            f"{path} holds {what} Keras does not know: build the model from Keras's own layers, "
            "or register yours with keras.saving.register_keras_serializable before you load it."
        )
    return DamagedFile(f"{path} cannot be read as a Keras model: save it again with model.save.")


def _version(path: Path) -> str:
    """Which Keras wrote a `.keras` file, "" where it does not say."""
    try:
        place = path if path.is_dir() else zipfile.Path(path)
        return str(json.loads((place / "metadata.json").read_text("utf-8"))["keras_version"])
    except (zipfile.BadZipFile, OSError, KeyError, ValueError, TypeError):
        return ""
