"""Modules that are covered by a test of another name.

assets: tests/widgets/test_live.py
manage: tests/widgets/test_keras_settings.py
saved_note: tests/journeys/test_run_widget.py
restart: tests/magics/test_backend.py
"""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def cloud(account_or_cloud: Any) -> Any:
    return account_or_cloud
