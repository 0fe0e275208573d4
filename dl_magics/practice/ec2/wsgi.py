"""The HTTP door of the practice cloud: the AWS API, the hosts' metadata, and our own control."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from dl_magics.practice.ec2 import metadata
from dl_magics.practice.ec2.api import Cloud
from dl_magics.practice.ec2.faults import FAULTS, Fault
from dl_magics.practice.ec2.http import Answer, Call, Refused, as_json

CONTROL = "/_practice/"
FORBIDDEN = Answer(b"", 403, "text/plain")
NOT_FOUND = Answer(b"", 404, "text/plain")


class Front:
    """A WSGI application.

    Parameters
    ----------
    secret
        Who asks for control must know it; it lies in a file that only the owner may read.
    end
        Called when somebody with control asks for the end.
    """

    def __init__(self, cloud: Cloud, secret: str, end: Callable[[], None]) -> None:
        self._cloud = cloud
        self._secret = secret
        self._end = end

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        """Answer one request."""
        return self._answer(environ).send(start_response)

    def _answer(self, environ: WSGIEnvironment) -> Answer:
        path = environ["PATH_INFO"]
        if path.startswith(metadata.PATH):
            return metadata.answer(self._cloud, path) or NOT_FOUND
        if path.startswith(CONTROL):
            return self._control(environ, path.removeprefix(CONTROL))
        call = Call.read(environ)
        try:
            return self._cloud.answer(call)
        except Refused as refused:
            return refused.answer(call)

    def _control(self, environ: WSGIEnvironment, wish: str) -> Answer:
        if environ.get("HTTP_X_PRACTICE") != self._secret:
            return FORBIDDEN
        if wish == "fault":
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            self._cloud.arm(_fault(json.loads(body)))
        elif wish == "forgive":
            self._cloud.faults.forgive()
        elif wish == "stop":
            self._end()
        return as_json({"id": self._secret})


def _fault(asked: dict[str, Any]) -> Fault:
    names = {each.name for each in fields(Fault)}
    chosen = {name: value for name, value in asked.items() if name in names - {"name"}}
    if "actions" in chosen:
        chosen["actions"] = tuple(chosen["actions"])
    return replace(FAULTS[asked["name"]], **chosen)
