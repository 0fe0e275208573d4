from __future__ import annotations

from pathlib import Path

import pytest

from dl_magics.data.folders import ImageFile, ImageFolder
from dl_magics.errors import BadData
from dl_magics.training.engine import data_checks
from dl_magics.training.engine.device import Device
from dl_magics.training.recipe.recipe import check_settings

PLAIN = Device("cpu", "CPU (x86_64, 2 cores)", 2**30)
TENSOR = Device("gpu", "A10G", 2**34, half="bfloat16")


def folder(cats=8, dogs=8, valid=2):
    def photos(part, counts):
        return tuple(
            ImageFile(Path(part, name, f"{i}.jpg"), label)
            for label, (name, n) in enumerate(counts.items())
            for i in range(n)
        )

    train = photos("train", {"cats": cats, "dogs": dogs})
    return ImageFolder(
        Path("dogscats"), ("cats", "dogs"), train, photos("valid", {"cats": valid, "dogs": valid})
    )


def told(images, device=PLAIN, precision="float32", **settings):
    recipe = check_settings("dogscats", settings)
    return [
        (each.code, each.text, each.fix)
        for each in data_checks.warn_before_training(recipe, images, device, precision)
    ]


def broken(*photos):
    return {photo.path: "empty file" for photo in photos}


def test_a_balanced_folder_gives_no_warning():
    assert told(folder()) == []


@pytest.mark.parametrize(("cats", "doubtful"), [(39, False), (40, True), (4000, True)])
def test_a_class_with_five_times_the_images_of_another_is_a_warning(cats, doubtful):
    codes = [code for code, _, _ in told(folder(cats=cats, dogs=8))]

    assert codes == (["imbalance"] if doubtful else [])


def test_the_imbalance_warning_has_counts_and_a_fix():
    ((_, text, fix),) = told(folder(cats=4000, dogs=8))

    assert text == "cats has 4,000 training images, dogs has 8."
    assert fix == "Add images of dogs, or take the same number of each: sample = 8"


def test_the_suggested_sample_is_valid():
    ((_, _, fix),) = told(folder(cats=20, dogs=1))

    assert fix.endswith("sample = 2")


def test_half_precision_without_gain_is_a_warning():
    ((code, text, fix),) = told(folder(), mixed_precision=True)

    assert code == "no_half_precision"
    assert "not faster on CPU (x86_64, 2 cores)" in text
    assert fix == 'Leave it at mixed_precision = "auto"'


@pytest.mark.parametrize("asked", ["auto", False])
def test_auto_precision_gives_no_warning(asked):
    assert told(folder(), mixed_precision=asked) == []


def test_half_precision_with_gain_gives_no_warning():
    assert told(folder(), TENSOR, "mixed_bfloat16", mixed_precision=True) == []


def test_half_of_the_files_may_be_invalid():
    images = folder(cats=8, dogs=8)

    data_checks.refuse_broken_images(images, broken(*images.train[:5], *images.train[8:13]))


def test_more_than_half_invalid_is_refused_with_an_example():
    images = folder(cats=8, dogs=8)

    with pytest.raises(BadData) as caught:
        data_checks.refuse_broken_images(images, broken(*images.train[:6], *images.train[8:13]))

    assert str(caught.value) == (
        "11 of 20 files in dogscats are not valid images, such as 0.jpg: empty file."
    )
    assert caught.value.fix


@pytest.mark.parametrize(
    ("part", "lost"),
    [("training", slice(8, 16)), ("validation", slice(18, 20))],
)
def test_a_class_without_a_valid_image_is_refused(part, lost):
    images = folder(cats=8, dogs=8)
    photos = (*images.train, *images.valid)

    with pytest.raises(BadData) as caught:
        data_checks.refuse_broken_images(images, broken(*photos[lost]))

    assert str(caught.value) == f"The class 'dogs' has no valid {part} image left."
    assert "folder dogs" in caught.value.fix
