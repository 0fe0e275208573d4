"""CloudWatch: the alarm that stops an instance, and the CPU utilization that it watches."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from dl_magics.aws.session import AwsSession

PREFIX = "dl-magics-"
"""The names of our alarms: this and the id of the instance."""

# Basic monitoring has one value for five minutes. An alarm looks at one day of them, or at a week
# of values of an hour.
_PERIOD_SECONDS, _LONG_PERIOD_SECONDS = 300, 3600
_DAY, _WEEK = 86_400, 604_800
LONGEST_SECONDS = float(_WEEK)
_METRIC = {"Namespace": "AWS/EC2", "MetricName": "CPUUtilization"}
_MISSING = ("ResourceNotFound", "ResourceNotFoundException")


@dataclass(frozen=True, slots=True, kw_only=True)
class StopAlarm:
    """An alarm that stops an instance once its CPU was used below `percent` for `seconds`.

    `state` is OK, ALARM or INSUFFICIENT_DATA; `stops` is false if it does nothing in ALARM.
    """

    name: str
    seconds: float
    percent: float
    state: str = "INSUFFICIENT_DATA"
    stops: bool = True


@dataclass(frozen=True, slots=True)
class Periods:
    """How many periods of how many seconds an alarm looks at."""

    period: int
    count: int


def round_up(seconds: float) -> Periods:
    """Return the periods that last at least so many seconds, of those that CloudWatch accepts."""
    period = _PERIOD_SECONDS if seconds <= _DAY else _LONG_PERIOD_SECONDS
    return Periods(period, -int(-min(seconds, LONGEST_SECONDS) // period))


def alarm_name(instance_id: str) -> str:
    """Return the name of the alarm of an instance."""
    return f"{PREFIX}{instance_id}"


def make_alarm_parameters(
    session: AwsSession, instance_id: str, *, seconds: float, percent: float
) -> dict[str, Any]:
    """Return the parameters of PutMetricAlarm; the time is rounded up to whole periods.

    Missing values count as use of the CPU: after a start, the time before the stop must not count.
    """
    periods = round_up(seconds)
    partition = session.partition or "aws"
    return {
        "AlarmName": alarm_name(instance_id),
        "AlarmDescription": "dl_magics: stops the instance where its guard does not",
        "AlarmActions": [f"arn:{partition}:automate:{session.region}:ec2:stop"],
        **_METRIC,
        "Statistic": "Average",
        "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
        "Period": periods.period,
        "EvaluationPeriods": periods.count,
        "Threshold": percent,
        "ComparisonOperator": "LessThanThreshold",
        "TreatMissingData": "notBreaching",
    }


def put_alarm(session: AwsSession, instance_id: str, *, seconds: float, percent: float) -> None:
    """Create the alarm of an instance, or change it."""
    parameters = make_alarm_parameters(session, instance_id, seconds=seconds, percent=percent)
    session.change("cloudwatch", "put_metric_alarm", **parameters)


def read_alarm(session: AwsSession, instance_id: str) -> StopAlarm | None:
    """Return the alarm of an instance; None if there is none."""
    answer = session.query("cloudwatch", "describe_alarms", AlarmNames=[alarm_name(instance_id)])
    return next(map(_parse_alarm, answer["MetricAlarms"]), None)


def list_alarm_names(session: AwsSession) -> list[str]:
    """Return the names of all our alarms of the region."""
    found, _ = session.query_pages(
        "cloudwatch", "describe_alarms", "MetricAlarms", AlarmNamePrefix=PREFIX
    )
    return [str(each["AlarmName"]) for each in found]


def delete_alarm(session: AwsSession, name: str) -> None:
    """Delete an alarm; one that does not exist is no error."""
    session.change("cloudwatch", "delete_alarms", unless=_MISSING, AlarmNames=[name])


def read_cpu_use(
    session: AwsSession, instance_id: str, seconds: float
) -> list[tuple[float, float]]:
    """Return the CPU utilization of the last seconds: times since the epoch, and percents."""
    asked = make_use_parameters(instance_id, seconds)
    answer = session.query("cloudwatch", "get_metric_statistics", **asked)
    return sorted(
        (each["Timestamp"].timestamp(), float(each["Average"])) for each in answer["Datapoints"]
    )


def make_use_parameters(instance_id: str, seconds: float) -> dict[str, Any]:
    """Return the parameters of GetMetricStatistics for the CPU utilization of the last seconds."""
    now = datetime.now(UTC)
    return {
        **_METRIC,
        "Dimensions": [{"Name": "InstanceId", "Value": instance_id}],
        "StartTime": now - timedelta(seconds=seconds),
        "EndTime": now,
        "Period": round_up(seconds).period,
        "Statistics": ["Average"],
    }


def _parse_alarm(values: dict[str, Any]) -> StopAlarm:
    acts = values.get("ActionsEnabled", True) and any(
        each.endswith(":ec2:stop") for each in values.get("AlarmActions", [])
    )
    return StopAlarm(
        name=str(values["AlarmName"]),
        seconds=float(values["Period"]) * int(values["EvaluationPeriods"]),
        percent=float(values["Threshold"]),
        state=str(values["StateValue"]),
        stops=bool(acts),
    )
