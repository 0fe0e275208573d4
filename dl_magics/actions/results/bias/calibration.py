"""Whether the probabilities of a run can be believed: the reliability curve and its error."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dl_magics.core.interval import Interval, wilson_interval
from dl_magics.runs.evaluation import PhotoPrediction

_BINS = 10


@dataclass(frozen=True)
class Bin:
    """The images whose probability is in a range: how many, the mean of it, how many are right."""

    images: int
    probability: float
    right: int

    @property
    def accuracy(self) -> float:
        return self.right / self.images

    @property
    def interval(self) -> Interval:
        return wilson_interval(self.right, self.images)


@dataclass(frozen=True)
class Calibration:
    """The bins that have images, by rising probability."""

    bins: tuple[Bin, ...]

    @property
    def images(self) -> int:
        return sum(each.images for each in self.bins)

    @property
    def probability(self) -> float:
        """The mean probability of the predicted classes."""
        return math.fsum(each.probability * each.images for each in self.bins) / self.images

    @property
    def right(self) -> int:
        return sum(each.right for each in self.bins)

    @property
    def error(self) -> float:
        """The expected calibration error: how far accuracy is from probability, on average."""
        return self._average([abs(each.accuracy - each.probability) for each in self.bins])

    @property
    def error_by_chance(self) -> float:
        """The error that probabilities without a fault would have with so few images."""
        return self._average(
            [
                math.sqrt(2 * each.probability * (1 - each.probability) / (math.pi * each.images))
                for each in self.bins
            ]
        )

    def describe(self) -> str:
        """Say in a sentence whether the probabilities are too high or too low."""
        low, high = wilson_interval(self.right, self.images)
        stated = (
            f"on average the run is {100 * self.probability:.1f} % sure, and "
            f"{100 * self.right / self.images:.1f} % are right (95 % interval "
            f"{100 * low:.1f} to {100 * high:.1f} %)"
        )
        if self.probability > high:
            return f"Too sure: {stated}. A probability of 90 % means less than that."
        if self.probability < low:
            return f"Not sure enough: {stated}. A probability of 90 % means more than that."
        return f"No sign that the probabilities are wrong: {stated}."

    def _average(self, values: Sequence[float]) -> float:
        weighted = [each.images * value for each, value in zip(self.bins, values, strict=True)]
        return math.fsum(weighted) / self.images


def measure_calibration(photos: Sequence[PhotoPrediction]) -> Calibration:
    """Return the calibration on labelled images, in ten bins of equal width."""
    members: dict[int, list[PhotoPrediction]] = {}
    for each in photos:
        members.setdefault(min(int(each.probability * _BINS), _BINS - 1), []).append(each)
    return Calibration(
        tuple(
            Bin(
                images=len(found),
                probability=math.fsum(each.probability for each in found) / len(found),
                right=sum(bool(each.is_right) for each in found),
            )
            for _, found in sorted(members.items())
        )
    )
