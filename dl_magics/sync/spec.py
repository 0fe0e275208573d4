"""The description of a sync."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from dl_magics.ssh.target import SshTarget
from dl_magics.sync.names import printable

BIG = 64 * 2**20


@dataclass(frozen=True, slots=True)
class SyncJob:
    """A local folder `root` and a remote `folder` to synchronize, or only some `names` in them.

    Parameters
    ----------
    names
        Names on the host.
    local_name
        The name of the only file here, where it is another one.
    delete
        The names that may be deleted at the destination.
    replace
        The names at the destination that may be replaced by what is of another type.
    big
        A file of more bytes is transferred separately, and resumes in the middle.
    """

    login: SshTarget
    root: Path
    folder: str
    names: tuple[str, ...] = ()
    local_name: str = ""
    delete: frozenset[bytes] = frozenset()
    replace: frozenset[bytes] = frozenset()
    big: int = BIG

    @property
    def aliases(self) -> Mapping[bytes, bytes]:
        """For a name on the host, the local name that differs from it."""
        if not self.local_name:
            return {}
        return {self.names[0].encode("utf-8", "surrogateescape"): os.fsencode(self.local_name)}

    @property
    def ends(self) -> tuple[str, str]:
        """The local and the remote path, for display."""
        names = ", ".join(self.names)
        local = self.root / (self.local_name or names)
        remote = f"{self.folder}/{names}" if names else self.folder
        return printable(str(local)), printable(f"{self.login.name}:{remote.removeprefix('./')}")
