from __future__ import annotations

import os

import pytest

from dl_magics.store import atomic


def test_a_name_with_two_suffixes_keeps_both_while_it_is_written(tmp_path):
    with atomic.replacing(tmp_path / "net.weights.h5") as unfinished:
        assert unfinished.name.endswith(".weights.h5")


def test_a_file_is_written_with_its_folder_and_mode(tmp_path):
    path = atomic.replace(tmp_path / "new" / "file.txt", "ä")

    assert path.read_bytes() == "ä".encode()
    assert path.stat().st_mode & 0o777 == 0o600
    assert atomic.replace(path, b"\xff", mode=0o644).read_bytes() == b"\xff"
    assert path.stat().st_mode & 0o777 == 0o644


def test_without_a_mode_the_umask_decides_it(tmp_path):
    before = os.umask(0o027)
    try:
        path = atomic.replace(tmp_path / "file", "x", mode=None)
    finally:
        os.umask(before)

    assert path.stat().st_mode & 0o777 == 0o640


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = atomic.replace(tmp_path / "file.keras", "old")

    with pytest.raises(OSError, match="full"):
        _fail_to_write(path)

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_files_of_a_killed_process_are_found(tmp_path):
    path = tmp_path / "file.bin"
    with atomic.replacing(path) as unfinished:
        assert atomic.find_unfinished(path) == [unfinished]

    assert atomic.find_unfinished(path) == []


def _fail_to_write(path):
    with atomic.replacing(path) as unfinished:
        assert unfinished.suffix == ".keras"
        unfinished.write_text("new")
        raise OSError("full")
