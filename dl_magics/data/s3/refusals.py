"""What S3 refuses of a bucket or an object, and what to do about it."""

from __future__ import annotations

import json
import re
from typing import Any

from dl_magics.data.s3.address import S3Address
from dl_magics.errors import BadData, CloudRefused, DLMagicsError, NotAllowed, TooManyRequests

_THROTTLED = ("SlowDown", "503", "ServiceUnavailable", "RequestLimitExceeded", "Throttling")
_MISSING = ("NoSuchBucket", "InvalidBucketName")
_DENIED = ("AccessDenied", "403", "AllAccessDisabled")
_ELSEWHERE = (
    *("PermanentRedirect", "301", "TemporaryRedirect", "AuthorizationHeaderMalformed"),
    *("IllegalLocationConstraintException",),
)
_NAMED = re.compile(r'perform: (?P<action>\S+)(?: on resource: "?(?P<resource>[^"\s]+))?')
_OWN_POLICY = "identity-based policy"


def explain_refusal(
    address: S3Address, reader: str, operation: str, response: Any
) -> DLMagicsError | None:
    """Return the error for a response that refuses an operation; None if it is not about S3."""
    error = response.get("Error", {})
    code, message = str(error.get("Code", "")), str(error.get("Message", ""))
    if code in _MISSING:
        return BadData(
            f"There is no bucket {address.bucket!r} in S3.",
            fix="Check its name: aws s3 ls lists yours.",
        )
    if code in _DENIED:
        return _explain_denial(address, reader, operation, message)
    if code in _ELSEWHERE:
        return _explain_region(address, response)
    if code == "InvalidObjectState":
        return BadData(
            f"Photos of {address} are archived: S3 must restore them before they can be read.",
            fix=f"aws s3 ls --recursive {address}/ lists them · aws s3api restore-object --bucket "
            f"{address.bucket} --key KEY --restore-request Days=7",
        )
    if code in _THROTTLED:
        return TooManyRequests(
            f"S3 still throttles the requests for {address} ({code}).",
            fix="Run the cell again in some minutes: what was read is kept.",
        )
    return None


def explain_unknown(address: S3Address, response: Any) -> CloudRefused:
    """Return the error for a refusal that nothing else explains."""
    error = response.get("Error", {})
    return CloudRefused(
        f"S3 refuses {address}: {error.get('Code', '')} {error.get('Message', '')}".rstrip(),
        fix=f"aws s3 ls {address}/ shows whether it can be read.",
    )


def _explain_denial(address: S3Address, reader: str, operation: str, message: str) -> NotAllowed:
    """Return the error for a missing permission, with the statements that give it."""
    reading = operation in ("GetObject", "HeadObject")
    named = _NAMED.search(message)
    action = named["action"] if named else "s3:GetObject" if reading else "s3:ListBucket"
    happened = f"{reader} may not read {address}: AWS denies {action}"
    if "explicit deny" in message:
        return NotAllowed(
            f"{happened} explicitly: {' '.join(message.split())}",
            fix="Adding an Allow does not help. Ask the owner of the bucket or the administrator "
            "of the account.",
        )
    bucket = f"arn:aws:s3:::{address.bucket}"
    needed = {"s3:ListBucket": bucket, "s3:GetObject": f"{bucket}/{address.prefix}*"}
    if named and action not in needed:
        needed = {action: named["resource"] or "*"}
    fix = f"Its policy needs {' and '.join(map(_write_statement, needed.items()))}"
    if _OWN_POLICY not in message:
        fix += (
            " · or that of the bucket denies it · or its owner lets requesters pay: aws s3 sync "
            f"--request-payer requester {address} s3://YOURS copies it"
        )
    return NotAllowed(f"{happened} on {address.bucket!r}.", fix=fix)


def _explain_region(address: S3Address, response: Any) -> CloudRefused:
    """Return the error for a bucket of another region to which boto3 was not led on."""
    headers = response.get("ResponseMetadata", {}).get("HTTPHeaders", {})
    found = headers.get("x-amz-bucket-region") or response.get("Error", {}).get("Region")
    where = f"in {found}" if found else "in another region"
    return CloudRefused(
        f"The bucket {address.bucket!r} is {where}, and its requests went to another one.",
        fix="Unset AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL where it is read · aws s3api "
        f"get-bucket-location --bucket {address.bucket} shows its region.",
    )


def _write_statement(needed: tuple[str, str]) -> str:
    action, resource = needed
    return json.dumps({"Effect": "Allow", "Action": action, "Resource": resource})
