"""Decides whether an instance is active, idle or hung, and when it is stopped; pure functions.

Two ends are kept apart. The soft end follows what the instance does: nothing for the idle time, or
a hung run. A check that failed counts as work for it. The hard end is a time: no check moves it.

Times are seconds of two clocks that nobody can set: `awake` does not count while the machine is
suspended, `boot` does. The idle time is measured by the first, the hard end by the second.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

GPU_PERCENT = 5.0
CPU_CORES = 0.3
NETWORK_BYTES_PER_SECOND = 100_000.0

ACTIVE, IDLE, HUNG, KEPT, ENDING = "active", "idle", "hung", "kept", "ending"
OK, WARN, STOP = "ok", "warn", "stop"


@dataclass(frozen=True)
class Limits:
    """When an instance is stopped; None stands for never.

    Parameters
    ----------
    idle
        Seconds without work. None turns the soft end off, that of a hung run too.
    warning
        Seconds between the warning and the stop.
    hung
        Seconds in which a kernel or run says that it works and nothing moves, until it is hung;
        never less than the idle time.
    hard_end
        The time of the boot clock at which the instance is stopped, whatever it does.
    keep_until
        The time of the boot clock before which the soft end does not come.
    """

    idle: float | None = 1800.0
    warning: float = 300.0
    hung: float = 3600.0
    hard_end: float | None = None
    keep_until: float = 0.0

    @property
    def notice(self) -> float:
        """The seconds of warning before the soft end: at most half of the idle time."""
        return self.warning if self.idle is None else min(self.warning, self.idle / 2)

    @property
    def longest_still(self) -> float:
        """The seconds after which an instance on which nothing moves is hung, whatever it says."""
        return max(self.hung, self.idle or 0.0)


@dataclass(frozen=True)
class Signals:
    """One look at the instance. None is a check that failed; what does not exist is 0 or False.

    Parameters
    ----------
    awake, boot
        The two clocks.
    cells, runs
        How many cells run in our kernels, and how many training runs go on.
    gpu
        The utilization of the busiest GPU, in percent.
    cores
        How many CPU cores were busy since the last look, on average.
    network
        Bytes per second since the last look.
    typing
        Whether a person typed in a login since the last look.
    progress
        Whether a run logged an event or a kernel sent output since the last look.
    """

    awake: float
    boot: float
    cells: int | None = 0
    runs: int | None = 0
    gpu: float | None = 0.0
    cores: float | None = 0.0
    network: float | None = 0.0
    typing: bool | None = False
    progress: bool | None = False

    def describe_movement(self) -> str:
        """Return what moves on the instance; empty if nothing does."""
        if (self.gpu or 0) >= GPU_PERCENT:
            return f"the GPU is used to {self.gpu:.0f} %"
        if (self.cores or 0) >= CPU_CORES:
            return f"{self.cores:.1f} CPU cores are used"
        if (self.network or 0) >= NETWORK_BYTES_PER_SECOND:
            return f"{(self.network or 0) / 1e6:.1f} MB/s on the network"
        if self.typing:
            return "someone types in a terminal"
        return "a run or kernel makes progress" if self.progress else ""

    def describe_claim(self) -> str:
        """Return what says that it works, or could not be checked; empty if nothing does."""
        if self.cells:
            return "a cell is running" if self.cells == 1 else f"{self.cells} cells are running"
        if self.runs:
            return "a run is going on" if self.runs == 1 else f"{self.runs} runs are going on"
        checks = ("cells", "runs", "gpu", "cores", "network", "typing", "progress")
        failed = [name for name in checks if getattr(self, name) is None]
        return f"could not be checked: {', '.join(failed)}" if failed else ""


@dataclass(frozen=True)
class Memory:
    """What the guard keeps between two looks, in times of the awake clock.

    Parameters
    ----------
    seen
        The last look.
    idle_since
        Since when there has been no work; None while there is.
    still_since
        Since when nothing has moved; None while something does.
    not_before
        No soft end before this time: after a gap between looks, a person can still be warned.
    """

    seen: float
    idle_since: float | None = None
    still_since: float | None = None
    not_before: float = 0.0


@dataclass(frozen=True)
class Decision:
    """What to do now, and how many seconds are left until the stop if nothing changes.

    `seconds_left` is None where no stop is planned. `state` is the end that comes first.
    """

    action: str
    state: str
    reason: str
    seconds_left: float | None


def begin(signals: Signals) -> Memory:
    """Return the memory at the first look: an instance counts as idle from its start."""
    return Memory(signals.awake, idle_since=signals.awake, still_since=signals.awake)


def decide(
    memory: Memory, signals: Signals, limits: Limits, *, longest_gap: float
) -> tuple[Decision, Memory]:
    """Return the decision and the memory for the next look.

    A gap between two looks longer than `longest_gap` counts as idle, but is followed by a warning.
    """
    memory = _update(memory, signals, limits, longest_gap)
    soft, hard = _soft_end(memory, signals, limits), _hard_end(signals, limits)
    if hard is None or soft.action == STOP:
        return soft, memory
    left = hard.seconds_left or 0.0
    earlier = soft.seconds_left is None or left <= soft.seconds_left
    return (hard if earlier or hard.action == STOP else soft), memory


def _update(memory: Memory, signals: Signals, limits: Limits, longest_gap: float) -> Memory:
    now = max(signals.awake, memory.seen)
    moves = bool(signals.describe_movement())
    works = moves or bool(signals.describe_claim())
    if now - memory.seen > longest_gap:
        memory = replace(memory, not_before=now + limits.notice)
    return replace(
        memory,
        seen=now,
        idle_since=None if works else _earliest(memory.idle_since, now),
        still_since=None if moves else _earliest(memory.still_since, now),
    )


def _soft_end(memory: Memory, signals: Signals, limits: Limits) -> Decision:
    moves, claim = signals.describe_movement(), signals.describe_claim()
    if limits.idle is None:
        return Decision(OK, ACTIVE if moves or claim else IDLE, "the idle timeout is off", None)
    now, notice = memory.seen, limits.notice
    kept = now + limits.keep_until - signals.boot
    # A check that fails from time to time begins the idle time again, but not this one.
    still = now if memory.still_since is None else memory.still_since
    hung_due = still + limits.longest_still + notice
    if memory.idle_since is not None:
        state, due = IDLE, min(memory.idle_since + limits.idle, hung_due)
        reason = f"idle for {_words(now - memory.idle_since)}"
    elif now >= still + limits.longest_still:
        state, due = HUNG, hung_due
        reason = f"{claim}, but nothing has moved for {_words(now - still)}"
    else:
        return Decision(OK, ACTIVE, moves or claim, max(limits.idle, kept - now))
    if kept > max(due, memory.not_before):
        state, reason = KEPT, f"kept running; {reason}"
    left = max(due, memory.not_before, kept) - now
    action = STOP if left <= 0 else WARN if left <= notice else OK
    return Decision(action, state, reason, max(left, 0.0))


def _hard_end(signals: Signals, limits: Limits) -> Decision | None:
    if limits.hard_end is None:
        return None
    left = max(limits.hard_end - signals.boot, 0.0)
    action = STOP if left <= 0 else WARN if left <= limits.warning else OK
    return Decision(action, ENDING, "the end that was set", left)


def _earliest(since: float | None, now: float) -> float:
    return now if since is None else min(since, now)


def _words(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
