"""Modules that are covered by a test of another name.

quotas: tests/magics/aws/test_launch.py
parsing: tests/magics/aws/test_instances.py
instance_types: tests/aws/test_images.py
"""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def cloud(account_or_cloud: Any) -> Any:
    return account_or_cloud
