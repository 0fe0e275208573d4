from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from dl_magics.data.folders import ImageFolder
from dl_magics.data.image_files import ImageFile, pack_files
from dl_magics.errors import BadData
from dl_magics.runs.events import EpochEnded
from dl_magics.training.checks import data_checks
from dl_magics.training.engine.device import Device
from dl_magics.training.engine.features.key_index import pack_keys
from dl_magics.training.engine.views import Views
from dl_magics.training.recipe.recipe import Recipe, check_settings
from support.images import write_photos

PLAIN = Device("cpu", "CPU (x86_64, 2 cores)", 2**30)
TENSOR = Device("gpu", "A10G", 2**34, half="bfloat16")


def folder(cats=8, dogs=8, valid=2):
    def photos(part, counts):
        return pack_files(
            [
                ImageFile(Path(part, name, f"{i}.jpg"), label)
                for label, (name, n) in enumerate(counts.items())
                for i in range(n)
            ]
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
    codes = [code for code, _, _ in told(folder(cats=cats, dogs=8, valid=20))]

    assert codes == (["imbalance"] if doubtful else [])


def test_the_imbalance_warning_has_counts_and_a_fix():
    ((_, text, fix),) = told(folder(cats=4000, dogs=8, valid=20))

    assert text == "cats has 4,000 training images, dogs has 8."
    assert fix == (
        'Give each class the same share of the loss: class_weight = "balanced" · or add images of '
        "dogs"
    )


def test_weights_of_classes_answer_the_imbalance_warning():
    images = folder(cats=4000, dogs=8, valid=20)

    assert told(images, class_weight="balanced") == told(images, class_weight={"dogs": 9}) == []


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


@pytest.mark.parametrize(
    ("backend", "idle", "says", "fix"),
    [
        ("torch", ("A10G",) * 3, "one GPU with PyTorch, A10G. Not used: 3 × A10G.", "%backend jax"),
        ("jax", ("T4",), "of one kind, A10G. Not used: T4.", "%device gpu1"),
    ],
)
def test_gpus_that_are_not_used_are_named_with_what_uses_them(
    monkeypatch, backend, idle, says, fix
):
    monkeypatch.setattr("keras.config.backend", lambda: backend)

    ((code, text, do),) = told(folder(), replace(TENSOR, idle=idle))

    assert code == "idle_gpus"
    assert says in text
    assert fix in do


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


@pytest.mark.parametrize(
    ("train", "valid", "doubtful"), [(60, 8, True), (60, 15, False), (40, 8, False), (8, 2, False)]
)
def test_few_validation_images_beside_many_for_training_are_a_warning(train, valid, doubtful):
    codes = [code for code, _, _ in told(folder(cats=train, dogs=train, valid=valid))]

    assert codes == (["few_validation_images"] if doubtful else [])


def views(*files, copies=0):
    """Return views of the files; those of one content have the same name."""
    rows = np.repeat(np.arange(len(files)), copies + 1)
    numbers = np.tile(np.arange(copies + 1, dtype=np.int32), len(files))
    keys = [
        files[row].path.name.encode().ljust(31) + bytes([copy])
        for row, copy in zip(rows, numbers, strict=True)
    ]
    return Views(pack_files(files), rows, numbers, pack_keys(keys), np.zeros(len(rows), bool))


def repeated(train, valid):
    return [
        (each.code, each.text)
        for each in data_checks.warn_of_duplicates(("cats", "dogs"), train, valid)
    ]


def image(part, name, content):
    return ImageFile(Path(part, name, f"{content}.jpg"), ["cats", "dogs"].index(name))


def test_different_images_give_no_warning_however_often_they_are_augmented():
    train = views(image("train", "cats", 1), image("train", "dogs", 2), copies=3)

    assert repeated(train, views(image("valid", "cats", 3), image("valid", "dogs", 4))) == []


def test_an_image_in_both_parts_is_a_warning():
    train = views(image("train", "cats", 1), image("train", "dogs", 2), copies=1)
    valid = views(image("valid", "cats", 1), image("valid", "dogs", 4))

    ((code, text),) = repeated(train, valid)

    assert code == "images_in_both_parts"
    assert text.startswith("1 validation images are training images, too, such as cats/1.jpg and")


def test_an_image_in_two_classes_is_a_warning():
    train = views(image("train", "cats", 1), image("train", "dogs", 1), copies=1)

    ((code, text),) = repeated(train, views(image("valid", "cats", 3)))

    assert code == "images_in_two_classes"
    assert text.endswith("cats/1.jpg and dogs/1.jpg in cats and dogs.")


def test_images_and_folders_of_no_class_are_a_warning(tmp_path):
    write_photos(tmp_path, [f"train/{name}/1.jpg" for name in ("cats", "dogs")])
    images = ImageFolder(tmp_path, ("cats", "dogs"), pack_files([]), pack_files([]))
    assert list(data_checks.warn_of_layout(images)) == []
    write_photos(tmp_path, ["train/3.jpg", "old/4.jpg", "test/5.jpg", "sample/train/cats/6.jpg"], 9)
    (tmp_path / "train" / "notes.md").write_text("no image")

    (warning,) = data_checks.warn_of_layout(images)

    assert warning.code == "files_in_no_class"
    assert warning.text == (
        "2 images or folders are in no class, and are not used: train/3.jpg, old/."
    )
    shutil.rmtree(tmp_path)
    assert list(data_checks.warn_of_layout(images)) == []


@pytest.mark.parametrize(
    ("val_loss", "classes", "diverges"),
    [(0.7, 2, False), (5.0, 2, False), (7.0, 2, True), (173_624.0, 2, True), (40.0, 100, False)],
)
@pytest.mark.parametrize(
    ("phase", "lower"),
    [("head", "learning_rate = 0.001"), ("unfrozen", "fine_learning_rate = 2e-05")],
)
def test_a_loss_far_above_that_of_a_guess_is_a_warning(val_loss, classes, diverges, phase, lower):
    # With a schedule, an epoch ends at a rate far below the one that was too high.
    logs = {"val_loss": val_loss, "learning_rate": 1e-9}
    epoch = EpochEnded(phase=phase, epoch=1, logs=logs, best=True)
    recipe = Recipe(data="photos", learning_rate=0.5, unfreeze="block5", fine_learning_rate=2e-4)

    found = [each.fix for each in data_checks.warn_of_divergence(epoch, recipe, classes)]

    assert found == ([f"Lower the learning rate: {lower}"] if diverges else [])
