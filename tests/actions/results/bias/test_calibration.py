from __future__ import annotations

import pytest

from dl_magics.actions.results.bias import calibration
from support.evaluations import make_photo


def make_photos(images, probability, right):
    """Return images that are predicted as cats with a probability; so many of them are cats."""
    return [
        make_photo(f"{n}.jpg", "cats" if n < right else "dogs", probability, 1 - probability)
        for n in range(images)
    ]


def test_the_error_is_the_distance_of_accuracy_from_probability_by_bin():
    found = calibration.measure_calibration(
        [*make_photos(30, 0.95, right=18), *make_photos(10, 0.65, right=6)]
    )

    assert [(each.images, each.right) for each in found.bins] == [(10, 6), (30, 18)]
    assert found.error == pytest.approx((10 * 0.05 + 30 * 0.35) / 40)


@pytest.mark.parametrize(
    ("right", "says"),
    [(60, "Too sure: on average the run is 90.0 % sure, and 60.0 % are right"), (90, "No sign")],
)
def test_probabilities_that_are_too_high_are_named(right, says):
    found = calibration.measure_calibration(make_photos(100, 0.9, right))

    assert found.describe().startswith(says)


def test_probabilities_that_are_too_low_are_named():
    found = calibration.measure_calibration(make_photos(100, 0.6, 95))

    assert found.describe().startswith("Not sure enough: ")


def test_the_fewer_images_the_larger_is_the_error_that_chance_makes():
    few = calibration.measure_calibration(make_photos(10, 0.7, 7))
    many = calibration.measure_calibration(make_photos(1000, 0.7, 700))

    assert few.error_by_chance == pytest.approx(10 * many.error_by_chance)
    assert 0.1 < few.error_by_chance < 0.13


def test_a_probability_of_one_is_in_the_last_bin():
    (only,) = calibration.measure_calibration(make_photos(2, 1.0, 2)).bins

    assert (only.images, only.probability) == (2, 1.0)
