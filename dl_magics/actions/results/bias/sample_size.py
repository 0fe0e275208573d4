"""Whether there were enough images to find a class that depends on a region, and how many are."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from fractions import Fraction

from dl_magics.actions.results.bias.shortcuts import (
    Ablation,
    Shortcut,
    count_needed_losses,
    list_regions,
)
from dl_magics.data.walk import shorten_list
from dl_magics.runs.evaluation import Evaluation

# The share of its images that a class loses which depends strongly on a region.
_STRONG = Fraction(3, 4)


def describe_sample(
    found: Ablation, shortcuts: Sequence[Shortcut], evaluation: Evaluation
) -> list[str]:
    """Say for which classes there were too few images, and that no other one has a shortcut.

    `shortcuts` are those that were found, `evaluation` has all images that may be taken.
    """
    named = {each.name for each in shortcuts}
    needed = math.ceil(count_needed_losses(found) / _STRONG)
    right = {name: _count_right(found, label) for label, name in enumerate(found.classes)}
    few = [name for name in found.classes if name not in named and right[name] < needed]
    lines = []
    if few:
        images = {name: found.truth.count(label) for label, name in enumerate(found.classes)}
        # As many more as are wrong must be taken, too.
        wanted = {
            name: math.ceil(needed * images[name] / right[name]) if right[name] else math.inf
            for name in few
        }
        lines.append(
            f"Too few images of {_quote(few)} to tell whether {_they(few)} on a corner or the "
            f"border: at least {needed} of a class must be right with those of its own class; "
            f"of {few[0]!r} {right[few[0]]} of {images[few[0]]} are." + _propose(wanted, evaluation)
        )
    if not shortcuts and len(few) < len(found.classes):
        other = "other " if few else ""
        lines.append(
            f"No {other}class depends strongly on a corner or the border: one that loses three "
            f"quarters of its images with them would have been found ({len(found.truth)} images)."
        )
    return lines


def _count_right(found: Ablation, label: int) -> int:
    """Return how many images of a class are right with any region of another one of it."""
    return min(
        sum(
            own == truth == label
            for truth, own in zip(found.truth, found.control[region], strict=True)
        )
        for region in list_regions(found)
    )


def _propose(wanted: dict[str, float], evaluation: Evaluation) -> str:
    """Say how to take the number of images that is wanted of each class."""
    there = {each.name: each.images for each in evaluation.by_class}
    enough = [number for name, number in wanted.items() if number <= there[name]]
    lacking = [name for name, number in wanted.items() if number > there[name]]
    lines = ""
    if enough:
        lines += f" Replace them in more: --images {int(max(enough)) * len(there)}."
    if lacking:
        lines += f" More {evaluation.split} images of {_quote(lacking)} are needed."
    return lines


def _quote(names: Sequence[str]) -> str:
    return shorten_list([repr(each) for each in names], 3)


def _they(names: Collection[str]) -> str:
    return "it depends" if len(names) == 1 else "they depend"
