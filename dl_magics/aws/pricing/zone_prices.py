"""The spot prices of a type in the zones of a region."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dl_magics.core import money
from dl_magics.core.money import Price


@dataclass(frozen=True, slots=True)
class ZonePrices:
    """The spot price of a type in each zone that has one; empty if they are unknown."""

    by_zone: Mapping[str, Price]

    @property
    def lowest(self) -> Price | None:
        """The lowest of the prices."""
        return min(self.by_zone.values(), key=lambda each: each.dollars, default=None)

    def describe(self) -> str:
        """Return `$0.189/h (us-east-1a) to $0.21/h (us-east-1c) by the spot price of …`."""
        ordered = sorted(self.by_zone.items(), key=lambda each: each[1].dollars)
        if not ordered:
            return f"spot {money.format_per_hour(None)}"
        ends = [ordered[0]]
        if ordered[-1][1].dollars > ordered[0][1].dollars:
            ends.append(ordered[-1])
        shown = (f"{money.format_per_hour(price.dollars)} ({zone})" for zone, price in ends)
        first = ordered[0][1]
        return f"{' to '.join(shown)} by the {first.source} of {first.day}"
