"""The prices that are known without asking: as AWS listed them last, else from the tables."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from dl_magics.aws.pricing import price_cache, table
from dl_magics.aws.session import AwsSession
from dl_magics.core import money
from dl_magics.core.instance import Instance
from dl_magics.core.money import Price

DISK_TYPE = "gp3"
"""The type of the disks that dl_magics creates."""


SPOT = "spot "
"""What the names of spot prices begin with."""


@dataclass(frozen=True, slots=True)
class KnownPrices:
    """The prices of a region; `listed` are those of the price list, by the names below."""

    region: str | None
    listed: Mapping[str, Price]

    def of_type(self, type_: str) -> Price | None:
        """Return the on-demand price of an hour."""
        return self.listed.get(type_) or table.instance_price(type_, self.region)

    def of_spot(self, type_: str, zone: str) -> Price | None:
        """Return the spot price of an hour in a zone."""
        return self.listed.get(spot_name(type_, zone))

    def of_disk(self, volume_type: str = DISK_TYPE) -> Price | None:
        """Return the price of a GiB and month."""
        return self.listed.get(disk_name(volume_type)) or table.disk_price(volume_type, self.region)

    @property
    def of_address(self) -> Price | None:
        """The price of a public IPv4 address for an hour; None if it is not in dollars."""
        return table.address_price(self.region)

    def of_disks(self, disks: Iterable[tuple[str, int]]) -> float | None:
        """Return what disks of these types and GiB cost in a month; None if one is unknown."""
        priced = [(self.of_disk(type_), gib) for type_, gib in disks]
        dollars = [price.dollars * gib for price, gib in priced if price]
        return sum(dollars) if len(dollars) == len(priced) else None

    def day_of_disks(self, disks: Iterable[tuple[str, int]]) -> str:
        """Return the day of the oldest price in `of_disks`, "" without one."""
        prices = [self.of_disk(type_) for type_, _ in disks]
        return min((price.day for price in prices if price), default="")


def read_known(session: AwsSession) -> KnownPrices:
    """Return the prices that are known for the region of a session."""
    return KnownPrices(session.region, price_cache.read_place(name_place(session)))


def add_costs(known: KnownPrices, instance: Instance) -> Instance:
    """Return the instance with what an hour and a month cost.

    An hour costs its price and that of its public addresses. Its disks and Elastic IP addresses
    cost each month, also while it is stopped.
    """
    if instance.spot:
        price = known.of_spot(instance.type, instance.zone)
    else:
        price = known.of_type(instance.type)
    address = known.of_address
    if address is None:
        hour, elastic = None, None
    else:
        hour = price.dollars + instance.public_addresses * address.dollars if price else None
        elastic = instance.elastic_ips * address.dollars * money.HOURS_PER_MONTH
    return replace(
        instance,
        dollars_per_hour=hour,
        price_day=price.day if price and address else "",
        type_dollars=price.dollars if price else None,
        address_dollars=address.dollars if address else None,
        address_day=address.day if address else "",
        disk_dollars=known.of_disks(instance.disks),
        disk_day=known.day_of_disks(instance.disks),
        elastic_dollars=elastic,
    )


def spot_name(type_: str, zone: str) -> str:
    """Return the name of a spot price."""
    return f"{SPOT}{type_} {zone}"


def disk_name(volume_type: str) -> str:
    """Return the name of the price of a disk."""
    return f"disk {volume_type}"


def name_place(session: AwsSession) -> str:
    """Return a name of the price list and the region that a session uses."""
    where = (name_endpoint(session), session.profile.name, session.region)
    return " · ".join(each for each in where if each)


def name_endpoint(session: AwsSession) -> str:
    """Return a name of the cloud that a session reaches; "" for AWS itself."""
    return session.profile.config_file or os.environ.get("AWS_ENDPOINT_URL", "")
