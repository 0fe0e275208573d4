"""Why EC2 stopped an instance."""

from __future__ import annotations

import pytest

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
    assert word in state_reasons.find_fix(named)
    assert bool(word) == bool(state_reasons.find_fix(named))
