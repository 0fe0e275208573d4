"""The access keys that may call the API: the profile's key, and those that STS issued."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import replace
from datetime import datetime

from dl_magics.practice.ec2.http import ApiCall, ApiResponse
from dl_magics.practice.ec2.signature import AccessKey, verify

FORGOTTEN = 86_400
"""Seconds after which an expired key is not known any more."""

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

    def verify_call(self, call: ApiCall) -> AccessKey:
        """Return the known key that a call is signed with; raise ApiError if it is not valid."""
        own = call.access_key == self._key.id
        return verify(call, self._key if own else self._issued.get(call.access_key))

    def add_key(self, key: AccessKey) -> None:
        """Accept calls that are signed with a temporary key."""
        now = time.time()
        for id_ in [id_ for id_, each in self._issued.items() if each.expires < now - FORGOTTEN]:
            del self._issued[id_]
        self._issued[key.id] = key

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
        self.add_key(key)
        text = TOKEN.sub(key.token, SECRET.sub(key.secret, KEY.sub(key.id, text)))
        return replace(answer, body=text.encode())
