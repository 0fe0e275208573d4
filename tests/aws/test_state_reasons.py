"""Why EC2 stopped an instance."""

from __future__ import annotations

import pytest

from dl_magics import errors
from dl_magics.aws import state_reasons

USER = "User initiated (2026-11-26 10:00:00 GMT)"


@pytest.mark.parametrize(
    ("code", "message", "reason", "word"),
    [
        (
            "Client.InternalError",
            "Client.InternalError: Client error on launch",
            "Client.InternalError: Client error on launch",
            "KMS",
        ),
        (
            "Client.VolumeLimitExceeded",
            "Volume limit exceeded",
            "Client.VolumeLimitExceeded: Volume limit exceeded",
            "EBS quota",
        ),
        (
            "Server.SpotInstanceTermination",
            "Server.SpotInstanceTermination: Spot Instance termination",
            "Server.SpotInstanceTermination: Spot Instance termination",
            "spot capacity",
        ),
        ("Client.UserInitiatedShutdown", "Client.UserInitiatedShutdown: User", USER, ""),
        ("", "", USER, ""),
    ],
)
def test_the_reason_is_that_of_ec2_where_ec2_changed_the_state(code, message, reason, word):
    named = state_reasons.name_reason(code, message, USER)

    assert named == reason
    fix = state_reasons.find_fix(named, "i-1")
    assert word in fix
    assert bool(word) == bool(fix)
    assert fix.count("%aws_start") == fix.count("%aws_start i-1")


@pytest.mark.parametrize(
    ("fault", "reason", "fix"),
    [
        ("kms-key", "Client.InternalError", "kms:CreateGrant"),
        ("volume-limit-late", "Client.VolumeLimitExceeded", "EBS quota"),
        ("no-snapshot", "Client.InvalidSnapshot.NotFound", "%aws_launch"),
    ],
)
def test_a_start_that_ec2_takes_back_says_why(in_account, account, fault, reason, fix):
    id_ = account.launch(state="stopped")
    account.inject_fault(fault)

    with pytest.raises(errors.WrongState, match=reason) as refused:
        list(in_account.ec2.start(in_account.ec2.describe_instance(id_)))

    assert "EC2 stopped it" in str(refused.value)
    assert fix in refused.value.fix
