from __future__ import annotations

import os
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from dl_magics.sync.file_system import FileSystem, probe_file_system


def test_a_linux_file_system_keeps_names_and_permissions(tmp_path):
    assert probe_file_system(tmp_path / "no" / "such") == FileSystem()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_probed_receives_nothing(tmp_path):
    (tmp_path / "file").write_text("")

    assert probe_file_system(Path(os.devnull)) == FileSystem()


@given(st.text(max_size=20))
def test_names_that_fold_to_the_same_file_have_the_same_key(name):
    system = FileSystem(folds_case=True, folds_accents=True)
    encoded = name.encode("utf-8", "surrogatepass")

    assert system.key(encoded.lower()) == system.key(encoded)
    assert FileSystem().key(encoded) == encoded
