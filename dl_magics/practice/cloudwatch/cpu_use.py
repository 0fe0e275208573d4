"""The metric CPUUtilization of the instances: an average for each five minutes, as AWS measures."""

from __future__ import annotations

import math
import time
from datetime import UTC, datetime

import psutil
from moto.cloudwatch.models import cloudwatch_backends
from moto.ec2.models.instance_types import INSTANCE_TYPES

from dl_magics.practice.ec2.state import Ec2State
from dl_magics.practice.hosts.cpu_time import read_cpu_seconds
from dl_magics.practice.hosts.hosts import Hosts

NAMESPACE, NAME = "AWS/EC2", "CPUUtilization"
PERIOD_MINUTES = 5
KEPT_PERIODS = 7 * 24 * 60 // PERIOD_MINUTES + 1


class CpuUse:
    """The CPU utilization in percent, by instance and by the number of the period."""

    def __init__(self, state: Ec2State, hosts: Hosts) -> None:
        self._state = state
        self._hosts = hosts
        self._periods: dict[str, dict[int, float]] = state.extra.setdefault("cpu_use", {})
        # By process: the CPU seconds that it had used, and when.
        self._before: dict[int, tuple[float, float]] = {}

    def measure(self, period: int) -> None:
        """Measure the period that has just ended."""
        now, seen = time.time(), {}
        for instance_id, pid in self._hosts.find_processes().items():
            try:
                began = psutil.Process(pid).create_time()
                seen[pid] = (read_cpu_seconds(pid), now)
            except psutil.Error:
                continue
            spent, since = self._before.get(pid, (0.0, began))
            self._publish(instance_id, period, seen[pid][0] - spent, now - since)
        self._before = seen

    def read_points(self, instance_id: str, last: int, count: int, length: int) -> list[float]:
        """Return the averages of `count` times `length` periods; the last one ends with `last`.

        Where there was no data, it is NaN.
        """
        known = self._periods.get(instance_id, {})
        points = []
        for end in range(last - (count - 1) * length, last + 1, length):
            values = [known[each] for each in range(end - length + 1, end + 1) if each in known]
            points.append(sum(values) / len(values) if values else math.nan)
        return points

    def _publish(self, instance_id: str, period: int, spent: float, seconds: float) -> None:
        instance = self._state.find_instance(instance_id)
        if instance is None or seconds <= 0:
            return
        vcpus = INSTANCE_TYPES[instance.instance_type]["VCpuInfo"]["DefaultVCpus"]
        percent = min(100.0, max(0.0, 100 * spent / seconds / vcpus))
        known = self._periods.setdefault(instance_id, {})
        known[period] = percent
        known.pop(period - KEPT_PERIODS, None)
        datum = {
            "MetricName": NAME,
            "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
            "Timestamp": datetime.now(UTC).replace(tzinfo=None),
            "Value": percent,
            "Unit": "Percent",
        }
        regions = cloudwatch_backends[self._state.account]
        regions[instance.region_name].put_metric_data(NAMESPACE, [datum])
