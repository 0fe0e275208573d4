from __future__ import annotations

import os

from dl_magics.store import change_signal, paths


def test_a_change_in_another_process_is_seen_by_the_time_of_the_file():
    before = change_signal.changed_at()

    change_signal.note_change()
    first = change_signal.changed_at()
    (file,) = paths.data_folder().iterdir()
    os.utime(file, ns=(1, 1))  # as if it was long ago
    change_signal.note_change()

    assert before == 0
    assert first > 1
    assert change_signal.changed_at() >= first


def test_a_folder_that_cannot_be_written_does_not_fail_the_change(monkeypatch, tmp_path):
    occupied = tmp_path / "file"
    occupied.write_text("")
    monkeypatch.setenv("DL_MAGICS_HOME", str(occupied))

    change_signal.note_change()

    assert occupied.read_text() == ""
