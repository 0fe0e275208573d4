"""The WSGI application: AWS APIs, instance metadata, and the control commands."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from dl_magics.practice.ec2 import metadata
from dl_magics.practice.ec2.api import Ec2Api
from dl_magics.practice.ec2.faults import FAULTS, Fault
from dl_magics.practice.ec2.http import ApiCall, ApiError, ApiResponse, json_response

CONTROL = "/_practice/"
FORBIDDEN = ApiResponse(b"", 403, "text/plain")
NOT_FOUND = ApiResponse(b"", 404, "text/plain")


class PracticeApp:
    """The WSGI application of the practice cloud.

    Parameters
    ----------
    api
        Handles the AWS API calls.
    secret
        Required by control commands; it is in a file that only the owner may read.
    end
        Called when the stop command arrives.
    """

    def __init__(self, api: Ec2Api, secret: str, end: Callable[[], None]) -> None:
        self._api = api
        self._secret = secret
        self._end = end

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        """Respond to one request."""
        return self._answer(environ).to_wsgi(start_response)

    def _answer(self, environ: WSGIEnvironment) -> ApiResponse:
        path = environ["PATH_INFO"]
        if path.startswith(metadata.PATH):
            return metadata.respond(self._api, path) or NOT_FOUND
        if path.startswith(CONTROL):
            return self._control(environ, path.removeprefix(CONTROL))
        call = ApiCall.from_environ(environ)
        try:
            return self._api.handle_call(call)
        except ApiError as error:
            return error.to_response(call)

    def _control(self, environ: WSGIEnvironment, command: str) -> ApiResponse:
        if environ.get("HTTP_X_PRACTICE") != self._secret:
            return FORBIDDEN
        if command == "fault":
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            self._api.inject_fault(_fault(json.loads(body)))
        elif command == "clear-faults":
            self._api.faults.clear()
        elif command == "stop":
            self._end()
        return json_response({"id": self._secret})


def _fault(document: dict[str, Any]) -> Fault:
    names = {each.name for each in fields(Fault)}
    chosen = {name: value for name, value in document.items() if name in names - {"name"}}
    if "actions" in chosen:
        chosen["actions"] = tuple(chosen["actions"])
    return replace(FAULTS[document["name"]], **chosen)
