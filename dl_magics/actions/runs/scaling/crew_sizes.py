"""How many instances are worth it for a run: time and price of 1, 2, 4, 8 and 16 of one type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from dl_magics.actions.runs.scaling.options import (
    LAUNCH_SECONDS,
    UPLINK,
    UPLINK_TEXT,
    Outcomes,
    Photos,
    RentedType,
    format_dollars,
    format_seconds,
    mean_dollars,
    mean_seconds,
)
from dl_magics.core.scaling.fleet import Fleet, Outcome, Work
from dl_magics.core.scaling.simulation import Trouble, simulate

HEADS = ("instances", "time", "price", "")

_NUMBERS = (1, 2, 4, 8, 16)
# As many more are worth it as save so much time, and cost at most so much more.
_LEAST_SAVED, _MOST_DEARER = 600, 1.25
# Twice as many that are hardly faster wait for photos.
_HARDLY_FASTER = 0.95
_TASK_IMAGES, _MOST_TASKS = 64, 2000
_SIMULATIONS = 7
_SLOWER_HOSTS = Trouble(spread=0.2)
# How often an hour AWS takes a spot instance back, and what it costs of the price on demand.
_SPOT_HOSTS, _SPOT_PRICE = Trouble(losses=0.05, spread=0.2), 0.4


@dataclass(frozen=True, slots=True)
class CrewSizes:
    """What a run takes on instances of one type, and how many of them are recommended."""

    type: str
    recommended: int
    outcomes: dict[int, Outcomes]
    on_spot: Outcomes | None = None
    now: int = 0

    @property
    def rows(self) -> list[tuple[str, str, str, str]]:
        """The rows of a table with the heads `HEADS`."""
        return [
            (
                f"{number} × {self.type}",
                format_seconds(outcomes),
                format_dollars(outcomes),
                ", ".join(self._list_marks(number)),
            )
            for number, outcomes in self.outcomes.items()
        ]

    @property
    def lines(self) -> list[str]:
        """What is recommended and what to type, then how the table was made."""
        waiting = self._find_waiting()
        basis = (
            f"Simulated, with {LAUNCH_SECONDS / 60:.0f} min to launch and an uplink of this "
            f"computer of {UPLINK_TEXT}: one instance gets the photos once, to its disk; workers "
            "get them batch by batch"
            + (f", and more than {waiting} would wait for them." if waiting else ".")
        )
        if self.recommended == 1:
            return [
                "workers: one instance is enough: twice as many would save less than "
                f"{_LEAST_SAVED // 60} min, or cost more than a quarter more.",
                basis,
            ]
        spot = f", with --spot about {format_dollars(self.on_spot)}" if self.on_spot else ""
        return [
            f"workers: {self.recommended} × {self.type} are recommended{spot}: "
            f'%aws_launch {self.type} --count {self.recommended} --name crew, then workers = "crew"'
            " in the cell",
            basis,
        ]

    def _find_waiting(self) -> int | None:
        """Return from which number on more instances are hardly faster; None if all are."""
        for (number, fewer), (_, more) in pairwise(sorted(self.outcomes.items())):
            if mean_seconds(more) > _HARDLY_FASTER * mean_seconds(fewer):
                return number
        return None

    def _list_marks(self, number: int) -> list[str]:
        marks = {"recommended": self.recommended, "these": self.now}
        return [name for name, marked in marks.items() if marked == number]


def compute_sizes(
    rented: RentedType,
    alone: Outcomes,
    photos: Photos,
    serial: float,
    *,
    now: int = 0,
) -> CrewSizes:
    """Return what a run takes on so many instances of a type; `alone` is what one takes.

    `serial` are the seconds beside the features, `now` is how many the cell names.
    """
    outcomes = {1: alone}
    for number in sorted({*_NUMBERS[1:], *([now] if now > 1 else ())}):
        outcomes[number] = _simulate(rented, number, photos, serial, _SLOWER_HOSTS)
    recommended = _recommend([(number, outcomes[number]) for number in _NUMBERS])
    spot = None
    if recommended > 1:
        cheap = replace(rented, price=_SPOT_PRICE * rented.price)
        spot = _simulate(cheap, recommended, photos, serial, _SPOT_HOSTS)
    return CrewSizes(rented.type, recommended, outcomes, spot, now)


def _recommend(options: Sequence[tuple[int, Outcomes]]) -> int:
    recommended = options[0][0]
    for (_, fewer), (number, more) in pairwise(options):
        saved = mean_seconds(fewer) - mean_seconds(more)
        if saved < _LEAST_SAVED or mean_dollars(more) > _MOST_DEARER * mean_dollars(fewer):
            break
        recommended = number
    return recommended


def _simulate(
    rented: RentedType, number: int, photos: Photos, serial: float, trouble: Trouble
) -> Outcomes:
    """Return the middle of some simulations, at the high rates and at the low ones."""
    task = max(_TASK_IMAGES, photos.views // _MOST_TASKS)
    work = Work(images=photos.views, task_images=task, serial=serial)

    def compute(which: int) -> Outcome:
        fleet = Fleet(
            workers=number,
            rate=rented.rate[which],
            price=rented.price,
            start=LAUNCH_SECONDS,
            feed=UPLINK[which] / max(photos.view_bytes, 1.0),
        )
        found = [simulate(work, fleet, trouble, seed) for seed in range(_SIMULATIONS)]
        return sorted(found, key=lambda each: each.seconds)[_SIMULATIONS // 2]

    return compute(1), compute(0)
