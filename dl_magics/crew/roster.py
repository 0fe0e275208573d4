"""The hosts of a crew: who computes, who is lost and tried again, who comes later."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from dl_magics.core.typed_name import quote_name
from dl_magics.crew.member import Member, Share
from dl_magics.crew.plan import CrewPlan
from dl_magics.crew.results import Results
from dl_magics.crew.worker_host import WorkerHost
from dl_magics.errors import DLMagicsError, NoAnswer, TrainingFailed, WrongState
from dl_magics.ssh.retry import pauses

LOST = "worker_lost"
"""The code of the warning that a worker is lost, or left out."""

FindMembers = Callable[[], Sequence[Member]]


@dataclass
class Roster:
    """The members of a crew by name, each with its share; used in the thread of the loop.

    `patience` are the seconds for which a host that does not answer is tried again, `look_every`
    those between two looks for hosts that have come up. `reasons` says why a member has ended.
    """

    find_members: FindMembers
    results: Results
    patience: float
    look_every: float
    shares: dict[str, Share] = field(default_factory=dict)
    reasons: dict[str, DLMagicsError] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._looking: asyncio.Task[None] | None = None

    def begin(self, members: Sequence[Member], plan: CrewPlan) -> None:
        """Start a worker on each host, and on each that comes up later."""
        for member in members:
            self._add(member, plan)
        self._looking = asyncio.create_task(self._look(plan))

    def leave_out(self, share: Share, why: str) -> None:
        """End the worker of a member for good."""
        name = share.member.name
        self._tasks[name].cancel()
        look = f"Look at it: %gpu_connect {quote_name(name)}, then %gpu_status"
        error = TrainingFailed(
            f"{name} is left out, as {why}.", fix=f"The others compute its batches. {look}"
        )
        self._give_up(share, error, may_return=False)

    async def close(self) -> None:
        """End all workers, and start none."""
        tasks = [*self._tasks.values(), *([self._looking] if self._looking else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _add(self, member: Member, plan: CrewPlan) -> None:
        share = self.shares.get(member.name)
        if share:
            share.begin_again()
        else:
            share = self.shares[member.name] = Share(member)
        self._tasks[member.name] = asyncio.create_task(self._keep(share, plan))

    async def _look(self, plan: CrewPlan) -> None:
        while True:
            await asyncio.sleep(self.look_every)
            try:
                members = await asyncio.to_thread(self.find_members)
            except DLMagicsError:
                continue  # AWS may not answer now; none of the hosts is lost by this
            for member in members:
                share = self.shares.get(member.name)
                if share is None or (share.state == "ended" and share.may_return):
                    self._add(member, plan)

    async def _keep(self, share: Share, plan: CrewPlan) -> None:
        """Start workers on a host, one after the other, until it cannot compute."""
        host, lost_at, pausing = WorkerHost(share.member, plan), time.monotonic(), pauses()
        while True:
            try:
                await host.serve()
            except NoAnswer as error:
                if share.state == "computing":
                    self._warn_of_loss(share, str(error), "Its batches are computed by the others.")
                    share.state, lost_at, pausing = "lost", time.monotonic(), pauses()
                elif time.monotonic() - lost_at > self.patience:
                    self._give_up(share, error, may_return=True)
                    return
                await asyncio.sleep(next(pausing))
            except DLMagicsError as error:
                self._give_up(share, error, may_return=isinstance(error, WrongState))
                return

    def _give_up(self, share: Share, error: DLMagicsError, *, may_return: bool) -> None:
        if share.state == "ended":
            return
        # A stopped instance is not billed any more; all others are.
        share.end(may_return=may_return, costs=not isinstance(error, WrongState))
        self.reasons[share.member.name] = error
        self._warn_of_loss(share, str(error), error.fix)
        if all(each.state == "ended" for each in self.shares.values()):
            self.results.fail(
                TrainingFailed(
                    f"No worker is left ({', '.join(self.shares)}). The last one: {error}",
                    fix=f"{error.fix} · Then run the cell again: the features so far are kept.",
                )
            )
        self.results.wake()

    def _warn_of_loss(self, share: Share, why: str, fix: str) -> None:
        self.results.warn(LOST, f"The worker on {share.member.name} is lost: {why}", fix)
