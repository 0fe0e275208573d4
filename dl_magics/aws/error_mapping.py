"""Map each error of boto3 to an error of dl_magics; done only here."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from dl_magics import errors
from dl_magics.aws import credentials
from dl_magics.aws.error_rules.boto_exceptions import BOTO_EXCEPTIONS
from dl_magics.aws.error_rules.error_codes import ERROR_CODES
from dl_magics.aws.error_rules.instance_profiles import PROFILE_CODES

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

    from dl_magics.aws.profile import AwsProfile

_CLOCK_MINUTES = 5
_EXPIRED = "ExpiredToken ExpiredTokenException RequestExpired RequestTimeTooSkewed"
# With a wrong clock EC2 says that it could not validate the keys, and the others of the signature.
_CLOCK = f"{_EXPIRED} AuthFailure SignatureDoesNotMatch InvalidSignatureException"
_INTERNAL = "InternalError InternalFailure ServiceUnavailable Unavailable ServerInternal"


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
        "message": _clean_message(str(error)),
    }
    for rule in BOTO_EXCEPTIONS:
        # An older botocore lacks some of them.
        kinds = tuple(getattr(exceptions, name, ()) for name in rule.names.split())
        if isinstance(error, kinds):
            return rule.make_error(facts)
    return errors.CloudRefused(
        f"boto3 failed: {str(error) or type(error).__name__}.",
        fix="%aws_profile shows the profile; its files are ~/.aws/config and ~/.aws/credentials.",
    )


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
        "id": _instance_id(message),
        "resource": _resource(message),
    }
    if code in _CLOCK.split() and (minutes := _minutes_off(error)) > _CLOCK_MINUTES:
        return errors.NoCredentials(
            f"The clock of this computer is wrong by {minutes:.0f} minutes ({code}).",
            fix="Correct its date and time, then run the cell again.",
        )
    for rule in (*PROFILE_CODES, *ERROR_CODES):
        if rule.matches(code, call, message, action):
            return rule.make_error(facts)
    if code in _EXPIRED.split():
        return errors.NoCredentials(
            f"The session of profile '{profile.name}' has expired ({code}).",
            fix=credentials.how_to_log_in(profile),
        )
    if code in _INTERNAL.split() or not code or code.startswith("5"):
        return errors.NoAnswer(
            f"AWS returned an internal error ({call}: {code or 'no code'}).",
            fix="%aws_state shows the current state; then run the cell again.",
        )
    return errors.CloudRefused(
        f"AWS refused {call}: {message} ({code})",
        fix=f"The EC2 API reference explains {code}; %aws_check checks the account.",
    )


def _minutes_off(error: ClientError) -> float:
    """Return by how many minutes the clock of this computer differs from that of AWS."""
    headers = error.response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    try:
        return abs(time.time() - parsedate_to_datetime(headers.get("date", "")).timestamp()) / 60
    except ValueError:
        return 0.0


def _action(operation: str, message: str) -> str:
    named = re.search(r"perform:? (\w+:\w+)", message)
    return named[1] if named else f"ec2:{operation}"


def _resource(message: str) -> str:
    named = re.search(r'on resource: "?(arn:[^\s"]+)', message)
    return named[1] if named else "*"


def _instance_id(message: str) -> str:
    named = re.search(r"\bi-[0-9a-f]{8,17}\b", message)
    return named[0] if named else "ID"


def _clean_message(message: str) -> str:
    """Return the message of AWS on one line, without its encoded part."""
    return " ".join(re.sub(r"Encoded authorization failure message:.*", "", message).split())
