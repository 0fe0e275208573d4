"""A bucket of S3: its objects are listed and read."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dl_magics.data.s3 import refusals
from dl_magics.data.s3.access import S3Access
from dl_magics.data.s3.address import S3Address
from dl_magics.data.s3.index import S3Object
from dl_magics.errors import NoAnswer
from dl_magics.store import private

_TRIES_OF_A_BODY = 4
_CHUNK = 2**20
_GONE = ("NoSuchKey", "404")
_MOST_FOLDERS = 100


class Bucket:
    """Lists and reads the objects below a prefix; it may be used by several threads."""

    def __init__(self, address: S3Address, access: S3Access) -> None:
        self._address = address
        self._access = access
        self._client = access.client

    def list_objects(self) -> Iterator[S3Object]:
        """Yield all objects, page by page.

        Raises
        ------
        BadData
            where there is no such bucket.
        NotAllowed, NoCredentials, TooManyRequests, NoAnswer, CloudRefused
            where AWS refuses, or does not answer.
        """
        pages = self._client.get_paginator("list_objects_v2")
        with self._convert_errors():
            for page in pages.paginate(Bucket=self._address.bucket, Prefix=self._address.prefix):
                for each in page.get("Contents", ()):
                    yield S3Object(each["Key"], each["ETag"], each["Size"])

    def list_folders_beside(self) -> list[S3Address]:
        """Return the folders that are where that of the address should be; raise as above."""
        above = self._address.prefix.rstrip("/").rpartition("/")[0]
        with self._convert_errors():
            page = self._client.list_objects_v2(
                Bucket=self._address.bucket,
                Prefix=f"{above}/" if above else "",
                Delimiter="/",
                MaxKeys=_MOST_FOLDERS,
            )
        found = (each["Prefix"] for each in page.get("CommonPrefixes", ()))
        return [S3Address(self._address.bucket, prefix) for prefix in found]

    def read_object(self, key: str, path: Path) -> tuple[str, int] | None:
        """Write an object into a new file; return its ETag and size.

        An object that was replaced while it was read is read from the start. None where it is gone.
        """
        from botocore.exceptions import (
            ClientError,
            HTTPClientError,
            IncompleteReadError,
            ResponseStreamingError,
        )

        for left in reversed(range(_TRIES_OF_A_BODY)):
            with self._convert_errors():
                try:
                    return self._read_once(key, path)
                except ClientError as error:
                    if error.response["Error"]["Code"] in _GONE:
                        return None
                    raise
                except (IncompleteReadError, ResponseStreamingError, HTTPClientError) as error:
                    failed = error
            if left:
                time.sleep(0.1 * 2 ** (_TRIES_OF_A_BODY - left))
        raise NoAnswer(
            f"s3://{self._address.bucket}/{key} ended early {_TRIES_OF_A_BODY} times: {failed}",
            fix="Run the cell again: what was read is kept.",
        )

    def _read_once(self, key: str, path: Path) -> tuple[str, int]:
        found = self._client.get_object(Bucket=self._address.bucket, Key=key)
        size = 0
        with private.open_file(path, "wb") as file:
            for chunk in found["Body"].iter_chunks(_CHUNK):
                size += file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        _require_whole(size, int(found["ContentLength"]))
        return str(found["ETag"]), size

    @contextmanager
    def _convert_errors(self) -> Iterator[None]:
        """Raise what S3 refuses of the bucket in its own words, all else as its reader would."""
        from botocore.exceptions import ClientError

        try:
            with self._access.convert_errors():
                try:
                    yield
                except ClientError as error:
                    if explained := refusals.explain_refusal(
                        self._address, self._access.reader, error.operation_name, error.response
                    ):
                        raise explained from error
                    raise
        except ClientError as error:
            raise refusals.explain_unknown(self._address, error.response) from error


def _require_whole(size: int, length: int) -> None:
    from botocore.exceptions import IncompleteReadError

    if size != length:
        raise IncompleteReadError(actual_bytes=size, expected_bytes=length)
