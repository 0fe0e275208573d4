"""Modules that are covered by a test of another name.

instances: tests/magics/aws/test_power.py
account, check: tests/magics/aws/test_account.py
practice: tests/magics/test_practice.py
resources: tests/actions/aws/test_cleanup.py
"""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def cloud(account_or_cloud: Any) -> Any:
    return account_or_cloud
