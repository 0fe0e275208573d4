"""Answer AWS API calls: with moto, corrected where moto differs from AWS."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from threading import Event, RLock
from typing import TypeVar

from moto.core.exceptions import ServiceException
from moto.core.models import DEFAULT_ACCOUNT_ID

from dl_magics.practice.cloudwatch.alarms import Alarms
from dl_magics.practice.ec2 import catalog, images, rules
from dl_magics.practice.ec2.faults.events import Events
from dl_magics.practice.ec2.faults.fault import Fault
from dl_magics.practice.ec2.faults.queue import FaultQueue
from dl_magics.practice.ec2.http import (
    ApiCall,
    ApiError,
    ApiResponse,
    ec2_response,
    raise_api_error,
)
from dl_magics.practice.ec2.lifecycle import TRANSITIONS, Lifecycle
from dl_magics.practice.ec2.sessions import StsSessions
from dl_magics.practice.ec2.signature import AccessKey
from dl_magics.practice.ec2.spot.answers import SpotAnswers
from dl_magics.practice.ec2.spot.interruptions import Interruptions
from dl_magics.practice.ec2.spot.rules import is_spot_launch
from dl_magics.practice.ec2.state import Ec2State
from dl_magics.practice.hosts import console
from dl_magics.practice.hosts.hosts import Hosts
from dl_magics.practice.iam.roles import InstanceRoles

Changed = TypeVar("Changed")

TICK_SECONDS = 0.05
LISTS = {"DescribeInstances": "reservationSet", "DescribeVolumes": "volumeSet"}
# What nothing changes.
CONSTANT = ("DescribeInstanceTypeOfferings", "DescribeInstanceTypes", "DescribeRegions")
DESCRIBES_IMAGES = ("DescribeImages", "DescribeInstances")
STATE_RUNNING = b"<code>16</code><name>running</name>"
STATE_PENDING = b"<code>0</code><name>pending</name>"


_CONSTANT_ANSWERS: dict[tuple[str, bytes], ApiResponse] = {}


class Ec2Api:
    """Handles API calls, one at a time.

    Parameters
    ----------
    folder
        The folder of the state and of the hosts.
    url
        The endpoint URL, from which the hosts' metadata URL is made.
    key
        The access key of the profile, with which calls must be signed.
    delay
        Seconds that an instance is pending, stopping or shutting-down.
    boot
        Seconds from running until its SSH server answers.
    minute
        The seconds that a minute of `shutdown` on a host takes.
    alarm_minute
        The seconds that a minute of CloudWatch takes.
    account
        The id of the AWS account.
    """

    def __init__(
        self,
        folder: Path,
        url: str,
        key: AccessKey,
        delay: float,
        boot: float,
        minute: float = 60.0,
        alarm_minute: float = 60.0,
        account: str = DEFAULT_ACCOUNT_ID,
    ) -> None:
        self._lock = RLock()
        self.faults = FaultQueue()
        self.state = Ec2State(folder / "state.pickle", account)
        self.hosts = Hosts(
            folder, f"{url}/_practice/metadata", self._on_guest_request, boot, minute
        )
        self.lifecycle = Lifecycle(self.state, self.hosts, self.faults, delay)
        requests = self.lifecycle.spot_requests
        self._interruptions = Interruptions(self.state, self.lifecycle, requests, delay)
        self._spot = SpotAnswers(self.state.extra, requests, self._interruptions)
        self._events = Events(self.state, self.hosts, self.lifecycle, self._interruptions)
        self._alarms = Alarms(self.state, self.hosts, self.lifecycle, alarm_minute)
        self.sessions = StsSessions(key, self.state.extra.setdefault("access_keys", {}))
        self.roles = InstanceRoles(self.state, self.sessions)
        self._tokens: dict[str, tuple[dict[str, str], ApiResponse]]
        self._tokens = self.state.extra.setdefault("tokens", {})
        self._cached: dict[tuple[str, bytes], ApiResponse] = {}
        self.lifecycle.boot_running_hosts()

    def handle_call(self, call: ApiCall) -> ApiResponse:
        """Return the response to one call, or raise ApiError."""
        key = self.sessions.verify_call(call)
        call.environ["HTTP_X_MOTO_ACCOUNT_ID"] = self.state.account
        if fault := self.faults.take_for_call(call):
            return fault.respond(call)
        with self._lock:
            self._apply_due_changes()
            try:
                return self.roles.answer(call, key) or self._answer(call)
            except ServiceException as error:
                raise ApiError(error.code, error.message) from error
            finally:
                if not call.is_read_only:
                    self._changed(call.region)

    def apply_changes_until(self, ended: Event) -> None:
        """Apply due state changes between calls, until `ended` is set."""
        while not ended.wait(TICK_SECONDS):
            with self._lock:
                self._apply_due_changes()

    def change_state(self, change: Callable[[], Changed]) -> Changed:
        """Return the result of a change of the state, which is saved."""
        with self._lock:
            result = change()
            self._changed()
        return result

    def shut_down(self) -> None:
        """Save the state and power off every host; running ones boot again at the next start."""
        with self._lock:
            self.state.save()
        self.hosts.power_off_all()

    def inject_fault(self, fault: Fault) -> None:
        """Queue a fault, or apply it at once if it is an event."""
        if fault.kind != "event":
            self.faults.add(fault)
            return
        with self._lock:
            self._apply_due_changes()
            self._events.apply(fault)
            self._changed()

    def _answer(self, call: ApiCall) -> ApiResponse:
        rules.check_call(self.state, self.lifecycle.spot_requests, call)
        if call.action in TRANSITIONS:
            return self.lifecycle.handle_call(call)
        if answer := self.lifecycle.change_shutdown_behavior(call):
            return answer
        if call.action == "RunInstances":
            return self._launch(call)
        if call.action == "GetConsoleOutput":
            return self._console(call)
        if (own := catalog.HANDLERS.get(call.action)) and (answer := own(call)):
            return answer
        if answer := self._spot.answer(call):
            return answer
        if call.service == "monitoring":
            return self._alarms.handle_call(call)
        if call.service == "sts":
            return self.sessions.issue(call.forward_to(self.state.app))
        if call.is_read_only:
            return self._answer_cached(call)
        answer = call.forward_to(self.state.app)
        # Spot requests and fleets launch instances, too.
        self.lifecycle.adopt_new_instances()
        ec2 = self.state.region_backend(call.region)
        self.lifecycle.spot_requests.adopt(call.region, ec2)
        return answer

    def _answer_cached(self, call: ApiCall) -> ApiResponse:
        """Return the response to an EC2 read, cached until the state changes: moto is slow."""
        if call.service != "ec2":
            return call.forward_to(self.state.app)
        if (items := LISTS.get(call.action)) and self.state.is_unused(call.region):
            for instance_id in call.list_parameter("InstanceId"):
                self.lifecycle.find_instance(call, instance_id)
            return ec2_response(call.action, f"<{items}/>")
        request = (call.region, call.body)
        known = _CONSTANT_ANSWERS if call.action in CONSTANT else self._cached
        if request not in known:
            answer = call.forward_to(self.state.app)
            if call.action in DESCRIBES_IMAGES:
                amis = self.state.region_backend(call.region).amis
                answer = replace(answer, body=images.add_facts(call.action, answer.body, amis))
            if call.action == "DescribeInstances":
                answer = replace(answer, body=self._spot.add_request_ids(answer.body))
            known[request] = answer
        return known[request]

    def _changed(self, region: str = "") -> None:
        self._cached.clear()
        self.state.save(region)

    def _launch(self, call: ApiCall) -> ApiResponse:
        token = call.parameters.get("ClientToken", "")
        if token in self._tokens:
            request, answer = self._tokens[token]
            if request != call.parameters:
                raise_api_error(
                    "IdempotentParameterMismatch",
                    "The same client token was used with different parameters.",
                )
            return answer
        count = call.parameters.get("MaxCount", "1")
        body = re.sub(rb"\bMinCount=\d+", b"MinCount=" + count.encode(), call.body)
        if "SubnetId" not in str(call.parameters):
            body += f"&Placement.AvailabilityZone={rules.choose_zone(self.state, call)}".encode()
        answer = replace(call, body=body).forward_to(self.state.app)
        if answer.status != 200:
            return answer
        self.lifecycle.adopt_new_instances()
        answer = replace(answer, body=answer.body.replace(STATE_RUNNING, STATE_PENDING))
        if is_spot_launch(call):
            for id_ in re.findall(r"<instanceId>([^<]+)", answer.body.decode()):
                self.lifecycle.spot_requests.add(call, self.lifecycle.find_instance(call, id_))
            answer = replace(answer, body=self._spot.add_request_ids(answer.body))
        if token:
            self._tokens[token] = (call.parameters, answer)
        return answer

    def _console(self, call: ApiCall) -> ApiResponse:
        instance = self.lifecycle.find_instance(call, call.parameters.get("InstanceId", ""))
        text = console.encode_output(self.hosts.console_output(instance.id))
        now = "2026-01-01T00:00:00.000Z"
        inner = f"<instanceId>{instance.id}</instanceId><timestamp>{now}</timestamp>"
        return ec2_response(call.action, f"{inner}<output>{text}</output>")

    def _apply_due_changes(self) -> None:
        changing = (self.lifecycle, self._interruptions, self._alarms)
        changes = [each.apply_due_changes() for each in changing]
        if any(changes):
            self._changed()

    def _on_guest_request(self, instance_id: str, word: str) -> None:
        with self._lock:
            self.lifecycle.handle_guest_request(instance_id, word)
            self._changed()
