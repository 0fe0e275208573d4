"""Spot Instance requests and their states, by "State changes for a Spot request" of the EC2 guide.

A request is active while its instance runs or is being stopped. After a stop it is disabled; some
time passes until it is, and only then the instance can be started. A persistent request whose
instance is terminated is open again, and EC2 launches another instance for it.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from moto.ec2.models import EC2Backend
from moto.ec2.models.instances import Instance

from dl_magics.practice.ec2.http import ApiCall

OPTIONS = "InstanceMarketOptions."
SPOT_OPTIONS = f"{OPTIONS}SpotOptions."
PROFILE = "IamInstanceProfile."
BY_USER, NO_CAPACITY, BY_PRICE = "by-user", "no-capacity", "by-price"
"""Why an instance was stopped or terminated, as in the status codes."""

STOPPED_BY_USER = f"instance-stopped-{BY_USER}"
MARKED_FOR_STOP = "marked-for-stop"
EVALUATED = "pending-evaluation"
LIVE = ("open", "active", "disabled")
"""The states of a request that can launch or start an instance; only these can be cancelled."""


@dataclass
class SpotRequest:
    """A request for one instance; `max_price` is None for the on-demand price.

    `settles_at` is when a request takes note of the stop of its instance; `why` is why it stops.
    `instance_profile` is the name or ARN of that which its instances get.
    `resumes` is true once there is capacity again for an instance that was interrupted.
    """

    id: str
    region: str
    instance_id: str
    persistent: bool
    behavior: str
    max_price: float | None
    tags: dict[str, str] = field(default_factory=dict)
    instance_profile: str | None = None
    state: str = "active"
    code: str = "fulfilled"
    created_at: float = field(default_factory=time.time)
    updated_at: float = field(default_factory=time.time)
    settles_at: float | None = None
    why: str = BY_USER
    resumes: bool = False

    def move(self, state: str, code: str) -> None:
        """Change its state and its status code."""
        self.state, self.code, self.updated_at = state, code, time.time()

    @property
    def is_interrupted(self) -> bool:
        """Whether EC2 itself stopped its instance, and starts it again when it has capacity."""
        return self.state == "disabled" and self.code != STOPPED_BY_USER


class SpotRequests:
    """The requests of the account, which are part of the saved state.

    `delay` is the time in seconds after which a request takes note of a stop.
    """

    def __init__(self, extra: dict[str, Any], delay: float) -> None:
        self._each: dict[str, SpotRequest] = extra.setdefault("spot_requests", {})
        self._delay = delay

    def __iter__(self) -> Iterator[SpotRequest]:
        return iter(self._each.values())

    def find(self, request_id: str) -> SpotRequest | None:
        """Return the request with this id."""
        return self._each.get(request_id)

    def find_for(self, instance_id: str) -> SpotRequest | None:
        """Return the last request of an instance."""
        found = [each for each in self if each.instance_id == instance_id]
        return found[-1] if found else None

    def add(self, call: ApiCall, instance: Instance) -> SpotRequest:
        """Enter the request of a launch whose instance runs."""
        options = {
            name.removeprefix(SPOT_OPTIONS): value
            for name, value in call.parameters.items()
            if name.startswith(SPOT_OPTIONS)
        }
        given = options.get("MaxPrice")
        return self.enter(
            SpotRequest(
                id=f"sir-{secrets.token_hex(4)}",
                region=call.region,
                instance_id=instance.id,
                persistent=options.get("SpotInstanceType") == "persistent",
                behavior=options.get("InstanceInterruptionBehavior", "terminate"),
                max_price=float(given) if given else None,
                tags=_read_tags(call),
                instance_profile=_read_profile(call),
            )
        )

    def enter(self, request: SpotRequest) -> SpotRequest:
        """Enter a request."""
        self._each[request.id] = request
        return request

    def adopt(self, region: str, ec2: EC2Backend) -> None:
        """Enter the requests of RequestSpotInstances, which moto has fulfilled."""
        for id_, made in ec2.spot_instance_requests.items():
            if id_ not in self._each:
                self.enter(
                    SpotRequest(
                        id=id_,
                        region=region,
                        instance_id=made.instance_id,
                        persistent=made.type == "persistent",
                        behavior=made.instance_interruption_behaviour,
                        max_price=float(made.price) if made.price else None,
                    )
                )

    def note_transition(self, instance_id: str, action: str, why: str = BY_USER) -> None:
        """Change the request of an instance that is started, stopped or terminated."""
        request = self.find_for(instance_id)
        if request is None:
            return
        request.why, request.settles_at = why, None
        if action == "StopInstances" and request.state == "active":
            request.move("active", MARKED_FOR_STOP)
        elif action == "StartInstances":
            request.move("active", "fulfilled")
        elif action == "TerminateInstances" and request.state in LIVE:
            request.settles_at = time.time() + self._delay
            state = "open" if request.persistent else "closed"
            request.move(state, f"instance-terminated-{why}")

    def settle(self, states: dict[str, str]) -> bool:
        """Take note of stops that are over, given the states of the instances by their ids.

        Return whether a request has changed.
        """
        changed, now = False, time.time()
        for each in self:
            if each.code != MARKED_FOR_STOP or states.get(each.instance_id) != "stopped":
                continue
            if each.settles_at is None:
                each.settles_at = now + self._delay
            if each.settles_at <= now:
                each.settles_at = None
                each.move("disabled", f"instance-stopped-{each.why}")
                changed = True
        return changed


def _read_profile(call: ApiCall) -> str | None:
    given = (call.parameters.get(f"{PROFILE}{field}") for field in ("Arn", "Name"))
    return next(filter(None, given), None)


def _read_tags(call: ApiCall) -> dict[str, str]:
    """Return the tags that a launch gives its Spot Instance request."""
    given = call.parameters
    for name, value in given.items():
        if name.endswith(".ResourceType") and value == "spot-instances-request":
            start = name.removesuffix("ResourceType")
            numbers = range(1, 51)
            return {
                given[f"{start}Tag.{n}.Key"]: given.get(f"{start}Tag.{n}.Value", "")
                for n in numbers
                if f"{start}Tag.{n}.Key" in given
            }
    return {}
