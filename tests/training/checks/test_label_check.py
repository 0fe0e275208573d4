from __future__ import annotations

import hashlib
import shutil

import numpy as np
import pytest
from PIL import Image

from dl_magics.data.folders import find_images
from dl_magics.runs.paths import RunPaths
from dl_magics.training.checks import data_requests, label_check
from dl_magics.training.engine import pipeline
from dl_magics.training.engine.feature_store import FeatureStore
from support import run_events, tiny_keras
from support.backbones import small_model
from support.images import write_photos

LENGTH = 32


def draw_features(labels, chance):
    """Return features of which a few tell the classes apart, as those of a pretrained network."""
    centers = np.random.default_rng(1).normal(0, 1, (labels.max() + 1, LENGTH)) * 1.2
    return (centers[labels] + chance.normal(0, 1, (len(labels), LENGTH))).astype(np.float32)


@pytest.mark.parametrize("classes", [2, 5])
@pytest.mark.parametrize("seed", range(3))
def test_of_40_flipped_labels_30_are_among_the_60_most_doubtful(classes, seed):
    chance = np.random.default_rng(seed)
    true = np.arange(1400) % classes
    features, labels = draw_features(true, chance), true.copy()
    flipped = chance.choice(1400, 40, replace=False)
    labels[flipped] = (labels[flipped] + chance.integers(1, classes, 40)) % classes

    margins, predicted = label_check.judge_labels(features, labels, np.arange(1400) // 280)

    first = np.argsort(margins)[:60]
    assert len(set(first) & set(flipped)) >= 30
    assert (predicted[flipped] == true[flipped]).mean() > 0.7


def test_an_image_that_is_alone_in_its_class_is_not_doubted():
    chance = np.random.default_rng(0)
    labels = np.array([0] * 20 + [1] * 20 + [2])

    margins, predicted = label_check.judge_labels(
        draw_features(labels, chance), labels, np.arange(41) % 5
    )

    assert margins[40] == np.inf
    assert predicted[40] == 2


def test_equal_features_and_a_single_class_are_no_reason_to_fail():
    labels = np.array([0, 1] * 10)

    margins, _ = label_check.judge_labels(np.ones((20, 4), np.float32), labels, np.arange(20) % 5)
    alone, _ = label_check.judge_labels(
        np.ones((4, 4), np.float32), np.zeros(4, np.int64), np.arange(4)
    )

    assert not np.isnan(margins).any()
    assert np.isinf(alone).all()


@pytest.fixture
def pets(tmp_path):
    """Pets of which one is in the wrong folder, and a store that has their features."""
    folder = tmp_path / "pets"
    names = [f"train/{name}/{n}.jpg" for name in ("cats", "dogs") for n in range(15)]
    write_photos(folder, names)
    labels = np.array([0] * 15 + [1] * 15)
    keys = [hashlib.sha256((folder / name).read_bytes()).digest() for name in names]
    store = FeatureStore(tmp_path / "features", {"model": "VGG16"}, (LENGTH,))
    with store.writer() as writer:
        writer.add(keys, draw_features(labels, np.random.default_rng(0)) + 5)
    shutil.move(folder / "train/cats/3.jpg", folder / "train/dogs/cat.jpg")
    return folder


def doubtful(pets):
    findings = data_requests.check_folder(str(pets), str(pets.parent / "features"), labels=True)
    items = [item for each in findings["found"] for item in each["items"]]
    return [(item["path"], item["detail"]) for item in items], findings["note"]


def test_a_label_that_disagrees_with_the_features_is_found(pets):
    assert doubtful(pets) == (
        [("train/dogs/cat.jpg", "labelled dogs, looks like cats")],
        "",
    )


def test_images_without_features_are_counted(pets):
    write_photos(pets, ["train/cats/new.jpg"], 77)

    items, note = doubtful(pets)

    assert [path for path, _ in items] == ["train/dogs/cat.jpg"]
    assert note.startswith("Labels: 30 of 31 images are checked")


def test_without_features_the_report_says_how_to_get_them(pets):
    shutil.rmtree(pets.parent / "features")

    items, note = doubtful(pets)

    assert items == []
    assert "%%finetune PATH computes them" in note


@pytest.fixture
def plates(tmp_path):
    """A run on grayscale of 16 bits without valid/, whose brightest image it did not train on."""
    folder, random = tmp_path / "plates", np.random.default_rng(0)

    def write(path, level):
        path.parent.mkdir(parents=True, exist_ok=True)
        values = random.normal(level, 50, (40, 40)).clip(1, 60_000).astype(np.uint16)
        Image.fromarray(values).save(path)

    for name, level in (("dark", 300), ("light", 3000)):
        for n in range(10):
            write(folder / name / f"{n}.png", level)
    write(find_images(folder).valid[-1].path, 9000)
    small_model.save_beside(folder)
    paths = RunPaths(tmp_path / "runs/run", tmp_path / "features", tmp_path / "weights")
    paths.run.mkdir(parents=True)
    run_events.write_log(paths.run, list(pipeline.run(tiny_keras.recipe(folder), paths)))
    return folder


def test_the_labels_of_grayscale_of_16_bits_are_checked_by_the_range_of_the_run(plates):
    assert doubtful(plates)[1] == ""

    shutil.move(plates / "light/1.png", plates / "dark/wrong.png")

    assert doubtful(plates) == ([("dark/wrong.png", "labelled dark, looks like light")], "")


def test_a_damaged_description_of_a_store_is_passed_over(pets):
    other = pets.parent / "features" / ("0" * 24)
    other.mkdir()
    (other / "space.json").write_text("{")

    assert doubtful(pets)[0]


def test_copies_of_an_image_are_in_one_fold():
    keys = [b"a", b"b", b"a", b"c", b"d", b"a"]

    folds = label_check._assign_folds(keys, np.array([0, 0, 0, 1, 1, 1]))

    assert len({folds[at] for at in (0, 2, 5)}) == 1
    assert len(set(folds)) > 1
