from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from functools import partial
from itertools import count

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dl_magics.errors import NotResumable
from dl_magics.runs import checkpoint_request, log, stop_request
from dl_magics.runs.events import (
    CheckpointSaved,
    EpochEnded,
    PhaseStarted,
    RunEnded,
    RunResumed,
    Warned,
)
from dl_magics.runs.paths import RunPaths
from dl_magics.runs.record import RunRecord
from dl_magics.training import recorder
from dl_magics.training.engine import checkpoint, pipeline, resume_point
from dl_magics.training.run import Run
from support import startup, tiny_keras
from support.backbones import small_model

ASKED = {"dropout": 0.5, "epochs": 4, "batch_size": 5}

RUN = """
import sys
from pathlib import Path
from support import tiny_keras
from dl_magics.training import recorder

data, folder = map(Path, sys.argv[1:])
recipe = tiny_keras.recipe(data, dropout=0.5, epochs=4, batch_size=5)
for event in recorder.record_new_run(recipe, tiny_keras.paths(folder)):
    print(event.kind, flush=True)
    if event.kind == "epoch_ended" and event.epoch == 2:
        sys.stdin.readline()
"""


class Clock:
    """Advances by a minute after each batch, so that each batch is saved."""

    def __init__(self):
        self.now = 1e6

    def __call__(self):
        return self.now

    def stop(self):
        self.now += 60
        return False


def same(one, other):
    """Return whether two runs have the same metrics and identical weights."""
    first, second = tiny_keras.weights(one.path), tiny_keras.weights(other.path)
    assert first.keys() == second.keys()
    for name, value in first.items():
        np.testing.assert_array_equal(value, second[name], err_msg=name)
    assert one.history == other.history
    assert one.best == other.best
    ends = [list(log.read_events(run.path))[-1] for run in (one, other)]
    assert ends[0].best == ends[1].best
    return one.status == other.status == "done"


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return small_model.save_beside(tiny_keras.photos(tmp_path_factory.mktemp("photos")))


@pytest.fixture(scope="module")
def room(data, tmp_path_factory):
    """Folders of an uninterrupted run, and of runs killed after each of its events."""
    room = tmp_path_factory.mktemp("room")
    clock, paths = Clock(), tiny_keras.paths(room, "whole")
    paths.features.mkdir()
    events = pipeline.run(tiny_keras.recipe(data, **ASKED), paths, stop=clock.stop, timer=clock)
    with log.LogWriter(paths.run) as lines:
        for event in events:
            lines.append(event)
            if not isinstance(event, RunEnded):
                shutil.copytree(paths.run, room / f"killed {event.n}")
                shutil.copytree(paths.features, room / f"features {event.n}")
    return room


@pytest.fixture(scope="module")
def whole(room):
    return Run(room / "whole")


@pytest.fixture
def killed(room, tmp_path):
    """A run killed in its third epoch, after two batches."""
    events = list(log.read_events(room / "whole"))
    second = next(event.n for event in tiny_keras.of_kind(EpochEnded, events) if event.epoch == 2)
    saved = [event.n for event in tiny_keras.of_kind(CheckpointSaved, events) if event.n > second]
    return taken(room, tmp_path / "killed", saved[2])


def taken(room, folder, n):
    return Run(shutil.copytree(room / f"killed {n}", folder))


def rooms_of(run, room, n=None):
    features = room / ("features" if n is None else f"features {n}")
    return RunPaths(run.path, features, room / "weights")


def resumed(run, room, **asked):
    return list(recorder.record_resumed_run(rooms_of(run, room), **asked))


def test_slow_batches_are_saved_individually(whole, room):
    events = list(log.read_events(whole.path))

    saved = [event for event in events if isinstance(event, CheckpointSaved)]
    assert len(saved) == 1 + 4 * (4 + 1) + 1
    assert not (whole.path / checkpoint.FILE_NAME).exists()


@settings(max_examples=12, deadline=None)
@given(at=st.data())
def test_a_run_killed_after_any_event_is_resumed_with_identical_results(
    at, room, whole, tmp_path_factory
):
    n = at.draw(st.integers(1, list(log.read_events(whole.path))[-1].n - 1))
    folder = tmp_path_factory.mktemp("killed")
    run = taken(room, folder / "run", n)
    features = shutil.copytree(room / f"features {n}", folder / "features")

    new = list(recorder.record_resumed_run(RunPaths(run.path, features, room / "weights")))

    assert same(run, whole)
    assert [event.n for event in log.read_events(run.path)] == list(range(1, new[-1].n + 1))
    assert isinstance(new[0], RunResumed)
    assert new[0].interrupted_at == n
    assert list(tiny_keras.of_kind(RunResumed, log.read_events(run.path))) == [new[0]]


@settings(max_examples=5, deadline=None)
@given(breaks=st.lists(st.integers(2, 30), min_size=1, max_size=3))
def test_a_run_interrupted_repeatedly_is_resumed_with_identical_results(
    breaks, room, data, whole, tmp_path_factory
):
    """The interrupt comes at a batch of the extraction, the training or the evaluation."""
    folder = tmp_path_factory.mktemp("again")
    paths = RunPaths(folder / "run", folder / "features", room / "weights")
    paths.run.mkdir()
    begin = partial(recorder.record_new_run, tiny_keras.recipe(data, **ASKED))
    for calls in breaks:
        asked = count(1)

        def interrupted(asked=asked, calls=calls):
            if next(asked) == calls:
                raise KeyboardInterrupt
            return False

        try:
            list(begin(paths, stop=interrupted))
        except KeyboardInterrupt:
            begin = recorder.record_resumed_run
        else:
            break

    if Run(paths.run).status != "done":
        list(recorder.record_resumed_run(paths))

    assert same(Run(paths.run), whole)
    events = list(log.read_events(paths.run))
    assert [event.n for event in events] == list(range(1, len(events) + 1))


def test_a_resumed_run_reports_where_it_continues(killed, room):
    n = killed.state.n

    first = resumed(killed, room, host={"name": "gpu"})[0]

    assert (first.interrupted_at, first.epoch, first.batches) == (n, 3, 2)
    assert first.host == {"name": "gpu"}
    state = killed.state
    assert state.host == {"name": "gpu"}
    assert [each["epoch"] for each in state.epochs] == [1, 2, 3, 4]
    assert state.resumed == ({"interrupted_at": n, "epoch": 3, "batches": 2},)
    assert "Interrupted and resumed in epoch 3." in (killed.path / "report.html").read_text("utf-8")


def test_only_the_remaining_work_is_computed(killed, room):
    new = resumed(killed, room)

    features, head, _ = tiny_keras.of_kind(PhaseStarted, new)
    assert features.kept == features.total == 24
    assert (head.kept, head.total) == (2, 4)
    assert [each.epoch for each in tiny_keras.of_kind(EpochEnded, new)] == [3, 4]


def test_a_killed_process_is_resumed_with_identical_results(data, whole, room, tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", RUN, str(data), str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": startup.join_paths("tests"), "HOME": str(tmp_path)},
    )
    while process.stdout.readline().strip() not in ("epoch_ended", ""):
        pass
    while process.stdout.readline().strip() not in ("epoch_ended", ""):
        pass
    process.send_signal(signal.SIGKILL)
    process.communicate()
    run = Run(tmp_path / "run")
    with (run.path / log.FILE_NAME).open("ab") as file:
        file.write(b'{"n":99,"t":1,"kind":"epo')
    assert run.status == "interrupted"

    list(recorder.record_resumed_run(tiny_keras.paths(tmp_path)))

    assert same(run, whole)


@pytest.mark.parametrize("damage", ["flipped", "torn", "empty", "another version"])
def test_a_run_with_a_damaged_checkpoint_has_identical_results(killed, room, whole, damage):
    path = killed.path / checkpoint.FILE_NAME
    data = path.read_bytes()
    path.write_bytes(
        {
            "flipped": data[:100] + bytes([data[100] ^ 1]) + data[101:],
            "torn": data[: len(data) // 2],
            "empty": b"",
            "another version": b"",
        }[damage]
    )
    if damage == "another version":
        later_version(path, data)

    new = resumed(killed, room)

    (warning,) = tiny_keras.of_kind(Warned, new)
    assert warning.code == "checkpoint_lost"
    assert str(path) in warning.text
    assert (new[0].epoch, new[0].batches) == (1, 0)
    assert same(killed, whole)


def later_version(path, data):
    arrays = dict(np.load(io.BytesIO(data)))
    metadata = {**json.loads(arrays["metadata"].tobytes()), "version": 99}
    arrays["metadata"] = np.frombuffer(json.dumps(metadata).encode(), np.uint8)
    file = io.BytesIO()
    np.savez(file, **arrays)
    path.write_bytes(file.getvalue() + hashlib.sha256(file.getvalue()).digest())


def test_a_checkpoint_ahead_of_the_log_is_not_used(killed, room, whole):
    path = killed.path / log.FILE_NAME
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:6]))

    new = resumed(killed, room)

    assert [each.code for each in tiny_keras.of_kind(Warned, new)] == ["checkpoint_lost"]
    assert same(killed, whole)


@pytest.mark.parametrize("status", ["done", "stopped", "failed"])
def test_a_completed_run_cannot_be_resumed(killed, room, status):
    with log.LogWriter(killed.path) as lines:
        lines.append(RunEnded(n=killed.state.n + 1, t=1.0, status=status))
    before = (killed.path / log.FILE_NAME).read_bytes()

    with pytest.raises(NotResumable) as caught:
        resumed(killed, room)

    assert str(caught.value) == f"The run {killed.name} has already ended with the status {status}."
    assert caught.value.fix.startswith("For a new run, run the cell again")
    assert (killed.path / log.FILE_NAME).read_bytes() == before


def refused(run, room, **asked):
    """Return the error of a run that cannot be resumed, and check that its folder is unchanged."""
    before = {each.name: each.read_bytes() for each in run.path.iterdir()}
    with pytest.raises(NotResumable) as caught:
        resumed(run, room, **asked)
    assert {each.name: each.read_bytes() for each in run.path.iterdir()} == before
    assert run.status == "interrupted"
    return caught.value._render_traceback_()


@pytest.fixture
def changing(data, tmp_path):
    """A run whose images may be changed, interrupted in its second epoch."""
    own = small_model.save_beside(shutil.copytree(data, tmp_path / "own"))
    paths = tiny_keras.paths(tmp_path)
    tiny_keras.begin(own, paths, **ASKED)
    return Run(paths.run), tmp_path, own


def test_changed_images_are_refused_until_they_are_restored(changing):
    run, room, own = changing
    photo = sorted(own.rglob("*.png"))[0]
    before = photo.read_bytes()

    tiny_keras.photo(photo, "red", 99)
    happened, fix = refused(run, room)
    photo.write_bytes(before)
    tiny_keras.photo(own / "red" / "new.png", "red", 100)
    happened_too, _ = refused(run, room)
    (own / "red" / "new.png").unlink()

    changed = f"NotResumable: The images in {own} are not those that the run started with"
    assert happened.startswith(changed)
    assert fix == "  Put each image back and repeat, or run the cell again for a new run."
    assert happened_too.endswith("20 + 4 images then, 20 + 5 images now.")
    assert resumed(run, room)[-1].status == "done"


def test_new_images_are_refused_without_a_checkpoint_too(changing):
    run, room, own = changing
    (run.path / checkpoint.FILE_NAME).unlink()
    tiny_keras.photo(own / "red" / "new.png", "red", 100)

    assert "are not those that the run started with" in refused(run, room)[0]


def test_other_images_of_the_same_number_are_refused_without_a_checkpoint_too(changing):
    run, room, own = changing
    (run.path / checkpoint.FILE_NAME).unlink()
    swap_classes(own)

    happened, _ = refused(run, room)
    swap_classes(own)

    assert "are not those that the run started with" in happened
    assert resumed(run, room)[-1].status == "done"
    assert run.state.warnings == ()


def test_a_log_without_the_identity_of_the_images_is_resumed_with_a_warning(changing):
    run, room, _ = changing
    (run.path / checkpoint.FILE_NAME).unlink()
    path = run.path / log.FILE_NAME
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    for line in lines:
        line.pop("identity", None)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))

    warned = list(tiny_keras.of_kind(Warned, resumed(run, room)))

    assert [each.code for each in warned] == ["unknown_images"]
    assert "an earlier version of dl_magics began it" in warned[0].text


def swap_classes(data):
    """Make the images of each class those of the other, of which there are as many."""
    for source, target in (("red", "aside"), ("blue", "red"), ("aside", "blue")):
        (data / source).rename(data / target)


def test_another_recipe_is_refused(killed, room, data):
    happened, fix = refused(killed, room, recipe=tiny_keras.recipe(data, **{**ASKED, "epochs": 9}))

    assert "The recipe differs from the one that the run" in happened
    assert "%finetune --resume" in fix


def test_other_weights_are_refused(data, tmp_path):
    import keras

    def save(seed):
        keras.utils.set_random_seed(seed)
        network = keras.applications.VGG16(include_top=False, weights=None, input_shape=(32, 32, 3))
        network.save_weights(tmp_path / "net.weights.h5")

    save(1)
    paths = tiny_keras.paths(tmp_path)
    tiny_keras.begin(data, paths, weights=str(tmp_path / "net.weights.h5"))
    save(2)

    happened, _ = refused(Run(paths.run), tmp_path)

    assert "The weights of VGG16 are not those" in happened


def change_log(run, **changed):
    """Change the versions in the log of a run."""
    path = run.path / log.FILE_NAME
    first, *rest = path.read_bytes().splitlines(keepends=True)
    values = json.loads(first)
    values["device"] = changed.pop("device", values["device"])
    values["versions"].update(changed)
    path.write_bytes(json.dumps(values).encode() + b"\n" + b"".join(rest))


def test_another_backend_is_refused(killed, room):
    change_log(killed, backend="jax")

    assert refused(killed, room) == [
        "NotResumable: The run began on jax; Keras runs on tensorflow here.",
        "  Restart the kernel with: %env KERAS_BACKEND=jax",
    ]


def test_another_version_or_device_is_a_warning(killed, room):
    change_log(killed, keras="3.0.0", device="Tesla T4")

    warnings = list(tiny_keras.of_kind(Warned, resumed(killed, room)))

    assert [each.code for each in warnings] == ["other_keras", "other_device"]
    assert warnings[0].text.startswith("The run began with keras 3.0.0 and continues with 3.")


def test_a_run_of_another_process_cannot_be_resumed(killed, room):
    with log.LogWriter(killed.path), pytest.raises(NotResumable) as caught:
        resumed(killed, room)

    assert "already running in another process" in str(caught.value)


def test_a_notice_before_the_interruption_is_not_repeated(killed, room, whole):
    (killed.path / checkpoint_request.FILE_NAME).write_text('{"reason": "spot-stop", "at": 0}')

    events = resumed(killed, room)

    assert not [each for each in tiny_keras.of_kind(Warned, events) if each.code == "spot_notice"]
    assert same(Run(killed.path), whole)


def test_a_stop_request_before_the_interruption_is_cleared(killed, room, whole):
    stop_request.request_stop(killed.path)

    resumed(killed, room)

    assert same(killed, whole)


def test_a_stop_of_a_resumed_run_keeps_the_best_weights(killed, room):
    new = resumed(killed, room, stop=lambda: True)

    assert new[-1].status == "stopped"
    assert (killed.path / "model.keras").is_file()
    assert killed.best["epoch"] == new[-1].best_epoch


def test_an_interrupt_before_the_resumption_changes_nothing(killed, room):
    before = (killed.path / log.FILE_NAME).read_bytes()
    events = recorder.record_resumed_run(rooms_of(killed, room))

    with pytest.raises(KeyboardInterrupt):
        events.throw(KeyboardInterrupt)

    assert (killed.path / log.FILE_NAME).read_bytes() == before
    assert resume_point.load_resume_point(RunRecord(killed.path)).checkpoint


def test_the_seconds_include_all_parts_of_the_run(killed, room):
    before = resume_point.load_resume_point(RunRecord(killed.path)).seconds

    ended = resumed(killed, room)[-1]

    assert set(ended.seconds) == {"start", "features", "head", "evaluate"}
    assert all(ended.seconds[phase] >= round(value, 3) for phase, value in before.items())


def test_the_time_limit_includes_the_time_before_the_interruption(data, tmp_path):
    clock, paths = Clock(), tiny_keras.paths(tmp_path)
    recipe = tiny_keras.recipe(data, **{**ASKED, "epochs": 50, "max_duration": "60m"})
    asked = count(1)

    def interrupted():
        clock.stop()
        if next(asked) == 30:
            raise KeyboardInterrupt
        return False

    with log.LogWriter(paths.run) as lines, suppress(KeyboardInterrupt):
        for event in pipeline.run(recipe, paths, stop=interrupted, timer=clock, clock=clock):
            lines.append(event)

    before = resume_point.load_resume_point(RunRecord(paths.run))
    new = list(
        pipeline.run(recipe, paths, stop=clock.stop, timer=clock, clock=clock, resume_point=before)
    )

    assert new[-1].status == "stopped"
    assert 3600 < sum(new[-1].seconds.values()) < 3600 + 10 * 60


def test_a_run_with_weights_of_classes_and_an_optimizer_is_resumed_exactly(tmp_path):
    data = tiny_keras.photos(tmp_path / "photos", n=15, classes=("blue",))
    small_model.save_beside(tiny_keras.photos(data, n=6, classes=("red",)))
    recipe = tiny_keras.recipe(
        data,
        heads=2,
        optimizer={"class_name": "sgd", "config": {"momentum": 0.9}},
        weight_decay=1e-3,
        label_smoothing=0.1,
        class_weight="balanced",
        batch_size=5,
    )
    paths, asked = [tiny_keras.paths(tmp_path, name) for name in ("whole", "killed")], count(1)

    def interrupted():
        events = log.read_events(paths[1].run)
        if any(isinstance(event, EpochEnded) for event in events) and next(asked) == 3:
            raise KeyboardInterrupt
        return False

    list(recorder.record_new_run(recipe, paths[0]))
    with suppress(KeyboardInterrupt):
        list(recorder.record_new_run(recipe, paths[1], stop=interrupted))
    list(recorder.record_resumed_run(paths[1]))

    whole, killed = (Run(each.run) for each in paths)
    assert killed.state.resumed
    assert same(killed, whole)
    assert "val_balanced_accuracy" in whole.best
    assert len(whole.predict(data)) == 21
