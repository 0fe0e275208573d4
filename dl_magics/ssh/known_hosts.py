"""The known_hosts file of dl_magics: host keys pinned by instance id, never by address."""

from __future__ import annotations

from pathlib import Path

from dl_magics.store import lock, paths

TEMPORARY = "temporary"


def path() -> Path:
    """Return the path of the file; OpenSSH can read it too."""
    return paths.data_folder() / "known_hosts"


def pin_keys(alias: str, *public_keys: str, temporary: bool = False) -> None:
    """Pin these public keys, and no others, for a host."""
    with lock.hold("known_hosts"):
        others = [line for line in _lines() if line.split()[0] != alias]
        mark = f" {TEMPORARY}" if temporary else ""
        ours = [f"{alias} {' '.join(key.split()[:2])}{mark}" for key in public_keys]
        paths.replace_file(path(), "".join(f"{line}\n" for line in [*others, *ours]))


def forget_host(alias: str) -> None:
    """Remove the keys of a host, such as a terminated instance."""
    pin_keys(alias)


def pinned_lines(alias: str) -> list[str]:
    """Return the lines of a host."""
    return [line for line in _lines() if line.split()[0] == alias]


def is_temporary(alias: str) -> bool:
    """Return whether the pinned key was in the user data and is yet to be replaced."""
    return any(line.endswith(f" {TEMPORARY}") for line in pinned_lines(alias))


def _lines() -> list[str]:
    if not path().exists():
        return []
    return [line for line in path().read_text(encoding="utf-8").splitlines() if line.strip()]
