"""Modules that are covered by a test of another name.

kernel_end: tests/actions/runs/test_remote_finetune.py
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def cloud(account_or_cloud: Any) -> Any:
    return account_or_cloud


@pytest.fixture
def interrupt_at(cloud: Any) -> Callable[..., None]:
    """Send a SIGINT when AWS has carried out the next call of an action, before its answer."""

    def arm(action: str, *, after: str = "", calls: int = 1) -> None:
        left = [calls]

        def edit(body: bytes) -> bytes:
            left[0] -= 1
            if not left[0]:
                del cloud.edits[action]
                os.kill(os.getpid(), signal.SIGINT)
            return body

        def first(body: bytes) -> bytes:
            cloud.edits[action] = edit
            return body

        cloud.edits[after or action] = first if after else edit

    return arm
