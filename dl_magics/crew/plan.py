"""What the workers of a crew agree on: device, backend and network, the same for all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from dl_magics.crew.certificates import Authority, Credentials
from dl_magics.crew.member import Member
from dl_magics.crew.worker_host import Found
from dl_magics.errors import BadSetting, NotLoadable
from dl_magics.ssh.target import SshTarget
from dl_magics.training.crew.crew import Network
from dl_magics.training.engine.device import Device
from dl_magics.training.recipe.recipe import Recipe


class Provide(Protocol):
    """Puts the files of a recipe on a host and returns the recipe there."""

    def __call__(
        self, target: SshTarget, recipe: Recipe, /, *, lacks_weights: bool
    ) -> Awaitable[Recipe]: ...


@dataclass
class CrewPlan:
    """What all workers have to know; `founds` is what they said, by the names of their members.

    The first one that says what it computes with decides for all.
    """

    recipe: Recipe
    backend: str
    dask: str
    provide: Provide
    authority: Authority
    scheduler_port: int
    on_found: Callable[[], None]
    founds: dict[str, Found] = field(default_factory=dict)
    ports: dict[int, Member] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.network: asyncio.Future[Network] = asyncio.get_running_loop().create_future()

    @property
    def first(self) -> Found:
        """What the first worker computes with."""
        return next(iter(self.founds.values()))

    @property
    def device(self) -> Device:
        """The device of all workers, with the memory of the smallest."""
        memory = min(each.memory for each in self.founds.values())
        first = self.first
        return Device(first.kind, first.name, memory, first.half, winograd=first.winograd)

    async def agree(self, member: Member, found: Found) -> Mapping[str, Any]:
        """Wait for the network; return its precision, batch size and kind of convolution.

        Raises BadSetting where this worker would compute other features than the others.
        """
        first = next(iter(self.founds.values()), found)
        half = () if self.recipe.mixed_precision is False else ("half",)
        for what in ("backend", "kind", *half):
            here, there = getattr(found, what), getattr(first, what)
            if here != there:
                other = next(iter(self.founds))
                raise BadSetting(
                    f"{member.name} computes with {here or 'float32'}, {other} with "
                    f"{there or 'float32'}: their features would differ.",
                    fix="Name hosts of one kind in workers.",
                )
        self.founds[member.name] = found
        self.on_found()
        network = await asyncio.shield(self.network)
        return {
            "precision": network.precision,
            "batch_size": network.batch_size,
            "winograd": network.winograd,
        }

    async def provide_files(self, target: SshTarget, *, lacks_weights: bool) -> Mapping[str, Any]:
        """Put the files of the recipe on a host; return the recipe there."""
        return (await self.provide(target, self.recipe, lacks_weights=lacks_weights)).to_json()

    def check_network(self, member: Member, built: Mapping[str, Any]) -> None:
        """Check that a worker has built the network of this computer.

        Raises NotLoadable where it has another one.
        """
        network = self.network.result()
        if built.get("sha256") != network.sha256 or built.get("shape") != list(network.shape):
            raise NotLoadable(
                f"{member.name} loaded other weights of {self.recipe.model_name} than this "
                "computer.",
                fix=f"Install the same version of Keras there, or leave {member.name} out of "
                "workers.",
            )

    def issue(self, name: str) -> Credentials:
        """Return TLS credentials for a worker."""
        return self.authority.issue(name)

    def expect(self, member: Member, port: int) -> None:
        """Take note that the worker of a member will be reached at this local port."""
        self.ports[port] = member
