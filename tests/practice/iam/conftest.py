"""Roles of an account in this process."""

from __future__ import annotations

import json

import pytest

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "ec2.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


@pytest.fixture
def iam(account):
    """A client of IAM, of an account with a role and its instance profile, `reader`."""
    client = account.client("iam")
    client.create_role(RoleName="reader", AssumeRolePolicyDocument=json.dumps(TRUST))
    client.create_instance_profile(InstanceProfileName="reader")
    client.add_role_to_instance_profile(InstanceProfileName="reader", RoleName="reader")
    return client
