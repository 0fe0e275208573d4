from __future__ import annotations

import shutil

import numpy as np
import pytest

from dl_magics.data import folders, images
from dl_magics.runs import log
from dl_magics.runs.events import (
    CheckpointSaved,
    EpochEnded,
    PhaseStarted,
    RunEnded,
    Warned,
)
from dl_magics.runs.paths import RunPaths
from dl_magics.training import recorder
from dl_magics.training.engine import device, pipeline
from dl_magics.training.engine.feature_store import open_stores
from dl_magics.training.run import Run
from support import tiny_keras
from support.backbones import small_model

pytestmark = pytest.mark.usefixtures("no_retracing_warnings")

HEAD = {"dropout": 0.5, "epochs": 2, "batch_size": 5, "heads": 2}
ASKED = {**HEAD, "unfreeze": "block2", "unfreeze_epochs": 2, "fine_learning_rate": 1e-4}


class Clock:
    """Advances by five minutes after each batch, so that each batch is saved."""

    def __init__(self):
        self.now = 1e6

    def __call__(self):
        return self.now

    def stop(self):
        self.now += 300
        return False


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return small_model.save_beside(tiny_keras.photos(tmp_path_factory.mktemp("photos")))


@pytest.fixture(scope="module")
def room(data, tmp_path_factory):
    """The folders of a run, and of the same killed after each event of its second phase."""
    room = tmp_path_factory.mktemp("room")
    clock, paths, is_unfrozen = Clock(), tiny_keras.paths(room, "whole"), False
    events = pipeline.run(tiny_keras.recipe(data, **ASKED), paths, stop=clock.stop, timer=clock)
    with log.LogWriter(paths.run) as lines:
        for event in events:
            lines.append(event)
            is_unfrozen = is_unfrozen or getattr(event, "phase", "") == "unfrozen"
            if is_unfrozen and not isinstance(event, RunEnded):
                shutil.copytree(paths.run, room / f"killed {event.n}")
    return room


@pytest.fixture(scope="module")
def whole(room):
    return Run(room / "whole")


@pytest.fixture(scope="module")
def events(whole):
    return list(log.read_events(whole.path))


@pytest.fixture(scope="module")
def head_only(data, room):
    """The same run without a second phase."""
    paths = tiny_keras.paths(room, "head only")
    list(recorder.record_new_run(tiny_keras.recipe(data, **HEAD), paths))
    return Run(paths.run)


def epochs_of(events):
    return list(tiny_keras.of_kind(EpochEnded, events))


def convolutions(run):
    """Return the weights of the convolutions of the saved model, by layer."""
    import keras

    model = keras.saving.load_model(run.path / "model.keras", compile=False, safe_mode=True)
    return {layer.name: layer.get_weights() for layer in network_of(model).layers if layer.weights}


def network_of(model):
    """Return the network in a saved model, without its preprocessing, pooling and head."""
    return model.get_layer("frozen").get_layer("backbone").get_layer("small")


def test_the_head_is_trained_first_as_without_a_second_phase(events, head_only):
    head = [each for each in epochs_of(events) if each.phase == "head"]

    alone = epochs_of(log.read_events(head_only.path))
    assert [each.logs for each in head] == [each.logs for each in alone]


def test_epochs_are_counted_over_both_phases(events, whole):
    assert [(each.phase, each.epoch) for each in epochs_of(events)] == [
        ("head", 1),
        ("head", 2),
        ("unfrozen", 3),
        ("unfrozen", 4),
    ]
    phases = [(each.phase, each.total) for each in tiny_keras.of_kind(PhaseStarted, events)]
    assert phases == [("features", 24), ("head", 2), ("unfrozen", 2), ("evaluate", 4)]
    assert whole.best["epoch"] == 4


def test_the_rate_of_what_is_unfrozen_falls_from_epoch_to_epoch(events):
    """It is that at the end of an epoch: here after 4 of 8 steps, of which 1 is the warm-up."""
    rates = [each.logs["learning_rate"] for each in epochs_of(events)]

    half = (1 + np.cos(np.pi * 3 / 7)) / 2
    assert rates == pytest.approx([1e-3, 1e-3, 1e-4 * (0.99 * half + 0.01), 1e-6])


def test_what_is_stored_is_said_before(events):
    (warned,) = tiny_keras.of_kind(Warned, events)

    assert warned.text == (
        "The output of block1_pool is stored for 24 images, 16 × 16 × 16 float32 values each: "
        "0.4 MB."
    )
    first = next(tiny_keras.of_kind(PhaseStarted, events))
    assert warned.n < first.n


@pytest.mark.parametrize("half", ["float16", "bfloat16"])
def test_a_model_of_ones_own_has_the_same_numbers_on_a_device_with_half_precision(
    half, data, events, tmp_path, monkeypatch
):
    monkeypatch.setattr(device, "cpu_half", lambda *_: half)

    others = tiny_keras.train(data, tmp_path, **ASKED, mixed_precision="auto")

    assert tiny_keras.losses(others) == tiny_keras.losses(events)


def test_only_the_layers_that_were_named_are_changed_in_the_saved_model(whole, head_only):
    tuned, before = convolutions(whole), convolutions(head_only)

    same = {
        name
        for name, values in tuned.items()
        if all(np.array_equal(*pair) for pair in zip(values, before[name], strict=True))
    }
    assert tuned.keys() - same == {"block2_conv1"}


def test_the_saved_model_is_the_one_of_the_best_epoch_of_both_phases(data, whole):
    photos = folders.find_images(data).valid
    pixels = np.stack([images.decode(photo.path.read_bytes(), 32) for photo in photos])
    labels = np.array([photo.label for photo in photos])

    likely = np.asarray(whole.model.predict_on_batch(pixels.astype(np.float32)))

    loss = -np.log(likely[np.arange(len(labels)), labels]).mean()
    assert loss == pytest.approx(whole.best["val_loss"], abs=1e-5)


def test_an_epoch_has_the_numbers_of_keras_on_the_whole_network(data, room, tmp_path):
    """Without stored activations: the saved model of the head, from pixels, trained by Keras."""
    import keras

    plain = {**HEAD, "dropout": 0.0, "heads": 1}
    tuned = tiny_keras.train(data, room, "tuned", **{**ASKED, **plain, "unfreeze_epochs": 1})
    tiny_keras.train(data, room, "before", **plain)
    model = keras.saving.load_model(room / "before" / "model.keras", safe_mode=True)
    model.trainable = True
    for layer in network_of(model).layers:
        layer.trainable = layer.name.startswith("block2")
    # 4 steps, of which the first one is the warm-up.
    rate = keras.optimizers.schedules.CosineDecay(1e-5, 3, 0.01, warmup_target=1e-4, warmup_steps=1)
    model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy")
    found = folders.find_images(data)
    pixels, labels = {}, {}
    for part in ("train", "valid"):
        files = getattr(found, part)
        pixels[part] = np.stack([images.decode(each.path.read_bytes(), 32) for each in files])
        labels[part] = np.array([each.label for each in files])

    order = np.random.default_rng([42, 3]).permutation(len(labels["train"]))
    sums = 0.0
    for at in range(0, len(order), 5):
        chosen = order[at : at + 5]
        logs = model.train_on_batch(
            pixels["train"][chosen].astype(np.float32), labels["train"][chosen], return_dict=True
        )
        sums += logs["loss"] * len(chosen)
    valid = model.test_on_batch(
        pixels["valid"].astype(np.float32), labels["valid"], return_dict=True
    )

    *_, head, unfrozen = epochs_of(tuned)
    assert unfrozen.logs["loss"] == pytest.approx(sums / len(order), abs=1e-4)
    assert unfrozen.logs["val_loss"] == pytest.approx(valid["loss"], abs=1e-4)
    assert abs(unfrozen.logs["val_loss"] - head.logs["val_loss"]) > 1e-2


@pytest.mark.parametrize("after", ["phase_started", "checkpoint_saved", "epoch_ended", "last"])
def test_a_run_killed_in_its_second_phase_is_resumed_with_identical_results(
    after, room, events, whole, tmp_path
):
    copies = [event for event in events if (room / f"killed {event.n}").is_dir()]
    chosen = copies[-1] if after == "last" else next(e for e in copies if e.kind == after)
    if after == "checkpoint_saved":  # the second of its first epoch
        chosen = [event for event in copies if isinstance(event, CheckpointSaved)][1]
    run = Run(shutil.copytree(room / f"killed {chosen.n}", tmp_path / "killed"))

    new = list(recorder.record_resumed_run(RunPaths(run.path, room / "features", room / "weights")))

    assert run.status == "done"
    assert run.history == whole.history
    assert run.best == whole.best
    first, second = tiny_keras.weights(run.path), tiny_keras.weights(whole.path)
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)
    if after != "phase_started":
        assert {each.phase for each in epochs_of(new)} <= {"unfrozen"}


def test_another_run_uses_the_stored_activations_and_another_cut_its_own(data, room, whole):
    same = tiny_keras.train(data, room, "again", **ASKED)
    other = tiny_keras.train(data, room, "other", **{**ASKED, "unfreeze": 2, "epochs": 1})

    assert next(tiny_keras.of_kind(PhaseStarted, same)).kept == 24
    assert tiny_keras.losses(same) == tiny_keras.losses(log.read_events(whole.path))
    assert next(tiny_keras.of_kind(PhaseStarted, other)).kept == 0
    assert other[-1].status == "done"
    # What looks for features finds those of the whole network, not what is below a cut.
    assert [store.shape for store in open_stores(room / "features")] == [(32,)]


def test_a_second_phase_that_does_not_improve_ends_by_its_schedule_and_keeps_the_head(tmp_path):
    """The classes of the validation images are exchanged: what is learned is wrong there."""
    data = tiny_keras.photos(tmp_path / "photos" / "train").parent
    for name, colour in (("blue", "red"), ("red", "blue")):
        for n in range(4):
            tiny_keras.photo(data / "valid" / name / f"{n}.png", colour, n)
    small_model.save_beside(data)

    tiny_keras.train(data, tmp_path, "head only", **HEAD)
    worse = {**ASKED, "fine_learning_rate": 0.1, "patience": 1}
    events = tiny_keras.train(data, tmp_path, "worse", **worse)

    assert events[-1].best_epoch == 1
    assert [each.phase for each in epochs_of(events)].count("unfrozen") == 2
    warned = [each for each in tiny_keras.of_kind(Warned, events) if "rate" in each.code]
    assert warned
    assert all("fine_learning_rate = " in each.fix for each in warned)
    saved, alone = (tiny_keras.weights(tmp_path / name) for name in ("worse", "head only"))
    for name, value in saved.items():
        np.testing.assert_array_equal(value, alone[name], err_msg=name)


def test_a_stop_in_the_second_phase_keeps_the_best_weights(data, room):
    paths, seen = tiny_keras.paths(room, "stopped"), []
    recipe = tiny_keras.recipe(data, **{**ASKED, "unfreeze_epochs": 50})
    for event in pipeline.run(recipe, paths, stop=lambda: "unfrozen" in seen):
        if isinstance(event, EpochEnded):
            seen.append(event.phase)

    assert (event.status, len(seen)) == ("stopped", 3)
    assert event.best_epoch in (2, 3)
    assert (paths.run / "model.keras").is_file()


def test_a_layer_that_is_not_there_is_refused_before_an_image_is_computed(data, tmp_path):
    events = []
    with pytest.raises(Exception, match="vgg16 has no layer or block of this name") as caught:
        events.extend(
            pipeline.run(
                tiny_keras.recipe(data, weights=None, unfreeze="block6"), tiny_keras.paths(tmp_path)
            )
        )

    assert "block1, block2, block3, block4, block5" in caught.value.fix
    assert not list(tmp_path.rglob("*.block"))
