"""A fault: which calls it affects, and the response that it causes."""

from __future__ import annotations

import socket
import time
from dataclasses import dataclass, field
from typing import Literal

from dl_magics.practice.ec2.http import (
    ApiCall,
    ApiError,
    ApiResponse,
    ec2_response,
    raise_api_error,
)

FaultKind = Literal["error", "reset", "timeout", "garbage", "empty", "start", "boot", "event"]
AT_A_CALL = ("error", "reset", "timeout", "garbage", "empty")


@dataclass(frozen=True)
class Fault:
    """A fault to inject, and how often it still occurs.

    Parameters
    ----------
    description
        One line for the user.
    kind
        When it occurs and how: at a call (`error`, `reset`, `timeout`, `garbage`, `empty`), when an
        instance would begin to run (`start`), at a boot (`boot`), or at once (`event`).
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
        if self.kind == "empty":
            return ec2_response(call.action, "")
        raise self._refusal(call)

    def _refusal(self, call: ApiCall) -> ApiError:
        names = {
            "action": f"{IAM_NAMES.get(call.service, call.service)}:{call.action}",
            "id": next(iter(call.list_parameter("InstanceId")), "i-0123456789abcdef0"),
            "type": call.parameters.get("InstanceType")
            or call.parameters.get("InstanceType.Value", "requested"),
            "image": call.parameters.get("ImageId", "ami-0123456789abcdef0"),
            "region": call.region,
            "role": call.parameters.get("IamInstanceProfile.Name", "practice"),
            "zone": call.parameters.get("Placement.AvailabilityZone", f"{call.region}a"),
        }
        code = self.code
        if call.service != "ec2":
            code = CODES_OUTSIDE_EC2.get(code, code)
        if call.service == "s3":
            code = CODES_OF_S3.get(code, code)
        return ApiError(code, self.message.format(**names), self.status)


IAM_NAMES = {"monitoring": "cloudwatch"}
"""Where the actions of a service have another prefix in a policy than in a signature."""

# EC2 has error codes of its own for what the other services report with common ones.
CODES_OUTSIDE_EC2 = {
    "RequestExpired": "ExpiredToken",
    "AuthFailure": "InvalidClientTokenId",
    "UnauthorizedOperation": "AccessDenied",
    "RequestLimitExceeded": "Throttling",
}

CODES_OF_S3 = {"Throttling": "SlowDown", "InvalidClientTokenId": "InvalidAccessKeyId"}
"""Where S3 has other codes than the other services."""
