"""Events of the server's event bus, emitted from any thread."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from dl_magics.server.json_values import make_finite

if TYPE_CHECKING:
    from jupyter_events import EventLogger


class Publisher:
    """Emits events on the loop of the server; before it is started, and without it, none."""

    def __init__(self, logger: EventLogger) -> None:
        self._logger = logger
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self) -> None:
        """Emit events on the running loop from now on."""
        self._loop = asyncio.get_running_loop()

    def close(self) -> None:
        """Emit no more events."""
        self._loop = None

    def publish(self, event: str, data: dict[str, Any]) -> None:
        """Emit `instances`, `run`, `questions` or `notice`."""
        schema_id = f"urn:dl-magics:{event}:1"
        if self._loop:
            # The loop may have been closed by the end of the server.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._emit, schema_id, make_finite(data))

    def notify(
        self,
        kind: str,
        level: str,
        message: str,
        *,
        fix: str = "",
        instance: str | None = None,
        run: str | None = None,
    ) -> None:
        """Emit a notice."""
        notice = {
            "kind": kind,
            "level": level,
            "message": message,
            "fix": fix,
            "at": time.time(),
            "instance": instance,
            "run": run,
        }
        self.publish("notice", notice)

    def _emit(self, schema_id: str, data: dict[str, Any]) -> None:
        self._logger.emit(schema_id=schema_id, data=data)
