"""What goes over HTTP: a call of the AWS API, its answer, and a refusal in AWS' own words."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment
from xml.sax.saxutils import escape

SCOPE = re.compile(r"Credential=(?P<key>[^/]+)/\d+/(?P<region>[^/]+)/(?P<service>[^/]+)/")
NAMESPACE = "http://ec2.amazonaws.com/doc/2016-11-15/"
READS = ("Describe", "Get", "List", "Lookup")


@dataclass(frozen=True)
class Answer:
    """What the practice cloud sends back."""

    body: bytes = b""
    status: int = 200
    content_type: str = "text/xml;charset=UTF-8"

    def send(self, start_response: StartResponse) -> list[bytes]:
        """Hand it to the WSGI server."""
        headers = [("Content-Type", self.content_type), ("Content-Length", str(len(self.body)))]
        start_response(f"{self.status} Practice", headers)
        return [self.body]


@dataclass(frozen=True)
class Call:
    """One request to the API: who wants what of which service where."""

    service: str
    action: str
    region: str
    key: str
    parameters: dict[str, str]
    document: dict[str, Any]
    environ: WSGIEnvironment
    body: bytes

    @classmethod
    def read(cls, environ: WSGIEnvironment) -> Call:
        """Read a signed request; the parts that it lacks are empty."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        parameters = {} if target else dict(parse_qsl(body.decode("latin1"), True))
        return cls(
            service=scope["service"] if scope else "",
            action=target.rpartition(".")[2] or parameters.get("Action", ""),
            region=scope["region"] if scope else "",
            key=scope["key"] if scope else "",
            parameters=parameters,
            document=json.loads(body) if target and "json" in environ["CONTENT_TYPE"] else {},
            environ=environ,
            body=body,
        )

    def listed(self, name: str) -> list[str]:
        """Return the values of `name.1`, `name.2` … or of `name` alone."""
        numbered = re.compile(rf"{re.escape(name)}(\.\d+)?$")
        return [value for key, value in self.parameters.items() if numbered.match(key)]

    @property
    def reads_only(self) -> bool:
        """Whether it changes nothing."""
        return self.action.startswith(READS) and "Token" not in self.action

    def forward(self, app: WSGIApplication) -> Answer:
        """Let another WSGI application answer it."""
        seen: list[tuple[str, dict[str, str]]] = []

        def start_response(status: str, headers: Iterable[tuple[str, str]], _: Any = None) -> Any:
            seen.append((status, dict(headers)))

        environ = {
            **self.environ,
            "wsgi.input": io.BytesIO(self.body),
            "CONTENT_LENGTH": str(len(self.body)),
        }
        body = b"".join(app(environ, start_response))
        status, headers = seen[-1]
        return Answer(body, int(status[:3]), headers.get("Content-Type", ""))


class Refused(Exception):
    """AWS says no: a code, a sentence, an HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status

    def answer(self, call: Call) -> Answer:
        """Return the answer in the words of the service's protocol."""
        code, message = escape(self.code), escape(str(self))
        if "HTTP_X_AMZ_TARGET" in call.environ:
            return as_json({"__type": self.code, "message": str(self)}, self.status)
        if call.service == "ec2":
            error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
            text = f"<Response><Errors>{error}</Errors><RequestID>p</RequestID></Response>"
        else:
            error = f"<Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>"
            text = f"<ErrorResponse><Error>{error}</Error><RequestId>p</RequestId></ErrorResponse>"
        return Answer(f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode(), self.status)


def refuse(code: str, message: str, status: int = 400) -> NoReturn:
    """Say no as AWS does."""
    raise Refused(code, message, status)


def as_json(document: object, status: int = 200) -> Answer:
    """Return an answer of the services that speak JSON."""
    return Answer(json.dumps(document).encode(), status, "application/x-amz-json-1.1")


def as_ec2(action: str, inner: str) -> Answer:
    """Return an answer of EC2."""
    body = f'<{action}Response xmlns="{NAMESPACE}"><requestId>practice</requestId>{inner}'
    return Answer(f"{body}</{action}Response>".encode())
