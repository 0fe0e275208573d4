from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.core import duration
from dl_magics.errors import BadSetting

UNITS = {"s": 1, "m": 60, "h": 3600}
positive = st.floats(1e-3, 8000, allow_nan=False)
anything = st.one_of(
    *(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        st.text(),
        st.binary(),
        st.complex_numbers(),
    ),
    st.lists(st.integers(), max_size=2),
    st.from_regex(r"[-+]?[0-9.e ]{1,8}[smhd]?", fullmatch=True),
)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        *((30, 1800), (0.5, 30), ("30", 1800), ("30m", 1800), ("90s", 90), ("2h", 7200)),
        *(("1.5h", 5400), (" 2 H ", 7200), (".5m", 30), ("8760h", 365 * 86400)),
    ],
)
def test_a_duration_is_minutes_unless_it_names_a_unit(value, seconds):
    assert duration.to_seconds(value) == seconds


@given(positive, st.sampled_from("smh"))
def test_a_number_is_in_the_unit_of_the_option(amount, unit):
    assert duration.to_seconds(amount, unit=unit) == amount * UNITS[unit]


@given(positive, st.sampled_from("smh"), st.sampled_from("smh"))
def test_a_unit_in_the_text_overrides_that_of_the_option(amount, written, unit):
    amount = round(amount, 3)

    assert duration.to_seconds(f"{amount}{written}", unit=unit) == amount * UNITS[written]


@given(anything, st.booleans())
def test_the_result_is_finite_and_not_negative_or_the_value_is_refused(value, zero):
    try:
        seconds = duration.to_seconds(value, zero=zero)
    except ValueError:
        return
    assert math.isfinite(seconds)
    assert seconds > 0 or (zero and seconds == 0)


@pytest.mark.parametrize(
    "value",
    [
        *(
            "nan",
            "inf",
            "-inf",
            "infinity",
            math.nan,
            math.inf,
            -math.inf,
            -1,
            "-1",
            "-30m",
            "-0.5h",
        ),
        *("", " ", "m", "soon", "off", "2d", "1h30m", "1e3", "0x10", "٣m", True, None, [30], b"30"),
        *(1j, "9" * 400, 10**9, "8761h"),
        pytest.param(10**5000, id="an integer without a repr"),
    ],
)
@pytest.mark.parametrize("zero", [True, False])
def test_an_invalid_duration_is_refused_in_two_lines(value, zero):
    with pytest.raises(BadSetting, match="is not a valid duration") as refused:
        duration.parse_option("--wait", value, zero=zero)

    happened, fix = refused.value._render_traceback_()
    assert happened.startswith("BadSetting: --wait = ")
    assert len(happened) < 120
    assert fix.strip() == f"Use {duration.expected_format()}."


@pytest.mark.parametrize("value", [0, 0.0, -0.0, "0", "0s", "0.0h"])
def test_zero_is_valid_only_where_the_option_allows_it(value):
    assert str(duration.parse_option("--wait", value, zero=True)) == "0.0"
    with pytest.raises(BadSetting):
        duration.parse_option("max_duration", value)


@pytest.mark.parametrize("value", ["off", " OFF "])
def test_off_is_valid_only_where_the_option_allows_it(value):
    assert duration.parse_option("--idle", value, off=True) is None
    with pytest.raises(BadSetting):
        duration.parse_option("--idle", value)


def test_the_message_names_off_where_it_is_allowed():
    with pytest.raises(BadSetting) as refused:
        duration.parse_option("--idle", "never", off=True)

    assert refused.value.fix.endswith("or off.")
