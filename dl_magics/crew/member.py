"""A host of a crew, and what its worker has done."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from dl_magics.ssh.target import SshTarget
from dl_magics.training.engine.throughput import Throughput

State = Literal["starting", "computing", "lost", "ended"]


@dataclass(frozen=True, slots=True)
class Member:
    """A host by its name, how to find its current SSH target, and its price, None if unknown."""

    name: str
    find: Callable[[], SshTarget] = field(compare=False)
    dollars_per_hour: float | None = None


@dataclass
class Share:
    """What the workers of a member have computed, and what its instance cost since the run began.

    `state` is "ended" where no other worker is started on it.
    """

    member: Member
    clock: Callable[[], float] = time.monotonic
    state: State = "starting"
    images: int = 0
    may_return: bool = True

    def __post_init__(self) -> None:
        self._pace = Throughput(0, self.clock)
        self._since = self.clock()
        self._until: float | None = None

    def add(self, images: int) -> None:
        """Count images that were computed."""
        self.images += images
        self._pace.add(images)

    def end(self, *, may_return: bool = False, costs: bool = True) -> None:
        """Start no other worker on it; one that `may_return` is started once its host is up."""
        self.state, self.may_return = "ended", may_return
        if not costs:
            self._until = self.clock()

    def begin_again(self) -> None:
        """Start workers on it again, as its host is up."""
        if self._until is not None:
            self._since += self.clock() - self._until
        self.state, self._until = "starting", None

    def to_json(self) -> dict[str, Any]:
        """Return what the events of a run say of it."""
        price = self.member.dollars_per_hour
        seconds = (self.clock() if self._until is None else self._until) - self._since
        speed = self._pace.per_second if self.state == "computing" else 0.0
        return {
            "name": self.member.name,
            "state": self.state,
            "images": self.images,
            "images_per_second": round(speed, 2),
            "dollars_per_hour": price if self._until is None else 0.0,
            "dollars": None if price is None else round(price * seconds / 3600, 6),
        }
