"""Start the hosts that train together: each is reached, and they meet each other."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import CancelledError

from dl_magics.core.typed_name import quote_name
from dl_magics.crew.joint import joint_hosts
from dl_magics.crew.joint.joint_hosts import JointHosts
from dl_magics.crew.joint.trainer_process import TrainerProcess
from dl_magics.crew.member import Member
from dl_magics.crew.plan import Provide
from dl_magics.crew.roster import LOST
from dl_magics.errors import DLMagicsError, NoAnswer, NotInstalled, TrainingFailed
from dl_magics.runs.events import Warned
from dl_magics.ssh import blocking
from dl_magics.training.crew.joint.hosts import HostsLost, Job, Stop, count_hosts
from dl_magics.training.engine.parallel.training_devices import LEAST_IMAGES


class _Opening:
    """What becomes of the members while they are started: who is left out, and why."""

    def __init__(self, job: Job, provide: Provide, devices: Callable[[str], int]) -> None:
        self._job = job
        self._provide = provide
        self._devices = devices
        self._left_out: dict[str, DLMagicsError] = {}
        self._not_needed: list[str] = []

    @property
    def warnings(self) -> list[Warned]:
        """Why hosts do not train."""
        lost = [
            Warned(
                code=LOST,
                text=f"{name} does not train the last layers: {str(why).removeprefix(f'{name}: ')}",
                fix=why.fix,
            )
            for name, why in self._left_out.items()
        ]
        if not self._not_needed:
            return lost
        named = ", ".join(self._not_needed)
        idle = Warned(
            code="some_hosts",
            text=f"{named}: not needed to train the last layers, as each batch of "
            f"{self._job.batch_size} images is divided evenly, and at least {LEAST_IMAGES} go to "
            "each device.",
            fix="To train on more hosts: a larger batch_size",
        )
        return [*lost, idle]

    async def open(self, members: Sequence[Member]) -> JointHosts:
        """Start the processes.

        Raises TrainingFailed where none can train, and HostsLost where one is lost meanwhile.
        """
        opened: list[TrainerProcess] = []
        try:
            started = await asyncio.gather(*(self._start(each, opened) for each in members))
            training = self._choose([each for each in started if each])
            if len(training) > 1:
                met = await asyncio.gather(
                    *(self._meet(each, training[0]) for each in training[1:])
                )
                training = self._choose([training[0], *(each for each in met if each)])
            idle = [each for each in opened if each not in training]
            self._not_needed = [each.name for each in idle if each.name not in self._left_out]
            await joint_hosts.close_all(idle)
            await self._begin(training)
        except BaseException:
            await joint_hosts.close_all(opened)
            raise
        return JointHosts(training)

    async def _start(self, member: Member, opened: list[TrainerProcess]) -> TrainerProcess | None:
        try:
            process = await TrainerProcess.open(member)
        except (DLMagicsError, HostsLost) as error:
            self._leave_out(member.name, error)
            return None
        opened.append(process)
        return process

    async def _meet(self, process: TrainerProcess, first: TrainerProcess) -> TrainerProcess | None:
        try:
            if process.versions != first.versions:
                raise NotInstalled(
                    f"{process.name} has {_format(process.versions)}, {first.name} has "
                    f"{_format(first.versions)}: all must agree.",
                    fix=f"Install there: pip install {_format(first.versions, '==')}",
                )
            await process.send("meet", address=first.address, port=first.port)
            await process.hear("met")
        except (DLMagicsError, HostsLost) as error:
            self._leave_out(process.name, error)
            return None
        return process

    def _leave_out(self, name: str, why: DLMagicsError | HostsLost) -> None:
        if isinstance(why, HostsLost):
            why = NoAnswer(
                str(why), fix=f"Look at it: %gpu_connect {quote_name(name)}, then %gpu_status"
            )
        self._left_out[name] = why

    def _choose(self, processes: Sequence[TrainerProcess]) -> Sequence[TrainerProcess]:
        """Return those of the processes among which a batch can be divided."""
        if not processes:
            (why, *_) = self._left_out.values()
            raise TrainingFailed(
                f"No host is left to train the last layers on: {why}",
                fix=f"{why.fix} · Then go on from the checkpoint: %finetune --resume",
            )
        hosts, _ = self._count(processes)
        return processes[:hosts]

    def _count(self, processes: Sequence[TrainerProcess]) -> tuple[int, int]:
        devices = min(self._devices(each.name) for each in processes)
        return count_hosts(self._job.batch_size, len(processes), devices)

    async def _begin(self, training: Sequence[TrainerProcess]) -> None:
        first, job = training[0], self._job
        _, devices = self._count(training)
        address = f"[{first.address}]" if ":" in first.address else first.address
        about = {
            **job.describe(),
            "count": len(training),
            "devices": devices,
            "coordinator": f"{address}:{first.port}",
        }
        recipe = job.leave_weights_out()
        for number, process in enumerate(training):
            there = await self._provide(process.target, recipe, lacks_weights=False)
            await process.send("begin", **about, number=number, recipe=there.to_json())
        await joint_hosts.hear_all(training, "ready")
        parts = job.read_parts()
        while (part := await asyncio.to_thread(next, parts, None)) is not None:
            await joint_hosts.ask_all(training, "values", part.tobytes(), rows=len(part))


def open_hosts(
    members: Callable[[], Sequence[Member]],
    job: Job,
    stop: Stop,
    provide: Provide,
    devices: Callable[[str], int],
) -> tuple[JointHosts | None, Sequence[Warned]]:
    """Start a process on each host that trains; return them, and who does not train, and why.

    `devices` returns the number of devices of a host of this name. There are no hosts where
    `stop()` is true before all have started.
    """
    opening = _Opening(job, provide, devices)

    def cancel_if_stopped() -> None:
        if stop():
            raise CancelledError

    try:
        started = blocking.wait_for(opening.open(members()), cancel_if_stopped)
        return started, opening.warnings
    except CancelledError:
        return None, opening.warnings


def _format(versions: dict[str, str], between: str = " ") -> str:
    return " ".join(f"{name}{between}{version}" for name, version in versions.items())
