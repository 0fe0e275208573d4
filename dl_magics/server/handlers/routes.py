"""Which handler answers which path."""

from __future__ import annotations

import re
from typing import Any

from dl_magics.server.handlers import account, instances, keras, questions, runs
from dl_magics.server.handlers.base import DLMagicsHandler, UnknownPathHandler
from dl_magics.server.services import Services

HANDLERS: tuple[type[DLMagicsHandler], ...] = (
    instances.InstancesHandler,
    instances.InstanceHandler,
    instances.StartHandler,
    instances.StopHandler,
    instances.ResizeHandler,
    instances.TerminateHandler,
    instances.KeepHandler,
    instances.SshHandler,
    account.PlaceHandler,
    account.PricesHandler,
    account.CheckHandler,
    account.ElsewhereHandler,
    account.PracticeHandler,
    account.FaultsHandler,
    runs.RunsHandler,
    runs.RunHandler,
    runs.RunEventsHandler,
    runs.StopRunHandler,
    runs.ReportHandler,
    questions.QuestionsHandler,
    questions.AnswerHandler,
    keras.KerasSettingsHandler,
    keras.UndoHandler,
)


def list_routes(services: Services) -> list[tuple[str, type[DLMagicsHandler], dict[str, Any]]]:
    """Return the patterns below the base URL, with their handlers."""
    shared = {"services": services}
    routes = [(_make_pattern(each.path), each, shared) for each in HANDLERS]
    return [*routes, (r"/dl-magics(?:/.*)?", UnknownPathHandler, shared)]


def _make_pattern(path: str) -> str:
    return "/dl-magics" + re.sub(r"\{\w+\}", "([^/]+)", path)
