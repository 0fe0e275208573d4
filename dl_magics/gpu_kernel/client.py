"""A kernel on a host, for synchronous code; no message is lost when the link breaks."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import Literal

from dl_magics.errors import HostKeyRefused
from dl_magics.gpu_kernel.agent_connection import AgentConnection
from dl_magics.gpu_kernel.agent_transport import build_start_options, start_agent
from dl_magics.gpu_kernel.journal_entry import JournalEntry
from dl_magics.gpu_kernel.link.outage_recorder import record_outages
from dl_magics.gpu_kernel.link.status import AgentStatus
from dl_magics.gpu_kernel.requests.requests import KernelRequests
from dl_magics.gpu_kernel.requests.running_cells import RunningCells
from dl_magics.gpu_kernel.subscribers import Subscribers
from dl_magics.ssh import blocking
from dl_magics.ssh.target import SshTarget
from dl_magics.store.link_outages import Outage
from dl_magics.store.notebook_session import NotebookSession

State = Literal["starting", "idle", "busy", "dead", "lost", "gone", "stopped"]


class GpuKernel(KernelRequests):
    """A kernel on a host and the `link` to it. Created by `attach`."""

    def __init__(
        self, find: Callable[[], SshTarget], run_dir: str, python: str, over: AgentConnection
    ) -> None:
        super().__init__(over, partial(AgentConnection.open, find, run_dir, python))
        self.run_dir = run_dir
        self.is_new = False  # whether `attach` started the kernel
        self._watchers = Subscribers()
        self._tasks = [asyncio.ensure_future(self._follow())]

    @classmethod
    def attach(
        cls,
        find: Callable[[], SshTarget],
        run_dir: str,
        python: str,
        cwd: str | None = None,
        activate: str = "",
        *,
        holder: tuple[NotebookSession, str] | None = None,
    ) -> GpuKernel:
        """Attach to the kernel of `run_dir`; start one if none is running.

        Parameters
        ----------
        find
            Returns the current SSH target; called again when the host does not respond.
        run_dir
            The kernel's folder on the host; `~/` is the home folder. Keep the path short.
        python
            The interpreter on the host; it must have ipykernel.
        cwd
            The kernel's working directory; None is the home folder.
        activate
            A line of bash to run before the kernel, such as one that activates an environment.
        holder
            The notebook that holds the link and the name of the host, for the panel of JupyterLab:
            it notifies of a link that is lost.
        """
        how = build_start_options(python, cwd=cwd or "", activate=activate)
        return cls._attach(find, run_dir, python, how, holder)

    @classmethod
    def adopt(cls, find: Callable[[], SshTarget], run_dir: str, python: str) -> GpuKernel:
        """Attach to the kernel of `run_dir`, or to the journal of one that has ended; start none.

        Raises KernelDied where there is neither.
        """
        return cls._attach(find, run_dir, python, [], None)

    @classmethod
    def _attach(
        cls,
        find: Callable[[], SshTarget],
        run_dir: str,
        python: str,
        how: Sequence[str],
        holder: tuple[NotebookSession, str] | None,
    ) -> GpuKernel:
        async def attached() -> GpuKernel:
            folder, status = await start_agent(login, run_dir, python, *how)
            name = uuid.uuid4().hex
            over = await AgentConnection.open(find, folder, python, status.n, name=name)
            kernel = cls(find, folder, python, over)
            try:
                await kernel._wait_ready(status, restarts=bool(how))
                if holder:
                    kernel._record_outages(*holder)
            except BaseException:
                # Also after Ctrl-C: the link would reconnect until the end of this process.
                await kernel._detach()
                raise
            return kernel

        login = find()
        return blocking.wait_for(attached())

    @property
    def state(self) -> State:
        """The state of the kernel; the state of the link while it is not attached."""
        link = self.link.status
        return link.agent.state if link.state == "attached" else link.state

    @property
    def n(self) -> int:
        """The number of the last journal entry received."""
        return self.link.status.n

    def restart(self) -> None:
        """End the kernel, start a new one and wait until it is ready."""
        blocking.wait_for(self._restart())

    def shutdown(self) -> None:
        """Shut down the kernel and its agent; the journal stays on the host."""
        blocking.wait_for(self._shutdown())
        self.close()

    def reconnect(self) -> None:
        """Connect now rather than after the pause that follows a failure."""
        blocking.call_in_loop(self.link.reconnect)

    def entries(self) -> AsyncIterator[JournalEntry]:
        """Return the entries received from now on; iterate in the thread of the event loop."""
        return blocking.call_in_loop(self._watchers.watch).all()

    def close(self) -> None:
        """Detach; the kernel keeps running."""
        blocking.wait_for(self._detach())

    async def _detach(self) -> None:
        await self.link.close()
        for task in self._tasks:
            task.cancel()

    def _record_outages(self, session: NotebookSession, host: str) -> None:
        outage = Outage(
            kernel_id=PurePosixPath(self.run_dir).name,
            host=host,
            session=session.name,
            notebook=session.title,
        )
        recording = record_outages(lambda: self.link.status, outage)
        self._tasks.append(asyncio.ensure_future(recording))

    async def _wait_ready(self, status: AgentStatus, *, restarts: bool) -> None:
        """Wait until the kernel is ready; one that has ended `restarts`, or is left alone."""
        coming = self._watchers.watch()
        welcome = await self.link.wait_attached()
        self._running = RunningCells(welcome.busy, welcome.n)
        self.is_new = status.state in ("starting", "dead")
        if status.state == "starting":
            await coming.ready(after=status.n)
        elif status.state == "dead" and restarts:
            await self._restart()
        coming.close()

    async def _follow(self) -> None:
        try:
            async for entry in self.link.entries():
                self.take(entry)
                self._watchers.tell(entry)
        except HostKeyRefused as error:
            self.fail(_explain_refused(error))
        finally:
            if self.widgets:
                self.widgets.take(None)
            self._watchers.tell(None)

    async def _restart(self) -> None:
        coming = self._watchers.watch()
        at = await coming.fulfilled(self.link.request("restart"))
        await coming.ready(after=at)
        coming.close()

    async def _shutdown(self) -> None:
        coming = self._watchers.watch()
        await coming.fulfilled(self.link.request("shutdown"))


def _explain_refused(error: HostKeyRefused) -> HostKeyRefused:
    """Return the error of the cells whose output may not be received from another host."""
    return HostKeyRefused(
        f"{error} A cell that runs on the GPU kernel goes on.",
        fix=f"{error.fix} · once the right host answers: %gpu_output",
    )
