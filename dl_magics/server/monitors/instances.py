"""Reads the instances of the panel's place from AWS, once for all browsers, and pushes changes.

Every second while something changes, then less and less often, at last once a minute; at once when
a process of this computer has changed something.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

from dl_magics.actions.aws import instances, resize
from dl_magics.actions.aws.panel import place
from dl_magics.core.instance import Instance
from dl_magics.errors import DLMagicsError
from dl_magics.server.json_values import encode_json
from dl_magics.server.monitors.guard_view import GuardView
from dl_magics.server.monitors.instance_notices import InstanceNotices
from dl_magics.server.monitors.listing import Action, Listing
from dl_magics.server.publisher import Publisher
from dl_magics.store import change_signal

_SHORTEST, _LONGEST, _LONGEST_AFTER_ERROR = 1.0, 60.0, 15.0
# How late a read may be before a request no longer trusts the last one.
_GRACE_SECONDS = 2.0


class InstanceMonitor:
    """The listing that all browsers see. All methods may be called from any thread."""

    def __init__(self, publisher: Publisher, clock: Callable[[], float] = time.monotonic) -> None:
        self._publisher, self._clock = publisher, clock
        self._notices = InstanceNotices(publisher)
        self._lock, self._reading = threading.RLock(), threading.Lock()
        self._listing: Listing | None = None
        self._actions: dict[str, Action] = {}
        self._guards: Mapping[str, GuardView] = {}
        self._began = self._read_at = self._due = -_LONGEST
        self._interval = _SHORTEST
        self._signals: tuple[int, int] | None = None
        self._published: tuple[object, ...] = ()
        self._body: bytes | None = None

    def step(self) -> bool:
        """Read AWS if it is time; return whether something costs money or changes."""
        with self._reading:
            self._heed_signals()
            if self._clock() >= self._due:
                self._read()
        listing = self._listing
        return bool(listing and (listing.costs_money or listing.is_changing))

    def encode_current(self) -> bytes | None:
        """Return the listing as JSON if it is as new as it has to be; else None."""
        with self._lock:
            if self._listing is None or self._listing.error or not self._is_current():
                return None
            return self._encode(self._listing)

    def read(self, *, fresh: bool) -> bytes:
        """Return the listing as JSON, after reading AWS if that is overdue or `fresh` is true.

        Requests that wait for a read share it. Raises the error of AWS.
        """
        asked_at = self._clock()
        with self._reading:
            fresh = self._heed_signals() or fresh
            if self._began < asked_at and (fresh or not self._is_current()):
                self._interval = _SHORTEST
                self._read()
            listing = self._listing
        if listing is None:  # the place was changed meanwhile
            return self.read(fresh=True)
        if listing.error:
            raise listing.error
        with self._lock:
            return self._encode(listing)

    def find_instance(self, id_: str) -> dict[str, object]:
        """Return an instance as JSON values, read from AWS."""
        current = place.load_context()
        seen = instances.add_price(current, current.ec2.describe_instance(id_))
        self.show(current.profile_and_region, seen)
        return self.describe(seen)

    def describe(self, instance: Instance) -> dict[str, object]:
        """Return an instance as JSON values."""
        with self._lock:
            listing = self._listing or Listing(place=place.read_place())
            known = next((each for each in listing.each if each.id == instance.id), instance)
            return listing.describe_instance(known)

    def show(self, where: str, instance: Instance) -> None:
        """Show an instance as it has just been seen; `where` is its profile and region."""
        with self._lock:
            if self._listing and self._listing.place.profile_and_region == where:
                self._keep(self._listing.update([instance]))

    def show_action(self, action: Action, instance: Instance | None = None) -> None:
        """Show what the server does with an instance, and how it has just seen the instance."""
        with self._lock:
            self._actions[action.id] = action
            if instance and self._listing:
                self.show(action.where, instance)
            else:
                self._keep(self._listing)

    def show_guards(self, guards: Mapping[str, GuardView]) -> None:
        """Show what the guards of running instances have said."""
        with self._lock:
            self._guards = guards
            self._keep(self._listing)

    def list_running(self) -> list[Instance]:
        """Return the instances that ran when AWS was last read."""
        known = self._listing.each if self._listing else ()
        return [each for each in known if each.state == "running"]

    def has_failed(self) -> bool:
        """Return whether AWS did not answer when it was last read: its instances are not known."""
        return self._listing is not None and self._listing.error is not None

    def end_action(self, id_: str) -> None:
        """Show that the server does nothing with an instance any more, and read it once again."""
        with self._lock:
            self._actions.pop(id_, None)
            self._keep(self._listing)
        self._hurry()

    def forget(self) -> None:
        """Forget what was read, as the place is another one."""
        with self._lock:
            self._listing = None
        self._hurry()

    def describe_costs(self) -> list[str]:
        """Return a line for each instance that costs money, as far as it is known."""
        known = self._listing.each if self._listing else ()
        return [
            f"{each.name} ({each.type}, {each.id}) keeps running: "
            f"{each.price_text}. It is stopped by %aws_stop {each.id}"
            for each in known
            if each.costs_money
        ]

    def _encode(self, listing: Listing) -> bytes:
        if listing is not self._listing:
            return encode_json({**listing.to_json(), "age": 0.0})
        if self._body is None:
            self._body = encode_json(listing.to_json())
        age = self._clock() - self._read_at
        return self._body[:-1] + f', "age": {age:.2f}}}'.encode()

    def _is_current(self) -> bool:
        return self._listing is not None and self._clock() < self._due + _GRACE_SECONDS

    def _heed_signals(self) -> bool:
        """Return whether a process has changed something on AWS or the selected profile."""
        signals = change_signal.read_times()
        if signals == self._signals:
            return False
        self._signals = signals
        self._hurry()
        return True

    def _hurry(self) -> None:
        self._due, self._interval = self._clock(), _SHORTEST

    def _read(self) -> None:
        """Read AWS and keep what it says; the caller holds `_reading`."""
        self._began = self._clock()
        where = place.read_place()
        with self._lock:
            if self._listing is None or self._listing.place != where:
                before = Listing(place=where)
                self._notices.forget()
            else:
                before = self._listing
        try:
            seen = instances.list_instances(place.load_context())
            error = None
        except DLMagicsError as refused:
            seen, error = None, refused
        with self._lock:
            self._read_at = self._clock()
            if self._listing is not None and self._listing.place == where:
                before = self._listing  # an action has shown something meanwhile
            self._keep(replace(before, error=error) if seen is None else before.replace_all(seen))
            self._plan_next()

    def _plan_next(self) -> None:
        assert self._listing
        if self._listing.is_changing:
            self._interval = _SHORTEST
        self._due = self._clock() + self._interval
        longest = _LONGEST_AFTER_ERROR if self._listing.error else _LONGEST
        self._interval = min(2 * self._interval, longest)

    def _keep(self, listing: Listing | None) -> None:
        """Replace the listing and push it if a person would notice; the caller holds `_lock`."""
        if listing is None:
            return
        where = listing.place.profile_and_region
        actions = tuple(each for each in self._actions.values() if each.where == where)
        self._listing = replace(
            listing, actions=actions, unfinished=_find_unfinished(listing), guards=self._guards
        )
        self._body = None
        self._notices.update(self._listing)
        fingerprint = self._listing.fingerprint()
        if fingerprint != self._published:
            self._published = fingerprint
            age = max(0.0, self._clock() - self._read_at)
            self._publisher.publish("instances", {**self._listing.to_json(), "age": age})


def _find_unfinished(listing: Listing) -> dict[str, str]:
    found = ((each.id, resize.find_unfinished(each)) for each in listing.each)
    return {id_: unfinished.type for id_, unfinished in found if unfinished}
