"""Carries out what a click asks for, in a thread of its own, and shows each state that it sees."""

from __future__ import annotations

import asyncio
import logging
import threading
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import replace

from dl_magics.actions.aws.panel.requests import Asked
from dl_magics.core.instance import Instance
from dl_magics.errors import DLMagicsError, WrongState
from dl_magics.server.monitors.instances import InstanceMonitor
from dl_magics.server.monitors.listing import Action
from dl_magics.server.publisher import Publisher

# A client waits no longer for the answer of AWS; the events go on.
_ACCEPT_SECONDS = 2.0


class Workers:
    """The actions at work; one at a time on an instance."""

    def __init__(self, monitor: InstanceMonitor, publisher: Publisher, log: logging.Logger) -> None:
        self._monitor, self._publisher, self._log = monitor, publisher, log
        self._at_work: set[str] = set()

    async def carry_out(self, action: Action, asked: Asked) -> Action:
        """Begin an action; return it once AWS has accepted it, or after two seconds.

        Raises
        ------
        DLMagicsError
            if AWS refuses it; a later failure becomes a notice.
        WrongState
            if this server already does something with the instance.
        """
        accepted = self._begin(action.id, action, asked, accepted_at=2)
        waiting = asyncio.wrap_future(accepted)
        await asyncio.wait({waiting}, timeout=_ACCEPT_SECONDS)
        # What fails from now on becomes a notice.
        if not accepted.cancel():
            await waiting
        return action

    async def launch(self, action: Action, asked: Asked) -> Instance:
        """Begin a launch; return the instance once AWS has created it."""
        return await asyncio.wrap_future(self._begin(action.cell, action, asked, accepted_at=1))

    def _begin(self, key: str, action: Action, asked: Asked, accepted_at: int) -> Future[Instance]:
        if key in self._at_work:
            raise WrongState(
                f"The server already works on {key}.",
                fix="Wait until it has ended: the panel shows its state.",
            )
        self._at_work.add(key)
        accepted: Future[Instance] = Future()
        threading.Thread(
            target=self._work,
            args=(key, action, asked, accepted, accepted_at),
            name=f"dl_magics {action.verb}",
            daemon=True,
        ).start()
        return accepted

    def _work(
        self,
        key: str,
        action: Action,
        asked: Asked,
        accepted: Future[Instance],
        accepted_at: int,
    ) -> None:
        count, seen = 0, None
        try:
            for count, seen in enumerate(asked.changes, start=1):
                action = replace(action, id=seen.id, message=str(seen))
                self._monitor.show_action(action, seen)
                if count >= accepted_at:
                    _accept(accepted, seen)
            if seen:
                _accept(accepted, seen)
        except DLMagicsError as error:
            self._fail(action, error, accepted)
        except Exception as error:
            self._log.exception("%s of %s", action.verb, action.id)
            self._fail(action, error, accepted)
        finally:
            self._at_work.discard(key)
            self._monitor.end_action(action.id)

    def _fail(self, action: Action, error: Exception, accepted: Future[Instance]) -> None:
        with suppress(InvalidStateError):
            accepted.set_exception(error)
            return
        fix = error.fix if isinstance(error, DLMagicsError) else "The log of the server has more."
        self._publisher.notify(
            "action-failed", "error", f"{action.verb}: {error}", fix=fix, instance=action.id
        )


def _accept(accepted: Future[Instance], seen: Instance) -> None:
    """Let the client's request succeed, unless it has been answered already."""
    with suppress(InvalidStateError):
        accepted.set_result(seen)
