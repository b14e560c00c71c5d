"""EfficientNet-Lite out of its package: the known network, read by a reader that knows a handful of names."""

import io
import json
import pickle
import struct
import sys
from collections import OrderedDict
from types import ModuleType

import numpy as np
import pytest
import skimage.data
from conftest import REAL_DATA
from helpers import complains
from hypothesis import given, settings
from hypothesis import strategies as st

from course_utils.errors import BadInputSize, DamagedFile, SourceUnavailable
from course_utils.models import efficientnet_lite, installed, torch_file
from course_utils.models.installed import INSTALLED
from course_utils.sources import load_source

# Of the first class of each picture, as every machine should have it. The counts are those of the published networks.
KNOWN = {
    "EfficientNetLite0": (4_694_024, 18, {"chelsea": ("Egyptian_cat", 0.788), "coffee": ("espresso", 0.878)}),
    "EfficientNetLite1": (5_470_344, 23, {"chelsea": ("Egyptian_cat", 0.800), "coffee": ("espresso", 0.668)}),
    "EfficientNetLite2": (6_150_168, 23, {"chelsea": ("Egyptian_cat", 0.751), "coffee": ("espresso", 0.871)}),
}


@pytest.fixture(scope="module")
def lite():
    return load_source("EfficientNetLite0")


@pytest.mark.parametrize("name", KNOWN)
def test_it_is_the_network_that_was_published(name, capsys):
    source = load_source(name)
    parameters, cuts, pictures = KNOWN[name]
    assert source.model.count_params() == parameters and len(source.cuts) == cuts
    assert source.cuts[:2] == ("stem", "b0") and source.cuts[-2:] == (f"b{cuts - 3}", "top")
    assert INSTALLED[name].package in capsys.readouterr().out
    for picture, (first, share) in pictures.items():
        ((best, told), *_) = source.top(getattr(skimage.data, picture)()[None])[0]
        assert best == first and told == pytest.approx(share, abs=0.005)


def test_its_probabilities_add_up_and_its_cuts_carry_everything(lite):
    picture = skimage.data.coffee()[None]
    assert lite.predict(picture).sum() == pytest.approx(1, abs=1e-5) and len(lite.class_names) == 1000
    from course_utils.models.cuts import passages

    assert set(lite.cuts) <= {layer.name for layer in passages(lite.model)}
    assert lite.prefix("b3").predict_on_batch(lite.preprocess(picture)).shape == (1, 28, 28, 40)


def test_without_its_classifier_and_at_another_size(lite):
    small = load_source("EfficientNetLite0", classifier=False, input_size=(96, 128))
    assert small.model.output_shape == (None, 3, 4, 1280) and small.class_names == () and small.cuts == lite.cuts
    x = np.random.default_rng(0).uniform(0, 255, (1, 96, 128, 3)).astype("float32")
    same = load_source("EfficientNetLite0", input_size=(96, 128))
    np.testing.assert_array_equal(small.model.predict_on_batch(x), same.prefix("top").predict_on_batch(x))
    with complains(BadInputSize, "EfficientNetLite0", "31 x 64"):
        load_source("EfficientNetLite0", input_size=(31, 64))


def test_the_class_names_are_keras_own(lite):
    file = REAL_DATA / "keras" / "models" / "imagenet_class_index.json"
    if not file.is_file():
        pytest.skip(f"there is no {file.name} in {REAL_DATA}")
    assert lite.class_names == tuple(name for _, name in json.loads(file.read_text()).values())


def test_a_missing_package_is_told_in_one_sentence(monkeypatch):
    entry = INSTALLED["EfficientNetLite1"]
    monkeypatch.setitem(
        INSTALLED, entry.name, type(entry)(entry.name, "no-such-package", *list(vars(entry).values())[2:])
    )
    with complains(SourceUnavailable, "no-such-package", "not installed", "pip install"):
        load_source(entry.name)


def test_without_the_names_classes_have_numbers_and_it_says_why(monkeypatch, capsys):
    monkeypatch.setattr(installed, "_NAMES", ("no-such-package", "names.json"))
    assert load_source("EfficientNetLite0").class_names[7] == "class 7"
    assert "numbers for names" in capsys.readouterr().out


def test_the_weights_of_another_network_are_refused(monkeypatch):
    one, other = INSTALLED["EfficientNetLite0"], INSTALLED["EfficientNetLite1"]
    wrong = type(one)(one.name, other.package, other.file, *list(vars(one).values())[3:])
    with complains(DamagedFile, "does not hold the weights of this network"):
        installed.load_installed(wrong, True, None)


# The reader


def written(tensors, magic=0x1950A86A20F9469CFC6C, names=("torch", "torch._utils")):
    """A file as PyTorch wrote it before 1.6."""
    torch, utils = (ModuleType(name) for name in ("torch", "torch._utils"))
    storage = type("FloatStorage", (), {"__module__": names[0]})

    def rebuild(*_):
        raise AssertionError("only its name is written")

    rebuild.__module__, rebuild.__qualname__, rebuild.__name__ = names[1], "_rebuild_tensor_v2", "_rebuild_tensor_v2"
    torch.FloatStorage, utils._rebuild_tensor_v2 = storage, rebuild

    class Tensor:
        def __init__(self, key, values):
            self.key, self.values = key, values

        def __reduce__(self):
            strides = tuple(step // 4 for step in self.values.strides)
            return rebuild, (Key(self.key, self.values.size), 0, self.values.shape, strides, False, OrderedDict())

    class Key:
        def __init__(self, key, count):
            self.told = ("storage", storage, key, "cpu", count, None)

    class Writer(pickle.Pickler):
        def persistent_id(self, value):
            return value.told if isinstance(value, Key) else None

    file, before = io.BytesIO(), {name: sys.modules.get(name) for name in names}
    sys.modules.update(zip(names, (torch, utils), strict=True))
    try:
        state = OrderedDict((name, Tensor(str(k), array)) for k, (name, array) in enumerate(tensors.items()))
        state._metadata = OrderedDict(version=1)
        for part in (magic, 1001, {"little_endian": True}, state, [str(k) for k in range(len(tensors))]):
            Writer(file, 2).dump(part)
    finally:
        for name, module in before.items():
            sys.modules.pop(name) if module is None else sys.modules.update({name: module})
    for array in tensors.values():
        file.write(struct.pack("<q", array.size) + array.tobytes("A"))
    return file.getvalue()


TENSORS = {
    "conv.weight": np.arange(24, dtype="<f4").reshape(2, 3, 4),
    "turned": np.asfortranarray(np.arange(6, dtype="<f4").reshape(2, 3)),
    "one": np.array(3.5, "<f4"),
}
WHOLE = written(TENSORS)


def read(tmp_path, content):
    (tmp_path / "weights.pth").write_bytes(content)
    return torch_file.read_tensors(tmp_path / "weights.pth")


def test_tensors_come_back_in_their_order_and_shape(tmp_path):
    found = read(tmp_path, WHOLE)
    assert list(found) == list(TENSORS)
    for name, array in TENSORS.items():
        np.testing.assert_array_equal(found[name], array)
        assert found[name].dtype == np.float32 and not found[name].flags.writeable


class Evil:
    def __reduce__(self):
        return print, ("this must not run",)


REFUSED = {
    "nothing": b"",
    "another file": b"PK\x03\x04" + bytes(100),
    "cut short": WHOLE[:-3],
    "too long": WHOLE + b"x",
    "another magic number": written(TENSORS, magic=7),
    "another name": pickle.dumps(Evil(), 2),
    "a name by protocol 4": pickle.dumps(Evil(), 4),
    "attributes of a function": b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}b.",
    "memory without end": b"\x80\x04\x96" + struct.pack("<Q", 1 << 40) + b".",
}


@pytest.mark.parametrize("what", REFUSED)
def test_everything_else_is_refused_in_one_sentence(tmp_path, what, capsys):
    with complains(DamagedFile, "weights.pth holds no weights that can be read", "install its package again"):
        read(tmp_path, REFUSED[what])
    assert "must not run" not in capsys.readouterr().out


@settings(max_examples=400, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.integers(0, len(WHOLE)), st.integers(0, 6), st.binary(max_size=6)), min_size=1, max_size=4)
)
def test_a_damaged_file_gives_arrays_or_the_sentence(tmp_path_factory, changes):
    content = WHOLE
    for place, length, new in changes:
        content = content[:place] + new + content[place + length :]
    try:
        found = read(tmp_path_factory.getbasetemp(), content)
    except DamagedFile:
        return
    for array in found.values():
        assert array.dtype in (np.float32, np.int64) and np.isfinite(array.sum()) in (True, False)


def test_a_student_can_read_the_network_in_one_go():
    lines = open(efficientnet_lite.__file__, encoding="utf-8").read().count("\n")
    assert lines < 120
