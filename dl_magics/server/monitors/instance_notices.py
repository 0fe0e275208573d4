"""Notices about instances: what a stop has cost, and what ended or was cut off without a click."""

from __future__ import annotations

from dl_magics.actions.aws.billing import receipts
from dl_magics.core.instance import Instance
from dl_magics.server.monitors.listing import Listing
from dl_magics.server.publisher import Publisher


class InstanceNotices:
    """Compares each listing with the last one of the same place."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        # By id: each as it was when it was last seen running, and first seen not to be.
        self._running: dict[str, Instance] = {}
        self._stopping: dict[str, Instance] = {}
        self._unfinished: dict[str, str] = {}

    def forget(self) -> None:
        """Forget the last listing, as the place is another one."""
        self._running, self._stopping, self._unfinished = {}, {}, {}

    def update(self, listing: Listing) -> None:
        """Notify of each instance that ran in the last listing and is stopped or gone in this."""
        if listing.error:
            return
        now = {each.id: each for each in listing.each}
        for id_, ran in list(self._running.items()):
            self._follow(ran, now.get(id_))
        self._running |= {id_: each for id_, each in now.items() if each.costs_money}
        self._tell_unfinished(listing)

    def _tell_unfinished(self, listing: Listing) -> None:
        for each in listing.each:
            found = listing.describe_unfinished(each)
            if found and self._unfinished.get(each.id) != found["type"]:
                self._publisher.notify(
                    "resize-unfinished",
                    "warning",
                    found["message"],
                    fix="The panel can finish it.",
                    instance=each.id,
                )
        self._unfinished = dict(listing.unfinished)

    def _follow(self, ran: Instance, seen: Instance | None) -> None:
        if seen and seen.costs_money:
            self._stopping.pop(ran.id, None)
        elif seen and seen.state == "stopping":
            self._stopping.setdefault(ran.id, seen)
        elif seen and seen.state == "stopped":
            receipt = receipts.make_receipt(ran, self._stopping.get(ran.id, seen), seen)
            self._notify("instance-stopped", "info", ran, str(receipt), seen.reason)
        else:
            ended = f"{ran.name} ({ran.type}, {ran.id}) was terminated."
            self._notify("instance-gone", "warning", ran, ended, seen.reason if seen else "")

    def _notify(self, kind: str, level: str, ran: Instance, message: str, reason: str) -> None:
        del self._running[ran.id]
        self._stopping.pop(ran.id, None)
        text = f"{message} · {reason}" if reason else message
        self._publisher.notify(kind, level, text, instance=ran.id)
