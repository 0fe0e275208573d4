from __future__ import annotations

import os

import pytest

from dl_magics.errors import BadSetting
from dl_magics.keras_config import cuda_visible_devices
from dl_magics.keras_config.cuda_visible_devices import VARIABLE


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder of ours; what is put into this process is taken out again."""
    for name in (VARIABLE, "DL_MAGICS_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return str(tmp_path)


@pytest.mark.parametrize(
    ("asked", "seen", "told"), [("cpu", "-1", "cpu"), ("gpu3", "3", "gpu3"), ("GPU0", "0", "gpu0")]
)
def test_a_choice_lasts_and_is_put_into_the_variable(folder, asked, seen, told):
    assert cuda_visible_devices.write_selection(folder, asked).changed == {VARIABLE: (None, seen)}

    cuda_visible_devices.apply_selection(folder)

    assert os.environ[VARIABLE] == seen
    assert cuda_visible_devices.describe_selection(folder)[0] == told
    assert folder in cuda_visible_devices.describe_selection(folder)[1]


def test_without_a_choice_all_gpus_are_seen(folder):
    cuda_visible_devices.apply_selection(folder)

    assert VARIABLE not in os.environ
    assert cuda_visible_devices.describe_selection(folder) == ("all GPUs", "the default")


def test_gpu_is_what_holds_without_a_choice(folder):
    cuda_visible_devices.write_selection(folder, "cpu")
    cuda_visible_devices.apply_selection(folder)

    assert cuda_visible_devices.write_selection(folder, "gpu").changed == {VARIABLE: ("-1", None)}
    cuda_visible_devices.apply_selection(folder)

    assert VARIABLE not in os.environ
    assert cuda_visible_devices.describe_selection(folder) == ("all GPUs", "the default")


def test_undo_takes_the_last_choice_back_and_twice_brings_it_again(folder):
    cuda_visible_devices.write_selection(folder, "gpu1")
    cuda_visible_devices.write_selection(folder, "cpu")

    assert cuda_visible_devices.undo_selection(folder).changed == {VARIABLE: ("-1", "1")}
    assert cuda_visible_devices.undo_selection(folder).changed == {VARIABLE: ("1", "-1")}


def test_the_same_choice_again_keeps_what_undo_brings_back(folder):
    cuda_visible_devices.write_selection(folder, "cpu")

    assert cuda_visible_devices.write_selection(folder, "cpu").changed == {}
    assert cuda_visible_devices.undo_selection(folder).changed == {VARIABLE: ("-1", None)}


def test_where_nothing_was_chosen_nothing_is_taken_back(folder):
    with pytest.raises(BadSetting, match="to undo"):
        cuda_visible_devices.undo_selection(folder)


def test_a_persons_own_variable_wins_and_is_named(folder, monkeypatch):
    monkeypatch.setenv(VARIABLE, "0,1")
    cuda_visible_devices.write_selection(folder, "cpu")

    cuda_visible_devices.apply_selection(folder)

    assert os.environ[VARIABLE] == "0,1"
    assert cuda_visible_devices.describe_selection(folder) == ("0,1", f"the variable {VARIABLE}")


def test_what_a_person_sets_after_our_choice_wins_too(folder, monkeypatch):
    cuda_visible_devices.write_selection(folder, "cpu")
    cuda_visible_devices.apply_selection(folder)

    monkeypatch.setenv(VARIABLE, "1")

    assert cuda_visible_devices.user_value() == "1"
    cuda_visible_devices.apply_selection(folder)
    assert os.environ[VARIABLE] == "1"


def test_what_is_no_device_is_refused(folder):
    with pytest.raises(BadSetting, match="is not a device"):
        cuda_visible_devices.write_selection(folder, "tpu")
