"""The history of an instance as far as it was seen: periods, each with its prices.

EC2 tells the time of the last start and of the last stop by a request only. What lies between two
views of an instance is computed from these; where they do not tell, the period is "unseen".
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from dl_magics.core.instance import Instance
from dl_magics.core.known_fields import keep_known_fields

PeriodState = Literal["running", "stopped", "unseen"]
# It counts as running until it was seen not to, if that was so soon after it was seen running.
_SHORT_GAP = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A time of an instance without a change; times are whole seconds since the epoch.

    While it is running, `hour` is billed; always each of its `addresses` and the `month` of its
    disks. Prices are in dollars, None if unknown, each with the day on which it was listed. While
    it is "unseen" it may have run. `launched_at` is the start that the period belongs to.
    """

    began_at: int
    ended_at: int
    state: PeriodState
    launched_at: int
    type: str
    spot: bool = False
    hour: float | None = None
    hour_day: str = ""
    addresses: int = 0
    address: float | None = None
    address_day: str = ""
    month: float | None = None
    month_day: str = ""

    @property
    def seconds(self) -> int:
        """Its length."""
        return self.ended_at - self.began_at

    def to_json(self) -> dict[str, Any]:
        """Return values for JSON, which `from_json` accepts."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Period:
        """Return the period of `to_json`; unknown keys are ignored."""
        return cls(**keep_known_fields(cls, values))


def add_view(history: Sequence[Period], seen: Instance) -> tuple[Period, ...]:
    """Return the history after one more view of the instance; an older one changes nothing.

    What was not known of the price of its disks before is taken from the newest view.
    """
    new = _add_view(history, seen)
    month, day = (new[-1].month, new[-1].month_day) if new else (None, "")
    return tuple(
        replace(each, month=month, month_day=day) if each.month is None else each for each in new
    )


def _add_view(history: Sequence[Period], seen: Instance) -> tuple[Period, ...]:
    now = math.ceil(seen.seen_at)
    if not history:
        return _begin(seen, now)
    last = history[-1]
    if now < last.ended_at:
        return tuple(history)
    launched = math.floor(seen.launched_at)
    before = [*history[:-1]]
    if launched > last.launched_at:
        # It was started again: what ran before has ended, at a time that is not known any more.
        gap: PeriodState = "unseen" if last.state == "running" else "stopped"
        before += _until(last, launched, gap)
        began = max(launched, before[-1].ended_at)
        running = _make_period(seen, began, began, "running", like=last)
        if not seen.costs_money:
            # It has lost its address since; it had as many as at an earlier start.
            most = max(each.addresses for each in (*before, running))
            running = replace(running, addresses=most)
        return _extend(before, running, seen, now)
    return _extend(before, last, seen, now)


def _begin(seen: Instance, now: int) -> tuple[Period, ...]:
    if seen.gone:
        return ()
    began = min(math.floor(seen.launched_at), now) if seen.costs_money else now
    return (_make_period(seen, began, now, _state(seen)),)


def _extend(before: list[Period], last: Period, seen: Instance, now: int) -> tuple[Period, ...]:
    """Return the history with its last period extended to a view of the same start."""
    if seen.costs_money:
        return (*before, *_extend_alike(last, seen, now))
    if last.state == "running":
        ended = math.ceil(seen.stopped_at)
        if ended >= last.began_at and ended <= now:
            before += [replace(last, ended_at=ended)]
        else:
            ended = now
            before += _until(last, now, "unseen")
        return tuple(before) if seen.gone else (*before, _make_period(seen, ended, now, like=last))
    if seen.gone:
        return (*before, last)
    return (*before, *_extend_alike(last, seen, now))


def _extend_alike(last: Period, seen: Instance, now: int) -> tuple[Period, ...]:
    """Return the period up to now; two of them where what is billed has changed."""
    new = _make_period(seen, last.ended_at, now, last.state, like=last)
    if last.hour is None or not last.spot:
        # The price was not known, or AWS lists another one on demand: it counts for all of it.
        last = replace(last, hour=new.hour, hour_day=new.hour_day)
    if last.month is None:
        last = replace(last, month=new.month)
    if _billed(last) != _billed(new):
        return (last, new)
    listed = replace(last, hour_day=new.hour_day, address_day=new.address_day)
    return (replace(listed, ended_at=now, month_day=new.month_day),)


def _billed(period: Period) -> tuple[float | None, ...]:
    hour = period.hour if period.state == "running" else None
    return hour, period.addresses, period.address, period.month


def _until(last: Period, end: int, gap: PeriodState) -> list[Period]:
    """Return the last period and what followed it until `end`."""
    if gap == last.state or (gap == "unseen" and end - last.ended_at <= _SHORT_GAP):
        return [replace(last, ended_at=max(end, last.ended_at))]
    if end <= last.ended_at:
        return [last]
    return [last, replace(last, began_at=last.ended_at, ended_at=end, state=gap)]


def _make_period(
    seen: Instance,
    began: int,
    ended: int,
    state: PeriodState | None = None,
    *,
    like: Period | None = None,
) -> Period:
    """Return a period with the prices of a view; of `like`, where the view did not read them."""
    hour, hour_day = seen.type_dollars, seen.price_day
    month: float | None = seen.disk_dollars
    month_day = seen.disk_day
    is_read = len(seen.disks) == seen.volumes
    if like and hour is None and like.type == seen.type:
        hour, hour_day = like.hour, like.hour_day
    if month is None or not is_read:
        month, month_day = (like.month, like.month_day) if like else (None, "")
    return Period(
        began_at=began,
        ended_at=ended,
        state=state or _state(seen),
        launched_at=math.floor(seen.launched_at),
        type=seen.type,
        spot=seen.spot,
        hour=hour,
        hour_day=hour_day,
        addresses=seen.public_addresses if seen.costs_money else seen.elastic_ips,
        address=seen.address_dollars,
        address_day=seen.address_day,
        month=month,
        month_day=month_day,
    )


def _state(seen: Instance) -> PeriodState:
    return "running" if seen.costs_money else "stopped"
