"""What the parts of other images say: by which parts of its images a class is recognized."""

from __future__ import annotations

import math
import operator
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dl_magics.training.evaluation.ablation import BORDER, SURROUNDINGS

_LEAST_SHARE, _LEAST_IMAGES = 0.25, 4
_CHANCE = 0.05
_MOST_NAMES, _LONGEST_NAME, _LONGEST_REASON = 3, 60, 600


@dataclass(frozen=True)
class Ablation:
    """The predicted class of each image by the region that is of another image, as indices.

    In `predicted` that is an image of another class, and "" is the image as it is; in `control` it
    is one of the same class. `nearest` is the class of the image with the most similar features of
    the pretrained network, `imagenet` the ImageNet class of each image, or `imagenet_missing` says
    why that is unknown.
    """

    classes: tuple[str, ...]
    truth: tuple[int, ...]
    predicted: Mapping[str, tuple[int, ...]]
    control: Mapping[str, tuple[int, ...]]
    nearest: tuple[int, ...]
    imagenet: tuple[str, ...] = ()
    imagenet_missing: str = ""


@dataclass(frozen=True)
class Shortcut:
    """A class that is recognized by a region which hardly shows its objects."""

    region: str
    name: str
    right_with_own: int
    right_with_other: int
    images: int
    taken_for: str

    def describe(self) -> str:
        return (
            f"{self.name!r} depends on {self.region}: with that of an image of another class "
            f"{self.right_with_other} of {self.images} images are right, with that of another "
            f"{self.name!r} image {self.right_with_own}; most others are taken for "
            f"{self.taken_for!r}."
        )


def find_shortcuts(found: Ablation) -> tuple[Shortcut, ...]:
    """Return the classes that lose by the region of another class, more than chance explains.

    Those that lose most come first. The surroundings of the middle alone are no shortcut: objects
    that fill the image are there, too.
    """
    best: dict[str, Shortcut] = {}
    for region in list_regions(found):
        for label, name in enumerate(found.classes):
            shortcut = _test_region(found, region, label, name, _chance_of_each(found))
            # A corner says more than a frame that holds it.
            if shortcut and (
                name not in best or shortcut.right_with_other < best[name].right_with_other
            ):
                best[name] = shortcut
    return tuple(
        sorted(best.values(), key=lambda each: each.right_with_other - each.right_with_own)
    )


def list_regions(found: Ablation) -> list[str]:
    """Return the regions that a class may depend on."""
    return [name for name in found.predicted if name not in ("", SURROUNDINGS)]


def count_needed_losses(found: Ablation) -> int:
    """Return how many images a class must lose by a region, without a gain, to be named."""
    return max(_LEAST_IMAGES, math.ceil(-math.log2(_chance_of_each(found))))


def _chance_of_each(found: Ablation) -> float:
    return _CHANCE / (len(list_regions(found)) * len(found.classes))


def describe_surroundings(found: Ablation) -> str:
    """Say whether the images are recognized by what is around their middle.

    "" where they are not, and where a corner, which is a part of it, says more.
    """
    if any(each.region != BORDER for each in find_shortcuts(found)) or not any(
        _test_region(found, SURROUNDINGS, label, name, _CHANCE / len(found.classes))
        for label, name in enumerate(found.classes)
    ):
        return ""
    images = len(found.truth)
    other, own = (
        100 * sum(map(operator.eq, found.truth, each[SURROUNDINGS])) / images
        for each in (found.predicted, found.control)
    )
    return (
        f"With what is around the middle of an image of another class {other:.0f} % of {images} "
        f"images are right, with that of an image of their own class {own:.0f} %: the run goes by "
        "it. Where the object does not fill the image, that is the background, and images from "
        "elsewhere lack it."
    )


def _test_region(
    found: Ablation, region: str, label: int, name: str, chance: float
) -> Shortcut | None:
    rows = [
        (own == label, other == label, other)
        for truth, own, other in zip(
            found.truth, found.control[region], found.predicted[region], strict=True
        )
        if truth == label
    ]
    lost = [taken for own, other, taken in rows if own and not other]
    gained = sum(other and not own for own, other, _ in rows)
    right_with_own = sum(own for own, _, _ in rows)
    if len(lost) - gained < max(_LEAST_IMAGES, _LEAST_SHARE * right_with_own):
        return None
    # The sign test: as many gains as losses would be expected by chance.
    changed = len(lost) + gained
    p = sum(math.comb(changed, k) for k in range(len(lost), changed + 1)) / 2**changed
    if p > chance:
        return None
    (taken_for, _), *_ = Counter(lost).most_common(1)
    return Shortcut(
        region=region,
        name=name,
        right_with_own=right_with_own,
        right_with_other=sum(other for _, other, _ in rows),
        images=len(rows),
        taken_for=found.classes[taken_for],
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
    predicted, control = (
        {
            str(name): _read_indices(values, len(paths), len(classes))
            for name, values in dict(sent[key]).items()
        }
        for key in ("predicted", "control")
    )
    if not {"", SURROUNDINGS} <= predicted.keys() or predicted.keys() - control.keys() != {""}:
        raise ValueError("it lacks a region")
    nearest = _read_indices(sent["nearest"], len(paths), len(paths))
    labels = tuple(truth[path] for path in paths)
    return Ablation(
        classes,
        labels,
        predicted,
        control,
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
