"""What hiding a part of the images says: by which parts a class is recognized."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dl_magics.core.interval import wilson_interval
from dl_magics.training.evaluation.ablation import BACKGROUND, MIDDLE

_LEAST_SHARE, _LEAST_IMAGES = 0.25, 4
_CHANCE = 0.05
_MOST_NAMES, _LONGEST_NAME, _LONGEST_REASON = 3, 60, 600


@dataclass(frozen=True)
class Ablation:
    """The predicted class of each image by what is hidden, "" for nothing, as indices of classes.

    `nearest` is the class of the image with the most similar features of the pretrained network,
    `imagenet` the ImageNet class of each image, or `imagenet_missing` says why that is unknown.
    """

    classes: tuple[str, ...]
    truth: tuple[int, ...]
    predicted: Mapping[str, tuple[int, ...]]
    nearest: tuple[int, ...]
    imagenet: tuple[str, ...] = ()
    imagenet_missing: str = ""

    def count_right(self, region: str, label: int | None = None) -> tuple[int, int]:
        """Return how many images are right while a region is hidden, and how many there are."""
        pairs = [
            (truth, guess)
            for truth, guess in zip(self.truth, self.predicted[region], strict=True)
            if label in (None, truth)
        ]
        return sum(truth == guess for truth, guess in pairs), len(pairs)


@dataclass(frozen=True)
class Shortcut:
    """A class that is recognized by a region which hardly shows its objects."""

    region: str
    name: str
    right_before: int
    right_after: int
    images: int
    taken_for: str

    def describe(self) -> str:
        return (
            f"{self.name!r} depends on {self.region}: with it hidden "
            f"{self.right_after} of {self.images} images are right in place of "
            f"{self.right_before}; most others are taken for {self.taken_for!r}."
        )


def find_shortcuts(found: Ablation) -> tuple[Shortcut, ...]:
    """Return the classes that lose by a hidden region more than chance explains, most first.

    The middle is no shortcut: the object is expected there. Of regions of which one holds the
    other the one with the largest loss is named.
    """
    regions = [name for name in found.predicted if name not in ("", MIDDLE)]
    tests = len(regions) * len(found.classes)
    best: dict[str, Shortcut] = {}
    for region in regions:
        for label, name in enumerate(found.classes):
            shortcut = _test_region(found, region, label, name, _CHANCE / tests)
            # A corner says more than a frame that holds it.
            if shortcut and (name not in best or shortcut.right_after < best[name].right_after):
                best[name] = shortcut
    return tuple(sorted(best.values(), key=lambda each: each.right_after - each.right_before))


def _test_region(
    found: Ablation, region: str, label: int, name: str, chance: float
) -> Shortcut | None:
    rows = [
        (before == label, after == label, after)
        for truth, before, after in zip(
            found.truth, found.predicted[""], found.predicted[region], strict=True
        )
        if truth == label
    ]
    lost = [after for was, still, after in rows if was and not still]
    gained = sum(still and not was for was, still, _ in rows)
    fall = len(lost) - gained
    if fall < max(_LEAST_IMAGES, _LEAST_SHARE * len(rows)):
        return None
    # The sign test: as many gains as losses would be expected by chance.
    changed = len(lost) + gained
    p = sum(math.comb(changed, k) for k in range(len(lost), changed + 1)) / 2**changed
    if p > chance:
        return None
    (taken, _), *_ = Counter(lost).most_common(1)
    return Shortcut(
        region=region,
        name=name,
        right_before=sum(was for was, _, _ in rows),
        right_after=sum(still for _, still, _ in rows),
        images=len(rows),
        taken_for=found.classes[taken],
    )


def describe_background(found: Ablation) -> str:
    """Say whether the images are recognized without their middle; "" where guessing explains it."""
    right, images = found.count_right(MIDDLE)
    guessed = max(Counter(found.truth).values()) / images
    if wilson_interval(right, images).low <= guessed:
        return ""
    without, _ = found.count_right(BACKGROUND)
    return (
        f"Without their middle {100 * right / images:.0f} % of {images} images are still right "
        f"(guessing: {100 * guessed:.0f} %), and with nothing but their middle "
        f"{100 * without / images:.0f} %. What is around the object helps; it may be missing in "
        "images from elsewhere."
    )


def describe_network(found: Ablation) -> list[str]:
    """Say how well the pretrained network separates each class without any training."""
    lines = []
    for label, name in enumerate(found.classes):
        near = [
            near for truth, near in zip(found.truth, found.nearest, strict=True) if truth == label
        ]
        if not near:
            continue
        same = near.count(label)
        line = f"{name}: the most similar other image is of its class for {same} of {len(near)}"
        others = Counter(each for each in near if each != label).most_common(1)
        if others:
            line += f", else mostly {found.classes[others[0][0]]}"
        lines.append(line)
        if found.imagenet:
            lines.append(f"{name}: in ImageNet's classes {_list_imagenet(found, label)}")
    return [*lines, found.imagenet_missing] if found.imagenet_missing else lines


def _list_imagenet(found: Ablation, label: int) -> str:
    """Return the ImageNet classes that the images of a class are most often of."""
    seen = [name for truth, name in zip(found.truth, found.imagenet, strict=True) if truth == label]
    return ", ".join(
        f"{name} ({count} of {len(seen)})" for name, count in Counter(seen).most_common(_MOST_NAMES)
    )


def parse_ablation(
    sent: Any, asked: Sequence[str], classes: tuple[str, ...], truth: Mapping[str, int]
) -> Ablation:
    """Return the answer about images; raises ValueError where it is something else."""
    paths = sent["paths"]
    if not paths or len(set(paths)) != len(paths) or not set(paths) <= set(asked):
        raise ValueError("it is about other images")
    predicted = {
        str(name): _read_indices(values, len(paths), len(classes))
        for name, values in dict(sent["predicted"]).items()
    }
    if not {"", MIDDLE, BACKGROUND} <= predicted.keys():
        raise ValueError("it lacks a region")
    nearest = _read_indices(sent["nearest"], len(paths), len(paths))
    labels = tuple(truth[path] for path in paths)
    return Ablation(
        classes,
        labels,
        predicted,
        tuple(labels[each] for each in nearest),
        _read_names(sent["imagenet"], len(paths)),
        _read_text(sent["imagenet_missing"], _LONGEST_REASON),
    )


def _read_names(values: Any, length: int) -> tuple[str, ...]:
    names = tuple(_read_text(each, _LONGEST_NAME) for each in values)
    if len(names) not in (0, length):
        raise ValueError("it has names of other images")
    return names


def _read_text(sent: Any, longest: int) -> str:
    if not isinstance(sent, str) or len(sent) > longest:
        raise ValueError("it has another value than a short text")
    return sent


def _read_indices(values: Any, length: int, most: int) -> tuple[int, ...]:
    indices = tuple(values)
    if len(indices) != length or not all(
        type(each) is int and 0 <= each < most for each in indices
    ):
        raise ValueError("it has other numbers than indices")
    return indices
