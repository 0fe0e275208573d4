"""What EC2 does with spot instances by itself: it takes them back, starts and launches them."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from moto.ec2.models.instances import Instance, StateReason
from moto.iam.models import iam_backends

from dl_magics.practice.ec2.lifecycle import TRANSITIONS, Lifecycle
from dl_magics.practice.ec2.spot import prices
from dl_magics.practice.ec2.spot.requests import (
    BY_PRICE,
    BY_USER,
    EVALUATED,
    NO_CAPACITY,
    SpotRequest,
    SpotRequests,
)
from dl_magics.practice.ec2.state import Ec2State

NOTICES, REBALANCE = "notices", "rebalance_recommendations"
"""In the extra state: what the metadata of an instance tell, by its id."""


class Interruptions:
    """Interrupts spot instances after a notice, and gives capacity back.

    `delay` is the time in seconds that EC2 takes to act on a request.
    """

    def __init__(
        self, state: Ec2State, lifecycle: Lifecycle, requests: SpotRequests, delay: float
    ) -> None:
        self._state = state
        self._lifecycle = lifecycle
        self._requests = requests
        self._delay = delay
        self._notices: dict[str, dict[str, str]] = state.extra.setdefault(NOTICES, {})
        self._rebalance: dict[str, str] = state.extra.setdefault(REBALANCE, {})
        self._due: dict[str, float] = state.extra.setdefault("reclaim_times", {})
        self._cancelled: dict[str, float] = state.extra.setdefault("cancelled_times", {})

    def announce(self, instance: Instance, seconds: float, why: str = NO_CAPACITY) -> None:
        """Announce to a spot instance that EC2 takes it back in some seconds."""
        request = self._requests.find_for(instance.id)
        if instance.lifecycle != "spot" or request is None:
            return
        due = time.time() + seconds
        stops = request.behavior == "stop"
        action = "stop" if stops else "terminate"
        self._notices[instance.id] = {"action": action, "time": _format_time(due)}
        self._due[instance.id] = due
        request.why, request.resumes = why, False
        request.move("active", "marked-for-stop" if stops else f"instance-terminated-{why}")

    def recommend_rebalance(self, instance: Instance) -> None:
        """Tell a spot instance that the risk of an interruption is elevated."""
        if instance.lifecycle == "spot":
            self._rebalance[instance.id] = _format_time(time.time())

    def raise_prices(self, seconds: float) -> None:
        """Raise the spot prices; announce an interruption to what pays less at most."""
        self._state.extra[prices.RAISED] = True
        for request in list(self._requests):
            instance = self._state.find_instance(request.instance_id)
            if instance is None or instance.state != "running" or request.max_price is None:
                continue
            zone = str(instance.availability_zone)
            now = prices.read_spot_price(
                self._state.extra, instance.instance_type, zone, request.region
            )
            if now is not None and now > request.max_price:
                self.announce(instance, seconds, BY_PRICE)

    def restore_capacity(self) -> None:
        """Lower the spot prices again, and let EC2 start what it has stopped or is stopping."""
        self._state.extra[prices.RAISED] = False
        for request in self._requests:
            request.resumes = request.why != BY_USER

    def cancel(self, request: SpotRequest) -> None:
        """Cancel a request; EC2 terminates its instance if it is stopped, not if it runs."""
        instance = self._state.find_instance(request.instance_id)
        if request.state == "open":
            request.move("cancelled", "canceled-before-fulfillment")
            return
        request.move("cancelled", "request-canceled-and-instance-running")
        if instance and instance.state in ("stopping", "stopped"):
            self._cancelled[instance.id] = time.time() + self._delay

    def apply_due_changes(self) -> bool:
        """Do what is due; return whether there was anything."""
        now = time.time()
        instances = {each.id: each for each in self._state.list_instances()}
        for id_ in [each for each in self._notices if not _runs(instances.get(each))]:
            # Stopped or terminated before its time: the next start has no notice.
            del self._notices[id_]
            self._due.pop(id_, None)
        for id_ in [each for each in self._rebalance if not _runs(instances.get(each))]:
            del self._rebalance[id_]
        reclaimed = [id_ for id_, due in self._due.items() if due <= now]
        for id_ in reclaimed:
            self._reclaim(instances[id_])
        cancelled = [id_ for id_, due in self._cancelled.items() if due <= now]
        for id_ in cancelled:
            del self._cancelled[id_]
            if (instance := instances.get(id_)) and instance.state in ("stopping", "stopped"):
                self._terminate(instance)
        settled = self._requests.settle({id_: each.state for id_, each in instances.items()})
        started = self._start_interrupted(instances)
        return self._launch_open(now) or settled or started or bool(reclaimed or cancelled)

    def _start_interrupted(self, instances: dict[str, Instance]) -> bool:
        """Start what was interrupted and for which there is capacity; return whether there was."""
        ready = [
            instance
            for each in self._requests
            if each.is_interrupted
            and each.resumes
            and (instance := instances.get(each.instance_id))
            and instance.state == "stopped"
        ]
        for instance in ready:
            self._lifecycle.begin_transition(instance, "StartInstances")
        return bool(ready)

    def _reclaim(self, instance: Instance) -> None:
        stops = self._notices.pop(instance.id)["action"] == "stop"
        del self._due[instance.id]
        request = self._requests.find_for(instance.id)
        why = request.why if request else NO_CAPACITY
        if not stops:
            self._terminate(instance, why)
            return
        self._lifecycle.begin_transition(instance, "StopInstances", why)
        reason = "Server.SpotInstanceShutdown"
        instance.state_reason = StateReason(f"{reason}: Spot instance shutdown", reason)

    def _terminate(self, instance: Instance, why: str = "by-service") -> None:
        if instance.state not in TRANSITIONS["TerminateInstances"].starts_from:
            return
        self._lifecycle.begin_transition(instance, "TerminateInstances", why)
        reason = "Server.SpotInstanceTermination"
        instance.state_reason = StateReason(f"{reason}: Spot instance termination", reason)

    def _launch_open(self, now: float) -> bool:
        """Launch an instance for each request that is open again; return whether there was one."""
        is_open = (each for each in self._requests if each.state == "open")
        waiting = [each for each in is_open if (each.settles_at or 0) <= now]
        launched = False
        for request in waiting:
            before = self._state.find_instance(request.instance_id)
            if before is None or before.state != "terminated":
                continue
            if not self._has_profile(request):
                request.move("failed", "bad-parameters")
                continue
            request.move("open", EVALUATED)
            request.instance_id = self._launch_like(before, request)
            request.settles_at = None
            request.move("active", "fulfilled")
            launched = True
        return launched

    def _has_profile(self, request: SpotRequest) -> bool:
        """Return whether the instance profile of a request, if it names one, is still there."""
        wanted = request.instance_profile
        known = iam_backends[self._state.account]["aws"].instance_profiles.values()
        return wanted is None or any(wanted in (each.name, each.arn) for each in known)

    def _launch_like(self, before: Instance, request: SpotRequest) -> str:
        """Launch an instance by the specification of a request, to which tags do not belong."""
        region, profile = request.region, request.instance_profile
        ec2 = self._state.region_backend(region)
        reservation = ec2.run_instances(
            before.image_id,
            1,
            before.user_data,
            [],
            instance_type=before.instance_type,
            is_instance_type_default=False,
            region_name=region,
            key_name=before.key_name,
            security_group_ids=[group.id for group in before.security_groups],
            placement=before.availability_zone,
            lifecycle="spot",
            tags={},
        )
        launched = str(reservation.instances[0].id)
        if profile:
            given = "arn" if profile.startswith("arn:") else "name"
            ec2.associate_iam_instance_profile(
                launched, **{f"iam_instance_profile_{given}": profile}
            )
        self._lifecycle.adopt_new_instances()
        return launched


def _runs(instance: Instance | None) -> bool:
    return instance is not None and instance.state in ("pending", "running")


def _format_time(at: float) -> str:
    return f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"
