"""The practice cloud's answers: moto's, made like AWS where moto is not."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from threading import Event, RLock

from moto.core.exceptions import ServiceException

from dl_magics.practice.ec2 import catalog, rules
from dl_magics.practice.ec2.faults import Fault, Faults
from dl_magics.practice.ec2.http import Answer, Call, Refused, as_ec2, refuse
from dl_magics.practice.ec2.lifecycle import MOVES, Power
from dl_magics.practice.ec2.sessions import Sessions
from dl_magics.practice.ec2.state import World
from dl_magics.practice.hosts.hosts import Hosts, encoded_console

TICK_SECONDS = 0.05
RUNS = b"<code>16</code><name>running</name>"
WILL_RUN = b"<code>0</code><name>pending</name>"


class Cloud:
    """Everything behind the HTTP door, one call at a time.

    Parameters
    ----------
    key
        The access key id of the profile, which calls are signed with.
    delay
        Seconds that an instance is pending, stopping or shutting down.
    """

    def __init__(self, folder: Path, url: str, key: str, delay: float, boot: float) -> None:
        self._lock = RLock()
        self.faults = Faults()
        self.world = World(folder / "world.pickle")
        self.hosts = Hosts(folder, f"{url}/_practice/metadata", self._from_inside, boot)
        self.power = Power(self.world, self.hosts, self.faults, delay)
        self._sessions = Sessions(key, self.world.extra.setdefault("sessions", {}))
        self._tokens: dict[str, tuple[dict[str, str], Answer]]
        self._tokens = self.world.extra.setdefault("tokens", {})
        self._told: dict[tuple[str, bytes], Answer] = {}
        self.power.resume()

    def answer(self, call: Call) -> Answer:
        """Answer one call, or raise Refused."""
        if fault := self.faults.take(call):
            return fault.strike(call)
        self._sessions.check(call)
        with self._lock:
            self._settle()
            try:
                return self._answer(call)
            except ServiceException as error:
                raise Refused(error.code, error.message) from error
            finally:
                if not call.reads_only:
                    self._changed(call.region)

    def keep_settling(self, ended: Event) -> None:
        """Let states change though nobody asks."""
        while not ended.wait(TICK_SECONDS):
            with self._lock:
                self._settle()

    def end(self) -> None:
        """Take the power from every host; what ran will run again after the next start."""
        with self._lock:
            self.world.save()
        self.hosts.power_off_all()

    def arm(self, fault: Fault) -> None:
        """Let a fault strike: at a call, at the next boot, or now."""
        if fault.way != "now":
            self.faults.arm(fault)
            return
        with self._lock:
            self._settle()
            for instance in self.world.instances():
                if instance.id == fault.instance or not fault.instance:
                    self.power.happen(fault, instance)
            self._changed()

    def _answer(self, call: Call) -> Answer:
        rules.check(self.world, call)
        if call.action in MOVES:
            return self.power.answer(call)
        if call.action == "RunInstances":
            return self._launch(call)
        if call.action == "GetConsoleOutput":
            return self._console(call)
        if (own := catalog.ANSWERS.get(call.action)) and (answer := own(call)):
            return answer
        if call.service == "sts":
            return self._sessions.give(call.forward(self.world.app))
        if call.reads_only:
            return self._tell(call)
        answer = call.forward(self.world.app)
        # Spot requests and fleets launch instances too.
        self.power.adopt()
        return answer

    def _tell(self, call: Call) -> Answer:
        """Answer as before while nothing has changed: moto takes milliseconds for each answer."""
        if call.service != "ec2":
            return call.forward(self.world.app)
        asked = (call.region, call.body)
        if asked not in self._told:
            self._told[asked] = call.forward(self.world.app)
        return self._told[asked]

    def _changed(self, region: str = "") -> None:
        self._told.clear()
        self.world.save(region)

    def _launch(self, call: Call) -> Answer:
        token = call.parameters.get("ClientToken", "")
        if token in self._tokens:
            asked, answer = self._tokens[token]
            if asked != call.parameters:
                refuse(
                    "IdempotentParameterMismatch",
                    "The same client token was used with different parameters.",
                )
            return answer
        count = call.parameters.get("MaxCount", "1")
        body = re.sub(rb"\bMinCount=\d+", b"MinCount=" + count.encode(), call.body)
        if "SubnetId" not in str(call.parameters):
            body += f"&Placement.AvailabilityZone={rules.zone(self.world, call)}".encode()
        answer = replace(call, body=body).forward(self.world.app)
        if answer.status != 200:
            return answer
        self.power.adopt()
        answer = replace(answer, body=answer.body.replace(RUNS, WILL_RUN))
        if token:
            self._tokens[token] = (call.parameters, answer)
        return answer

    def _console(self, call: Call) -> Answer:
        instance = self.power.find(call, call.parameters.get("InstanceId", ""))
        text = encoded_console(self.hosts.console(instance.id))
        now = "2026-01-01T00:00:00.000Z"
        inner = f"<instanceId>{instance.id}</instanceId><timestamp>{now}</timestamp>"
        return as_ec2(call.action, f"{inner}<output>{text}</output>")

    def _settle(self) -> None:
        if self.power.settle():
            self._changed()

    def _from_inside(self, instance_id: str, word: str) -> None:
        with self._lock:
            self.power.from_inside(instance_id, word)
            self._changed()
