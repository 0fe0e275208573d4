from __future__ import annotations

import configparser
import subprocess

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dl_magics.errors import BadSetting, CannotChange
from dl_magics.keras_config import devices, theanorc
from support.old_keras import environment, theano_python

SEED = "[global]\ndevice = gpu\nfloatX = float32\n"
SAY = "import theano; print('said', theano.config.device)"


@pytest.fixture
def rc(tmp_path, monkeypatch):
    file = tmp_path / ".theanorc"
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in (theanorc.FLAGS, theanorc.FILES):
        monkeypatch.delenv(name, raising=False)
    return file


def device_in(file):
    parser = configparser.RawConfigParser()
    parser.read(file)
    return parser.get("global", "device")


@pytest.mark.parametrize(
    ("device", "theano", "expected"),
    [
        ("gpu", "1.0.5", "cuda"),
        ("gpu1", "1.0.5", "cuda1"),
        ("cuda0", "0.10.0", "cuda0"),
        ("gpu", "0.9.0", "gpu"),
        ("cuda2", "0.8.2", "gpu2"),
        ("GPU", "", "cuda"),
        ("cpu", "0.9.0", "cpu"),
    ],
)
def test_the_device_name_depends_on_the_version_of_theano(device, theano, expected):
    assert theanorc.device_name(device, theano) == expected


@pytest.mark.parametrize("device", ["tpu", "cpu1", "gpu-1", "", "gpus"])
def test_an_unknown_device_is_refused(device):
    with pytest.raises(BadSetting, match="not a device"):
        theanorc.device_name(device, "1.0.5")


def test_the_default_is_the_cpu(rc):
    assert theanorc.configured_device("1.0.5") == ("cpu", "the default of Theano 1.0.5")


def test_theano_flags_win_over_the_file(rc, monkeypatch):
    rc.write_text(SEED)
    assert theanorc.configured_device("0.9.0") == ("gpu", str(rc))

    monkeypatch.setenv(theanorc.FLAGS, "floatX=float32, device=cpu")

    assert theanorc.configured_device("0.9.0") == ("cpu", "the variable THEANO_FLAGS")


def test_the_last_of_several_files_has_precedence_and_is_written(rc, tmp_path, monkeypatch):
    first, second = tmp_path / "site", tmp_path / "mine"
    first.write_text("[global]\ndevice = cuda0\n")
    second.write_text("[global]\ndevice = cuda1\n")
    monkeypatch.setenv(theanorc.FILES, f"{first}:{second}")
    assert theanorc.configured_device("1.0.5") == ("cuda1", str(second))

    change = theanorc.write_device("cpu", "1.0.5")

    assert change.changed == {"device": ("cuda1", "cpu")}
    assert device_in(first) == "cuda0"
    assert device_in(second) == "cpu"


def test_only_the_device_is_changed(rc):
    rc.write_text("# mine\n[nvcc]\nfastmath = True\n\n[global]\nfloatX=float32\nDevice : gpu0\n")

    theanorc.write_device("gpu1", "1.0.5")

    assert rc.read_text() == (
        "# mine\n[nvcc]\nfastmath = True\n\n[global]\nfloatX=float32\ndevice = cuda1\n"
    )


@pytest.mark.parametrize("text", ["", "[blas]\nldflags =", "[global]", "[global]\nfloatX = x\n"])
def test_the_device_is_added_to_a_file_without_one(rc, text):
    rc.write_text(text)

    theanorc.write_device("cpu", "1.0.5")

    assert device_in(rc) == "cpu"
    assert all(line in rc.read_text() for line in text.splitlines())


def test_undo_restores_every_character(rc):
    rc.write_text(SEED)
    theanorc.write_device("cpu", "1.0.5")

    change = theanorc.undo_device()

    assert change.changed == {"device": ("cpu", "gpu")}
    assert rc.read_text() == SEED


def test_undo_without_a_change_is_refused(rc):
    with pytest.raises(BadSetting, match="no change to undo"):
        theanorc.undo_device()


@pytest.mark.parametrize("text", ["device = gpu\n", "[global\n", "[a]\n[a]\n"])
def test_a_file_that_theano_cannot_parse_is_refused_and_kept(rc, text):
    rc.write_text(text)

    with pytest.raises(CannotChange, match="cannot be parsed"):
        theanorc.write_device("cpu", "1.0.5")

    assert rc.read_text() == text


names = st.from_regex(r"[a-z]{1,6}", fullmatch=True)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(st.dictionaries(names, st.dictionaries(names, names, max_size=3), max_size=4))
def test_all_other_options_are_kept(rc, sections):
    parser = configparser.RawConfigParser()
    parser.read_dict(sections)
    with rc.open("w") as file:
        parser.write(file)

    theanorc.write_device("gpu0", "1.0.5")

    after = configparser.RawConfigParser()
    after.read(rc)
    assert after.get("global", "device") == "cuda0"
    parser.read_dict({"global": {"device": "cuda0"}})
    assert {name: dict(after[name]) for name in after} == {
        name: dict(parser[name]) for name in parser
    }


@pytest.mark.parametrize("device", ["cpu", "gpu"])
def test_theano_reports_the_device_that_was_written(rc, device):
    theanorc.write_device(device, "1.0.5")

    done = subprocess.run(
        [str(theano_python()), "-c", SAY],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    )

    assert f"said {theanorc.device_name(device, '1.0.5')}" in done.stdout


def test_the_device_in_use_is_the_cpu_if_theano_falls_back(rc, monkeypatch):
    monkeypatch.setenv("THEANO_FLAGS", environment()["THEANO_FLAGS"])
    theanorc.write_device("gpu", "1.0.5")

    assert devices.device_in_use(str(theano_python()), "theano") == ("cpu", "")


def test_the_error_of_an_outdated_device_name_is_reported(rc, monkeypatch):
    monkeypatch.setenv("THEANO_FLAGS", environment()["THEANO_FLAGS"])
    rc.write_text(SEED)

    in_use, error = devices.device_in_use(str(theano_python()), "theano")

    assert in_use == ""
    assert "old GPU back-end" in error


@pytest.mark.parametrize(
    ("python", "backend", "message"),
    [("/nowhere/python", "torch", "No such file"), ("/bin/false", "torch", "status 1")],
)
def test_an_interpreter_that_does_not_start_is_reported(python, backend, message):
    in_use, error = devices.device_in_use(python, backend)

    assert in_use == ""
    assert message in error
