"""The description of a sync."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dl_magics.ssh.target import SshTarget

BIG = 64 * 2**20


@dataclass(frozen=True, slots=True)
class SyncJob:
    """A local folder `root` and a remote `folder` to synchronize, or only some `names` in them.

    `delete` holds the names that may be deleted at the destination. A file larger than `big` bytes
    is transferred separately, and resumes in the middle.
    """

    login: SshTarget
    root: Path
    folder: str
    names: tuple[str, ...] = ()
    delete: frozenset[bytes] = frozenset()
    big: int = BIG

    @property
    def ends(self) -> tuple[str, str]:
        """The local and the remote path, for display."""
        names = ", ".join(self.names)
        local = self.root / names if names else self.root
        remote = f"{self.folder}/{names}" if names else self.folder
        return str(local), f"{self.login.name}:{remote.removeprefix('./')}"


def is_text(name: bytes) -> bool:
    """Whether a name is valid UTF-8 and can be part of a command."""
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
