"""Outages of the links to GPU kernels: the kernel that holds a link notes them, servers read them.

A file for each GPU kernel whose link is lost, or has just come back.
"""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from dl_magics.errors import DLMagicsError
from dl_magics.store import atomic, notebook_session, paths


@dataclass(frozen=True, slots=True, kw_only=True)
class Outage:
    """A link that is lost since a time, in seconds since the epoch; `ended_at` once it is back.

    `session` and `notebook` are the name and the title of the notebook that holds the link.
    """

    kernel_id: str
    host: str
    session: str
    notebook: str
    since: float = 0.0
    why: str = ""
    ended_at: float | None = None


def store(outage: Outage) -> None:
    """Store an outage; a disk that is full or read-only never fails the link itself."""
    with suppress(OSError, DLMagicsError):
        atomic.replace(_path(outage.kernel_id), json.dumps(asdict(outage)))


def forget(kernel_id: str) -> None:
    """Forget the outage of a link, if there is one."""
    with suppress(OSError, DLMagicsError):
        _path(kernel_id).unlink()


def list_outages() -> list[Outage]:
    """Return the outages; those of notebooks that have ended are forgotten."""
    found = []
    for path in sorted(paths.data_folder("links").glob("*.json")):
        outage = _read(path)
        if outage and notebook_session.is_running(outage.session):
            found.append(outage)
        elif outage:
            forget(outage.kernel_id)
    return found


def _path(kernel_id: str) -> Path:
    return paths.data_folder("links") / f"{kernel_id}.json"


def _read(path: Path) -> Outage | None:
    try:
        return Outage(**json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
