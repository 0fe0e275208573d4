"""Alarms on the CPU utilization of an instance: evaluated each minute, and carried out."""

from __future__ import annotations

import math
import time
from contextlib import suppress

from moto.cloudwatch.models import Alarm, cloudwatch_backends

from dl_magics.practice.cloudwatch import alarm_rules
from dl_magics.practice.cloudwatch.alarm_rules import ALARM, INSUFFICIENT
from dl_magics.practice.cloudwatch.cpu_use import NAME, NAMESPACE, PERIOD_MINUTES, CpuUse
from dl_magics.practice.ec2 import rules
from dl_magics.practice.ec2.http import ApiCall, ApiError, ApiResponse, raise_api_error
from dl_magics.practice.ec2.lifecycle import TRANSITIONS, Lifecycle
from dl_magics.practice.ec2.spot import rules as spot_rules
from dl_magics.practice.ec2.state import Ec2State
from dl_magics.practice.hosts.hosts import Hosts

DAY, WEEK, HOUR = 86_400, 604_800, 3600


class Alarms:
    """CloudWatch of all regions.

    Parameters
    ----------
    minute
        The seconds that a minute of CloudWatch takes.
    """

    def __init__(self, state: Ec2State, hosts: Hosts, lifecycle: Lifecycle, minute: float) -> None:
        self._state = state
        self._lifecycle = lifecycle
        self._use = CpuUse(state, hosts)
        self._seconds = minute
        self._minute = self._read_minute()

    def handle_call(self, call: ApiCall) -> ApiResponse:
        """Return the response to a call of CloudWatch."""
        alarms = cloudwatch_backends[self._state.account][call.region].alarms
        before = dict(alarms)
        answer = call.forward_to(self._state.app)
        if call.action == "DeleteAlarms" and alarms == before:
            raise_api_error("ResourceNotFound", "The named resource does not exist.", 404)
        put = {name: each for name, each in alarms.items() if before.get(name) is not each}
        for name, alarm in put.items():
            alarms.pop(name)
            alarms.update({name: before[name]} if name in before else {})
            _check_alarm(alarm)
            # A change keeps the state.
            alarm.state_value = before[name].state_value if name in before else INSUFFICIENT
            alarms[name] = alarm
        return answer

    def apply_due_changes(self) -> bool:
        """Measure and evaluate once a minute; return whether something has changed."""
        minute = self._read_minute()
        if minute == self._minute:
            return False
        period = minute // PERIOD_MINUTES
        if period != self._minute // PERIOD_MINUTES:
            self._use.measure(period - 1)
        self._minute = minute
        changed = [
            self._evaluate(alarm, period - 1)
            for region in list(cloudwatch_backends[self._state.account].values())
            for alarm in list(region.alarms.values())
        ]
        return any(changed)

    def _read_minute(self) -> int:
        return int(time.time() / self._seconds)

    def _evaluate(self, alarm: Alarm, last: int) -> bool:
        """Give an alarm the state that it has after the period `last`; return whether it is new."""
        if (alarm.namespace, alarm.metric_name) != (NAMESPACE, NAME):
            return False
        id_ = next((each.value for each in alarm.dimensions if each.name == "InstanceId"), None)
        length = max(1, int(alarm.period) // 60 // PERIOD_MINUTES)
        periods = int(alarm.evaluation_periods)
        # A value is there once its whole period is over.
        end = (last + 1) // length * length - 1
        count = periods + alarm_rules.MORE_POINTS
        breaches = alarm_rules.COMPARISONS[alarm.comparison_operator]
        points = [
            None if math.isnan(value) else breaches(value, float(alarm.threshold))
            for value in self._use.read_points(id_ or "", end, count, length)
        ]
        state = alarm_rules.evaluate(
            points,
            alarm.state_value,
            periods=periods,
            needed=int(alarm.datapoints_to_alarm or periods),
            missing=alarm.treat_missing_data or "missing",
        )
        if state == alarm.state_value:
            return False
        alarm.update_state("Threshold Crossed", "{}", state)
        if state == ALARM and alarm.actions_enabled:
            for action in alarm.alarm_actions:
                if action.endswith(":ec2:stop"):
                    self._stop(id_ or "")
        return True

    def _stop(self, instance_id: str) -> None:
        """Stop the instance of an alarm; where EC2 refuses it, nothing but the alarm tells it."""
        instance = self._state.find_instance(instance_id)
        if instance is None or instance.state not in TRANSITIONS["StopInstances"].starts_from:
            return
        with suppress(ApiError):
            rules.check_stop(instance)
            if instance.lifecycle == "spot":
                spot_rules.check_stop(self._lifecycle.spot_requests, instance)
            self._lifecycle.begin_transition(instance, "StopInstances")


def _check_alarm(alarm: Alarm) -> None:
    """Refuse what CloudWatch refuses and moto does not."""
    seconds, period = int(alarm.evaluation_periods) * int(alarm.period or 0), int(alarm.period or 0)
    longest = WEEK if period >= HOUR else DAY
    if seconds > longest:
        raise_api_error(
            "ValidationError",
            "Metrics cannot be checked across more than a "
            f"{'week' if longest == WEEK else 'day'} (EvaluationPeriods * Period must be <= "
            f"{longest}).",
        )
