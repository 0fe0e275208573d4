"""Two users of one Jupyter server, by token: Ada may do everything, Bob may only look.

`jupyter server` imports this module; `GUEST` is logged in, but may do nothing.
"""

from __future__ import annotations

from typing import Any

from jupyter_server.auth import Authorizer, IdentityProvider, User

ADA, BOB, GUEST = "token-of-ada", "token-of-bob", "token-of-a-guest"
NAMES = {ADA: "ada", BOB: "bob", GUEST: "guest"}


class Users(IdentityProvider):
    """Knows a user by the token of the request; the cookie of a login is Jupyter's own."""

    async def get_user_token(self, handler: Any) -> User | None:
        name = NAMES.get(self.get_token(handler) or "")
        return User(username=name) if name else None


class Permissions(Authorizer):
    """Allows dl_magics to Ada, reading it to Bob, and what is not of dl_magics to all."""

    def is_authorized(self, handler: Any, user: User, action: str, resource: str) -> bool:
        if resource != "dl_magics":
            return True
        return user.username == "ada" or (user.username == "bob" and action == "read")
