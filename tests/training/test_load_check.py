from __future__ import annotations

import json
import zipfile

import pytest

from dl_magics.errors import NotLoadable
from dl_magics.training import load_check
from support import tiny_keras


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    tiny_keras.train(tiny_keras.photos(folder / "photos", n=2), folder, epochs=1)
    return folder / "run" / "model.keras"


def test_a_model_is_loaded_with_keras_not_with_modules_of_the_notebook_folder(
    model, tmp_path, monkeypatch
):
    (tmp_path / "keras.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)

    load_check.check_loads(model, {})


def test_a_model_of_a_newer_keras_names_the_version_to_install(model, tmp_path):
    later = tmp_path / "model.keras"
    with zipfile.ZipFile(model) as old, zipfile.ZipFile(later, "w") as new:
        for each in old.namelist():
            new.writestr(each, renamed(old.read(each)) if each == "config.json" else old.read(each))

    with pytest.raises(NotLoadable) as refused:
        load_check.check_loads(later, {"keras": "4.0.1"})

    assert str(later) in str(refused.value)
    assert "OfTomorrow" in str(refused.value)
    assert refused.value.fix.startswith("%pip install keras==4.0.1, the version of the host")


def renamed(config):
    document = json.loads(config)
    document["config"]["layers"][-1]["class_name"] = "OfTomorrow"
    return json.dumps(document)
