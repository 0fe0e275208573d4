"""Renting from an AWS account in this process.

Modules that are covered by a test of another name:

api, http, sessions: tests/practice/ec2/test_lifecycle.py
images, type_rules: tests/practice/ec2/test_rules.py
wsgi: tests/practice/test_network_faults.py
metadata: tests/practice/hosts/test_metadata.py
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config

from support.ec2_client import ONE_TRY, Renter

if TYPE_CHECKING:
    from support.in_process.world import Account


class AccountRenter(Renter):
    """Who rents from an account; its instances have no hosts."""

    def __init__(self, account: Account) -> None:
        super().__init__()
        self._account = account

    def client(self, service: str, config: Config = ONE_TRY, *, region: str | None = None) -> Any:
        return self._account.client(service, region or "us-east-1")


@pytest.fixture
def renter(account: Account) -> AccountRenter:
    return AccountRenter(account)
