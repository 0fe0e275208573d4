"""What can go wrong on AWS, by name: each fault says which calls it hits and what they get."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Literal

from dl_magics.practice.ec2.http import Answer, Call, Refused, refuse

Way = Literal["refuse", "drop", "wait", "garble", "late", "boot", "now"]
MONEY = ("RunInstances", "StartInstances")
ENCODED = "Encoded authorization failure message: cHJhY3RpY2UtY2xvdWQ"


@dataclass(frozen=True)
class Fault:
    """One thing that goes wrong, and how often it still will.

    Parameters
    ----------
    does
        One line for a person.
    way
        How it strikes: at a call (refuse, drop, wait, garble), in place of the next run (late), at
        the next boot, or now.
    actions
        The calls that it hits; none means any.
    about
        A parameter that the call must have.
    """

    name: str
    does: str
    way: Way = "refuse"
    actions: tuple[str, ...] = ()
    about: str = ""
    code: str = ""
    message: str = ""
    status: int = 400
    seconds: float = 0
    times: int = field(default=1, compare=False)
    instance: str = ""

    def hits(self, call: Call) -> bool:
        """Whether this call gets it."""
        if self.actions and call.action not in self.actions:
            return False
        named = call.listed("InstanceId")
        return (not self.about or bool(call.listed(self.about))) and (
            not self.instance or self.instance in named
        )

    def strike(self, call: Call) -> Answer:
        """Go wrong in place of the answer."""
        if self.way == "drop":
            # The handler of werkzeug takes a ConnectionError for a client that left.
            call.environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
            raise ConnectionResetError
        if self.way == "wait":
            time.sleep(self.seconds)
            refuse("ServiceUnavailable", "The practice cloud took too long.", 503)
        if self.way == "garble":
            return Answer(b"<html><body>Welcome to this hotel's network</bo", 200, "text/html")
        raise self._refusal(call)

    def _refusal(self, call: Call) -> Refused:
        names = {
            "action": f"{call.service}:{call.action}",
            "id": next(iter(call.listed("InstanceId")), "i-0123456789abcdef0"),
            "type": call.parameters.get("InstanceType", "requested"),
            "image": call.parameters.get("ImageId", "ami-0123456789abcdef0"),
            "zone": call.parameters.get("Placement.AvailabilityZone", f"{call.region}a"),
        }
        code = self.code
        if call.service != "ec2":
            code = ELSEWHERE.get(code, code)
        return Refused(code, self.message.format(**names), self.status)


# EC2 has words of its own for what all the other services call otherwise.
ELSEWHERE = {
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
            "AWS does not know the credentials",
            code="AuthFailure",
            message="AWS was not able to validate the provided access credentials",
            status=401,
        ),
        Fault(
            "not-allowed",
            "a policy does not allow it",
            code="UnauthorizedOperation",
            message="You are not authorized to perform this operation. User: "
            "arn:aws:iam::123456789012:user/practice is not authorized to perform: {action} "
            "because no identity-based policy allows the {action} action. " + ENCODED,
            status=403,
        ),
        Fault(
            "no-capacity",
            "AWS has no such instance left: at a launch",
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
            "AWS has no such instance left: at a start",
            actions=("StartInstances",),
            code="InsufficientInstanceCapacity",
            message="Insufficient capacity.",
            status=500,
        ),
        Fault(
            "no-capacity-late",
            "AWS has no such instance left: it is pending, then stopped or terminated",
            "late",
            code="Server.InsufficientInstanceCapacity",
            message="Insufficient capacity to satisfy the instance request",
        ),
        Fault(
            "vcpu-limit",
            "the account's quota is used up",
            actions=MONEY,
            code="VcpuLimitExceeded",
            message="You have requested more vCPU capacity than your current vCPU limit of 0 "
            "allows for the instance bucket that the specified instance type belongs to. Please "
            "visit http://aws.amazon.com/contact-us/ec2-request to request an adjustment to this "
            "limit.",
        ),
        Fault(
            "throttled",
            "too many calls in a short time",
            code="RequestLimitExceeded",
            message="Request limit exceeded.",
            status=503,
        ),
        Fault(
            "wrong-state",
            "the instance is not in a state for it",
            actions=("StartInstances", "StopInstances", "ModifyInstanceAttribute"),
            code="IncorrectInstanceState",
            message="The instance '{id}' is not in a state from which this can be done.",
        ),
        Fault(
            "no-such-instance",
            "the instance is not there",
            about="InstanceId",
            code="InvalidInstanceID.NotFound",
            message="The instance ID '{id}' does not exist",
        ),
        Fault(
            "no-such-image",
            "the image is not there",
            actions=("RunInstances", "DescribeImages"),
            code="InvalidAMIID.NotFound",
            message="The image id '[{image}]' does not exist",
        ),
        Fault(
            "unsupported",
            "the type is not offered here",
            actions=(*MONEY, "ModifyInstanceAttribute"),
            code="Unsupported",
            message="The requested configuration is currently not supported. Please check the "
            "documentation for supported configurations.",
        ),
        Fault("connection-reset", "the network drops the call", "drop"),
        Fault("time-out", "AWS does not answer for --seconds", "wait", seconds=70),
        Fault("malformed", "something else answers in place of AWS", "garble"),
        Fault("slow-boot", "SSH answers --seconds late", "boot", seconds=30),
        Fault("new-address", "the instance gets another address, now", "now"),
        Fault("host-key-swap", "another host answers at the instance's address, now", "now"),
        Fault("terminated", "somebody else terminates the instance, now", "now"),
        Fault(
            "spot-notice",
            "the spot market takes the instance back in --seconds",
            "now",
            seconds=120,
        ),
    )
}


class Faults:
    """The faults that are still to strike."""

    def __init__(self) -> None:
        self._waiting: list[Fault] = []
        self._lock = Lock()

    def arm(self, fault: Fault) -> None:
        """Let it strike."""
        with self._lock:
            self._waiting.append(fault)

    def forgive(self) -> None:
        """Let nothing strike any more."""
        with self._lock:
            self._waiting.clear()

    def take(self, call: Call) -> Fault | None:
        """Return what strikes this call, one time less to come."""
        return self._take(
            lambda fault: fault.way not in ("late", "boot", "now") and fault.hits(call)
        )

    def too_late(self, instance_id: str) -> Fault | None:
        """Return what strikes this instance when it should begin to run."""
        return self._take(lambda fault: fault.way == "late" and fault.instance in ("", instance_id))

    def boot_seconds(self, instance_id: str) -> float:
        """How much later than usual this instance's SSH answers at this boot."""
        slow = self._take(lambda fault: fault.way == "boot" and fault.instance in ("", instance_id))
        return slow.seconds if slow else 0

    def _take(self, fits: Callable[[Fault], bool]) -> Fault | None:
        with self._lock:
            for at, fault in enumerate(self._waiting):
                if fits(fault):
                    left = replace(fault, times=fault.times - 1)
                    self._waiting[at : at + 1] = [left] if left.times else []
                    return fault
        return None
