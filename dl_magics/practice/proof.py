"""How the practice cloud and its commands prove that they know its secret, without sending it.

Both sides read the secret from a file that only its owner may read. A command and its response
each carry an HMAC over the port, the command, a nonce and the body: what was recorded at one port
or for one command proves nothing elsewhere.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field

NONCE_HEADER, PROOF_HEADER = "X-Practice-Nonce", "X-Practice-Proof"


def create_secret() -> str:
    """Return a new secret."""
    return secrets.token_hex(32)


def create_nonce() -> str:
    """Return a number that is used once."""
    return secrets.token_hex(16)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One command to the practice cloud at this port, and its response."""

    secret: str = field(repr=False)
    port: int
    command: str
    nonce: str

    def prove_request(self, body: bytes) -> str:
        """Return the proof of a command with this body."""
        return self._prove("request", body)

    def prove_response(self, body: bytes) -> str:
        """Return the proof of a response with this body."""
        return self._prove("response", body)

    def _prove(self, direction: str, body: bytes) -> str:
        head = f"{direction}\n{self.port}\n{self.command}\n{self.nonce}\n".encode()
        return hmac.new(self.secret.encode(), head + body, hashlib.sha256).hexdigest()


def is_equal(proof: str | None, expected: str) -> bool:
    """Return whether two proofs are equal, in a time that does not depend on them."""
    return hmac.compare_digest((proof or "").encode(), expected.encode())
