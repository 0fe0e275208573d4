"""Why EC2 changed the state of an instance, and what to do about it.

The codes are those of `StateReason` in the EC2 API reference.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

BY_EC2 = ("Server.", "Client.")
# The person, or a shutdown inside the instance, did it.
_BY_REQUEST = ("Client.UserInitiatedShutdown", "Client.InstanceInitiatedShutdown")
# "User initiated (2026-11-26 10:47:02 GMT)": a shutdown inside the instance has no time.
_TIME = re.compile(r"\((\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) (?:GMT|UTC)\)")
_FIXES = {
    "Client.InternalError": "The profile may not use the KMS key of the encrypted disk: allow "
    "kms:CreateGrant, kms:Decrypt and kms:GenerateDataKey* for it, then %aws_start {id}.",
    "Client.InvalidSnapshot.NotFound": "The snapshot of the image is missing or not shared with "
    "the account: launch another with %aws_launch TYPE --name OTHER.",
    "Client.VolumeLimitExceeded": "The account has its limit of disk space: delete a volume, or "
    "request an increase of the EBS quota in the AWS console, then %aws_start {id}.",
    "Server.SpotInstanceShutdown": "It had no spot capacity left. EC2 starts it itself when there "
    "is: %aws_start {id} --wait 2h waits for that.",
    "Server.SpotInstanceTermination": "It had no spot capacity left: %aws_launch TYPE.",
    "Server.ScheduledStop": "AWS retires its hardware: %aws_start {id} moves it to another host.",
    "Server.InternalError": "The hardware failed: %aws_start {id} moves it to another host.",
}


def name_reason(code: str, message: str, transition: str) -> str:
    """Return the reason of EC2 if it changed the state itself, else the state's transition."""
    reason = message if code in message or not code else f"{code}: {message}"
    if reason.startswith(BY_EC2) and not reason.startswith(_BY_REQUEST):
        return reason
    return transition


def find_fix(reason: str, instance_id: str) -> str:
    """Return what to do about a reason for an instance; empty if it is not one of EC2."""
    fix = next((fix for code, fix in _FIXES.items() if reason.startswith(code)), "")
    return fix.format(id=instance_id)


def read_stop_time(transition: str) -> float:
    """Return when a request stopped the instance, by the state's transition; 0 if it is not told.

    It is in seconds since the epoch.
    """
    found = _TIME.search(transition)
    if not found:
        return 0.0
    try:
        return datetime.strptime(found[1], "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC).timestamp()
    except ValueError:
        return 0.0
