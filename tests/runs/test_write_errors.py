"""What is said, and what is left, where a file cannot be written: on a real disk of a few MB."""

from __future__ import annotations

import errno
import fcntl
import os

import numpy as np
import pytest

from dl_magics.actions.runs import runs
from dl_magics.errors import DiskFull, NoFolder
from dl_magics.runs import log
from dl_magics.runs.log import LogWriter
from dl_magics.runs.write_errors import find_write_error
from dl_magics.store import atomic, lock
from dl_magics.training import recorder
from dl_magics.training.engine.feature_store import FeatureStore
from support import run_events, tiny_keras
from support.limits.disk import mount_small_disk

KEYS = [bytes([n]) * 32 for n in range(250)]
VALUES = np.ones((250, 2000), np.float32)  # 2 MB


@pytest.fixture
def disk(tmp_path, monkeypatch):
    with mount_small_disk(tmp_path / "disk") as disk:
        monkeypatch.setenv("DL_MAGICS_HOME", str(disk.folder))
        yield disk


def test_a_log_on_a_full_disk_has_whole_lines_only(disk):
    folder = run_events.write_log(disk.folder / "run", run_events.make_events())
    before = (folder / log.FILE_NAME).read_bytes()
    disk.fill()

    def write_on(lines):
        for n in range(2, 10_000):
            lines.append(run_events.epoch(n))

    with LogWriter(folder) as lines, pytest.raises(DiskFull) as full:
        write_on(lines)

    kept = (folder / log.FILE_NAME).read_bytes()
    assert kept.startswith(before)
    assert kept.endswith(b"\n")
    assert "events.jsonl was not written: No space left on device." in str(full.value)
    assert "%features" in full.value.fix


def test_features_on_a_full_disk_are_kept_in_whole_batches(disk):
    store = FeatureStore(disk.folder / "features", {"model": "VGG16"}, (2000,))
    with store.writer() as writer:
        writer.add(KEYS, VALUES)
    disk.fill(left=1_000_000)

    with pytest.raises(OSError, match="No space left"), store.writer() as writer:
        writer.add([bytes([n]) * 31 + b"2" for n in range(250)], VALUES)

    again = FeatureStore(disk.folder / "features", {"model": "VGG16"}, (2000,))
    assert (again.get(KEYS) == VALUES).all()
    (block,) = store.folder.glob("*.block")
    assert block.stat().st_size == 250 * store.record_bytes


def test_a_file_on_a_full_disk_stays_as_it_was(disk):
    file = atomic.replace(disk.folder / "recipe.json", "before")
    disk.fill()

    with pytest.raises(DiskFull, match="was not written"):
        recorder.write_recipe(disk.folder, {"data": "x" * 10_000})

    assert file.read_text() == "before"
    assert atomic.find_unfinished(file) == []


def test_a_run_on_a_disk_that_is_read_only_is_refused_in_two_lines(disk):
    (disk.folder / "runs").mkdir(mode=0o700)
    disk.make_read_only()

    with pytest.raises(NoFolder, match="cannot be written: Read-only file system") as refused:
        runs.create_folder(tiny_keras.recipe("photos"))

    assert "DL_MAGICS_HOME" in refused.value.fix


def test_a_setting_on_a_disk_that_is_read_only_is_refused_in_two_lines(disk):
    disk.make_read_only()

    with pytest.raises(NoFolder, match="Read-only file system") as refused, lock.hold("state"):
        pass

    assert "DL_MAGICS_HOME" in refused.value.fix


def test_runs_and_features_on_a_disk_that_is_read_only_can_be_read(disk):
    folder = run_events.write_log(disk.folder / "runs" / "r", run_events.make_events())
    store = FeatureStore(disk.folder / "features", {"model": "VGG16"}, (2000,))
    with store.writer() as writer:
        writer.add(KEYS, VALUES)
    disk.make_read_only()

    again = FeatureStore(disk.folder / "features", {"model": "VGG16"}, (2000,))
    with again.writer():
        pass  # nothing is missing

    assert KEYS[0] in again
    assert not log.is_being_written(folder)
    with pytest.raises(OSError, match="Read-only"), again.writer() as writer:
        writer.add([b"n" * 32], VALUES[:1])


@pytest.fixture
def no_locks(monkeypatch):
    """The locks of a network file system that supports none."""

    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_a_run_on_a_file_system_without_locks_is_refused_with_the_reason(tmp_path, no_locks):
    with pytest.raises(NoFolder, match="cannot be locked: No locks available") as refused:
        LogWriter(tmp_path)

    assert "local disk" in refused.value.fix
    assert not log.is_being_written(tmp_path)


def test_a_lock_on_a_file_system_without_locks_is_refused_with_the_reason(home, no_locks):
    with (
        pytest.raises(NoFolder, match="cannot be locked: No locks available"),
        lock.hold("launching"),
    ):
        pass


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), DiskFull),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), DiskFull),
        (
            OSError("Can't write data (errno 28, error message = 'No space left on device')"),
            DiskFull,
        ),
        (OSError(errno.EROFS, "Read-only file system"), NoFolder),
        # A file of somebody else may have been read.
        (OSError(errno.EACCES, "Permission denied"), type(None)),
        (OSError(errno.EIO, "Input/output error"), type(None)),
    ],
)
def test_only_what_is_known_of_a_disk_is_said(tmp_path, error, kind):
    assert isinstance(find_write_error(error, tmp_path), kind)
