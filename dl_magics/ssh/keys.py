"""Private keys: the ed25519 key pairs of dl_magics, and the key files of the user.

The passphrase of an encrypted key file is kept in the memory of this process only.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dl_magics.errors import BadSetting, LoginRefused, NoSuchFile
from dl_magics.store import lock, paths

_passphrases: dict[str, str] = {}


class PassphraseRequired(LoginRefused):
    """The host accepts a key whose file, `key_file`, is encrypted."""

    def __init__(self, happened: str, *, fix: str, key_file: str = "") -> None:
        super().__init__(happened, fix=fix)
        self.key_file = key_file


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

    file = key_file(name)
    with lock.hold("keys"):
        if not file.exists():
            key = asyncssh.generate_private_key("ssh-ed25519", comment="dl_magics")
            paths.replace_file(file, key.export_private_key("openssh").decode())
        key = asyncssh.read_private_key(file)
    public = key.export_public_key("openssh").decode()
    return KeyPair(file, " ".join(public.split()[:2]))


def find_key_pair(name: str) -> KeyPair | None:
    """Return the key pair of this name, or None if it does not exist."""
    return ensure_key_pair(name) if key_file(name).exists() else None


def key_file(name: str) -> Path:
    """Return the path of the private key of this name, which may not exist."""
    return paths.data_folder("keys") / name


def delete_key_pair(name: str) -> None:
    """Delete a key pair that is no longer used."""
    with paths.reporting_failure(key_file(name)):
        key_file(name).unlink(missing_ok=True)


def check_private_key(file: Path) -> Path:
    """Return the path of a key file that the user named.

    Raises
    ------
    NoSuchFile, BadSetting
        if there is no such file, or it holds neither a private nor a public key.
    """
    if not file.is_file():
        raise NoSuchFile(
            f"There is no private key file '{file}'.", fix="Name it with --identity KEY."
        )
    if not is_private_key(file) and not read_public_data(file):
        raise BadSetting(
            f"'{file}' is not a private key that can be read.",
            fix="--identity KEY names a private key file, such as ~/.ssh/id_ed25519.",
        )
    return file


def is_private_key(file: Path) -> bool:
    """Return whether a file holds a private key, encrypted or not."""
    import asyncssh

    try:
        asyncssh.read_private_key(file)
    except asyncssh.KeyImportError as error:
        return str(error).startswith("Passphrase")
    except (OSError, ValueError):
        return False
    return True


def read_public_data(file: Path) -> bytes:
    """Return the public key of a key file, or of the file beside it; b"" if neither has one."""
    import asyncssh

    for path in (file.with_name(f"{file.name}.pub"), file):
        try:
            return bytes(asyncssh.read_public_key(path).public_data)
        except (OSError, ValueError):
            continue
    try:
        return bytes(asyncssh.read_private_key(file).public_data)
    except (OSError, ValueError):
        return b""


def known_passphrase(file: str) -> str | None:
    """Return the passphrase of an encrypted key file if it was entered in this process."""
    return _passphrases.get(file)


def remember_passphrase(file: Path, passphrase: str) -> None:
    """Check the passphrase of a key file and keep it until this process ends.

    Raises
    ------
    BadSetting
        if it does not decrypt the file.
    """
    import asyncssh

    try:
        asyncssh.read_private_key(file, passphrase)
    except (OSError, ValueError) as error:
        raise BadSetting(
            f"The passphrase does not decrypt '{file}': {error}",
            fix=f"Enter it again, or add the key to your ssh-agent: ssh-add {file}",
        ) from error
    _passphrases[str(file)] = passphrase
