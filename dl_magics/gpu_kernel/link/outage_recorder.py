"""Notes when the link of a notebook is lost and back, so that the panel can say so in any tab."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from dl_magics.gpu_kernel.link.status import LinkStatus
from dl_magics.store import link_outages
from dl_magics.store.link_outages import Outage

# A shorter interruption is not noted.
_BLIP_SECONDS = 3.0
_LOOK_SECONDS = 1.0
# Long enough for each server to read that the link is back.
_KEPT_SECONDS = 60.0


class OutageRecorder:
    """Follows the state of one link; `outage` says whose it is."""

    def __init__(self, outage: Outage, clock: Callable[[], float] = time.time) -> None:
        self._whose, self._clock = outage, clock
        self._since = 0.0
        self._is_stopped = False
        self._stored: Outage | None = None

    def look(self, status: LinkStatus) -> None:
        """Store or forget the outage that a state begins or ends.

        A link to an instance that was stopped is not lost, also while it is started again: a stop
        has a notice of its own.
        """
        now = self._clock()
        self._is_stopped = status.state == "stopped" or (
            self._is_stopped and status.state != "attached"
        )
        if status.state in ("lost", "gone") and not self._is_stopped:
            self._since = self._since or status.alive_at or now
            if now - self._since >= _BLIP_SECONDS and not self._is_lost:
                self._store(replace(self._whose, since=self._since, why=status.why))
            return
        self._since = 0.0
        if self._stored and self._is_stopped:
            self.forget()
        elif self._stored and self._stored.ended_at is None:
            self._store(replace(self._stored, ended_at=now))
        elif self._stored and now - (self._stored.ended_at or now) > _KEPT_SECONDS:
            self.forget()

    def forget(self) -> None:
        """Forget the outage: nothing holds the link any more."""
        link_outages.forget(self._whose.kernel_id)
        self._stored = None

    @property
    def _is_lost(self) -> bool:
        return self._stored is not None and self._stored.ended_at is None

    def _store(self, outage: Outage) -> None:
        self._stored = outage
        link_outages.store(outage)


async def record_outages(read_status: Callable[[], LinkStatus], outage: Outage) -> None:
    """Record the outages of a link until this task is cancelled."""
    recorder = OutageRecorder(outage)
    try:
        while True:
            recorder.look(read_status())
            await asyncio.sleep(_LOOK_SECONDS)
    finally:
        recorder.forget()
