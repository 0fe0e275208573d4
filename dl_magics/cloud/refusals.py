"""Every error of boto3 becomes one of ours, here and nowhere else."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from dl_magics import errors

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

    from dl_magics.cloud.place import Place

_UNKNOWN_KEYS = "InvalidClientTokenId AuthFailure SignatureDoesNotMatch UnrecognizedClientException"
_NOT_ALLOWED = "UnauthorizedOperation AccessDenied AccessDeniedException"
_MINUTES_ALLOWED = 5
_BUSY = "RequestLimitExceeded Throttling ThrottlingException TooManyRequestsException"
_EXPIRED = "ExpiredToken ExpiredTokenException RequestExpired RequestTimeTooSkewed"
_BROKEN = "InternalError InternalFailure ServiceUnavailable Unavailable ServerInternal"

_SIMPLE: dict[str, tuple[type[errors.DLMagicsError], str]] = {
    "InsufficientInstanceCapacity": (errors.NoCapacity, "Wait and run it again."),
    "InsufficientHostCapacity": (errors.NoCapacity, "Wait and run it again."),
    "VcpuLimitExceeded": (errors.QuotaReached, "%aws_check shows the quotas."),
    "InstanceLimitExceeded": (errors.QuotaReached, "%aws_check shows the quotas."),
    "IncorrectInstanceState": (errors.WrongState, "%aws_state shows what it is doing."),
    "IncorrectState": (errors.WrongState, "%aws_state shows what it is doing."),
    "InvalidInstanceID.NotFound": (errors.NoSuchInstance, "%aws_list shows the ones you have."),
    "InvalidInstanceID.Malformed": (errors.NoSuchInstance, "%aws_list shows the ones you have."),
    "InvalidAMIID.NotFound": (errors.NoSuchImage, "Leave out --image: it is then looked up."),
    "InvalidAMIID.Malformed": (errors.NoSuchImage, "Leave out --image: it is then looked up."),
    "InvalidAMIID.Unavailable": (errors.NoSuchImage, "Leave out --image: it is then looked up."),
    "Unsupported": (errors.NoSuchType, "%aws_prices shows the types of this region."),
    "InvalidInstanceType": (errors.NoSuchType, "%aws_prices shows the types of this region."),
}


@contextmanager
def refusals(place: Place) -> Iterator[None]:
    """Turn what boto3 raises into our errors."""
    from botocore import exceptions, parsers

    try:
        yield
    except exceptions.ClientError as error:
        raise _of_aws(error, place) from error
    except exceptions.ProfileNotFound as error:
        raise errors.NoCredentials(
            f"This computer has no AWS profile '{place.name}'.",
            fix="%aws_profile shows those it has · aws configure --profile NAME makes one.",
        ) from error
    except (exceptions.NoRegionError, exceptions.InvalidRegionError) as error:
        raise errors.NoRegion(
            f"No AWS region can be used: {place.region or 'none is chosen'}.",
            fix="%aws_region us-east-1",
        ) from error
    except (
        exceptions.NoCredentialsError,
        exceptions.PartialCredentialsError,
        exceptions.CredentialRetrievalError,
        exceptions.TokenRetrievalError,
        exceptions.UnauthorizedSSOTokenError,
        exceptions.SSOError,
    ) as error:
        raise errors.NoCredentials(
            f"No AWS credentials were found for profile '{place.name}'.",
            fix="In a terminal: aws configure · or, with no account at all: %practice on",
        ) from error
    except (exceptions.HTTPClientError, exceptions.ConnectionError) as error:
        raise errors.NoAnswer(
            f"AWS could not be reached ({type(error).__name__}).",
            fix="Is this computer online? Then %aws_state tells how things stand.",
        ) from error
    except parsers.ResponseParserError as error:
        raise errors.NoAnswer(
            "What came back is not an answer of AWS.",
            fix="A proxy or a login page may stand between. %aws_state asks again.",
        ) from error
    except exceptions.BotoCoreError as error:
        raise errors.CloudRefused(str(error), fix="%aws_check looks at the settings.") from error


def _of_aws(error: ClientError, place: Place) -> errors.DLMagicsError:
    code = error.response.get("Error", {}).get("Code", "")
    said = _plain(error.response.get("Error", {}).get("Message", "") or code)
    if code in _SIMPLE:
        kind, fix = _SIMPLE[code]
        return kind(said, fix=fix)
    if code in _UNKNOWN_KEYS.split():
        return errors.NoCredentials(
            f"AWS does not know the keys of profile '{place.name}' ({code}).",
            fix=f"In a terminal: aws configure --profile {place.name}",
        )
    if code in _EXPIRED.split():
        return _expired(error, code, place)
    if code in _NOT_ALLOWED.split():
        action = _action(error.operation_name, said)
        return errors.NotAllowed(
            f"Profile '{place.name}' may not do {action}.",
            fix=f'Its policy needs {{"Effect": "Allow", "Action": "{action}", "Resource": "*"}}'
            " · %aws_check --policy prints the whole.",
        )
    if code in _BUSY.split():
        return errors.TooManyRequests(
            f"AWS asks to go slower ({error.operation_name}: {code}).",
            fix="Wait a minute, then run the cell again. Nothing was started twice.",
        )
    if code in _BROKEN.split() or not code or code.startswith("5"):
        return errors.NoAnswer(
            f"AWS has a fault of its own ({error.operation_name}: {code or 'no code'}).",
            fix="%aws_state tells how things stand; then run the cell again.",
        )
    return errors.CloudRefused(
        f"AWS refused {error.operation_name}: {said} ({code})",
        fix="%aws_check tells what your account allows.",
    )


def _expired(error: ClientError, code: str, place: Place) -> errors.NoCredentials:
    """EC2 says the same of an old session and of a wrong clock; its own time tells them apart."""
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    minutes = _minutes_off(headers.get("date", ""))
    if minutes > _MINUTES_ALLOWED:
        return errors.NoCredentials(
            f"The clock of this computer is {minutes:.0f} minutes off ({code}).",
            fix="Set its date and time, then run the cell again.",
        )
    return errors.NoCredentials(
        f"The session of profile '{place.name}' has expired ({code}).",
        fix=f"In a terminal: aws sso login --profile {place.name} · then run the cell again.",
    )


def _minutes_off(date: str) -> float:
    try:
        return abs(time.time() - parsedate_to_datetime(date).timestamp()) / 60
    except ValueError:
        return 0.0


def _action(operation: str, said: str) -> str:
    named = re.search(r"perform:? (\w+:\w+)", said)
    return named[1] if named else f"ec2:{operation}"


def _plain(said: str) -> str:
    """Return AWS's words without its long encoded part, on one line."""
    return " ".join(re.sub(r"Encoded authorization failure message:.*", "", said).split())
