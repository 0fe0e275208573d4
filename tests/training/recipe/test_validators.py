from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.training.recipe import validators

anything = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.complex_numbers(),
    st.text(),
    st.binary(),
    st.lists(st.integers() | st.booleans() | st.text()),
    st.dictionaries(st.text(), st.integers()),
    st.just(object()),
)
every_rule = st.sampled_from(
    [
        validators.whole(1, 100),
        validators.number(0, 1),
        validators.number(0, 1, zero=True),
        validators.one_of("avg", None, True),
        validators.either(validators.whole(1), validators.one_of("auto")),
        validators.nonempty_text,
        validators.sizes,
        validators.duration,
    ]
)


@given(every_rule, anything)
def test_a_validator_returns_a_value_or_raises_value_error(rule, value):
    try:
        allowed = rule(value)
    except ValueError as wanted:
        said = str(wanted)
        assert said
    else:
        # A result in seconds is not parsed as minutes again.
        assert rule is validators.duration or rule(allowed) == allowed


@given(st.integers(), st.integers(-50, 50), st.integers(0, 100))
def test_an_integer_within_its_limits_is_accepted(value, low, width):
    rule = validators.whole(low, low + width)

    if low <= value <= low + width:
        assert rule(value) == value
    else:
        with pytest.raises(ValueError, match="a whole number from"):
            rule(value)


@pytest.mark.parametrize("value", [True, False, 2.0, 2.5, "2", None, [2], np.float32(2)])
def test_a_value_that_is_not_an_integer_is_refused(value):
    with pytest.raises(ValueError, match="a whole number from 0 to 10"):
        validators.whole(0, 10)(value)


@pytest.mark.parametrize("kind", [np.int8, np.uint16, np.int64])
def test_numpy_integers_become_int(kind):
    value = validators.whole(0, 10)(kind(7))

    assert type(value) is int
    assert value == 7


@given(st.floats(), st.floats(-10, 10), st.floats(0.1, 10))
def test_a_finite_number_within_its_limits_is_accepted(value, above, width):
    rule = validators.number(above, above + width)

    if above < value < above + width:
        assert rule(value) == value
    else:
        with pytest.raises(ValueError, match="a number above"):
            rule(value)


@pytest.mark.parametrize("zero", [0, 0.0, -0.0, np.float32(0)])
def test_zero_is_accepted_only_if_allowed(zero):
    assert validators.number(0, 1, zero=True)(zero) == 0

    with pytest.raises(ValueError, match=r"^a number above 0 and below 1$"):
        validators.number(0, 1)(zero)


@pytest.mark.parametrize(
    "value",
    [True, "0.5", b"0.5", None, [0.5], math.nan, math.inf, 1j, pytest.param(10**5000, id="huge")],
)
def test_a_value_that_is_not_a_number_is_refused(value):
    with pytest.raises(ValueError, match=r"^a number above 0 and below 1, or 0$"):
        validators.number(0, 1, zero=True)(value)


def test_numpy_floats_become_float():
    assert type(validators.number(0)(np.float32(0.5))) is float
    assert type(validators.number(0)(np.int64(3))) is float


@pytest.mark.parametrize("value", [1, 0, "True", None, np.True_])
def test_a_choice_must_have_the_same_type(value):
    with pytest.raises(ValueError, match=r"^'auto' or True or False$"):
        validators.one_of("auto", True, False)(value)


def test_either_accepts_both_and_names_both_in_its_error():
    rule = validators.either(validators.whole(1, 9), validators.one_of("auto"))

    assert rule(9) == 9
    assert rule("auto") == "auto"
    with pytest.raises(ValueError, match=r"^a whole number from 1 to 9 or 'auto'$"):
        rule("Auto")


def test_a_string_may_be_a_path():
    assert validators.nonempty_text("vgg16") == "vgg16"
    assert validators.nonempty_text(Path("models") / "own.h5") == str(Path("models") / "own.h5")


@pytest.mark.parametrize("value", ["", "  ", 5, None, b"vgg16", ["vgg16"]])
def test_an_empty_string_is_refused(value):
    with pytest.raises(ValueError, match=r"^a text$"):
        validators.nonempty_text(value)


@pytest.mark.parametrize(
    ("value", "sizes"),
    [
        ([64, 32], (64, 32)),
        ((64,), (64,)),
        (64, (64,)),
        ([], ()),
        (np.int32(64), (64,)),
        ([np.int64(8)], (8,)),
        ([1, 65536], (1, 65536)),
    ],
)
def test_layer_sizes_are_a_list_or_one_number(value, sizes):
    assert validators.sizes(value) == sizes


@pytest.mark.parametrize("value", ["64", [0], [65537], [True], [64.0], [[64]], None, {64}, [None]])
def test_invalid_layer_sizes_are_refused(value):
    with pytest.raises(ValueError, match=r"such as \[256\]"):
        validators.sizes(value)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (30, 1800),
        (0.5, 30),
        ("30", 1800),
        ("90s", 90),
        ("30m", 1800),
        ("2h", 7200),
        (" 1.5 H ", 5400),
        (np.int64(2), 120),
        (np.float64(2), 120),
    ],
)
def test_a_duration_is_minutes_unless_it_names_another_unit(value, seconds):
    assert validators.duration(value) == seconds


@pytest.mark.parametrize(
    "value",
    [
        *("", "0", 0, "0s", -1, "2d", "1h30m", "abc", True, None, [30], math.nan, math.inf),
        "9" * 400,
        pytest.param(10**5000, id="a huge number"),
    ],
)
def test_an_invalid_duration_is_refused(value):
    with pytest.raises(ValueError, match="minutes such as 30") as refused:
        validators.duration(value)

    assert '"90s", "30m", "2h"' in str(refused.value)
