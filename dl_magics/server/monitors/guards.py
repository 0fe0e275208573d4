"""Asks the guards when they stop their instances, warns, and stops an instance in their place.

The server is a hand of its own: it stops an instance whose guard had to stop it and did not, by
what EC2 says and this computer knows. A run that goes on is never stopped for being idle.
"""

from __future__ import annotations

import logging
import threading
import time

from dl_magics.actions.aws import instances
from dl_magics.actions.aws.context import Context
from dl_magics.actions.aws.guard import control, overdue, records, safety, watch
from dl_magics.actions.aws.guard.records import GuardRecord
from dl_magics.actions.aws.panel import place
from dl_magics.aws.monitoring import cloudwatch
from dl_magics.aws.types import type_facts
from dl_magics.core import money
from dl_magics.core.instance import Instance
from dl_magics.core.typed_name import quote_name
from dl_magics.errors import DLMagicsError
from dl_magics.guard.service.decision import ACTIVE, ENDING
from dl_magics.guard.status import GuardStatus
from dl_magics.server.monitors.activity import read_activity
from dl_magics.server.monitors.guard_view import GuardView
from dl_magics.server.monitors.instances import InstanceMonitor
from dl_magics.server.publisher import Publisher
from dl_magics.store import change_signal

_ASK_SECONDS = 60.0
_SOONEST_SECONDS = 5.0
_WARNING_SECONDS = 300.0
_BOOT_SECONDS = 600.0
_NEXT_LOOK_SECONDS = 25.0


class GuardMonitor:
    """The guards of the panel's place.

    Parameters
    ----------
    monitor
        Reads the instances, and shows browsers the views of their guards.
    """

    def __init__(self, publisher: Publisher, monitor: InstanceMonitor, log: logging.Logger) -> None:
        self._publisher, self._monitor, self._log = publisher, monitor, log
        self._signals: tuple[int, int] | None = None
        self._lock = threading.Lock()
        self._views: dict[str, GuardView] = {}
        self._due: dict[str, float] = {}
        # What was said of each instance, so that it is said once.
        self._said: dict[str, set[str]] = {}

    def step(self) -> bool:
        """Ask each guard whose turn it is; return whether any instance has one.

        AWS is read while an instance runs, or where a process has changed something; where it did
        not answer and there are guards, again, less and less often.
        """
        signals = change_signal.read_times()
        has_changed = signals != self._signals
        must_retry = self._monitor.has_failed() and bool(records.read_records())
        if has_changed or must_retry or self._monitor.list_running():
            self._signals = signals
            self._monitor.step()
        known = records.read_records()
        guarded = [each for each in self._monitor.list_running() if each.id in known]
        with self._lock:
            if has_changed:
                # A magic may have told a guard something.
                self._due.clear()
            now, current = time.time(), {each.id for each in guarded}
            for gone in set(self._views) - current:
                self._forget(gone)
            turn = [each for each in guarded if self._due.get(each.id, 0.0) <= now]
            for each in turn:
                self._look_at(place.load_context(), each)
            if turn:
                watch.note_watched(current)
                self._monitor.show_guards(dict(self._views))
        return bool(known)

    def keep(self, id_: str, seconds: float) -> None:
        """Keep an instance running for so long; a notice says where AWS keeps its alarm."""
        context = place.load_context()
        change = control.keep_running(context, context.resolve_instance(id_, exact=True), seconds)
        with self._lock:
            self._said.pop(id_, None)
            self._take_view(id_, change.status)
            self._monitor.show_guards(dict(self._views))
        if change.note:
            self._publisher.notify("action-failed", "warning", change.note, instance=id_)

    def _look_at(self, context: Context, instance: Instance) -> None:
        try:
            status = control.read_status(context, instance)
        except DLMagicsError:
            status = None
            if instance.id not in self._views and _may_boot(instance):
                self._due[instance.id] = time.time() + _SOONEST_SECONDS
                return
        self._take_view(instance.id, status)
        if status and status.armed:
            self._warn(instance, status)
            self._announce_spot(instance, status)
        record = records.read_record(instance.id)
        if record and self._is_overdue(context, instance, record, status):
            self._stop(context, instance)

    def _take_view(self, id_: str, status: GuardStatus | None) -> None:
        now = time.time()
        left = status.seconds_left if status else None
        counts = status is not None and status.state != ACTIVE and left is not None
        self._views[id_] = GuardView(
            armed=bool(status and status.armed),
            state=status.state if status else "",
            reason=status.reason if status else "",
            stops_at=now + (left or 0.0) if counts else None,
        )
        until_warning = (left or 0.0) - _WARNING_SECONDS if counts else _ASK_SECONDS
        pause = until_warning if until_warning > 0 else _ASK_SECONDS
        if status and status.state == ACTIVE and status.kept_left:
            # The request itself used the CPU: what follows is seen at the next look of the guard.
            pause = _NEXT_LOOK_SECONDS
        self._due[id_] = now + min(max(pause, _SOONEST_SECONDS), _ASK_SECONDS)

    def _warn(self, instance: Instance, status: GuardStatus) -> None:
        left = status.seconds_left
        if status.state == ACTIVE or left is None or left > _WARNING_SECONDS + _SOONEST_SECONDS:
            self._said.get(instance.id, set()).discard("warned")
            return
        if self._is_said(instance.id, "warned"):
            return
        why = "the end that was set" if status.state == ENDING else status.reason
        kind = "guard-ends" if status.state == ENDING else "guard-stops"
        self._publisher.notify(
            kind,
            "warning",
            f"The guard stops {instance.name} in {money.format_duration(left)}: {why}.",
            instance=instance.id,
        )

    def _announce_spot(self, instance: Instance, status: GuardStatus) -> None:
        notice = status.spot_notice
        message = safety.describe_notice(instance.name, status)
        if notice not in safety.NOTICES or not message or self._is_said(instance.id, notice):
            return
        fix = "A run that goes on saves a checkpoint; %finetune --resume continues it later."
        self._publisher.notify(notice, "warning", message, fix=fix, instance=instance.id)

    def _is_overdue(
        self,
        context: Context,
        instance: Instance,
        record: GuardRecord,
        status: GuardStatus | None,
    ) -> bool:
        now, began = time.time(), instance.launched_at
        if overdue.is_past_end(record, status, began, now):
            return True
        activity = read_activity(instance)
        if not overdue.is_past_idle(record, status, activity, began, now):
            return False
        since = max(began, record.active_at, activity.at)
        try:
            points = cloudwatch.read_cpu_use(context.session, instance.id, now - since)
            vcpus = type_facts.read_type(context.session, instance.type).vcpus or 1
        except DLMagicsError:
            points, vcpus = [], 1
        if overdue.used_no_cpu(points, vcpus, since, now):
            return True
        if not self._is_said(instance.id, "looks idle"):
            self._publisher.notify(
                "guard-failed",
                "warning",
                f"{instance.name} has no running guard and may be idle; it keeps costing "
                f"{instance.price_text}.",
                fix=f"%aws_safety {quote_name(instance.name, instance.id)} shows it, Stop in "
                "the panel stops it.",
                instance=instance.id,
            )
        return False

    def _stop(self, context: Context, instance: Instance) -> None:
        if self._is_said(instance.id, "stopped"):
            return
        try:
            for _ in instances.stop(context, instance.id):
                pass
        except DLMagicsError as error:
            self._said[instance.id].discard("stopped")
            message = f"{instance.name} should be stopped, as its guard has not: {error}"
            self._publisher.notify(
                "action-failed", "error", message, fix=error.fix, instance=instance.id
            )
            return
        self._log.warning("%s (%s) was stopped in place of its guard", instance.name, instance.id)
        self._publisher.notify(
            "guard-failed",
            "warning",
            f"{instance.name} was stopped by this server: its guard had to stop it and did not.",
            fix=f"%aws_safety {quote_name(instance.name, instance.id)} shows why, once it runs "
            "again.",
            instance=instance.id,
        )

    def _is_said(self, id_: str, what: str) -> bool:
        """Return whether this was said of an instance before; from now on it was."""
        said = self._said.setdefault(id_, set())
        if what in said:
            return True
        said.add(what)
        return False

    def _forget(self, id_: str) -> None:
        self._views.pop(id_, None)
        self._due.pop(id_, None)
        self._said.pop(id_, None)


def _may_boot(instance: Instance) -> bool:
    return time.time() - instance.launched_at < _BOOT_SECONDS
