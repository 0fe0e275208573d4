"""Which remote host a run trains on: two small files that lead back to it.

`remote_origin.json` lies in the run's folder on this computer, `kernel.json` in its folder on the
host, for a computer that did not start the run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from dl_magics.errors import DamagedRun
from dl_magics.store import atomic
from dl_magics.text import escape_controls

FILE_NAME = "remote_origin.json"
KERNEL_FILE_NAME = "kernel.json"
KERNEL_FILE_BYTES = 2**16
"""The largest `kernel.json`."""

_TEXTS_OF_HOST = ("python", "activate", "kernel_folder", "msg_id", "run_folder")
_LONGEST_TEXT = 4096
_MOST_ENTRIES = 2**53


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
    model_sha256
        The model that was loaded for its check, "" before.
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
    model_sha256: str = ""


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


def adopt(folder: Path, host: Mapping[str, Any], run_folder: str) -> None:
    """Turn the `kernel.json` fetched from a host into the origin of the run in this folder.

    The host may say how its own GPU kernel is found, and no more: `host` and `run_folder` are what
    this computer knows.

    Raises DamagedRun where `kernel.json` cannot be read, or says anything else.
    """
    try:
        values = json.loads((folder / KERNEL_FILE_NAME).read_text(encoding="utf-8"))
        save(folder, RemoteOrigin(host=host, **_check_kernel_file(values, run_folder)))
    except (ValueError, RecursionError) as error:
        raise DamagedRun(
            f"{KERNEL_FILE_NAME} of the run {folder.name} on {host['name']} cannot be read: "
            f"{error}",
            fix=f"Fetch its files instead: %sync down {run_folder}",
        ) from error


def _check_kernel_file(values: Any, run_folder: str) -> dict[str, Any]:
    if not isinstance(values, dict) or set(values) != {*_TEXTS_OF_HOST, "since"}:
        raise ValueError(f"it must have {', '.join(_TEXTS_OF_HOST)} and since")
    for name in _TEXTS_OF_HOST:
        value = values[name]
        if not isinstance(value, str) or len(value) > _LONGEST_TEXT:
            raise ValueError(f"{name} must be text of up to {_LONGEST_TEXT:,} characters")
        if value != escape_controls(value):
            raise ValueError(f"{name} has a control character: {value!r:.60}")
    if values["run_folder"] != run_folder:
        raise ValueError(f"run_folder must be {run_folder}, not {values['run_folder']:.60}")
    since = values["since"]
    if type(since) is not int or not 0 <= since <= _MOST_ENTRIES:
        raise ValueError(f"since must be a number from 0, not {since!r:.60}")
    return values


def mark_kernel_died(folder: Path) -> None:
    """Remember that the GPU kernel of the run in this folder has ended; its log may be there."""
    origin = load(folder)
    if origin and not origin.is_complete:
        save(folder, replace(origin, kernel_died=True))


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
