"""Runs whose images flow through an `augment(image, random)` in each epoch."""

from __future__ import annotations

import threading

import numpy as np
import pytest

from dl_magics.data import folders
from dl_magics.errors import BadSetting, TrainingFailed
from dl_magics.runs import log
from dl_magics.runs.events import CheckpointSaved, EpochEnded, PhaseStarted, Warned
from dl_magics.runs.record import RunRecord
from dl_magics.training import recorder
from dl_magics.training.engine import pipeline, resume_point
from dl_magics.training.engine.augmentation import image_flow
from dl_magics.training.engine.augmentation.image_flow import EpochValues, ImageFlow
from dl_magics.training.engine.inference.compute import Immediate
from dl_magics.training.engine.scanned_images import scan_folder
from dl_magics.training.run import Run
from support import tiny_keras
from support.backbones import small_model

ASKED = {"epochs": 2, "unfreeze": "block2", "unfreeze_epochs": 2, "batch_size": 5}
UNCHANGED = "def augment(image, random):\n    return image"
MIRRORED = """
def augment(image, random):
    return image[:, ::-1] if random.random() < 0.5 else image
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return small_model.save_beside(tiny_keras.photos(tmp_path_factory.mktemp("photos")))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The folder of the runs, which share their features."""
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def stored(data, folder):
    """The events of a run that trains on what is stored."""
    return tiny_keras.train(data, folder, "stored", **ASKED)


def test_images_that_are_not_changed_train_to_the_numbers_of_stored_ones(stored, data, folder):
    flowing = tiny_keras.train(data, folder, "unchanged", augment=UNCHANGED, **ASKED)

    for one, other in zip(tiny_keras.losses(stored), tiny_keras.losses(flowing), strict=True):
        assert one == pytest.approx(other, rel=1e-4)


def test_each_epoch_of_both_phases_sees_other_images(stored, data, folder):
    flowing = tiny_keras.train(data, folder, "mirrored", augment=MIRRORED, **ASKED)

    pairs = list(zip(tiny_keras.losses(stored), tiny_keras.losses(flowing), strict=True))
    assert len(pairs) == 4
    assert all(one["loss"] != pytest.approx(other["loss"], rel=1e-4) for one, other in pairs)


def test_how_often_the_images_are_computed_is_said_before_the_first_is(data, folder):
    events = tiny_keras.train(data, folder, "said", augment=UNCHANGED, **ASKED)

    (said,) = (each for each in tiny_keras.of_kind(Warned, events) if each.code == "images_flow")
    assert said.text.startswith(
        "augment(image, random) is called for each image in each epoch: the 20 images for training "
        "are read and computed 4 times, about "
    )
    assert said.fix == "augment = 2 computes two copies of each image once, and keeps them."
    assert said.n < next(tiny_keras.of_kind(PhaseStarted, events)).n


def test_a_function_that_fails_ends_the_run_before_the_first_image_is_computed(data, folder):
    recipe = tiny_keras.recipe(data, augment="def augment(image, random):\n    1/0")
    events = []

    with pytest.raises(BadSetting, match="ZeroDivisionError"):
        events.extend(pipeline.run(recipe, tiny_keras.paths(folder, "failing")))

    assert events
    assert not list(tiny_keras.of_kind(PhaseStarted, events))


WAITING = """
def augment(image, random):
    import pathlib, time
    while not pathlib.Path({end!r}).exists():
        time.sleep(0.05)
    return image
"""


def test_a_function_that_does_not_return_ends_the_run(data, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(image_flow, "_LONGEST_SECONDS", 0.5)
    end = tmp_path / "end"
    before = set(threading.enumerate())

    with pytest.raises(BadSetting, match="has returned nothing for") as refused:
        tiny_keras.train(data, folder, "waits", augment=WAITING.format(end=str(end)), **ASKED)
    left = [each for each in threading.enumerate() if each not in before]
    end.touch()

    assert "must end" in refused.value.fix
    assert any(each.name.startswith("ThreadPoolExecutor") for each in left)  # nobody waited for it
    for each in left:
        each.join()


def test_a_run_that_was_interrupted_in_an_epoch_goes_on_with_the_same_images(data, folder):
    recipe = tiny_keras.recipe(data, augment=MIRRORED, **ASKED)
    whole = tiny_keras.paths(folder, "uninterrupted")
    list(recorder.record_new_run(recipe, whole))
    paths, minutes = tiny_keras.paths(folder, "interrupted"), iter(range(0, 10**6, 60))
    events = pipeline.run(recipe, paths, timer=lambda: next(minutes))
    with log.LogWriter(paths.run) as lines:
        for event in events:
            lines.append(event)
            epochs = [each for each in log.read_events(paths.run) if isinstance(each, EpochEnded)]
            if len(epochs) == 2 and isinstance(event, CheckpointSaved) and saved_in_epoch(paths, 2):
                break
    events.close()

    point = resume_point.load_resume_point(RunRecord(paths.run))
    assert point.checkpoint.standing.batches in (1, 2, 3)
    list(recorder.record_resumed_run(paths))

    one, other = Run(whole.run), Run(paths.run)
    assert one.history == other.history
    for name, value in tiny_keras.weights(one.path).items():
        np.testing.assert_array_equal(value, tiny_keras.weights(other.path)[name], err_msg=name)


def saved_in_epoch(paths, epochs_done):
    standing = resume_point.load_resume_point(RunRecord(paths.run)).checkpoint.standing
    return standing.epoch == epochs_done + 1 and standing.batches > 0


def test_an_image_that_is_lost_while_the_run_goes_on_ends_it_with_its_name(data, folder, tmp_path):
    photos = small_model.save_beside(tiny_keras.photos(tmp_path / "photos", 6))
    recipe = tiny_keras.recipe(photos, augment=UNCHANGED, epochs=2)

    events = pipeline.run(recipe, tiny_keras.paths(tmp_path, "lost"))
    while not (isinstance(event := next(events), PhaseStarted) and event.phase == "head"):
        pass
    for each in photos.rglob("*.png"):
        each.unlink()

    with pytest.raises(TrainingFailed, match=r"\.png cannot be read any more: No such file"):
        list(events)


def test_an_epoch_has_the_same_images_again_and_another_epoch_has_others(data):
    recipe = tiny_keras.recipe(data, augment=MIRRORED)
    views = scan_folder(folders.find_images(data), recipe).train
    flow = ImageFlow(recipe, views, Immediate(lambda pixels: pixels.astype(np.float32)), 5)
    order = np.arange(len(views))

    def read(epoch):
        with flow.of_epoch(epoch, order) as values:
            return np.concatenate([values[order[at : at + 5]] for at in range(0, len(order), 5)])

    first = read(1)
    assert np.array_equal(first, read(1))
    assert not np.array_equal(first, read(2))


def test_images_are_read_ahead_but_not_all():
    begun = []

    def read(at):
        begun.append(at)
        return Done(np.full((2, 2, 3), at, np.uint8))

    order = np.array([4, 2, 0, 1, 3, 5])
    values = EpochValues(read, Immediate(lambda pixels: pixels[:, 0, 0, 0] * 10.0), order, 3)

    assert values[order[:2]].tolist() == [40, 20]
    assert begun == [4, 2, 0, 1, 3]
    assert values[order[2:4]].tolist() == [0, 10]
    assert values[order[4:]].tolist() == [30, 50]


class Done:
    """A future that has its result."""

    def __init__(self, value):
        self._value = value

    def result(self, timeout):
        return self._value


def test_no_thread_is_left_after_an_epoch(data, folder):
    before = threading.active_count()

    tiny_keras.train(data, folder, "threads", augment=UNCHANGED, epochs=1)

    assert threading.active_count() <= before
