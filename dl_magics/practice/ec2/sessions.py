"""Credentials that may call the API: the profile's key, and the sessions that STS issued."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import replace
from datetime import datetime

from dl_magics.practice.ec2.http import ApiCall, ApiResponse, raise_api_error

PART = r"(?<=<{0}>)[^<]+(?=</{0}>)"
KEY, TOKEN, EXPIRATION = (
    re.compile(PART.format(name)) for name in ("AccessKeyId", "SessionToken", "Expiration")
)


class StsSessions:
    """The permanent access key, and the temporary sessions.

    Parameters
    ----------
    key
        The access key id of the profile.
    issued
        Each session's token and its expiry in seconds since the epoch, by access key id.
    """

    def __init__(self, key: str, issued: dict[str, tuple[str, float]]) -> None:
        self._key = key
        self._issued = issued

    def verify_call(self, call: ApiCall) -> None:
        """Raise ApiError unless the call is signed with a known key that has not expired."""
        if call.access_key == self._key:
            return
        token, expires = self._issued.get(call.access_key, ("", 0.0))
        if not token or call.environ.get("HTTP_X_AMZ_SECURITY_TOKEN") != token:
            message = "AWS was not able to validate the provided access credentials"
            raise_api_error("AuthFailure", message, 401)
        if expires < time.time():
            if call.service == "ec2":
                raise_api_error("RequestExpired", "Request has expired.")
            raise_api_error(
                "ExpiredToken", "The security token included in the request is expired", 403
            )

    def issue(self, answer: ApiResponse) -> ApiResponse:
        """Return a response of STS with a random key and token in place of moto's fixed ones."""
        text = answer.body.decode()
        expires = EXPIRATION.search(text)
        if not TOKEN.search(text) or not expires:
            return answer
        key, token = f"ASIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(90)
        self._issued[key] = token, datetime.fromisoformat(expires[0]).timestamp()
        text = TOKEN.sub(token, KEY.sub(key, text))
        return replace(answer, body=text.encode())
