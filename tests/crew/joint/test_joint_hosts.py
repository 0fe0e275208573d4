"""Two practice hosts train the last layers together; this process does the same alone."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from dl_magics.runs.events import EpochEnded, Warned
from dl_magics.training.crew.joint.hosts import Job
from dl_magics.training.crew.joint.training import JointTraining
from dl_magics.training.engine import networks
from dl_magics.training.engine.fine_tuning.split_network import build_trainable, split_network
from dl_magics.training.engine.heads.examples import Examples
from dl_magics.training.engine.heads.network import join_head
from dl_magics.training.engine.heads.training import TrainingState, train_head
from dl_magics.training.phases import Frame
from support import tiny_keras
from support.backbones import small_model
from support.crew.hosts import CrewHosts, boot_crew
from support.ec2_client import until

BATCH = 16
MOMENTS = np.zeros(32), np.ones(32)


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CrewHosts]:
    yield from boot_crew(tmp_path_factory.mktemp("crew"), ["crew-1", "crew-2"])


@pytest.fixture
def hosts(booted: CrewHosts) -> CrewHosts:
    booted.pin()
    booted.gone = set()
    return booted


def make_examples(seed: int, images: int, shape: tuple[int, ...]) -> Examples:
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, images)
    values = random.normal(labels.reshape(-1, 1, 1, 1), 1, (images, *shape)).clip(0)
    weights = np.float32(1 + labels)
    return Examples(values.astype(np.float32), labels, weights)


def test_hosts_learn_what_one_process_does_and_go_on_without_one_that_is_lost(hosts, tmp_path):
    recipe = tiny_keras.recipe(
        small_model.save_beside(tmp_path / "photos"),
        unfreeze=2,
        unfreeze_epochs=2,
        batch_size=BATCH,
        dropout=0.0,
        dense=[4],
    )
    frozen = networks.build_frozen(recipe, "float32", tmp_path)
    split = split_network(recipe, frozen)

    def build():
        head = join_head(recipe, MOMENTS, frozen.features, 2)
        return build_trainable(recipe, frozen, split, head, 2 * BATCH + 5).joint

    # The last batch of an epoch cannot be divided.
    train = make_examples(1, 2 * BATCH + 5, split.activations)
    valid = make_examples(2, 7, split.activations)
    model, alone = build(), build()
    alone.set_weights(model.get_weights())
    standing = TrainingState(epoch=2, phase="unfrozen", epochs_before=1)

    def train_phase(network, train, valid, keep, standing=standing):
        yield from train_head(
            network,
            train,
            valid,
            epochs=2,
            batch_size=BATCH,
            patience=9,
            seed=3,
            rate=recipe.fine_rate,
            stop=lambda: False,
            standing=standing,
            keep=keep,
        )

    crew = hosts.crew()
    job = Job(recipe, "float32", 2, BATCH, MOMENTS, "float32", (train.features, valid.features))
    frame = Frame(recipe, tmp_path, {}, lambda: False)
    together = JointTraining(crew.train_together, job, model, standing, frame, {"data": "…"})

    events = []
    for event in together.run((train, valid), train_phase):
        events.append(event)
        if isinstance(event, EpochEnded) and len(hosts.workers()) == 2:
            hosts.gone.add("crew-2")
            hosts.kill("crew-2")

    until(lambda: hosts.workers() == [])
    began = TrainingState(epoch=2, phase="unfrozen", epochs_before=1)
    expected = list(train_phase(alone, train, valid, lambda _: (), began))
    ended, same = (
        [dict(e.logs) for e in each if isinstance(e, EpochEnded)] for each in (events, expected)
    )
    assert len(ended) == len(same) == 2
    for one, other in zip(ended, same, strict=True):
        assert one == pytest.approx(other, rel=1e-3, abs=1e-5)
    for one, other in zip(model.get_weights(), alone.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-4)
    warned = {each.code: each for each in events if isinstance(each, Warned)}
    assert list(warned) == ["hosts_lost", "worker_lost", "other_hosts"], warned
    assert "crew-2 does not train the last layers: crew-2 is stopped" in warned["worker_lost"].text
    assert warned["worker_lost"].fix == "%aws_start crew-2"
    assert (
        "2 hosts trained the last layers before, and 1 host from here" in warned["other_hosts"].text
    )


def test_stop_ends_what_has_begun_to_start(hosts, tmp_path):
    values = np.zeros((2 * BATCH, 16, 16, 16), np.float32)
    recipe = tiny_keras.recipe(tmp_path, unfreeze=2, batch_size=BATCH)
    job = Job(recipe, "float32", 2, BATCH, MOMENTS, "float32", (values,))

    assert hosts.crew().train_together(job, lambda: bool(hosts.workers())) == (None, [])
    until(lambda: hosts.workers() == [])
