"""A run on a folder with train, valid and test, shared by the tests of this folder.

Modules that are covered by a test of another name:

gradients: tests/training/test_backends.py
model_parts: tests/training/evaluation/test_grad_cam.py
photos: tests/training/evaluation/test_evaluate.py
"""

from __future__ import annotations

import pytest

from dl_magics.training.run import Run


@pytest.fixture
def run(evaluated_room):
    return Run(evaluated_room / "runs/run")
