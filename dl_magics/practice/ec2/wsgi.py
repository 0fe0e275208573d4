"""The WSGI application: AWS APIs, S3, instance metadata, and the control commands."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from pathlib import Path
from threading import Lock
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from dl_magics.practice import proof
from dl_magics.practice.ec2 import metadata
from dl_magics.practice.ec2.api import Ec2Api
from dl_magics.practice.ec2.faults.fault import Fault
from dl_magics.practice.ec2.faults.table import FAULTS
from dl_magics.practice.ec2.http import (
    RPC_PATH,
    ApiCall,
    ApiError,
    ApiResponse,
    json_response,
    read_body,
)
from dl_magics.practice.ec2.metadata import MetadataService
from dl_magics.practice.last_use import LastUse
from dl_magics.practice.s3.buckets import Bucket, Buckets
from dl_magics.practice.s3.requests import S3Request, is_for_s3
from dl_magics.practice.s3.service import ObjectResponse, S3Service

CONTROL = "/_practice/"
# A browser sends these, an AWS SDK and our commands never do.
BROWSER_HEADERS = ("HTTP_ORIGIN", "HTTP_REFERER", "HTTP_SEC_FETCH_MODE", "HTTP_SEC_FETCH_SITE")
FORBIDDEN = ApiResponse(b"", 403, "text/plain")
NOT_FOUND = ApiResponse(b"", 404, "text/plain")


class PracticeApp:
    """The WSGI application of the practice cloud.

    Parameters
    ----------
    api
        Handles the AWS API calls.
    secret
        Control commands must prove that they know it; it is in a file that only its owner may read.
    last_use
        Receives each request, and the processes that use the practice cloud.
    end
        Called when the stop command arrives.
    """

    def __init__(
        self, api: Ec2Api, secret: str, last_use: LastUse, end: Callable[[], None]
    ) -> None:
        self._api = api
        self._last_use = last_use
        self._metadata = MetadataService(api)
        self._buckets = Buckets(api.state.extra)
        self._s3 = S3Service(self._buckets, api.sessions, api.roles, api.faults)
        self._secret = secret
        self._end = end
        self._nonces: set[str] = set()
        self._lock = Lock()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Respond to one request."""
        return self._answer(environ).to_wsgi(start_response)

    def _answer(self, environ: WSGIEnvironment) -> ApiResponse | ObjectResponse:
        if not _is_meant_for_us(environ):
            return FORBIDDEN
        path = environ["PATH_INFO"]
        if path.startswith(metadata.PATH):
            return self._metadata.respond(environ)
        if path.startswith(CONTROL):
            return self._control(environ, path.removeprefix(CONTROL))
        if is_for_s3(environ) or self._buckets.find(path.removeprefix("/").partition("/")[0]):
            self._last_use.note_request()
            return self._s3.respond(S3Request.from_environ(environ))
        # moto has other paths of its own.
        if path != "/" and not RPC_PATH.fullmatch(path):
            return NOT_FOUND
        self._last_use.note_request()
        call = ApiCall.from_environ(environ)
        try:
            return self._api.handle_call(call)
        except ApiError as error:
            return error.to_response(call)

    def _control(self, environ: WSGIEnvironment, command: str) -> ApiResponse:
        nonce, body = environ.get("HTTP_X_PRACTICE_NONCE", ""), read_body(environ)
        exchange = proof.Exchange(self._secret, int(environ["SERVER_PORT"]), command, nonce)
        given = environ.get("HTTP_X_PRACTICE_PROOF")
        if not proof.is_equal(given, exchange.prove_request(body)) or not self._use_up(nonce):
            return FORBIDDEN
        self._last_use.note_request()
        if command == "use":
            self._last_use.add_user(int(json.loads(body)["pid"]))
        elif command == "fault":
            self._api.inject_fault(_fault(json.loads(body)))
        elif command == "bucket":
            self._put_bucket(**json.loads(body))
        elif command == "clear-faults":
            self._api.faults.clear()
        elif command == "stop":
            self._end()
        response = json_response({})
        shown = (proof.PROOF_HEADER, exchange.prove_response(response.body))
        return replace(response, headers=(shown,))

    def _put_bucket(self, name: str, folder: str, region: str) -> None:
        bucket = Bucket(name, Path(folder), region, time.time())
        self._api.change_state(lambda: self._buckets.put(bucket))

    def _use_up(self, nonce: str) -> bool:
        """Return whether a nonce is used for the first time: a recorded command does nothing."""
        with self._lock:
            is_new = nonce not in self._nonces
            self._nonces.add(nonce)
            return is_new


def _is_meant_for_us(environ: WSGIEnvironment) -> bool:
    """Return whether a request names this address and does not come from a web page."""
    names = [f"{name}:{environ['SERVER_PORT']}" for name in ("127.0.0.1", "localhost")]
    return environ.get("HTTP_HOST") in names and not set(BROWSER_HEADERS) & set(environ)


def _fault(document: dict[str, Any]) -> Fault:
    names = {each.name for each in fields(Fault)}
    chosen = {name: value for name, value in document.items() if name in names - {"name"}}
    if "actions" in chosen:
        chosen["actions"] = tuple(chosen["actions"])
    return replace(FAULTS[document["name"]], **chosen)
