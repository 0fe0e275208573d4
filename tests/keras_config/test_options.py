from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.errors import BadSetting
from dl_magics.keras_config import options


@pytest.mark.parametrize(
    ("said", "meant"),
    [("tf", "tensorflow"), ("TensorFlow", "tensorflow"), ("th", "theano"), ("jax", "jax")],
)
def test_a_backend_has_more_than_one_name(said, meant):
    assert options.parse_options({"backend": said}) == {"backend": meant}


@pytest.mark.parametrize(
    ("said", "meant"),
    [("tf", "channels_last"), ("th", "channels_first"), ("channels_first", "channels_first")],
)
def test_the_orderings_of_keras_1_are_understood(said, meant):
    assert options.parse_options({"image_data_format": said}) == {"image_data_format": meant}


@pytest.mark.parametrize("said", ["1e-7", 1e-7])
def test_epsilon_is_a_number_with_a_point(said):
    assert options.parse_options({"epsilon": said}) == {"epsilon": 1e-7}
    assert isinstance(options.parse_options({"epsilon": 1})["epsilon"], float)


@given(
    st.sampled_from(options.NAMES),
    st.none() | st.booleans() | st.text() | st.floats(max_value=0) | st.lists(st.integers()),
)
def test_anything_else_is_refused_in_two_lines(name, value):
    try:
        understood = options.parse_options({name: value})
    except BadSetting as error:
        refused = error
    else:
        assert options.parse_options(understood) == understood
        return

    assert len(str(refused).splitlines()) == 1
    assert refused.fix
