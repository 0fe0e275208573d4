"""A client of a kernel that numbers its requests as the front ends in a browser do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from jupyter_client import BlockingKernelClient, KernelManager
from jupyter_client.session import Session

SECONDS = 120


class BrowserSession(Session):
    """Messages with random ids; those of jupyter_client name its process."""

    @property
    def msg_id(self) -> str:
        return uuid4().hex


def start_kernel(env: Mapping[str, str]) -> tuple[KernelManager, BlockingKernelClient]:
    """Start a kernel whose cells come from a browser."""
    manager: Any = KernelManager(kernel_name="python3", session=BrowserSession())
    manager.start_kernel(env=dict(env))
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=SECONDS)
    return manager, client
