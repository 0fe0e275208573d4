"""`place`, `prices`, `check`, `elsewhere` and `practice`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from dl_magics.server.handlers.base import DLMagicsHandler, validated

if TYPE_CHECKING:
    from dl_magics.actions.aws.panel.place import Choice, Place


class PlaceHandler(DLMagicsHandler):
    """The profile and region of the panel."""

    path = "/place"

    @web.authenticated
    @authorized
    @validated
    async def get(self) -> None:
        from dl_magics.actions.aws.panel import place

        self.reply(_describe_choice(await self.services.call(place.read_choice)))

    @web.authenticated
    @authorized
    @validated
    async def put(self) -> None:
        from dl_magics.actions.aws.panel import place
        from dl_magics.server.monitors.listing import describe_place

        profile, region = self.asked.body["profile"], self.asked.body.get("region")
        selected = await self.services.call(place.select_place, profile, region)
        self.services.instances.forget()
        self.reply(describe_place(selected))


class PricesHandler(DLMagicsHandler):
    """The instance types with their prices."""

    path = "/prices"

    @web.authenticated
    @authorized
    @validated
    async def get(self) -> None:
        self.reply(await self.services.call(_list_prices, self.asked.query.get("type")))


class CheckHandler(DLMagicsHandler):
    """What a launch needs."""

    path = "/check"

    @web.authenticated
    @authorized
    @validated
    async def get(self) -> None:
        self.reply(await self.services.call(_run_checks))


class ElsewhereHandler(DLMagicsHandler):
    """What runs in other regions."""

    path = "/elsewhere"

    @web.authenticated
    @authorized
    @validated
    async def get(self) -> None:
        fresh = self.asked.query["fresh"]
        self.reply(await self.services.call(self.services.elsewhere.read, fresh=fresh))


class PracticeHandler(DLMagicsHandler):
    """Show the practice cloud, or no longer."""

    path = "/practice"

    @web.authenticated
    @authorized
    @validated
    async def get(self) -> None:
        from dl_magics.actions.aws.panel import place

        self.reply(_describe_practice(await self.services.call(place.read_place)))

    @web.authenticated
    @authorized
    @validated
    async def put(self) -> None:
        from dl_magics.actions.aws.panel import place

        switch = place.enter_practice_cloud
        if not self.asked.body["on"]:
            self.confirm(await self.services.call(_ask_leave), "%practice off")
            switch = place.leave_practice_cloud
        switched = await self.services.call(switch)
        self.services.instances.forget()
        self.reply(_describe_practice(switched))


class FaultsHandler(DLMagicsHandler):
    """Inject a fault into the practice cloud."""

    path = "/practice/faults"

    @web.authenticated
    @authorized
    @validated
    async def post(self) -> None:
        await self.services.call(_inject_fault, dict(self.asked.body))
        self.set_status(204)
        self.finish()


def _describe_choice(choice: Choice) -> dict[str, Any]:
    from dl_magics.server.json_values import describe_error
    from dl_magics.server.monitors.listing import describe_place

    return {
        **describe_place(choice.place),
        "account": choice.account,
        "profiles": list(choice.profiles),
        "regions": list(choice.regions),
        "error": describe_error(choice.error) if choice.error else None,
    }


def _ask_leave() -> str:
    """Return the question of the end of the practice cloud; "" if it interrupts no run."""
    from dl_magics.actions.aws import regions
    from dl_magics.actions.aws.panel import place
    from dl_magics.errors import DLMagicsError
    from dl_magics.server.handlers.instances import list_going_on

    if not place.read_place().practice:
        return ""
    try:
        listed = regions.list_instances(place.load_context())
    except DLMagicsError:
        return ""  # it has ended already
    if not (going_on := [name for each in listed for name in list_going_on(each)]):
        return ""
    return (
        f"The practice cloud stops, and interrupts {', '.join(going_on)}, which can be resumed "
        "from its last checkpoint"
    )


def _describe_practice(shown: Place) -> dict[str, Any]:
    from dl_magics.actions.aws import practice
    from dl_magics.server.monitors.listing import describe_place

    return {
        "on": shown.practice,
        "place": describe_place(shown),
        "faults": practice.list_faults(),
        "cell": f"%practice {'on' if shown.practice else 'off'}",
    }


def _list_prices(start: str | None) -> dict[str, Any]:
    from dataclasses import asdict

    from dl_magics.actions.aws import price_list
    from dl_magics.actions.aws.panel import place
    from dl_magics.server import cells

    listed = price_list.list_prices(place.load_context(), start)
    types = [
        {**asdict(each), "cell": cells.launch_cell({"type": each.type})} for each in listed.each
    ]
    return {"title": listed.title, "types": types}


def _run_checks() -> dict[str, Any]:
    from dataclasses import asdict

    from dl_magics.actions.aws import check
    from dl_magics.actions.aws.panel import place

    report = check.run_checks(place.load_state())
    return {"passed": report.fine, "lines": [asdict(line) for line in report.lines]}


def _inject_fault(body: dict[str, Any]) -> None:
    from dl_magics.actions.aws import practice
    from dl_magics.errors import BadSetting

    if body["name"] not in practice.list_faults():
        raise BadSetting(
            f"There is no fault {body['name']!r}.",
            fix=f"Use one of: {', '.join(practice.list_faults())}",
        )
    aim = {key: body[key] for key in ("seconds", "instance") if key in body}
    practice.inject_fault(body["name"], times=int(body.get("times", 1)), **aim)
