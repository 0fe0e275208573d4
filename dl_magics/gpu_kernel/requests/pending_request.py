"""One request to the kernel: its messages, as an iterator for synchronous code."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from time import monotonic
from typing import Any

from dl_magics.errors import DLMagicsError, NoAnswer

Message = dict[str, Any]
_LOG = logging.getLogger(__name__)
# On Windows, Ctrl-C is noticed only between two waits.
_LOOK_SECONDS = 0.2


class PendingRequest(Iterator[Message]):
    """The messages of one request, in order, until both its reply and `idle` were received.

    Ctrl-C during a wait raises KeyboardInterrupt; the iteration can be continued afterwards.

    Parameters
    ----------
    seconds
        The time after which the iteration raises NoAnswer.
    waiting
        Called again and again during a wait.
    late
        Called with what comes after the end of the iteration, such as the output of a thread, in
        the thread of the event loop.
    """

    def __init__(
        self,
        id_: str,
        seconds: float | None = None,
        waiting: Callable[[], object] = lambda: None,
        late: Callable[[Message], object] | None = None,
    ) -> None:
        self.id = id_
        self.late = late
        self.over = False
        self._waiting = waiting
        self._until = monotonic() + seconds if seconds else None
        self._messages: SimpleQueue[Message | DLMagicsError | None] = SimpleQueue()
        self._came: list[Message | DLMagicsError | None] = []
        self._handing_over = threading.RLock()

    def __next__(self) -> Message:
        if self.over:
            raise StopIteration
        message = self._wait()
        if isinstance(message, dict):
            return message
        self.leave()
        raise message or StopIteration

    def put(self, message: Message | DLMagicsError | None) -> None:
        """Add a message; None or an error marks the end."""
        with self._handing_over:
            if self.over:
                self._pass_on(message)
            else:
                self._messages.put(message)

    def leave(self) -> None:
        """End the iteration: what came and was not read, and what still comes, is `late`."""
        with self._handing_over:
            self.over = True
            while self._came:
                self._pass_on(self._came.pop())
            while not self._messages.empty():
                self._pass_on(self._messages.get())

    def _pass_on(self, message: Message | DLMagicsError | None) -> None:
        if not (self.late and isinstance(message, dict)):
            return
        try:
            self.late(message)
        except Exception:
            # The journal has it; the link must not end with a display.
            _LOG.warning("Output of a cell that has ended could not be shown.", exc_info=True)

    def _wait(self) -> Message | DLMagicsError | None:
        while not self._came:
            try:
                self._came.append(self._messages.get(timeout=_LOOK_SECONDS))
            except Empty:
                if self._until and monotonic() > self._until:
                    return NoAnswer(
                        "The GPU kernel did not reply before the timeout.",
                        fix="%gpu_status shows the state of the kernel's host.",
                    )
            # Ctrl-C during this call must not lose a received message.
            self._waiting()
        return self._came.pop()
