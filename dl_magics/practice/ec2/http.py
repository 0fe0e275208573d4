"""HTTP values of the AWS APIs: a call, a response, and an error in each protocol's format."""

from __future__ import annotations

import html
import io
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NoReturn
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256\s+Credential=(?P<key>[^/,\s]+)/(?P<day>\d{8})/(?P<region>[^/,\s]+)"
    r"/(?P<service>[^/,\s]+)/aws4_request\s*,\s*SignedHeaders=(?P<headers>[a-z0-9;-]+)"
    r"\s*,\s*Signature=(?P<signature>[0-9a-f]+)"
)
VERSION = "2016-11-15"
RPC_PATH = re.compile(r"/service/\w+/operation/(?P<name>\w+)")
"""Of the RPC protocol of Smithy, which CloudWatch uses with CBOR."""

RPC_HEADERS = (("smithy-protocol", "rpc-v2-cbor"),)
NAMESPACE = f"http://ec2.amazonaws.com/doc/{VERSION}/"
MAX_BODY_BYTES = 2**20
READS = ("Describe", "Get", "List", "Lookup")


@dataclass(frozen=True)
class ApiResponse:
    """An HTTP response."""

    body: bytes = b""
    status: int = 200
    content_type: str = "text/xml;charset=UTF-8"
    headers: tuple[tuple[str, str], ...] = ()

    def to_wsgi(self, start_response: StartResponse) -> list[bytes]:
        """Start the WSGI response and return its body."""
        length = ("Content-Length", str(len(self.body)))
        headers = [("Content-Type", self.content_type), length, *self.headers]
        start_response(f"{self.status} Practice", headers)
        return [self.body]


@dataclass(frozen=True)
class ApiCall:
    """A request to an AWS API.

    Parameters
    ----------
    service, action, region, access_key
        From the signature and the body; empty where the request lacks them.
    parameters
        The parameters of a query-protocol call.
    environ, body
        The WSGI environment and the raw body.
    """

    service: str
    action: str
    region: str
    access_key: str
    parameters: dict[str, str]
    environ: WSGIEnvironment
    body: bytes

    @classmethod
    def from_environ(cls, environ: WSGIEnvironment) -> ApiCall:
        """Read a request from its WSGI environment."""
        body = read_body(environ)
        scope = AUTHORIZATION.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
        target = environ.get("HTTP_X_AMZ_TARGET", "")
        parameters = {} if target else dict(parse_qsl(body.decode("latin1"), True))
        return cls(
            service=scope["service"] if scope else _service_of_unsigned(parameters),
            action=operation["name"]
            if (operation := RPC_PATH.fullmatch(environ["PATH_INFO"]))
            else target.rpartition(".")[2] or parameters.get("Action", ""),
            region=scope["region"] if scope else "",
            access_key=scope["key"] if scope else "",
            parameters=parameters,
            environ=environ,
            body=body,
        )

    @property
    def protocol(self) -> Literal["ec2", "query", "json", "cbor", "s3"]:
        """The protocol of the service, in which errors are reported."""
        if self.service == "s3":
            return "s3"
        if "HTTP_X_AMZ_TARGET" in self.environ:
            return "json"
        if RPC_PATH.fullmatch(self.environ["PATH_INFO"]):
            return "cbor"
        return "ec2" if self.service == "ec2" else "query"

    @cached_property
    def document(self) -> dict[str, Any]:
        """The body of a JSON call; read it only after the signature was verified."""
        if self.protocol != "json" or "json" not in self.environ.get("CONTENT_TYPE", ""):
            return {}
        try:
            document = json.loads(self.body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise_api_error("SerializationException", "The body is not a JSON object.")
        return document

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
    """An AWS error: its code, its message, its HTTP status and headers."""

    def __init__(
        self, code: str, message: str, status: int = 400, headers: tuple[tuple[str, str], ...] = ()
    ) -> None:
        super().__init__(message)
        self.code = code
        self.status = status
        self.headers = headers

    def to_response(self, call: ApiCall) -> ApiResponse:
        """Return the error in the format of the called service."""
        code, message = (html.escape(each, quote=False) for each in (self.code, str(self)))
        if call.protocol == "json":
            return json_response({"__type": self.code, "message": str(self)}, self.status)
        if call.protocol == "cbor":
            body = encode_cbor_texts({"__type": self.code, "message": str(self)})
            return ApiResponse(body, self.status, "application/cbor", RPC_HEADERS)
        if call.protocol == "s3":
            path = html.escape(
                call.environ["PATH_INFO"].encode("latin1").decode("utf-8", "replace")
            )
            text = f"<Error><Code>{code}</Code><Message>{message}</Message>"
            text += f"<Resource>{path}</Resource><RequestId>practice</RequestId></Error>"
        elif call.protocol == "ec2":
            error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
            text = f"<Response><Errors>{error}</Errors><RequestID>p</RequestID></Response>"
        else:
            error = f"<Type>Sender</Type><Code>{code}</Code><Message>{message}</Message>"
            text = f"<ErrorResponse><Error>{error}</Error><RequestId>p</RequestId></ErrorResponse>"
        body = f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode()
        return ApiResponse(body, self.status, headers=self.headers)


def read_body(environ: WSGIEnvironment) -> bytes:
    """Return the body of a request; b"" if it is too long for any call."""
    length = environ.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > MAX_BODY_BYTES:
        return b""
    body: bytes = environ["wsgi.input"].read(int(length))
    return body


def _service_of_unsigned(parameters: dict[str, str]) -> str:
    return "ec2" if parameters.get("Version") == VERSION else ""


def raise_api_error(code: str, message: str, status: int = 400) -> NoReturn:
    """Raise an AWS error."""
    raise ApiError(code, message, status)


def json_response(document: object, status: int = 200) -> ApiResponse:
    """Return a response of the JSON protocol."""
    return ApiResponse(json.dumps(document).encode(), status, "application/x-amz-json-1.1")


def encode_cbor_texts(document: dict[str, str]) -> bytes:
    """Return a map of texts in CBOR (RFC 8949): each length is written in four bytes."""

    def encode(kind: int, count: int) -> bytes:
        return bytes([kind << 5 | 26]) + count.to_bytes(4, "big")

    texts = [text.encode() for pair in document.items() for text in pair]
    return encode(5, len(document)) + b"".join(encode(3, len(text)) + text for text in texts)


def ec2_response(action: str, inner: str) -> ApiResponse:
    """Return a response of EC2's query protocol; `inner` is XML."""
    body = f'<{action}Response xmlns="{NAMESPACE}"><requestId>practice</requestId>{inner}'
    return ApiResponse(f"{body}</{action}Response>".encode())


def query_response(action: str, inner: str) -> ApiResponse:
    """Return a response of the query protocol of IAM and STS; `inner` is XML."""
    result = f"<{action}Result>{inner}</{action}Result>"
    metadata = "<ResponseMetadata><RequestId>practice</RequestId></ResponseMetadata>"
    return ApiResponse(f"<{action}Response>{result}{metadata}</{action}Response>".encode())
