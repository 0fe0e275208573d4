"""Signature Version 4: refuse what was not signed with a known access key, as AWS does."""

from __future__ import annotations

import hashlib
import hmac
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import inf
from typing import NoReturn
from urllib.parse import parse_qsl, quote
from wsgiref.types import WSGIEnvironment

from dl_magics.practice.ec2.http import AUTHORIZATION, ApiCall, raise_api_error

TIME_FORMAT = "%Y%m%dT%H%M%SZ"
MINUTES = {"ec2": 15, "s3": 15}
OTHER_MINUTES = 5
UNSIGNED = "UNSIGNED-PAYLOAD"

INVALID_KEY = "The security token included in the request is invalid."
INVALID_SIGNATURE = (
    "The request signature we calculated does not match the signature you provided. Check your "
    "AWS Secret Access Key and signing method. Consult the service documentation for details."
)
NOT_VALIDATED = ("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
# What AWS answers, by the protocol of the service: EC2's, the other query APIs', and JSON.
REFUSALS = {
    "unsigned": {
        "ec2": ("MissingParameter", "The request must contain the parameter AWSAccessKeyId", 400),
        "query": ("MissingAuthenticationToken", "Request is missing Authentication Token", 403),
        "json": ("MissingAuthenticationTokenException", "Missing Authentication Token", 400),
        "s3": ("AccessDenied", "Access Denied", 403),
    },
    "unknown key": {
        "ec2": NOT_VALIDATED,
        "query": ("InvalidClientTokenId", INVALID_KEY, 403),
        "json": ("UnrecognizedClientException", INVALID_KEY, 400),
        "s3": (
            "InvalidAccessKeyId",
            "The AWS Access Key Id you provided does not exist in our records.",
            403,
        ),
    },
    "other token": {
        "ec2": NOT_VALIDATED,
        "query": ("InvalidClientTokenId", INVALID_KEY, 403),
        "json": ("UnrecognizedClientException", INVALID_KEY, 400),
        "s3": ("InvalidToken", "The provided token is malformed or otherwise invalid.", 400),
    },
    "other signature": {
        "ec2": NOT_VALIDATED,
        "query": ("SignatureDoesNotMatch", INVALID_SIGNATURE, 403),
        "json": ("InvalidSignatureException", INVALID_SIGNATURE, 400),
        "s3": (
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check "
            "your key and signing method.",
            403,
        ),
    },
    "other time": {
        "ec2": ("RequestExpired", "Request has expired.", 400),
        "query": ("SignatureDoesNotMatch", "Signature {why}", 403),
        "json": ("InvalidSignatureException", "Signature {why}", 400),
        "s3": (
            "RequestTimeTooSkewed",
            "The difference between the request time and the current time is too large.",
            403,
        ),
    },
    "expired key": {
        "ec2": ("RequestExpired", "Request has expired.", 400),
        "query": ("ExpiredToken", "The security token included in the request is expired", 403),
        "json": (
            "ExpiredTokenException",
            "The security token included in the request is expired",
            400,
        ),
        "s3": ("ExpiredToken", "The provided token has expired.", 400),
    },
}


@dataclass(frozen=True, slots=True)
class AccessKey:
    """An access key; a temporary one has a session token and expires.

    That of a role has its name, and that of its session: the id of an instance.
    """

    id: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)
    expires: float = inf
    role: str = ""
    session: str = ""


def verify(call: ApiCall, key: AccessKey | None) -> AccessKey:
    """Return the key; raise ApiError unless it signed the call, just now and all of it."""
    environ = call.environ
    header = environ.get("HTTP_AUTHORIZATION", "")
    if not header:
        _refuse(call, "unsigned")
    given = AUTHORIZATION.fullmatch(header)
    if not given:
        code = "AuthorizationHeaderMalformed" if call.service == "s3" else "IncompleteSignature"
        raise_api_error(code, "The Authorization header is not complete.")
    if key is None:
        _refuse(call, "unknown key")
    if not _is_equal(_header(environ, "x-amz-security-token"), key.token):
        _refuse(call, "other token")
    signed = given["headers"].split(";")
    sent_at = _header(environ, "x-amz-date")
    if not _must_be_signed(environ) <= set(signed) or not sent_at.startswith(given["day"]):
        _refuse(call, "other signature")
    canonical = _canonical_request(call, signed)
    scope = "/".join((given["day"], given["region"], given["service"], "aws4_request"))
    if not _is_equal(_sign(key.secret, sent_at, scope, canonical), given["signature"]):
        _refuse(call, "other signature")
    _check_time(call, sent_at)
    if key.expires < time.time():
        _refuse(call, "expired key")
    return key


def _is_equal(given: str, expected: str) -> bool:
    return hmac.compare_digest(given.encode(), expected.encode())


def _must_be_signed(environ: WSGIEnvironment) -> set[str]:
    own = {name for name in environ if name.startswith("HTTP_X_AMZ_")}
    return {"host", "x-amz-date"} | {
        name.removeprefix("HTTP_").replace("_", "-").lower() for name in own
    }


def _header(environ: WSGIEnvironment, name: str) -> str:
    key = name.upper().replace("-", "_")
    if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        key = f"HTTP_{key}"
    return " ".join(str(environ.get(key, "")).split())


def _canonical_request(call: ApiCall, signed: list[str]) -> str:
    environ = call.environ
    pairs = parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True)
    query = sorted((quote(name, safe="-_.~"), quote(value, safe="-_.~")) for name, value in pairs)
    return "\n".join(
        [
            environ["REQUEST_METHOD"],
            # WSGI has the bytes of a path as Latin-1.
            quote(environ["PATH_INFO"].encode("latin1"), safe="/-_.~"),
            "&".join(f"{name}={value}" for name, value in query),
            *(f"{name}:{_header(environ, name)}" for name in signed),
            "",
            ";".join(signed),
            _hash_body(call),
        ]
    )


def _hash_body(call: ApiCall) -> str:
    """Return the hash that was signed; S3 allows to send a body without one."""
    given = _header(call.environ, "x-amz-content-sha256")
    digest = hashlib.sha256(call.body).hexdigest()
    if call.service != "s3" or given == UNSIGNED:
        return given if call.service == "s3" else digest
    if given != digest:
        raise_api_error(
            "XAmzContentSHA256Mismatch",
            "The provided 'x-amz-content-sha256' header does not match what was computed.",
        )
    return digest


def _sign(secret: str, sent_at: str, scope: str, canonical: str) -> str:
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{secret}".encode()
    for part in (*scope.split("/"), f"AWS4-HMAC-SHA256\n{sent_at}\n{scope}\n{digest}"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return key.hex()


def _check_time(call: ApiCall, sent_at: str) -> None:
    minutes = MINUTES.get(call.service, OTHER_MINUTES)
    now, window = datetime.now(UTC), timedelta(minutes=minutes)
    try:
        sent = datetime.strptime(sent_at, TIME_FORMAT).replace(tzinfo=UTC)
    except ValueError:
        _refuse(call, "other signature")
    if sent < now - window:
        earliest = f"{now - window:{TIME_FORMAT}} ({now:{TIME_FORMAT}} - {minutes} min.)"
        _refuse(call, "other time", f"expired: {sent_at} is now earlier than {earliest}")
    if sent > now + window:
        latest = f"{now + window:{TIME_FORMAT}} ({now:{TIME_FORMAT}} + {minutes} min.)"
        _refuse(call, "other time", f"not yet current: {sent_at} is still later than {latest}")


def _refuse(call: ApiCall, reason: str, why: str = "") -> NoReturn:
    by_protocol = REFUSALS[reason]
    protocol = "json" if call.protocol == "cbor" else call.protocol
    code, message, status = by_protocol[protocol]
    raise_api_error(code, message.format(why=why), status)
