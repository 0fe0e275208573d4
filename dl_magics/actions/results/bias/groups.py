"""How well a run recognizes each class and each group of images, and which differ from the rest."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from dl_magics.core.interval import Interval, wilson_interval
from dl_magics.errors import BadSetting
from dl_magics.runs.evaluation import PhotoPrediction

NO_GROUP = "(no match)"
_FEW = 10
_CHANCE = 0.05


@dataclass(frozen=True)
class GroupResult:
    """How many images of a group are right, and of all the others; `groups` are compared."""

    name: str
    right: int
    images: int
    right_of_others: int
    others: int
    groups: int

    @property
    def accuracy(self) -> float:
        return self.right / self.images

    @property
    def interval(self) -> Interval:
        return wilson_interval(self.right, self.images)

    @cached_property
    def is_worse(self) -> bool:
        """Whether it is recognized worse than the others by more than chance."""
        few = _probability_of_so_few(self.right, self.images, self.right_of_others, self.others)
        return few < self._chance_of_each

    @cached_property
    def is_better(self) -> bool:
        """Whether it is recognized better than the others by more than chance."""
        wrong, wrong_of_others = self.images - self.right, self.others - self.right_of_others
        few = _probability_of_so_few(wrong, self.images, wrong_of_others, self.others)
        return few < self._chance_of_each

    @property
    def verdict(self) -> str:
        """Whether it is recognized worse or better than the others, "" where chance explains it."""
        if self.is_worse:
            return "worse than the others"
        if self.is_better:
            return "better than the others"
        return "few images" if self.images < _FEW else ""

    @property
    def _chance_of_each(self) -> float:
        # Each group may be worse or better.
        return _CHANCE / (2 * self.groups)


def _probability_of_so_few(hits: int, images: int, hits_of_others: int, others: int) -> float:
    """Return how probable at most so many hits are if the group is as the others (Fisher)."""
    hits_of_all, misses = hits + hits_of_others, images + others - hits - hits_of_others
    term = total = math.exp(
        _log_choose(hits_of_all, hits)
        + _log_choose(misses, images - hits)
        - _log_choose(images + others, images)
    )
    for fewer in range(hits, max(0, hits_of_all - others), -1):
        missed = images - fewer + 1
        term *= fewer * (misses - missed + 1) / ((hits_of_all - fewer + 1) * missed)
        total += term
    return total


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def list_classes(photos: Sequence[PhotoPrediction]) -> tuple[GroupResult, ...]:
    """Return the result of each class, the worst first."""
    return _count(photos, lambda each: each.truth or "")


def list_groups(photos: Sequence[PhotoPrediction], pattern: str) -> tuple[GroupResult, ...]:
    """Return the result of each group, the worst first: what the pattern finds in the path.

    Where the pattern has parentheses, what is in the first ones is the name of the group.

    Raises BadSetting for a pattern that is invalid or finds nothing.
    """
    try:
        search = re.compile(pattern)
    except re.error as error:
        raise BadSetting(
            f"--group {pattern} is no regular expression: {error}.",
            fix=r"As in Python, in quotes: --group 'patient\d+'",
        ) from error

    def find_name(photo: PhotoPrediction) -> str:
        found = search.search(photo.path)
        return (found[1] if search.groups else found[0]) or NO_GROUP if found else NO_GROUP

    counted = _count(photos, find_name)
    if [each.name for each in counted] == [NO_GROUP]:
        raise BadSetting(
            f"--group {pattern} is in the path of none of {len(photos):,} images.",
            fix=f"One of the paths: {photos[0].path}",
        )
    return counted


def _count(
    photos: Sequence[PhotoPrediction], name: Callable[[PhotoPrediction], str]
) -> tuple[GroupResult, ...]:
    members: dict[str, list[bool]] = {}
    for each in photos:
        members.setdefault(name(each), []).append(bool(each.is_right))
    right = sum(map(sum, members.values()))
    counted = [
        GroupResult(
            name=group,
            right=sum(found),
            images=len(found),
            right_of_others=right - sum(found),
            others=len(photos) - len(found),
            groups=len(members),
        )
        for group, found in members.items()
    ]
    return tuple(sorted(counted, key=lambda each: (each.accuracy, each.name)))
