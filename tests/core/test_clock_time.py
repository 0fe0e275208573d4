"""Times of day as people type them."""

from __future__ import annotations

from datetime import datetime

import pytest

from dl_magics.core import clock_time
from dl_magics.errors import BadSetting

NOON = datetime(2026, 11, 26, 12, 0, 30).timestamp()


@pytest.mark.parametrize(
    ("typed", "day", "shown"),
    [
        ("23:00", 26, "23:00"),
        ("12:01", 26, "12:01"),
        ("12:00", 27, "Fri 27 Nov 12:00"),
        ("7:30", 27, "Fri 27 Nov 07:30"),
        ("00:00", 27, "Fri 27 Nov 00:00"),
    ],
)
def test_a_time_of_day_is_the_next_one(typed, day, shown):
    when = clock_time.parse_option("--until", typed, NOON)

    hour, minute = map(int, typed.split(":"))
    assert datetime.fromtimestamp(when) == datetime(2026, 11, day, hour, minute)
    assert clock_time.format_time(when, NOON) == shown


def test_off_is_no_time():
    assert clock_time.parse_option("--until", " Off", NOON) is None


@pytest.mark.parametrize("typed", ["", "23", "24:00", "12:60", "-1:00", "11pm", 23, None])
def test_what_is_not_a_time_of_day_is_refused(typed):
    with pytest.raises(BadSetting, match="not a time of day"):
        clock_time.parse_option("--until", typed, NOON)
