"""Decide which images are for training, validation and test.

Images that belong together (a group: one patient, one burst, copies) are in one part. Each class is
split by the same fractions. The order is that of `split.shuffle_names`: the same names and the same
seed give the same parts on any computer, and where there are no groups the validation images are
those that `%%finetune` itself would split off.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from dl_magics.data.split import shuffle_names
from dl_magics.errors import BadData

TRAIN, VALID, TEST = "train", "valid", "test"


def assign_parts(
    labels: Mapping[str, str],
    groups: Iterable[Sequence[str]],
    fractions: Mapping[str, float],
    seed: int,
) -> dict[str, str]:
    """Return the part of each name.

    Parameters
    ----------
    labels
        The class of each name.
    groups
        All names, each in one group.
    fractions
        The fraction of each class for "valid" and for "test"; the rest is for training. Without
        groups of several names, each number is exact up to rounding.
    seed
        Another seed gives another split.

    Raises
    ------
    BadData
        where a class has too few images, or too few groups, for all parts.
    """
    left = _count_wanted(labels, fractions)
    leaders = {min(group): list(group) for group in groups}
    order = shuffle_names(leaders, seed)
    chosen: dict[str, str] = {}
    for leader in order:
        sizes = Counter(labels[name] for name in leaders[leader])
        part = next((part for part in left if _fits(sizes, left[part])), TRAIN)
        chosen[leader] = part
        if part != TRAIN:
            left[part] -= sizes
    _fill_empty(chosen, leaders, labels, [TRAIN, *left])
    return {name: part for leader, part in chosen.items() for name in leaders[leader]}


def _count_wanted(
    labels: Mapping[str, str], fractions: Mapping[str, float]
) -> dict[str, Counter[str]]:
    """Return the number of images of each class for each part but training."""
    sizes = Counter(labels.values())
    parts = [part for part, fraction in fractions.items() if fraction]
    for label, size in sorted(sizes.items()):
        if size <= len(parts):
            raise BadData(
                f"Class '{label}' has {size} {'image' if size == 1 else 'images'}, for "
                f"{len(parts) + 1} parts.",
                fix="Add images: each part needs at least one of each class.",
            )
    wanted: dict[str, Counter[str]] = {part: Counter() for part in parts}
    for label, size in sizes.items():
        free = size - 1  # one is for training
        for at, part in enumerate(parts, start=1):
            needed_later = len(parts) - at
            count = max(1, round(size * fractions[part]))
            wanted[part][label] = min(count, free - needed_later)
            free -= wanted[part][label]
    return wanted


def _fits(sizes: Counter[str], left: Counter[str]) -> bool:
    return all(left[label] >= size for label, size in sizes.items())


def _fill_empty(
    chosen: dict[str, str],
    leaders: Mapping[str, Sequence[str]],
    labels: Mapping[str, str],
    parts: Sequence[str],
) -> None:
    """Give each part an image of each class: groups may have been too large for a part."""
    held = {part: Counter[str]() for part in parts}
    for leader, part in chosen.items():
        held[part].update(labels[name] for name in leaders[leader])
    for label in sorted(set(labels.values())):
        for part in parts:
            if held[part][label]:
                continue
            moved = _find_movable(label, chosen, leaders, labels, held)
            if moved is None:
                raise BadData(
                    f"Class '{label}' cannot be in {' and '.join(parts)}: too many of its images "
                    "belong together.",
                    fix="Make the groups smaller (--group), or --no-near for images that look "
                    "alike but are not the same.",
                )
            sizes = Counter(labels[name] for name in leaders[moved])
            held[chosen[moved]] -= sizes
            held[part] += sizes
            chosen[moved] = part


def _find_movable(
    label: str,
    chosen: Mapping[str, str],
    leaders: Mapping[str, Sequence[str]],
    labels: Mapping[str, str],
    held: Mapping[str, Counter[str]],
) -> str | None:
    """Return the smallest group with this class that its part can spare."""
    movable = []
    for leader, part in chosen.items():
        sizes = Counter(labels[name] for name in leaders[leader])
        if sizes[label] and all(held[part][each] > size for each, size in sizes.items()):
            movable.append(leader)
    return min(movable, key=lambda each: (len(leaders[each]), each)) if movable else None
