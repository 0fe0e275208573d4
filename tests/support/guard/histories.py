"""Random histories of an instance and its guard, of which a day passes in milliseconds.

An instance computes, waits, hangs, is typed at; checks fail; clocks are set back; the machine is
suspended; the guard crashes, returns, or ends for good. What must hold in each: a live run is never
stopped by the soft end, a dead instance is always stopped within its time, no check moves the hard
end, and a person is warned before.

    python tests/support/guard/histories.py 100000
"""

from __future__ import annotations

import random
import sys
import time
from dataclasses import dataclass, field

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from dl_magics.guard.service import decision, pending_shutdown
from dl_magics.guard.service.decision import Limits, Memory, Signals

BLOCK = 5000
TICK = 60.0
GAP = 4 * TICK
LONGEST_OUTAGE = 60.0
# systemd's timer follows the clock of the system: what is set forward further, or suspended for
# longer, lets a pending shutdown come at once.
LONGEST_LEAP = 120.0
LIVE, QUIET, STUCK, BLIND, TYPING = "live", "quiet", "stuck", "blind", "typing"
DEAD = (QUIET, STUCK, BLIND)
CHECKS = ("cells", "runs", "gpu", "cores", "network", "typing", "progress")
MOVEMENTS = ({"gpu": 93.0}, {"cores": 1.0}, {"progress": True}, {"network": 2e6})


@dataclass(frozen=True)
class History:
    """What happens: (seconds, what the instance does), then for ever `dead`.

    `outages` are (begin, seconds) of the guard, `gone_at` is when it ends for good; `leaps` are
    (time, seconds that the clock is set), `suspensions` (time, seconds).
    """

    segments: list[tuple[float, str]]
    dead: str
    idle: float
    hard_end: float | None
    keep: float
    flaky: float
    seed: int
    outages: list[tuple[float, float]]
    gone_at: float | None
    leaps: list[tuple[float, float]]
    suspensions: list[tuple[float, float]]

    @property
    def limits(self) -> Limits:
        return Limits(idle=self.idle, hard_end=self.hard_end, keep_until=self.keep)

    @property
    def died_at(self) -> float:
        return sum(seconds for seconds, _ in self.segments)

    @property
    def set_back(self) -> float:
        """How long a guard that is gone cannot notice that the clock of `shutdown` was set back."""
        return 0 if self.gone_at is None else -sum(min(seconds, 0) for _, seconds in self.leaps)


def histories() -> st.SearchStrategy[History]:
    """Return the strategy of all histories."""
    minutes = st.integers(1, 150).map(lambda n: n * 60.0)
    moments = st.integers(0, 20_000).map(float)
    # It was armed at the boot.
    later = st.integers(60, 20_000).map(float)
    return st.builds(
        History,
        segments=st.lists(
            st.tuples(minutes, st.sampled_from((LIVE, LIVE, QUIET, STUCK, BLIND, TYPING))),
            max_size=5,
        ),
        dead=st.sampled_from(DEAD),
        idle=st.sampled_from((60.0, 300.0, 1800.0, 7200.0)),
        hard_end=st.none() | minutes,
        keep=st.sampled_from((0.0, 0.0, 3600.0)),
        flaky=st.sampled_from((0.0, 0.0, 0.05, 0.3)),
        seed=st.integers(0, 2**32),
        outages=st.lists(st.tuples(later, st.floats(1, LONGEST_OUTAGE)), max_size=4),
        gone_at=st.none() | later,
        leaps=st.lists(st.tuples(moments, st.floats(-1e4, LONGEST_LEAP)), max_size=2),
        suspensions=st.lists(st.tuples(moments, st.floats(1, LONGEST_LEAP)), max_size=2),
    )


@dataclass
class World:
    """An instance that lives through a history; times are those of its awake clock."""

    history: History
    now: float = 0.0
    suspended: float = 0.0
    leapt: float = 0.0
    memory: Memory | None = None
    due_wall: float | None = None
    due_boot: float | None = None
    warned_at: float | None = None
    stopped_at: float | None = None
    stopped_by: str = ""
    moved_at: float = 0.0
    events: list[tuple[float, str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = random.Random(self.history.seed)
        self.events = sorted(
            [(at, "leap", seconds) for at, seconds in self.history.leaps]
            + [(at, "suspend", seconds) for at, seconds in self.history.suspensions]
        )

    @property
    def boot(self) -> float:
        return self.now + self.suspended

    def doing(self, at: float) -> str:
        for seconds, kind in self.history.segments:
            if at < seconds:
                return kind
            at -= seconds
        return self.history.dead

    def live(self) -> None:
        """Let time pass until the instance is stopped; fail if it never is."""
        end = self.history.died_at + 40_000 + self.history.set_back
        while self.stopped_at is None:
            assert self.now < end, "never stopped"
            self.pass_time(self.look() if self.is_guarded() else TICK)

    def is_guarded(self) -> bool:
        gone = self.history.gone_at
        if gone is not None and self.now >= gone:
            return False
        return not any(at <= self.now < at + seconds for at, seconds in self.history.outages)

    def look(self) -> float:
        signals = self.observe()
        memory = self.memory or decision.begin(signals)
        decided, self.memory = decision.decide(
            memory, signals, self.history.limits, longest_gap=GAP
        )
        if decided.action != decision.OK and self.warned_at is None:
            self.warned_at = self.now
        elif decided.action == decision.OK:
            self.warned_at = None
        if decided.action == decision.STOP:
            self.stop(decided.state)
        self.order_shutdown(decided)
        return min(TICK, max(decided.seconds_left or TICK, 0.2))

    def order_shutdown(self, decided: decision.Decision) -> None:
        wanted = pending_shutdown.plan_seconds(decided)
        wall = self.boot + self.leapt
        scheduled = None if self.due_wall is None else self.due_wall - wall
        ours = None if self.due_boot is None else self.due_boot - self.boot
        order = pending_shutdown.plan_order(wanted, ours, scheduled, is_ours=True)
        if order == pending_shutdown.ORDER:
            assert wanted is not None
            self.due_boot, self.due_wall = self.boot + wanted, wall + wanted
        elif order == pending_shutdown.CANCEL:
            self.due_boot = self.due_wall = None

    def observe(self) -> Signals:
        kind = self.doing(self.now)
        values: dict[str, object] = {}
        if kind == LIVE:
            # It computes; or it waits, and shows a sign of life at least every half hour.
            still = self.now - self.moved_at
            if still > 1700 or self.random.random() < 0.3:
                values |= self.random.choice(MOVEMENTS)
            values["cells" if self.random.random() < 0.5 else "runs"] = 1
        elif kind == STUCK:
            values["cells"] = 1
        elif kind == BLIND:
            values["gpu"] = None
        elif kind == TYPING:
            values["typing"] = self.random.random() < 0.2
        for name in CHECKS:
            # What moves is seen by another check then, or at the next look.
            if self.random.random() < self.history.flaky and name not in values:
                values[name] = None
        signals = Signals(awake=self.now, boot=self.boot, **values)
        if signals.describe_movement():
            self.moved_at = self.now
        return signals

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        while self.events and self.events[0][0] <= self.now:
            _, kind, amount = self.events.pop(0)
            if kind == "suspend":
                self.suspended += amount
            else:
                self.leapt += amount
        if self.due_wall is not None and self.boot + self.leapt >= self.due_wall:
            self.stop("shutdown")

    def stop(self, by: str) -> None:
        if self.stopped_at is None:
            self.stopped_at, self.stopped_by = self.now, by


def check_history(history: History) -> None:
    """Live through a history and check what must hold."""
    world = World(history)
    world.live()
    stopped, by, limits = world.stopped_at, world.stopped_by, history.limits
    assert stopped is not None
    hard = history.hard_end is not None and world.boot >= history.hard_end
    guarded = history.gone_at is None or stopped < history.gone_at
    if not hard and guarded:
        assert world.doing(stopped) != LIVE, f"a live run was stopped by {by}"
        assert world.boot >= history.keep, "an instance that is kept was stopped"
        assert by != "shutdown", "the pending shutdown came before the guard that lives"
    notice, outages = limits.notice, sum(seconds for _, seconds in history.outages)
    late = notice + pending_shutdown.MARGIN_SECONDS + outages + 2 * TICK + LONGEST_LEAP
    late += history.set_back
    longest = history.idle
    if history.dead != QUIET or history.flaky:
        # Until the guard ended it saw what says that it works, and postponed the shutdown.
        longest = limits.longest_still + (0 if guarded else history.idle)
    kept = max(history.keep - history.died_at, 0)
    assert stopped <= history.died_at + max(longest, kept) + late, "a dead instance ran on"
    if history.hard_end is not None:
        assert stopped <= history.hard_end + late, "the hard end was moved"
    if guarded and by != "shutdown" and not history.outages:
        first = min(history.idle, history.hard_end or history.idle)
        assert world.warned_at is not None
        warned = stopped - world.warned_at
        assert warned >= min(notice, first) - TICK - LONGEST_LEAP * len(history.suspensions)


def run_histories(count: int, *, seed_: int = 0) -> None:
    """Check so many random histories; a seed makes the same ones each time."""

    @seed(seed_)
    @settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(histories())
    def check(history: History) -> None:
        check_history(history)

    check()


def main() -> None:
    """Check so many histories as the command line says."""
    count, began = int(sys.argv[1]), time.monotonic()
    for first in range(0, count, BLOCK):
        run_histories(min(BLOCK, count - first), seed_=first)
        print(
            f"{min(first + BLOCK, count)} histories, {time.monotonic() - began:.0f} s", flush=True
        )


if __name__ == "__main__":
    main()
