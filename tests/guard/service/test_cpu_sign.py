"""The CPU is used where the GPU works alone, so that the alarm of CloudWatch sees it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dl_magics.actions.aws.guard import alarm
from dl_magics.guard.service import cpu_sign

TICK = 20.0
PERIOD = 300.0


@given(
    cores=st.lists(st.sampled_from([0.0, 0.02, 0.09, 0.14, 0.2, 1.0]), min_size=1, max_size=12),
    length=st.floats(60, 3000),
    offset=st.floats(0, PERIOD),
    restarts=st.sets(st.integers(0, 1500), max_size=3),
)
def test_work_on_the_gpu_alone_never_looks_idle_to_the_alarm(cores, length, offset, restarts):
    """Ten hours in which the GPU works: the alarm would need two without 0.1 cores."""
    sign = cpu_sign.begin_sign(0.0)
    periods: dict[int, float] = {}
    for tick in range(int(36_000 / TICK)):
        now = tick * TICK
        if tick in restarts:
            sign = cpu_sign.begin_sign(now)
        busy = cores[int(now / length) % len(cores)]
        sign.note(now, TICK, busy)
        spent = busy * TICK
        while sign.is_due(now) and spent < TICK:
            sign.note_burst(now, 1.0)
            spent += 1.0
        period = int((now + offset) / PERIOD)
        periods[period] = periods.get(period, 0.0) + spent

    seen = [n for n, spent in periods.items() if spent >= alarm.LOW_CORES * PERIOD]
    longest = max(b - a for a, b in zip([-1, *seen], [*seen, max(periods)], strict=True))
    assert longest * PERIOD < 2 * 3600


def test_a_cpu_that_is_used_needs_no_sign():
    sign = cpu_sign.begin_sign(0.0)

    due = []
    for tick in range(1800):
        sign.note(tick * TICK, TICK, 0.3)
        due.append(sign.is_due(tick * TICK))

    assert not any(due)


def test_the_sign_uses_little_of_one_core():
    used = cpu_sign.BURST_SECONDS / (cpu_sign.BURST_SECONDS + cpu_sign.REST_SECONDS)

    assert used < 0.03
    assert cpu_sign.use_cpu() > 0
