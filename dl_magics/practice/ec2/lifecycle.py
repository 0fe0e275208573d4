"""The states of an instance: transitions with AWS' delays, errors and messages."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass

from moto.core.utils import utcnow
from moto.ec2.models.instances import Instance, StateReason

from dl_magics.practice.ec2 import images
from dl_magics.practice.ec2.faults.fault import Fault
from dl_magics.practice.ec2.faults.queue import FaultQueue
from dl_magics.practice.ec2.http import ApiCall, ApiResponse, ec2_response, raise_api_error
from dl_magics.practice.ec2.spot.requests import BY_USER, SpotRequests
from dl_magics.practice.ec2.state import Ec2State
from dl_magics.practice.hosts.hosts import Hosts
from dl_magics.practice.hosts.spec import HostSpec

STATE_CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
INSTANCE_ID = re.compile(r"i-[0-9a-f]{8,17}")


@dataclass(frozen=True)
class Transition:
    """A change of state that an API action requests.

    Parameters
    ----------
    verb, participle
        For the method of moto's instance and for AWS' message.
    starts_from, ignored_in
        The states in which it is carried out, and in which it does nothing.
    transient_state, final_state
        The states during and after the delay.
    """

    verb: str
    participle: str
    starts_from: tuple[str, ...]
    ignored_in: tuple[str, ...]
    transient_state: str
    final_state: str


TRANSITIONS = {
    "StartInstances": Transition(
        "start", "started", ("stopped",), ("pending", "running"), "pending", "running"
    ),
    "StopInstances": Transition(
        "stop", "stopped", ("running",), ("stopping", "stopped"), "stopping", "stopped"
    ),
    "RebootInstances": Transition("reboot", "rebooted", ("running",), (), "running", "running"),
    "TerminateInstances": Transition(
        "terminate",
        "terminated",
        ("pending", "running", "stopping", "stopped"),
        ("shutting-down", "terminated"),
        "shutting-down",
        "terminated",
    ),
}
GUEST_SHUTDOWN_ACTIONS = {"stop": "StopInstances", "terminate": "TerminateInstances"}


class Lifecycle:
    """Starts, stops, reboots and terminates; pending changes are part of the saved state."""

    def __init__(self, state: Ec2State, hosts: Hosts, faults: FaultQueue, delay: float) -> None:
        self._state = state
        self._hosts = hosts
        self._faults = faults
        self._delay = delay
        self._pending: dict[str, tuple[str, float]] = state.extra.setdefault("pending", {})
        self.spot_requests = SpotRequests(state.extra, delay)

    def handle_call(self, call: ApiCall) -> ApiResponse:
        """Return the response to one of the actions in TRANSITIONS."""
        transition = TRANSITIONS[call.action]
        instances = [self.find_instance(call, each) for each in call.list_parameter("InstanceId")]
        for instance in instances:
            if instance.state not in transition.starts_from + transition.ignored_in:
                raise_api_error(
                    "IncorrectInstanceState",
                    f"The instance '{instance.id}' is not in a state from which it can be "
                    f"{transition.participle}.",
                )
        if call.parameters.get("DryRun", "").lower() == "true":
            raise_api_error(
                "DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412
            )
        before = [instance.state for instance in instances]
        for instance in instances:
            if instance.state in transition.starts_from:
                self.begin_transition(instance, call.action)
        if call.action == "RebootInstances":
            return ec2_response(call.action, "<return>true</return>")
        items = map(_state_change_item, instances, before)
        return ec2_response(call.action, f"<instancesSet>{''.join(items)}</instancesSet>")

    def change_shutdown_behavior(self, call: ApiCall) -> ApiResponse | None:
        """Return the response to a change of what a shutdown does; None to another call."""
        behavior = call.parameters.get("InstanceInitiatedShutdownBehavior.Value")
        if call.action != "ModifyInstanceAttribute" or behavior is None:
            return None
        instance = self.find_instance(call, call.parameters.get("InstanceId", ""))
        if behavior not in GUEST_SHUTDOWN_ACTIONS:
            raise_api_error(
                "InvalidParameterValue",
                f"Value ({behavior}) for parameter instanceInitiatedShutdownBehavior is invalid.",
            )
        instance.instance_initiated_shutdown_behavior = behavior
        return ec2_response(call.action, "<return>true</return>")

    def find_instance(self, call: ApiCall, instance_id: str) -> Instance:
        """Return the instance with this id in the call's region, or raise ApiError."""
        if not INSTANCE_ID.fullmatch(instance_id):
            raise_api_error("InvalidInstanceID.Malformed", f'Invalid id: "{instance_id}"')
        instance = self._state.find_instance(instance_id)
        if instance is None or instance.region_name != call.region:
            raise_api_error(
                "InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist"
            )
        return instance

    def begin_transition(self, instance: Instance, action: str, why: str = BY_USER) -> None:
        """Begin a transition, whatever the current state; `why` is that of a spot request."""
        transition = TRANSITIONS[action]
        getattr(instance, transition.verb)()
        if action == "StartInstances":
            instance.launch_time = utcnow()
        else:
            self._hosts.power_off(instance.id)
        if action == "TerminateInstances":
            self._disassociate_addresses(instance)
        self.spot_requests.note_transition(instance.id, action, why)
        self._enter(instance, transition)

    def adopt_new_instances(self) -> None:
        """Put instances that moto has made running into pending: their hosts must boot first."""
        for instance in self._state.list_instances():
            known = instance.id in self._pending or self._hosts.is_running(instance.id)
            if instance.state != "running" or known:
                continue
            for interface in instance.nics.values():
                interface.delete_on_termination = True
            images.move_root_device(instance)
            self._enter(instance, TRANSITIONS["StartInstances"])

    def handle_guest_request(self, instance_id: str, word: str) -> None:
        """Carry out a shutdown or reboot that was requested on the instance."""
        instance = self._state.find_instance(instance_id)
        if instance is None or instance.state != "running":
            return
        if word == "reboot":
            self.begin_transition(instance, "RebootInstances")
            return
        request = self.spot_requests.find_for(instance_id)
        stops = request is None or request.persistent
        behavior = instance.instance_initiated_shutdown_behavior if stops else "terminate"
        self.begin_transition(instance, GUEST_SHUTDOWN_ACTIONS[behavior])
        reason = "Client.InstanceInitiatedShutdown"
        instance.state_reason = StateReason(f"{reason}: Instance initiated shutdown", reason)

    def apply_due_changes(self) -> bool:
        """Complete the transitions that are due; return whether there were any."""
        now, changed = time.time(), False
        for instance_id, (state, due) in list(self._pending.items()):
            instance = self._state.find_instance(instance_id)
            if due > now or self._hosts.is_running(instance_id):
                continue
            del self._pending[instance_id]
            changed = True
            if instance is None:
                continue
            if state == "running" and (late := self._faults.take_start_failure(instance_id)):
                self._fail_start(instance, late)
                continue
            _set_state(instance, state)
            if state == "running":
                self.boot_host(instance)
            elif state == "terminated":
                self._hosts.delete(instance_id)
        return changed

    def boot_host(self, instance: Instance) -> None:
        """Boot the host of an instance."""
        self._hosts.boot(
            HostSpec.from_instance(instance),
            extra_seconds=self._faults.take_boot_delay(instance.id),
        )

    def boot_running_hosts(self) -> None:
        """Boot the hosts of the instances that were running when the practice cloud stopped."""
        for instance in self._state.list_instances():
            if instance.state == "running" and instance.id not in self._pending:
                self.boot_host(instance)

    def _disassociate_addresses(self, instance: Instance) -> None:
        """Leave the Elastic IP addresses of an instance to the account, unused."""
        for address in instance.ec2_backend.addresses:
            if address.instance is instance and address.association_id:
                instance.ec2_backend.disassociate_address(association_id=address.association_id)

    def _fail_start(self, instance: Instance, fault: Fault) -> None:
        """Fail a start: terminate an instance that has never run, stop another one."""
        action = "StopInstances" if self._hosts.has_booted(instance.id) else "TerminateInstances"
        getattr(instance, TRANSITIONS[action].verb)()
        _set_state(instance, TRANSITIONS[action].final_state)
        instance.state_reason = StateReason(f"{fault.code}: {fault.message}", fault.code)

    def _enter(self, instance: Instance, transition: Transition) -> None:
        _set_state(instance, transition.transient_state)
        self._pending[instance.id] = (transition.final_state, time.time() + self._delay)


def _set_state(instance: Instance, state: str) -> None:
    instance.instance_state.name = state
    instance.instance_state.code = STATE_CODES[state]


def _state_change_item(instance: Instance, before: str) -> str:
    states = (("currentState", instance.state), ("previousState", before))
    shown = (
        f"<{name}><code>{STATE_CODES[state]}</code><name>{state}</name></{name}>"
        for name, state in states
    )
    return f"<item><instanceId>{instance.id}</instanceId>{''.join(shown)}</item>"
