"""Roles of an account in this process."""

from __future__ import annotations

import pytest

from support.s3.roles import make_role


@pytest.fixture
def iam(account):
    """A client of IAM, of an account with a role and its instance profile, `reader`."""
    client = account.client("iam")
    make_role(client, "reader")
    return client
