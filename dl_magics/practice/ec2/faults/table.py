"""All faults that can be injected, by name."""

from __future__ import annotations

from dl_magics.practice.ec2.faults.fault import Fault
from dl_magics.practice.ec2.faults.refusals import REFUSALS
from dl_magics.practice.ec2.faults.s3_refusals import S3
from dl_magics.practice.ec2.faults.spot_refusals import SPOT

NETWORK = (
    Fault("connection-reset", "the connection is reset", "reset"),
    Fault("time-out", "AWS does not answer for --seconds", "timeout", seconds=70),
    Fault("malformed", "the response is not from AWS but an HTML page", "garbage"),
    Fault(
        "silent-prices",
        "the price list does not answer for --seconds",
        "timeout",
        actions=("GetProducts",),
        seconds=70,
    ),
    Fault(
        "console-late",
        "the console output is not there yet",
        "empty",
        actions=("GetConsoleOutput",),
    ),
)

# The state reasons that EC2 gives an instance which it does not start: `StateReason` in the EC2 API
# reference, and "Instance terminates immediately" in the EC2 user guide.
STARTS = (
    Fault(
        "no-capacity-late",
        "no capacity for the type: pending, then stopped or terminated",
        "start",
        code="Server.InsufficientInstanceCapacity",
        message="Insufficient capacity to satisfy the instance request",
    ),
    Fault(
        "kms-key",
        "the KMS key of the disk may not be used: pending, then stopped or terminated",
        "start",
        code="Client.InternalError",
        message="Client error on launch",
    ),
    Fault(
        "volume-limit-late",
        "the limit of EBS storage is reached: pending, then stopped or terminated",
        "start",
        code="Client.VolumeLimitExceeded",
        message="Volume limit exceeded",
    ),
    Fault(
        "no-snapshot",
        "the snapshot of the image is missing: pending, then stopped or terminated",
        "start",
        code="Client.InvalidSnapshot.NotFound",
        message="The specified snapshot was not found",
    ),
    Fault("slow-boot", "SSH answers --seconds later", "boot", seconds=30),
)

EVENTS = (
    Fault("new-address", "the instance gets another IP address now", "event"),
    Fault("host-key-swap", "the SSH host key of the instance changes now", "event"),
    Fault("other-user", "the instance accepts another SSH user than its image's now", "event"),
    Fault("terminated", "the instance is terminated from elsewhere now", "event"),
    Fault("spot-notice", "the spot instance is interrupted in --seconds", "event", seconds=120),
    Fault("spot-rebalance", "the spot instance is at elevated risk of an interruption", "event"),
    Fault(
        "spot-price",
        "spot prices rise to those on demand now; what pays less is interrupted in --seconds",
        "event",
        seconds=120,
    ),
    Fault(
        "spot-capacity",
        "spot capacity and prices are as usual again: EC2 starts what it interrupted",
        "event",
    ),
    Fault(
        "launch-more-like-this",
        "someone launches another instance with the tags of each now",
        "event",
    ),
    Fault("elsewhere", "someone launches an instance in another region now", "event"),
)

FAULTS = {fault.name: fault for fault in (*REFUSALS, *SPOT, *S3, *NETWORK, *STARTS, *EVENTS)}
