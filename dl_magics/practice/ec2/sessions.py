"""Who may call the practice cloud: the profile's key, and the sessions that STS gave to it."""

from __future__ import annotations

import re
import secrets
import time
from dataclasses import replace
from datetime import datetime

from dl_magics.practice.ec2.http import Answer, Call, refuse

PART = r"(?<=<{0}>)[^<]+(?=</{0}>)"
KEY, TOKEN, EXPIRATION = (
    re.compile(PART.format(name)) for name in ("AccessKeyId", "SessionToken", "Expiration")
)


class Sessions:
    """The key that never expires, and by their keys the sessions that do.

    Parameters
    ----------
    given
        A session's token and the second at which it expires, by its key.
    """

    def __init__(self, key: str, given: dict[str, tuple[str, float]]) -> None:
        self._key = key
        self._given = given

    def check(self, call: Call) -> None:
        """Refuse a call that is signed with no key of ours, or with one that has expired."""
        if call.key == self._key:
            return
        token, expires = self._given.get(call.key, ("", 0.0))
        if not token or call.environ.get("HTTP_X_AMZ_SECURITY_TOKEN") != token:
            said = "AWS was not able to validate the provided access credentials"
            refuse("AuthFailure", said, 401)
        if expires < time.time():
            if call.service == "ec2":
                refuse("RequestExpired", "Request has expired.")
            refuse("ExpiredToken", "The security token included in the request is expired", 403)

    def give(self, answer: Answer) -> Answer:
        """Return an answer of STS with a key and a token that nobody can guess."""
        text = answer.body.decode()
        expires = EXPIRATION.search(text)
        if not TOKEN.search(text) or not expires:
            return answer
        key, token = f"ASIA{secrets.token_hex(8).upper()}", secrets.token_urlsafe(90)
        self._given[key] = token, datetime.fromisoformat(expires[0]).timestamp()
        text = TOKEN.sub(token, KEY.sub(key, text))
        return replace(answer, body=text.encode())
