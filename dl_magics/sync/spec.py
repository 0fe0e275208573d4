"""What goes from where to where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dl_magics.ssh.target import SshTarget

BIG = 64 * 2**20


@dataclass(frozen=True, slots=True)
class SyncJob:
    """A folder here and one there, or some `names` of it; one of them is made like the other.

    `delete` names what may be deleted where it goes to. A file larger than `big` goes by itself,
    and resumes in the middle.
    """

    login: SshTarget
    root: Path
    folder: str
    names: tuple[str, ...] = ()
    delete: frozenset[bytes] = frozenset()
    big: int = BIG

    @property
    def ends(self) -> tuple[str, str]:
        """Return the place here and the place there, as they are shown."""
        names = ", ".join(self.names)
        here = self.root / names if names else self.root
        there = f"{self.folder}/{names}" if names else self.folder
        return str(here), f"{self.login.name}:{there.removeprefix('./')}"


def is_text(name: bytes) -> bool:
    """Whether a name can stand in a command."""
    try:
        name.decode()
    except UnicodeDecodeError:
        return False
    return True
