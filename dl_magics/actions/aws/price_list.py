"""The instance types of the selected region, with their prices."""

from __future__ import annotations

from dataclasses import dataclass

from dl_magics.actions.aws.context import Context
from dl_magics.aws import instance_types, quotas
from dl_magics.aws.pricing import prices
from dl_magics.core import money, table

HEADS = ("type", "GPU", "vCPUs", "memory", "on demand", "spot", "quota left")


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedType:
    """An instance type with its prices in dollars an hour and the vCPUs left; None if unknown."""

    type: str
    gpu: str
    vcpus: int
    memory_gib: float
    dollars_per_hour: float | None
    spot_dollars_per_hour: float | None
    vcpus_left: float | None

    def cells(self) -> tuple[str, ...]:
        """Return the cells of its row."""
        spot = self.spot_dollars_per_hour
        return (
            self.type,
            self.gpu or "-",
            str(self.vcpus),
            f"{self.memory_gib:g} GiB",
            money.format_per_hour(self.dollars_per_hour),
            money.format_per_hour(spot) if spot is not None else "-",
            "unknown" if self.vcpus_left is None else f"{self.vcpus_left:g} vCPUs",
        )


@dataclass(frozen=True, slots=True)
class PriceList:
    """A table of instance types."""

    title: str
    each: tuple[PricedType, ...]

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The cells of the table, a tuple for each type."""
        return [priced.cells() for priced in self.each]

    def __repr__(self) -> str:
        return table.format_text(self.title, HEADS, self.rows)

    def _repr_html_(self) -> str:
        return table.format_html(self.title, HEADS, self.rows)


def list_prices(context: Context, start: str | None = None) -> PriceList:
    """Return the GPU types of the region, with prices and the quota left.

    With `start`, return the types whose name begins with it or whose GPU it names.
    """
    session = context.session
    shown = [
        kind
        for kind in instance_types.known_types().values()
        if _is_listed(kind, start, session.region)
    ]
    spot = prices.read_spot_prices(session, [kind.type for kind in shown])
    instances = context.ec2.list_instances()
    left = {
        family: quotas.read_quota(session, family, instances).left
        for family in {quotas.quota_family(kind.type) for kind in shown}
    }
    priced = tuple(
        PricedType(
            type=kind.type,
            gpu=kind.gpu_text,
            vcpus=kind.vcpus,
            memory_gib=kind.memory_gib,
            dollars_per_hour=_price(context, kind.type, start),
            spot_dollars_per_hour=spot.get(kind.type),
            vcpus_left=left[quotas.quota_family(kind.type)],
        )
        for kind in shown
    )
    source = f"table of {instance_types.READ_IN}" if not start else "AWS price list, else table"
    return PriceList(f"{context.profile_and_region}: on-demand prices from the {source}", priced)


def describe_types(context: Context) -> dict[str, str]:
    """Return a text for each type, with its GPU and its listed price an hour."""
    region = context.session.region
    return {
        kind.type: f"{kind.gpu_text or 'no GPU'}, {money.format_per_hour(price)}"
        for kind in instance_types.known_types().values()
        if (price := instance_types.listed_price(kind.type, region)) is not None
        and not kind.retired
    }


def _is_listed(kind: instance_types.InstanceType, start: str | None, region: str | None) -> bool:
    if kind.retired:
        return False
    if start:
        return kind.type.startswith(start) or start.upper() in kind.gpu.upper().split()
    return bool(kind.gpu) and instance_types.listed_price(kind.type, region) is not None


def _price(context: Context, type_: str, start: str | None) -> float | None:
    """Return the dollars an hour; AWS is asked only if `start` limits the number of calls."""
    session = context.session
    return (
        prices.read_hourly_price(session, type_)[0]
        if start
        else instance_types.listed_price(type_, session.region)
    )
