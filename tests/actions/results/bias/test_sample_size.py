"""The all-clear of `%bias_report`: only where a dependence would have been found."""

from __future__ import annotations

import re

import pytest

from dl_magics.actions.results.bias import calibration, groups, reporting
from dl_magics.actions.results.bias.report import BiasReport
from dl_magics.actions.results.bias.shortcuts import Ablation
from dl_magics.training.evaluation.ablation import build_regions, choose_donors
from support import evaluations

CORNER = "the top left corner"
ALL_CLEAR = re.compile("No (other )?class depends strongly on a corner or the border")


def report_on(sizes, most, *, looks_at=CORNER, right=1.0):
    """Return the report on a model that goes by one region, of classes of so many images.

    It is right on a share of the images, whatever is replaced in the others.
    """
    classes = tuple(f"class{n:02}" for n in range(len(sizes)))
    sure = {name: [float(each == name) for each in classes] for name in classes}
    found = evaluations.make_evaluation(
        *(
            evaluations.make_photo(f"{name}/{n:03}.jpg", name, *sure[name], classes=classes)
            for name, size in zip(classes, sizes, strict=True)
            for n in range(size)
        )
    )
    chosen = reporting.choose_images(found, most)
    truth = tuple(classes.index(path.split("/")[0]) for path in chosen)
    as_it_is = [
        label if (n % 10) < 10 * right else (label + 1) % len(classes)
        for n, label in enumerate(truth)
    ]
    others, _ = choose_donors(truth)
    regions = build_regions(224)
    predicted = dict.fromkeys(("", *regions), tuple(as_it_is))
    if looks_at:
        predicted[looks_at] = tuple(as_it_is[each] for each in others)
    control = dict.fromkeys(regions, tuple(as_it_is))
    by_class = groups.list_classes(found.labelled)
    calibrated = calibration.measure_calibration(found.labelled)
    ablation = Ablation(classes, truth, predicted, control, truth)
    return BiasReport(found, by_class, (), calibrated, ablation).findings


@pytest.mark.parametrize("classes", [11, 37])
def test_the_number_of_images_that_is_proposed_finds_what_the_default_cannot(classes):
    findings = report_on([40] * classes, 120)
    (few,) = [each for each in findings if each.startswith("Too few images")]

    assert not any(map(ALL_CLEAR.match, findings))
    more = int(re.search(r"--images (\d+)", few)[1])
    found = report_on([40] * classes, more)
    assert sum("depends on the top left corner" in each for each in found) == classes
    assert not any(each.startswith("Too few") for each in found)
    cleared = report_on([40] * classes, more, looks_at="")
    assert ALL_CLEAR.match(cleared[0])


def test_the_number_takes_into_account_how_many_images_are_right():
    sizes = [300, 300]

    few = report_on(sizes, 20, looks_at="", right=0.5)[0]

    assert "of 'class00' 5 of 10 are" in few
    more = int(re.search(r"--images (\d+)", few)[1])
    assert ALL_CLEAR.match(report_on(sizes, more, looks_at="", right=0.5)[0])
    assert report_on(sizes, more - 10, looks_at="", right=0.5)[0].startswith("Too few")


def test_classes_with_too_few_validation_images_are_named():
    findings = report_on([8, 8, 8], 120)

    assert findings[0].startswith(
        "Too few images of 'class00', 'class01', 'class02' to tell whether they depend on a "
        "corner or the border: "
    )
    assert "More valid images of 'class00', 'class01', 'class02' are needed." in findings[0]
    assert "--images" not in findings[0]


def test_what_is_clear_for_the_other_classes_is_said():
    findings = report_on([40, 40, 8], 120, looks_at="")

    assert findings[0].startswith("Too few images of 'class02' to tell whether it depends on")
    assert findings[1].startswith("No other class depends strongly on a corner or the border")


def test_a_class_that_depends_on_a_corner_is_named_beside_one_that_nothing_is_known_of():
    findings = report_on([40, 40, 8], 120)

    assert [each for each in findings if each.startswith("'class0")][:2] == findings[:2]
    assert findings[2].startswith("Too few images of 'class02' ")
    assert not any(map(ALL_CLEAR.match, findings))


def test_with_enough_images_of_each_class_the_all_clear_says_what_would_have_been_found():
    assert report_on([40, 40], 120, looks_at="")[0] == (
        "No class depends strongly on a corner or the border: one that loses three quarters of "
        "its images with them would have been found (80 images)."
    )
