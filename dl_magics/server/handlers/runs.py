"""`runs`: list, read, events, stop, report."""

from __future__ import annotations

from typing import Any

from jupyter_server.auth.decorator import authorized
from tornado import web

from dl_magics.server.handlers.base import DLMagicsHandler, validated

_MOST_EVENTS = 1000
# A report is a page of its own, made of what a host has sent: no scripts, no other origin.
_REPORT_POLICY = "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'"


class RunsHandler(DLMagicsHandler):
    """The runs of this computer."""

    path = "/runs"

    @web.authenticated
    @authorized
    @validated
    async def get(self) -> None:
        from dl_magics.server.monitors.runs import describe_run

        self.services.look()
        runs = await self.services.call(self.services.runs.list_runs)
        self.reply({"runs": [describe_run(each) for each in runs]})


class RunHandler(DLMagicsHandler):
    """One run."""

    path = "/runs/{name}"

    @web.authenticated
    @authorized
    @validated
    async def get(self, name: str) -> None:
        self.reply(await self.services.call(_read_run, name))


class RunEventsHandler(DLMagicsHandler):
    """The events of a run."""

    path = "/runs/{name}/events"

    @web.authenticated
    @authorized
    @validated
    async def get(self, name: str) -> None:
        self.reply(await self.services.call(_list_events, name, self.asked.query["since"]))


class StopRunHandler(DLMagicsHandler):
    """Stop a run, whichever process or host trains."""

    path = "/runs/{name}/stop"

    @web.authenticated
    @authorized
    @validated
    async def post(self, name: str) -> None:
        self.reply(await self.services.call(self.services.runs.stop, name), 202)


class ReportHandler(DLMagicsHandler):
    """The report of a run."""

    path = "/runs/{name}/report"

    @web.authenticated
    @authorized
    @validated
    async def get(self, name: str) -> None:
        page = await self.services.call(_read_report, name)
        self.set_header("Content-Security-Policy", _REPORT_POLICY)
        self.finish(page, set_content_type="text/html; charset=utf-8")


def _read_run(name: str) -> dict[str, Any]:
    from dl_magics.actions.runs import overview
    from dl_magics.runs.record import RunRecord
    from dl_magics.server.monitors.runs import describe_run

    record = RunRecord(overview.find_folder(name))
    summary = overview.summarize(record)
    return {"run": describe_run(summary), "state": record.state.to_json()}


def _list_events(name: str, since: int) -> dict[str, Any]:
    from dl_magics.actions.runs import overview
    from dl_magics.runs.record import RunRecord

    record = RunRecord(overview.find_folder(name))
    ended = overview.summarize(record).ended
    events = list(overview.list_events(record, since, _MOST_EVENTS))
    n = events[-1]["n"] if events else since
    return {"events": events, "n": n, "ended": ended and len(events) < _MOST_EVENTS}


def _read_report(name: str) -> bytes:
    from dl_magics.actions.runs import overview
    from dl_magics.errors import NoSuchFile

    file = overview.find_report(overview.find_folder(name))
    if file is None:
        raise NoSuchFile(
            f"The run {name} has no report yet.", fix="It is written when the run has ended."
        )
    return file.read_bytes()
