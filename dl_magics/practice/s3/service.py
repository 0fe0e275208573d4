"""Answers the requests to S3 that read: lists of buckets and objects, and the objects."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from wsgiref.types import StartResponse

from dl_magics.practice.ec2.faults.queue import FaultQueue
from dl_magics.practice.ec2.http import ApiError, ApiResponse, raise_api_error
from dl_magics.practice.ec2.sessions import StsSessions
from dl_magics.practice.ec2.signature import AccessKey
from dl_magics.practice.iam.roles import InstanceRoles
from dl_magics.practice.s3 import buckets, listing
from dl_magics.practice.s3.buckets import Bucket, Buckets
from dl_magics.practice.s3.requests import S3Request

CUT = "s3-cut"
"""The fault that ends the body of an object early."""

_RANGE = re.compile(r"bytes=(\d*)-(\d*)")
_CHUNK = 2**20


@dataclass(frozen=True, slots=True)
class ObjectResponse:
    """An object, or a range of it, which is read while it is sent; `cut` is the bytes that are."""

    path: Path
    start: int
    length: int
    status: int
    headers: tuple[tuple[str, str], ...]
    cut: int | None = None

    def to_wsgi(self, start_response: StartResponse) -> Iterator[bytes]:
        """Start the WSGI response and yield its body."""
        start_response(f"{self.status} Practice", list(self.headers))
        left = self.length if self.cut is None else self.cut
        with self.path.open("rb") as file:
            file.seek(self.start)
            while left and (chunk := file.read(min(left, _CHUNK))):
                left -= len(chunk)
                yield chunk


class S3Service:
    """Answers requests to S3; it changes nothing."""

    def __init__(
        self, kept: Buckets, sessions: StsSessions, roles: InstanceRoles, faults: FaultQueue
    ) -> None:
        self._buckets = kept
        self._sessions = sessions
        self._roles = roles
        self._faults = faults

    def respond(self, request: S3Request) -> ApiResponse | ObjectResponse:
        """Return the response to a request, errors too; to a HEAD they have no body."""
        try:
            return self._answer(request)
        except ApiError as error:
            answer = error.to_response(request.call)
            is_head = request.call.environ["REQUEST_METHOD"] == "HEAD"
            return replace(answer, body=b"") if is_head else answer

    def _answer(self, request: S3Request) -> ApiResponse | ObjectResponse:
        key = self._sessions.verify_call(request.call)
        if not request.operation:
            raise_api_error("NotImplemented", "The practice cloud reads buckets only.", 501)
        fault = self._faults.take_for_call(request.call)
        if fault and fault.name != CUT:
            return fault.respond(request.call)
        if request.operation == "ListBuckets":
            self._roles.check_permission(key, request.permission, request.resource)
            return listing.list_buckets(self._buckets)
        bucket = self._find_bucket(request)
        self._check_permission(request, key, bucket)
        answer = _OPERATIONS[request.operation](bucket, request)
        if fault and isinstance(answer, ObjectResponse):
            return replace(answer, cut=answer.length // 2)
        return answer

    def _find_bucket(self, request: S3Request) -> Bucket:
        bucket = self._buckets.find(request.bucket)
        if bucket is None:
            raise_api_error("NoSuchBucket", "The specified bucket does not exist", 404)
        if request.call.region != bucket.region and request.operation != "GetBucketLocation":
            # The endpoint stands for that of the region for which a request is signed.
            raise ApiError(
                "PermanentRedirect",
                "The bucket you are attempting to access must be addressed using the specified "
                "endpoint. Please send all future requests to this endpoint.",
                301,
                (("x-amz-bucket-region", bucket.region),),
            )
        return bucket

    def _check_permission(self, request: S3Request, key: AccessKey, bucket: Bucket) -> None:
        self._roles.check_permission(key, request.permission, request.resource)
        if not request.key or buckets.find_object(bucket, request.key):
            return
        # Without s3:ListBucket a missing object is AccessDenied, not NoSuchKey.
        self._roles.check_permission(key, "s3:ListBucket", f"arn:aws:s3:::{request.bucket}")


def _head_bucket(bucket: Bucket, _: S3Request) -> ApiResponse:
    return ApiResponse(headers=(("x-amz-bucket-region", bucket.region),))


def _locate_bucket(bucket: Bucket, _: S3Request) -> ApiResponse:
    return listing.locate_bucket(bucket)


def _get_object(bucket: Bucket, request: S3Request) -> ApiResponse | ObjectResponse:
    found = buckets.find_object(bucket, request.key)
    if found is None:
        raise_api_error("NoSuchKey", "The specified key does not exist.", 404)
    facts = (("ETag", found.etag), ("Last-Modified", found.last_modified))
    if (wanted := request.header("If-Match")) and wanted != found.etag:
        raise_api_error(
            "PreconditionFailed",
            "At least one of the pre-conditions you specified did not hold",
            412,
        )
    if request.header("If-None-Match") == found.etag:
        return ApiResponse(status=304, headers=facts)
    start, length, status = _read_range(request.header("Range"), found.size)
    headers = [
        *facts,
        ("Content-Type", "binary/octet-stream"),
        ("Content-Length", str(length)),
        ("Accept-Ranges", "bytes"),
    ]
    if status == 206:
        headers.append(("Content-Range", f"bytes {start}-{start + length - 1}/{found.size}"))
    sent = 0 if request.operation == "HeadObject" else None
    return ObjectResponse(found.path, start, length, status, tuple(headers), sent)


def _read_range(given: str, size: int) -> tuple[int, int, int]:
    """Return the first byte, how many, and the status; a range that is no range is ignored."""
    asked = _RANGE.fullmatch(given)
    if not asked or not any(asked.groups()):
        return 0, size, 200
    first, last = asked.groups()
    start = int(first) if first else max(0, size - int(last))
    end = min(int(last), size - 1) if first and last else size - 1
    if start >= size or end < start:
        raise_api_error("InvalidRange", "The requested range is not satisfiable", 416)
    return start, end - start + 1, 206


_OPERATIONS: dict[str, Callable[[Bucket, S3Request], ApiResponse | ObjectResponse]] = {
    "HeadBucket": _head_bucket,
    "GetBucketLocation": _locate_bucket,
    "ListObjectsV2": listing.list_objects,
    "GetObject": _get_object,
    "HeadObject": _get_object,
}
