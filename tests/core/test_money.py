from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dl_magics.core import money

DOLLARS = st.floats(0, 1000, allow_nan=False)
SECONDS = st.floats(0, 10_000_000, allow_nan=False)


@given(DOLLARS, SECONDS, SECONDS)
def test_a_longer_time_never_costs_less(dollars, shorter, more):
    first = money.cost(dollars, shorter)
    second = money.cost(dollars, shorter + more)

    assert first is not None
    assert second is not None
    assert second >= first >= 0


@given(DOLLARS)
def test_an_hour_costs_the_hourly_price(dollars):
    assert money.cost(dollars, 3600) == pytest.approx(dollars)


@given(DOLLARS)
def test_a_second_is_billed_as_a_minute(dollars):
    assert money.cost(dollars, 1) == money.cost(dollars, 60)


@given(SECONDS)
def test_an_unknown_price_has_an_unknown_cost(seconds):
    assert money.cost(None, seconds) is None


@given(st.integers(0, 100_000))
def test_dollars_are_formatted_to_the_cent(cents):
    written = money.format_dollars(cents / 100)

    assert float(written.replace("$", "").replace(",", "")) == pytest.approx(cents / 100)


@given(st.integers(0, 100_000))
def test_an_hourly_price_keeps_its_decimals(hundredths_of_cents):
    written = money.format_per_hour(hundredths_of_cents / 10_000)

    dollars = written.removeprefix("$").removesuffix("/h").replace(",", "")
    assert float(dollars) == hundredths_of_cents / 10_000


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 min"), (2460, "41 min"), (7500, "2 h 05 min")],
)
def test_a_duration_is_formatted_in_short_units(seconds, written):
    assert money.format_duration(seconds) == written
