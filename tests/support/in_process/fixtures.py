"""An empty AWS account in this process, for a test of the API itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from support.in_process.world import Account

PORT = 20001


@pytest.fixture
def account(tmp_path: Path) -> Iterator[Account]:
    # moto takes a second to import.
    from support.in_process import world

    with world.patched_aws() as accounts:
        accounts[PORT] = world.open_account(tmp_path, PORT)
        yield accounts[PORT]
        world.close_account(accounts[PORT])
