"""The instance types of the selected region, with their prices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch

from dl_magics.actions.aws.context import Context, load
from dl_magics.aws import instance_types, quotas
from dl_magics.aws.instance_types import InstanceType
from dl_magics.aws.pricing import known, prices, spot
from dl_magics.aws.pricing import table as bundled
from dl_magics.aws.pricing.known import KnownPrices
from dl_magics.core import money, table
from dl_magics.errors import NoCredentials, NoRegion, NoSuchType
from dl_magics.training.engine.device import Device, choose_batch_size

_USUAL_REGION = "us-east-1"
HEADS = ("type", "GPU", "vCPUs", "memory", "on demand", "day", "spot", "quota left")
# VGG16 at 224 pixels: its first layers have 64 values for each pixel.
_WIDEST_VALUES = 224 * 224 * 64
# The context of CUDA and its libraries take this of the memory of a GPU.
_CONTEXT_GIB = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class PricedType:
    """An instance type with its prices in dollars an hour and the vCPUs left; None if unknown.

    `price_day` is the day of the on-demand price.
    """

    type: str
    gpu: str
    vcpus: int
    memory_gib: float
    dollars_per_hour: float | None
    price_day: str
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
            self.price_day or "-",
            money.format_per_hour(spot) if spot is not None else "-",
            "unknown" if self.vcpus_left is None else f"{self.vcpus_left:g} vCPUs",
        )


@dataclass(frozen=True, slots=True)
class PriceList:
    """A table of instance types, with notes below it."""

    title: str
    each: tuple[PricedType, ...]
    notes: tuple[str, ...] = ()

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The cells of the table, a tuple for each type."""
        return [priced.cells() for priced in self.each]

    def __repr__(self) -> str:
        return "\n".join([table.format_text(self.title, HEADS, self.rows), *self.notes])

    def _repr_html_(self) -> str:
        notes = "".join(table.format_html(note, (), ()) for note in self.notes)
        return table.format_html(self.title, HEADS, self.rows) + notes


def list_prices_anywhere(pattern: str | None = None) -> PriceList:
    """Return what `list_prices` does; without an AWS account, what the bundled table has.

    Raises NoSuchType where no type fits the pattern.
    """
    region = _USUAL_REGION
    try:
        context = load()
        region = context.region
        listed = list_prices(context, pattern)
    except (NoCredentials, NoRegion) as error:
        notes = ("Spot prices and quotas need an AWS account.", f"{error} {error.fix}")
        title = f"{_USUAL_REGION}: Linux, in US dollars, from the table of dl_magics"
        listed = PriceList(title, tuple(_list_table(pattern)), notes)
    if pattern and not listed.each:
        raise _make_unknown_error(pattern, region)
    return listed


def _make_unknown_error(pattern: str, region: str) -> NoSuchType:
    kinds = instance_types.known_types().values()
    if retired := [kind.type for kind in kinds if kind.retired and _matches(kind, pattern)]:
        near = instance_types.nearest_type(retired[0], region)
        nearest = f"The nearest current type: %aws_prices {near.type} · " if near else ""
        return NoSuchType(
            f"{', '.join(retired)}: retired, and no longer available.",
            fix=f"{nearest}%aws_prices lists the types with a GPU.",
        )
    return NoSuchType(
        f"No known instance type in {region} begins with {pattern!r:.60}, matches it or has a GPU "
        "of this name.",
        fix="%aws_prices lists the types with a GPU · %aws_prices m5 those of a family.",
    )


def _list_table(pattern: str | None) -> Iterator[PricedType]:
    for kind in instance_types.known_types().values():
        price = bundled.instance_price(kind.type, _USUAL_REGION)
        if price and not kind.retired and (_matches(kind, pattern) if pattern else kind.gpu):
            yield PricedType(
                type=kind.type,
                gpu=kind.gpu_text,
                vcpus=kind.vcpus,
                memory_gib=kind.memory_gib,
                dollars_per_hour=price.dollars,
                price_day=price.day,
                spot_dollars_per_hour=None,
                vcpus_left=None,
            )


def list_prices(context: Context, pattern: str | None = None) -> PriceList:
    """Return the GPU types of the region, with prices and the quota left.

    With `pattern`, return the types whose name begins with it or matches it, or whose GPU it names;
    types without a GPU, too.
    """
    session = context.session
    before = known.read_known(session)
    types = instance_types.known_types().values()
    shown = [kind for kind in types if _is_listed(before, kind, pattern)]
    names = [kind.type for kind in shown]
    asked = prices.refresh(session, names) if pattern else []
    spots = spot.read_spot_prices(session, names) if names else {}
    instances = context.ec2.list_instances()
    left = {
        family: quotas.read_quota(session, family, instances).left
        for family in {quotas.quota_family(name) for name in names}
    }
    prices.wait_for(asked)
    now = known.read_known(session)
    priced = tuple(
        PricedType(
            type=kind.type,
            gpu=kind.gpu_text,
            vcpus=kind.vcpus,
            memory_gib=kind.memory_gib,
            dollars_per_hour=price.dollars if price else None,
            price_day=price.day if price else "",
            spot_dollars_per_hour=bid.dollars if (bid := spots.get(kind.type)) else None,
            vcpus_left=left[quotas.quota_family(kind.type)],
        )
        for kind in shown
        for price in [now.of_type(kind.type)]
    )
    title = f"{context.profile_and_region}: Linux, in US dollars"
    return PriceList(title, priced, tuple(_notes(context, shown, spots)))


def describe_types(context: Context) -> dict[str, str]:
    """Return a text for each type: its GPU, the price of an hour that is known, and its day."""
    now = known.read_known(context.session)
    priced = {
        kind: now.of_type(kind.type)
        for kind in instance_types.known_types().values()
        if not kind.retired
    }
    return {
        kind.type: f"{kind.gpu_text or 'no GPU'}, "
        + money.add_day(money.format_per_hour(price.dollars), price.day)
        for kind, price in priced.items()
        if price
    }


def describe_fraction(type_: str) -> str:
    """Return what fits into a fraction of a GPU; empty for a whole GPU or none."""
    kind = instance_types.known_types().get(type_)
    if kind is None or not 0 < kind.gpu_count < 1:
        return ""
    free = int((kind.gpu_memory_gib - _CONTEXT_GIB) * 2**30)
    batch = choose_batch_size("auto", Device("gpu", kind.gpu, free), _WIDEST_VALUES)
    return f"VGG16 at 224 pixels fits into {kind.gpu_memory_gib:g} GiB with batches of {batch}"


def _notes(
    context: Context, shown: list[InstanceType], spots: Mapping[str, money.Price]
) -> list[str]:
    now = known.read_known(context.session)
    disk, address = now.of_disk(), now.of_address
    if address is None:
        return [f"AWS bills {context.region} in another currency: no price in dollars is known."]
    notes = [
        f"A public IPv4 address costs {money.describe_price(address)}; an Elastic IP costs it also "
        "while its instance is stopped."
    ]
    if disk:
        notes.append(
            f"A disk costs {money.format_dollars(disk.dollars)} for a GiB and month (gp3, by the "
            f"{disk.source} of {disk.day}), also while its instance is stopped."
        )
    if day := next((price.day for price in spots.values()), ""):
        notes.append(f"Spot prices are of {day}, and change by the hour.")
    fractions = {kind.type: text for kind in shown if (text := describe_fraction(kind.type))}
    return notes + [
        f"{type_}: {text} (computed, not measured)." for type_, text in fractions.items()
    ]


def _is_listed(now: KnownPrices, kind: InstanceType, pattern: str | None) -> bool:
    if kind.retired:
        return False
    if pattern:
        return _matches(kind, pattern)
    return bool(kind.gpu) and now.of_type(kind.type) is not None


def _matches(kind: InstanceType, pattern: str) -> bool:
    named = kind.type.startswith(pattern) or fnmatch(kind.type, pattern)
    return named or pattern.upper() in kind.gpu.upper().split()
