"""How well a run recognizes each class and each group of images, and which differ from the rest."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from dl_magics.core.interval import Interval, wilson_interval
from dl_magics.errors import BadSetting
from dl_magics.runs.evaluation import PhotoPrediction

NO_GROUP = "(no match)"
_FEW = 10


@dataclass(frozen=True)
class GroupResult:
    """How many images of a group are right, and of all the others."""

    name: str
    right: int
    images: int
    right_of_others: int
    others: int

    @property
    def accuracy(self) -> float:
        return self.right / self.images

    @property
    def interval(self) -> Interval:
        return wilson_interval(self.right, self.images)

    @property
    def is_worse(self) -> bool:
        """Whether it is recognized worse than the others by more than chance."""
        rest = wilson_interval(self.right_of_others, self.others)
        return self.others > 0 and self.interval.high < rest.low

    @property
    def verdict(self) -> str:
        """Whether it is recognized worse or better than the others, "" where chance explains it."""
        rest = wilson_interval(self.right_of_others, self.others)
        if self.is_worse:
            return "worse than the others"
        if self.others and self.interval.low > rest.high:
            return "better than the others"
        return "few images" if self.images < _FEW else ""


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
        )
        for group, found in members.items()
    ]
    return tuple(sorted(counted, key=lambda each: (each.accuracy, each.name)))
