from __future__ import annotations

import json
import sys
import time
from types import SimpleNamespace

import pytest

from dl_magics.magics.backend import BackendMagics
from dl_magics.widgets.keras_settings import SettingsPanel


@pytest.fixture
def file(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    return tmp_path / "keras" / "keras.json"


@pytest.fixture
def panel(file):
    made = SettingsPanel(seconds=0.1)
    yield made
    made.close()


def wait_until(fact):
    end = time.monotonic() + 30
    while not fact():
        assert time.monotonic() < end
        time.sleep(0.02)


def value(panel, name):
    return next(row["value"] for row in panel.rows if row["name"] == name)


def choose(panel, name, chosen):
    n = panel.received + 1
    panel._handle_custom_msg({"n": n, "action": "write", "name": name, "value": chosen}, [])
    assert panel.received == n


def test_each_setting_is_shown_with_its_choices(panel):
    assert [row["name"] for row in panel.rows] == [
        "backend",
        "image_data_format",
        "floatx",
        "epsilon",
        "device",
    ]
    backends = {each["value"]: each["why"] for each in panel.rows[0]["choices"]}
    assert backends["tensorflow"] == ""
    assert backends["theano"] == "not installed"
    assert panel.title.startswith("Keras 3.")
    assert not panel.can_undo


def test_a_selection_is_checked_and_written_as_by_the_magic(panel, file):
    choose(panel, "floatx", "float64")
    wait_until(lambda: value(panel, "floatx") == "float64")
    assert json.loads(file.read_text())["floatx"] == "float64"
    assert "floatx: not set → float64" in panel.note
    wait_until(lambda: panel.handled == panel.received)
    assert panel.can_undo

    choose(panel, "backend", "theano")
    wait_until(lambda: panel.note.startswith("NotInstalled"))
    assert "%backend theano --setup" in panel.note


def test_undo_restores_the_previous_value(panel, file):
    choose(panel, "epsilon", "1e-3")
    wait_until(lambda: value(panel, "epsilon") == "0.001")

    panel.receive_click({"n": panel.received + 1, "action": "undo"})

    wait_until(lambda: value(panel, "epsilon") == "1e-07")
    assert not file.exists()


def test_a_device_is_selected_and_undone(panel, monkeypatch):
    for name in ("CUDA_VISIBLE_DEVICES", "DL_MAGICS_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)
    assert value(panel, "device") == "gpu"

    choose(panel, "device", "cpu")
    wait_until(lambda: value(panel, "device") == "cpu")
    assert panel.rows[-1]["source"].startswith("%device, ")
    assert "CUDA_VISIBLE_DEVICES: not set → -1" in panel.note

    panel.receive_click({"n": panel.received + 1, "action": "undo"})
    wait_until(lambda: value(panel, "device") == "gpu")


def test_a_change_made_elsewhere_is_shown(panel, file):
    file.parent.mkdir()
    file.write_text('{"backend": "jax"}')

    wait_until(lambda: value(panel, "backend") == "jax")
    assert panel.rows[0]["source"] == str(file)


def test_the_value_in_the_kernel_is_shown_and_a_restart_is_offered(file, monkeypatch):
    restarted = []
    panel = SettingsPanel(restart=lambda: restarted.append(True), seconds=60)
    backend = SimpleNamespace(floatx=lambda: "float16")
    monkeypatch.setitem(
        sys.modules,
        "keras",
        SimpleNamespace(backend=backend, __spec__=SimpleNamespace(origin="keras")),
    )

    panel.look()
    panel.receive_click({"n": 1, "action": "restart"})
    panel.close()

    assert panel.needs_restart
    assert [row["now"] for row in panel.rows if row["now"]] == ["float16"]
    assert restarted == [True]


def test_the_error_of_an_unreachable_side_is_shown(panel, cloud):
    panel.receive_click({"n": 1, "action": "go", "where": "remote"})

    wait_until(lambda: panel.note.startswith("NoSuchInstance"))
    assert panel.rows == []
    panel.receive_click({"n": 2, "action": "go", "where": "local"})
    wait_until(lambda: panel.rows)


def test_an_unknown_side_or_action_changes_nothing(panel, file):
    panel.receive_click({"n": 1, "action": "go", "where": "elsewhere"})
    wait_until(lambda: panel.note.startswith("BadSetting"))

    panel.receive_click({"n": 2, "action": "dance"})

    wait_until(lambda: panel.note == "")
    assert not file.exists()


def test_the_magic_shows_the_panel(shell, file, monkeypatch):
    shell.register_magics(BackendMagics)
    kernel = SimpleNamespace(
        get_parent=dict, do_shutdown=print, io_loop=SimpleNamespace(add_callback=print)
    )
    monkeypatch.setattr(shell, "kernel", kernel, raising=False)

    shown = shell.run_line_magic("keras_settings", "")

    shown.close()
    assert isinstance(shown, SettingsPanel)
    assert not shown.needs_restart
