"""A path for keras.json, and interpreters with old versions of Keras: `make test` creates them.

Modules that are covered by a test of another name:

framework_devices: tests/actions/gpu/test_stack.py
atomic_file: tests/keras_config/test_keras_json.py
devices: tests/keras_config/test_theanorc.py
effective, import_check, rpc: tests/keras_config/test_truth.py
theano_env: tests/actions/keras/test_theano.py
"""

from __future__ import annotations

from pathlib import Path

import pytest

from support.old_keras import theano_python


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of keras.json for Keras 2 and 3; the file does not exist."""
    folder = tmp_path / "keras"
    monkeypatch.setenv("KERAS_HOME", str(folder))
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    return folder / "keras.json"


@pytest.fixture(scope="session", params=[1, 2])
def old_python(request: pytest.FixtureRequest) -> Path:
    """An interpreter with Keras 1.2.2 or 2.3.1, on Theano 1.0.5."""
    return theano_python(request.param)
