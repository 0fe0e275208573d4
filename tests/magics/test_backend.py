from __future__ import annotations

import json
import os
import sys
from types import SimpleNamespace

import pytest
from IPython.utils.capture import capture_output

from dl_magics.errors import BadSetting, NoSuchInstance, NotInstalled
from dl_magics.keras_config import cuda_visible_devices, theanorc
from dl_magics.magics.backend import BackendMagics
from dl_magics.magics.prompts import kernel_restarter
from dl_magics.widgets import restart
from support.old_keras import theano_python


@pytest.fixture
def keras_json(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delitem(sys.modules, "keras", raising=False)
    return tmp_path / "keras" / "keras.json"


@pytest.fixture
def ran(shell, keras_json):
    """Return a function that runs one line as a cell and returns its value or raises its error."""
    shell.register_magics(BackendMagics)

    def run(line):
        done = shell.run_cell(line, store_history=False)
        done.raise_error()
        return done.result

    return run


def test_backend_without_arguments_shows_a_table_and_changes_nothing(ran, keras_json):
    shown = repr(ran("%backend")).splitlines()

    assert shown[0].startswith("Keras 3.")
    assert shown[1].split() == ["setting", "value", "source"]
    assert [line.split()[:2] for line in shown[2:6]] == [
        ["backend", "tensorflow"],
        ["image_data_format", "channels_last"],
        ["floatx", "float32"],
        ["epsilon", "1e-07"],
    ]
    assert shown[6].startswith("installed: tensorflow ")
    assert not keras_json.parent.exists()


def test_the_table_is_html_in_a_notebook(ran):
    html = ran("%backend")._repr_html_()

    assert ">source</th>" in html
    assert ">Keras&#x27; default</td>" in html


def test_settings_are_written_and_undone(ran, keras_json):
    changed = ran("%backend jax --image-data-format th --floatx float64 --epsilon 1e-5")

    assert json.loads(keras_json.read_text()) == {
        "backend": "jax",
        "image_data_format": "channels_first",
        "floatx": "float64",
        "epsilon": 1e-5,
        "image_dim_ordering": "th",
    }
    assert ["backend", "not", "set", "→", "jax"] in [
        line.split() for line in repr(changed).splitlines()
    ]
    assert "takes effect at the next import of keras: backend" in repr(changed)

    ran("%backend --undo")

    assert not keras_json.exists()


def test_repeating_a_setting_changes_nothing(ran):
    ran("%backend jax")

    assert "no change needed" in repr(ran("%backend jax"))


def test_a_damaged_file_is_reported_and_moved_aside(ran, keras_json):
    keras_json.parent.mkdir()
    keras_json.write_text("{")

    assert "Keras silently ignores" in repr(ran("%backend"))
    assert "its content was moved to" in repr(ran("%backend jax"))


def test_a_refusal_has_two_lines(ran, keras_json):
    with pytest.raises(BadSetting) as refused:
        ran("%backend tensorfow")

    assert refused.value._render_traceback_() == [
        "BadSetting: backend must be a value that Keras supports, got 'tensorfow'.",
        "  Use one of: tf, tensorflow, jax, torch, pytorch, theano, th",
    ]
    assert not keras_json.exists()


def test_a_file_at_which_importing_keras_fails_is_reported(ran, keras_json):
    keras_json.parent.mkdir()
    keras_json.write_text('{"backend": "theano", "image_dim_ordering": "th"}')

    shown = repr(ran("%backend"))

    assert "A new process cannot import keras" in shown
    assert "silently ignores image_dim_ordering" in shown


def test_explain_prints_code_that_writes_the_same_settings(ran, keras_json):
    script = ran("%backend jax --image-data-format th --explain")

    assert not keras_json.exists()
    exec(str(script), {})
    assert "no change needed" in repr(ran("%backend jax --image-data-format th"))


def test_a_setting_leaves_the_ordering_in_force_and_explain_writes_the_same_file(ran, keras_json):
    keras_json.parent.mkdir()
    keras_json.write_text('{"image_dim_ordering": "th", "backend": "tensorflow"}')
    before = keras_json.read_text()
    exec(str(ran("%backend --epsilon 1e-6 --explain")), {})
    explained = json.loads(keras_json.read_text())
    keras_json.write_text(before)

    shown = repr(ran("%backend --epsilon 1e-6"))

    assert "image_data_format" not in shown
    assert repr(ran("%backend")).split("image_data_format", 1)[1].split()[0] == "channels_last"
    assert json.loads(keras_json.read_text()) == explained


def test_explain_prints_code_that_writes_the_same_theano_device(ran, tmp_path, monkeypatch):
    for name in (theanorc.FLAGS, theanorc.FILES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    (tmp_path / ".theanorc").write_text("[nvcc]\nfastmath = True\n")

    exec(str(ran("%device gpu1 --explain")), {})

    assert "device = cuda1" in (tmp_path / ".theanorc").read_text()
    assert "no change needed" in repr(ran("%device gpu1"))
    assert "fastmath" in (tmp_path / ".theanorc").read_text()


@pytest.fixture
def no_gpus_chosen(monkeypatch):
    """Unset the variables, also after the test."""
    for name in (cuda_visible_devices.VARIABLE, "DL_MAGICS_VISIBLE_DEVICES"):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.delitem(sys.modules, "tensorflow", raising=False)


def test_selecting_a_gpu_sets_cuda_visible_devices(ran, no_gpus_chosen):
    changed = ran("%device gpu1")

    assert changed.change.changed == {cuda_visible_devices.VARIABLE: (None, "1")}
    assert "takes effect at the next import of keras" in repr(changed)
    assert os.environ[cuda_visible_devices.VARIABLE] == "1"


@pytest.mark.parametrize(("device", "seen"), [("cpu", "-1"), ("gpu1", "1"), ("gpu", None)])
def test_explain_prints_code_that_sets_cuda_visible_devices(
    ran, no_gpus_chosen, monkeypatch, device, seen
):
    monkeypatch.setenv(cuda_visible_devices.VARIABLE, "7")

    exec(str(ran(f"%device {device} --explain")), {})

    assert os.environ.get(cuda_visible_devices.VARIABLE) == seen


def test_a_device_is_applied_by_load_ext_until_it_is_undone(
    ran, shell, no_gpus_chosen, monkeypatch
):
    ran("%device cpu")
    for name in (cuda_visible_devices.VARIABLE, "DL_MAGICS_VISIBLE_DEVICES"):
        monkeypatch.delenv(name)

    ran("%load_ext dl_magics")
    assert os.environ[cuda_visible_devices.VARIABLE] == "-1"

    ran("%device --undo")
    assert cuda_visible_devices.VARIABLE not in os.environ


def test_visible_gpus_set_by_the_user_win_and_are_named(ran, no_gpus_chosen, monkeypatch):
    monkeypatch.setenv(cuda_visible_devices.VARIABLE, "0,1")

    assert "has no effect, already set to 0,1 in this kernel" in repr(ran("%device gpu1"))
    assert os.environ[cuda_visible_devices.VARIABLE] == "0,1"


def test_selecting_a_device_for_an_imported_backend_needs_a_restart(
    ran, no_gpus_chosen, monkeypatch
):
    monkeypatch.setitem(sys.modules, "tensorflow", sys)

    changed = ran("%device cpu")

    assert changed.needs_restart
    assert "because tensorflow is already imported" in repr(changed)


def test_the_extension_loads_without_a_usable_data_folder(shell, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DL_MAGICS_HOME", str(tmp_path / "file"))

    shell.run_line_magic("load_ext", "dl_magics")

    assert "device" in shell.magics_manager.magics["line"]


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """Install a jax that cannot be imported."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "jax.py").write_text('raise ImportError("numpy 2 is too new for me")')
    monkeypatch.syspath_prepend(tmp_path / "site")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    monkeypatch.delitem(sys.modules, "jax", raising=False)


def test_a_backend_that_cannot_be_imported_is_not_written(ran, keras_json, broken, capsys):
    with pytest.raises(
        NotInstalled, match="cannot be imported: ImportError: numpy 2 is too"
    ) as refused:
        ran("%backend jax")

    assert "import jax" in refused.value.fix
    assert not keras_json.exists()
    assert "Checking that jax can be imported …" in capsys.readouterr().out


def test_an_imported_backend_is_not_checked_again(ran, broken, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "jax", sys)

    assert ran("%backend jax").change.changed["backend"] == (None, "jax")
    assert "Checking" not in capsys.readouterr().out


def test_the_theano_device_is_written_to_theanorc(ran, tmp_path, monkeypatch):
    for name in (theanorc.FLAGS, theanorc.FILES):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KERAS_BACKEND", "theano")

    ran("%device gpu")
    assert (tmp_path / ".theanorc").read_text() == "[global]\ndevice = cuda\n"

    ran("%device --undo")
    assert (tmp_path / ".theanorc").read_text() == ""


def test_device_shows_the_device_in_use(ran, keras_json, monkeypatch):
    pytest.importorskip("jax")
    keras_json.parent.mkdir()
    keras_json.write_text('{"backend": "jax"}')

    shown = ran("%device")

    assert (shown.backend, shown.in_use, shown.error) == ("jax", "cpu", "")
    assert "all GPUs" in repr(shown)


def test_settings_are_shown_despite_an_invalid_theanorc(ran, tmp_path, monkeypatch):
    monkeypatch.delenv(theanorc.FILES, raising=False)
    monkeypatch.delenv(theanorc.FLAGS, raising=False)
    monkeypatch.setenv("KERAS_BACKEND", "theano")
    (tmp_path / ".theanorc").write_text("device = gpu")

    shown = ran("%backend")

    assert shown.now["backend"].value == "theano"
    assert "cannot be parsed" in shown.device[1]


def test_device_reports_a_backend_that_cannot_be_imported(ran, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "theano")

    shown = repr(ran("%device"))

    assert "theano cannot be imported: ModuleNotFoundError" in shown


def test_setup_uses_an_interpreter_that_has_theano(ran):
    changed = ran(f"%backend theano --setup {theano_python()}")

    assert "%%finetune" in repr(changed)
    shown = repr(ran("%backend"))
    assert "theano 1.0.5 in its own environment" in shown
    assert "%%finetune trains with Keras 1.2.2 on Theano 1.0.5" in shown


@pytest.mark.parametrize("line", ["%backend jax --setup", "%backend --setup"])
def test_setup_is_for_theano_only(ran, line):
    with pytest.raises(BadSetting, match="is for theano"):
        ran(line)


def test_here_and_there_select_the_side(ran, cloud):
    assert ran("%backend --here").where == "local"
    with pytest.raises(NoSuchInstance):
        ran("%backend --there")


def test_a_restart_is_offered_if_it_is_needed(ran, shell, monkeypatch):
    ended = []
    monkeypatch.setattr(
        shell,
        "kernel",
        SimpleNamespace(
            get_parent=dict,
            do_shutdown=lambda restart: ended.append(restart),
            io_loop=SimpleNamespace(add_callback=lambda call, restart: call(restart)),
        ),
        False,
    )
    keras = SimpleNamespace(
        backend=SimpleNamespace(backend=lambda: "jax"), __spec__=SimpleNamespace(origin="keras")
    )
    monkeypatch.setitem(sys.modules, "keras", keras)

    with capture_output() as shown:
        changed = ran("%backend torch")

    assert changed.needs_restart
    restart.create_button(kernel_restarter(shell)).click()
    assert "Restart the kernel" in shown.stdout + "".join(str(each.data) for each in shown.outputs)
    assert ended == [True]


@pytest.mark.parametrize("name", ["backend", "device"])
def test_the_help_shows_two_examples(ran, shell, name):
    shown = shell.object_inspect_text(f"%{name}")

    assert shown.count(f"%{name}\n") >= 1
    assert shown.count(f"%{name} ") >= 1


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("%backend ten", "tensorflow"),
        ("%backend --fl", "--floatx"),
        ("%backend --floatx flo", "float16"),
        ("%backend tf --image-data-format channels_f", "channels_first"),
        ("%device c", "cpu"),
    ],
)
def test_arguments_are_completed(shell, line, word):
    shell.run_line_magic("load_ext", "dl_magics")

    _, completed = shell.complete(line.split()[-1], line, len(line))

    ends = [line[: len(line) - len(line.split()[-1])] + each.lstrip("-") for each in completed]
    assert any(each.endswith(word.lstrip("-")) for each in [*completed, *ends])


def test_keras_values_are_completed_only_for_the_magics(shell):
    shell.run_line_magic("load_ext", "dl_magics")

    _, completed = shell.complete("channels_f", "x = channels_f", 14)

    assert "channels_first" not in completed
