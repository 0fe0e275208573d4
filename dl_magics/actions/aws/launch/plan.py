"""What a launch would create, with its price."""

from __future__ import annotations

from dataclasses import dataclass

from dl_magics.actions.aws import access, price_list
from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.guard import alarm
from dl_magics.actions.aws.guard.limits import GuardLimits
from dl_magics.actions.aws.launch.options import MIN_DISK_GIB, LaunchOptions
from dl_magics.aws import images, instance_types, quotas
from dl_magics.aws.network import subnets
from dl_magics.aws.network.subnets import Subnet
from dl_magics.aws.pricing import known, prices
from dl_magics.aws.pricing import spot as spot_prices
from dl_magics.aws.pricing.zone_prices import ZonePrices
from dl_magics.aws.spot.market import HOW_IT_ENDS, HOW_IT_GOES_ON, SpotOptions
from dl_magics.core import money
from dl_magics.errors import BadSetting

NAME = "gpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchPlan:
    """The instance that a launch creates, with its price.

    `disk_gib` is in GiB, `sources` are CIDR ranges, a price is None if it is unknown;
    `account` is the profile, region and account id, `limits` are those of its guard. `price` is
    that on demand; `spot` and `spot_prices` are None for an instance on demand. `instance_profile`
    is the name of that which gives it a role, None without one.
    """

    name: str
    type: str
    image: images.Image
    disk_gib: int
    sources: tuple[str, ...]
    zone: str | None
    subnet: Subnet | None
    price: money.Price | None
    address_price: money.Price | None
    disk_price: money.Price | None
    account: str
    region: str
    limits: GuardLimits
    instance_profile: str | None = None
    spot: SpotOptions | None = None
    spot_prices: ZonePrices | None = None

    def __str__(self) -> str:
        gpu = instance_types.gpu_text(self.type)
        disk = self.disk_price
        month = money.format_dollars(disk.dollars * self.disk_gib if disk else None)
        address = f"public IPv4, {money.describe_price(self.address_price)}"
        if self.subnet and not self.subnet.public:
            address = f"without a public address: subnet {self.subnet.id} gives none"
        fraction = price_list.describe_fraction(self.type)
        facts = {
            "type": f"{self.type}{f' ({gpu})' if gpu else ''}",
            **self._price_facts(),
            "address": address,
            "disk": f"{self.disk_gib} GiB, {month} a month"
            f"{f' by the {disk.source} of {disk.day}' if disk else ''}, also while stopped",
            "guard": f"it {self.limits.describe()}",
            **self._describe_alarm(),
            "port 22": f"open to {', '.join(self.sources)}",
            "image": self.image.name,
            "user": self.image.user,
            **self._describe_role(),
            **({"memory": fraction} if fraction else {}),
        }
        lines = [f"  {name:<8} {text}" for name, text in facts.items()]
        return "\n".join([f"Launch '{self.name}' in {self.account}:", *lines])

    __repr__ = __str__

    @property
    def dollars_per_hour(self) -> float | None:
        """What an hour of it costs, with its public address; None if the price is unknown."""
        price = self.spot_prices.lowest if self.spot_prices else self.price
        if price is None:
            return None
        is_public = not self.subnet or self.subnet.public
        return price.dollars + (
            self.address_price.dollars if self.address_price and is_public else 0
        )

    def _price_facts(self) -> dict[str, str]:
        on_demand = money.describe_price(self.price)
        if self.spot is None or self.spot_prices is None:
            return {"price": f"{on_demand} while it runs"}
        return {
            "spot": self.spot_prices.describe(),
            "at most": f"{self.spot.describe_maximum()}; on demand: {on_demand}",
            "ends": HOW_IT_ENDS,
            "again": HOW_IT_GOES_ON,
        }

    def _describe_role(self) -> dict[str, str]:
        if not self.instance_profile:
            return {}
        return {"role": f"that of instance profile {self.instance_profile}: all programs on it"}

    def _describe_alarm(self) -> dict[str, str]:
        if self.limits.idle_seconds is None:
            return {}
        price = alarm.describe_price(self.region)
        return {"alarm": f"CloudWatch stops it where the guard fails, {price}"}


def make_plan(
    context: Context,
    type_: str,
    *,
    name: str = NAME,
    options: LaunchOptions | None = None,
    instance_profile: str | None = None,
    spot: SpotOptions | None = None,
    count: int = 1,
) -> LaunchPlan:
    """Look up the image, price and quota of `count` launches; return the plan of one.

    Raises
    ------
    NoSuchType, NoSuchImage
        if the type or the image is not available, or they do not work together.
    BadSetting
        if the login user of the image is not known, its disk is larger than the one asked for, an
        option is not valid, or the spot price is higher than the maximum.
    QuotaReached
        if the vCPU quota is too small.
    CloudRefused
        if the region has no default VPC and no subnet is named.
    """
    session, ec2 = context.session, context.ec2
    options = options or LaunchOptions()
    options.check()
    zone, subnet = options.zone, options.subnet
    ec2.check_type(type_, zone=zone or "", magic="%aws_launch")
    listed = ec2.list_instances()
    quotas.check_quota(session, type_, listed, spot=spot is not None, count=count)
    if not subnet:
        subnets.find_default_subnets(session, zone)
    found = images.find_image(session, type_, options.image, user=options.user)
    if options.disk_gib is not None and options.disk_gib < found.disk_gib:
        raise BadSetting(
            f"--disk {options.disk_gib}: the image {found.name} needs {found.disk_gib} GiB.",
            fix=f"--disk {found.disk_gib} · without --disk it has "
            f"{max(MIN_DISK_GIB, found.disk_gib)} GiB.",
        )
    if spot:
        now = spot_prices.read_zone_prices(session, type_, zone)
        spot.check_price(type_, now)
        price = now.lowest
    else:
        price = known.read_known(session).of_type(type_)
    return price_plan(
        context,
        name=name,
        type_=type_,
        image=found,
        disk_gib=options.disk_gib or max(MIN_DISK_GIB, found.disk_gib),
        zone=zone,
        subnet=subnet,
        limits=options.limits.resolve(price.dollars if price else None),
        instance_profile=instance_profile,
        spot=spot,
    )


def price_plan(
    context: Context,
    *,
    name: str,
    type_: str,
    image: images.Image,
    disk_gib: int,
    zone: str | None,
    subnet: str | None,
    limits: GuardLimits,
    instance_profile: str | None,
    spot: SpotOptions | None,
) -> LaunchPlan:
    """Return the plan of these parameters, with the current price and the current address."""
    price = prices.read_price(context.session, type_)
    now = known.read_known(context.session)
    return LaunchPlan(
        name=name,
        type=type_,
        image=image,
        disk_gib=disk_gib,
        sources=tuple(access.resolve_sources(context)),
        zone=zone,
        subnet=subnets.read_subnet(context.session, subnet, zone) if subnet else None,
        price=price,
        address_price=now.of_address,
        disk_price=now.of_disk(),
        account=context.account,
        region=context.region,
        limits=limits,
        instance_profile=instance_profile,
        spot=spot,
        spot_prices=spot_prices.read_zone_prices(context.session, type_, zone) if spot else None,
    )
