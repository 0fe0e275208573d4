"""ed25519 key pairs: the one to log in with, and the first host key of an instance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dl_magics.store import atomic, lock, paths


@dataclass(frozen=True, slots=True)
class KeyPair:
    """An ed25519 key pair; the private key is in a file that only its owner may read."""

    file: Path
    public: str

    @property
    def private(self) -> str:
        return self.file.read_text(encoding="utf-8")

    @property
    def short(self) -> str:
        """The first 8 hex digits of the SHA-256 of the public key, for use in names."""
        import hashlib

        return hashlib.sha256(self.public.encode()).hexdigest()[:8]


def ensure_key_pair(name: str) -> KeyPair:
    """Return the key pair of this name; generate it if it does not exist."""
    import asyncssh

    file = paths.data_folder("keys") / name
    with lock.hold("keys"):
        if not file.exists():
            key = asyncssh.generate_private_key("ssh-ed25519", comment="dl_magics")
            atomic.replace(file, key.export_private_key("openssh").decode())
        key = asyncssh.read_private_key(file)
    public = key.export_public_key("openssh").decode()
    return KeyPair(file, " ".join(public.split()[:2]))


def delete_key_pair(name: str) -> None:
    """Delete a key pair that is no longer used."""
    (paths.data_folder("keys") / name).unlink(missing_ok=True)
