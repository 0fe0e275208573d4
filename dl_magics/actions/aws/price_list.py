"""The types that can be rented here, with what they cost."""

from __future__ import annotations

from dataclasses import dataclass

from dl_magics.actions.aws.context import Context
from dl_magics.aws import instance_types, prices, quotas
from dl_magics.core import money, table

HEADS = ("type", "GPU", "vCPUs", "memory", "on demand", "spot", "quota left")


@dataclass(frozen=True, slots=True)
class PriceList:
    """A table of instance types."""

    title: str
    rows: tuple[tuple[str, ...], ...]

    def __repr__(self) -> str:
        return table.format_text(self.title, HEADS, self.rows)

    def _repr_html_(self) -> str:
        return table.format_html(self.title, HEADS, self.rows)


def list_prices(context: Context, start: str | None = None) -> PriceList:
    """Return the GPU types of this region, or those of a GPU or whose name begins with `start`."""
    session = context.session
    shown = [
        kind
        for kind in instance_types.known_types().values()
        if _wanted(kind, start, session.region)
    ]
    spot = prices.read_spot_prices(session, [kind.type for kind in shown])
    everything = context.ec2.list_instances()
    left = {
        family: quotas.read_quota(session, family, everything).left
        for family in {quotas.quota_family(kind.type) for kind in shown}
    }
    rows = [
        (
            kind.type,
            kind.gpu_text or "-",
            str(kind.vcpus),
            f"{kind.memory_gib:g} GiB",
            money.format_per_hour(_price(context, kind.type, start)),
            money.format_per_hour(spot[kind.type]) if kind.type in spot else "-",
            _left(left[quotas.quota_family(kind.type)]),
        )
        for kind in shown
    ]
    source = f"table of {instance_types.READ_IN}" if not start else "AWS price list, else table"
    return PriceList(
        f"{context.profile_and_region}: on-demand prices from the {source}", tuple(rows)
    )


def describe_types(context: Context) -> dict[str, str]:
    """Return each type with its GPU and listed price: what a resize would cost."""
    region = context.session.region
    return {
        kind.type: f"{kind.gpu_text or 'no GPU'}, {money.format_per_hour(price)}"
        for kind in instance_types.known_types().values()
        if (price := instance_types.listed_price(kind.type, region)) is not None
        and not kind.retired
    }


def _wanted(kind: instance_types.InstanceType, start: str | None, region: str | None) -> bool:
    if kind.retired:
        return False
    if start:
        return kind.type.startswith(start) or start.upper() in kind.gpu.upper().split()
    return bool(kind.gpu) and instance_types.listed_price(kind.type, region) is not None


def _price(context: Context, type_: str, start: str | None) -> float | None:
    """Ask AWS only for a few types: each is a call."""
    session = context.session
    return (
        prices.read_hourly_price(session, type_)[0]
        if start
        else instance_types.listed_price(type_, session.region)
    )


def _left(vcpus: float | None) -> str:
    return "unknown" if vcpus is None else f"{vcpus:g} vCPUs"
