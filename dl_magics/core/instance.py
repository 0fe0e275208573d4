"""An EC2 instance and a list of instances, as values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

from dl_magics.core import money, table
from dl_magics.core.known_fields import keep_known_fields

State = Literal["pending", "running", "stopping", "stopped", "shutting-down", "terminated"]
STATES: tuple[State, ...] = get_args(State)
HEADS = ("name", "type", "GPU", "state", "address", "price", "cost since start", "disks", "id")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Instance:
    """A snapshot of an EC2 instance.

    Times are seconds since the epoch by the clock of AWS: `seen_at` is the time of the snapshot,
    `launched_at` the time of the last start, `stopped_at` of the last stop, 0 if EC2 does not tell.
    `dollars_per_hour` is what it and its public IPv4 addresses cost while it runs, by the price of
    `price_day`; None if unknown. It consists of `type_dollars` and, for each address,
    `address_dollars`. `disks` are the type and the GiB of each EBS volume that was read, of
    `volumes`; `disk_dollars` and `elastic_dollars` are for a month, running or stopped, by
    the disk prices of `disk_day`.

    `ena` is true if its network works with the Elastic Network Adapter, `ebs` if its root device
    is a volume, which a stop keeps. `boot_mode` is uefi, uefi-preferred or legacy-bios, "" if its
    image names none. `user` is the login user of its tag, "" if it has none. `ours` is true if
    dl_magics launched it, with the client token `token`, `answers` if SSH has just answered.
    `spot_request` is the id of the request of a spot instance, `instance_profile` the name of that
    which gives it a role of IAM, "" without one.
    `note` is a sentence on what else was changed for it.
    """

    id: str
    name: str
    state: State
    type: str
    gpu: str = ""
    ip: str | None = None
    private_ip: str | None = None
    zone: str = ""
    launched_at: float = 0.0
    stopped_at: float = 0.0
    seen_at: float = 0.0
    spot: bool = False
    spot_request: str = ""
    public_addresses: int = 0
    elastic_ips: int = 0
    volumes: int = 0
    disks: tuple[tuple[str, int], ...] = ()
    dollars_per_hour: float | None = None
    price_day: str = ""
    type_dollars: float | None = None
    address_dollars: float | None = None
    address_day: str = ""
    disk_dollars: float | None = 0.0
    disk_day: str = ""
    elastic_dollars: float | None = 0.0
    image: str = ""
    architecture: str = "x86_64"
    ena: bool = False
    ebs: bool = True
    boot_mode: str = ""
    user: str = ""
    key: str = ""
    reason: str = ""
    groups: tuple[str, ...] = ()
    ours: bool = False
    token: str = ""
    answers: bool = False
    instance_profile: str = ""
    owner: str = ""
    note: str = ""

    @property
    def address(self) -> str | None:
        """The public address, else the private one, at which it is reached from its network."""
        return self.ip or self.private_ip

    def is_member(self, crew: str) -> bool:
        """Return whether its name is one of a crew's, which are NAME-1 and so on."""
        begin, _, number = self.name.rpartition("-")
        return begin == crew and number.isdecimal()

    @property
    def costs_money(self) -> bool:
        """Whether it is billed by the second now: pending or running."""
        return self.state in ("pending", "running")

    @property
    def gone(self) -> bool:
        """Whether it is being or was terminated."""
        return self.state in ("shutting-down", "terminated")

    @property
    def price_text(self) -> str:
        """The price of an hour with its day: `$0.531/h (2026-11-26)`."""
        return money.add_day(money.format_per_hour(self.dollars_per_hour), self.price_day)

    @property
    def seconds(self) -> float:
        """Seconds since its last start; 0 if it does not run."""
        return max(0.0, self.seen_at - self.launched_at) if self.costs_money else 0.0

    @property
    def dollars(self) -> float | None:
        """The cost since its last start, without its disks; None if the price is unknown."""
        return money.cost(self.dollars_per_hour, self.seconds) if self.costs_money else 0.0

    @property
    def disk_gib(self) -> int:
        """The size of its disks that were read."""
        return sum(gib for _, gib in self.disks)

    @property
    def dollars_per_month(self) -> float | None:
        """The monthly cost of its disks and Elastic IP addresses, running or stopped."""
        if self.disk_dollars is None or self.elastic_dollars is None:
            return None
        return self.disk_dollars + self.elastic_dollars

    @property
    def month_text(self) -> str:
        """What its disks and Elastic IPs cost, with its day: `$8.00/month (2026-11-26)`."""
        return money.add_day(money.format_per_month(self.dollars_per_month), self.disk_day)

    def to_json(self) -> dict[str, Any]:
        """Return values for JSON, which `from_json` accepts."""
        return {**asdict(self), "groups": list(self.groups), "disks": list(map(list, self.disks))}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Instance:
        """Return the instance of `to_json`; unknown keys are ignored."""
        kept = keep_known_fields(cls, values)
        groups = tuple(kept.get("groups", ()))
        return cls(**{**kept, "groups": groups, "disks": tuple(map(tuple, kept.get("disks", ())))})

    def __str__(self) -> str:
        where = f" at {self.address}" if self.address and self.state == "running" else ""
        spot = " spot" if self.spot else ""
        price = f", {self.price_text}{spot}" if self.costs_money else ""
        ssh = ", SSH answers" if self.answers else ""
        note = f". {self.note}" if self.note else ""
        return f"{self.name}: {self.state}{where}{price}{ssh}{note}"

    def __repr__(self) -> str:
        role = f", instance profile {self.instance_profile}" if self.instance_profile else ""
        return f"{self} ({self.type}, {self.id}{role})"

    def _repr_html_(self) -> str:
        return table.format_html(repr(self), (), ())


def find_exact(instances: list[Instance], word: str) -> list[Instance]:
    """Return the instance with the id `word`, else those with exactly this name."""
    by_id = [each for each in instances if each.id == word]
    return by_id or [each for each in instances if each.name == word]


def is_instance_id(word: str) -> bool:
    """Return whether a word is the id of an EC2 instance; `i-dev` is not."""
    return re.fullmatch(r"i-[0-9a-f]{8}(?:[0-9a-f]{9})?", word) is not None


def find_matching(instances: list[Instance], word: str) -> list[Instance]:
    """Return the instances that match `word` by id, else name, else type, else GPU."""
    candidates = (
        find_exact(instances, word),
        [each for each in instances if each.type == word or each.type.startswith(f"{word}.")],
        [each for each in instances if each.type.startswith(word)],
        [each for each in instances if word.upper() in each.gpu.upper().split()],
    )
    return next(filter(None, candidates), [])


@dataclass(frozen=True, slots=True)
class Instances:
    """The instances of one profile and region, or of all its regions, which a column then shows.

    `selected` is the id of the selected one, `unread` the regions that AWS did not answer for, each
    with the reason: `eu-west-1 (why)`.
    """

    profile_and_region: str
    each: tuple[Instance, ...]
    selected: str | None = None
    everywhere: bool = False
    unread: tuple[str, ...] = ()

    def __iter__(self) -> Iterator[Instance]:
        return iter(self.each)

    def __len__(self) -> int:
        return len(self.each)

    @property
    def unread_regions(self) -> frozenset[str]:
        """The names of the regions that AWS did not answer for, without the reason."""
        return frozenset(each.partition(" ")[0] for each in self.unread)

    def rows(self) -> list[tuple[str, ...]]:
        """Return the cells of the table, a tuple for each instance."""
        return [
            (
                ("→ " if each.id == self.selected else "") + each.name,
                *((each.zone[:-1],) if self.everywhere else ()),
                each.type,
                each.gpu or "-",
                each.state,
                (each.address or "") if each.state == "running" else "",
                money.format_per_hour(each.dollars_per_hour) + (" (spot)" if each.spot else ""),
                money.format_dollars(each.dollars),
                money.format_per_month(each.dollars_per_month) if not each.gone else "",
                each.id,
            )
            for each in self.each
        ]

    @property
    def summary(self) -> str:
        """The profile and region, the number of instances, the hourly cost of running ones."""
        running = [each for each in self.each if each.costs_money]
        prices = [each.dollars_per_hour for each in running]
        known = sum(price for price in prices if price is not None)
        more = " plus an unknown price" if None in prices else ""
        costs = (
            f", {len(running)} running at {money.format_per_hour(known)}{more}" if running else ""
        )
        count = "1 instance" if len(self.each) == 1 else f"{len(self.each)} instances"
        shown = [each for each in self.each if not each.gone]
        days = sorted({day for each in shown for day in (each.price_day, each.disk_day) if day})
        of_day = f"; prices with public IPv4 addresses, of {' and '.join(days)}" if days else ""
        unread = f"; could not be read: {', '.join(self.unread)}" if self.unread else ""
        return f"{self.profile_and_region}: {count}{costs}{of_day}{unread}"

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads of the table's columns."""
        return (HEADS[0], *(("region",) if self.everywhere else ()), *HEADS[1:])

    def __repr__(self) -> str:
        return table.format_text(self.summary, self.heads, self.rows())

    def _repr_html_(self) -> str:
        return table.format_html(self.summary, self.heads, self.rows())
