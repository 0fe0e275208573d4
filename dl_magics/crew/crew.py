"""A crew of hosts: each is kept computing, and a batch of a lost one is computed by another."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from importlib import metadata
from typing import Any

from dl_magics.crew.certificates import Authority
from dl_magics.crew.coordination import Coordination
from dl_magics.crew.joint import opening
from dl_magics.crew.joint.joint_hosts import JointHosts
from dl_magics.crew.member import Member, Share
from dl_magics.crew.plan import CrewPlan, Provide
from dl_magics.crew.results import Results, Sent
from dl_magics.crew.roster import FindMembers, Roster
from dl_magics.data import images
from dl_magics.errors import NotInstalled, TrainingFailed
from dl_magics.runs.events import Warned
from dl_magics.ssh import blocking
from dl_magics.training.crew.batches import BadFeatures, Features, unpack_features
from dl_magics.training.crew.crew import Network
from dl_magics.training.crew.frames import Frame
from dl_magics.training.crew.joint.hosts import Job
from dl_magics.training.engine.device import Device
from dl_magics.training.recipe.recipe import Recipe

_SECONDS_BETWEEN_LOOKS = 15.0
_PATIENCE_SECONDS = 180.0
_MOST_FAILURES = 5


class HostCrew:
    """Computes features on hosts; its methods are called by the thread of a run.

    Parameters
    ----------
    find_members
        Returns the hosts that are up now; called again and again, so that one that is added later
        joins, and one that came back does.
    provide
        Puts the files of a recipe on a host and returns the recipe there.
    patience
        The seconds for which a host that does not answer is tried again.
    look_every
        The seconds between two looks for hosts that have come up.
    """

    def __init__(
        self,
        find_members: FindMembers,
        provide: Provide,
        *,
        patience: float = _PATIENCE_SECONDS,
        look_every: float = _SECONDS_BETWEEN_LOOKS,
    ) -> None:
        self._provide = provide
        self._results = Results()
        self._roster = Roster(find_members, self._results, patience, look_every)
        self._number = 0
        self._plan: CrewPlan | None = None
        self._coordination: Coordination | None = None

    @property
    def size(self) -> int:
        """The number of hosts so far."""
        return len(self._roster.shares)

    @property
    def sends_files(self) -> bool:
        """Whether each worker decodes image files to the same pixels as this computer."""
        return all(each.decoder == str(images.DECODER) for each in self._known.founds.values())

    def start(self, recipe: Recipe, backend: str) -> None:
        """Begin to start a worker on each host.

        Raises
        ------
        NotInstalled
            where Dask is missing on this computer.
        DLMagicsError
            where the hosts cannot be found.
        """
        version = require_dask()
        members = self._roster.find_members()
        # A worker needs nothing of the head, which may hold anything of the notebook.
        recipe = replace(recipe, head="", head_names={})
        blocking.wait_for(self._open(recipe, backend, version, members))

    def wait_for_device(self, stop: Callable[[], bool]) -> Device:
        """Wait until each host said what it computes with, or cannot; return the common device.

        Raises the error of a host where none can compute.
        """
        known = self._known

        def is_decided() -> bool:
            states = ((name, share.state) for name, share in [*self._roster.shares.items()])
            return all(name in known.founds or state == "ended" for name, state in states)

        self._results.wait_for(is_decided, stop)
        if not known.founds:
            raise next(iter(self._roster.reasons.values()))
        return known.device

    def use_network(self, network: Network) -> None:
        """Let each worker build a network and begin to compute."""
        blocking.call_in_loop(self._known.network.set_result, network)

    def submit(self, packed: bytes, images: int) -> int:
        """Send a packed batch to whichever worker is free; return its number."""
        self._number += 1
        self._results.sent[self._number] = Sent(packed, images)
        blocking.call_in_loop(self._send, self._number)
        return self._number

    def fetch(self, number: int) -> Features:
        """Return the features of a batch.

        Raises NotComputedYet after a moment, and TrainingFailed where no worker is left.
        """
        return self._results.fetch(number)

    def take_warnings(self) -> Iterator[Warned]:
        """Yield each warning that arose since the last call."""
        return self._results.take_warnings()

    def describe_workers(self) -> list[Mapping[str, Any]]:
        """Return what each worker has done."""
        return [share.to_json() for share in [*self._roster.shares.values()]]

    def train_together(
        self, job: Job, stop: Callable[[], bool]
    ) -> tuple[JointHosts | None, Sequence[Warned]]:
        """Start training on the hosts that are up; return them, and why others are left out.

        There are none where `stop()` is true before all have started.
        """
        return opening.open_hosts(
            self._roster.find_members, job, stop, self._provide, self._count_devices
        )

    def close(self) -> None:
        """End all workers and the scheduler."""
        blocking.wait_for(self._close())

    def _count_devices(self, name: str) -> int:
        found = self._plan.founds.get(name) if self._plan else None
        return found.devices if found else 1

    @property
    def _known(self) -> CrewPlan:
        assert self._plan, "start() comes first"
        return self._plan

    async def _open(
        self, recipe: Recipe, backend: str, version: str, members: Sequence[Member]
    ) -> None:
        authority = Authority()
        self._coordination = await Coordination.open(authority.issue("scheduler"), self._take)
        self._plan = CrewPlan(
            recipe,
            backend,
            version,
            self._provide,
            authority,
            self._coordination.port,
            self._results.wake,
        )
        self._roster.begin(members, self._plan)

    def _send(self, number: int) -> None:
        if self._coordination:
            self._coordination.send("submit", self._results.sent[number].packed, id=number)

    def _take(self, frame: Frame | None) -> None:
        """Take note of what the scheduler says; None is its end."""
        if frame is None:
            self._results.fail(
                TrainingFailed(
                    "Dask's scheduler on this computer ended.",
                    fix="Run the cell again: the features so far are kept.",
                )
            )
            return
        share = self._find_share(str(frame.values.get("address", "")))
        if frame.op == "joined" and share:
            share.state = "computing"
        elif frame.op in ("done", "failed"):
            self._take_batch(int(frame.values["id"]), frame, share)

    def _take_batch(self, number: int, frame: Frame, share: Share | None) -> None:
        sent = self._results.sent.get(number)
        if sent is None:
            return
        try:
            if frame.op == "failed":
                raise BadFeatures(f"it failed: {frame.values['why']}")
            shape = (sent.images, *self._known.network.result().shape)
            features = unpack_features(frame.payload, shape)
        except BadFeatures as error:
            self._dismiss(share, frame, error)
            self._results.sent[number] = sent = replace(sent, failed=sent.failed + 1)
            if sent.failed < _MOST_FAILURES:
                self._send(number)
            else:
                self._results.fail(
                    TrainingFailed(
                        f"A batch could not be computed by {sent.failed} workers: {error}",
                        fix="Leave workers out and train on one host: %gpu_connect NAME",
                    )
                )
            return
        if share:
            share.add(sent.images)
        self._results.add(number, features)

    def _dismiss(self, share: Share | None, frame: Frame, why: BadFeatures) -> None:
        """End the worker that sent something else than features."""
        if share is None or share.state == "ended":
            return
        if self._coordination:
            self._coordination.send("dismiss", address=frame.values["address"])
        self._roster.leave_out(share, str(why))

    def _find_share(self, address: str) -> Share | None:
        port = address.rpartition(":")[2]
        member = self._known.ports.get(int(port)) if port.isdigit() else None
        return self._roster.shares.get(member.name) if member else None

    async def _close(self) -> None:
        await self._roster.close()
        if self._coordination:
            await self._coordination.close()


def require_dask() -> str:
    """Return the version of Dask distributed; raise NotInstalled where it is missing."""
    try:
        return metadata.version("distributed")
    except metadata.PackageNotFoundError:
        raise NotInstalled(
            "workers = … needs Dask on this computer, which is not installed.",
            fix="pip install 'dl-magics[scale]'",
        ) from None
