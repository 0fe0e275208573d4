from __future__ import annotations

import json
import sys

import pytest

from dl_magics.actions.keras import settings as keras_settings
from dl_magics.actions.runs import finetune, runs
from dl_magics.actions.runs.place import TrainingPlace
from dl_magics.errors import BadSetting, NotInstalled
from dl_magics.keras_config import theano_env
from dl_magics.training.run import Run
from support import tiny_keras
from support.old_keras import theano_flags, theano_python, wheels

SEED = '{"backend": "theano", "image_dim_ordering": "th"}'


@pytest.fixture(autouse=True)
def settings(tmp_path, monkeypatch):
    """The home folder of a user, without keras.json and .theanorc."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / ".keras"))
    monkeypatch.setenv("THEANO_FLAGS", theano_flags())
    for name in ("KERAS_BACKEND", "THEANORC"):
        monkeypatch.delenv(name, raising=False)
    for name in ("keras", "theano"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / ".keras").mkdir()
    return tmp_path


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tiny_keras.photos(tmp_path_factory.mktemp("photos"), n=10)


def train(recipe):
    folder = runs.create_folder(recipe)
    place = TrainingPlace("Trains on this computer.")
    events = list(finetune.finetune(recipe, folder, lambda: False, place))
    return Run(folder), events


def test_selecting_theano_without_an_environment_is_refused(settings):
    with pytest.raises(NotInstalled, match="has no theano backend") as refused:
        keras_settings.write_settings({"backend": "theano"})

    assert refused.value.fix.startswith("%backend theano --setup")
    assert not (settings / ".keras" / "keras.json").exists()


def test_an_existing_keras_json_and_theanorc_work_unchanged(settings, data):
    (settings / ".keras" / "keras.json").write_text(SEED)
    (settings / ".theanorc").write_text("[global]\ndevice = gpu\nfloatX = float32\n")
    with pytest.raises(NotInstalled, match=r"The Theano backend is selected \(.*keras.json\)"):
        train(tiny_keras.recipe(data))

    keras_settings.set_up_theano(str(theano_python()))
    keras_settings.undo_settings()
    run, _ = train(tiny_keras.recipe(data, dropout=0.2))

    assert run.status == "done"
    assert run.state.versions["backend"] == "theano"
    assert [each["code"] for each in run.state.warnings] == ["no_gpu"]
    assert "configured to use cuda" in run.state.warnings[0]["text"]
    assert run.predict(data)[0].label in run.classes
    assert (settings / ".keras" / "keras.json").read_text() == SEED
    assert "device = gpu\n" in (settings / ".theanorc").read_text()


def test_an_interpreter_with_keras_1_and_theano_is_used_and_selected(settings):
    changed = keras_settings.set_up_theano(str(theano_python()))

    shown = keras_settings.show_settings()
    assert shown.theano.selected
    assert shown.theano.python == str(theano_python())
    assert "Keras 1.2.2 on Theano 1.0.5" in repr(changed)
    assert "%%finetune trains with Keras 1.2.2 on Theano 1.0.5" in repr(shown)
    assert shown.fresh["backend"].value == "tensorflow"
    assert list((settings / ".keras").iterdir()) == []


def test_theano_is_selected_and_deselected_without_changing_the_backend_in_keras_json(settings):
    keras_settings.set_up_theano(str(theano_python()))
    keras_settings.write_settings({"backend": "jax"})
    assert not keras_settings.show_settings().theano.selected

    changed = keras_settings.write_settings({"backend": "th", "floatx": "float32"})

    assert keras_settings.show_settings().theano.selected
    assert "%%finetune" in changed.change.changed
    kept = json.loads((settings / ".keras" / "keras.json").read_text())
    assert (kept["backend"], kept["floatx"]) == ("jax", "float32")
    keras_settings.undo_settings()
    assert not keras_settings.show_settings().theano.selected


def test_the_theano_device_is_written_and_the_one_in_use_is_shown(settings):
    keras_settings.set_up_theano(str(theano_python()))

    keras_settings.write_device("gpu")

    assert "device = cuda" in (settings / ".theanorc").read_text()
    shown = keras_settings.show_device()
    assert (shown.backend, shown.configured, shown.in_use) == ("theano", "cuda", "cpu")
    assert "is configured for cuda, but computes on the CPU" in repr(shown)


def test_a_recipe_can_select_theano(settings, data):
    with pytest.raises(
        NotInstalled, match="The Theano backend is selected, but its environment is not set up"
    ):
        train(tiny_keras.recipe(data, backend="theano"))


def test_a_recipe_that_names_another_backend_is_refused(settings, data):
    with pytest.raises(BadSetting, match="but Keras is on tensorflow") as refused:
        train(tiny_keras.recipe(data, backend="jax"))

    assert refused.value.fix.startswith("%backend jax")


def test_the_environment_is_created_with_pip(settings, monkeypatch, tmp_path, home):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels(tmp_path / "wheels")))

    keras_settings.set_up_theano(sys.executable)

    own = keras_settings.show_settings().theano
    assert own.python == str(home / "theano" / "python" / "bin" / "python")
    assert own.versions == {"keras": "1.2.2", "theano": "1.0.5"}
    assert list((home / "theano" / "python").glob("lib/*/site-packages/dl_magics_theano.pth"))


def test_a_failure_of_pip_is_reported_and_leaves_no_environment(
    settings, monkeypatch, tmp_path, home
):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))

    with pytest.raises(NotInstalled, match="could not be created") as refused:
        keras_settings.set_up_theano(sys.executable)

    assert "%backend theano --setup" in refused.value.fix
    assert not (home / "theano" / "python").exists()
    assert not keras_settings.show_settings().theano.python


def test_a_missing_compiler_is_refused_before_the_setup(settings, monkeypatch, home):
    monkeypatch.setenv("PATH", "")

    with pytest.raises(NotInstalled, match=r"g\+\+"):
        keras_settings.set_up_theano(sys.executable)


def test_a_path_that_does_not_exist_is_refused(settings):
    with pytest.raises(NotInstalled, match="No such file"):
        keras_settings.set_up_theano("/nowhere/python")


def test_an_environment_that_no_longer_starts_is_not_selected(settings, home):
    python = settings / "python"
    python.write_text("#!/bin/sh\necho 'ImportError: numpy is too new' >&2; exit 1\n")
    python.chmod(0o755)
    (home / "theano").mkdir(parents=True)
    own = {"python": str(python), "versions": {"keras": "1.2.2", "theano": "1.0.5"}}
    (home / "theano" / "interpreter.json").write_text(json.dumps(own))

    with pytest.raises(NotInstalled, match=r"does not start on Theano .*numpy is too new"):
        keras_settings.write_settings({"backend": "theano", "floatx": "float16"})

    assert not keras_settings.show_settings().theano.selected
    assert list((settings / ".keras").iterdir()) == []


def test_a_deleted_environment_is_not_shown(settings, tmp_path):
    folder = tmp_path / "theano"
    folder.mkdir()
    (folder / "interpreter.json").write_text('{"python": "/nowhere", "selected": true}')

    assert theano_env.read_environment(str(folder)) == theano_env.TheanoEnvironment()
