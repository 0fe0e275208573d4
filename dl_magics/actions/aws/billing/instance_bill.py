"""What one instance has cost: since its last start and this month."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dl_magics.aws.billing.usage import Usage
from dl_magics.core import money
from dl_magics.core.billing.cost import FOREVER, Cost, compute_cost
from dl_magics.core.billing.history import Period
from dl_magics.core.instance import Instance

_SEEN = {"running": "seen running", "stopped": "seen stopped", "unseen": "may have run"}


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceBill:
    """The costs of an instance: since its last start, None if it does not run, and this month.

    `state` is "unknown" where its region could not be read; `seen_last` says what was seen before.
    """

    id: str
    name: str
    type: str
    state: str
    seen_since: int
    since_start: Cost | None
    month: Cost
    dollars_per_month: float | None
    price_now: str = ""
    seen_last: str = ""

    def cells(self) -> tuple[str, ...]:
        """Return the cells of its row."""
        start = money.format_dollars(self.since_start.dollars) if self.since_start else "-"
        parts = (money.format_dollars(each.dollars) for each in self.month.parts)
        kept = "-" if self.state == "terminated" else money.format_per_month(self.dollars_per_month)
        return (
            self.name,
            self.type,
            self.state,
            start,
            money.format_dollars(self.month.dollars),
            *parts,
            kept,
            self.id,
        )


def bill_instance(instance: Instance, history: Sequence[Period], begin: int) -> InstanceBill:
    """Return the bill of an instance of EC2, since `begin`; its state is that of this view."""
    started = int(instance.launched_at)
    running = [each for each in history if each.launched_at == started]
    return InstanceBill(
        id=instance.id,
        name=instance.name,
        type=instance.type + (" (spot)" if instance.spot else ""),
        state=instance.state,
        seen_since=history[0].began_at,
        since_start=compute_cost(running, started) if instance.costs_money else None,
        month=compute_cost(history, begin, FOREVER),
        dollars_per_month=instance.dollars_per_month,
        price_now=instance.price_text if instance.costs_money else "",
    )


def bill_gone(seen: Usage, begin: int) -> InstanceBill:
    """Return the bill of an instance that was terminated, since `begin`."""
    return InstanceBill(
        id=seen.id,
        name=seen.name,
        type=seen.history[-1].type,
        state="terminated",
        seen_since=seen.history[0].began_at,
        since_start=None,
        month=compute_cost(seen.history, begin, FOREVER),
        dollars_per_month=0.0,
    )


def bill_unread(seen: Usage, begin: int) -> InstanceBill:
    """Return the bill of an instance whose region could not be read, up to when it was seen."""
    last = seen.history[-1]
    until = f"{_SEEN[last.state]} until {format_time(last.ended_at)}"
    return replace(
        bill_gone(seen, begin),
        state="unknown",
        dollars_per_month=None,
        seen_last=f"{until}; {seen.region} could not be read now, and what it cost since then is "
        "not included",
    )


def format_time(seconds: float) -> str:
    """Return a time in UTC, to the minute."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"
