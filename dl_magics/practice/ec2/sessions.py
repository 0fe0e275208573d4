"""The access keys that may call the API: the profile's key, and those that STS issued."""

from __future__ import annotations

import re
import secrets
from dataclasses import replace
from datetime import datetime

from dl_magics.practice.ec2.http import ApiCall, ApiResponse
from dl_magics.practice.ec2.signature import AccessKey, verify

PART = r"(?<=<{0}>)[^<]+(?=</{0}>)"
KEY, SECRET, TOKEN, EXPIRATION = (
    re.compile(PART.format(name))
    for name in ("AccessKeyId", "SecretAccessKey", "SessionToken", "Expiration")
)


class StsSessions:
    """The permanent access key, and the temporary ones.

    Parameters
    ----------
    key
        The access key of the profile.
    issued
        Each temporary key by its id.
    """

    def __init__(self, key: AccessKey, issued: dict[str, AccessKey]) -> None:
        self._key = key
        self._issued = issued

    def verify_call(self, call: ApiCall) -> None:
        """Raise ApiError unless the call is signed with a known key that has not expired."""
        own = call.access_key == self._key.id
        verify(call, self._key if own else self._issued.get(call.access_key))

    def issue(self, answer: ApiResponse) -> ApiResponse:
        """Return a response of STS with a random key and token in place of moto's fixed ones."""
        text = answer.body.decode()
        expires = EXPIRATION.search(text)
        if not TOKEN.search(text) or not expires:
            return answer
        key = AccessKey(
            id=f"ASIA{secrets.token_hex(8).upper()}",
            secret=secrets.token_urlsafe(30),
            token=secrets.token_urlsafe(90),
            expires=datetime.fromisoformat(expires[0]).timestamp(),
        )
        self._issued[key.id] = key
        text = TOKEN.sub(key.token, SECRET.sub(key.secret, KEY.sub(key.id, text)))
        return replace(answer, body=text.encode())
