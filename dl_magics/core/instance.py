"""One instance on EC2, as everything of ours passes it around."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, get_args

from dl_magics.core import money, table

State = Literal["pending", "running", "stopping", "stopped", "shutting-down", "terminated"]
STATES: tuple[State, ...] = get_args(State)
HEADS = ("name", "type", "GPU", "state", "address", "price", "cost since start", "disk", "id")


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Instance:
    """What EC2 says of one instance, at one moment.

    Times are seconds since the epoch by the clock of AWS: `seen_at` is when it said all this,
    `launched_at` when the instance last started. `dollars_per_hour` is None where the price is
    not known, `ours` says that dl_magics made it, `answers` that SSH has just answered.
    """

    id: str
    name: str
    state: State
    type: str
    gpu: str = ""
    ip: str | None = None
    zone: str = ""
    launched_at: float = 0.0
    seen_at: float = 0.0
    dollars_per_hour: float | None = None
    disk_gib: int = 0
    image: str = ""
    architecture: str = "x86_64"
    user: str = "ubuntu"
    key: str = ""
    reason: str = ""
    groups: tuple[str, ...] = ()
    ours: bool = False
    answers: bool = False

    @property
    def costs_money(self) -> bool:
        """Whether its hours are billed at this moment."""
        return self.state in ("pending", "running")

    @property
    def gone(self) -> bool:
        """Whether it was given back for good."""
        return self.state in ("shutting-down", "terminated")

    @property
    def seconds(self) -> float:
        """How long it has been running since its last start."""
        return max(0.0, self.seen_at - self.launched_at) if self.costs_money else 0.0

    @property
    def dollars(self) -> float | None:
        """What it has cost since its last start, without the disk."""
        return money.cost(self.dollars_per_hour, self.seconds) if self.costs_money else 0.0

    @property
    def dollars_per_month(self) -> float:
        """What its disk costs, running or not."""
        return money.disk_per_month(self.disk_gib)

    def receipt(self, ended_at: float) -> money.Receipt:
        """What the time from its last start to `ended_at` cost."""
        seconds = max(0.0, ended_at - self.launched_at)
        cost = money.cost(self.dollars_per_hour, seconds)
        return money.Receipt(self.name, seconds, cost, self.dollars_per_month)

    def to_json(self) -> dict[str, Any]:
        """Return plain values that `from_json` takes back."""
        return {**asdict(self), "groups": list(self.groups)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Instance:
        """Return the instance that `to_json` was called on; unknown keys are left out."""
        known = {each.name for each in fields(cls)}
        kept = {key: value for key, value in values.items() if key in known}
        return cls(**{**kept, "groups": tuple(kept.get("groups", ()))})

    def __str__(self) -> str:
        where = f" at {self.ip}" if self.ip and self.state == "running" else ""
        price = f", {money.format_per_hour(self.dollars_per_hour)}" if self.costs_money else ""
        ssh = ", SSH answers" if self.answers else ""
        return f"{self.name}: {self.state}{where}{price}{ssh}"

    def __repr__(self) -> str:
        return f"{self} ({self.type}, {self.id})"


def find_matching(instances: list[Instance], word: str) -> list[Instance]:
    """Return those that `word` means: by id, by name, by type or its start, else by GPU."""
    ways = (
        [each for each in instances if each.id == word],
        [each for each in instances if each.name == word],
        [each for each in instances if each.type == word or each.type.startswith(f"{word}.")],
        [each for each in instances if each.type.startswith(word)],
        [each for each in instances if word.upper() in each.gpu.upper().split()],
    )
    return next(filter(None, ways), [])


@dataclass(frozen=True, slots=True)
class Instances:
    """All instances of one profile and region, and which of them is selected."""

    profile_and_region: str
    each: tuple[Instance, ...]
    chosen: str | None = None

    def __iter__(self) -> Iterator[Instance]:
        return iter(self.each)

    def __len__(self) -> int:
        return len(self.each)

    def rows(self) -> list[tuple[str, ...]]:
        """Return what a table of them shows, line by line."""
        return [
            (
                ("→ " if each.id == self.chosen else "") + each.name,
                each.type,
                each.gpu or "-",
                each.state,
                (each.ip or "") if each.state == "running" else "",
                money.format_per_hour(each.dollars_per_hour),
                money.format_dollars(each.dollars),
                f"{money.format_dollars(each.dollars_per_month)}/month" if not each.gone else "",
                each.id,
            )
            for each in self.each
        ]

    @property
    def summary(self) -> str:
        """Where they are, how many run, and what that costs an hour."""
        running = [each for each in self.each if each.costs_money]
        prices = [each.dollars_per_hour for each in running]
        known = sum(price for price in prices if price is not None)
        more = " and what has no known price" if None in prices else ""
        costs = (
            f", {len(running)} of them cost {money.format_per_hour(known)}{more}" if running else ""
        )
        count = "1 instance" if len(self.each) == 1 else f"{len(self.each)} instances"
        return f"{self.profile_and_region}: {count}{costs}"

    def __repr__(self) -> str:
        return table.format_text(self.summary, HEADS, self.rows())

    def _repr_html_(self) -> str:
        return table.format_html(self.summary, HEADS, self.rows())
