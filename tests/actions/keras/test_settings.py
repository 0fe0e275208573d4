from __future__ import annotations

import json
import sys
from functools import partial
from importlib.resources import files
from importlib.util import find_spec
from types import SimpleNamespace

import pytest

from dl_magics.actions.aws import access, context
from dl_magics.actions.keras import settings
from dl_magics.errors import CommandFailed, NoSuchInstance
from dl_magics.ssh import blocking, known_hosts
from support.old_keras import wheels


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras"


@pytest.fixture
def instance(rented):
    """The SSH target of the selected instance."""
    return access.resolve_target(context.load(), context.load().resolve_instance(None))


@pytest.fixture
def imported(monkeypatch):
    """Let this kernel have Keras imported, with the torch backend."""
    says = {"backend": "torch", "image_data_format": "channels_last", "floatx": "float32"}
    backend = SimpleNamespace(**{name: partial(str, value) for name, value in says.items()})
    keras = SimpleNamespace(backend=backend, __spec__=find_spec("keras"))
    monkeypatch.setitem(sys.modules, "keras", keras)


def put_python(instance, script):
    """Replace `python3` on the instance by a script."""
    blocking.run_command(
        instance,
        f"file=$(dirname $(command -v sudo))/python3; printf '{script}' > $file; chmod +x $file",
    )


def test_the_default_is_local_without_a_gpu_kernel(folder):
    shown = settings.show_settings()

    assert shown.where == "local"
    assert shown.path == str(folder / "keras.json")
    assert not folder.exists()


def test_a_change_of_an_imported_setting_needs_a_restart(folder, imported):
    changed = settings.write_settings({"backend": "jax", "floatx": "float32"})

    assert changed.effect == {"backend": "restart", "floatx": "now"}
    assert changed.needs_restart
    shown = settings.show_settings()
    assert "takes effect after a restart of the kernel: backend jax" in repr(shown)
    assert shown.now["backend"].source == "already imported in this kernel"


def test_a_change_takes_effect_now_if_keras_is_not_imported(folder, monkeypatch):
    monkeypatch.delitem(sys.modules, "keras", raising=False)

    changed = settings.write_settings({"backend": "jax"})

    assert set(changed.effect.values()) == {"now"}
    assert not changed.needs_restart


def test_a_change_overridden_by_a_variable_is_reported(folder, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "torch")

    changed = settings.write_settings({"backend": "jax"})

    assert changed.effect["backend"] == "never"
    assert "has no effect, the variable KERAS_BACKEND sets torch: backend" in repr(changed)


def test_remote_settings_are_shown_written_and_undone(instance, folder):
    before = settings.show_settings("remote")
    changed = settings.write_settings({"image_data_format": "th", "epsilon": "1e-5"}, "remote")
    written = json.loads(blocking.run_command(instance, "cat ~/.keras/keras.json").stdout)
    undone = settings.undo_settings("remote")

    assert before.where == "remote"
    assert before.path == changed.change.path
    assert written == {
        "image_data_format": "channels_first",
        "epsilon": 1e-5,
        "image_dim_ordering": "th",
    }
    assert changed.effect == {"image_data_format": "now", "epsilon": "now"}
    assert undone.change.changed["epsilon"] == [1e-5, None]
    assert not folder.exists()


def test_the_remote_theano_device_is_written(instance):
    blocking.run_command(
        instance, 'mkdir -p ~/.keras && echo \'{"backend": "theano"}\' > ~/.keras/keras.json'
    )

    changed = settings.write_device("gpu1", "remote")

    assert changed.change.changed == {"device": [None, "cuda1"]}
    assert "device = cuda1" in blocking.run_command(instance, "cat ~/.theanorc").stdout
    assert settings.undo_device("remote").change.changed == {"device": ["cuda1", None]}


def test_the_remote_theano_environment_is_created_with_pip(instance, tmp_path):
    offline = f"export PIP_NO_INDEX=1 PIP_FIND_LINKS={wheels(tmp_path / 'wheels')}"
    put_python(instance, f'#!/bin/sh\\n{offline}\\nexec {sys.executable} "$@"\\n')

    changed = settings.set_up_theano(sys.executable, "remote")

    own = settings.show_settings("remote").theano
    made = blocking.run_command(instance, "echo ~/.dl_magics/theano/python").stdout.strip()
    pinned = files("dl_magics.training.theano").joinpath("requirements.txt").read_text("utf-8")
    assert own.python == f"{made}/bin/python"
    assert own.selected
    assert own.versions == {"keras": "1.2.2", "theano": "1.0.5"}
    assert blocking.run_command(instance, f"cat {made}/requirements.txt").stdout == pinned
    assert (
        blocking.run_command(instance, f"ls {made}/lib/*/site-packages/dl_magics_theano.pth").code
        == 0
    )
    assert "Keras 1.2.2 on Theano 1.0.5" in repr(changed)
    assert not settings.show_settings("local").theano.python


def test_remote_visible_gpus_are_stored_for_the_next_gpu_kernel(instance):
    changed = settings.write_device("gpu1", "remote")

    assert changed.change.changed == {"CUDA_VISIBLE_DEVICES": [None, "1"]}
    assert "takes effect at the next start of the GPU kernel (%gpu_restart)" in repr(changed)
    assert blocking.run_command(instance, "cat ~/.dl_magics/visible_devices").stdout == "1\n"
    undone = settings.undo_device("remote")
    assert undone.change.changed == {"CUDA_VISIBLE_DEVICES": ["1", None]}


def test_an_instance_without_a_working_python_is_reported(instance):
    put_python(instance, "#!/bin/sh\\necho no Python >&2; exit 1\\n")

    with pytest.raises(CommandFailed, match=r"sent no response .*: no Python") as refused:
        settings.show_settings("remote")

    assert "3.8" in refused.value.fix


def test_remote_settings_require_an_instance(uni):
    with pytest.raises(NoSuchInstance):
        settings.show_settings("remote")


def test_showing_remote_settings_keeps_the_host_key(instance):
    before = known_hosts.pinned_lines(instance.alias)

    settings.show_settings("remote")

    assert known_hosts.pinned_lines(instance.alias) == before
