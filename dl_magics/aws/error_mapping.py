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
    from botocore.exceptions import BotoCoreError, ClientError

    from dl_magics.aws.profile import AwsProfile

Words = tuple[str, type[errors.DLMagicsError], str, str]
"""What it is about, our error, what happened, what to type."""

_MINUTES_ALLOWED = 5
_EXPIRED = "ExpiredToken ExpiredTokenException RequestExpired RequestTimeTooSkewed"
_BROKEN = "InternalError InternalFailure ServiceUnavailable Unavailable ServerInternal"

_CODES: tuple[Words, ...] = (
    (
        "InsufficientInstanceCapacity InsufficientHostCapacity",
        errors.NoCapacity,
        "{said}",
        "Wait and run it again.",
    ),
    (
        "VcpuLimitExceeded InstanceLimitExceeded",
        errors.QuotaReached,
        "{said}",
        "%aws_check shows the quotas.",
    ),
    (
        "IncorrectInstanceState IncorrectState",
        errors.WrongState,
        "{said}",
        "%aws_state shows what it is doing.",
    ),
    (
        "InvalidInstanceID.NotFound InvalidInstanceID.Malformed",
        errors.NoSuchInstance,
        "{said}",
        "%aws_list shows the ones you have.",
    ),
    (
        "InvalidAMIID.NotFound InvalidAMIID.Malformed InvalidAMIID.Unavailable",
        errors.NoSuchImage,
        "{said}",
        "Leave out --image: it is then looked up.",
    ),
    (
        "Unsupported InvalidInstanceType",
        errors.NoSuchType,
        "{said}",
        "%aws_prices shows the types of this region.",
    ),
    (
        "InvalidClientTokenId AuthFailure SignatureDoesNotMatch UnrecognizedClientException",
        errors.NoCredentials,
        "AWS rejected the access keys of profile '{profile}' ({code}).",
        "In a terminal: aws configure --profile {profile}",
    ),
    (
        "UnauthorizedOperation AccessDenied AccessDeniedException",
        errors.NotAllowed,
        "Profile '{profile}' is not authorized to perform {action}.",
        'Its policy needs {{"Effect": "Allow", "Action": "{action}", "Resource": "*"}}'
        " · %aws_check --policy prints the whole.",
    ),
    (
        "RequestLimitExceeded Throttling ThrottlingException TooManyRequestsException",
        errors.TooManyRequests,
        "AWS throttled the request ({call}: {code}).",
        "Wait a minute, then run the cell again. Nothing was started twice.",
    ),
)

_HERE: tuple[Words, ...] = (
    (
        "ProfileNotFound",
        errors.NoCredentials,
        "This computer has no AWS profile '{profile}'.",
        "%aws_profile shows those it has · aws configure --profile NAME makes one.",
    ),
    (
        "NoRegionError InvalidRegionError",
        errors.NoRegion,
        "No AWS region can be used: {region}.",
        "%aws_region us-east-1",
    ),
    (
        "NoCredentialsError PartialCredentialsError CredentialRetrievalError TokenRetrievalError "
        "UnauthorizedSSOTokenError SSOError",
        errors.NoCredentials,
        "No AWS credentials were found for profile '{profile}'.",
        "In a terminal: aws configure · or, with no account at all: %practice on",
    ),
    (
        "ReadTimeoutError ConnectTimeoutError",
        errors.NoAnswer,
        "AWS did not answer in time ({kind}).",
        "%aws_state tells how things stand; then run the cell again.",
    ),
    (
        "HTTPClientError ConnectionError",
        errors.NoAnswer,
        "AWS could not be reached ({kind}).",
        "Is this computer online? Then %aws_state tells how things stand.",
    ),
)


@contextmanager
def map_boto_errors(profile: AwsProfile) -> Iterator[None]:
    """Turn what boto3 raises into our errors."""
    from botocore import exceptions, parsers

    try:
        yield
    except exceptions.ClientError as error:
        raise _of_aws(error, profile) from error
    except parsers.ResponseParserError as error:
        raise errors.NoAnswer(
            "What came back is not an answer of AWS.",
            fix="A proxy or a login page may stand between. %aws_state asks again.",
        ) from error
    except exceptions.BotoCoreError as error:
        raise _of_here(error, profile) from error


def _of_here(error: BotoCoreError, profile: AwsProfile) -> errors.DLMagicsError:
    """Say what went wrong before AWS had a say."""
    from botocore import exceptions

    facts = {
        "profile": profile.name,
        "region": profile.region or "none is chosen",
        "kind": type(error).__name__,
    }
    for names, kind, happened, fix in _HERE:
        if isinstance(error, tuple(getattr(exceptions, name) for name in names.split())):
            return kind(happened.format(**facts), fix=fix)
    return errors.CloudRefused(str(error), fix="%aws_check looks at the settings.")


def _of_aws(error: ClientError, profile: AwsProfile) -> errors.DLMagicsError:
    code, call = error.response.get("Error", {}).get("Code", ""), error.operation_name
    said = _plain(error.response.get("Error", {}).get("Message", "") or code)
    action = _action(call, said)
    facts = {"profile": profile.name, "code": code, "call": call, "said": said, "action": action}
    for codes, kind, happened, fix in _CODES:
        if code in codes.split():
            return kind(happened.format(**facts), fix=fix.format(**facts))
    if code in _EXPIRED.split():
        return _expired(error, code, profile)
    if code in _BROKEN.split() or not code or code.startswith("5"):
        return errors.NoAnswer(
            f"AWS returned an internal error ({call}: {code or 'no code'}).",
            fix="%aws_state tells how things stand; then run the cell again.",
        )
    return errors.CloudRefused(
        f"AWS refused {call}: {said} ({code})", fix="%aws_check tells what your account allows."
    )


def _expired(error: ClientError, code: str, profile: AwsProfile) -> errors.NoCredentials:
    """EC2 says the same of an old session and of a wrong clock; its own time tells them apart."""
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    minutes = _minutes_off(headers.get("date", ""))
    if minutes > _MINUTES_ALLOWED:
        return errors.NoCredentials(
            f"The clock of this computer is {minutes:.0f} minutes off ({code}).",
            fix="Set its date and time, then run the cell again.",
        )
    return errors.NoCredentials(
        f"The session of profile '{profile.name}' has expired ({code}).",
        fix=f"In a terminal: aws sso login --profile {profile.name} · then run the cell again.",
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
