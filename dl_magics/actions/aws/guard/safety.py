"""What stops an instance automatically: armed or not, and why, and when it would stop it."""

from __future__ import annotations

import time
from collections.abc import Iterator

from dl_magics.actions.aws.check import CheckLine, CheckResult
from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.guard import alarm, control, overdue, watch
from dl_magics.actions.aws.guard.control import GuardChange
from dl_magics.aws.monitoring import cloudwatch
from dl_magics.aws.monitoring.cloudwatch import StopAlarm
from dl_magics.core import money
from dl_magics.core.instance import Instance
from dl_magics.core.typed_name import quote_name
from dl_magics.errors import DLMagicsError
from dl_magics.guard.status import GuardStatus

GUARD, SYSTEM, BEHAVIOR, ALARM = "guard", "shutdown", "stop or delete", "alarm"
SETTINGS, SPOT, SERVER = "settings", "spot notice", "server"
NOTICES = ("spot-rebalance", "spot-stop", "spot-terminate")
_AVERAGED_SECONDS = 300.0


def check_safety(context: Context, instance: Instance) -> CheckResult:
    """Return a line for each thing that can stop an instance; nothing is changed."""
    if not instance.costs_money:
        line = CheckLine("✓", "instance", f"{instance.name} is {instance.state}: nothing to stop")
        return CheckResult((line,))
    return CheckResult(tuple(_check_hands(context, instance)))


def describe_stop(status: GuardStatus) -> str:
    """Return when the guard stops the instance, and why it does not do so now."""
    if status.seconds_left is None:
        return f"does not stop it: {status.reason}"
    left = _words(status.seconds_left)
    if status.state == "ending":
        return f"stops it in {left} in any case"
    end = "" if status.end_left is None else f", and in {_words(status.end_left)} in any case"
    if status.state == "active":
        idle = status.settings.idle_seconds
        kept = ""
        if idle is not None and status.kept_left > idle:
            left, kept = _words(idle), f", and not before {_words(status.kept_left)} from now"
        return f"{status.reason}; stops it {left} after the last work{kept}{end}"
    return f"{status.reason}; stops it in {left}{end}"


def describe_change(change: GuardChange) -> str:
    """Return when the guard stops the instance, and what AWS refused, as sentences."""
    note = f"\n{change.note}" if change.note else ""
    return f"{describe_stop(change.status)}.{note}"


def _check_hands(context: Context, instance: Instance) -> Iterator[CheckLine]:
    try:
        status = control.read_status(context, instance)
    except DLMagicsError as error:
        yield CheckLine("!", GUARD, f"could not be asked: {error}", error.fix)
        status = None
    else:
        yield _check_guard(instance, status)
    if status:
        yield from _check_settings(instance, status)
        yield from _check_notice(status)
        yield _check_pending_shutdown(status)
    behavior = control.read_shutdown_behavior(context, instance)
    if behavior == "stop":
        yield CheckLine("✓", BEHAVIOR, "a shutdown stops the instance; its disk is kept")
    else:
        fix = control.change_behavior_command(instance)
        yield CheckLine("✗", BEHAVIOR, "a shutdown terminates the instance", fix)
    yield _check_alarm(context, instance)
    yield _check_server(instance)


def _check_guard(instance: Instance, status: GuardStatus | None) -> CheckLine:
    if status is None:
        return CheckLine("✗", GUARD, "is not installed", _describe_install(instance))
    if not status.armed:
        age = "never" if status.age is None else f"{_words(status.age)} ago"
        found = f"is not running; it last looked {age}"
        return CheckLine("✗", GUARD, found, _describe_install(instance))
    if status.seconds_left is None:
        fix = f"%idle_timeout 30 {quote_name(instance.name, instance.id)} turns it on."
        return CheckLine("!", GUARD, describe_stop(status), fix)
    again = "; systemd restarts it" if status.restarted_by else ""
    return CheckLine("✓", GUARD, f"{describe_stop(status)}{again}")


def _describe_install(instance: Instance) -> str:
    return f"%aws_get {quote_name(instance.name, instance.id)} --guard installs it."


def _check_settings(instance: Instance, status: GuardStatus) -> Iterator[CheckLine]:
    """Yield that the file of the settings is damaged, if it is."""
    if status.settings_damaged:
        found = "of the guard cannot be read: it uses those that it read last"
        typed = quote_name(instance.name, instance.id)
        yield CheckLine("!", SETTINGS, found, f"%aws_get {typed} --guard writes them again.")


def _check_notice(status: GuardStatus) -> Iterator[CheckLine]:
    """Yield what AWS has announced to a spot instance, if anything."""
    if announced := describe_notice("it", status):
        yield CheckLine("!", SPOT, announced.removesuffix("."))


def describe_notice(name: str, status: GuardStatus) -> str:
    """Return what AWS has announced to a spot instance as a sentence, "" if nothing lies ahead."""
    if status.spot_notice == "spot-rebalance":
        return f"AWS may soon take {name} back: it is a spot instance."
    verb = {"spot-stop": "stops", "spot-terminate": "terminates"}.get(status.spot_notice)
    left = status.spot_left or 0.0
    return f"AWS {verb} {name} in {_words(left)}, to take it back." if verb and left > 0 else ""


def _check_pending_shutdown(status: GuardStatus) -> CheckLine:
    if status.shutdown_left is None:
        why = status.shutdown_error or "no stop is planned"
        return CheckLine("!" if status.shutdown_error else "✓", SYSTEM, f"is not pending: {why}")
    left = _words(max(status.shutdown_left, 0.0))
    return CheckLine("✓", SYSTEM, f"pending: stops it in {left} if the guard has ended")


def _check_alarm(context: Context, instance: Instance) -> CheckLine:
    try:
        found = cloudwatch.read_alarm(context.session, instance.id)
    except DLMagicsError as error:
        return CheckLine("!", ALARM, f"could not be read: {error}", error.fix)
    if found is None or not found.stops:
        what = "is not created" if found is None else "was changed: it stops nothing"
        fix = f"%idle_timeout 30 {quote_name(instance.name, instance.id)} creates it."
        return CheckLine("!", ALARM, f"of CloudWatch {what}", fix)
    return CheckLine("✓", ALARM, _describe_alarm(context, instance, found))


def _describe_alarm(context: Context, instance: Instance, found: StopAlarm) -> str:
    """Return when an alarm would stop the instance, what it does not know, and its price."""
    longest, state = _words(found.seconds), found.state
    rule = f"CloudWatch stops it after {longest} below {found.percent:g} % CPU ({state})"
    knows = "it knows neither GPU nor cells: while they work, the guard uses the CPU each hour"
    price = alarm.describe_price(context.region)
    return f"{rule}; {_describe_due(context, instance, found)}; {knows}; {price}"


def _describe_due(context: Context, instance: Instance, found: StopAlarm) -> str:
    try:
        used = cloudwatch.read_cpu_use(context.session, instance.id, found.seconds)
    except DLMagicsError:
        return "when is unknown, as the use of the CPU could not be read"
    began = [at + _AVERAGED_SECONDS for at, percent in used if percent >= found.percent]
    low_since = max([instance.launched_at, *began])
    left = low_since + found.seconds - time.time()
    return f"not before {_words(left)} from now" if left > 0 else "due now"


def _check_server(instance: Instance) -> CheckLine:
    process = watch.find_watcher(instance.id)
    if process is None:
        found = "no Jupyter server with this instance in its panel is running"
        return CheckLine("!", SERVER, found, "Open JupyterLab and its panel of dl_magics.")
    late = _words(overdue.GRACE_SECONDS)
    found = f"the Jupyter server (process {process}) stops it {late} after its guard should have"
    return CheckLine("✓", SERVER, f"{found}; while a kernel of it is in use, only at a set end")


def _words(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return money.format_duration(60 * round(seconds / 60))
