"""HTTP values of the AWS APIs: a call, a response, and an error in each protocol's format."""

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
class ApiResponse:
    """An HTTP response."""

    body: bytes = b""
    status: int = 200
    content_type: str = "text/xml;charset=UTF-8"

    def to_wsgi(self, start_response: StartResponse) -> list[bytes]:
        """Start the WSGI response and return its body."""
        headers = [("Content-Type", self.content_type), ("Content-Length", str(len(self.body)))]
        start_response(f"{self.status} Practice", headers)
        return [self.body]


@dataclass(frozen=True)
class ApiCall:
    """A request to an AWS API.

    Parameters
    ----------
    service, action, region, access_key
        From the signature and the body; empty where the request lacks them.
    parameters, document
        The parameters of a query-protocol call, the body of a JSON call.
    environ, body
        The WSGI environment and the raw body.
    """

    service: str
    action: str
    region: str
    access_key: str
    parameters: dict[str, str]
    document: dict[str, Any]
    environ: WSGIEnvironment
    body: bytes

    @classmethod
    def from_environ(cls, environ: WSGIEnvironment) -> ApiCall:
        """Read a request from its WSGI environment."""
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        scope = SCOPE.search(environ.get("HTTP_AUTHORIZATION", ""))
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        parameters = {} if target else dict(parse_qsl(body.decode("latin1"), True))
        return cls(
            service=scope["service"] if scope else "",
            action=target.rpartition(".")[2] or parameters.get("Action", ""),
            region=scope["region"] if scope else "",
            access_key=scope["key"] if scope else "",
            parameters=parameters,
            document=json.loads(body) if target and "json" in environ["CONTENT_TYPE"] else {},
            environ=environ,
            body=body,
        )

    def list_parameter(self, name: str) -> list[str]:
        """Return the values of `name.1`, `name.2` … or of `name`."""
        numbered = re.compile(rf"{re.escape(name)}(\.\d+)?$")
        return [value for key, value in self.parameters.items() if numbered.match(key)]

    @property
    def is_read_only(self) -> bool:
        """Whether the call changes no state."""
        return self.action.startswith(READS) and "Token" not in self.action

    def forward_to(self, app: WSGIApplication) -> ApiResponse:
        """Return the response of another WSGI application."""
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
        return ApiResponse(body, int(status[:3]), headers.get("Content-Type", ""))


class ApiError(Exception):
    """An AWS error: its code, its message, its HTTP status."""

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status

    def to_response(self, call: ApiCall) -> ApiResponse:
        """Return the error in the format of the called service."""
        code, message = escape(self.code), escape(str(self))
        if "HTTP_X_AMZ_TARGET" in call.environ:
            return json_response({"__type": self.code, "message": str(self)}, self.status)
        if call.service == "ec2":
            error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
            text = f"<Response><Errors>{error}</Errors><RequestID>p</RequestID></Response>"
        else:
            error = f"<Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>"
            text = f"<ErrorResponse><Error>{error}</Error><RequestId>p</RequestId></ErrorResponse>"
        return ApiResponse(f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode(), self.status)


def raise_api_error(code: str, message: str, status: int = 400) -> NoReturn:
    """Raise an AWS error."""
    raise ApiError(code, message, status)


def json_response(document: object, status: int = 200) -> ApiResponse:
    """Return a response of the JSON protocol."""
    return ApiResponse(json.dumps(document).encode(), status, "application/x-amz-json-1.1")


def ec2_response(action: str, inner: str) -> ApiResponse:
    """Return a response of EC2's query protocol; `inner` is XML."""
    body = f'<{action}Response xmlns="{NAMESPACE}"><requestId>practice</requestId>{inner}'
    return ApiResponse(f"{body}</{action}Response>".encode())
