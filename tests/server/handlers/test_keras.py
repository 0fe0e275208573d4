"""Keras' settings over REST: read, change, undo."""

from __future__ import annotations

import json

import pytest

from dl_magics.actions.keras import settings


@pytest.fixture
def keras_json(server):
    file = server.folder / ".keras" / "keras.json"
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps({"floatx": "float32", "foreign": 1}))
    return file


def test_a_setting_is_changed_and_the_change_undone(server, keras_json):
    changed = server.fetch("PUT", "keras-settings", {"floatx": "float64"})

    assert changed.status == 200
    assert any(line.startswith("floatx: float32 → float64") for line in changed.body["changed"])
    assert changed.body["cell"] == "%backend --floatx float64 --here"
    assert json.loads(keras_json.read_text())["foreign"] == 1
    rows = {row["name"]: row["value"] for row in server.get("keras-settings")["rows"]}
    assert (rows["floatx"], rows["device"]) == ("float64", "gpu")

    assert changed.body["undo"] == f"Undo in {keras_json}:\n  floatx: float64 → float32"
    undone = server.fetch("POST", "keras-settings/undo", {"confirmed": changed.body["undo"]})

    assert undone.status == 200
    assert json.loads(keras_json.read_text())["floatx"] == "float32"


def test_what_a_notebook_has_changed_meanwhile_is_not_undone_unseen(
    server, keras_json, monkeypatch
):
    monkeypatch.setenv("KERAS_HOME", str(keras_json.parent))
    shown = server.fetch("PUT", "keras-settings", {"floatx": "float64"}).body["undo"]
    settings.write_settings({"epsilon": 1e-5}, "local")

    refused = server.fetch("POST", "keras-settings/undo", {"confirmed": shown})

    assert (refused.status, refused.body["error"]) == (409, "NotConfirmed")
    assert refused.body["question"].endswith("epsilon: 1e-05 → not set")
    assert json.loads(keras_json.read_text())["epsilon"] == 1e-5
    server.confirm("keras-settings/undo")
    assert "epsilon" not in json.loads(keras_json.read_text())


def test_an_undo_without_a_change_is_a_conflict(server):
    for file in (server.folder / ".keras").glob("*"):
        file.unlink()

    assert server.fetch("POST", "keras-settings/undo").status == 409


def test_a_value_that_keras_lacks_is_refused(server, keras_json):
    response = server.fetch("PUT", "keras-settings", {"floatx": "float17"})

    assert response.status == 400
    assert "float17" in response.body["message"]
