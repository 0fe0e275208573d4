from __future__ import annotations

import shutil
from collections import namedtuple

import pytest

from dl_magics.errors import DiskFull
from dl_magics.runs.events import PhaseStarted, RunEnded
from dl_magics.training.checks import disk_space
from dl_magics.training.engine import pipeline
from support import tiny_keras

Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def free(monkeypatch):
    """Set the free space of every disk."""

    def have(size):
        monkeypatch.setattr(shutil, "disk_usage", lambda folder: Usage(10**12, 0, size))

    return have


def test_a_run_that_fits_exactly_is_accepted(tmp_path, free):
    free(1000)

    disk_space.require_free_space({tmp_path: 400, tmp_path.parent: 600})


def test_folders_on_one_disk_share_its_free_space(tmp_path, free):
    free(10**9)

    with pytest.raises(DiskFull) as told:
        disk_space.require_free_space({tmp_path: 400_000_000, tmp_path.parent: 700_000_000})

    assert str(told.value) == f"This run needs 1.10 GB in {tmp_path}: 1.00 GB are free."


def test_a_run_that_does_not_fit_is_refused_before_the_first_image(tmp_path, free):
    data = tiny_keras.photos(tmp_path / "photos", n=4)
    free(50_000_000)

    events = list(until_refused(pipeline.run(tiny_keras.recipe(data), tiny_keras.paths(tmp_path))))

    assert not any(tiny_keras.of_kind(PhaseStarted, events))
    (ended,) = tiny_keras.of_kind(RunEnded, events)
    assert ended.status == "failed"
    assert "needs 58.9 MB" in ended.error


def until_refused(run):
    with pytest.raises(DiskFull):
        yield from run


def test_only_new_images_need_space_for_features(tmp_path, free):
    data = tiny_keras.photos(tmp_path / "photos", n=4)
    first = tiny_keras.train(data, tmp_path, "first")
    model = (tmp_path / "first" / "model.keras").stat().st_size
    free(model)

    assert tiny_keras.losses(tiny_keras.train(data, tmp_path, "again")) == tiny_keras.losses(first)
