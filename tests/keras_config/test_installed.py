from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import dl_magics
from dl_magics.errors import NotInstalled
from dl_magics.keras_config import effective, installed, rpc
from dl_magics.keras_config.installed import Installed
from support import other_python

SETTINGS = Path(dl_magics.__file__).parent / "keras_config"


def having(**versions):
    return Installed("python", "3.11", versions)


def test_what_is_installed_is_told_without_importing_it():
    found = installed.inspect_interpreter()

    assert found.major == 3
    assert found.versions["tensorflow"]


def test_an_old_interpreter_tells_its_own(old_python):
    found = installed.parse_installed(other_python.call(old_python, rpc.show_settings)["installed"])

    assert found.keras in ("1.2.2", "2.3.1")
    assert found.versions["theano"] == "1.0.5"
    assert "theano" in found.known


def test_a_folder_that_has_the_name_is_no_backend(tmp_path):
    (tmp_path / "theano").mkdir()

    shown = other_python.call(sys.executable, rpc.show_settings, cwd=tmp_path)

    assert "theano" not in shown["installed"]["versions"]


@pytest.mark.parametrize(
    ("versions", "known"),
    [
        ({"keras": "2.3.1"}, ("tensorflow", "theano")),
        ({"keras": "2.15.0"}, ("tensorflow",)),
        ({"keras": "1.2.2"}, ("tensorflow", "theano")),
        ({}, ("tensorflow", "jax", "torch", "numpy", "openvino")),
    ],
)
def test_each_keras_has_its_backends(versions, known):
    assert having(**versions).known == known


@pytest.mark.parametrize(
    ("versions", "backend", "said"),
    [
        ({}, "jax", "Keras is not installed"),
        ({"keras": "3.15.1"}, "theano", "Keras 3.15.1 has no theano backend"),
        ({"keras": "3.15.1", "torch": "2"}, "jax", "jax is not installed"),
    ],
)
def test_a_backend_that_cannot_be_had_is_refused(versions, backend, said):
    with pytest.raises(NotInstalled, match=said):
        having(**versions).require_backend(backend)


def test_what_the_kernel_has_imported_wins():
    backend = SimpleNamespace(
        backend=lambda: "jax",
        image_dim_ordering=lambda: "th",
        floatx=lambda: "float16",
        epsilon=lambda: 1e-3,
    )
    told = effective.imported_settings({"keras": SimpleNamespace(backend=backend)})
    fresh = effective.Effective(tuple(effective.Value(name, 0, "") for name in told))

    now = effective.apply_imported(fresh, told)

    assert {each.name: each.value for each in now.values} == {
        "backend": "jax",
        "image_data_format": "channels_first",
        "floatx": "float16",
        "epsilon": 1e-3,
    }
    assert {each.source for each in now.values} == {"already imported in this kernel"}


@pytest.mark.parametrize("module", [None, SimpleNamespace(), SimpleNamespace(backend=1)])
def test_a_keras_that_is_not_there_or_half_imported_tells_nothing(module):
    assert effective.imported_settings({"keras": module} if module else {}) == {}


def test_the_code_that_travels_is_python_3_8():
    for path in [
        *SETTINGS.glob("*.py"),
        SETTINGS.parent / "errors.py",
        SETTINGS.parent / "remote_code" / "entry.py",
    ]:
        ast.parse(path.read_text("utf-8"), feature_version=(3, 8))


@pytest.mark.parametrize("python", ["python3.8", "python3.9", "python3.12"])
def test_it_answers_in_other_interpreters(python, tmp_path):
    found = shutil.which(python)
    if not found or subprocess.run([found, "-c", ""], check=False).returncode:
        pytest.skip(f"no {python} here")

    changed = other_python.call(
        found,
        rpc.write_settings,
        env={**os.environ, "HOME": str(tmp_path), "KERAS_HOME": str(tmp_path / ".keras")},
        settings={"floatx": "float16"},
    )

    assert changed["changed"]["floatx"] == [None, "float16"]
