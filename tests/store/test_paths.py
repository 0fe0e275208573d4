from __future__ import annotations

from pathlib import Path

import pytest

from dl_magics.errors import NoFolder
from dl_magics.store.paths import data_folder


def test_the_data_folder_is_dl_magics_home(home):
    assert not home.exists()

    assert data_folder() == home
    assert home.is_dir()


def test_a_subfolder_is_created_once_and_reused(home):
    (data_folder("runs") / "kept").touch()

    assert data_folder("runs") == home / "runs"
    assert (home / "runs" / "kept").exists()


def test_a_tilde_in_dl_magics_home_is_expanded(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("DL_MAGICS_HOME", "~/somewhere")

    assert data_folder("runs") == tmp_path / "somewhere" / "runs"


@pytest.mark.parametrize("named", [None, ""])
def test_the_default_is_in_jupyters_data_folder(monkeypatch, tmp_path, named):
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "jupyter"))
    if named is None:
        monkeypatch.delenv("DL_MAGICS_HOME")
    else:
        monkeypatch.setenv("DL_MAGICS_HOME", named)

    found = data_folder("features")

    assert found == Path(tmp_path / "jupyter" / "dl_magics" / "features")
    assert found.is_dir()


def test_a_folder_that_cannot_be_created_names_the_variable_to_set(monkeypatch, tmp_path):
    (tmp_path / "file").touch()
    monkeypatch.setenv("DL_MAGICS_HOME", str(tmp_path / "file"))

    with pytest.raises(NoFolder) as refused:
        data_folder("runs")

    assert str(tmp_path / "file") in str(refused.value)
    assert "DL_MAGICS_HOME" in refused.value.fix
