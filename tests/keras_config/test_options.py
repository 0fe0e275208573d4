from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.errors import BadSetting
from dl_magics.keras_config import options


@pytest.mark.parametrize(
    ("value", "expected"),
    [("tf", "tensorflow"), ("TensorFlow", "tensorflow"), ("th", "theano"), ("jax", "jax")],
)
def test_aliases_of_backends_are_accepted(value, expected):
    assert options.parse_options({"backend": value}) == {"backend": expected}


@pytest.mark.parametrize(
    ("value", "expected"),
    [("tf", "channels_last"), ("th", "channels_first"), ("channels_first", "channels_first")],
)
def test_image_orderings_of_keras_1_are_accepted(value, expected):
    assert options.parse_options({"image_data_format": value}) == {"image_data_format": expected}


@pytest.mark.parametrize("value", ["1e-7", 1e-7])
def test_epsilon_becomes_a_float(value):
    assert options.parse_options({"epsilon": value}) == {"epsilon": 1e-7}
    assert isinstance(options.parse_options({"epsilon": 1})["epsilon"], float)


@given(
    st.sampled_from(options.NAMES),
    st.none() | st.booleans() | st.text() | st.floats(max_value=0) | st.lists(st.integers()),
)
def test_any_other_value_is_refused_with_a_fix(name, value):
    try:
        parsed = options.parse_options({name: value})
    except BadSetting as error:
        refused = error
    else:
        assert options.parse_options(parsed) == parsed
        return

    assert len(str(refused).splitlines()) == 1
    assert refused.fix
