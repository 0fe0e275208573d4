"""Which remote host a run trains on: two small files that lead back to it.

`remote_origin.json` lies in the run's folder on this computer, `kernel.json` in its folder on the
host, for a computer that did not start the run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dl_magics.errors import DamagedRun
from dl_magics.store import atomic

FILE_NAME = "remote_origin.json"
KERNEL_FILE_NAME = "kernel.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteOrigin:
    """The host, the GPU kernel and the request that a run comes from.

    Parameters
    ----------
    host
        The SSH host, as plain values.
    python, activate
        The interpreter of the GPU kernel, and the command that activates its environment.
    kernel_folder
        The folder of the GPU kernel's agent on the host, `~/.dlm/…`.
    msg_id
        The id of the request that trains; the events of the run are its messages.
    since
        The number of the last entry in the kernel's journal before that request.
    run_folder
        The run's folder on the host, relative to the home folder.
    kernel_died
        The GPU kernel ended before the run did.
    is_complete
        All events have been copied to this computer.
    """

    host: Mapping[str, Any]
    python: str
    activate: str
    kernel_folder: str
    msg_id: str
    since: int
    run_folder: str
    kernel_died: bool = False
    is_complete: bool = False


def load(folder: Path) -> RemoteOrigin | None:
    """Return where the run in this folder trains; None for a run of this computer.

    Raises DamagedRun where the file cannot be read.
    """
    path = folder / FILE_NAME
    try:
        return RemoteOrigin(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError) as error:
        raise DamagedRun(
            f"{path} cannot be read: {error}",
            fix="Move the folder of this run away; the other runs are not affected.",
        ) from error


def save(folder: Path, origin: RemoteOrigin) -> None:
    """Write where the run in this folder trains."""
    _write(folder / FILE_NAME, asdict(origin))


def save_on_host(folder: Path, values: Mapping[str, Any]) -> None:
    """Write `kernel.json` on the host: the fields of a RemoteOrigin, except `host`."""
    _write(folder / KERNEL_FILE_NAME, values)


def adopt(folder: Path, host: Mapping[str, Any]) -> None:
    """Turn the `kernel.json` fetched from a host into the origin of the run in this folder.

    Raises DamagedRun where `kernel.json` cannot be read.
    """
    try:
        values = json.loads((folder / KERNEL_FILE_NAME).read_text(encoding="utf-8"))
        save(folder, RemoteOrigin(host=host, **values))
    except (ValueError, TypeError) as error:
        raise DamagedRun(
            f"{KERNEL_FILE_NAME} of the run {folder.name} on {host['name']} cannot be read: "
            f"{error}",
            fix=f"Fetch its files instead: %sync down .dl_magics/runs/{folder.name}",
        ) from error


def is_running(folder: Path) -> bool:
    """Return whether the run trains on a remote host, as far as this computer knows."""
    try:
        origin = load(folder)
    except (DamagedRun, OSError):
        return False
    return origin is not None and not (origin.is_complete or origin.kernel_died)


def is_complete(folder: Path) -> bool:
    """Return whether all events of a remote run were copied to this computer."""
    origin = load(folder)
    return origin is None or origin.is_complete


def _write(path: Path, values: Mapping[str, Any]) -> None:
    atomic.replace(path, json.dumps(values, indent=2) + "\n")
