"""Whether the accuracies of two runs differ by more than chance, in a sentence.

Where both were evaluated on the same images, the images on which only one is right decide
(McNemar's exact test); else the intervals do. Accuracies on different images are not compared.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from dl_magics.actions.runs.comparison.side import Side
from dl_magics.runs.evaluation import Evaluation

_SURE = 0.05
# What decides which images are for validation; runs of earlier versions have no digest.
_SPLIT_SETTINGS = ("data", "seed", "valid", "sample")


def describe_difference(sides: Sequence[Side]) -> tuple[str, ...]:
    """Return sentences about the best run against each other one."""
    measured = [side for side in sides if side.interval]
    if len(measured) < 2:
        return ()
    best, *others = sorted(measured, key=lambda side: -side.best["val_accuracy"])
    different = [side for side in others if not _have_same_images(best, side)]
    lines = []
    if different:
        lines.append(
            f"{_join(best, *different)} have other validation images: their accuracies cannot be "
            "compared."
        )
    lines += [_compare_pair(best, side) for side in others if side not in different]
    return tuple(lines)


def exact_mcnemar(only_one: int, only_other: int) -> float:
    """Return how probable it is that two equally good models differ at least as much.

    Parameters
    ----------
    only_one, only_other
        The number of images on which only the one model is right, and only the other.
    """
    n = only_one + only_other
    tail = sum(math.comb(n, k) for k in range(min(only_one, only_other) + 1))
    return min(1.0, float(2 * tail / 2**n))


def _compare_pair(best: Side, other: Side) -> str:
    if best.valid and other.valid and best.valid.data_digest == other.valid.data_digest:
        return _compare_images(best, other, best.valid, other.valid)
    assert best.interval
    assert other.interval
    if best.best["val_accuracy"] == other.best["val_accuracy"]:
        return f"{best.letter} and {other.letter} have the same accuracy."
    if best.interval.low > other.interval.high:
        return (
            f"{best.letter} is more accurate than {other.letter}: their 95 % intervals do not "
            "overlap."
        )
    return (
        f"{best.letter} and {other.letter}: the 95 % intervals overlap, so the difference may be "
        "chance."
    )


def _compare_images(best: Side, other: Side, one: Evaluation, two: Evaluation) -> str:
    right = [{each.path for each in found.labelled if each.is_right} for found in (one, two)]
    only_one, only_other = len(right[0] - right[1]), len(right[1] - right[0])
    chance = exact_mcnemar(only_one, only_other)
    found = (
        f"of {len(one.labelled):,} images, only {best.letter} is right on {only_one:,} and only "
        f"{other.letter} on {only_other:,}"
    )
    if chance < _SURE:
        return (
            f"{best.letter} is more accurate than {other.letter}: {found} "
            f"(p = {chance:.2g}, McNemar)."
        )
    return (
        f"{best.letter} and {other.letter}: the difference may be chance: {found} "
        f"(p = {chance:.2g}, McNemar)."
    )


def _have_same_images(one: Side, other: Side) -> bool:
    digests = [side.state.digests.get("valid") for side in (one, other)]
    if all(digests):
        return digests[0] == digests[1]
    recipes = one.state.recipe, other.state.recipe
    return all(recipes[0].get(name) == recipes[1].get(name) for name in _SPLIT_SETTINGS)


def _join(*sides: Side) -> str:
    *first, last = (side.letter for side in sides)
    return f"{', '.join(first)} and {last}"
