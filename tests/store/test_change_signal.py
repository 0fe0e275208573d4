from __future__ import annotations

import os
from dataclasses import replace

from dl_magics.store import change_signal, paths, state


def test_a_change_in_another_process_is_seen_by_the_time_of_the_file():
    before = change_signal.read_times()[0]

    change_signal.note_change()
    first = change_signal.read_times()[0]
    (file,) = paths.data_folder().iterdir()
    os.utime(file, ns=(1, 1))  # as if it was long ago
    change_signal.note_change()

    assert before == 0
    assert first > 1
    assert change_signal.read_times()[0] >= first


def test_a_folder_that_cannot_be_written_does_not_fail_the_change(monkeypatch, tmp_path):
    occupied = tmp_path / "file"
    occupied.write_text("")
    monkeypatch.setenv("DL_MAGICS_HOME", str(occupied))

    change_signal.note_change()

    assert occupied.read_text() == ""


def test_a_change_of_the_selections_is_seen_too():
    before = change_signal.read_times()

    state.update(lambda stored: replace(stored, allow_from=("203.0.113.7/32",)))

    assert before == (0, 0)
    assert change_signal.read_times()[1] > 0
