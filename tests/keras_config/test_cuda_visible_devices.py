from __future__ import annotations

import os

import pytest

from dl_magics.errors import BadSetting
from dl_magics.keras_config import cuda_visible_devices
from dl_magics.keras_config.cuda_visible_devices import VARIABLE


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A data folder; the variables are unset, also after the test."""
    for name in (VARIABLE, "DL_MAGICS_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return str(tmp_path)


@pytest.mark.parametrize(
    ("device", "value", "shown"),
    [("cpu", "-1", "cpu"), ("gpu3", "3", "gpu3"), ("GPU0", "0", "gpu0")],
)
def test_a_selection_is_stored_and_sets_the_variable(folder, device, value, shown):
    assert cuda_visible_devices.write_selection(folder, device).changed == {VARIABLE: (None, value)}

    cuda_visible_devices.apply_selection(folder)

    assert os.environ[VARIABLE] == value
    assert cuda_visible_devices.describe_selection(folder)[0] == shown
    assert folder in cuda_visible_devices.describe_selection(folder)[1]


def test_all_gpus_are_visible_without_a_selection(folder):
    cuda_visible_devices.apply_selection(folder)

    assert VARIABLE not in os.environ
    assert cuda_visible_devices.describe_selection(folder) == ("all GPUs", "the default")


def test_selecting_gpu_restores_the_default(folder):
    cuda_visible_devices.write_selection(folder, "cpu")
    cuda_visible_devices.apply_selection(folder)

    assert cuda_visible_devices.write_selection(folder, "gpu").changed == {VARIABLE: ("-1", None)}
    cuda_visible_devices.apply_selection(folder)

    assert VARIABLE not in os.environ
    assert cuda_visible_devices.describe_selection(folder) == ("all GPUs", "the default")


def test_undo_restores_the_previous_selection_and_twice_redoes_it(folder):
    cuda_visible_devices.write_selection(folder, "gpu1")
    cuda_visible_devices.write_selection(folder, "cpu")

    assert cuda_visible_devices.undo_selection(folder).changed == {VARIABLE: ("-1", "1")}
    assert cuda_visible_devices.undo_selection(folder).changed == {VARIABLE: ("1", "-1")}


def test_repeating_a_selection_keeps_the_undo_state(folder):
    cuda_visible_devices.write_selection(folder, "cpu")

    assert cuda_visible_devices.write_selection(folder, "cpu").changed == {}
    assert cuda_visible_devices.undo_selection(folder).changed == {VARIABLE: ("-1", None)}


def test_undo_without_a_selection_is_refused(folder):
    with pytest.raises(BadSetting, match="to undo"):
        cuda_visible_devices.undo_selection(folder)


def test_a_variable_set_by_the_user_wins_and_is_named_as_source(folder, monkeypatch):
    monkeypatch.setenv(VARIABLE, "0,1")
    cuda_visible_devices.write_selection(folder, "cpu")

    cuda_visible_devices.apply_selection(folder)

    assert os.environ[VARIABLE] == "0,1"
    assert cuda_visible_devices.describe_selection(folder) == ("0,1", f"the variable {VARIABLE}")


def test_a_variable_set_by_the_user_after_the_selection_wins(folder, monkeypatch):
    cuda_visible_devices.write_selection(folder, "cpu")
    cuda_visible_devices.apply_selection(folder)

    monkeypatch.setenv(VARIABLE, "1")

    assert cuda_visible_devices.user_value() == "1"
    cuda_visible_devices.apply_selection(folder)
    assert os.environ[VARIABLE] == "1"


def test_an_unknown_device_is_refused(folder):
    with pytest.raises(BadSetting, match="is not a device"):
        cuda_visible_devices.write_selection(folder, "tpu")
