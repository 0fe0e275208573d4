"""One host of a crew: a worker is started over SSH, and talks over its standard input and output.

The worker listens on the loopback of its host. It reaches the scheduler through a remote forward of
the SSH connection, the scheduler reaches it through a local one: no port is open to a network.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from dl_magics.crew import host_process
from dl_magics.crew.certificates import Credentials
from dl_magics.crew.host_process import Command
from dl_magics.crew.member import Member
from dl_magics.errors import CommandFailed, NoAnswer, WeightsNotFound
from dl_magics.host.info import Interpreter
from dl_magics.remote_code.request import restore_error
from dl_magics.ssh import connection
from dl_magics.ssh.target import SshTarget
from dl_magics.training.crew import worker

if TYPE_CHECKING:
    import asyncssh

_LOOPBACK = "127.0.0.1"
_LONGEST_LINE = 2**16


@dataclass(frozen=True, slots=True)
class Found:
    """What a worker computes with, as it says, and the port at which it will listen."""

    kind: str
    name: str
    memory: int
    half: str
    winograd: bool
    devices: int
    backend: str
    decoder: str
    port: int

    @classmethod
    def read(cls, values: Mapping[str, Any], name: str) -> Found:
        """Return what a worker has said; raise CommandFailed where that is not valid."""
        try:
            device = values["device"]
            found = cls(
                kind=str(device["kind"]),
                name=str(device["name"]),
                memory=int(device["memory"]),
                half=str(device["half"]),
                winograd=bool(device["winograd"]),
                devices=max(1, len(device["members"])),
                backend=str(values["backend"]),
                decoder=str(values["decoder"]),
                port=int(values["port"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise CommandFailed(
                f"The worker on {name} did not describe its device.",
                fix=f"Leave {name} out of workers.",
            ) from error
        return found


class Plan(Protocol):
    """What all workers of a crew have to know; used in the thread of the loop only."""

    dask: str
    backend: str
    scheduler_port: int

    async def agree(self, member: Member, found: Found) -> Mapping[str, Any]:
        """Wait until it is known what to compute, and return it.

        Raises DLMagicsError where this worker would compute other features than the others.
        """

    async def provide_files(self, target: SshTarget, *, lacks_weights: bool) -> Mapping[str, Any]:
        """Put the files of the recipe on a host; return the recipe there, as JSON.

        `lacks_weights` is true where the host could not download weights.
        """

    def check_network(self, member: Member, built: Mapping[str, Any]) -> None:
        """Raise DLMagicsError where a worker has built another network."""

    def issue(self, name: str) -> Credentials:
        """Return the TLS credentials of a worker."""

    def expect(self, member: Member, port: int) -> None:
        """Take note that the worker of a member will be reached at this local port."""


class WorkerHost:
    """Starts workers on the host of a member, one after the other."""

    def __init__(self, member: Member, plan: Plan) -> None:
        self._member = member
        self._plan = plan
        self._python: Interpreter | None = None
        self._lacks_weights = False

    async def serve(self) -> None:
        """Start a worker, and raise what ends it.

        Raises
        ------
        NoAnswer
            where the connection is lost or the worker ends: another one may be started.
        DLMagicsError
            where no worker can compute here.
        """
        target = await asyncio.to_thread(self._member.find)
        if self._python is None:
            self._python = await host_process.find_python(target)
        command = await Command.build(target, self._python, worker.__name__, self._plan.backend)
        shared = await connection.connect_shared(target)
        with connection.translate_errors(target):
            async with host_process.started(shared, command.line) as process:
                talk = _Talk(process, command.mark, self._member.name)
                try:
                    await self._work(talk, shared, target)
                except WeightsNotFound as error:
                    if self._lacks_weights:
                        raise
                    self._lacks_weights = True
                    raise NoAnswer(str(error), fix=error.fix) from error

    async def _work(
        self, talk: _Talk, shared: asyncssh.SSHClientConnection, target: SshTarget
    ) -> None:
        plan, member = self._plan, self._member
        talk.say({"dask": plan.dask})
        found = Found.read(await talk.hear("found"), member.name)
        agreed = await plan.agree(member, found)
        recipe = await plan.provide_files(target, lacks_weights=self._lacks_weights)
        async with (
            shared.forward_remote_port(_LOOPBACK, 0, _LOOPBACK, plan.scheduler_port) as back,
            shared.forward_local_port(_LOOPBACK, 0, _LOOPBACK, found.port) as there,
        ):
            plan.expect(member, there.get_port())
            talk.say(
                {
                    **agreed,
                    "recipe": recipe,
                    "scheduler": f"tls://{_LOOPBACK}:{back.get_port()}",
                    "contact": f"tls://{_LOOPBACK}:{there.get_port()}",
                    "name": member.name,
                    "credentials": plan.issue(member.name).to_json(),
                }
            )
            plan.check_network(member, await talk.hear("built"))
            await talk.hear("ended")


class _Talk:
    """Lines of JSON to a worker and from it, each of its own behind a mark."""

    def __init__(self, process: asyncssh.SSHClientProcess[bytes], mark: str, name: str) -> None:
        self._process = process
        self._mark = mark.encode() + b" "
        self._name = name

    def say(self, values: Mapping[str, Any]) -> None:
        self._process.stdin.write(json.dumps(values).encode() + b"\n")

    async def hear(self, op: str) -> Mapping[str, Any]:
        """Return the next line of the worker, which says `op`.

        Raises
        ------
        NoAnswer
            where it ends before.
        DLMagicsError
            the error that it reports.
        """
        while line := await self._process.stdout.readline():
            if not line.startswith(self._mark):
                continue
            values = self._parse(line[len(self._mark) :])
            if values.get("op") == "failed":
                said = [str(values.get(each, "")) for each in ("type", "message", "fix")]
                raise restore_error(said[0], f"{self._name}: {said[1]}"[:1000], said[2][:1000])
            if values.get("op") == op:
                return values
        raise NoAnswer(
            f"The worker on {self._name} ended.",
            fix="It is started again where the host answers.",
        )

    def _parse(self, line: bytes) -> Mapping[str, Any]:
        with suppress(ValueError, RecursionError):
            if len(line) <= _LONGEST_LINE and isinstance(values := json.loads(line), dict):
                return values
        return {}
