"""The Spot Instance requests of an account, by "State changes for a Spot request" of AWS.

A request that launches or starts instances costs money until it is cancelled. A person's stop
disables it, which takes AWS up to some minutes, and a start opens it again. After an interruption
only EC2 starts the instance.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from dl_magics.aws.session import AwsSession
from dl_magics.core.instance import Instance
from dl_magics.errors import NoCapacity, WrongState

_LIVE = ("open", "active", "disabled")
_STOPPED_BY_USER = "instance-stopped-by-user"
_STOPPING = "marked-for-stop"
_UNKNOWN = "InvalidSpotInstanceRequestID.NotFound"
_POLL_SECONDS = 3.0
_SETTLING_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class SpotRequest:
    """A Spot Instance request: `code` is its status code, `instance` the id of its last one.

    `max_price` is the most dollars of an hour, None for the on-demand price.
    """

    id: str
    state: str
    code: str
    persistent: bool
    instance: str
    type: str = ""
    max_price: float | None = None

    @property
    def is_live(self) -> bool:
        """Whether it can still launch or start an instance."""
        return self.state in _LIVE


def read_requests(session: AwsSession, ids: Iterable[str]) -> list[SpotRequest]:
    """Return the requests with these ids that AWS still knows; it forgets ended ones."""
    found = session.query_filtered(
        "describe_spot_instance_requests", "SpotInstanceRequests", "spot-instance-request-id", ids
    )
    return [
        SpotRequest(
            id=each["SpotInstanceRequestId"],
            state=each["State"],
            code=each.get("Status", {}).get("Code", ""),
            persistent=each.get("Type") == "persistent",
            instance=each.get("InstanceId", ""),
            type=each.get("LaunchSpecification", {}).get("InstanceType", ""),
            max_price=float(each["SpotPrice"]) if "SpotPrice" in each else None,
        )
        for each in found
    ]


def cancel_request(session: AwsSession, id_: str) -> None:
    """Cancel a request. Its instance is left running; a stopped one is terminated by AWS."""
    session.change_ec2(
        "cancel_spot_instance_requests", unless=(_UNKNOWN,), SpotInstanceRequestIds=[id_]
    )


def cancel_for(session: AwsSession, instance: Instance) -> None:
    """Cancel the request of a spot instance that is to be terminated: EC2 would launch another."""
    if instance.spot_request:
        cancel_request(session, instance.spot_request)


def check_stoppable(session: AwsSession, instance: Instance) -> None:
    """Raise WrongState for a spot instance that EC2 does not stop, only terminates."""
    request = _find(session, instance)
    if request is None or (request.persistent and request.is_live):
        return
    why = "its request was cancelled" if request.persistent else "its request is a one-time one"
    raise WrongState(
        f"{instance.name} ({instance.id}) is a spot instance that AWS cannot stop: {why}.",
        fix=f"%sync down copies files from it · %aws_terminate {instance.id} -f ends it and its "
        "costs, and deletes its disk.",
    )


def until_startable(session: AwsSession, instance: Instance) -> Iterator[Instance]:
    """Wait until AWS has taken note of the stop of a spot instance; yield it if that takes long.

    Raises
    ------
    NoCapacity
        if EC2 interrupted it: then only EC2 starts it, as soon as it has capacity.
    WrongState
        if its request was cancelled, or AWS does not take note of the stop.
    """
    began, told = time.monotonic(), False
    while (request := _find(session, instance)) is not None:
        if request.state == "disabled" and request.code == _STOPPED_BY_USER:
            return
        if not request.is_live:
            raise WrongState(
                f"{instance.name} cannot start: its spot request {request.id} is {request.state}.",
                fix=f"%aws_terminate {instance.id} -f · %aws_launch {instance.type} --spot "
                "--name OTHER launches another.",
            )
        if request.code != _STOPPING:
            raise NoCapacity(
                f"EC2 stopped the spot instance {instance.name} itself ({request.code}), and "
                "starts it itself when it has capacity.",
                fix=f"%aws_start {instance.id} --wait 2h waits for that · or launch another: "
                f"%aws_launch {instance.type} --spot --name OTHER",
            )
        if time.monotonic() - began > _SETTLING_SECONDS:
            raise WrongState(
                f"AWS has not taken note yet that {instance.name} is stopped: its spot request "
                f"{request.id} is {request.state} ({request.code}).",
                fix="Run the cell again in a minute.",
            )
        if not told:
            told = True
            yield replace(instance, note="AWS takes up to some minutes to close a spot stop")
        time.sleep(_POLL_SECONDS)


def _find(session: AwsSession, instance: Instance) -> SpotRequest | None:
    if not instance.spot_request:
        return None
    return next(iter(read_requests(session, [instance.spot_request])), None)
