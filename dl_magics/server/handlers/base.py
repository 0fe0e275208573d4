"""What all handlers have: the check of a request, a call in a thread, and one mapping of errors."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from functools import update_wrapper
from http.client import responses
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from jupyter_server.base.handlers import APIHandler, JupyterHandler
from tornado import web

from dl_magics.errors import DLMagicsError, NotConfirmed

if TYPE_CHECKING:
    from dl_magics.server.contract import Operation, Request
    from dl_magics.server.services import Services

P = ParamSpec("P")
AnyHandler = TypeVar("AnyHandler", bound="DLMagicsHandler")
Verb = Callable[Concatenate[AnyHandler, P], Coroutine[Any, Any, None]]
_CONFIRM = "Nothing was done. Confirm the question to do it."
_INTERNAL = "This is a bug of dl_magics: the log of the Jupyter server has more."


class ConfirmationRequired(NotConfirmed):
    """A request that costs money or deletes something came without its question, or with another.

    `cell` is the magic that does the same.
    """

    def __init__(self, question: str, cell: str) -> None:
        super().__init__(question, fix=_CONFIRM)
        self.question, self.cell = question, cell


class DLMagicsHandler(APIHandler):
    """Base of the handlers; `path` is that of the contract. It defines no verbs.

    Jupyter's `authorized` keeps the resource of the first class that uses a verb.
    """

    auth_resource = "dl_magics"
    path = ""
    asked: Request

    def initialize(self, services: Services) -> None:
        """Keep what all handlers share."""
        self.services = services

    def update_api_activity(self) -> None:
        """Keep a server with a panel that only refreshes from looking as if somebody used it."""
        if self.request.method != "GET":
            super().update_api_activity()

    async def find_operation(self) -> Operation:
        """Return the operation of the contract, which the first request parses."""
        from dl_magics.server import contract

        if not self.services.contract:
            self.services.contract = await self.services.call(contract.load_contract)
        return self.services.contract.operations[self.path, str(self.request.method).lower()]

    def confirm(self, question: str, cell: str) -> None:
        """Raise ConfirmationRequired unless the request confirms exactly this question."""
        if question and self.asked.body.get("confirmed") != question:
            raise ConfirmationRequired(question, cell)

    def reply(self, values: Mapping[str, Any] | bytes, status: int = 200) -> None:
        """Send JSON values, or JSON that is encoded already."""
        from dl_magics.server.json_values import encode_json

        self.set_status(status)
        self.finish(values if isinstance(values, bytes) else encode_json(values))

    def log_exception(self, *error: Any) -> None:
        """Log an expected failure in one line, without a traceback."""
        if isinstance(error[1], DLMagicsError):
            self.log.info("%s %s: %s", self.request.method, self.request.path, error[1])
        else:
            super().log_exception(*error)

    def write_error(self, status_code: int, **details: Any) -> None:
        """Send the error as `Error` of the contract; errors become responses only here."""
        from dl_magics.server.json_values import describe_error, encode_json

        error = details.get("exc_info", (None, None, None))[1]
        if isinstance(error, ConfirmationRequired):
            values = {**describe_error(error), "error": "NotConfirmed"}
            values |= {"question": error.question, "cell": error.cell}
        elif isinstance(error, DLMagicsError):
            values = describe_error(error)
        else:
            reason = responses.get(status_code, "Unknown")
            message = getattr(error, "log_message", None) or reason
            fix = _INTERNAL if status_code == 500 else ""
            values = {"error": reason.replace(" ", ""), "message": message, "fix": fix}
        self.set_status(error.status if isinstance(error, DLMagicsError) else status_code)
        if status_code == 405:
            self.set_header("Allow", ", ".join(self._list_methods()))
        self.finish(encode_json(values))

    def _list_methods(self) -> list[str]:
        return [
            method
            for method in self.SUPPORTED_METHODS
            if getattr(type(self), method.lower(), None)
            is not getattr(web.RequestHandler, method.lower(), None)
        ]


class UnknownPathHandler(DLMagicsHandler):
    """Every other path below `dl-magics/`: it does not exist, whoever asks."""

    async def prepare(self, *, _redirect_to_login: bool = False) -> None:
        """Answer 404 to those who are logged in."""
        await JupyterHandler.prepare(self, _redirect_to_login=_redirect_to_login)
        if not self.current_user:
            raise web.HTTPError(403)
        raise web.HTTPError(404, f"There is no path {self.request.path}.")


def validated(method: Verb[AnyHandler, P]) -> Verb[AnyHandler, P]:
    """Check the request against the contract, before the verb of a handler sees it."""

    async def checked(self: AnyHandler, /, *path: P.args, **named: P.kwargs) -> None:
        operation = await self.find_operation()
        self.asked = operation.check_request(
            [str(each) for each in path], self.request.query_arguments, self.request.body
        )
        await method(self, *path, **named)

    return update_wrapper(checked, method)
