from __future__ import annotations

import hashlib
import os

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from dl_magics.errors import DamagedRun, NotResumable
from dl_magics.runs import checkpoint_request
from dl_magics.training.engine import checkpoint
from dl_magics.training.engine.checkpoint import Checkpoint, CheckpointSaver
from dl_magics.training.engine.heads.examples import Examples
from dl_magics.training.engine.heads.network import build_head
from dl_magics.training.engine.heads.training import Best, Means, TrainingState, train_head
from dl_magics.training.recipe.recipe import Function, check_settings

ABOUT = {"recipe": {"data": "photos"}, "data": ["0", "1"], "weights": "2", "batch_size": 8}

_numbers = st.floats(allow_nan=False)
_logs = st.dictionaries(st.text(max_size=8), _numbers, max_size=4)
_arrays = st.lists(
    arrays.arrays(
        st.sampled_from(["<f4", "<i4", "<i8", "u1"]), arrays.array_shapes(min_dims=0, max_dims=3)
    ),
    max_size=4,
)
_checkpoints = st.builds(
    Checkpoint,
    about=st.just(ABOUT),
    standing=st.builds(
        TrainingState,
        epoch=st.integers(1, 10**6),
        batches=st.integers(0, 10**6),
        means=st.builds(Means, sums=_logs, images=st.integers(0, 10**9)),
        best=st.builds(Best, epoch=st.none() | st.integers(1, 99), logs=_logs, weights=_arrays),
    ),
    variables=_arrays,
    generators=_arrays,
)


def plain(value):
    return (
        value.about,
        (value.standing.epoch, value.standing.batches, value.standing.means),
        (value.standing.best.epoch, value.standing.best.logs),
        [
            [(each.dtype.str, each.shape, each.tobytes()) for each in listed]
            for listed in (value.variables, value.generators, value.standing.best.weights)
        ],
    )


@given(_checkpoints)
def test_a_saved_checkpoint_is_loaded(tmp_path_factory, value):
    folder = tmp_path_factory.mktemp("run")

    checkpoint.save_checkpoint(folder, value)

    assert plain(checkpoint.load_checkpoint(folder)) == plain(value)


def test_the_event_has_the_sha256_of_the_file(tmp_path):
    told = checkpoint.save_checkpoint(tmp_path, Checkpoint(ABOUT))

    data = (tmp_path / told.path).read_bytes()
    assert told.sha256 == hashlib.sha256(data).hexdigest()
    assert [each.name for each in tmp_path.iterdir()] == [checkpoint.FILE_NAME]


def test_without_a_checkpoint_none_is_loaded(tmp_path):
    assert checkpoint.load_checkpoint(tmp_path) is None


@settings(max_examples=60)
@given(at=st.data())
def test_changed_bytes_and_truncation_are_detected(tmp_path_factory, at):
    folder = tmp_path_factory.mktemp("run")
    checkpoint.save_checkpoint(folder, Checkpoint(ABOUT, variables=[np.arange(9.0)]))
    path = folder / checkpoint.FILE_NAME
    data = bytearray(path.read_bytes())
    if at.draw(st.booleans()):
        del data[at.draw(st.integers(0, len(data) - 1)) :]
    else:
        data[at.draw(st.integers(0, len(data) - 1))] ^= at.draw(st.integers(1, 255))
    path.write_bytes(data)

    with pytest.raises(DamagedRun) as caught:
        checkpoint.load_checkpoint(folder)

    assert str(path) in str(caught.value)


def test_a_checkpoint_is_replaced_atomically(tmp_path, monkeypatch):
    checkpoint.save_checkpoint(tmp_path, Checkpoint({**ABOUT, "weights": "old"}))

    def full(_descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        checkpoint.save_checkpoint(tmp_path, Checkpoint(ABOUT))

    assert checkpoint.load_checkpoint(tmp_path).about["weights"] == "old"


def test_remove_checkpoint_leaves_no_file(tmp_path):
    checkpoint.save_checkpoint(tmp_path, Checkpoint(ABOUT))
    (tmp_path / f".0123456789ab.{checkpoint.FILE_NAME}").write_bytes(b"half")

    checkpoint.remove_checkpoint(tmp_path)
    checkpoint.remove_checkpoint(tmp_path)

    assert list(tmp_path.iterdir()) == []


def examples(n, seed=0):
    chance = np.random.default_rng(seed)
    labels = chance.integers(0, 2, n)
    return Examples(chance.normal(0, 1, (n, 4)).astype(np.float32) + labels[:, None], labels)


TRAIN, VALID = examples(50), examples(20, seed=1)
OWN = """
def head(features):
    x = layers.BatchNormalization()(layers.GaussianNoise(0.1)(features))
    return layers.Dropout(0.5)(layers.Dense(8, activation="relu")(x))
"""


def new_head(own="", **asked):
    usual = {"learning_rate": 0.01, "dense": [8], "dropout": 0.5, "heads": 1}
    recipe = check_settings("any", usual | asked, functions={"head": Function(own)})
    return build_head(recipe, TRAIN.features, 2)


def learnt(head, standing, keep=lambda _: (), patience=3):
    asked = {"epochs": 3, "batch_size": 8, "seed": 1, "rate": 0.01, "stop": lambda: False}
    return list(
        train_head(head, TRAIN, VALID, standing=standing, keep=keep, patience=patience, **asked)
    )


ACCUMULATING = {
    "class_name": "adamw",
    "config": {"amsgrad": True, "gradient_accumulation_steps": 3},
}


@pytest.mark.parametrize(
    ("own", "asked"),
    [("", {}), (OWN, {"heads": 2}), ("", {"optimizer": ACCUMULATING, "label_smoothing": 0.1})],
)
def test_a_head_restored_at_any_batch_trains_identically(tmp_path, own, asked):
    kept = []
    whole, end = new_head(own, **asked), TrainingState()

    def keep(standing):
        folder = tmp_path / str(len(kept))
        folder.mkdir()
        checkpoint.save_checkpoint(folder, checkpoint.capture(whole, standing, ABOUT))
        kept.append(folder)
        return ()

    learnt(whole, end, keep)
    again = new_head(own, **asked)

    for folder in kept[::4]:
        found = checkpoint.load_checkpoint(folder)
        checkpoint.restore_head(again, found)
        learnt(again, found.standing)
        assert (found.standing.best.epoch, found.standing.best.logs) == (
            end.best.epoch,
            end.best.logs,
        )
        for one, other in zip(again.get_weights(), whole.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    assert len(kept) == 3 * (7 + 1)


def test_patience_exhausted_before_the_interruption_stays_exhausted():
    standing = TrainingState(epoch=3, best=Best(epoch=1, logs={"val_loss": 0.1}))

    assert learnt(new_head(), standing, patience=1) == []
    assert learnt(new_head(), standing, patience=2)


def test_a_head_of_another_architecture_is_refused():
    saved = checkpoint.capture(new_head(), TrainingState(), ABOUT)

    with pytest.raises(NotResumable) as caught:
        checkpoint.restore_head(new_head(dense=[9]), saved)

    assert len(caught.value._render_traceback_()) == 2


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture(scope="module")
def head():
    return new_head()


def saved_in(keeper, clock, times, standing):
    """Return the times at which a checkpoint was saved."""
    saved = []
    for now in times:
        clock.now = now
        if list(keeper.save_if_due(standing)):
            saved.append(now)
    return saved


def test_each_epoch_is_saved_at_its_end(tmp_path, head):
    clock = Clock()
    keeper = CheckpointSaver(tmp_path, head, ABOUT, clock)

    assert saved_in(keeper, clock, [1, 2, 3], TrainingState(epoch=2)) == [1, 2, 3]


def test_within_an_epoch_saves_are_ten_seconds_apart(tmp_path, head):
    clock = Clock()
    keeper = CheckpointSaver(tmp_path, head, ABOUT, clock)

    assert saved_in(keeper, clock, range(1, 36), TrainingState(batches=7)) == [10, 20, 30]


def test_a_requested_checkpoint_is_saved_at_once_and_once(tmp_path, head):
    clock = Clock()
    keeper = CheckpointSaver(tmp_path, head, ABOUT, clock)
    asked = tmp_path / checkpoint_request.FILE_NAME
    asked.write_text('{"reason": "spot-stop", "at": 0}')

    saved, warned = keeper.save_if_due(TrainingState(batches=7))

    assert (saved.kind, warned.code) == ("checkpoint_saved", "spot_notice")
    assert saved_in(keeper, clock, [1, 2, 3], TrainingState(batches=7)) == []


def test_a_large_head_is_saved_less_often(tmp_path):
    clock = Clock()
    keeper = CheckpointSaver(tmp_path, new_head(dense=[60_000]), ABOUT, clock)

    saved = saved_in(keeper, clock, range(1, 10), TrainingState(epoch=2))

    assert saved[0] > 2


def test_saving_takes_at_most_1_percent_of_the_time(tmp_path, head, monkeypatch):
    clock = Clock()
    keeper = CheckpointSaver(tmp_path, head, ABOUT, clock)
    on_disk = os.fsync

    def slow(descriptor):
        on_disk(descriptor)
        clock.now += 0.5

    monkeypatch.setattr(os, "fsync", slow)

    saved = saved_in(keeper, clock, range(1, 200), TrainingState(epoch=2))

    assert saved == [1, 52, 103, 154]
