"""Detects a dead line and an agent that does not reply.

A line is alive while any byte arrives on its SSH connection: a message may take minutes on a slow
line, and a file transfer may delay the replies of the agent. Silence is counted in checks, not in
seconds: a busy or sleeping computer makes no checks, and its line is not dead because of that.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING, NoReturn

from dl_magics.errors import NoAnswer
from dl_magics.ssh import dial

if TYPE_CHECKING:
    import asyncssh

PING_SECONDS = 2.0
DEAD_SECONDS = 6.0
# The replies of the agent may wait behind megabytes of a transfer.
AGENT_SECONDS = 60.0
_SLEEP_SECONDS = 6.0
_AFTER_SLEEP_SECONDS = 2.0
_CHECK_SECONDS = 0.25
_FIX = "The connection is opened again automatically."


class Heartbeat:
    """The checks of one session.

    Parameters
    ----------
    remote
        The SSH connection; it is aborted if it is dead.
    unsent
        Returns the number of bytes to the agent that wait to be sent: a ping waits behind them.
    ping
        Sends a ping to the agent.
    alive
        Called when bytes have arrived on the connection.
    """

    def __init__(
        self,
        remote: asyncssh.SSHClientConnection,
        unsent: Callable[[], int],
        ping: Callable[[], None],
        alive: Callable[[], None],
    ) -> None:
        self._remote = remote
        self._unsent = unsent
        self._ping = ping
        self._alive = alive
        self._unanswered = 0

    def agent_replied(self) -> None:
        """Note that bytes of the agent have arrived."""
        self._unanswered = 0

    async def run(self) -> NoReturn:
        """Check until the line is dead or the agent does not reply; raise NoAnswer then."""
        received, unsent, silent, limit = -1, 0, 0, _checks(DEAD_SECONDS)
        checked_at = time.time()
        for check in count():
            before, received = received, dial.bytes_received(self._remote)
            if received != before:
                silent, limit = 0, _checks(DEAD_SECONDS)
                self._alive()
            before, unsent = unsent, self._unsent()
            if unsent != before:
                self._unanswered = 0
            if self._has_slept(checked_at):
                silent, limit = 0, _checks(_AFTER_SLEEP_SECONDS)
                self._ping()
            elif check % _checks(PING_SECONDS) == 0:
                self._ping()
            if silent > limit:
                self._remote.abort()
                raise NoAnswer("No data arrived from the host any more.", fix=_FIX)
            if self._unanswered > _checks(AGENT_SECONDS):
                raise NoAnswer("The agent on the host does not reply.", fix=_FIX)
            checked_at = time.time()
            await asyncio.sleep(_CHECK_SECONDS)
            silent += 1
            self._unanswered += 1
        raise AssertionError("count() never ends")

    def _has_slept(self, checked_at: float) -> bool:
        """Whether the computer slept since the last check: only the wall clock goes on then."""
        return time.time() - checked_at > _SLEEP_SECONDS


def _checks(seconds: float) -> int:
    return max(1, round(seconds / _CHECK_SECONDS))
