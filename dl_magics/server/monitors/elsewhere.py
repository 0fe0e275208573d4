"""What runs in the other regions of the account: seventeen regions are read, so not often."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from dl_magics.actions.aws import regions
from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.panel import place
from dl_magics.core.instance import Instance

_KEPT_SECONDS = 300.0


class Elsewhere:
    """Keeps the last answer of all regions for five minutes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._kept: tuple[float, str, dict[str, Any]] | None = None

    def read(self, *, fresh: bool = False) -> dict[str, Any]:
        """Return the keys of the contract's `Elsewhere`; one caller reads, the others wait.

        `fresh` reads again what was read before.
        """
        current = place.load_context()
        with self._lock:
            now = self._clock()
            if self._kept and not fresh:
                read_at, where, kept = self._kept
                if where == current.profile_and_region and now - read_at < _KEPT_SECONDS:
                    return kept
            found = _read_regions(current)
            self._kept = (now, current.profile_and_region, found)
            return found


def _read_regions(current: Context) -> dict[str, Any]:
    listing = regions.list_instances(current)
    running: dict[str, list[Instance]] = defaultdict(list)
    for each in listing:
        region = each.zone[:-1]
        if each.costs_money and region != current.region:
            running[region].append(each)
    return {
        "regions": [
            {
                "region": region,
                "running": len(found),
                "dollars_per_hour": _sum_prices(found),
                "names": [each.name for each in found],
            }
            for region, found in sorted(running.items())
        ],
        "unread": list(listing.unread),
    }


def _sum_prices(found: list[Instance]) -> float | None:
    prices = [each.dollars_per_hour for each in found]
    known = [price for price in prices if price is not None]
    return sum(known) if len(known) == len(prices) else None
