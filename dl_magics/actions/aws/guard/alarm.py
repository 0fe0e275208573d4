"""The CloudWatch alarm that stops an instance whose guard has failed, from outside of it.

CloudWatch knows the use of the CPU only. So the alarm waits an hour longer than the guard, which
knows more, and the guard uses the CPU from time to time while the GPU alone works.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.guard import records
from dl_magics.aws.monitoring import cloudwatch
from dl_magics.aws.pricing import table
from dl_magics.aws.types import type_facts
from dl_magics.core import money
from dl_magics.core.instance import Instance
from dl_magics.errors import DLMagicsError
from dl_magics.guard.service.settings import Settings
from dl_magics.store import ledger

LOW_CORES = 0.1
"""Below this many busy CPU cores nothing works, or the GPU alone does."""

MARGIN_SECONDS = 3600.0
KIND = "alarm"


@dataclass(frozen=True, slots=True)
class AlarmPlan:
    """After how long below which CPU utilization, in percent, an alarm stops an instance."""

    seconds: float
    percent: float


def plan_alarm(
    context: Context, type_: str, idle_seconds: float | None, kept_seconds: float = 0.0
) -> AlarmPlan | None:
    """Return the plan for an instance of this type; None if no alarm may stop it."""
    seconds = plan_seconds(idle_seconds, kept_seconds)
    if seconds is None:
        return None
    vcpus = type_facts.read_type(context.session, type_).vcpus or 1
    return AlarmPlan(seconds, round(100 * LOW_CORES / vcpus, 3))


def plan_seconds(idle_seconds: float | None, kept_seconds: float) -> float | None:
    """Return after how long an alarm stops an instance; None if none may stop it.

    It comes later than the guard stops an idle or a hung instance, and not before the person no
    longer keeps it, even where it has been idle for as long as the alarm allowed until now.
    """
    if idle_seconds is None:
        return None
    seconds = max(idle_seconds, Settings.hung_seconds) + MARGIN_SECONDS + kept_seconds
    return seconds if seconds <= cloudwatch.LONGEST_SECONDS else None


def arm_alarm(
    context: Context, instance: Instance, idle_seconds: float | None, kept_seconds: float = 0.0
) -> str:
    """Create or change the alarm of an instance, or delete it where none may stop the instance.

    Returns "", or two lines on why AWS refused it: an alarm never fails what it is for.
    """
    try:
        planned = plan_alarm(context, instance.type, idle_seconds, kept_seconds)
        if planned is None:
            _delete(context, instance.id)
            return ""
        name, before = cloudwatch.alarm_name(instance.id), _read_last_entry(instance.id)
        if before in ("", "deleted"):
            context.record("creating", KIND, id=name)
        cloudwatch.put_alarm(
            context.session, instance.id, seconds=planned.seconds, percent=planned.percent
        )
        if before != "created":
            context.record("created", KIND, id=name)
    except DLMagicsError as error:
        return f"No CloudWatch alarm will stop it if its guard fails: {error}\n  {error.fix}"
    return ""


def ensure_alarm(context: Context, instance: Instance) -> str:
    """Create the alarm of an instance that was given a guard, unless that was done.

    A launch that was interrupted may have created none. Returns what `arm_alarm` does.
    """
    record = records.read_record(instance.id)
    if not record or _read_last_entry(instance.id) == "created":
        return ""
    kept = max(0.0, record.kept_until - time.time())
    return arm_alarm(context, instance, record.idle_seconds, kept)


def renew_alarm(context: Context, instance: Instance) -> str:
    """Adapt the alarm of an instance that is about to start, if it has one: its type may be new."""
    record = records.read_record(instance.id)
    if not (record and is_recorded(instance.id)):
        return ""
    return arm_alarm(context, instance, record.idle_seconds)


def remove_alarm(context: Context, instance_id: str) -> str:
    """Delete the alarm of a terminated instance; return "", or why AWS refused that."""
    try:
        _delete(context, instance_id)
    except DLMagicsError as error:
        name = cloudwatch.alarm_name(instance_id)
        return f"Its CloudWatch alarm {name} was not deleted: {error}\n  {error.fix}"
    return ""


def is_recorded(instance_id: str) -> bool:
    """Return whether this computer has created an alarm for an instance, and not deleted it."""
    return _read_last_entry(instance_id) not in ("", "deleted")


def describe_price(region: str | None) -> str:
    """Return what an alarm costs."""
    price = table.alarm_price(region)
    dollars = money.format_per_month(price.dollars if price else None)
    return f"{money.add_day(dollars, price.day if price else '')} beyond ten alarms"


def _read_last_entry(instance_id: str) -> str:
    """Return what the ledger says last of an alarm: creating, created or deleted; "" for none."""
    name = cloudwatch.alarm_name(instance_id)
    did = [
        str(entry.get("did"))
        for entry in ledger.read_entries()
        if entry.get("what") == KIND and entry.get("id") == name
    ]
    return did[-1] if did else ""


def _delete(context: Context, instance_id: str) -> None:
    if is_recorded(instance_id):
        name = cloudwatch.alarm_name(instance_id)
        cloudwatch.delete_alarm(context.session, name)
        context.record("deleted", KIND, id=name)
