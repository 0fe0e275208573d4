"""The dollars that a run may cost, as seconds of its instance, planned anew from measured speed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from dl_magics.core import money
from dl_magics.runs.events import Event, Progressed, Warned
from dl_magics.runs.field_rules import total_price
from dl_magics.training.recipe.recipe import Recipe

# Slower than the disks of instances; the model is compressed and hashed, too.
_SAVED_BYTES_PER_SECOND = 20e6
_LEAST_SAVING_SECONDS = 2.0
# What the head takes until its first weights, before it was measured: a graph is built first.
_HEAD_SECONDS, _HEAD_SHARE = 8.0, 0.15
# A step of training takes about three times as long as its forward pass, after it was traced.
_TRACE_SECONDS, _STEP_PER_PASS = 5.0, 4
# What a step may take longer than the slowest of the last ones, and the end longer than planned.
_SLOWER, _LAST_STEPS, _SPARE_SHARE = 1.5, 20, 0.02


@dataclass
class Budget:
    """The time until a run must have ended, by the clock that its frame uses.

    `price` is that of an hour of all instances. `is_over` is true once the run ends by it,
    `ended_features` where it did not suffice for all images.
    """

    dollars: float
    started: float
    seconds: float
    price: float = 0.0
    is_over: bool = False
    ended_features: bool = False

    def __post_init__(self) -> None:
        self._saving = _LEAST_SAVING_SECONDS
        self._looks = deque([self.started], maxlen=_LAST_STEPS)

    def plan_saving(self, model_bytes: int) -> None:
        """Reserve the time in which a model of this size is saved."""
        self._saving = _LEAST_SAVING_SECONDS + model_bytes / _SAVED_BYTES_PER_SECOND

    def begin_phase(self, now: float) -> None:
        """Forget how long the steps of the phase before took."""
        self._looks = deque([now], maxlen=_LAST_STEPS)

    def follow_prices(self, events: Iterator[Event], timer: Callable[[], float]) -> Iterator[Event]:
        """Yield the events of a crew; where its price changes, plan what is left by the new one."""
        for event in events:
            if isinstance(event, Progressed) and (price := total_price(event.workers)):
                now = timer()
                left = self.started + self.seconds - now
                self.seconds = now - self.started + left * (self.price or price) / price
                self.price = price
            yield event

    def is_spent(self, now: float) -> bool:
        """Return whether one more step would leave too little to save the model."""
        self.is_over = self.is_over or self._left(now) < 0
        return self.is_over

    def is_spent_on_features(self, now: float) -> bool:
        """Return whether one more batch of images would leave too little to train the head."""
        head = max(_HEAD_SECONDS, _HEAD_SHARE * self.seconds)
        self.ended_features = self.ended_features or self._left(now) < head
        return self.ended_features

    def look_at_first_step(self, now: float, forward: float) -> None:
        """End where a first step of training would leave too little to save the model.

        `forward` are the seconds that its forward pass takes.
        """
        step = _TRACE_SECONDS + _STEP_PER_PASS * forward
        self.is_over = self.is_over or self._left(now) < step

    def warn_of_images(self, part: str) -> Warned:
        """Return the warning that only a part of the images, or of their copies, is used."""
        return Warned(
            code=CUT,
            text=f"The budget of {self._text} suffices for {part}: training uses these.",
            fix="The features that were computed are kept: the same cell uses more next time.",
        )

    def warn_of_end(self, best_epoch: int | None) -> Warned:
        """Return the warning that the run ends by its budget."""
        return Warned(
            code="budget",
            text=f"The run ends by its budget of {self._text}, with the weights of epoch "
            f"{best_epoch}.",
            fix="A larger budget trains longer; its features are kept.",
        )

    @property
    def _text(self) -> str:
        return money.format_dollars(self.dollars)

    def _left(self, now: float) -> float:
        self._looks.append(now)
        step = max(after - before for before, after in pairwise(self._looks))
        reserve = self._saving + _SLOWER * step + _SPARE_SHARE * self.seconds
        return self.started + self.seconds - reserve - now


CUT = "budget_images"
"""The code of the warning that a budget did not suffice for all images."""


def make_budget(
    recipe: Recipe, host: Mapping[str, Any], now: float, spent: float = 0.0
) -> Budget | None:
    """Return the budget of a run on a host with a price, of which some dollars are spent."""
    price = host.get("dollars_per_hour")
    if recipe.budget is None or not price:
        return None
    seconds = max(recipe.budget - spent, 0.0) / float(price) * 3600
    return Budget(recipe.budget, now, seconds, float(price))
