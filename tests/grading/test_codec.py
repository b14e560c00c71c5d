"""Values leave a student's kernel as JSON and arrive as plain types, or not at all."""

import base64
import io
import json
import math
import pickle

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from course_utils.grading.judge.wire import BadExport, Unreadable, decode, encode


def there_and_back(value):
    return decode(json.loads(json.dumps(encode(value))))


SIMPLE = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
HASHABLE = SIMPLE | st.tuples(SIMPLE, SIMPLE)
VALUES = st.recursive(
    SIMPLE, lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(HASHABLE, inner), max_leaves=12
)


@settings(max_examples=300, deadline=None)
@given(VALUES)
def test_plain_values_come_back_with_their_types(value):
    back = there_and_back(value)
    assert back == value and repr(back) == repr(value)


def test_what_no_json_holds_comes_back():
    back = there_and_back([math.inf, -math.inf, math.nan, {1, 2}, 1 + 0 * 2**70])
    assert back[:2] == [math.inf, -math.inf] and math.isnan(back[2]) and back[3] == {1, 2}


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint64", "float16", "float32", "complex64", "<U5"])
def test_arrays_and_numpys_scalars_keep_type_and_shape(dtype):
    array = np.arange(6).reshape(2, 3).astype(dtype)
    back, scalar = there_and_back(array), there_and_back(array[0, 1])
    assert type(back) is np.ndarray and back.dtype == array.dtype and (back == array).all()
    assert type(scalar) is type(array[0, 1]) and scalar == array[0, 1]


def test_tensors_and_models_come_back():
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2), keras.layers.BatchNormalization()])
    x = np.random.default_rng(0).normal(size=(4, 3)).astype("float32")
    back = there_and_back(model)
    assert isinstance(back, keras.Model) and back.input_shape == (None, 3)
    np.testing.assert_allclose(back(x), model(x), rtol=1e-5)
    tensor = there_and_back(keras.ops.convert_to_tensor(x))
    assert type(tensor).__name__ == "EagerTensor" and (np.asarray(tensor) == x).all()


class Sly(int):
    def __eq__(self, other):
        return True

    __hash__ = int.__hash__


@pytest.mark.parametrize(
    "value", [Sly(3), object(), print, np.array([object()]), np.ma.array([1]), [Sly(1)], {"a": Sly(1)}]
)
def test_objects_of_other_kinds_arrive_as_what_equals_nothing(value):
    back = there_and_back(value)
    while type(back) in (list, dict):
        back = back[0] if type(back) is list else back["a"]
    assert type(back) is Unreadable and back != 3 and back != 1 and back != Sly(3).real


def test_nesting_has_an_end():
    nest = []
    for _ in range(500):
        nest = [nest]
    assert "nested too deeply" in json.dumps(encode(nest))
    told = []
    for _ in range(500):
        told = {"list": [told]}
    with pytest.raises(BadExport):
        decode(told)


def _pickled_array():
    file = io.BytesIO()
    np.save(file, np.array([print], dtype=object), allow_pickle=True)
    return base64.b64encode(file.getvalue()).decode()


FORGED = [
    {"array": _pickled_array()},
    {"array": base64.b64encode(pickle.dumps(print)).decode()},
    {"array": "?"},
    {"scalar": 7},
    {"model": {"module": "builtins", "class_name": "eval", "config": {}}, "weights": [7]},
    {"model": None},
    {"dict": [[{"list": []}, 1]]},
    {"dict": [1]},
    {"float": "x"},
    {"call": "x"},
    {},
    [],
    [1],
]


@pytest.mark.parametrize("told", FORGED, ids=lambda told: json.dumps(told)[:30])
def test_what_encode_never_makes_is_refused(told):
    with pytest.raises(BadExport):
        decode(told)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                ["list", "tuple", "set", "frozenset", "dict", "float", "bytes", "array", "scalar", "other", "x"]
            ),
            inner,
            max_size=2,
        )
    ),
    max_leaves=15,
)


@settings(max_examples=1000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(JSON)
def test_any_json_is_decoded_or_refused(told):
    """The format fuzzed: never another error, and never another type than those that a test can trust."""
    try:
        value = decode(told)
    except BadExport:
        return
    plain = (type(None), bool, int, float, str, bytes, list, tuple, set, frozenset, dict, np.ndarray, np.generic)
    assert isinstance(value, (*plain, Unreadable))


def test_an_attack_by_configuration_runs_no_code(tmp_path):
    target = tmp_path / "run"
    code = {"class_name": "function", "config": f"open({str(target)!r}, 'w')", "registered_name": "function"}
    layer = {"module": "keras.layers", "class_name": "Lambda", "config": {"function": code, "name": "l"}}
    config = {"name": "s", "layers": [layer], "build_input_shape": [None, 2]}
    told = {"model": {"module": "keras", "class_name": "Sequential", "config": config}, "weights": []}
    try:
        back = decode(told)
    except BadExport:
        back = None
    assert back is None or type(back) is Unreadable
    assert not target.exists()
