from __future__ import annotations

import math
import subprocess
import sys
import zipfile

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dl_magics.core import serialization
from dl_magics.errors import BadValue

_keys = st.one_of(st.text(), st.integers(), st.booleans(), st.none())
_plain = st.recursive(
    st.one_of(_keys, st.floats(allow_nan=False), st.binary(), st.integers(-(2**100), 2**100)),
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(_keys, inner),
        st.sets(_keys),
    ),
    max_leaves=20,
)
_dtypes = st.one_of(
    arrays.integer_dtypes(),
    arrays.floating_dtypes(),
    arrays.complex_number_dtypes(),
    arrays.boolean_dtypes(),
    arrays.datetime64_dtypes(),
    arrays.unicode_string_dtypes(),
)


def round_trip(path, **given_values):
    serialization.write_values(path / "values", given_values)
    return serialization.read_values(path / "values")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("values")


@given(value=_plain)
def test_plain_values_are_restored_unchanged(folder, value):
    back = round_trip(folder, x=value)["x"]

    assert back == value
    assert repr(back) == repr(value) or isinstance(value, (set, dict, list, tuple))


@given(array=arrays.arrays(_dtypes, arrays.array_shapes(min_dims=0, min_side=0)))
def test_arrays_are_restored_bit_by_bit(folder, array):
    back = round_trip(folder, x=array)["x"]

    assert back.dtype == array.dtype
    assert back.shape == array.shape
    assert back.tobytes() == array.tobytes()


def test_special_floats_are_restored(tmp_path):
    back = round_trip(tmp_path, a=math.inf, b=math.nan, c=-0.0, d=np.float32(1.5))

    assert back["a"] == math.inf
    assert math.isnan(back["b"])
    assert str(back["c"]) == "-0.0"
    assert back["d"] == 1.5
    assert type(back["d"]) is np.float32


def test_frames_are_restored_equal(tmp_path):
    frame = pd.DataFrame(
        {
            "loss": [0.5, np.nan],
            "name": ["cat", None],
            "n": [1, 2],
            "when": pd.to_datetime(["2026-11-23", "2026-11-24"]),
        },
        index=pd.Index(["a", "b"], name="photo"),
    )
    by_two = frame.set_index(["name", "n"])

    back = round_trip(tmp_path, frame=frame, by_two=by_two, series=frame["loss"], empty=frame[:0])

    pd.testing.assert_frame_equal(back["frame"], frame)
    pd.testing.assert_frame_equal(back["by_two"], by_two)
    pd.testing.assert_series_equal(back["series"], frame["loss"])
    pd.testing.assert_frame_equal(back["empty"], frame[:0])


def _loop():
    around = []
    around.append(around)
    return around


@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (object(), "builtins.object"),
        ({"a": [lambda: 0]}, "builtins.function"),
        (np.array([object()]), "NumPy array of objects"),
        (pd.DataFrame({"a": pd.Categorical(["x"])}), "pandas column of category"),
        (_loop(), "contains itself"),
    ],
)
def test_any_other_type_is_refused_by_name(tmp_path, value, kind):
    with pytest.raises(BadValue, match="model is or contains a") as refused:
        round_trip(tmp_path, model=value)

    assert kind in str(refused.value)
    assert "%sync" in refused.value.fix


def test_a_pickle_inside_an_array_file_is_not_run(tmp_path):
    round_trip(tmp_path, x=np.zeros(1))
    with zipfile.ZipFile(tmp_path / "evil", "w") as evil:
        evil.writestr("values.json", '{"x": {"=": "array", "v": "0.npy"}}')
        evil.writestr("0.npy", b"\x80\x04cos\nsystem\n(S'exit 7'\ntR.")

    with pytest.raises(ValueError, match="allow_pickle"):
        serialization.read_values(tmp_path / "evil")


def test_plain_values_do_not_import_numpy(tmp_path):
    write = (
        "import sys, pathlib; from dl_magics.core import serialization;"
        "serialization.write_values(pathlib.Path(sys.argv[1]), {'x': [1, 'a']});"
        "assert 'numpy' not in sys.modules"
    )

    subprocess.run([sys.executable, "-c", write, str(tmp_path / "x")], check=True)

    assert serialization.read_values(tmp_path / "x") == {"x": [1, "a"]}
