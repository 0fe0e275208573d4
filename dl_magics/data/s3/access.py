"""With whose credentials a bucket is read: on an instance those of its role, and no others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

from dl_magics.errors import NoAnswer, NoCredentials, NotInstalled

CONNECTIONS = 16
_ATTEMPTS = 6
# botocore's default of one attempt of a second is missed by an instance that computes.
_METADATA_SECONDS, _METADATA_ATTEMPTS = 5, 3
_REFUSED = ("InvalidAccessKeyId", "ExpiredToken", "SignatureDoesNotMatch", "InvalidToken")


@dataclass(frozen=True, slots=True)
class S3Access:
    """A client of S3.

    `reader` is whose credentials it has, as the subject of a sentence. In the context of
    `convert_errors` the errors of boto3 that are not about a bucket become those of dl_magics.
    """

    client: Any
    reader: str
    convert_errors: Callable[[], AbstractContextManager[None]]


def make_config() -> Any:
    """Return the settings of a client that reads many photos at a time."""
    from botocore.config import Config

    return Config(
        connect_timeout=5,
        read_timeout=30,
        max_pool_connections=CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": _ATTEMPTS},
    )


def open_access(instance: str) -> S3Access:
    """Return how a host reads S3.

    On an EC2 instance, given by its id, only the credentials of its role count, by IMDSv2: access
    keys that lie there are not used. Any other host has those that boto3 finds on it.

    Raises NotInstalled where boto3 is missing.
    """
    try:
        session = _open_session(instance)
    except ImportError as error:
        raise NotInstalled(
            "Photos in S3 are read with boto3, which is not installed here.",
            fix="On the instance: %gpu pip install boto3",
        ) from error
    reader = f"The role of {instance}" if instance else "This host"
    missing = _no_role(instance) if instance else _no_credentials()
    return S3Access(
        session.client("s3", config=make_config()), reader, lambda: _convert(reader, missing)
    )


def _open_session(instance: str) -> Any:
    import boto3
    import botocore.session
    from botocore.credentials import CredentialResolver

    # A profile named in the environment of the host may hold the keys of another person.
    unnamed = {"profile": (None, None, None, None)} if instance else None
    session = botocore.session.Session(session_vars=unnamed)
    session.register_component("data_loader", _make_loader())
    if instance:
        session.set_config_variable("ec2_metadata_v1_disabled", True)
        session.set_config_variable("metadata_service_timeout", _METADATA_SECONDS)
        session.set_config_variable("metadata_service_num_attempts", _METADATA_ATTEMPTS)
        known = session.get_component("credential_provider")
        role = CredentialResolver([known.get_provider("iam-role")])
        session.register_component("credential_provider", role)
    return boto3.session.Session(botocore_session=session)


@cache
def _make_loader() -> Any:
    """Return what reads the API models of boto3: it keeps them, as each takes half a second."""
    from botocore.loaders import create_loader

    return create_loader()


@contextmanager
def _convert(reader: str, missing: NoCredentials) -> Iterator[None]:
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        CredentialRetrievalError,
        NoCredentialsError,
    )

    try:
        yield
    except (NoCredentialsError, CredentialRetrievalError) as error:
        raise missing from error
    except ClientError as error:
        if (code := error.response["Error"]["Code"]) in _REFUSED:
            raise NoCredentials(
                f"{reader} has credentials that S3 refuses ({code}).", fix=missing.fix
            ) from error
        raise
    except BotoCoreError as error:
        raise NoAnswer(
            f"S3 cannot be read: {error}",
            fix="Check the connection, then run the cell again: what was read is kept.",
        ) from error


def _no_role(instance: str) -> NoCredentials:
    return NoCredentials(
        f"Instance {instance} has no IAM role, or does not answer for its credentials (IMDSv2).",
        fix="Give it one, also while it runs: aws ec2 associate-iam-instance-profile --instance-id "
        f"{instance} --iam-instance-profile Name=NAME · or launch with one: %aws_launch TYPE "
        "--instance-profile NAME",
    )


def _no_credentials() -> NoCredentials:
    return NoCredentials(
        "There are no AWS credentials on this host to read S3 with.",
        fix="aws configure in a terminal of it · an EC2 instance has a role: %aws_launch TYPE "
        "--instance-profile NAME",
    )
