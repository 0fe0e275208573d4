"""What each instance has cost since its start and this month, and what it costs while stopped."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from dl_magics.actions.aws import instances, regions
from dl_magics.actions.aws.billing import run_costs
from dl_magics.actions.aws.billing.run_costs import RunCost
from dl_magics.actions.aws.context import Context
from dl_magics.aws.billing import usage
from dl_magics.aws.billing.usage import Usage
from dl_magics.core import money, table
from dl_magics.core.billing.cost import FOREVER, Cost, add_costs, compute_cost, month_start
from dl_magics.core.billing.history import Period
from dl_magics.core.instance import Instance

HEADS = (
    "name",
    "type",
    "state",
    "since start",
    "this month",
    "instance",
    "IPv4 address",
    "disk",
    "while stopped",
    "id",
)
RUN_HEADS = ("run", "instance", "time", "dollars", "price of")
_NOT_INCLUDED = (
    "Computed from the starts and stops that this computer has seen, from the request to start on, "
    "without tax, credits, snapshots and data transfer. The bill of AWS counts: "
    "https://console.aws.amazon.com/billing/"
)
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


@dataclass(frozen=True, slots=True)
class Bill:
    """The costs of the instances of one region or of all, and of the runs on them, this month."""

    where: str
    month: str
    each: tuple[InstanceBill, ...]
    runs: tuple[RunCost, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def dollars(self) -> Decimal | None:
        """What all of them have cost this month; None if a price is unknown."""
        return add_costs(each.month for each in self.each)

    @property
    def title(self) -> str:
        """The sum and where it comes from."""
        running = [each.price_now for each in self.each if each.price_now]
        now = f", {len(running)} running now at {' + '.join(running)}" if running else ""
        unread = f"; could not be read: {', '.join(self.unread)}" if self.unread else ""
        return f"{self.where}: {money.format_dollars(self.dollars)} in {self.month}{now}{unread}"

    @property
    def notes(self) -> list[str]:
        """The days of the prices, and what is not known."""
        prices = sorted({text for each in self.each for text in _describe_prices(each)})
        since = [
            f"{each.name} since {_format_time(each.seen_since)}"
            for each in self.each
            if each.month.dollars != 0
        ]
        unseen = [
            f"{each.name}: {each.month.unseen_text}."
            for each in self.each
            if each.month.unseen_text
        ]
        return [
            *([f"Prices: {' · '.join(prices)}."] if prices else []),
            *([f"Seen: {', '.join(since)}."] if since else []),
            *unseen,
            *(f"{each.name}: {each.seen_last}." for each in self.each if each.seen_last),
            _NOT_INCLUDED,
        ]

    def __repr__(self) -> str:
        rows = [each.cells() for each in self.each]
        tables = [table.format_text(self.title, HEADS, rows)]
        if self.runs:
            cells = [each.cells() for each in self.runs]
            tables.append(table.format_text(_title_runs(self.runs), RUN_HEADS, cells))
        return "\n".join([*tables, *self.notes])

    def _repr_html_(self) -> str:
        parts = [table.format_html(self.title, HEADS, [each.cells() for each in self.each])]
        if self.runs:
            cells = [each.cells() for each in self.runs]
            parts.append(table.format_html(_title_runs(self.runs), RUN_HEADS, cells))
        return "".join([*parts, *(table.format_html(note, (), ()) for note in self.notes)])


def make_bill(context: Context, *, everywhere: bool = False, begin: int | None = None) -> Bill:
    """Return the bill of the region, or of all regions, with the instances that are gone.

    It is that of this month, or of the time since `begin`. What was seen in a region that could not
    be read now is in it, too.
    """
    listed = regions.list_instances(context) if everywhere else instances.list_instances(context)
    now = max((each.seen_at for each in listed), default=time.time())
    begin = month_start(now) if begin is None else begin
    there = {each.id for each in listed}
    rows = [
        _bill_instance(each, usage.read_history(each), begin) for each in listed if not each.gone
    ]
    recorded = usage.list_usage(context.session, everywhere=everywhere)
    gone = {each.id for each in listed if each.gone}
    for each in recorded:
        if each.history[-1].ended_at <= begin or (each.id in there and each.id not in gone):
            continue
        is_unread = each.region in listed.unread_regions
        rows.append(_bill_unread(each, begin) if is_unread else _bill_gone(each, begin))
    where = f"{context.profile.name}, all regions" if everywhere else context.profile_and_region
    return Bill(
        where,
        f"{datetime.fromtimestamp(begin, UTC):%B %Y}",
        tuple(rows),
        tuple(run_costs.list_costs({each.id for each in rows}, begin)),
        listed.unread,
    )


def read_month(instance: Instance) -> float | None:
    """Return what an instance has cost this month up to this view of it; None if unknown."""
    begin = month_start(instance.seen_at)
    dollars = compute_cost(usage.read_history(instance), begin).dollars
    return None if dollars is None else float(dollars)


def _bill_instance(instance: Instance, history: Sequence[Period], begin: int) -> InstanceBill:
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


def _bill_gone(seen: Usage, begin: int) -> InstanceBill:
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


def _bill_unread(seen: Usage, begin: int) -> InstanceBill:
    last = seen.history[-1]
    until = f"{_SEEN[last.state]} until {_format_time(last.ended_at)}"
    return replace(
        _bill_gone(seen, begin),
        state="unknown",
        dollars_per_month=None,
        seen_last=f"{until}; {seen.region} could not be read now, and what it cost since then is "
        "not included",
    )


def _format_time(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M} UTC"


def _describe_prices(bill: InstanceBill) -> Iterable[str]:
    """Return the price of each part; only that of the instance differs from one to the next."""
    for each in bill.month.parts:
        whose = f"{each.part} {bill.name}" if each.part == "instance" else each.part
        if each.prices:
            yield f"{whose} {each.price_text}"


def _title_runs(runs: Sequence[RunCost]) -> str:
    count = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    return f"{count} on these instances this month, each with its share of the running time"
