"""Modules that are covered by a test of another name.

cells, missed_output, notebook_kernel, host_key: tests/magics/test_gpu.py
remote_call: tests/actions/keras/test_settings.py
kernel_records: tests/magics/test_gpu.py
sync: tests/magics/test_sync.py
"""

from __future__ import annotations

from typing import Any

import pytest


@pytest.fixture
def cloud(account_or_cloud: Any) -> Any:
    return account_or_cloud
