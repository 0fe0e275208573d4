"""How a spot instance is requested: so that an interruption stops it and its disk is kept.

EC2 requires a persistent request for that. Such a request launches another instance when its
instance is terminated, until it is cancelled: see `requests`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from dl_magics.aws.pricing.zone_prices import ZonePrices
from dl_magics.core import money
from dl_magics.errors import BadSetting

# "SpotMarketOptions" in the EC2 API reference: a maximum must be higher.
_LOWEST_PRICE = 0.001

HOW_IT_ENDS = "AWS may stop it two minutes after a notice: runs save a checkpoint, the disk stays"
HOW_IT_GOES_ON = "AWS starts it when it has capacity again; then %finetune --resume goes on"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotOptions:
    """What a spot instance may cost an hour: `max_price` is None for the on-demand price."""

    max_price: float | None = None

    def make_parameters(self) -> dict[str, Any]:
        """Return the InstanceMarketOptions of RunInstances."""
        price = {} if self.max_price is None else {"MaxPrice": f"{self.max_price:.6f}"}
        options = {
            "SpotInstanceType": "persistent",
            "InstanceInterruptionBehavior": "stop",
            **price,
        }
        return {"MarketType": "spot", "SpotOptions": options}

    def describe_maximum(self) -> str:
        """Return the most that an hour costs, as a part of a sentence."""
        if self.max_price is None:
            return "the on-demand price"
        return f"{money.format_per_hour(self.max_price)} (--max-price)"

    def check_price(self, type_: str, now: ZonePrices) -> None:
        """Raise BadSetting if the spot price is higher in each zone already; unknown ones pass."""
        lowest = now.lowest
        if lowest is None or self.max_price is None or self.max_price >= lowest.dollars:
            return
        raise BadSetting(
            f"--max-price {money.format_per_hour(self.max_price)} is lower than the spot price of "
            f"{type_}: {now.describe()}.",
            fix=f"%aws_launch {type_} --spot pays at most {SpotOptions().describe_maximum()}, "
            "or give a higher --max-price.",
        )


def parse_options(*, spot: bool, max_price: str | None) -> SpotOptions | None:
    """Return the options that were typed; None without `--spot`. Raises BadSetting."""
    if max_price is None:
        return SpotOptions() if spot else None
    if not spot:
        raise BadSetting(
            f"--max-price {max_price} is for spot instances: one on demand has a fixed price.",
            fix=f"%aws_launch TYPE --spot --max-price {max_price}",
        )
    try:
        dollars = float(max_price.removeprefix("$").removesuffix("/h"))
    except ValueError:
        dollars = math.nan
    if not _LOWEST_PRICE < dollars < math.inf:
        raise BadSetting(
            f"--max-price must be the dollars of an hour, more than {_LOWEST_PRICE}; "
            f"got {max_price!r:.60}.",
            fix="--max-price 0.30 · or leave it out: then it is the on-demand price.",
        )
    return SpotOptions(max_price=dollars)
