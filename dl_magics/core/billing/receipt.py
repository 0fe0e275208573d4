"""The receipt of a stop: hours, dollars by part, what is still billed while stopped."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from dl_magics.core import money, table
from dl_magics.core.billing.cost import MIN_SECONDS, Cost, compute_cost
from dl_magics.core.billing.history import Period
from dl_magics.core.instance import Instance

_LOW_SHARE = 0.5
_ADVICE = (
    "copy and prepare data on a small type, then %aws_resize to the GPU (%aws_resize t3.large, "
    "%aws_resize g4dn.xlarge)"
)


@dataclass(frozen=True, slots=True)
class Receipt:
    """The cost of an instance from start to stop, and of its disks and addresses for a month.

    Amounts are None if a price is unknown. `elastic_ips` are the addresses that it keeps, and that
    cost, while it is stopped. `busy_seconds` are those of its GPUs, None if not measured.
    """

    name: str
    cost: Cost
    dollars_per_month: float | None
    elastic_ips: int = 0
    busy_seconds: float | None = None

    @property
    def seconds(self) -> int:
        """The seconds that it ran."""
        return self.cost.seconds

    @property
    def dollars(self) -> Decimal | None:
        """What these cost, with its addresses and disks."""
        return self.cost.dollars

    @property
    def price_day(self) -> str:
        """The day of the price of its hour."""
        prices = self.cost.parts[0].prices
        return prices[-1][1] if prices else ""

    @property
    def lines(self) -> list[str]:
        """The receipt, line by line."""
        kept = "the disks and Elastic IPs cost" if self.elastic_ips else "the disk costs"
        monthly = money.format_dollars(self.dollars_per_month)
        parts = [str(each) for each in self.cost.parts if each.dollars != 0]
        minute = " (billed as 1 min)" if self.seconds < MIN_SECONDS else ""
        lines = [
            f"{self.name}: {money.format_duration(self.seconds)}{minute}, "
            f"{money.format_dollars(self.dollars)}",
            " · ".join(parts),
            self.cost.unseen_text,
            self._busy_text,
            # 0 after a terminate, which deletes its disk.
            f"while stopped {kept} {monthly} a month" if self.dollars_per_month != 0 else "",
        ]
        return [each for each in lines if each]

    @property
    def busy_share(self) -> float | None:
        """The share of the time that was paid in which its GPUs computed; None if not measured."""
        if self.busy_seconds is None or not self.seconds:
            return None
        return min(self.busy_seconds / max(self.seconds, MIN_SECONDS), 1.0)

    @property
    def _busy_text(self) -> str:
        if self.busy_share is None:
            return ""
        busy = f"GPU busy {self.busy_share:.0%} of the time that was paid"
        if self.busy_share >= _LOW_SHARE:
            return busy
        return f"{busy}: {_ADVICE}"

    def to_json(self) -> dict[str, Any]:
        """Return the amounts as JSON types."""
        dollars = self.dollars
        return {
            "name": self.name,
            "seconds": self.seconds,
            "dollars": None if dollars is None else float(dollars),
            "dollars_per_month": self.dollars_per_month,
            "price_day": self.price_day,
            "busy_share": self.busy_share,
        }

    def __repr__(self) -> str:
        return "\n  ".join(self.lines)

    def __str__(self) -> str:
        """The receipt on one line, for a notification."""
        return "; ".join(self.lines)

    def _repr_html_(self) -> str:
        return table.format_html("\n".join(self.lines), (), ())


@dataclass(frozen=True, slots=True)
class Receipts:
    """The receipts of instances that were stopped together."""

    each: tuple[Receipt, ...]

    @property
    def dollars(self) -> Decimal | None:
        """What all of them cost; None if a price is unknown."""
        known = [one.dollars for one in self.each if one.dollars is not None]
        return sum(known, Decimal(0)) if len(known) == len(self.each) else None

    @property
    def lines(self) -> list[str]:
        """The receipts and their sum, line by line."""
        together = f"together {money.format_dollars(self.dollars)}"
        return [*(line for one in self.each for line in one.lines), together]

    def __repr__(self) -> str:
        return "\n".join([*map(repr, self.each), self.lines[-1]])

    def _repr_html_(self) -> str:
        return table.format_html("\n".join(self.lines), (), ())


def make_receipt(
    history: Sequence[Period], stopped: Instance, busy_seconds: float | None = None
) -> Receipt:
    """Return the receipt of the last start of an instance, which is stopped now."""
    launched_at = int(stopped.launched_at)
    periods = [
        each for each in history if each.launched_at == launched_at and each.state != "stopped"
    ]
    return Receipt(
        stopped.name,
        compute_cost(periods),
        0.0 if stopped.gone else stopped.dollars_per_month,
        stopped.elastic_ips,
        busy_seconds,
    )
