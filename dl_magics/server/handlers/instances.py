"""`instances`: list, launch, read, start, stop, resize, terminate, and log in."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from dl_magics.server.handlers.base import DLMagicsHandler, validated

if TYPE_CHECKING:
    from dl_magics.actions.aws.context import Context
    from dl_magics.actions.aws.panel.requests import Asked
    from dl_magics.core.instance import Instance

Ask = Callable[["Context", "Instance"], "Asked"]


class InstancesHandler(DLMagicsHandler):
    """The listing, and the launch of another instance."""

    path = "/instances"

    @web.authenticated
    @authorized
    @validated
    async def get(self) -> None:
        self.services.look()
        monitor, fresh = self.services.instances, self.asked.query["fresh"]
        known = None if fresh else monitor.encode_current()
        if known is None:
            known = await self.services.call(monitor.read, fresh=fresh)
        self.reply(known)

    @web.authenticated
    @authorized
    @validated
    async def post(self) -> None:
        from dl_magics.server import cells
        from dl_magics.server.monitors.listing import Action

        where, asked = await self.services.call(_ask_launch, dict(self.asked.body))
        cell = cells.launch_cell(self.asked.body)
        self.confirm(asked.question, cell)
        action = Action(id="", verb="launch", cell=cell, where=where)
        instance = await self.services.workers.launch(action, asked)
        self.set_header("Location", f"{self.base_url}dl-magics/instances/{instance.id}")
        values = await self.services.call(self.services.instances.describe, instance)
        self.reply(values, 201 if asked.question else 200)


class InstanceHandler(DLMagicsHandler):
    """One instance."""

    path = "/instances/{id}"

    @web.authenticated
    @authorized
    @validated
    async def get(self, id_: str) -> None:
        self.reply(await self.services.call(self.services.instances.find_instance, id_))


class ActionHandler(DLMagicsHandler):
    """Base of the handlers that change an instance."""

    async def carry_out(self, id_: str, verb: str, ask: Ask, cell: str = "") -> None:
        """Do what is asked for if it is confirmed; send the action."""
        from dl_magics.server.monitors.listing import Action

        where, asked, cells = await self.services.call(_ask, self.services, id_, ask)
        cell = cell or cells[verb]
        self.confirm(asked.question, cell)
        action = Action(id=id_, verb=verb, cell=cell, where=where)
        accepted = await self.services.workers.carry_out(action, asked)
        self.reply(accepted.to_json(), 202)


class StartHandler(ActionHandler):
    """Start an instance."""

    path = "/instances/{id}/start"

    @web.authenticated
    @authorized
    @validated
    async def post(self, id_: str) -> None:
        from dl_magics.actions.aws.panel import requests

        await self.carry_out(id_, "start", requests.ask_start)


class StopHandler(ActionHandler):
    """Stop an instance."""

    path = "/instances/{id}/stop"

    @web.authenticated
    @authorized
    @validated
    async def post(self, id_: str) -> None:
        from dl_magics.actions.aws.panel import requests

        await self.carry_out(
            id_,
            "stop",
            lambda context, instance: requests.ask_stop(context, instance, list_going_on(instance)),
        )


class ResizeHandler(ActionHandler):
    """Change the type of an instance."""

    path = "/instances/{id}/resize"

    @web.authenticated
    @authorized
    @validated
    async def post(self, id_: str) -> None:
        from dl_magics.actions.aws.panel import requests
        from dl_magics.server import cells

        type_ = self.asked.body["type"]
        await self.carry_out(
            id_,
            "resize",
            lambda context, instance: requests.ask_resize(
                context, instance, type_, list_going_on(instance)
            ),
            cells.resize_cell(id_, type_),
        )


class TerminateHandler(ActionHandler):
    """Terminate an instance."""

    path = "/instances/{id}/terminate"

    @web.authenticated
    @authorized
    @validated
    async def post(self, id_: str) -> None:
        from dl_magics.actions.aws.panel import requests

        await self.carry_out(
            id_,
            "terminate",
            lambda context, instance: requests.ask_terminate(
                context, instance, list_going_on(instance)
            ),
        )


class KeepHandler(DLMagicsHandler):
    """Keep an idle instance running."""

    path = "/instances/{id}/keep"

    @web.authenticated
    @authorized
    @validated
    async def post(self, id_: str) -> None:
        seconds = 60.0 * self.asked.body.get("minutes", 60)
        await self.services.call(self.services.guards.keep, id_, seconds)
        self.reply(await self.services.call(self.services.instances.find_instance, id_))


class SshHandler(DLMagicsHandler):
    """The command that opens a terminal on an instance."""

    path = "/instances/{id}/ssh"

    @web.authenticated
    @authorized
    @validated
    async def get(self, id_: str) -> None:
        self.reply({"command": await self.services.call(_read_ssh_command, id_)})


def _ask(services: Any, id_: str, ask: Ask) -> tuple[str, Asked, dict[str, str]]:
    from dl_magics.actions.aws.panel import place

    current = place.load_context()
    instance = current.ec2.describe_instance(id_)
    cells = services.instances.describe(instance)["cells"]
    return current.profile_and_region, ask(current, instance), cells


def list_going_on(instance: Instance) -> list[str]:
    """Return the names of the runs that the end of an instance interrupts."""
    from dl_magics.actions.runs import runs

    return [each.name for each in runs.list_open_runs(instance)] if instance.costs_money else []


def _ask_launch(body: dict[str, Any]) -> tuple[str, Asked]:
    from dl_magics.actions.aws.launch.plan import NAME
    from dl_magics.actions.aws.panel import place, requests
    from dl_magics.aws.spot.market import SpotOptions

    current = place.load_context()
    asked = requests.ask_launch(
        current,
        body["type"],
        name=body.get("name", NAME),
        image=body.get("image"),
        disk_gib=body.get("disk_gib"),
        zone=body.get("zone"),
        spot=SpotOptions(**body["spot"]) if "spot" in body else None,
    )
    return current.profile_and_region, asked


def _read_ssh_command(id_: str) -> str:
    from dl_magics.actions.aws import access
    from dl_magics.actions.aws.panel import place

    current = place.load_context()
    target = access.resolve_target(current, current.ec2.describe_instance(id_))
    return shlex.join(target.command_line())
