"""A request to S3, which names its bucket and its key in the path."""

from __future__ import annotations

from dataclasses import dataclass, replace
from urllib.parse import parse_qsl
from wsgiref.types import WSGIEnvironment

from dl_magics.practice.ec2.http import AUTHORIZATION, ApiCall, raise_api_error

# Of the AWS SDKs, which name the operation, and of the AWS CLI.
_IGNORED = {"x-id"}
PERMISSIONS = {
    "ListBuckets": "s3:ListAllMyBuckets",
    "ListObjectsV2": "s3:ListBucket",
    "HeadBucket": "s3:ListBucket",
    "GetBucketLocation": "s3:GetBucketLocation",
    "GetObject": "s3:GetObject",
    "HeadObject": "s3:GetObject",
}


@dataclass(frozen=True, slots=True)
class S3Request:
    """What a request asks for: an operation, a bucket, a key, and the parameters of its query."""

    operation: str
    bucket: str
    key: str
    parameters: dict[str, str]
    call: ApiCall

    @classmethod
    def from_environ(cls, environ: WSGIEnvironment) -> S3Request:
        """Read a request; one for an operation that is not known has an empty operation."""
        path = environ["PATH_INFO"].encode("latin1").decode("utf-8", "replace")
        bucket, _, key = path.removeprefix("/").partition("/")
        parameters = dict(parse_qsl(environ.get("QUERY_STRING", ""), keep_blank_values=True))
        asked = {name for name in parameters if name not in _IGNORED}
        operation = _find_operation(environ["REQUEST_METHOD"], bucket, key, asked, parameters)
        call = replace(ApiCall.from_environ(environ), service="s3", action=operation)
        return cls(operation, bucket, key, parameters, call)

    @property
    def permission(self) -> str:
        """The action of IAM that allows it."""
        return PERMISSIONS[self.operation]

    @property
    def resource(self) -> str:
        """The ARN of what it is about, as policies name it."""
        if not self.bucket:
            return "*"
        return f"arn:aws:s3:::{self.bucket}{f'/{self.key}' if self.key else ''}"

    def header(self, name: str) -> str:
        """Return a header of the request, "" without it."""
        return str(self.call.environ.get(f"HTTP_{name.upper().replace('-', '_')}", ""))

    def read_page_size(self) -> int:
        """Return how many keys a page may have; raise ApiError for what is no number."""
        given = self.parameters.get("max-keys", "1000")
        if not given.isdecimal():
            raise_api_error("InvalidArgument", "Provided max-keys not an integer or within range")
        return min(int(given), 1000)


def is_for_s3(environ: WSGIEnvironment) -> bool:
    """Return whether a request was signed for S3."""
    scope = AUTHORIZATION.fullmatch(environ.get("HTTP_AUTHORIZATION", ""))
    return scope is not None and scope["service"] == "s3"


def _find_operation(
    method: str, bucket: str, key: str, asked: set[str], parameters: dict[str, str]
) -> str:
    if not bucket:
        return "ListBuckets" if method == "GET" else ""
    if key:
        return {"GET": "GetObject", "HEAD": "HeadObject"}.get(method, "") if not asked else ""
    if method == "HEAD":
        return "HeadBucket" if not asked else ""
    if method == "GET" and parameters.get("list-type") == "2":
        return "ListObjectsV2"
    return "GetBucketLocation" if method == "GET" and asked == {"location"} else ""
