"""The guard's settings: its limits, and where it looks. One process at a time changes the file.

Without its hard end an instance could run for ever. Where the file is damaged, the settings count
that the guard used at its last look: it writes them down with its state.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, Callable, Iterator

from .files import FILE_MODE, read_json, replace_file

FILE_NAME = "settings.json"
STATE_FILE = "state.json"
LOCK_FILE = "settings.lock"


@dataclass(frozen=True)
class Settings:
    """The content of the settings file.

    Parameters
    ----------
    idle_seconds, max_seconds
        The idle time, and the longest time from a boot on; None stands for never.
    until, until_epoch
        A hard end as a time of the boot clock of `until_boot`; after another boot, as an epoch.
    notice_until
        The time of the boot clock of `notice_boot` before which a longest time that was set during
        that boot does not stop the instance: a person can still be warned.
    keep_until
        The time of the boot clock of `keep_boot` until which the instance is kept.
    tick_seconds
        The seconds between two looks.
    agents, runs
        Patterns of the folders of our kernels and of the logs of training runs.
    checkpoint_name
        The file in the folder of a run that asks it to save a checkpoint.
    cpu_file, network_file, boot_file, terminal_folder
        Where the system tells its CPU times, its network traffic, its boot id and its terminals.
    """

    idle_seconds: float | None = 1800.0
    warning_seconds: float = 300.0
    hung_seconds: float = 3600.0
    max_seconds: float | None = None
    until: float | None = None
    until_boot: str = ""
    until_epoch: float | None = None
    notice_until: float = 0.0
    notice_boot: str = ""
    keep_until: float = 0.0
    keep_boot: str = ""
    tick_seconds: float = 20.0
    agents: tuple[str, ...] = ()
    runs: tuple[str, ...] = ()
    checkpoint_name: str = ""
    cpu_file: str = "/proc/stat"
    network_file: str = "/proc/net/dev"
    boot_file: str = "/proc/sys/kernel/random/boot_id"
    terminal_folder: str = "/dev/pts"

    @classmethod
    def from_values(cls, values: dict[str, Any]) -> Settings:
        """Return the settings of these values; one that is not valid keeps its default."""
        valid = {each.name: each for each in fields(cls)}
        taken: dict[str, Any] = {}
        for name, value in values.items():
            if name in valid and _fits(valid[name].default, value, name in _OPTIONAL):
                taken[name] = tuple(value) if isinstance(value, list) else value
        return cls(**taken)


_OPTIONAL = ("idle_seconds", "max_seconds", "until", "until_epoch")


def read_settings(folder: Path, otherwise: Settings | None = None) -> Settings:
    """Return the settings of a folder.

    Where neither its file nor its state has any, they are `otherwise`, or the defaults, which stop
    an idle instance.
    """
    values = _read_values(folder)
    return Settings.from_values(values) if values or not otherwise else otherwise


def is_damaged(folder: Path) -> bool:
    """Whether the settings file is missing or cannot be read."""
    return not read_json(folder / FILE_NAME)


def update_settings(folder: Path, change: Callable[[dict[str, Any]], Settings]) -> None:
    """Write the settings that `change` returns for the values that are known; {} if none are."""
    with _hold_lock(folder / LOCK_FILE):
        settings = change(_read_values(folder))
        content = json.dumps(asdict(settings)).encode()
        # At the start of a guard there may be no space on the disk, and nothing to change.
        if content != _read_bytes(folder / FILE_NAME):
            replace_file(folder / FILE_NAME, content, sync=True)


def adopt_until(settings: Settings, boot_id: str, now: float) -> Settings:
    """After another boot, turn a hard end that lies ahead into a time of this boot's clock.

    `now` is its present time. At the first boot an end that has passed since the launch holds, too.
    """
    if settings.until_epoch is None or settings.until_boot == boot_id:
        return settings
    left = settings.until_epoch - time.time()
    holds = left > 0 or not settings.until_boot
    until = now + max(left, 0.0) if holds else None
    epoch = settings.until_epoch if holds else None
    return replace(settings, until=until, until_boot=boot_id, until_epoch=epoch)


def _fits(default: Any, value: Any, optional: bool) -> bool:
    if optional:
        return value is None or _is_positive(value)
    if isinstance(default, str):
        return isinstance(value, str)
    if isinstance(default, tuple):
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    return _is_positive(value) or value == default


def _is_positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e12


def _read_values(folder: Path) -> dict[str, Any]:
    values = read_json(folder / FILE_NAME) or read_json(folder / STATE_FILE).get("settings")
    return values if isinstance(values, dict) else {}


def _read_bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@contextlib.contextmanager
def _hold_lock(path: Path) -> Iterator[None]:
    """Hold a lock between processes; a process that ends releases it."""
    import fcntl  # only here: the settings of a launch are also made where it does not exist

    flags = os.O_CREAT | os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
    number = os.open(str(path), flags, FILE_MODE)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)
