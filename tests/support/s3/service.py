"""S3 over HTTP, of moto, with what it lacks: refusals, throttling, bodies that end early."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import MotoRequestHandler, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import make_server

Fault = Callable[[str], "bytes | int | None"]

_ERROR = "<?xml version='1.0'?><Error><Code>{code}</Code><Message>{code}</Message></Error>"
_STATUS = {"SlowDown": 503, "PermanentRedirect": 301}
_ROLE_PATH = "/latest/meta-data/iam/security-credentials/"


class S3:
    """An S3 service, empty at first.

    `refuse` maps the start of a path to the error that its next requests get, and how many of them;
    `cut` maps a path to how often its body ends early; `before` is called with each path.
    """

    def __init__(self) -> None:
        self.url = ""
        self.refuse: dict[str, tuple[str, int]] = {}
        self.cut: dict[str, int] = {}
        self.before: Callable[[str], None] = lambda _: None
        self.read: list[str] = []
        self.signed_by: set[str] = set()
        self._app = create_backend_app("s3")

    def put(self, bucket: str, **objects: bytes) -> None:
        """Put objects into a bucket, without HTTP."""
        backend = s3_backends[DEFAULT_ACCOUNT_ID]["aws"]
        if bucket not in backend.buckets:
            backend.create_bucket(bucket, "us-east-1")
        for key, value in objects.items():
            backend.put_object(bucket, key, value)

    def delete(self, bucket: str, key: str) -> None:
        """Delete an object, without HTTP."""
        s3_backends[DEFAULT_ACCOUNT_ID]["aws"].delete_object(bucket, key)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        """Answer one request."""
        path = environ["PATH_INFO"]
        if path.startswith("/latest/"):
            return self._answer_metadata(path, start_response)
        self.before(path)
        self.signed_by.update(
            re.findall(r"Credential=(\w+)", environ.get("HTTP_AUTHORIZATION", ""))
        )
        for start, (code, times) in self.refuse.items():
            if path.startswith(start) and times:
                self.refuse[start] = code, times - 1
                body = _ERROR.format(code=code).encode()
                start_response(
                    f"{_STATUS.get(code, 403)} {code}", [("Content-Length", str(len(body)))]
                )
                return [body]
        if environ["REQUEST_METHOD"] == "GET" and path.count("/") > 1:
            self.read.append(path)
        body = b"".join(self._app(environ, start_response))
        if self.cut.get(path):
            self.cut[path] -= 1
            return [body[: len(body) // 2]]
        return [body]

    def _answer_metadata(self, path: str, start_response: StartResponse) -> list[bytes]:
        answers = {
            "/latest/api/token": b"token",
            _ROLE_PATH: b"photos-reader",
            f"{_ROLE_PATH}photos-reader": b'{"Code": "Success", "AccessKeyId": "AKIAROLE", '
            b'"SecretAccessKey": "secret", "Token": "t", "Expiration": "2999-01-01T00:00:00Z"}',
        }
        start_response("200 OK", [("Content-Length", str(len(answers[path])))])
        return [answers[path]]


@contextmanager
def serve_s3() -> Iterator[S3]:
    """Serve S3 on the loopback."""
    service = S3()
    server = make_server("127.0.0.1", 0, service, threaded=True, request_handler=MotoRequestHandler)
    service.url = f"http://127.0.0.1:{server.port}"
    thread = Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield service
    server.shutdown()
    thread.join()
    server.server_close()
    s3_backends.reset()
