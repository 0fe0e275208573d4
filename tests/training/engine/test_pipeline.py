from __future__ import annotations

import hashlib
import json
import math
import sys
from itertools import count, groupby
from shutil import copy

import numpy as np
import pytest
from PIL import Image

from dl_magics.data import folders, images
from dl_magics.errors import BadData, BadSetting, DLMagicsError, TrainingFailed
from dl_magics.runs.events import (
    CheckpointSaved,
    DataChecked,
    EpochEnded,
    PhaseStarted,
    Progressed,
    RunEnded,
    RunStarted,
    Warned,
    format_line,
)
from dl_magics.training.engine import device, pipeline
from dl_magics.training.phases import Frame
from dl_magics.training.recipe.recipe import Recipe
from dl_magics.training.run import Run
from support import run_events, tiny_keras
from support.backbones import small_model

pytestmark = pytest.mark.usefixtures("no_retracing_warnings")

# The head is tried with two images before the run.
FOR_TWO_IMAGES = "def head(features):\n    return ops.reshape(features, (2, 32))"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return small_model.save_beside(tiny_keras.photos(tmp_path_factory.mktemp("photos")))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def done(data, folder):
    return tiny_keras.train(data, folder, "done")


@pytest.fixture(scope="module")
def model(done, folder):
    import keras

    return keras.saving.load_model(folder / "done" / "model.keras", compile=False, safe_mode=True)


def watched(data, folder, on_event, stop=lambda: False, run="watched", **settings):
    """Fine-tune, and call `on_event` for each event; return the events and the error."""
    events, raised = [], None
    try:
        recipe = tiny_keras.recipe(data, **settings)
        for event in pipeline.run(recipe, tiny_keras.paths(folder, run), stop=stop):
            events.append(event)
            on_event(event)
    except BaseException as error:
        raised = error
    return events, raised


def failed(data, folder, **settings):
    events, raised = watched(data, folder, lambda event: None, run="failed", **settings)
    return events, raised


def stopped_at(data, folder, kind, **settings):
    """Request a stop at the first event of a kind."""
    seen = []
    return watched(
        data,
        folder,
        lambda event: seen.append(event) if isinstance(event, kind) else None,
        lambda: bool(seen),
        **settings,
    )


def test_the_events_come_in_their_order(done):
    at_times = (Progressed, CheckpointSaved)
    told = [event.kind for event in done if not isinstance(event, at_times)]

    assert [kind for kind, _ in groupby(told)] == [
        "run_started",
        "phase_started",
        "data_checked",
        "phase_started",
        "epoch_ended",
        "phase_started",
        "run_ended",
    ]
    assert [each.phase for each in tiny_keras.of_kind(PhaseStarted, done)] == [
        "features",
        "head",
        "evaluate",
    ]


def test_the_events_are_numbered_without_gaps(done):
    assert [event.n for event in done] == list(range(1, len(done) + 1))


def test_every_event_gets_its_time_from_the_clock(data, folder):
    recipe, paths = tiny_keras.recipe(data), tiny_keras.paths(folder, "timed")

    events = list(pipeline.run(recipe, paths, stop=lambda: True, clock=count(100).__next__))

    assert [event.t for event in events] == [99 + event.n for event in events]


def test_the_first_event_has_recipe_host_and_versions(done, data):
    (started,) = tiny_keras.of_kind(RunStarted, done)

    assert started.run == "done"
    assert started.classes == ["blue", "red"]
    assert started.counts == {"train": {"blue": 10, "red": 10}, "valid": {"blue": 2, "red": 2}}
    assert started.host == {"local": True}
    assert set(started.versions) == {"dl_magics", "keras", "backend", "numpy"}
    assert started.device == str(device.detect_device())
    told = json.loads(format_line(started))["recipe"]
    assert Recipe.from_json(told) == tiny_keras.recipe(data)


def test_the_last_event_has_status_and_best_epoch(done, folder):
    ended = done[-1]
    epochs = list(tiny_keras.of_kind(EpochEnded, done))

    best = min(epochs, key=lambda each: each.logs["val_loss"])
    assert ended.status == "done"
    assert (ended.best_epoch, ended.best) == (best.epoch, best.logs)
    file = (folder / "done" / "model.keras").read_bytes()
    assert ended.files == {"model.keras": hashlib.sha256(file).hexdigest()}
    assert set(ended.seconds) == {"start", "features", "head", "evaluate"}
    assert (ended.error, ended.fix) == ("", "")


def test_the_saved_model_is_the_one_of_the_best_epoch(done, data, model):
    photos = folders.find_images(data).valid
    pixels = np.stack([images.decode(photo.path.read_bytes(), 32) for photo in photos])
    labels = np.array([photo.label for photo in photos])

    likely = np.asarray(model.predict_on_batch(pixels.astype(np.float32)))

    best = done[-1].best
    assert (likely.argmax(1) == labels).mean() == pytest.approx(best["val_accuracy"])
    loss = -np.log(likely[np.arange(len(labels)), labels]).mean()
    assert loss == pytest.approx(best["val_loss"], abs=1e-4)


def test_a_run_leaves_nothing_unfinished_in_its_folder(done, folder):
    left = {each.name for each in (folder / "done").iterdir()}

    # Written where this process imports the backend for the first time.
    assert left - {"messages.log"} == {"model.keras", "evaluation"}


def test_the_same_seed_gives_the_same_numbers_from_a_warm_store(done, data, folder):
    again = tiny_keras.train(data, folder, "again")

    assert tiny_keras.losses(again) == tiny_keras.losses(done)
    (begun, *_) = tiny_keras.of_kind(PhaseStarted, again)
    assert begun.kept == begun.total == 24


def test_the_same_seed_gives_the_same_numbers_from_a_cold_store(done, data, tmp_path):
    again = tiny_keras.train(data, tmp_path)

    assert tiny_keras.losses(again) == tiny_keras.losses(done)


def test_the_batches_of_stored_features_do_not_change_the_results(done, data, tmp_path):
    stopped_at(data, tmp_path, DataChecked, batch_size=5)

    again = tiny_keras.train(data, tmp_path)

    (begun, *_) = tiny_keras.of_kind(PhaseStarted, again)
    assert begun.kept == 24
    for one, other in zip(tiny_keras.losses(again), tiny_keras.losses(done), strict=True):
        assert one == pytest.approx(other, abs=1e-4)


def test_another_seed_gives_other_numbers(data, tmp_path):
    """The network has weights of its own, which do not depend on the seed."""
    one = tiny_keras.train(data, tmp_path, "one", seed=1)
    other = tiny_keras.train(data, tmp_path, "other", seed=2)

    assert tiny_keras.losses(one) != tiny_keras.losses(other)
    assert next(tiny_keras.of_kind(PhaseStarted, other)).kept == 24
    (first,), (second,) = (tiny_keras.of_kind(DataChecked, each) for each in (one, other))
    assert first.digests.keys() == {"train", "valid"}
    assert first.digests != second.digests


def test_a_network_whose_features_are_not_finite_ends_the_run_in_two_lines(tmp_path):
    import keras

    data = tiny_keras.photos(tmp_path / "photos", n=6)
    file = small_model.find_beside(small_model.save_beside(data))
    model = keras.saving.load_model(file)
    model.set_weights([1e30 * each for each in model.get_weights()])
    model.save(file)

    events, raised = failed(data, tmp_path)

    assert isinstance(raised, TrainingFailed)
    assert str(raised) == (
        "The network gives values that are not finite for 8 images of a batch of 8."
    )
    assert "mixed_precision = False" in raised.fix
    assert events[-1].status == "failed"
    assert not list(tmp_path.rglob("*.block"))


def test_only_features_of_new_images_are_computed(tmp_path):
    data = tiny_keras.photos(tmp_path / "photos", n=6)
    stopped_at(data, tmp_path, DataChecked)

    for i in range(3):
        tiny_keras.photo(data / "red" / f"new{i}.png", "red", 100 + i)
    events, _ = stopped_at(data, tmp_path, DataChecked)

    (begun, *_) = tiny_keras.of_kind(PhaseStarted, events)
    assert (begun.kept, begun.total) == (12, 15)


@pytest.fixture(scope="module")
def stored(data, folder):
    """Settings of VGG16, whose features of all photos are stored."""
    settings = {"model": "VGG16", "weights": None}
    stopped_at(data, folder, DataChecked, run="stored", **settings)
    return settings


@pytest.mark.parametrize(
    ("changed", "kept"),
    [({}, 24), ({"image_size": 40}, 0), ({"pooling": "max"}, 0), ({"seed": 7}, 0)],
)
def test_features_of_another_network_are_not_used(stored, data, folder, changed, kept):
    events, _ = stopped_at(data, folder, PhaseStarted, **stored, **changed)

    (begun, *_) = tiny_keras.of_kind(PhaseStarted, events)
    assert begun.kept == kept


def test_augmented_copies_are_used_for_training_only(data, folder):
    events, _ = stopped_at(data, folder, DataChecked, augment=2)

    (begun, *_) = tiny_keras.of_kind(PhaseStarted, events)
    assert begun.total == 20 * 3 + 4
    assert begun.kept == 24


def test_a_custom_head_on_feature_maps_is_trained(data, folder):
    own = "def head(features):\n    return layers.Flatten()(features)[:, :small]"

    events = tiny_keras.train(
        data, folder, "own", weights=None, pooling=None, epochs=1, head=own, names={"small": 3}
    )

    assert events[-1].status == "done"
    assert math.isfinite(events[-1].best["val_loss"])


def test_patience_ends_a_run_that_does_not_improve(data, folder):
    events = tiny_keras.train(data, folder, "patient", epochs=200, patience=2, learning_rate=0.5)

    epochs = list(tiny_keras.of_kind(EpochEnded, events))
    assert len(epochs) < 200
    assert events[-1].best_epoch == epochs[-1].epoch - 2
    assert events[-1].status == "done"


def test_a_run_warns_of_what_makes_its_numbers_worthless_as_soon_as_it_can(tmp_path):
    for part, n in (("train", 12), ("valid", 4)):
        tiny_keras.photos(tmp_path / "same" / part, n)

    events = tiny_keras.train(
        tmp_path / "same", tmp_path, "worthless", epochs=6, learning_rate=0.9, dense=[64, 64]
    )

    codes = [each.code for each in tiny_keras.of_kind(Warned, events)]
    assert codes.count("images_in_both_parts") == codes.count("learning_rate_too_high") == 1
    warned = next(each for each in events if getattr(each, "code", "") == "learning_rate_too_high")
    assert isinstance(events[events.index(warned) - 1], EpochEnded)


def test_grayscale_of_12_bits_is_scaled_by_the_range_of_the_folder(tmp_path):
    """Two classes that differ in brightness alone, both nearly black as 16 bits."""
    numbers = np.random.default_rng(0)
    for name, bright in (("dim", 1000), ("lit", 3000)):
        (tmp_path / "ct" / name).mkdir(parents=True)
        for i in range(12):
            values = numbers.integers(bright - 900, bright + 900, (40, 40), np.uint16)
            Image.fromarray(values).save(tmp_path / "ct" / name / f"{i}.png")

    run_events.write_log(
        tmp_path / "run", events := tiny_keras.train(tmp_path / "ct", tmp_path, epochs=8)
    )

    (warned,) = tiny_keras.of_kind(Warned, events)
    assert "more than 8 bits of gray: 10" in warned.text
    (checked,) = tiny_keras.of_kind(DataChecked, events)
    assert 100 <= checked.gray[0] < 150
    assert 3850 < checked.gray[1] < 3900
    assert events[-1].best["val_accuracy"] == 1
    found = Run(tmp_path / "run").predict(tmp_path / "ct")
    assert all(each.label == each.folder_class for each in found)


def test_a_stop_before_training_leaves_no_model(data, tmp_path):
    events, raised = watched(data, tmp_path, lambda event: None, lambda: True)

    assert raised is None
    assert events[-1].status == "stopped"
    assert events[-1].best_epoch is None
    assert events[-1].files == {}
    assert not list(tiny_keras.of_kind(EpochEnded, events))


def test_a_stop_during_extraction_keeps_computed_features(data, tmp_path):
    asked = count(1)
    events, _ = watched(data, tmp_path, lambda event: None, lambda: next(asked) >= 2)

    again, _ = stopped_at(data, tmp_path, PhaseStarted)

    assert events[-1].status == "stopped"
    (begun, *_) = tiny_keras.of_kind(PhaseStarted, again)
    assert begun.kept == 16


def test_a_stop_during_training_keeps_the_best_weights(data, folder):
    events, raised = stopped_at(data, folder, EpochEnded, run="stopped", epochs=50)

    assert raised is None
    assert events[-1].status == "stopped"
    assert events[-1].best_epoch == 1
    assert len(list(tiny_keras.of_kind(EpochEnded, events))) == 1
    assert (folder / "stopped" / "model.keras").is_file()


def test_a_run_ends_at_its_time_limit(data, folder):
    events = tiny_keras.train(data, folder, "short", max_duration="0.001s", epochs=50)

    assert events[-1].status == "stopped"
    assert not list(tiny_keras.of_kind(EpochEnded, events))


@pytest.mark.parametrize("calls", [1, 12])
def test_an_interrupt_is_reported_and_raised(data, folder, calls):
    asked = count(1)

    def interrupted():
        if next(asked) == calls:
            raise KeyboardInterrupt
        return False

    events, raised = watched(data, folder, lambda event: None, interrupted, epochs=50)

    assert isinstance(raised, KeyboardInterrupt)
    assert events[-1].status == "interrupted"
    assert [event.n for event in events] == list(range(1, len(events) + 1))


def test_a_write_error_of_features_is_reported(data, tmp_path):
    (tmp_path / "features").write_text("in the way")

    events, raised = failed(data, tmp_path)

    assert isinstance(raised, TrainingFailed)
    assert events[-1].status == "failed"
    assert (events[-1].error, events[-1].fix) == (str(raised), raised.fix)
    assert str(tmp_path / "features") in str(raised)


def test_a_write_error_of_the_model_is_reported_with_the_best_epoch(done, data, folder):
    (folder / "failed" / "model.keras").mkdir(parents=True)

    events, raised = failed(data, folder)

    assert isinstance(raised, TrainingFailed)
    assert events[-1].status == "failed"
    assert events[-1].best_epoch
    assert events[-1].files == {}
    assert tiny_keras.losses(events) == tiny_keras.losses(done)


def test_a_backend_error_is_reported_and_raised_unchanged(data, folder):
    events, raised = failed(data, folder, head=FOR_TWO_IMAGES)

    assert raised is not None
    assert not isinstance(raised, DLMagicsError)
    assert events[-1].status == "failed"
    assert events[-1].error == f"{type(raised).__name__}: {raised}"


def test_a_head_that_cannot_be_built_fails_before_training(data, folder):
    events, raised = failed(data, folder, head="def head(x):\n    1/0")

    assert isinstance(raised, BadSetting)
    assert "ZeroDivisionError" in str(raised)
    assert (events[-1].status, events[-1].error) == ("failed", str(raised))
    assert not [each for each in tiny_keras.of_kind(PhaseStarted, events) if each.phase == "head"]


def test_invalid_files_are_skipped_and_listed(tmp_path):
    data = tiny_keras.photos(tmp_path / "photos")
    torn, twin = [photo.path for photo in folders.find_images(data).train if photo.label == 1][:2]
    torn.write_bytes(torn.read_bytes()[:-500])
    copy(torn, twin)
    (data / "blue" / "000.png").write_bytes(b"")

    events = tiny_keras.train(data, tmp_path, epochs=1)

    (checked,) = tiny_keras.of_kind(DataChecked, events)
    assert checked.images == 24
    assert checked.skipped == [
        {"path": str(data / "blue" / "000.png"), "reason": "empty file"},
        {"path": str(torn), "reason": "PNG is cut short"},
        {"path": str(twin), "reason": "PNG is cut short"},
    ]
    assert events[-1].status == "done"


def emptied(data):
    for path in (data / "red").iterdir():
        path.write_bytes(b"rain")


def torn(data):
    for path in data.rglob("*.png"):
        path.write_bytes(path.read_bytes()[:-500])


def alone(data):
    for path in (data / "red").iterdir():
        path.unlink()
    (data / "red").rmdir()


def bare(data):
    alone(data)
    (data / "blue").rename(data.parent / "elsewhere")


@pytest.mark.parametrize(
    ("spoil", "happened"),
    [
        (emptied, "The class 'red' has no valid training image left."),
        (torn, "12 of 12 files"),
        (alone, "has one class only, 'blue'"),
        (bare, "has no class folders"),
    ],
)
def test_unusable_image_folders_are_refused_before_training(tmp_path, spoil, happened):
    data = tiny_keras.photos(tmp_path / "photos", n=6)
    spoil(data)

    events, raised = failed(data, tmp_path)

    assert isinstance(raised, BadData)
    assert happened in str(raised)
    assert raised.fix
    assert not [each for each in tiny_keras.of_kind(PhaseStarted, events) if each.phase == "head"]
    if events:
        assert (events[-1].error, events[-1].fix) == (str(raised), raised.fix)


def test_what_is_refused_before_the_run_starts_is_no_run(tmp_path):
    events, raised = failed(tmp_path / "nowhere", tmp_path)

    assert isinstance(raised, BadData)
    assert events == []


def test_a_run_that_fails_before_it_starts_says_which_and_where(data, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)

    events, raised = failed(data, tmp_path)

    assert isinstance(raised, ImportError)
    (ended,) = events
    assert (ended.status, ended.run) == ("failed", "failed")
    assert ended.recipe == tiny_keras.recipe(data).to_json()
    assert ended.host == {"local": True}
    assert "keras" in ended.error


def test_a_class_with_few_images_is_a_warning(tmp_path):
    data = tiny_keras.photos(tmp_path / "photos", n=15, classes=("blue",))
    tiny_keras.photos(data, n=3, classes=("red",))

    events, _ = stopped_at(data, tmp_path, PhaseStarted)

    assert [each.code for each in tiny_keras.of_kind(Warned, events)] == ["imbalance"]


def test_half_precision_on_an_unsuitable_device_is_a_warning(data, folder):
    events, _ = stopped_at(data, folder, PhaseStarted, mixed_precision=True)

    codes = [each.code for each in tiny_keras.of_kind(Warned, events)]
    assert codes == ([] if device.detect_device().half else ["no_half_precision"])


def test_closing_the_generator_ends_the_run(data, folder):
    events = pipeline.run(tiny_keras.recipe(data), tiny_keras.paths(folder, "closed"))
    next(events)

    events.close()

    assert list(events) == []


def test_progress_stays_within_its_bounds(done):
    for event in tiny_keras.of_kind(Progressed, done):
        assert 0 <= event.done <= event.total
        assert event.seconds_left >= 0


def test_run_ended_is_yielded_exactly_once(done):
    assert len(list(tiny_keras.of_kind(RunEnded, done))) == 1


def test_a_device_without_free_memory_ends_the_run_in_two_lines(data, tmp_path):
    def fail():
        yield EpochEnded(phase="head", epoch=1, logs={"val_loss": 0.5}, best=True)
        raise MemoryError

    frame = Frame(tiny_keras.recipe(data), tmp_path, {}, lambda: False)
    frame.classes = 2
    events: list = []

    with pytest.raises(TrainingFailed) as caught:
        events.extend(frame.run(fail()))

    assert str(caught.value) == "The memory of the device is full."
    assert "lower batch_size" in caught.value.fix
