"""The limits of a guard, as they were typed."""

from __future__ import annotations

from datetime import datetime

import pytest

from dl_magics.actions.aws.guard import limits
from dl_magics.actions.aws.guard.limits import GuardLimits, LimitOptions
from dl_magics.errors import BadSetting


@pytest.mark.parametrize(
    ("typed", "price", "seconds"),
    [
        ("30", 0.5, 1800),
        ("90s", 0.5, 90),
        ("2h", 0.5, 7200),
        ("off", 0.5, None),
        ("scaled", 0.5, 1800),
        ("scaled", 1.0, 1800),
        ("scaled", 2.0, 900),
        ("SCALED ", 98.0, 600),
        ("scaled", None, 1800),
    ],
)
def test_an_idle_timeout_is_fixed_or_scaled_by_the_price(typed, price, seconds):
    assert limits.parse_idle(typed, price, name="--idle") == seconds


@pytest.mark.parametrize(
    "options",
    [
        {"idle": "0"},
        {"idle": "59s"},
        {"idle": "soon"},
        {"idle": "-5"},
        {"max_duration": "0"},
        {"until": "24:00"},
        {"until": "11 pm"},
        {"until": "23:00:00"},
        {"until": "٢٣:٠٠"},
    ],
)
def test_a_limit_that_is_not_valid_is_refused_in_two_lines(home, options):
    with pytest.raises(BadSetting) as refused:
        LimitOptions(**options).resolve(1.0)

    assert next(iter(options.values())).strip() in str(refused.value)
    assert refused.value.fix


def test_an_end_is_that_of_when_it_was_typed_and_is_removed_by_off():
    typed_at = datetime(2026, 11, 26, 22, 59, 30).timestamp()
    passed = LimitOptions(until="23:00", typed_at=typed_at)

    assert passed.resolve_ends() == (None, typed_at + 30)
    assert passed.make_changes(1.0) == {"until_seconds": 1.0}
    with pytest.raises(BadSetting, match="--until 23:00 has passed meanwhile: nothing was started"):
        passed.check_ahead()
    off = LimitOptions(max_duration="off", until="off")
    off.check_ahead()
    assert off.make_changes(1.0) == {"max_seconds": None, "until_seconds": None}
    assert LimitOptions(idle="off").make_changes(1.0) == {"idle_seconds": None}
    assert LimitOptions().make_changes(1.0) == {}


def test_the_timeout_of_the_person_is_the_default_of_a_launch(home):
    before = LimitOptions().resolve(1.0)
    limits.store_idle_timeout(" Off ")

    assert (before, LimitOptions().resolve(1.0)) == (
        GuardLimits(idle_seconds=1800),
        GuardLimits(idle_seconds=None),
    )
    assert LimitOptions(idle="45").resolve(1.0).idle_seconds == 2700


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("45", "45 minutes"),
        ("2h", "2 hours"),
        ("90s", "90 seconds"),
        ("off", "off"),
        ("scaled",) * 2,
    ],
)
def test_the_stored_timeout_has_its_unit(home, typed, text):
    limits.store_idle_timeout(typed)

    assert limits.describe_idle_timeout() == text


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (GuardLimits(idle_seconds=1800), "stops automatically after 30 minutes idle"),
        (GuardLimits(idle_seconds=60), "stops automatically after 1 minute idle"),
        (
            GuardLimits(idle_seconds=1800, max_seconds=28_800),
            "stops automatically after 30 minutes idle, after 8 hours in any case",
        ),
        (GuardLimits(idle_seconds=None), "is not stopped when idle"),
    ],
)
def test_a_launch_says_when_the_instance_stops(limits, text):
    assert limits.describe() == text
