"""One of the runs that are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dl_magics.core.interval import Interval, wilson_interval
from dl_magics.runs.evaluation import Evaluation
from dl_magics.runs.state import RunState


@dataclass(frozen=True, slots=True)
class Side:
    """A run under its letter, with what its model says of the validation and the test images."""

    letter: str
    name: str
    tag: str
    state: RunState
    valid: Evaluation | None = None
    test: Evaluation | None = None

    @property
    def best(self) -> Mapping[str, float]:
        """The metrics of the best epoch; empty before the first."""
        best = self.state.best
        return best["logs"] if best else {}

    @property
    def images(self) -> int:
        """The number of validation images that the accuracy was measured on."""
        return len(self.valid.labelled) if self.valid else sum(self.state.counts["valid"].values())

    @property
    def interval(self) -> Interval | None:
        """The 95 % interval of the accuracy on the validation images; None before an epoch."""
        share = self.best.get("val_accuracy")
        if share is None or not 0 <= share <= 1:  # it may be NaN
            return None
        return wilson_interval(round(share * self.images), self.images)
