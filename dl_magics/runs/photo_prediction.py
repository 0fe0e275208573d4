"""What the model of a run says of one image, and of the images of one class."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from dl_magics.core.interval import Interval, wilson_interval

_SMALLEST = 1e-7  # Keras clips probabilities there as well: 0 has no finite loss


@dataclass(frozen=True)
class PhotoPrediction:
    """What the model says of one image.

    `path` is below the folder of the data set, with slashes; `truth` is its class, None where it
    has no label; `probabilities` are in the order of `classes`.
    """

    path: str
    truth: str | None
    probabilities: tuple[float, ...]
    classes: tuple[str, ...] = field(repr=False)

    @property
    def predicted(self) -> str:
        """The most probable class."""
        return self.classes[self.probabilities.index(max(self.probabilities))]

    @property
    def probability(self) -> float:
        """The probability of the predicted class."""
        return max(self.probabilities)

    @property
    def is_right(self) -> bool | None:
        """Whether the prediction is the label; None without a label."""
        return None if self.truth is None else self.predicted == self.truth

    @property
    def loss(self) -> float | None:
        """The cross-entropy, -log of the probability of the true class; None without a label."""
        if self.truth is None:
            return None
        return -math.log(max(self.probabilities[self.classes.index(self.truth)], _SMALLEST))


@dataclass(frozen=True)
class ClassResult:
    """How many of the images of a class were recognized, with the 95 % interval of the share."""

    name: str
    right: int
    images: int

    @property
    def accuracy(self) -> float | None:
        """The share that was recognized; None where the class has no image."""
        return self.right / self.images if self.images else None

    @property
    def interval(self) -> Interval:
        """The 95 % interval of the accuracy."""
        return wilson_interval(self.right, self.images)
