"""The CloudWatch alarm of an instance as shell commands."""

from __future__ import annotations

from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.explain.shell import Variable, aws_command
from dl_magics.actions.aws.guard import alarm, records
from dl_magics.aws.monitoring import cloudwatch
from dl_magics.core.instance import Instance


def put_steps(
    context: Context,
    id_: str,
    type_: str,
    idle_seconds: float | None,
    kept_seconds: float = 0.0,
) -> list[str]:
    """Return the step that creates or changes the alarm of an instance, or deletes it.

    `id_` is the id of the instance, or a variable that has it.
    """
    planned = alarm.plan_alarm(context, type_, idle_seconds, kept_seconds)
    if planned is None:
        return delete_steps(id_)
    parameters = cloudwatch.make_alarm_parameters(
        context.session, id_, seconds=planned.seconds, percent=planned.percent
    )
    dimension = f"Name=InstanceId,Value={id_}"
    if isinstance(id_, Variable):
        parameters["AlarmName"] = Variable(parameters["AlarmName"])
        dimension = Variable(dimension)
    return [aws_command("cloudwatch", "put_metric_alarm", {**parameters, "Dimensions": dimension})]


def renew_steps(context: Context, instance: Instance, id_: str) -> list[str]:
    """Return the step that adapts the alarm before a start, if the instance has one.

    `id_` is the id of the instance, or a variable that has it.
    """
    record = records.read_record(instance.id)
    if not (record and alarm.is_recorded(instance.id)):
        return []
    return put_steps(context, id_, instance.type, record.idle_seconds)


def delete_steps(id_: str) -> list[str]:
    """Return the step that deletes the alarm of an instance, if this computer has created one."""
    if not alarm.is_recorded(id_):
        return []
    name = cloudwatch.alarm_name(id_)
    return [aws_command("cloudwatch", "delete_alarms", {"AlarmNames": [name]})]
