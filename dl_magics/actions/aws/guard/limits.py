"""When the guard of an instance stops it: the idle timeout, and the ends that are set."""

from __future__ import annotations

import shlex
import time
from dataclasses import dataclass, field, replace
from typing import Any

from dl_magics.core import clock_time, duration
from dl_magics.errors import BadSetting
from dl_magics.guard.service.settings import Settings
from dl_magics.runs import checkpoint_request, log
from dl_magics.store import state

DEFAULT_IDLE = "30m"
SCALED = "scaled"
SCALED_DOLLARS = 0.5
"""What the idle time of a scaled timeout may cost."""

SHORTEST_IDLE_SECONDS = 60.0
_SHORTEST_SCALED, _LONGEST_SCALED = 600.0, 1800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class GuardLimits:
    """The limits of one instance.

    Parameters
    ----------
    idle_seconds, max_seconds
        The idle time, and the longest time from a start on; None stands for never.
    until
        The time at which it is stopped in any case, in seconds since the epoch.
    """

    idle_seconds: float | None
    max_seconds: float | None = None
    until: float | None = None

    def describe(self) -> str:
        """Return what the guard does, as a part of a sentence."""
        idle = self.idle_seconds
        first = "is not stopped when idle" if idle is None else f"after {_minutes(idle)} idle"
        stops = "" if idle is None else "stops automatically "
        return f"{stops}{', '.join([first, *self.describe_ends()])}"

    def describe_ends(self) -> list[str]:
        """Return when it stops the instance in any case, as parts of a sentence; [] for never."""
        ends = []
        if self.max_seconds is not None:
            ends.append(f"after {_minutes(self.max_seconds)} in any case")
        if self.until is not None:
            ends.append(f"at {clock_time.format_time(self.until, time.time())} in any case")
        return ends

    def make_settings(self, home: str) -> Settings:
        """Return the settings of the guard of an instance with this home folder."""
        return Settings(
            idle_seconds=self.idle_seconds,
            max_seconds=self.max_seconds,
            until_epoch=self.until,
            agents=(f"{home}/.dlm/*",),
            runs=tuple(
                f"{home}/{folder}/*/{log.FILE_NAME}"
                for folder in (".dl_magics/runs", ".local/share/jupyter/dl_magics/runs")
            ),
            checkpoint_name=checkpoint_request.FILE_NAME,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitOptions:
    """The limits as they were typed; None stands for `%idle_timeout`, or for none.

    `until` is the next such time after `typed_at`, however long a question or a wait takes.
    """

    idle: str | None = None
    max_duration: str | None = None
    until: str | None = None
    typed_at: float = field(default_factory=lambda: time.time())

    @property
    def words(self) -> tuple[str, ...]:
        """The options that were typed, as they were."""
        options = {"--idle": self.idle, "--max-duration": self.max_duration, "--until": self.until}
        return tuple(
            f"{name} {shlex.quote(text)}" for name, text in options.items() if text is not None
        )

    def resolve(self, dollars_per_hour: float | None) -> GuardLimits:
        """Return the limits of an instance with this price; raise BadSetting for one not valid."""
        idle = read_idle_timeout() if self.idle is None else self.idle
        max_seconds, until = self.resolve_ends()
        return GuardLimits(
            idle_seconds=parse_idle(idle, dollars_per_hour, name="--idle"),
            max_seconds=max_seconds,
            until=until,
        )

    def resolve_ends(self) -> tuple[float | None, float | None]:
        """Return the seconds until the one end, and the time of the other, as `resolve` does."""
        longest, until = self.max_duration, self.until
        return (
            None if longest is None else duration.parse_option("--max-duration", longest, off=True),
            None if until is None else clock_time.parse_option("--until", until, self.typed_at),
        )

    def check_ahead(self) -> None:
        """Raise BadSetting if the time of `--until` has passed since it was typed."""
        _, until = self.resolve_ends()
        if until is not None and until <= time.time():
            raise BadSetting(
                f"--until {self.until} has passed meanwhile: nothing was started.",
                fix="Type a later time, or leave --until out.",
            )

    def make_changes(self, dollars_per_hour: float | None) -> dict[str, float | None]:
        """Return the changes of a guard's settings for what was typed; it keeps the others."""
        limits, changes = self.resolve(dollars_per_hour), dict[str, float | None]()
        if self.idle is not None:
            changes["idle_seconds"] = limits.idle_seconds
        if self.max_duration is not None:
            changes["max_seconds"] = limits.max_seconds
        if self.until is not None:
            # One that has passed since it was typed ends the instance at once.
            left = None if limits.until is None else max(limits.until - time.time(), 1.0)
            changes["until_seconds"] = left
        return changes


def parse_idle(value: Any, dollars_per_hour: float | None, *, name: str) -> float | None:
    """Return an idle timeout in seconds; `off` gives None, `scaled` depends on the price."""
    if isinstance(value, str) and value.strip().lower() == SCALED:
        if not dollars_per_hour:
            return _LONGEST_SCALED
        seconds = SCALED_DOLLARS / dollars_per_hour * 3600
        return min(max(seconds, _SHORTEST_SCALED), _LONGEST_SCALED)
    seconds_or_none = duration.parse_option(name, value, off=True)
    if seconds_or_none is not None and seconds_or_none < SHORTEST_IDLE_SECONDS:
        raise BadSetting(
            f"{name} = {value!r:.60} is too short: a person needs time to begin.",
            fix="Use at least 1 minute, or off.",
        )
    return seconds_or_none


def read_idle_timeout() -> str:
    """Return the idle timeout of instances that are launched, as it was typed."""
    return state.read().idle_timeout or DEFAULT_IDLE


def describe_idle_timeout() -> str:
    """Return it as text: `45 minutes`, `off` or `scaled`."""
    typed = read_idle_timeout()
    if typed in (SCALED, "off"):
        return typed
    return _minutes(duration.to_seconds(typed))


def store_idle_timeout(value: str) -> None:
    """Store the idle timeout, after checking it."""
    parse_idle(value, None, name="%idle_timeout")
    state.update(lambda known: replace(known, idle_timeout=value.strip().lower()))


def _minutes(seconds: float) -> str:
    if seconds % 60:
        return f"{seconds:.0f} seconds"
    minutes = seconds / 60
    if minutes >= 120 and minutes % 60 == 0:
        return f"{minutes / 60:.0f} hours"
    return f"{minutes:.0f} minute{'s' if round(minutes) != 1 else ''}"
