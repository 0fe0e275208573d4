"""The server stops an instance whose guard had to stop it, and never one that may be at work."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from dl_magics.actions.aws.guard import overdue
from dl_magics.actions.aws.guard.overdue import GRACE_SECONDS, Activity
from dl_magics.actions.aws.guard.records import GuardRecord
from dl_magics.guard.status import GuardStatus

NOW = 1_000_000.0
TIMES = st.floats(NOW - 100_000, NOW)
RECORDS = st.builds(
    GuardRecord,
    idle_seconds=st.none() | st.floats(60, 20_000),
    max_seconds=st.none() | st.floats(60, 80_000),
    until=st.none() | st.floats(NOW - 80_000, NOW + 80_000),
    kept_until=st.just(0.0) | st.floats(NOW - 80_000, NOW + 80_000),
    active_at=st.just(0.0) | TIMES,
)
ACTIVITIES = st.builds(
    Activity, works=st.sampled_from([True, False, None]), at=st.just(0.0) | TIMES
)
DEAD = GuardStatus.from_json({"running": False, "age": None})
ARMED = GuardStatus.from_json({"running": True, "age": 1.0, "state": "active"})


@given(RECORDS, ACTIVITIES, TIMES, st.sampled_from([None, DEAD, ARMED]))
def test_what_may_be_at_work_is_never_stopped_for_being_idle(record, activity, began, status):
    stops = overdue.is_past_idle(record, status, activity, began, NOW)

    quiet = NOW - max(began, record.active_at, activity.at)
    may_work = activity.works is not False or status is ARMED
    if may_work or record.kept_until > NOW or record.idle_seconds is None:
        assert not stops
    else:
        overdue_for = min(quiet - record.idle_seconds, NOW - record.kept_until)
        assert stops == (overdue_for > GRACE_SECONDS)


@given(RECORDS, TIMES, st.sampled_from([None, DEAD]))
def test_no_check_and_no_keep_moves_an_end_that_was_set(record, began, status):
    ends = [] if record.max_seconds is None else [began + record.max_seconds]
    # A time before this start was the end of an earlier one.
    ends += [record.until] if record.until is not None and record.until > began else []

    kept = replace(record, kept_until=NOW + 9999, active_at=NOW)
    stops = overdue.is_past_end(kept, status, began, NOW)

    assert stops == any(end + GRACE_SECONDS < NOW for end in ends)


def test_a_reboot_begins_the_longest_time_again_of_which_only_the_guard_knows():
    record = GuardRecord(idle_seconds=None, max_seconds=3600)

    def status(state, left):
        values = {"running": True, "age": 1.0, "state": state, "seconds_left": left}
        return GuardStatus.from_json(values)

    began = NOW - 9000
    assert not overdue.is_past_end(record, status("ending", 1800), began, NOW)
    assert overdue.is_past_end(record, status("ending", 0), began, NOW)
    assert overdue.is_past_end(record, None, began, NOW)


def test_a_longest_time_that_is_newly_set_is_left_to_the_guard_which_warns_first():
    record = GuardRecord(idle_seconds=None, max_seconds=3600, until=NOW + 9000, heard_at=NOW - 60)

    for status in (ARMED, None):
        assert not overdue.is_past_end(record, status, NOW - 90_000, NOW)
    assert overdue.is_past_end(record, DEAD, NOW - 90_000, NOW)
    assert overdue.is_past_end(record, None, NOW - 90_000, NOW + GRACE_SECONDS)


def test_an_end_by_the_clock_holds_while_the_guard_runs():
    record = GuardRecord(idle_seconds=None, until=NOW - GRACE_SECONDS - 1)

    assert overdue.is_past_end(record, ARMED, NOW - 9000, NOW)


@given(
    percents=st.lists(st.floats(0, 10), max_size=12),
    late=st.integers(0, 6),
)
def test_the_cpu_counts_as_unused_only_where_it_was_measured_all_the_time(percents, late):
    since = NOW - 300 * (len(percents) + late)
    points = [(since + 300 * n, percent) for n, percent in enumerate(percents)]

    unused = overdue.used_no_cpu(points, 4, since, NOW)

    measured = bool(percents) and late <= 4
    assert unused == (measured and all(percent < 2.5 for percent in percents))
