"""A bucket of S3, with the credentials that boto3 finds: on an instance, those of its role."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from dl_magics.data.s3.address import S3Address
from dl_magics.data.s3.index import S3Object
from dl_magics.errors import (
    BadData,
    CloudRefused,
    NoAnswer,
    NoCredentials,
    NotAllowed,
    NotInstalled,
    TooManyRequests,
)
from dl_magics.store import atomic

CONNECTIONS = 16
_ATTEMPTS = 6
_TRIES_OF_A_BODY = 4
_CHUNK = 2**20
_THROTTLED = ("SlowDown", "503", "ServiceUnavailable", "RequestLimitExceeded", "Throttling")
_GONE = ("NoSuchKey", "404")
_ROLE = (
    "The role of the instance, or your user, needs s3:ListBucket on the bucket and s3:GetObject on "
    "what is in it: docs/howto/s3.md has the policy and the command."
)


class Bucket:
    """Lists and reads the objects below a prefix; it may be used by several threads."""

    def __init__(self, address: S3Address) -> None:
        self._address = address
        self._client = _make_client()

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

    def read_object(self, key: str, path: Path) -> tuple[str, int] | None:
        """Write an object into a file, all of it or nothing; return its ETag and size.

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
        with atomic.replacing(path) as beside, beside.open("wb") as file:
            for chunk in found["Body"].iter_chunks(_CHUNK):
                size += file.write(chunk)
            _require_whole(size, int(found["ContentLength"]))
        return str(found["ETag"]), size

    @contextmanager
    def _convert_errors(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

        try:
            yield
        except NoCredentialsError as error:
            raise NoCredentials(
                f"There are no AWS credentials to read {self._address} with.", fix=_ROLE
            ) from error
        except ClientError as error:
            raise self._explain(error.response["Error"]) from error
        except BotoCoreError as error:
            raise NoAnswer(
                f"{self._address} cannot be read: {error}",
                fix="Check the connection, then run the cell again: what was read is kept.",
            ) from error

    def _explain(self, refused: Any) -> Exception:
        code = str(refused.get("Code", ""))
        if code in ("NoSuchBucket", "InvalidBucketName"):
            return BadData(
                f"There is no bucket {self._address.bucket!r}.", fix="aws s3 ls lists yours."
            )
        if code in ("AccessDenied", "403", "AllAccessDisabled"):
            return NotAllowed(f"AWS does not allow to read {self._address}.", fix=_ROLE)
        if code in ("InvalidAccessKeyId", "ExpiredToken", "SignatureDoesNotMatch", "InvalidToken"):
            return NoCredentials(f"AWS refuses the credentials for {self._address}.", fix=_ROLE)
        if code in _THROTTLED:
            return TooManyRequests(
                f"S3 still throttles the requests for {self._address} ({code}).",
                fix="Run the cell again in some minutes: what was read is kept.",
            )
        return CloudRefused(
            f"S3 refuses {self._address}: {code} {refused.get('Message', '')}".rstrip(),
            fix=f"aws s3 ls {self._address}/ shows whether it can be read.",
        )


def _require_whole(size: int, length: int) -> None:
    from botocore.exceptions import IncompleteReadError

    if size != length:
        raise IncompleteReadError(actual_bytes=size, expected_bytes=length)


@cache
def _make_loader() -> Any:
    """Return what reads the API models of boto3: it keeps them, as each takes half a second."""
    from botocore.loaders import create_loader

    return create_loader()


def _make_client() -> Any:
    try:
        import boto3
        import botocore.session
        from botocore.config import Config
    except ImportError as error:
        raise NotInstalled(
            "Photos in S3 are read with boto3, which is not installed here.",
            fix="On the instance: %gpu pip install boto3",
        ) from error
    session = botocore.session.Session()
    session.register_component("data_loader", _make_loader())
    return boto3.session.Session(botocore_session=session).client(
        "s3",
        config=Config(
            connect_timeout=5,
            read_timeout=30,
            max_pool_connections=CONNECTIONS,
            retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
        ),
    )
