"""Our own folder: runs, features, weights, what a person chose, the ledger of what we made."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from dl_magics.errors import DamagedFile, DLMagicsError, NoFolder

_VERSION = 1


def folder(room: str = "") -> Path:
    """Return our folder, or a `room` in it; make it if it is not there.

    It is `$DL_MAGICS_HOME`, else `dl_magics` in Jupyter's data folder.
    """
    named = os.environ.get("DL_MAGICS_HOME")
    home = Path(named).expanduser() if named else jupyter_data() / "dl_magics"
    room_folder = home / room
    try:
        room_folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NoFolder(
            f"Our folder {room_folder} cannot be made: {error.strerror}.",
            fix="Set DL_MAGICS_HOME to a folder that you may write to, then restart the kernel.",
        ) from error
    return room_folder


def choices() -> dict[str, Any]:
    """Return what the person chose; a damaged file is set aside and said once."""
    path = folder() / "choices.json"
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        raise _set_aside(path) from error
    if not isinstance(read, dict):
        raise _set_aside(path)
    if read.get("version", _VERSION) > _VERSION:
        raise DamagedFile(
            f"{path} was written by a newer dl_magics (version {read['version']}).",
            fix="%pip install -U dl-magics",
        )
    return {key: value for key, value in read.items() if key != "version"}


def choose(**changes: Any) -> dict[str, Any]:
    """Change some choices in one step and return all; None takes a choice back."""
    with locked("choices"):
        after = {**choices(), **changes}
        kept = {key: value for key, value in after.items() if value is not None}
        replace(folder() / "choices.json", json.dumps({"version": _VERSION, **kept}, indent=2))
    return kept


def note(**entry: Any) -> None:
    """Add one line to the ledger of what we made and gave back."""
    line = json.dumps(entry, ensure_ascii=False) + "\n"
    with locked("ledger"), _ledger().open("a+b") as file:
        file.seek(0, os.SEEK_END)
        if file.tell() and _last_byte() != b"\n":
            file.write(b"\n")
        file.write(line.encode())
        file.flush()
        os.fsync(file.fileno())


def ledger() -> list[dict[str, Any]]:
    """Return the ledger's whole lines, oldest first; a torn line is left out."""
    if not _ledger().exists():
        return []
    lines = _ledger().read_text(encoding="utf-8", errors="replace").splitlines()
    return [entry for line in lines if (entry := _entry(line)) is not None]


def replace(path: Path, text: str, *, mode: int = 0o600) -> None:
    """Put `text` into a file in one step: a reader sees the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)


def jupyter_data() -> Path:
    """Return Jupyter's own data folder of this person."""
    from jupyter_core.paths import jupyter_data_dir

    return Path(jupyter_data_dir())


@contextmanager
def locked(name: str, otherwise: DLMagicsError | None = None) -> Iterator[None]:
    """Let one process at a time go on; the lock ends with its process.

    Where another one has it this waits, or raises `otherwise`.
    """
    from filelock import FileLock, Timeout

    lock = FileLock(folder("locks") / f"{name}.lock", timeout=0 if otherwise else -1)
    try:
        lock.acquire()
    except Timeout:
        assert otherwise
        raise otherwise from None
    try:
        yield
    finally:
        lock.release()


def _set_aside(path: Path) -> DamagedFile:
    aside = path.with_name(f"choices.damaged-{datetime.now():%Y%m%d-%H%M%S-%f}.json")
    path.replace(aside)
    return DamagedFile(
        f"{path.name} could not be read; it now lies at {aside}.",
        fix="Run the cell again: it begins with no choices. %aws_get NAME chooses your instance.",
    )


def _ledger() -> Path:
    return folder() / "ledger.jsonl"


def _last_byte() -> bytes:
    with _ledger().open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1)


def _entry(line: str) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None
