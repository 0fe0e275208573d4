"""What each instance has cost since its start and this month, and what it costs while stopped."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from dl_magics.actions.aws import instances, regions
from dl_magics.actions.aws.billing import run_costs
from dl_magics.actions.aws.billing.instance_bill import (
    InstanceBill,
    bill_gone,
    bill_instance,
    bill_unread,
    format_time,
)
from dl_magics.actions.aws.billing.run_costs import RunCost
from dl_magics.actions.aws.context import Context
from dl_magics.aws.billing import usage
from dl_magics.core import money, table
from dl_magics.core.billing.cost import add_costs, add_up, compute_cost, month_start
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


@dataclass(frozen=True, slots=True)
class Bill:
    """The costs of the instances of one region or of all, and of the runs on them, this month."""

    where: str
    month: str
    each: tuple[InstanceBill, ...]
    runs: tuple[RunCost, ...] = ()
    unread: tuple[str, ...] = ()
    damaged: tuple[Path, ...] = ()

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
        return f"{self.where}: {self._sum_text} in {self.month}{now}{unread}"

    @property
    def notes(self) -> list[str]:
        """The days of the prices, and what is not known."""
        prices = sorted({text for each in self.each for text in _describe_prices(each)})
        unpriced = [
            f"{part.part} of {each.name} ({each.id})"
            for each in self.each
            for part in each.month.parts
            if part.dollars is None
        ]
        since = [
            f"{each.name} since {format_time(each.seen_since)}"
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
            *(
                [f"Not in the sum, as the price is not known: {'; '.join(unpriced)}."]
                if unpriced
                else []
            ),
            *([f"Seen: {', '.join(since)}."] if since else []),
            *unseen,
            *(f"{each.name}: {each.seen_last}." for each in self.each if each.seen_last),
            *(
                f"Not included: what is in {each}, which could not be read."
                for each in self.damaged
            ),
            _NOT_INCLUDED,
        ]

    @property
    def _sum_text(self) -> str:
        parts = [part.dollars for each in self.each for part in each.month.parts]
        known = money.format_dollars(add_up(each for each in parts if each is not None))
        return f"at least {known}" if None in parts else known

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
        bill_instance(each, usage.read_history(each), begin) for each in listed if not each.gone
    ]
    recorded = usage.list_usage(context.session, everywhere=everywhere)
    gone = {each.id for each in listed if each.gone}
    for each in recorded:
        if each.history[-1].ended_at <= begin or (each.id in there and each.id not in gone):
            continue
        is_unread = each.region in listed.unread_regions
        rows.append(bill_unread(each, begin) if is_unread else bill_gone(each, begin))
    where = f"{context.profile.name}, all regions" if everywhere else context.profile_and_region
    return Bill(
        where,
        f"{datetime.fromtimestamp(begin, UTC):%B %Y}",
        tuple(rows),
        tuple(run_costs.list_costs({each.id for each in rows}, begin)),
        listed.unread,
        tuple(usage.list_damaged()),
    )


def read_month(instance: Instance) -> float | None:
    """Return what an instance has cost this month up to this view of it; None if unknown."""
    begin = month_start(instance.seen_at)
    dollars = compute_cost(usage.read_history(instance), begin).dollars
    return None if dollars is None else float(dollars)


def _describe_prices(bill: InstanceBill) -> Iterable[str]:
    """Return the price of each part; only that of the instance differs from one to the next."""
    for each in bill.month.parts:
        whose = f"{each.part} {bill.name}" if each.part == "instance" else each.part
        if each.prices:
            yield f"{whose} {each.price_text}"


def _title_runs(runs: Sequence[RunCost]) -> str:
    count = "1 run" if len(runs) == 1 else f"{len(runs)} runs"
    return f"{count} on these instances this month, each with its share of the running time"
