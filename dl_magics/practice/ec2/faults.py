"""The faults that can be injected, by name: which calls each one affects, and their response."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from typing import Literal

from dl_magics.practice.ec2.http import ApiCall, ApiError, ApiResponse, raise_api_error

FaultKind = Literal["error", "reset", "timeout", "garbage", "start", "boot", "event"]
PAID_ACTIONS = ("RunInstances", "StartInstances")
ENCODED_FAILURE = "Encoded authorization failure message: cHJhY3RpY2UtY2xvdWQ"


@dataclass(frozen=True)
class Fault:
    """A fault to inject, and how often it still occurs.

    Parameters
    ----------
    description
        One line for the user.
    kind
        When it occurs and how: at a call (`error`, `reset`, `timeout`, `garbage`), when an instance
        would begin to run (`start`), at a boot (`boot`), or at once (`event`).
    actions
        The API actions that it affects; empty means all.
    required_parameter
        A parameter that a call must have to be affected.
    code, message, status
        The error code, message and HTTP status of AWS.
    seconds
        The length of a timeout, a slow boot or a spot notice.
    times
        How often it occurs.
    instance
        The id of the only instance that it affects; empty means all.
    """

    name: str
    description: str
    kind: FaultKind = "error"
    actions: tuple[str, ...] = ()
    required_parameter: str = ""
    code: str = ""
    message: str = ""
    status: int = 400
    seconds: float = 0
    times: int = field(default=1, compare=False)
    instance: str = ""

    def matches(self, call: ApiCall) -> bool:
        """Return whether the call is affected."""
        if self.actions and call.action not in self.actions:
            return False
        named = call.list_parameter("InstanceId")
        return (
            not self.required_parameter or bool(call.list_parameter(self.required_parameter))
        ) and (not self.instance or self.instance in named)

    def respond(self, call: ApiCall) -> ApiResponse:
        """Return the faulty response, drop the connection, or raise ApiError."""
        if self.kind == "reset":
            # werkzeug handles a ConnectionError as a client that disconnected.
            call.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionResetError
        if self.kind == "timeout":
            time.sleep(self.seconds)
            raise_api_error("ServiceUnavailable", "The practice cloud took too long.", 503)
        if self.kind == "garbage":
            return ApiResponse(b"<html><body>Welcome to this hotel's network</bo", 200, "text/html")
        raise self._refusal(call)

    def _refusal(self, call: ApiCall) -> ApiError:
        names = {
            "action": f"{call.service}:{call.action}",
            "id": next(iter(call.list_parameter("InstanceId")), "i-0123456789abcdef0"),
            "type": call.parameters.get("InstanceType", "requested"),
            "image": call.parameters.get("ImageId", "ami-0123456789abcdef0"),
            "zone": call.parameters.get("Placement.AvailabilityZone", f"{call.region}a"),
        }
        code = self.code
        if call.service != "ec2":
            code = CODES_OUTSIDE_EC2.get(code, code)
        return ApiError(code, self.message.format(**names), self.status)


# EC2 has error codes of its own for what the other services report with common ones.
CODES_OUTSIDE_EC2 = {
    "RequestExpired": "ExpiredToken",
    "AuthFailure": "InvalidClientTokenId",
    "UnauthorizedOperation": "AccessDenied",
    "RequestLimitExceeded": "Throttling",
}

FAULTS = {
    fault.name: fault
    for fault in (
        Fault(
            "expired-token",
            "the credentials have expired",
            code="RequestExpired",
            message="Request has expired.",
        ),
        Fault(
            "bad-credentials",
            "the credentials are invalid",
            code="AuthFailure",
            message="AWS was not able to validate the provided access credentials",
            status=401,
        ),
        Fault(
            "not-allowed",
            "an IAM policy denies the call",
            code="UnauthorizedOperation",
            message="You are not authorized to perform this operation. User: "
            "arn:aws:iam::123456789012:user/practice is not authorized to perform: {action} "
            "because no identity-based policy allows the {action} action. " + ENCODED_FAILURE,
            status=403,
        ),
        Fault(
            "no-capacity",
            "no capacity for the type, at a launch",
            actions=("RunInstances",),
            code="InsufficientInstanceCapacity",
            message="We currently do not have sufficient {type} capacity in the Availability Zone "
            "you requested ({zone}). Our system will be working on provisioning additional "
            "capacity. You can currently get {type} capacity by not specifying an Availability "
            "Zone in your request or choosing us-east-1b, us-east-1c.",
            status=500,
        ),
        Fault(
            "no-capacity-on-start",
            "no capacity for the type, at a start",
            actions=("StartInstances",),
            code="InsufficientInstanceCapacity",
            message="Insufficient capacity.",
            status=500,
        ),
        Fault(
            "no-capacity-late",
            "no capacity for the type: pending, then stopped or terminated",
            "start",
            code="Server.InsufficientInstanceCapacity",
            message="Insufficient capacity to satisfy the instance request",
        ),
        Fault(
            "vcpu-limit",
            "the vCPU quota is exceeded",
            actions=PAID_ACTIONS,
            code="VcpuLimitExceeded",
            message="You have requested more vCPU capacity than your current vCPU limit of 0 "
            "allows for the instance bucket that the specified instance type belongs to. Please "
            "visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this "
            "limit.",
        ),
        Fault(
            "throttled",
            "API calls are throttled",
            code="RequestLimitExceeded",
            message="Request limit exceeded.",
            status=503,
        ),
        Fault(
            "wrong-state",
            "the state of the instance does not allow the call",
            actions=("StartInstances", "StopInstances", "ModifyInstanceAttribute"),
            code="IncorrectInstanceState",
            message="The instance '{id}' is not in a state from which this can be done.",
        ),
        Fault(
            "no-such-instance",
            "the instance does not exist",
            required_parameter="InstanceId",
            code="InvalidInstanceID.NotFound",
            message="The instance ID '{id}' does not exist",
        ),
        Fault(
            "no-such-image",
            "the image does not exist",
            actions=("RunInstances", "DescribeImages"),
            code="InvalidAMIID.NotFound",
            message="The image id '[{image}]' does not exist",
        ),
        Fault(
            "unsupported",
            "the instance type is not offered in the zone",
            actions=(*PAID_ACTIONS, "ModifyInstanceAttribute"),
            code="Unsupported",
            message="The requested configuration is currently not supported. Please check the "
            "documentation for supported configurations.",
        ),
        Fault("connection-reset", "the connection is reset", "reset"),
        Fault("time-out", "AWS does not answer for --seconds", "timeout", seconds=70),
        Fault("malformed", "the response is not from AWS but an HTML page", "garbage"),
        Fault("slow-boot", "SSH answers --seconds later", "boot", seconds=30),
        Fault("new-address", "the instance gets another IP address now", "event"),
        Fault("host-key-swap", "the SSH host key of the instance changes now", "event"),
        Fault("terminated", "the instance is terminated from elsewhere now", "event"),
        Fault(
            "spot-notice",
            "the spot instance is interrupted in --seconds",
            "event",
            seconds=120,
        ),
    )
}
