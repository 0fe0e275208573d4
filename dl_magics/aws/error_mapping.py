"""Map each error of boto3 to an error of dl_magics; done only here."""

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

ErrorRule = tuple[str, type[errors.DLMagicsError], str, str]
"""AWS error codes or botocore exceptions, our class, the message, the fix."""

_CLOCK_MINUTES = 5
_EXPIRED = "ExpiredToken ExpiredTokenException RequestExpired RequestTimeTooSkewed"
_INTERNAL = "InternalError InternalFailure ServiceUnavailable Unavailable ServerInternal"

_ERROR_CODES: tuple[ErrorRule, ...] = (
    (
        "InsufficientInstanceCapacity InsufficientHostCapacity",
        errors.NoCapacity,
        "{message}",
        "Wait, then run the cell again.",
    ),
    (
        "VcpuLimitExceeded InstanceLimitExceeded",
        errors.QuotaReached,
        "{message}",
        "%aws_check shows the quotas.",
    ),
    (
        "IncorrectInstanceState IncorrectState",
        errors.WrongState,
        "{message}",
        "%aws_state shows its current state.",
    ),
    (
        "InvalidInstanceID.NotFound InvalidInstanceID.Malformed",
        errors.NoSuchInstance,
        "{message}",
        "%aws_list shows your instances.",
    ),
    (
        "InvalidAMIID.NotFound InvalidAMIID.Malformed InvalidAMIID.Unavailable",
        errors.NoSuchImage,
        "{message}",
        "Omit --image to use the newest Deep Learning AMI.",
    ),
    (
        "Unsupported InvalidInstanceType",
        errors.NoSuchType,
        "{message}",
        "%aws_prices shows the types of this region.",
    ),
    (
        "InvalidClientTokenId AuthFailure SignatureDoesNotMatch UnrecognizedClientException "
        "InvalidSignatureException",
        errors.NoCredentials,
        "AWS rejected the access keys of profile '{profile}' ({code}).",
        "In a terminal: aws configure --profile {profile}",
    ),
    (
        "UnauthorizedOperation AccessDenied AccessDeniedException",
        errors.NotAllowed,
        "Profile '{profile}' is not authorized to perform {action}.",
        'Its policy needs {{"Effect": "Allow", "Action": "{action}", "Resource": "*"}}'
        " · %aws_check --policy prints the full policy.",
    ),
    (
        "RequestLimitExceeded Throttling ThrottlingException TooManyRequestsException",
        errors.TooManyRequests,
        "AWS throttled the request ({call}: {code}).",
        "Wait a minute, then run the cell again. Nothing was started twice.",
    ),
)

_BOTO_EXCEPTIONS: tuple[ErrorRule, ...] = (
    (
        "ProfileNotFound",
        errors.NoCredentials,
        "The AWS profile '{profile}' does not exist on this computer.",
        "%aws_profile lists the profiles · aws configure --profile NAME creates one.",
    ),
    (
        "NoRegionError InvalidRegionError",
        errors.NoRegion,
        "The AWS region is missing or invalid: {region}.",
        "%aws_region us-east-1",
    ),
    (
        "NoCredentialsError PartialCredentialsError CredentialRetrievalError TokenRetrievalError "
        "UnauthorizedSSOTokenError SSOError",
        errors.NoCredentials,
        "No AWS credentials were found for profile '{profile}'.",
        "In a terminal: aws configure · or, without an AWS account: %practice on",
    ),
    (
        "ReadTimeoutError ConnectTimeoutError",
        errors.NoAnswer,
        "AWS did not answer in time ({kind}).",
        "%aws_state shows the current state; then run the cell again.",
    ),
    (
        "HTTPClientError ConnectionError",
        errors.NoAnswer,
        "AWS could not be reached ({kind}).",
        "Check that this computer is online; %aws_state shows the current state.",
    ),
)


@contextmanager
def map_boto_errors(profile: AwsProfile) -> Iterator[None]:
    """Raise the errors of boto3 inside this context as errors of dl_magics."""
    from botocore import exceptions, parsers

    try:
        yield
    except exceptions.ClientError as error:
        raise _map_client_error(error, profile) from error
    except parsers.ResponseParserError as error:
        raise errors.NoAnswer(
            "The response is not a valid AWS response.",
            fix="A proxy or a login page may have answered instead. Then retry: %aws_state",
        ) from error
    except exceptions.BotoCoreError as error:
        raise _map_boto_error(error, profile) from error


def _map_boto_error(error: BotoCoreError, profile: AwsProfile) -> errors.DLMagicsError:
    """Map an error that boto3 raised before AWS answered."""
    from botocore import exceptions

    facts = {
        "profile": profile.name,
        "region": profile.region or "none is selected",
        "kind": type(error).__name__,
    }
    for names, kind, happened, fix in _BOTO_EXCEPTIONS:
        if isinstance(error, tuple(getattr(exceptions, name) for name in names.split())):
            return kind(happened.format(**facts), fix=fix)
    return errors.CloudRefused(str(error), fix="%aws_check checks the settings.")


def _map_client_error(error: ClientError, profile: AwsProfile) -> errors.DLMagicsError:
    code, call = error.response.get("Error", {}).get("Code", ""), error.operation_name
    message = _clean_message(error.response.get("Error", {}).get("Message", "") or code)
    action = _action(call, message)
    facts = {
        "profile": profile.name,
        "code": code,
        "call": call,
        "message": message,
        "action": action,
    }
    for codes, kind, happened, fix in _ERROR_CODES:
        if code in codes.split():
            return kind(happened.format(**facts), fix=fix.format(**facts))
    if code in _EXPIRED.split():
        return _map_expired(error, code, profile)
    if code in _INTERNAL.split() or not code or code.startswith("5"):
        return errors.NoAnswer(
            f"AWS returned an internal error ({call}: {code or 'no code'}).",
            fix="%aws_state shows the current state; then run the cell again.",
        )
    return errors.CloudRefused(
        f"AWS refused {call}: {message} ({code})", fix="%aws_check checks what your account allows."
    )


def _map_expired(error: ClientError, code: str, profile: AwsProfile) -> errors.NoCredentials:
    """Return the error of an expired session or, by the date of the response, of a wrong clock."""
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    minutes = _minutes_off(headers.get("date", ""))
    if minutes > _CLOCK_MINUTES:
        return errors.NoCredentials(
            f"The clock of this computer is wrong by {minutes:.0f} minutes ({code}).",
            fix="Correct its date and time, then run the cell again.",
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


def _action(operation: str, message: str) -> str:
    named = re.search(r"perform:? (\w+:\w+)", message)
    return named[1] if named else f"ec2:{operation}"


def _clean_message(message: str) -> str:
    """Return the message of AWS on one line, without its encoded part."""
    return " ".join(re.sub(r"Encoded authorization failure message:.*", "", message).split())
