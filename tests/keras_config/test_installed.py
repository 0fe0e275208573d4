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


def test_installed_versions_are_found():
    found = installed.inspect_interpreter()

    assert found.major == 3
    assert found.versions["tensorflow"]


def test_the_versions_of_an_old_interpreter_are_found(old_python):
    found = installed.parse_installed(other_python.call(old_python, rpc.show_settings)["installed"])

    assert found.keras in ("1.2.2", "2.3.1")
    assert found.versions["theano"] == "1.0.5"
    assert "theano" in found.known


def test_a_folder_with_the_name_of_a_backend_is_ignored(tmp_path):
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
def test_the_supported_backends_depend_on_the_version_of_keras(versions, known):
    assert having(**versions).known == known


@pytest.mark.parametrize(
    ("versions", "backend", "message"),
    [
        ({}, "jax", "Keras is not installed"),
        ({"keras": "3.15.1"}, "theano", "Keras 3.15.1 has no theano backend"),
        ({"keras": "3.15.1", "torch": "2"}, "jax", "jax is not installed"),
    ],
)
def test_an_unsupported_or_missing_backend_is_refused(versions, backend, message):
    with pytest.raises(NotInstalled, match=message):
        having(**versions).require_backend(backend)


def test_the_settings_of_the_imported_keras_win():
    backend = SimpleNamespace(
        backend=lambda: "jax",
        image_dim_ordering=lambda: "th",
        floatx=lambda: "float16",
        epsilon=lambda: 1e-3,
    )
    imported = effective.imported_settings({"keras": SimpleNamespace(backend=backend)})
    fresh = effective.Effective(tuple(effective.Value(name, 0, "") for name in imported))

    now = effective.apply_imported(fresh, imported)

    assert {each.name: each.value for each in now.values} == {
        "backend": "jax",
        "image_data_format": "channels_first",
        "floatx": "float16",
        "epsilon": 1e-3,
    }
    assert {each.source for each in now.values} == {"already imported in this kernel"}


@pytest.mark.parametrize("module", [None, SimpleNamespace(), SimpleNamespace(backend=1)])
def test_a_missing_or_partly_imported_keras_has_no_settings(module):
    assert effective.imported_settings({"keras": module} if module else {}) == {}


def test_code_that_runs_on_a_host_is_python_3_8():
    for path in [
        *SETTINGS.glob("*.py"),
        SETTINGS.parent / "errors.py",
        SETTINGS.parent / "remote_code" / "entry.py",
    ]:
        ast.parse(path.read_text("utf-8"), feature_version=(3, 8))


@pytest.mark.parametrize("python", ["python3.8", "python3.9", "python3.12"])
def test_settings_are_written_by_other_interpreters(python, tmp_path):
    found = shutil.which(python)
    if not found or subprocess.run([found, "-c", ""], check=False).returncode:
        pytest.skip(f"{python} is not installed")

    changed = other_python.call(
        found,
        rpc.write_settings,
        env={**os.environ, "HOME": str(tmp_path), "KERAS_HOME": str(tmp_path / ".keras")},
        settings={"floatx": "float16"},
    )

    assert changed["changed"]["floatx"] == [None, "float16"]
