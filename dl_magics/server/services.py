"""What all handlers share: the monitors, the workers, and the threads that wait for AWS."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from dl_magics.server.publisher import Publisher
from dl_magics.store import ledger

if TYPE_CHECKING:
    from jupyter_events import EventLogger

    from dl_magics.server.contract import Contract
    from dl_magics.server.monitors.elsewhere import Elsewhere
    from dl_magics.server.monitors.guards import GuardMonitor
    from dl_magics.server.monitors.instances import InstanceMonitor
    from dl_magics.server.monitors.notebooks import NotebookMonitor
    from dl_magics.server.monitors.runs import RunMonitor
    from dl_magics.server.monitors.watcher import Watcher
    from dl_magics.server.monitors.workers import Workers

P = ParamSpec("P")
T = TypeVar("T")
# More than may wait for an AWS that does not answer: the others are answered meanwhile.
_THREADS = 16


class Services:
    """Made when the extension is loaded. Each part is imported and begins at its first use."""

    def __init__(self, logger: EventLogger, log: logging.Logger) -> None:
        self.log = log
        self.publisher = Publisher(logger)
        self.contract: Contract | None = None
        self._executor = ThreadPoolExecutor(_THREADS, thread_name_prefix="dl_magics")

    @cached_property
    def instances(self) -> InstanceMonitor:
        """The instances that all browsers see."""
        from dl_magics.server.monitors.instances import InstanceMonitor

        return InstanceMonitor(self.publisher)

    @cached_property
    def runs(self) -> RunMonitor:
        """The runs that all browsers see."""
        from dl_magics.server.monitors.runs import RunMonitor

        return RunMonitor(self.publisher)

    @cached_property
    def guards(self) -> GuardMonitor:
        """The guards of the instances, and the stop in their place."""
        from dl_magics.server.monitors.guards import GuardMonitor

        return GuardMonitor(self.publisher, self.instances, self.log)

    @cached_property
    def notebooks(self) -> NotebookMonitor:
        """What the kernels of notebooks ask and notify."""
        from dl_magics.server.monitors.notebooks import NotebookMonitor

        return NotebookMonitor(self.publisher)

    @cached_property
    def elsewhere(self) -> Elsewhere:
        """What runs in the other regions."""
        from dl_magics.server.monitors.elsewhere import Elsewhere

        return Elsewhere()

    @cached_property
    def workers(self) -> Workers:
        """The actions at work."""
        from dl_magics.server.monitors.workers import Workers

        return Workers(self.instances, self.publisher, self.log)

    @cached_property
    def _watchers(self) -> tuple[Watcher, ...]:
        from dl_magics.server.monitors.watcher import Watcher

        return (
            Watcher("dl_magics instances", self.instances.step, self.log),
            Watcher("dl_magics runs", self.runs.step, self.log),
            Watcher("dl_magics notebooks", self.notebooks.step, self.log),
        )

    @cached_property
    def _guard_watcher(self) -> Watcher:
        from dl_magics.server.monitors.watcher import Watcher

        return Watcher("dl_magics guards", self._step_guards, self.log)

    def _step_guards(self) -> bool:
        """Import what the guards need in the thread of their watcher: the server has started."""
        return self.guards.step()

    def watch_guards(self) -> None:
        """Watch the instances that dl_magics has launched, if any, without a browser too."""
        if ledger.path().exists():
            self._guard_watcher.look()

    def look(self) -> None:
        """Note that somebody looks: what changes is read and pushed for a while."""
        for watcher in (*self._watchers, self._guard_watcher):
            watcher.look()

    async def call(self, function: Callable[P, T], *arguments: P.args, **keywords: P.kwargs) -> T:
        """Call a function that waits, in a thread, so that the server answers others meanwhile."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._executor, partial(function, *arguments, **keywords))

    def describe_costs(self) -> list[str]:
        """Return a line for each instance that costs money, as far as it is known."""
        return self.instances.describe_costs() if "instances" in vars(self) else []

    def close(self) -> None:
        """End what runs in the background."""
        self.publisher.close()
        for watcher in vars(self).get("_watchers", ()):
            watcher.close()
        if "_guard_watcher" in vars(self):
            self._guard_watcher.close()
        self._executor.shutdown(wait=False, cancel_futures=True)
