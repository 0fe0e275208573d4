from __future__ import annotations

import pytest

from dl_magics.actions.runs.comparison import verdict
from dl_magics.actions.runs.comparison.side import Side
from dl_magics.runs.evaluation import Evaluation, PhotoPrediction
from dl_magics.runs.state import RunState

CLASSES = ("cats", "dogs")


def side(letter, accuracy, images=100, *, digest="", right=None, **recipe):
    logs = {"val_accuracy": accuracy, "val_loss": 0.5}
    state = RunState(
        recipe=recipe,
        counts={"valid": {"cats": images}},
        digests={"valid": digest} if digest else {},
        epochs=({"epoch": 1, "phase": "head", "logs": logs, "best": True},),
    )
    return Side(letter, letter, "", state, right and evaluate(right))


def evaluate(right):
    """100 images of cats; `right` are the numbers of those that are recognized."""
    photos = tuple(
        PhotoPrediction(f"cats/{n}", "cats", (0.9, 0.1) if n in right else (0.1, 0.9), CLASSES)
        for n in range(100)
    )
    return Evaluation("run", "valid", "/", CLASSES, photos, "0" * 64, "0" * 64)


def verdicts(*sides):
    return verdict.describe_difference(sides)


@pytest.mark.parametrize(
    ("b", "c", "p"),
    # R's mcnemar.exact, and by hand: 2 (1 + 6) / 64.
    [(5, 1, 0.21875), (12, 3, 0.03515625), (0, 0, 1.0), (4, 4, 1.0), (700, 700, 1.0)],
)
def test_the_exact_test_is_that_of_the_literature(b, c, p):
    assert verdict.exact_mcnemar(b, c) == pytest.approx(p)
    assert verdict.exact_mcnemar(c, b) == pytest.approx(p)


def test_overlapping_intervals_may_be_chance_and_distant_ones_are_not():
    assert verdicts(side("A", 0.90), side("B", 0.95)) == (
        "B and A: the 95 % intervals overlap, so the difference may be chance.",
    )
    assert verdicts(side("A", 0.50), side("B", 0.95)) == (
        "B is more accurate than A: their 95 % intervals do not overlap.",
    )
    assert verdicts(side("A", 0.9), side("B", 0.9)) == ("A and B have the same accuracy.",)


def test_runs_that_were_evaluated_are_compared_image_by_image():
    few, most = set(range(85)), set(range(97))
    swapped = {*range(3, 97), 97, 98}

    assert verdicts(side("A", 0.85, right=few), side("B", 0.97, right=most)) == (
        "B is more accurate than A: of 100 images, only B is right on 12 and only A on 0 "
        "(p = 0.00049, McNemar).",
    )
    assert verdicts(side("A", 0.97, right=most), side("B", 0.96, right=swapped)) == (
        "A and B: the difference may be chance: of 100 images, only A is right on 3 and only B "
        "on 2 (p = 1, McNemar).",
    )


@pytest.mark.parametrize(
    "others", [{"digest": "b" * 64}, {"digest": "a" * 64, "images": 100}, {}, {"seed": 7}]
)
def test_accuracies_on_other_validation_images_are_not_compared(others):
    known = {"digest": "a" * 64} if "digest" in others else {}
    (line,) = verdicts(side("A", 0.5, **known), side("B", 0.95, **others))

    same = others in ({}, {"digest": "a" * 64, "images": 100})
    assert line.endswith("cannot be compared.") is not same


def test_a_run_without_a_number_has_no_verdict():
    assert verdicts(side("A", float("nan")), side("B", 0.9)) == ()
