"""Modules that are covered by a test of another name.

export: tests/actions/runs/export/test_export.py
options: tests/magics/aws/test_power.py
"""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def cloud(account_or_cloud: Any) -> Any:
    return account_or_cloud
