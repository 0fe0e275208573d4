"""How an instance goes from state to state: with AWS' delays, refusals and words."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime

from moto.core.utils import utcnow
from moto.ec2.models.instances import Instance, StateReason

from dl_magics.practice.ec2.faults import Fault, Faults
from dl_magics.practice.ec2.http import Answer, Call, as_ec2, refuse
from dl_magics.practice.ec2.state import World
from dl_magics.practice.hosts.hosts import Hosts
from dl_magics.practice.hosts.spec import Sheet

CODES = {
    "pending": 0,
    "running": 16,
    "shutting-down": 32,
    "terminated": 48,
    "stopping": 64,
    "stopped": 80,
}
ID = re.compile(r"i-[0-9a-f]{8,17}")


@dataclass(frozen=True)
class Move:
    """One way to change the state of an instance."""

    verb: str
    done: str
    starts_from: tuple[str, ...]
    nothing_to_do: tuple[str, ...]
    passes: str
    ends: str


MOVES = {
    "StartInstances": Move(
        "start", "started", ("stopped",), ("pending", "running"), "pending", "running"
    ),
    "StopInstances": Move(
        "stop", "stopped", ("running",), ("stopping", "stopped"), "stopping", "stopped"
    ),
    "RebootInstances": Move("reboot", "rebooted", ("running",), (), "running", "running"),
    "TerminateInstances": Move(
        "terminate",
        "terminated",
        ("pending", "running", "stopping", "stopped"),
        ("shutting-down", "terminated"),
        "shutting-down",
        "terminated",
    ),
}
INSIDE = {"stop": "StopInstances", "terminate": "TerminateInstances"}


class Power:
    """Starts, stops, reboots and terminates; what is on the way is part of the world."""

    def __init__(self, world: World, hosts: Hosts, faults: Faults, delay: float) -> None:
        self._world = world
        self._hosts = hosts
        self._faults = faults
        self._delay = delay
        self._due: dict[str, tuple[str, float]] = world.extra.setdefault("due", {})
        self._notices: dict[str, dict[str, str]] = world.extra.setdefault("notices", {})
        self._taken_back: dict[str, float] = world.extra.setdefault("taken_back", {})

    def answer(self, call: Call) -> Answer:
        """Answer one of the calls in MOVES."""
        move = MOVES[call.action]
        instances = [self.find(call, each) for each in call.listed("InstanceId")]
        for instance in instances:
            if instance.state not in move.starts_from + move.nothing_to_do:
                refuse(
                    "IncorrectInstanceState",
                    f"The instance '{instance.id}' is not in a state from which it can be "
                    f"{move.done}.",
                )
        if call.parameters.get("DryRun", "").lower() == "true":
            refuse("DryRunOperation", "Request would have succeeded, but DryRun flag is set.", 412)
        before = [instance.state for instance in instances]
        for instance in instances:
            if instance.state in move.starts_from:
                self.begin(instance, call.action)
        if call.action == "RebootInstances":
            return as_ec2(call.action, "<return>true</return>")
        items = map(_change, instances, before)
        return as_ec2(call.action, f"<instancesSet>{''.join(items)}</instancesSet>")

    def find(self, call: Call, instance_id: str) -> Instance:
        """Return the instance of this id in the call's region, or refuse."""
        if not ID.fullmatch(instance_id):
            refuse("InvalidInstanceID.Malformed", f'Invalid id: "{instance_id}"')
        instance = self._world.instance(instance_id)
        if instance is None or instance.region_name != call.region:
            refuse("InvalidInstanceID.NotFound", f"The instance ID '{instance_id}' does not exist")
        return instance

    def begin(self, instance: Instance, action: str) -> None:
        """Let an instance begin to change."""
        move = MOVES[action]
        ec2 = self._world.ec2(instance.region_name)
        getattr(ec2, f"{move.verb}_instances")([instance.id])
        if action == "StartInstances":
            instance.launch_time = utcnow()
        else:
            self._hosts.power_off(instance.id)
        self._pass(instance, move)

    def adopt(self) -> None:
        """Let instances that moto made run as ours do: they boot first."""
        for instance in self._world.instances():
            known = instance.id in self._due or self._hosts.has_power(instance.id)
            if instance.state != "running" or known:
                continue
            for interface in instance.nics.values():
                interface.delete_on_termination = True
            self._pass(instance, MOVES["StartInstances"])

    def from_inside(self, instance_id: str, word: str) -> None:
        """Do what somebody on the instance asked for: shutdown or reboot."""
        instance = self._world.instance(instance_id)
        if instance is None or instance.state != "running":
            return
        if word == "reboot":
            self.begin(instance, "RebootInstances")
            return
        self.begin(instance, INSIDE[instance.instance_initiated_shutdown_behavior])
        reason = "Client.InstanceInitiatedShutdown"
        instance.state_reason = StateReason(f"{reason}: Instance initiated shutdown", reason)

    def happen(self, fault: Fault, instance: Instance) -> None:
        """Let something happen to an instance that nobody asked for."""
        if fault.name == "terminated" and instance.state in MOVES["TerminateInstances"].starts_from:
            self.begin(instance, "TerminateInstances")
        elif instance.state != "running":
            return
        elif fault.name == "new-address":
            instance.nics[0].public_ip = self._world.new_address()
            self._hosts.move(instance.id, instance.public_ip or "")
        elif fault.name == "host-key-swap":
            self._hosts.swap_key(instance.id)
        elif fault.name == "spot-notice":
            due = time.time() + fault.seconds
            self._notices[instance.id] = {
                "action": "terminate",
                "time": f"{datetime.fromtimestamp(due, UTC):%Y-%m-%dT%H:%M:%SZ}",
            }
            self._taken_back[instance.id] = due

    def settle(self) -> bool:
        """Let what is due come true; return whether anything did."""
        now, came_true = time.time(), self._take_back()
        for instance_id, (state, due) in list(self._due.items()):
            instance = self._world.instance(instance_id)
            if due > now or self._hosts.has_power(instance_id):
                continue
            del self._due[instance_id]
            came_true = True
            if instance is None:
                continue
            if state == "running" and (late := self._faults.too_late(instance_id)):
                self._fail(instance, late)
                continue
            _show(instance, state)
            if state == "running":
                self.boot(instance)
            elif state == "terminated":
                self._hosts.forget(instance_id)
        return came_true

    def boot(self, instance: Instance) -> None:
        """Give power to the instance's host."""
        self._hosts.boot(Sheet.of(instance), extra_seconds=self._faults.boot_seconds(instance.id))

    def resume(self) -> None:
        """Boot the hosts of what ran when the practice cloud ended."""
        for instance in self._world.instances():
            if instance.state == "running" and instance.id not in self._due:
                self.boot(instance)

    def _fail(self, instance: Instance, fault: Fault) -> None:
        """Let one that never ran be given back, and another one be stopped again."""
        action = "StopInstances" if self._hosts.is_known(instance.id) else "TerminateInstances"
        getattr(self._world.ec2(instance.region_name), f"{MOVES[action].verb}_instances")(
            [instance.id]
        )
        _show(instance, MOVES[action].ends)
        instance.state_reason = StateReason(f"{fault.code}: {fault.message}", fault.code)

    def _take_back(self) -> bool:
        due = [each for each, when in self._taken_back.items() if when <= time.time()]
        for instance_id in due:
            del self._taken_back[instance_id]
            instance = self._world.instance(instance_id)
            if instance and instance.state in MOVES["TerminateInstances"].starts_from:
                self.begin(instance, "TerminateInstances")
                reason = "Server.SpotInstanceTermination"
                instance.state_reason = StateReason(f"{reason}: Spot instance termination", reason)
        return bool(due)

    def _pass(self, instance: Instance, move: Move) -> None:
        _show(instance, move.passes)
        self._due[instance.id] = (move.ends, time.time() + self._delay)


def _show(instance: Instance, state: str) -> None:
    instance.instance_state.name = state
    instance.instance_state.code = CODES[state]


def _change(instance: Instance, before: str) -> str:
    states = (("currentState", instance.state), ("previousState", before))
    shown = (
        f"<{name}><code>{CODES[state]}</code><name>{state}</name></{name}>"
        for name, state in states
    )
    return f"<item><instanceId>{instance.id}</instanceId>{''.join(shown)}</item>"
